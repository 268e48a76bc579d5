//! Documents as real systems print them: read, and written back with all that was in them.

use expect_test::{Expect, expect};
use margay_hcn::document::{read, write};
use margay_hcn::setting::{
    DrMacAddress, HostRoute, OutBoundNat, ProviderAddress, RemoteSubnetRoute, SdnRoute, SetPolicy, Vsid, VxlanPort,
};
use margay_hcn::{Door, Endpoint, Network, Policy, RawPolicy, Setting, v1, v2};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const V1_ENDPOINT: &str = include_str!("fixtures/v1_endpoint_calico.json");
const V1_NETWORK: &str = include_str!("fixtures/v1_network_l2bridge.json");
const V2_ENDPOINT: &str = include_str!("fixtures/v2_endpoint.json");
const V2_NETWORK: &str = include_str!("fixtures/v2_network_overlay.json");
const V2_NAMESPACE: &str = include_str!("fixtures/v2_namespace.json");

fn round_trip<T: Serialize + DeserializeOwned>(text: &str) {
    let document: T = read(text).unwrap();
    assert_eq!(read::<Value>(&write(&document)).unwrap(), read::<Value>(text).unwrap());
}

#[test]
fn nothing_is_lost() {
    round_trip::<v1::Endpoint>(V1_ENDPOINT);
    round_trip::<v1::Network>(V1_NETWORK);
    round_trip::<v2::Endpoint>(V2_ENDPOINT);
    round_trip::<v2::Network>(V2_NETWORK);
    round_trip::<v2::Namespace>(V2_NAMESPACE);
}

/// One line for each policy: what it is, and what became of it.
fn policies(policies: &[Policy]) -> String {
    let lines = policies.iter().map(|policy| match policy {
        Policy::Acl(acl) => format!("  {} {} {}", acl.priority, acl.rule.direction, acl.rule.action),
        Policy::Other(raw) => match raw.acl() {
            Some(Err(why)) => format!("  {}: {why}", raw.kind()),
            _ => format!("  {}", raw.kind()),
        },
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn check_endpoint(endpoint: &Endpoint, expected: Expect) {
    let Endpoint { id, network, name, addresses, mac, state, remote, namespace, .. } = endpoint;
    let list = policies(&endpoint.policies);
    expected.assert_eq(&format!(
        "{name} {id} on {network:?} in {namespace:?}\n{addresses:?} {mac:?} {state:?} remote: {remote}\n{list}\n"
    ));
}

#[test]
fn endpoint_of_v1() {
    let endpoint = Endpoint::from_v1(&read(V1_ENDPOINT).unwrap()).unwrap();
    check_endpoint(
        &endpoint,
        expect![[r#"
        4f6c0b6e6b0e_Calico 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44 on Some(1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9) in Some(5c4d1b1e-9d7e-4b35-8e6a-1d2c3b4a5f60)
        [10.42.17.23] Some(0e-2a-0a-2a-d5-dd) Some(AttachedSharing) remote: false
          OutBoundNAT
          ROUTE
          PA
          900 In Allow
          1000 Out Allow
          ACL: the ACL's RemoteAddresses Any can't be read exactly
    "#]],
    );
}

#[test]
fn endpoint_of_v2() {
    let endpoint = Endpoint::from_v2(&read(V2_ENDPOINT).unwrap()).unwrap();
    check_endpoint(
        &endpoint,
        expect![[r#"
        web 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44 on Some(1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9) in None
        [192.168.100.7, fd00:100::7] Some(00-15-5d-52-c4-0a) None remote: false
          SDNRoute
          200 Out Block
          ACL: the ACL's LocalAddresses azure-npm-101 can't be read exactly
          TierAcl
    "#]],
    );
    assert_eq!(endpoint.acls().count(), 2, "readable or not");
}

fn check_network(network: &Network, expected: Expect) {
    let subnets = network.subnets.iter().map(|subnet| (subnet.prefix, subnet.gateway, subnet.vni()));
    expected.assert_eq(&format!(
        "{} {} {} at {:?}\n{:?}\n{}\n",
        network.name,
        network.id,
        network.mode,
        network.management_address,
        subnets.collect::<Vec<_>>(),
        policies(&network.policies)
    ));
}

#[test]
fn network_of_v1() {
    check_network(
        &Network::from_v1(&read(V1_NETWORK).unwrap()).unwrap(),
        expect![[r#"
        cbr0 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 L2Bridge at Some(192.168.7.21)
        [(Prefix(10.244.3.0/24), Some(10.244.3.1), Some(4096))]

    "#]],
    );
}

#[test]
fn network_of_v2() {
    check_network(
        &Network::from_v2(&read(V2_NETWORK).unwrap()).unwrap(),
        expect![[r#"
        Calico 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 Overlay at Some(10.20.30.9)
        [(Prefix(100.244.41.0/26), Some(100.244.41.1), Some(4096))]
          NetAdapterName
          HostRoute
          ProviderAddress
          DrMacAddress
          RemoteSubnetRoute
          SetPolicy
    "#]],
    );
}

#[test]
fn an_absent_type_is_nat() {
    for (mode, expected, enforces) in [
        (json!(null), "NAT", false),
        (json!("nat"), "NAT", false),
        (json!("overlay"), "Overlay", true),
        (json!("L2TUNNEL"), "L2Tunnel", true),
        (json!("Mirrored"), "Mirrored", false),
    ] {
        let document = json!({ "ID": "1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9", "Type": mode });
        let network = Network::from_v2(&read(&document.to_string()).unwrap()).unwrap();
        assert_eq!((network.mode.to_string().as_str(), network.mode.enforces_switch_acls()), (expected, enforces));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let id = "1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9";
    for (document, expected) in [
        (json!({}), "the document has no member ID"),
        (json!({ "ID": "x" }), r#"the member ID is "x": "x" is no GUID such as 01234567-89ab-cdef-0123-456789abcdef"#),
        (json!({ "ID": id, "IPAddress": "10.0.0" }), r#"the member IPAddress is "10.0.0": invalid IP address syntax"#),
        (
            json!({ "ID": id, "MacAddress": "0" }),
            r#"the member MacAddress is "0": "0" is no MAC address such as 00-15-5d-52-c0-00"#,
        ),
        (json!({ "ID": id, "Name": 5 }), "the document can't be read: invalid type: integer `5`, expected a string"),
        (json!({ "ID": id, "Policies": [1] }), "the document can't be read: invalid type: integer `1`, expected a map"),
    ] {
        let endpoint = read(&document.to_string()).and_then(|document| Endpoint::from_v1(&document));
        let error = endpoint.unwrap_err().to_string();
        assert_eq!(error.split(" at line").next(), Some(expected), "{document}");
    }
}

/// Settings read from a policy of a door, and written for it again.
fn check_setting<S: Setting + PartialEq + std::fmt::Debug>(setting: &S, v1: Option<Value>, v2: &Value) {
    for (door, document) in [(Door::V1, v1.as_ref()), (Door::V2, Some(v2))] {
        let policy =
            document.map(|document| Policy::Other(RawPolicy { door, document: document.as_object().unwrap().clone() }));
        assert_eq!(setting.policy(door), policy);
        let Some(policy) = policy else { continue };
        assert_eq!(policy.setting::<S>().unwrap().as_ref(), Ok(setting));
    }
}

#[test]
fn settings_in_both_spellings() {
    check_setting(
        &ProviderAddress { provider_address: "10.156.233.218".parse().unwrap() },
        Some(json!({ "Type": "PA", "PA": "10.156.233.218" })),
        &json!({ "Type": "ProviderAddress", "Settings": { "ProviderAddress": "10.156.233.218" } }),
    );
    check_setting(
        &SdnRoute { destination_prefix: "10.43.0.0/16".parse().unwrap(), next_hop: None, need_encap: true },
        Some(json!({ "Type": "ROUTE", "DestinationPrefix": "10.43.0.0/16", "NeedEncap": true })),
        &json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.43.0.0/16", "NeedEncap": true } }),
    );
    let exceptions = ["10.43.0.0/16", "10.42.0.0/16"].map(|prefix| prefix.parse().unwrap()).to_vec();
    check_setting(
        &OutBoundNat { exceptions, ..OutBoundNat::default() },
        Some(json!({ "Type": "OutBoundNAT", "ExceptionList": ["10.43.0.0/16", "10.42.0.0/16"] })),
        &json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["10.43.0.0/16", "10.42.0.0/16"] } }),
    );
    check_setting(
        &Vsid { isolation_id: 4096 },
        Some(json!({ "Type": "VSID", "VSID": 4096 })),
        &json!({ "Type": "VSID", "Settings": { "IsolationId": 4096 } }),
    );
    check_setting(&VxlanPort { port: 4789 }, None, &json!({ "Type": "VxlanPort", "Settings": { "Port": 4789 } }));
    check_setting(&HostRoute {}, None, &json!({ "Type": "HostRoute", "Settings": {} }));
}

#[test]
fn settings_of_an_overlay_network() {
    let network = Network::from_v2(&read(V2_NETWORK).unwrap()).unwrap();
    fn one<S: Setting>(network: &Network) -> S {
        network.policies.iter().find_map(Policy::setting::<S>).unwrap().unwrap()
    }
    expect![[r#"
        (
            DrMacAddress {
                address: 00-15-5d-b0-1e-7f,
            },
            RemoteSubnetRoute {
                destination_prefix: Prefix(100.244.49.64/26),
                isolation_id: 4096,
                provider_address: 10.20.30.10,
                distributed_router_mac_address: 66-a5-cc-c1-86-97,
            },
            SetPolicy {
                id: "azure-npm-101",
                name: "azure-npm-101",
                policy_type: "IPSET",
                values: "10.0.0.4,10.0.0.9",
            },
        )
    "#]]
    .assert_debug_eq(&(one::<DrMacAddress>(&network), one::<RemoteSubnetRoute>(&network), one::<SetPolicy>(&network)));
    let route: RemoteSubnetRoute = one(&network);
    assert!(network.policies.contains(&route.policy(Door::V2).unwrap()), "written as it was read");
    assert_eq!(route.policy(Door::V1), None);
}

#[test]
fn a_policy_of_the_other_door_is_not_written() {
    let endpoint = Endpoint::from_v1(&read(V1_ENDPOINT).unwrap()).unwrap();
    let version = "13.3".parse().unwrap();
    assert!(endpoint.policies.iter().all(|policy| policy.write(Door::V1, version).is_ok()));
    let refused: Vec<String> =
        endpoint.policies.iter().filter_map(|p| p.write(Door::V2, version).err()).map(|e| e.to_string()).collect();
    assert_eq!(refused.len(), 4, "all but the two ACLs that are understood");
    expect![[r#"a policy of type "OutBoundNAT" was read through the V1 API and can't be written through the other: read it again"#]].assert_eq(&refused[0]);
}
