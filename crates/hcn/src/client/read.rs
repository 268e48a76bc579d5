//! Objects, read.

use super::{Call, Error, Hns, Operation};
use crate::document::read_value;
use crate::{DocumentError, Door, Endpoint, EndpointState, ErrorCode, Guid, Kind, Members, Network, document, v1, v2};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects that could be read, and why the others could not.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    /// The objects, in the order that HNS gives them.
    pub objects: Vec<T>,
    /// One error for each object that is there and could not be read; [`Error::id`] tells which.
    pub failures: Vec<Error>,
}

/// What both doors have documents of.
trait Object: Sized + Send + 'static {
    const KIND: Kind;
    /// Where V1 lists them.
    const PATH: &str;
    type V1: DeserializeOwned;
    type V2: DeserializeOwned;
    fn from_v1(document: &Self::V1) -> Result<Self, DocumentError>;
    fn from_v2(document: &Self::V2) -> Result<Self, DocumentError>;
}

impl Object for Network {
    const KIND: Kind = Kind::Network;
    const PATH: &str = "/networks/";
    type V1 = v1::Network;
    type V2 = v2::Network;

    fn from_v1(document: &Self::V1) -> Result<Self, DocumentError> {
        Self::from_v1(document)
    }

    fn from_v2(document: &Self::V2) -> Result<Self, DocumentError> {
        Self::from_v2(document)
    }
}

impl Object for Endpoint {
    const KIND: Kind = Kind::Endpoint;
    const PATH: &str = "/endpoints/";
    type V1 = v1::Endpoint;
    type V2 = v2::Endpoint;

    fn from_v1(document: &Self::V1) -> Result<Self, DocumentError> {
        Self::from_v1(document)
    }

    fn from_v2(document: &Self::V2) -> Result<Self, DocumentError> {
        Self::from_v2(document)
    }
}

impl Hns {
    /// Every network. One that V2 can't put in words \[FIELD\] is read through V1.
    ///
    /// # Errors
    /// Where HNS lists nothing, or stops answering.
    pub fn networks(&self) -> Result<Listing<Network>, Error> {
        self.list()
    }

    /// Every endpoint. Where documents tell no state, HNS is asked which endpoints are attached; others stay without one.
    ///
    /// # Errors
    /// Where HNS lists nothing, or stops answering.
    pub fn endpoints(&self) -> Result<Listing<Endpoint>, Error> {
        let mut listing = self.list()?;
        if self.door == Door::V2 {
            self.find_states(&mut listing.objects);
        }
        Ok(listing)
    }

    /// One network.
    ///
    /// # Errors
    /// Where it is not there, or can't be read.
    pub fn network(&self, id: Guid) -> Result<Network, Error> {
        self.one(id)
    }

    /// One endpoint; its state only where the document tells it.
    ///
    /// # Errors
    /// Where it is not there, or can't be read.
    pub fn endpoint(&self, id: Guid) -> Result<Endpoint, Error> {
        self.one(id)
    }

    fn list<T: Object>(&self) -> Result<Listing<T>, Error> {
        let mut listing = Listing { objects: Vec::new(), failures: Vec::new() };
        let each: Vec<Result<T, Error>> = match self.door {
            Door::V1 => self.list_v1()?,
            Door::V2 => self.list_v2()?,
        };
        for object in each {
            match object {
                Ok(object) => listing.objects.push(object),
                // It went while the others were read.
                Err(error) if error.is_not_found() => {}
                Err(error) => listing.failures.push(error),
            }
        }
        Ok(listing)
    }

    /// V1 gives all documents at once.
    fn list_v1<T: Object>(&self) -> Result<Vec<Result<T, Error>>, Error> {
        let call = Call::list(Door::V1, T::KIND);
        let output = self.ask_v1(call, "GET", T::PATH.into(), String::new())?;
        let documents: Option<Vec<Value>> = read_value(output).map_err(|error| Error::Document { call, error })?;
        let read = |document: Value| {
            let id = document.get("ID").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let call = Call { operation: Operation::Read, id, ..call };
            read_value(document)
                .and_then(|document| T::from_v1(&document))
                .map_err(|error| Error::Document { call, error })
        };
        Ok(documents.unwrap_or_default().into_iter().map(read).collect())
    }

    /// V2 gives ids, then a document for each.
    fn list_v2<T: Object>(&self) -> Result<Vec<Result<T, Error>>, Error> {
        let mut objects = Vec::new();
        for id in self.enumerate(T::KIND, None)? {
            match self.one(id) {
                Err(error) if error.is_of_all() => return Err(error),
                object => objects.push(object),
            }
        }
        Ok(objects)
    }

    fn enumerate(&self, kind: Kind, filter: Option<&Members>) -> Result<Vec<Guid>, Error> {
        let query = v2::query(filter);
        self.run(Call::list(Door::V2, kind), move |service| {
            let ids: Option<Vec<Guid>> = document::read(&service.enumerate(kind, &query)?)?;
            Ok(ids.unwrap_or_default())
        })
    }

    fn one<T: Object>(&self, id: Guid) -> Result<T, Error> {
        match self.door {
            Door::V1 => self.one_v1(id),
            Door::V2 => match self.one_v2(id) {
                Err(error) if T::KIND == Kind::Network && error.code() == Some(ErrorCode::INVALID_JSON) => {
                    self.one_v1(id)
                }
                object => object,
            },
        }
    }

    fn one_v1<T: Object>(&self, id: Guid) -> Result<T, Error> {
        let call = Call::one(Operation::Read, Door::V1, T::KIND, id);
        let output = self.ask_v1(call, "GET", format!("{}{id:#}", T::PATH), String::new())?;
        let object = read_value(output).and_then(|document| T::from_v1(&document));
        object.map_err(|error| Error::Document { call, error })
    }

    fn one_v2<T: Object>(&self, id: Guid) -> Result<T, Error> {
        self.run(Call::one(Operation::Read, Door::V2, T::KIND, id), move |service| {
            let text = service.query(T::KIND, id, &v2::query(None))?;
            Ok(document::read(&text).and_then(|document| T::from_v2(&document))?)
        })
    }

    /// The filter of a query names states though documents of V2 have none \[SRC\]. An HNS that takes no such filter leaves the states open.
    fn find_states(&self, endpoints: &mut [Endpoint]) {
        for state in [EndpointState::Attached, EndpointState::AttachedSharing] {
            if endpoints.iter().all(|endpoint| endpoint.state.is_some()) {
                return;
            }
            let filter = Members::from_iter([("State".to_string(), Value::from(state.number()))]);
            let ids: BTreeSet<Guid> =
                self.enumerate(Kind::Endpoint, Some(&filter)).unwrap_or_default().into_iter().collect();
            for endpoint in
                endpoints.iter_mut().filter(|endpoint| endpoint.state.is_none() && ids.contains(&endpoint.id))
            {
                endpoint.state = Some(state);
            }
        }
    }
}
