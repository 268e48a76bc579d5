//! Objects, changed.

use super::{Call, Error, Hns, Operation};
use crate::document::{self, write};
use crate::v2::{Request, RequestType};
use crate::{Door, Guid, Kind, Members, Policy, PolicyError, RawPolicy, v2};
use serde_json::json;

/// What V1 lacks.
const V2_ALONE: &str = "the V2 API: HNS 9.2, and V1 not forced";

impl Hns {
    /// Puts these ACLs in the place of all that an endpoint has; policies of other types stay.
    ///
    /// V1: one request with the whole list, which replaces the ACLs alone \[SRC\]. V2: the policies are read, and one Update is sent with those of other types
    /// first, as HNS wants them \[SRC\]; whether Update replaces all types or the sent ones alone is \[UNK\], and so makes no difference. A policy of another type
    /// that someone adds between the reading and the Update is lost.
    ///
    /// Writing what is there already may still reset connections \[FIELD\]: compare first.
    ///
    /// # Errors
    /// A policy that is no ACL, or can't be expressed: then nothing is asked. Else as HNS answers.
    pub fn replace_acls(&self, endpoint: Guid, acls: &[Policy]) -> Result<(), Error> {
        let call = Call::one(Operation::Modify, self.door, Kind::Endpoint, endpoint);
        for (index, policy) in acls.iter().enumerate() {
            if let Policy::Other(raw) = policy
                && !raw.is_acl()
            {
                let error = PolicyError::NoAcl { kind: raw.kind().into() };
                return Err(Error::Policy { call, index, error: Box::new(error) });
            }
        }
        let acls = self.documents(call, acls)?;
        match self.door {
            Door::V1 => {
                let body = json!({ "ID": format!("{endpoint:#}"), "Policies": acls }).to_string();
                self.ask_v1(call, "POST", format!("/endpoints/{endpoint:#}"), body).map(drop)
            }
            Door::V2 => {
                let mut policies = self.other_policies(endpoint)?;
                policies.extend(acls);
                self.modify(Kind::Endpoint, endpoint, RequestType::Update, policies)
            }
        }
    }

    /// Adds policies to those that an endpoint has. V2 alone.
    ///
    /// # Errors
    /// A policy that can't be expressed: then nothing is asked. Else as HNS answers.
    pub fn add_policies(&self, endpoint: Guid, policies: &[Policy]) -> Result<(), Error> {
        self.change(Kind::Endpoint, endpoint, RequestType::Add, policies)
    }

    /// Takes policies from those that an endpoint has. What counts as the same policy is \[UNK\]: read the endpoint after. V2 alone.
    ///
    /// # Errors
    /// A policy that can't be expressed: then nothing is asked. Else as HNS answers.
    pub fn remove_policies(&self, endpoint: Guid, policies: &[Policy]) -> Result<(), Error> {
        self.change(Kind::Endpoint, endpoint, RequestType::Remove, policies)
    }

    /// Adds policies to those of a network, such as routes to the subnets of other nodes. V2 alone.
    ///
    /// # Errors
    /// A policy that can't be expressed: then nothing is asked. Else as HNS answers.
    pub fn add_network_policies(&self, network: Guid, policies: &[Policy]) -> Result<(), Error> {
        self.change(Kind::Network, network, RequestType::Add, policies)
    }

    /// Takes policies from those of a network. V2 alone.
    ///
    /// # Errors
    /// A policy that can't be expressed: then nothing is asked. Else as HNS answers.
    pub fn remove_network_policies(&self, network: Guid, policies: &[Policy]) -> Result<(), Error> {
        self.change(Kind::Network, network, RequestType::Remove, policies)
    }

    /// Deletes a network, an endpoint, or, through V2, an object of another kind.
    ///
    /// # Errors
    /// As HNS answers; [`Error::is_not_found`] where it is gone already.
    pub fn delete(&self, kind: Kind, id: Guid) -> Result<(), Error> {
        let call = Call::one(Operation::Delete, self.door, kind, id);
        let folder = match (self.door, kind) {
            (Door::V2, _) => return self.run(call, move |service| Ok(service.delete(kind, id)?)),
            (Door::V1, Kind::Network) => "networks",
            (Door::V1, Kind::Endpoint) => "endpoints",
            (Door::V1, _) => return Err(Error::Unsupported { call, needs: V2_ALONE }),
        };
        self.ask_v1(call, "DELETE", format!("/{folder}/{id:#}"), String::new()).map(drop)
    }

    fn change(&self, kind: Kind, id: Guid, request: RequestType, policies: &[Policy]) -> Result<(), Error> {
        let call = Call::one(Operation::Modify, self.door, kind, id);
        if self.door == Door::V1 {
            return Err(Error::Unsupported { call, needs: V2_ALONE });
        }
        self.modify(kind, id, request, self.documents(call, policies)?)
    }

    fn modify(&self, kind: Kind, id: Guid, request: RequestType, policies: Vec<Members>) -> Result<(), Error> {
        let body = write(&Request::policies(request, policies));
        let call = Call::one(Operation::Modify, Door::V2, kind, id);
        self.run(call, move |service| Ok(service.modify(kind, id, &body)?))
    }

    fn documents(&self, call: Call, policies: &[Policy]) -> Result<Vec<Members>, Error> {
        let written = policies.iter().enumerate().map(|(index, policy)| {
            policy.write(self.door, self.version).map_err(|error| Error::Policy { call, index, error: Box::new(error) })
        });
        written.collect()
    }

    /// The policies of an endpoint that are no ACLs, as they are.
    fn other_policies(&self, endpoint: Guid) -> Result<Vec<Members>, Error> {
        let call = Call::one(Operation::Read, Door::V2, Kind::Endpoint, endpoint);
        self.run(call, move |service| {
            let document: v2::Endpoint = document::read(&service.query(Kind::Endpoint, endpoint, &v2::query(None))?)?;
            let policies = document.policies.unwrap_or_default().into_iter();
            let raw = policies.map(|document| RawPolicy { door: Door::V2, document });
            Ok(raw.filter(|policy| !policy.is_acl()).map(|policy| policy.document).collect())
        })
    }
}
