//! V2: calls about objects of a kind.

use crate::document::v2::{self, query::Query};
use crate::document::{Answer, Refusal, policy, v1};
use crate::door::{Call, Stop};
use crate::emulator::Emulator;
use crate::fault::Operation;
use crate::object::{Door, Owner, Request, State};
use margay_hcn::{ErrorCode, Failure, Feature, Guid, Kind};
use serde_json::Value;

impl Stop {
    /// As V2 answers it.
    fn failure(self) -> Failure {
        match self {
            Stop::Refused(refusal) => refusal.failure(),
            Stop::Broken(code) => Failure::new(code),
        }
    }
}

/// The call's name.
fn name(verb: &str, kind: Kind, rest: &str, id: Option<Guid>) -> String {
    let kind = match kind {
        Kind::Network => "Network",
        Kind::Endpoint => "Endpoint",
        Kind::Namespace => "Namespace",
        Kind::LoadBalancer => "LoadBalancer",
        Kind::SdnRoute => "SdnRoute",
    };
    id.map_or_else(|| format!("Hcn{verb}{kind}{rest}"), |id| format!("Hcn{verb}{kind}{rest} {id}"))
}

impl Emulator {
    /// A call of V2, which HNS has from 9.2 on: before, the library is not there \[SRC\].
    fn v2<T>(&self, call: Call<'_>, work: impl FnOnce(&mut State, &Value) -> Answer<T>) -> Result<T, Failure> {
        if !self.config().version.has(Feature::ApiV2) {
            return Err(Failure::new(ErrorCode::NOT_IMPLEMENTED));
        }
        self.enter(call, work).map_err(Stop::failure)
    }

    pub(crate) fn v2_enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        let call = Call {
            name: name("Enumerate", kind, "s", None),
            operation: Operation::Enumerate,
            object: None,
            body: query,
        };
        self.v2(call, |state, _| {
            let query = Query::read(query)?;
            let wanted = |id: &Guid| state.v1_document(kind, *id).map_or(true, |document| query.wants(&document));
            let ids: Vec<String> = state.ids(kind).into_iter().filter(wanted).map(|id| id.to_string()).collect();
            Ok(serde_json::json!(ids).to_string())
        })
    }

    pub(crate) fn v2_query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        let name = name("Query", kind, "Properties", Some(id));
        let call = Call { name, operation: Operation::Query, object: Some(id), body: query };
        self.v2(call, |state, _| {
            let query = Query::read(query)?;
            let document =
                if query.v1 { state.v1_document(kind, id) } else { state.v2_document(kind, id, query.detailed) };
            Ok(document?.to_string())
        })
    }

    pub(crate) fn v2_create(
        &self,
        kind: Kind,
        network: Option<Guid>,
        id: Guid,
        settings: &str,
    ) -> Result<Guid, Failure> {
        let object = network.or(Some(id).filter(|id| *id != Guid::ZERO));
        let call =
            Call { name: name("Create", kind, "", object), operation: Operation::Create, object, body: settings };
        self.v2(call, |state, document| state.v2_create(kind, network, id, document))
    }

    pub(crate) fn v2_modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        let name = name("Modify", kind, "", Some(id));
        let call = Call { name, operation: Operation::Modify, object: Some(id), body: settings };
        self.v2(call, |state, document| state.v2_modify(kind, id, document))
    }

    pub(crate) fn v2_delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        let name = name("Delete", kind, "", Some(id));
        let call = Call { name, operation: Operation::Delete, object: Some(id), body: "" };
        self.v2(call, |state, _| state.remove(kind, id))
    }
}

impl State {
    /// The ids of all objects of a kind.
    pub(crate) fn ids(&self, kind: Kind) -> Vec<Guid> {
        match kind {
            Kind::Network => self.networks.keys().copied().collect(),
            Kind::Endpoint => self.endpoints.keys().copied().collect(),
            Kind::Namespace => self.namespaces.keys().copied().collect(),
            Kind::LoadBalancer => self.balancers.keys().copied().collect(),
            Kind::SdnRoute => self.routes.keys().copied().collect(),
        }
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, kind: Kind, id: Guid) -> Answer<()> {
        match kind {
            Kind::Network => self.delete_network(id),
            Kind::Endpoint => self.delete_endpoint(id),
            Kind::Namespace => self.delete_namespace(id),
            Kind::LoadBalancer => self.delete_balancer(id),
            Kind::SdnRoute => self.delete_route(id),
        }
    }

    /// An object as V2 shows it.
    fn v2_document(&self, kind: Kind, id: Guid, detailed: bool) -> Answer<Value> {
        let missing = || self.missing(kind, id);
        match kind {
            Kind::Network => Ok(v2::network::write(self, self.network(id)?, detailed)),
            Kind::Endpoint => Ok(v2::endpoint::write(self, self.endpoint(id)?, detailed)),
            Kind::Namespace => Ok(v2::namespace::write(self, self.namespace(id)?)),
            Kind::LoadBalancer => self.balancers.get(&id).map(|it| v2::balancer::write(self, it)).ok_or_else(missing),
            Kind::SdnRoute => self.routes.get(&id).map(|it| v2::balancer::write_route(self, it)).ok_or_else(missing),
        }
    }

    /// Networks and endpoints may come as documents of V1 \[SRC\].
    fn v2_create(&mut self, kind: Kind, network: Option<Guid>, id: Guid, document: &Value) -> Answer<Guid> {
        match kind {
            Kind::Network if v2::is_v2(document)? => self.create_network(v2::network::read(self, id, document)?),
            Kind::Network => self.create_network(v1::network::read(self, id, document)?),
            Kind::Endpoint => {
                let network =
                    network.ok_or_else(|| Refusal::new(ErrorCode::INVALID_PARAMETER, "no network is given"))?;
                self.network(network)?;
                let endpoint = match v2::is_v2(document)? {
                    true => v2::endpoint::read(self, network, id, document)?,
                    false => v1::endpoint::read(self, network, id, document)?,
                };
                self.create_endpoint(endpoint, Door::V2)
            }
            Kind::Namespace => {
                let (id, kind, members) = v2::namespace::read(id, document)?;
                self.create_namespace(id, &kind, members)
            }
            Kind::LoadBalancer => self.create_balancer(v2::balancer::read(id, document)?),
            Kind::SdnRoute => self.create_route(v2::balancer::read_route(id, document)?),
        }
    }

    fn v2_modify(&mut self, kind: Kind, id: Guid, document: &Value) -> Answer<()> {
        match kind {
            Kind::Network | Kind::Endpoint => self.v2_modify_policies(kind, id, document),
            Kind::Namespace => {
                self.namespace(id)?;
                let modify = v2::request::read(document)?;
                match modify.request {
                    Some(Request::Add) => self.join(id, modify.member()?),
                    Some(Request::Remove) => self.leave(id, &modify.member()?),
                    Some(Request::Update) | None => Err(modify.unsupported()),
                }
            }
            Kind::LoadBalancer => self.replace_balancer(v2::balancer::read(id, document)?),
            Kind::SdnRoute => Err(Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, "an SDN route can't be changed")),
        }
    }

    fn v2_modify_policies(&mut self, kind: Kind, id: Guid, document: &Value) -> Answer<()> {
        let (network, owner) = match kind {
            Kind::Endpoint => (self.endpoint(id)?.network, Owner::Endpoint),
            _ => (self.network(id)?.id, Owner::Network),
        };
        let modify = v2::request::read(document)?;
        if modify.resource != "Policy" {
            return Err(modify.unsupported());
        }
        let Some(request) = modify.request else { return Ok(()) };
        let brought = policy::read_v2(&self.judge(Some(network)), owner, modify.policies()?)?;
        match owner {
            Owner::Endpoint => self.change_endpoint_policies(id, request, brought),
            _ => self.change_network_policies(id, request, brought),
        }
    }
}
