//! No text makes the readers of documents panic, whatever it is.

use margay_hcn::setting::{
    DrMacAddress, HostRoute, OutBoundNat, ProviderAddress, RemoteSubnetRoute, SdnRoute, SetPolicy, Vsid,
};
use margay_hcn::{
    Acl, Door, Endpoint, Envelope, ErrorCode, ErrorRecord, Failure, Guid, Mac, Members, Network, Policy, Version,
    document, v1, v2,
};
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// Runs every reader over a text; gives how many of them understood it.
fn read_all(text: &str) -> usize {
    let mut understood = usize::from(text.parse::<Guid>().is_ok());
    understood += usize::from(text.parse::<Mac>().is_ok()) + usize::from(text.parse::<Version>().is_ok());
    let _ = Failure { code: ErrorCode::UNSPECIFIED, record: text.into() }.to_string();
    understood += usize::from(ErrorRecord::read(text).map(|record| (record.code(), record.said())).is_ok());
    understood += usize::from(Envelope::read(text).map(Envelope::output).is_ok());
    understood += usize::from(document::read::<v2::Namespace>(text).is_ok());
    understood += usize::from(document::read::<v2::Request>(text).is_ok());
    let networks = [
        document::read(text).and_then(|document: v1::Network| Network::from_v1(&document)),
        document::read(text).and_then(|document: v2::Network| Network::from_v2(&document)),
    ];
    let endpoints = [
        document::read(text).and_then(|document: v1::Endpoint| Endpoint::from_v1(&document)),
        document::read(text).and_then(|document: v2::Endpoint| Endpoint::from_v2(&document)),
    ];
    understood += networks.iter().flatten().count() + endpoints.iter().flatten().count();
    networks.iter().flatten().flat_map(|network| &network.policies).for_each(look);
    endpoints.iter().flatten().flat_map(|endpoint| &endpoint.policies).for_each(look);
    if let Ok(members) = document::read::<Members>(text) {
        Door::ALL.iter().for_each(|door| look(&Policy::read(*door, &members)));
    }
    understood
}

/// Reads what a policy may be; an ACL that was read is written to the same.
fn look(policy: &Policy) {
    let _ = (policy.setting::<DrMacAddress>(), policy.setting::<HostRoute>(), policy.setting::<OutBoundNat>());
    let _ = (policy.setting::<ProviderAddress>(), policy.setting::<RemoteSubnetRoute>(), policy.setting::<SdnRoute>());
    let _ = (policy.setting::<SetPolicy>(), policy.setting::<Vsid>());
    let Some(acl) = policy.acl() else { return };
    for door in Door::ALL {
        let written = acl.write(door, Version::new(16, 0)).expect("what was read can be expressed");
        assert_eq!(Acl::read(door, &written).as_ref(), Ok(acl));
    }
}

/// Names that readers look for, so that random documents get past the outer checks.
const NAMES: [&str; 44] = [
    "ID",
    "Id",
    "Name",
    "Type",
    "Policies",
    "Settings",
    "Subnets",
    "AddressPrefix",
    "GatewayAddress",
    "ManagementIP",
    "Ipams",
    "IpAddressPrefix",
    "Routes",
    "NextHop",
    "DestinationPrefix",
    "VirtualNetwork",
    "MacAddress",
    "IPAddress",
    "State",
    "Namespace",
    "HostComputeNetwork",
    "HostComputeNamespace",
    "IpConfigurations",
    "IpAddress",
    "Flags",
    "Protocol",
    "Protocols",
    "Action",
    "Direction",
    "LocalAddresses",
    "RemoteAddresses",
    "LocalPorts",
    "RemotePorts",
    "LocalPort",
    "RuleType",
    "Priority",
    "Scope",
    "Success",
    "Error",
    "ErrorCode",
    "Output",
    "PA",
    "VSID",
    "NeedEncap",
];

const TEXTS: [&str; 30] = [
    "",
    "ACL",
    "OutBoundNAT",
    "ROUTE",
    "SDNRoute",
    "PA",
    "VSID",
    "L2Bridge",
    "Allow",
    "Block",
    "In",
    "Out",
    "Switch",
    "Host",
    "6",
    "17",
    "256",
    "80",
    "80,443-445",
    "0",
    "10.0.0.0/8",
    "10.0.0.1,10.0.0.2/32",
    "2001:db8::/32",
    "Any",
    "10.0.0.1",
    "00-15-5D-52-C0-00",
    "9.5",
    "é😀",
    "9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44",
    "{9B2E7F10-6C1D-4C1B-9C0E-0D8F5A3B7C44}",
];

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(0), Just(6), Just(200), Just(256), Just(-1), any::<i64>()];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        3 => number.prop_map(|number| Value::Number(Number::from(number))),
        6 => prop::sample::select(TEXTS.to_vec()).prop_map(Value::from),
        1 => ".{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![9 => prop::sample::select(NAMES.to_vec()).prop_map(String::from), 1 => ".{0,6}"];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A document that is right but for one member.
fn nearly_right() -> impl Strategy<Value = Value> {
    let fixtures = [
        include_str!("fixtures/v1_endpoint_calico.json"),
        include_str!("fixtures/v1_network_l2bridge.json"),
        include_str!("fixtures/v2_endpoint.json"),
        include_str!("fixtures/v2_network_overlay.json"),
        include_str!("fixtures/v2_namespace.json"),
    ];
    let documents = fixtures.map(|text| serde_json::from_str::<Value>(text).unwrap());
    (prop::sample::select(documents.to_vec()), any::<prop::sample::Index>(), value()).prop_map(
        |(mut document, at, value)| {
            let mut places = Vec::new();
            pointers(&document, String::new(), &mut places);
            *document.pointer_mut(at.get::<String>(&places)).unwrap() = value;
            document
        },
    )
}

/// Where everything in a document is.
fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| pointers(value, format!("{here}/{name}"), all))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| pointers(value, format!("{here}/{at}"), all))
        }
        _ => {}
    }
    all.push(here);
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn any_document(document in value()) {
        read_all(&document.to_string());
    }

    #[test]
    fn a_document_with_one_member_changed(document in nearly_right()) {
        read_all(&document.to_string());
    }

    #[test]
    fn a_document_cut_short(document in nearly_right(), at in any::<prop::sample::Index>()) {
        let text = document.to_string();
        let end = (0..=at.index(text.len() + 1)).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        read_all(&text[..end]);
    }
}

#[test]
fn the_readers_are_reached() {
    let endpoint = include_str!("fixtures/v1_endpoint_calico.json");
    assert!(read_all(endpoint) >= 4);
    assert_eq!(read_all("9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44"), 1);
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        document::read::<Value>(&deep)
            .unwrap_err()
            .to_string()
            .starts_with("the document can't be read: recursion limit")
    );
    let long = " ".repeat(document::MAX_DOCUMENT + 1);
    assert_eq!(
        document::read::<Value>(&long).unwrap_err().to_string(),
        "the document has 67108865 bytes; at most 67108864 are read"
    );
    let odd = format!("{{\"Name\":[\"{}\"]}}", "x".repeat(10_000));
    assert!(
        document::read::<v1::Network>(&odd).unwrap_err().to_string().len() < 300,
        "an error repeats the beginning alone"
    );
}
