//! What goes through the DLLs is what the emulator answers in process, by both doors, and nothing stays open behind it.

#![cfg(windows)]
#![allow(unsafe_code, clippy::print_stdout, reason = "functions of a DLL; what is left out is said")]

mod emulated;

use emulated::{emulated, open_handles, pod};
use margay_hcn::{Door, Guid, Hns, Kind, Options, Service, Version};
use margay_vfp::{Config, Emulator};
use serde_json::json;

const ACL: &str = r#"{"Type":"ACL","Settings":{"Protocols":"6","Action":"Block","Direction":"In","RuleType":"Switch","Priority":1000,"Id":"no"}}"#;
const NETWORK: &str = r#"{"Name":"more","Type":"L2Bridge","Ipams":[{"Type":"Static","Subnets":[{"IpAddressPrefix":"10.1.0.0/24",
    "Routes":[{"NextHop":"10.1.0.1","DestinationPrefix":"0.0.0.0/0"}]}]}],"SchemaVersion":{"Major":2,"Minor":0}}"#;
const ENDPOINT: &str =
    r#"{"Name":"é💥","IpConfigurations":[{"IpAddress":"10.1.0.9"}],"SchemaVersion":{"Major":2,"Minor":0}}"#;
const NETWORK_ID: Guid = Guid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const ENDPOINT_ID: Guid = Guid(2);
const BALANCER_ID: Guid = Guid(3);
const ROUTE_ID: Guid = Guid(4);

fn policies(request: &str, policy: &str) -> String {
    format!(r#"{{"ResourceType":"Policy","RequestType":"{request}","Settings":{{"Policies":[{policy}]}}}}"#)
}

/// A call of any service, its answer as text.
type Call<'a> = dyn Fn(&dyn Service) -> String + 'a;

macro_rules! calls {
    ($($call:expr),* $(,)?) => {
        &[$(&|hns: &dyn Service| { let call: &dyn Fn(&dyn Service) -> _ = &$call; format!("{:?}", call(hns)) }),*]
    };
}

#[test]
fn the_dlls_answer_as_the_emulator() {
    let version = Version::new(15, 4);
    let Some(emulated) = emulated(version) else { return };
    let twin = Emulator::new(Config::new(version));
    let (network, pod) = pod(&emulated.emulator);
    assert_eq!((network, pod), self::pod(&twin));
    let endpoints = json!({ "HostComputeEndpoints": [pod.to_string()] });
    let balancer = json!({ "HostComputeEndpoints": [pod.to_string()], "FrontendVIPs": ["10.96.0.1"],
        "PortMappings": [{ "Protocol": 6, "InternalPort": 80, "ExternalPort": 80 }], "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let update = json!({ "HostComputeEndpoints": [], "FrontendVIPs": ["10.96.0.2"], "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let joins =
        json!({ "ResourceType": "Endpoint", "RequestType": "Add", "Settings": { "EndpointId": pod.to_string() } });
    let by_name = |name: &str| json!({ "Filter": json!({ "Name": name }).to_string() }).to_string();
    let acls_of_v1 = json!({ "Policies": [{ "Type": "ACL", "Action": "Allow", "Direction": "Out", "Protocol": 17, "Priority": 2000 }] });
    let calls: &[&Call<'_>] = calls![
        // V1, with what it refuses: in an envelope.
        |hns| hns.call("GET", "/globals/version", ""),
        |hns| hns.call("GET", "/networks/", ""),
        |hns| hns.call("GET", &format!("/endpoints/{pod}"), ""),
        |hns| hns.call("POST", &format!("/endpoints/{pod}"), &acls_of_v1.to_string()),
        |hns| hns.call("GET", "/endpoints/00000000-0000-0000-0000-000000000009", ""),
        |hns| hns.call("POST", "/no/such/path", "💥\"\\"),
        |hns| hns.call("DELETE", "/endpoints/00000000-0000-0000-0000-000000000009", ""),
        // V2: everything that is there, of each kind.
        |hns| Kind::ALL.map(|kind| hns.enumerate(kind, "")),
        |hns| hns.enumerate(Kind::Network, &by_name("bridge")),
        |hns| hns.enumerate(Kind::Network, &by_name("no such")),
        |hns| hns.enumerate(Kind::Network, "{"),
        |hns| hns.query(Kind::Endpoint, pod, r#"{"SchemaVersion":{"Major":1,"Minor":0}}"#),
        // What comes, changes and goes.
        |hns| hns.create(Kind::Network, None, NETWORK_ID, NETWORK),
        |hns| hns.create(Kind::Network, None, Guid::ZERO, &NETWORK.replace("10.1.", "10.2.")),
        |hns| hns.create(Kind::Endpoint, Some(NETWORK_ID), ENDPOINT_ID, ENDPOINT),
        |hns| hns.create(Kind::Endpoint, Some(NETWORK_ID), Guid::ZERO, "{}"),
        |hns| hns.create(Kind::Namespace, None, Guid::ZERO, "{}"),
        |hns| hns.create(Kind::LoadBalancer, None, BALANCER_ID, &balancer.to_string()),
        |hns| hns.create(Kind::SdnRoute, None, ROUTE_ID, &endpoints.to_string()),
        |hns| hns.query(Kind::Network, NETWORK_ID, ""),
        |hns| hns.query(Kind::Endpoint, ENDPOINT_ID, ""),
        |hns| hns.query(Kind::LoadBalancer, BALANCER_ID, ""),
        |hns| hns.query(Kind::SdnRoute, ROUTE_ID, ""),
        |hns| hns.modify(Kind::Endpoint, pod, &policies("Add", ACL)),
        |hns| hns.modify(Kind::Network, NETWORK_ID, &policies("Add", r#"{"Type":"HostRoute","Settings":{}}"#)),
        |hns| hns.modify(Kind::LoadBalancer, BALANCER_ID, &update.to_string()),
        |hns| hns.modify(Kind::SdnRoute, ROUTE_ID, &endpoints.to_string()),
        |hns| first(hns, Kind::Namespace).map(|id| hns.modify(Kind::Namespace, id, &joins.to_string())),
        |hns| first(hns, Kind::Namespace).map(|id| hns.query(Kind::Namespace, id, "")),
        |hns| hns.query(Kind::Endpoint, pod, ""),
        |hns| hns.modify(Kind::Endpoint, pod, &policies("Remove", ACL)),
        |hns| hns.query(Kind::Endpoint, pod, ""),
        // What is refused, with its error record.
        |hns| hns.modify(Kind::Endpoint, pod, &policies("Add", r#"{"Type":"ACL","Settings":{"Action":"Perhaps"}}"#)),
        |hns| hns.create(Kind::Network, None, NETWORK_ID, NETWORK),
        |hns| hns.create(Kind::Network, None, Guid::ZERO, r#"{"SchemaVersion":{"Major":2,"Minor":0},"Nope":1}"#),
        |hns| hns.create(Kind::Endpoint, Some(Guid(9)), Guid::ZERO, ENDPOINT),
        |hns| Kind::ALL.map(|kind| hns.query(kind, Guid(9), "")),
        |hns| Kind::ALL.map(|kind| hns.delete(kind, Guid(9))),
        |hns| hns.delete(Kind::LoadBalancer, BALANCER_ID),
        |hns| hns.delete(Kind::SdnRoute, ROUTE_ID),
        |hns| hns.delete(Kind::Endpoint, ENDPOINT_ID),
        |hns| hns.delete(Kind::Network, NETWORK_ID),
        |hns| Kind::ALL.map(|kind| hns.enumerate(kind, "")),
    ];
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(call(&emulated.dll), call(&*twin), "call {number}");
        assert_eq!(open_handles(), 0, "after call {number}");
    }
    assert_eq!(emulated.emulator.dump(), twin.dump());
    let written = |emulator: &Emulator| (emulator.counters().acl_writes, emulator.counters().programmed);
    assert_eq!(written(&emulated.emulator), written(&twin));

    for (force_v1, door) in [(false, Door::V2), (true, Door::V1)] {
        let options = Options { force_v1, ..Options::default() };
        let service = std::sync::Arc::new(margay_hcn::Dll::load().expect("the DLLs are in place"));
        let hns = Hns::open(service, options).expect("HNS tells its version");
        assert_eq!((hns.version(), hns.door()), (version, door));
        let endpoints = hns.endpoints().expect("endpoints are listed");
        assert!(endpoints.failures.is_empty() && endpoints.objects.iter().any(|endpoint| endpoint.id == pod));
    }
    assert_eq!(open_handles(), 0);
    drop(emulated.server);
}

/// The first object of a kind.
fn first(hns: &dyn Service, kind: Kind) -> Option<Guid> {
    let ids = hns.enumerate(kind, "").ok()?;
    serde_json::from_str::<Vec<Guid>>(&ids).ok()?.first().copied()
}
