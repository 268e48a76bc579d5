//! Nothing that comes in by either door makes the emulator panic, hang or contradict itself.

use crate::support::emulator;
use margay_hcn::{Failure, Guid, Kind, Service};
use margay_vfp::{Direction, Emulator, NetworkKind, Packet};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

/// Names of members and words that documents have, so that random ones get far.
const WORDS: &[&str] = &[
    "Type",
    "Settings",
    "Policies",
    "ResourceType",
    "RequestType",
    "SchemaVersion",
    "Major",
    "Minor",
    "Filter",
    "Flags",
    "ID",
    "Name",
    "Ipams",
    "Subnets",
    "IpAddressPrefix",
    "AddressPrefix",
    "GatewayAddress",
    "Routes",
    "NextHop",
    "DestinationPrefix",
    "IpConfigurations",
    "IpAddress",
    "PrefixLength",
    "IPAddress",
    "VirtualNetwork",
    "VirtualNetworkName",
    "Protocols",
    "Protocol",
    "Action",
    "Direction",
    "LocalAddresses",
    "RemoteAddresses",
    "LocalPorts",
    "RemotePorts",
    "Priority",
    "RuleType",
    "Id",
    "Values",
    "PolicyType",
    "TierAclRules",
    "Order",
    "Resources",
    "HostComputeEndpoints",
    "FrontendVIPs",
    "PortMappings",
    "References",
    "VIPs",
    "SystemType",
    "ContainerId",
    "MacAddress",
    "Data",
    "EndpointId",
];
const VALUES: &[&str] = &[
    "",
    "ACL",
    "Allow",
    "Block",
    "In",
    "Out",
    "Switch",
    "Host",
    "6",
    "256",
    "10.0.0.0/8",
    "10.0.0.7",
    "10.0.0.1,fd00::1",
    "80",
    "80-90,443",
    "65536",
    "Policy",
    "Add",
    "Update",
    "Remove",
    "Refresh",
    "L2Bridge",
    "NAT",
    "Overlay",
    "Static",
    "SetPolicy",
    "IPSET",
    "NESTEDIPSET",
    "set",
    "net",
    "TierAcl",
    "NetworkACL",
    "OutBoundNAT",
    "RemoteSubnetRoute",
    "ELB",
    "0.0.0.0/0",
    "::/0",
    "{\"Name\":\"net\"}",
    "[",
    "00-15-5D-00-00-01",
    "00000000-0000-0000-0000-000000000007",
    "Endpoint",
    "Container",
    "💥",
];

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => select(VALUES).prop_map(Value::from),
        2 => prop_oneof![0..70_000u64, Just(1), Just(2), any::<u64>()].prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let members = prop::collection::vec((select(WORDS), inner.clone()), 0..7);
        prop_oneof![
            1 => prop::collection::vec(inner, 0..5).prop_map(Value::from),
            3 => members.prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())),
        ]
    })
}

/// A request whose outside is right, so that its inside is looked at.
fn body() -> impl Strategy<Value = String> {
    let policies = prop::collection::vec((select(VALUES), document()), 0..4).prop_map(|policies| {
        policies
            .into_iter()
            .map(|(kind, settings)| serde_json::json!({ "Type": kind, "Settings": settings }))
            .collect::<Value>()
    });
    let request = (select(&["Add", "Update", "Remove"][..]), policies).prop_map(|(kind, policies)| {
        serde_json::json!({ "ResourceType": "Policy", "RequestType": kind, "Settings": { "Policies": policies } })
    });
    let of_v2 = document().prop_map(|mut document| {
        if let Some(object) = document.as_object_mut() {
            object.insert("SchemaVersion".into(), serde_json::json!({ "Major": 2, "Minor": 0 }));
        }
        document
    });
    prop_oneof![
        3 => document().prop_map(|document| document.to_string()),
        3 => request.prop_map(|document| document.to_string()),
        3 => of_v2.prop_map(|document| document.to_string()),
        1 => ".{0,60}",
    ]
}

#[derive(Clone, Debug)]
enum Call {
    V1(&'static str, String, String),
    V2(u8, Kind, bool, String),
}

fn call() -> impl Strategy<Value = Call> {
    let path = prop_oneof![
        select(
            &[
                "/networks/",
                "/endpoints/",
                "/namespaces/",
                "/policylists/",
                "/globals/version",
                "/networks/N",
                "/endpoints/E",
                "/endpoints/E/attach",
                "/endpoints/E/detach",
                "/endpointstats/E",
                "/endpoints/E/ApplyPolicy",
                "//",
                ""
            ][..]
        )
        .prop_map(str::to_owned),
        "[/a-zA-Z0-9-]{0,50}",
    ];
    let v1 = (select(&["GET", "POST", "DELETE", "PUT"][..]), path, body())
        .prop_map(|(method, path, body)| Call::V1(method, path, body));
    let v2 = (0..5u8, select(&Kind::ALL[..]), any::<bool>(), body())
        .prop_map(|(verb, kind, there, body)| Call::V2(verb, kind, there, body));
    prop_oneof![v1, v2]
}

/// What failed must say why: a record is empty or of the one known shape.
fn check(answer: Result<(), Failure>) -> Result<(), TestCaseError> {
    let Err(Failure { code, record }) = answer else { return Ok(()) };
    if record.is_empty() {
        return Ok(());
    }
    let record: Value = serde_json::from_str(&record).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(record["ErrorCode"].as_u64(), Some(u64::from(code.0)));
    prop_assert_eq!(&record["Success"], &Value::Bool(false));
    prop_assert!(record["Error"].is_string());
    Ok(())
}

fn make(hns: &Emulator, call: Call, network: Guid, endpoint: Guid) -> Result<(), TestCaseError> {
    match call {
        Call::V1(method, path, body) => {
            let path = path.replace('N', &network.to_string()).replace('E', &format!("{endpoint:#}"));
            let answer = hns.call(method, &path, &body);
            if let Ok(text) = &answer {
                let envelope: Value =
                    serde_json::from_str(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert!(envelope["Success"].is_boolean());
            }
            check(answer.map(drop))
        }
        Call::V2(verb, kind, there, body) => {
            let id = match (there, kind) {
                (true, Kind::Network) => network,
                (true, Kind::Endpoint) => endpoint,
                _ => Guid::ZERO,
            };
            check(match verb {
                0 => hns.enumerate(kind, &body).map(drop),
                1 => hns.query(kind, id, &body).map(drop),
                2 => hns.create(kind, Some(network), Guid::ZERO, &body).map(drop),
                3 => hns.modify(kind, id, &body),
                _ => hns.delete(kind, id),
            })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_calls_are_answered(version in select(&["7.0", "9.5", "13.3", "16.0"][..]), calls in prop::collection::vec(call(), 1..30)) {
        let hns = emulator(version, &[]);
        let network = hns.add_network(NetworkKind::L2Bridge, "net", &["10.0.0.0/24".parse().expect("a prefix")]).expect("a network");
        let endpoint = hns.add_endpoint(network, "pod", &[]).expect("an endpoint");
        for call in calls {
            make(&hns, call, network, endpoint)?;
        }
        // What is listed is there, and reads back by both doors.
        if version != "7.0" {
            for kind in Kind::ALL {
                let ids: Vec<Guid> = serde_json::from_str(&hns.enumerate(kind, "").expect("ids")).expect("an array of ids");
                for id in ids {
                    prop_assert!(hns.query(kind, id, "").is_ok());
                }
            }
        }
        let packet = Packet::tcp(("10.0.0.2".parse().expect("an address"), 1), ("10.0.0.3".parse().expect("an address"), 80));
        let decision = hns.process(endpoint, Direction::In, &packet);
        prop_assert_eq!(hns.process(endpoint, Direction::In, &packet).verdict, decision.verdict);
    }
}
