//! Emulators, documents and packets in few words.

use margay_hcn::{ErrorCode, Failure, Guid, Kind, Service, Version};
use margay_net::Protocol;
use margay_vfp::{Config, Direction, Emulator, Knobs, NetworkKind, Packet};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

/// The address of the pod under test, and of another.
pub(crate) const POD: &str = "10.0.0.10";
pub(crate) const OTHER: &str = "10.0.0.20";

/// An emulator of this version, with these knobs turned.
pub(crate) fn emulator(version: &str, knobs: &[&str]) -> Arc<Emulator> {
    let mut config = Config::new(version.parse::<Version>().expect("a version"));
    config.knobs = knobs_of(knobs);
    config.management = Some(ip("192.168.0.4"));
    Emulator::new(config)
}

pub(crate) fn knobs_of(settings: &[&str]) -> Knobs {
    let mut knobs = Knobs::default();
    settings.iter().for_each(|setting| knobs.set(setting).expect("a knob"));
    knobs
}

/// An L2Bridge network with a pod and another.
pub(crate) struct Bridge {
    pub(crate) hns: Arc<Emulator>,
    pub(crate) network: Guid,
    pub(crate) pod: Guid,
    pub(crate) other: Guid,
}

pub(crate) fn bridge(version: &str, knobs: &[&str]) -> Bridge {
    on(NetworkKind::L2Bridge, version, knobs)
}

pub(crate) fn on(kind: NetworkKind, version: &str, knobs: &[&str]) -> Bridge {
    let hns = emulator(version, knobs);
    let subnets = ["10.0.0.0/24".parse().expect("a prefix"), "fd00::/64".parse().expect("a prefix")];
    let dual = kind == NetworkKind::L2Bridge && hns.config().version >= Version::new(13, 0);
    let (subnets, addresses) = if dual { (&subnets[..], 2) } else { (&subnets[..1], 1) };
    let network = hns.add_network(kind, "net", subnets).expect("a network");
    let endpoint = |name: &str, number: &str| {
        let both = [ip(&format!("10.0.0.{number}")), ip(&format!("fd00::{number}"))];
        hns.add_endpoint(network, name, &both[..addresses]).expect("an endpoint")
    };
    let (pod, other) = (endpoint("pod", "10"), endpoint("other", "20"));
    Bridge { hns, network, pod, other }
}

impl Bridge {
    /// Gives the pod these ACLs, by whichever door the version has.
    pub(crate) fn acls(&self, acls: &[&str]) {
        let policies: Vec<Value> = acls.iter().map(|text| acl(text)).collect();
        self.hns.modify(Kind::Endpoint, self.pod, &request("Update", &policies)).expect("ACLs are taken");
    }

    /// What the pod's rules say of the first packet of a flow, in and out.
    pub(crate) fn says(&self, direction: Direction, packet: &str) -> String {
        let decision = self.hns.match_tuple(self.pod, direction, &packet_of(packet));
        decision.verdict.to_string()
    }
}

/// `{ResourceType: Policy, RequestType, Settings}`.
pub(crate) fn request(kind: &str, policies: &[Value]) -> String {
    json!({ "ResourceType": "Policy", "RequestType": kind, "Settings": { "Policies": policies } }).to_string()
}

/// An ACL of V2: `PRIORITY DIRECTION ACTION PROTOCOL [MEMBER VALUE]…`, as in `1000 In Allow 6 RemoteAddresses 10.0.0.0/8 LocalPorts 80`. A member
/// whose value is `-` is left out.
pub(crate) fn acl(text: &str) -> Value {
    let mut words = text.split_whitespace();
    let mut word = || words.next().expect("a word");
    let priority: u16 = word().parse().expect("a priority");
    let mut settings = json!({ "RuleType": "Switch", "Priority": priority, "Direction": word(), "Action": word(), "Protocols": word() });
    while let Some(member) = words.next() {
        match words.next().expect("a value") {
            "-" => drop(settings.as_object_mut().and_then(|settings| settings.remove(member))),
            value => settings[member] = value.into(),
        }
    }
    json!({ "Type": "ACL", "Settings": settings })
}

/// A packet: `PROTOCOL SOURCE DESTINATION`, the ends as addresses or, in brackets if of IPv6, with ports.
pub(crate) fn packet_of(text: &str) -> Packet {
    let [protocol, source, destination] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("three words: {text}")
    };
    let protocol: Protocol = protocol.parse().expect("a protocol");
    let end = |text: &str| -> (IpAddr, u16) {
        text.parse::<std::net::SocketAddr>().map_or_else(|_| (ip(text), 0), |end| (end.ip(), end.port()))
    };
    let ((source, source_port), (destination, port)) = (end(source), end(destination));
    match protocol {
        Protocol::TCP => Packet::tcp((source, source_port), (destination, port)),
        protocol => Packet::new(protocol, source, destination).ports(source_port, port),
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The document of an object, by V2.
pub(crate) fn v2(hns: &Emulator, kind: Kind, id: Guid) -> Value {
    serde_json::from_str(&hns.query(kind, id, "").expect("the object is there")).expect("JSON")
}

/// The output of a call of V1, or the error that its envelope tells of.
pub(crate) fn v1(hns: &Emulator, method: &str, path: &str, body: &Value) -> Result<Value, ErrorCode> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer: Value =
        serde_json::from_str(&hns.call(method, path, &body).expect("the call comes back")).expect("JSON");
    match answer["Success"].as_bool() {
        Some(true) => Ok(answer["Output"].clone()),
        _ => Err(ErrorCode(answer["ErrorCode"].as_u64().expect("a code") as u32)),
    }
}

/// The policies of the pod that are ACLs, each as its `Id`, or its priority where it has none.
pub(crate) fn acl_ids(hns: &Emulator, endpoint: Guid) -> Vec<String> {
    let document = v2(hns, Kind::Endpoint, endpoint);
    let policies = document["Policies"].as_array().expect("a list");
    let acls = policies.iter().filter(|policy| policy["Type"] == "ACL").map(|policy| &policy["Settings"]);
    acls.map(|acl| acl["Id"].as_str().map_or_else(|| acl["Priority"].to_string(), str::to_owned)).collect()
}

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, Failure>) -> Option<ErrorCode> {
    answer.err().map(|failure| failure.code)
}
