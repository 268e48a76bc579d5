//! V1: methods and paths.

use crate::document::{Answer, Members, Refusal, policy, v1};
use crate::door::{Call, Stop};
use crate::emulator::Emulator;
use crate::fault::Operation;
use crate::knobs::V1Errors;
use crate::object::{Door, Owner, State};
use margay_hcn::{ErrorCode, Failure, Guid, Kind};
use serde_json::{Value, json};

/// What a path names \[SRC\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Version,
    All(Kind),
    One(Kind, Guid),
    Attach(Guid),
    Detach(Guid),
    Statistics(Guid),
    /// Of a namespace: to it, or from it.
    Resource(Guid, bool),
    /// Another path, or one that is not supported \[FIELD: `ApplyPolicy`, `Update`\].
    Unsupported,
    /// An id that is none.
    NoId,
}

const KINDS: [(&str, Kind); 4] = [
    ("networks", Kind::Network),
    ("endpoints", Kind::Endpoint),
    ("namespaces", Kind::Namespace),
    ("policylists", Kind::LoadBalancer),
];

fn route(path: &str) -> Route {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let kind = |name: &str| KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind);
    match parts.as_slice() {
        ["globals", "version"] => Route::Version,
        [name] => kind(name).map_or(Route::Unsupported, Route::All),
        [name, id, rest @ ..] if kind(name).is_some() || *name == "endpointstats" => match id.parse() {
            Err(_) => Route::NoId,
            Ok(id) => one(kind(name), id, rest),
        },
        _ => Route::Unsupported,
    }
}

fn one(kind: Option<Kind>, id: Guid, rest: &[&str]) -> Route {
    match (kind, rest) {
        (Some(kind), []) => Route::One(kind, id),
        (None, []) => Route::Statistics(id),
        (Some(Kind::Endpoint), ["attach"]) => Route::Attach(id),
        (Some(Kind::Endpoint), ["detach"]) => Route::Detach(id),
        (Some(Kind::Namespace), ["addresource"]) => Route::Resource(id, true),
        (Some(Kind::Namespace), ["removeresource"]) => Route::Resource(id, false),
        _ => Route::Unsupported,
    }
}

impl Route {
    fn operation(self, method: &str) -> Operation {
        match (method, self) {
            ("GET", Route::All(_)) => Operation::Enumerate,
            ("GET", Route::One(..) | Route::Statistics(_)) => Operation::Query,
            ("POST", Route::All(_)) => Operation::Create,
            ("POST", Route::One(..) | Route::Attach(_) | Route::Detach(_) | Route::Resource(..)) => Operation::Modify,
            ("DELETE", Route::One(..)) => Operation::Delete,
            ("GET", _) => Operation::Query,
            _ => Operation::Other,
        }
    }

    fn object(self) -> Option<Guid> {
        match self {
            Route::One(_, id)
            | Route::Attach(id)
            | Route::Detach(id)
            | Route::Statistics(id)
            | Route::Resource(id, _) => Some(id),
            _ => None,
        }
    }
}

impl Emulator {
    /// A call of V1, its answer in an envelope.
    pub(crate) fn v1(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        let route = route(path);
        let shown: String = path.chars().take(200).collect();
        let name = format!("{} {shown}", method.chars().take(20).collect::<String>());
        let call = Call { name, operation: route.operation(method), object: route.object(), body };
        match self.enter(call, |state, body| state.v1(method, route, body)) {
            Ok(output) => Ok(v1::envelope(&output)),
            Err(Stop::Broken(code)) => Err(Failure::new(code)),
            Err(Stop::Refused(refusal)) => match self.config().knobs.v1_errors {
                V1Errors::Envelope => Ok(refusal.record()),
                V1Errors::Result => Err(Failure::new(refusal.code)),
            },
        }
    }
}

impl State {
    fn v1(&mut self, method: &str, route: Route, body: &Value) -> Answer<Value> {
        match (method, route) {
            ("GET", Route::Version) => Ok(json!({ "Major": self.version().major, "Minor": self.version().minor })),
            ("GET", Route::All(kind)) => {
                Ok(self.ids(kind).into_iter().filter_map(|id| self.v1_document(kind, id).ok()).collect())
            }
            ("GET", Route::One(kind, id)) => self.v1_document(kind, id),
            ("GET", Route::Statistics(id)) => self.statistics(id),
            ("POST", Route::All(kind)) => self.v1_create(kind, body),
            ("POST", Route::One(kind, id)) => self.v1_update(kind, id, body),
            ("POST", Route::Attach(id)) => self.v1_attach(id, body),
            ("POST", Route::Detach(id)) => self.v1_detach(id, body),
            ("POST", Route::Resource(id, to)) => {
                let member = crate::document::v2::namespace::read_member(body)?;
                if to {
                    self.join(id, member)?
                } else {
                    self.leave(id, &member)?
                }
                self.v1_document(Kind::Namespace, id)
            }
            ("DELETE", Route::One(kind, id)) => self.remove(kind, id).map(|()| json!({})),
            (_, Route::NoId) => Err(Refusal::new(ErrorCode::GUID_CONVERSION_FAILURE, "the path has no id")),
            _ => Err(Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, "no such method and path")),
        }
    }

    /// An object as V1 shows it.
    pub(crate) fn v1_document(&self, kind: Kind, id: Guid) -> Answer<Value> {
        let missing = || self.missing(kind, id);
        match kind {
            Kind::Network => Ok(v1::network::write(self, self.network(id)?)),
            Kind::Endpoint => Ok(v1::endpoint::write(self, self.endpoint(id)?)),
            Kind::Namespace => Ok(v1::namespace::write(self.namespace(id)?)),
            Kind::LoadBalancer => self.balancers.get(&id).map(v1::policylist::write).ok_or_else(missing),
            Kind::SdnRoute => Err(missing()),
        }
    }

    fn v1_create(&mut self, kind: Kind, body: &Value) -> Answer<Value> {
        let id = match kind {
            Kind::Network => self.create_network(v1::network::read(self, Guid::ZERO, body)?)?,
            Kind::Endpoint => {
                let network = v1::endpoint::network(self, body)?;
                self.network(network)?;
                self.create_endpoint(v1::endpoint::read(self, network, Guid::ZERO, body)?, Door::V1)?
            }
            Kind::Namespace => {
                let (kind, members) = v1::namespace::read(body)?;
                self.create_namespace(Guid::ZERO, kind, members)?
            }
            Kind::LoadBalancer => self.create_balancer(v1::policylist::read(Guid::ZERO, body)?)?,
            Kind::SdnRoute => return Err(Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, "V1 has no SDN routes")),
        };
        self.v1_document(kind, id)
    }

    /// A POST on an id: policies change, all else stays. A document without `Policies` changes nothing \[INF\].
    fn v1_update(&mut self, kind: Kind, id: Guid, body: &Value) -> Answer<Value> {
        let document = Members::lenient(body, "document")?;
        let policies = document.get("Policies").map(|_| document.list("Policies")).transpose()?;
        match kind {
            Kind::Endpoint => {
                let network = self.endpoint(id)?.network;
                if let Some(policies) = policies {
                    let brought = policy::read_v1(&self.judge(Some(network)), Owner::Endpoint, policies)?;
                    self.replace_endpoint_acls(id, brought)?;
                }
            }
            Kind::Network => {
                self.network(id)?;
                if let Some(policies) = policies.filter(|policies| !policies.is_empty()) {
                    let brought = policy::read_v1(&self.judge(Some(id)), Owner::Network, policies)?;
                    self.change_network_policies(id, crate::object::Request::Update, brought)?;
                }
            }
            _ => return Err(Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, format!("a {kind} can't be changed by V1"))),
        }
        self.v1_document(kind, id)
    }

    /// `{ContainerId, SystemType, CompartmentId, VirtualNicName}` \[SRC\].
    fn v1_attach(&mut self, id: Guid, body: &Value) -> Answer<Value> {
        let document = Members::lenient(body, "attach")?;
        let container = match document.text("SystemType")? {
            Some("Host") => None,
            _ => Some(document.text("ContainerId")?.unwrap_or_default()),
        };
        self.attach(id, container)?;
        self.v1_document(Kind::Endpoint, id)
    }

    fn v1_detach(&mut self, id: Guid, body: &Value) -> Answer<Value> {
        let none = json!({});
        let document = Members::lenient(if body.is_null() { &none } else { body }, "detach")?;
        self.detach(id, document.text("ContainerId")?)?;
        self.v1_document(Kind::Endpoint, id)
    }

    /// What passed the port of an endpoint \[SRC\].
    fn statistics(&self, id: Guid) -> Answer<Value> {
        self.endpoint(id)?;
        let counters = self.ports.get(&id).map(|port| port.counters).unwrap_or_default();
        Ok(json!({
            "BytesReceived": counters.bytes[0],
            "BytesSent": counters.bytes[1],
            "DroppedPacketsIncoming": counters.dropped[0],
            "DroppedPacketsOutgoing": counters.dropped[1],
            "EndpointId": v1::id(id),
            "InstanceId": v1::id(id),
            "PacketsReceived": counters.packets[0],
            "PacketsSent": counters.packets[1],
        }))
    }
}
