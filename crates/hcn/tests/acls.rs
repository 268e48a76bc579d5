//! ACLs in both spellings: what every version writes reads back to the same; what it can't express, and what can't be read exactly, is said.

use expect_test::expect;
use margay_hcn::{Acl, AclError, AclRule, Action, Direction, Door, Feature, Members, Policy, RuleType, Version};
use margay_net::{PortSet, Prefix, Protocol};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};
use std::net::IpAddr;

const V7_0: Version = Version::new(7, 0);
const V9_5: Version = Version::new(9, 5);

fn prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| (IpAddr::from(bits.to_be_bytes()), length));
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| (IpAddr::from(bits.to_be_bytes()), length));
    prop_oneof![4 => v4, 1 => v6]
        .prop_filter_map("a block of mapped addresses", |(address, length)| Prefix::new(address, length).ok())
}

/// Mostly none or one, which every version takes.
fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    prop_oneof![Just(0..1), Just(1..2), Just(2..6)].prop_flat_map(|size| prop::collection::vec(prefix(), size))
}

fn ports() -> impl Strategy<Value = Option<PortSet>> {
    let range = prop_oneof![
        4 => any::<u16>().prop_map(|port| port..=port),
        2 => (any::<u16>(), any::<u16>()).prop_map(|(a, b)| a.min(b)..=a.max(b)),
        1 => Just(0..=0),
        1 => Just(0..=u16::MAX),
    ];
    let sets = prop_oneof![3 => Just(1..2), 2 => Just(2..5), 1 => Just(0..1)]
        .prop_flat_map(move |size| prop::collection::vec(range.clone(), size));
    prop_oneof![2 => Just(None), 1 => sets.prop_map(|ranges| Some(ranges.into_iter().collect()))]
}

fn acl() -> impl Strategy<Value = Acl> {
    let protocol = prop_oneof![
        2 => Just(None),
        4 => Just(Some(Protocol::TCP)),
        1 => Just(Some(Protocol::UDP)),
        1 => Just(Some(Protocol(252))),
        1 => any::<u8>().prop_map(|number| Some(Protocol(number))),
    ];
    let kinds = (
        prop::sample::select(vec![RuleType::Switch, RuleType::Host]),
        prop::sample::select(Direction::ALL.to_vec()),
        prop::sample::select(vec![Action::Allow, Action::Block]),
    );
    let priority = prop_oneof![1 => Just(0), 3 => any::<u16>()];
    let id = prop_oneof![Just(String::new()), "[a-z|\"\\\\é -]{1,20}"];
    (priority, id, kinds, protocol, prefixes(), prefixes(), ports(), ports()).prop_map(
        |(priority, id, (rule_type, direction, action), protocol, local, remote, local_ports, remote_ports)| Acl {
            priority,
            rule: AclRule {
                id: id.into(),
                rule_type,
                direction,
                action,
                protocol,
                local_addresses: local,
                remote_addresses: remote,
                local_ports,
                remote_ports,
            },
        },
    )
}

/// What a version can express, said in another way than the code does.
fn expressible(acl: &Acl, door: Door, version: Version) -> bool {
    let rule = &acl.rule;
    let sorted = rule.clone().sorted();
    let addresses = [&sorted.local_addresses, &sorted.remote_addresses];
    let v4 = addresses.iter().flat_map(|list| list.iter()).filter(|prefix| prefix.first().is_ipv4()).count();
    let all = addresses.iter().map(|list| list.len()).sum::<usize>();
    let ports: Vec<&PortSet> = [&rule.local_ports, &rule.remote_ports].into_iter().flatten().collect();
    let with_ports = matches!(rule.protocol, Some(Protocol(6 | 17)));
    let old = version < Version::new(7, 2);
    (door == Door::V1 || version >= Version::new(9, 2))
        && (v4 == 0 || v4 == all)
        && (with_ports || ports.is_empty())
        && ports.iter().all(|set| !set.is_empty() && (!set.contains(0) || set.contains(1)))
        && rule.protocol != Some(Protocol(0))
        && (rule.protocol != Some(Protocol(252)) || version >= Version::new(11, 0))
        && (!old || rule.id.is_empty())
        && !(old && addresses.iter().any(|list| list.len() > 1))
        && !(old && ports.iter().any(|set| set.len() != 1))
        && !(old && rule.rule_type == RuleType::Host && acl.priority == 0)
}

/// As HNS prints it: every member is there, empty where it was not given.
fn printed(mut policy: Members, door: Door) -> Members {
    let settings = match door {
        Door::V1 => &mut policy,
        Door::V2 => policy["Settings"].as_object_mut().unwrap(),
    };
    let texts = ["Id", "LocalAddresses", "RemoteAddresses", "LocalPorts", "RemotePorts", "ServiceName"];
    for name in texts {
        settings.entry(name).or_insert("".into());
    }
    settings.entry("Priority").or_insert(0.into());
    settings.insert("Scope".into(), 0.into());
    if door == Door::V1 {
        for name in ["LocalPort", "RemotePort", "InternalPort"] {
            settings.entry(name).or_insert(0.into());
        }
    }
    policy
}

proptest! {
    #[test]
    fn what_is_written_reads_back(acl in acl()) {
        for version in Version::KNOWN {
            for door in Door::ALL {
                let written = acl.write(door, version);
                prop_assert_eq!(written.is_ok(), expressible(&acl, door, version), "{} {}: {:?}", version, door, written);
                let Ok(policy) = written else { continue };
                let expected = Acl { priority: acl.priority, rule: acl.rule.clone().sorted() };
                prop_assert_eq!(Acl::read(door, &policy), Ok(expected.clone()));
                let printed = printed(policy.clone(), door);
                prop_assert_eq!(Acl::read(door, &printed), Ok(expected.clone()), "as HNS prints it");
                prop_assert_eq!(expected.write(door, version), Ok(policy.clone()), "equal rules are equal texts");
                prop_assert_eq!(Policy::read(door, &policy), Policy::Acl(expected));
            }
        }
    }
}

/// How often the generator gives what each version takes: the property above says something only where this is not rare.
#[test]
fn the_generator_reaches_every_version() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let acls: Vec<Acl> = (0..2000).map(|_| acl().new_tree(&mut runner).unwrap().current()).collect();
    for version in Version::KNOWN {
        for door in Door::ALL.into_iter().filter(|door| *door == Door::V1 || version.has(Feature::ApiV2)) {
            let share = acls.iter().filter(|acl| acl.write(door, version).is_ok()).count();
            let least = if version < Version::new(7, 2) { 60 } else { 400 };
            assert!((least..1600).contains(&share), "{version} {door}: {share} of 2000");
        }
    }
}

fn web() -> Acl {
    Acl {
        priority: 1000,
        rule: AclRule {
            id: "policy|web".into(),
            rule_type: RuleType::Switch,
            direction: Direction::In,
            action: Action::Allow,
            protocol: Some(Protocol::TCP),
            local_addresses: vec![],
            remote_addresses: ["10.9.0.0/16", "10.1.2.3"].map(|prefix| prefix.parse().unwrap()).to_vec(),
            local_ports: Some([80..=80, 8080..=8090].into_iter().collect()),
            remote_ports: None,
        },
    }
}

fn old() -> Acl {
    let mut acl = web();
    acl.rule.id = "".into();
    acl.rule.remote_addresses.pop();
    acl.rule.local_ports = Some(PortSet::from(80));
    acl
}

#[test]
fn spellings() {
    let write = |acl: Acl, door, version| serde_json::to_string_pretty(&acl.write(door, version).unwrap()).unwrap();
    expect![[r#"
        {
          "Type": "ACL",
          "Protocol": 6,
          "Action": "Allow",
          "Direction": "In",
          "RemoteAddresses": "10.9.0.0/16",
          "LocalPort": 80,
          "RuleType": "Switch",
          "Priority": 1000
        }"#]]
    .assert_eq(&write(old(), Door::V1, V7_0));
    expect![[r#"
        {
          "Type": "ACL",
          "Id": "policy|web",
          "Protocol": 6,
          "Action": "Allow",
          "Direction": "In",
          "RemoteAddresses": "10.1.2.3/32,10.9.0.0/16",
          "LocalPorts": "80,8080-8090",
          "RuleType": "Switch",
          "Priority": 1000
        }"#]]
    .assert_eq(&write(web(), Door::V1, V9_5));
    expect![[r#"
        {
          "Type": "ACL",
          "Settings": {
            "Id": "policy|web",
            "Protocols": "6",
            "Action": "Allow",
            "Direction": "In",
            "RemoteAddresses": "10.1.2.3/32,10.9.0.0/16",
            "LocalPorts": "80,8080-8090",
            "RuleType": "Switch",
            "Priority": 1000
          }
        }"#]]
    .assert_eq(&write(web(), Door::V2, V9_5));
    let mut host = web();
    (host.priority, host.rule.rule_type, host.rule.protocol, host.rule.local_ports) = (0, RuleType::Host, None, None);
    expect![[r#"
        {
          "Type": "ACL",
          "Settings": {
            "Id": "policy|web",
            "Protocols": "256",
            "Action": "Allow",
            "Direction": "In",
            "RemoteAddresses": "10.1.2.3/32,10.9.0.0/16",
            "RuleType": "Host"
          }
        }"#]]
    .assert_eq(&write(host, Door::V2, V9_5));
}

#[test]
fn what_a_version_cant_express_is_an_error() {
    let check = |edit: fn(&mut Acl), door, version, expected: &str| {
        let mut acl = if version == V7_0 { old() } else { web() };
        edit(&mut acl);
        assert_eq!(acl.write(door, version).unwrap_err().to_string(), expected);
    };
    check(|acl| acl.rule.id = "x".into(), Door::V1, V7_0, r#"HNS 7.0 has no ids of ACLs, such as "x": leave it empty"#);
    check(
        |acl| acl.rule.remote_addresses.push("10.1.2.3".parse().unwrap()),
        Door::V1,
        V7_0,
        "HNS 7.0 takes one address in RemoteAddresses, not 2: write an ACL for each",
    );
    check(
        |acl| acl.rule.remote_ports = Some(PortSet::from(1..=2)),
        Door::V1,
        V7_0,
        "HNS 7.0 takes one port in RemotePort, not 1-2: write an ACL for each",
    );
    check(
        |acl| (acl.rule.rule_type, acl.priority) = (RuleType::Host, 0),
        Door::V1,
        V7_0,
        "HNS 7.0 needs a priority for a host rule: give it 100",
    );
    check(|_| {}, Door::V2, V7_0, "HNS 7.0 has no V2 API: ask through V1");
    check(
        |acl| acl.rule.local_addresses.push("2001:db8::/32".parse().unwrap()),
        Door::V2,
        V9_5,
        "IPv4 and IPv6 addresses stand in one ACL, which HNS refuses: write one for each family",
    );
    check(
        |acl| acl.rule.protocol = Some(Protocol::SCTP),
        Door::V2,
        V9_5,
        "LocalPorts is given without TCP or UDP, which HNS refuses",
    );
    check(
        |acl| acl.rule.local_ports = Some(PortSet::empty()),
        Door::V2,
        V9_5,
        "LocalPorts is the empty set: leave the ACL out, it matches nothing",
    );
    check(
        |acl| acl.rule.local_ports = Some([0, 80].into_iter().collect()),
        Door::V2,
        V9_5,
        "LocalPorts has port 0 by itself, which HNS may read as any port: leave it out",
    );
    let mut vxlan = web();
    (vxlan.rule.protocol, vxlan.rule.local_ports) = (Some(Protocol(252)), None);
    assert_eq!(vxlan.write(Door::V2, V9_5), Err(AclError::Protocol252 { version: V9_5 }));
}

/// An ACL of V2 with members changed; `null` leaves one out.
fn foreign(changes: Value) -> Policy {
    let mut settings = json!({
        "Action": "Allow", "Direction": "In", "Protocols": "6", "RemoteAddresses": "10.0.0.0/8", "LocalPorts": "80", "RuleType": "Switch", "Priority": 200
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(settings.as_object_mut().unwrap().remove(name)),
            value => settings[name] = value.clone(),
        }
    }
    Policy::read(Door::V2, json!({ "Type": "ACL", "Settings": settings }).as_object().unwrap())
}

#[test]
fn what_cant_be_read_exactly_stays_an_acl() {
    for (changes, expected) in [
        (json!({ "RemoteAddresses": "Any" }), "RemoteAddresses Any"),
        (json!({ "RemoteAddresses": "azure-npm-101,azure-npm-102" }), "RemoteAddresses azure-npm-101"),
        (json!({ "RemoteAddresses": "10.0.0.0/8,azure-npm-102" }), "RemoteAddresses azure-npm-102"),
        (json!({ "RemoteAddresses": "10.0.0.1-10.0.0.9" }), "RemoteAddresses 10.0.0.1-10.0.0.9"),
        (json!({ "RemoteAddresses": "10.1.2.3/8" }), "RemoteAddresses 10.1.2.3/8"),
        (json!({ "RemoteAddresses": "::ffff:10.0.0.1" }), "RemoteAddresses ::ffff:10.0.0.1"),
        (json!({ "RemoteAddresses": "10.0.0.1, 10.0.0.2" }), "RemoteAddresses  10.0.0.2"),
        (json!({ "RemoteAddresses": "10.0.0.1," }), "RemoteAddresses "),
        (
            json!({ "RemoteAddresses": "10.0.0.1,::1" }),
            "RemoteAddresses of another family than LocalAddresses, or of both",
        ),
        (json!({ "LocalAddresses": "::1" }), "RemoteAddresses of another family than LocalAddresses, or of both"),
        (json!({ "LocalPorts": "http" }), "LocalPorts http"),
        (json!({ "LocalPorts": "0" }), "LocalPorts 0"),
        (json!({ "LocalPorts": "90-80" }), "LocalPorts 90-80"),
        (json!({ "LocalPorts": "080" }), "LocalPorts 080"),
        (json!({ "LocalPorts": "65536" }), "LocalPorts 65536"),
        (json!({ "Protocols": "6,17" }), "Protocols 6,17"),
        (json!({ "Protocols": "TCP" }), "Protocols TCP"),
        (json!({ "Protocols": "0" }), "Protocols 0"),
        (json!({ "Protocols": "257" }), "Protocols 257"),
        (json!({ "Protocols": "132" }), "Protocol without ports, beside ports"),
        (json!({ "Action": "Pass" }), "Action Pass"),
        (json!({ "Action": null }), "Action (none)"),
        (json!({ "Direction": "Both" }), "Direction Both"),
        (json!({ "RuleType": "Else" }), "RuleType Else"),
        (json!({ "Priority": 70000 }), "Priority 70000"),
        (json!({ "Priority": null }), "Priority (none)"),
        (json!({ "Scope": 1 }), "Scope 1"),
        (json!({ "ServiceName": "http.sys" }), "ServiceName http.sys"),
        (json!({ "IcmpType": 8 }), "IcmpType 8"),
    ] {
        let policy = foreign(changes.clone());
        let Policy::Other(raw) = &policy else { panic!("{changes} was read as {policy:?}") };
        assert!(policy.is_acl() && policy.acl().is_none(), "{changes}");
        assert_eq!(raw.acl().unwrap().unwrap_err().to_string(), format!("the ACL's {expected} can't be read exactly"));
        assert_eq!(policy.write(Door::V2, V9_5).unwrap(), raw.document, "written as it was read");
    }
}

#[test]
fn what_can_be_read_though_we_write_it_otherwise() {
    for (changes, expected) in [
        (
            json!({ "RemoteAddresses": "10.0.0.9,10.0.0.4,10.0.0.4" }),
            r#"{"RemoteAddresses":"10.0.0.4/32,10.0.0.9/32"}"#,
        ),
        (json!({ "LocalPorts": "8080,80,81-90" }), r#"{"LocalPorts":"80-90,8080"}"#),
        (json!({ "Protocols": null, "LocalPorts": null }), r#"{"Protocols":"256"}"#),
        (json!({ "RuleType": null }), r#"{"RuleType":"Switch"}"#),
        (json!({ "RuleType": "Host", "Priority": null }), r#"{"RuleType":"Host"}"#),
    ] {
        let written = foreign(changes.clone()).acl().unwrap().write(Door::V2, V9_5).unwrap();
        for (name, value) in serde_json::from_str::<Members>(expected).unwrap() {
            assert_eq!(written["Settings"][&name], value, "{changes}");
        }
    }
}

#[test]
fn members_of_v1_alone() {
    let read = |changes: Value| {
        let mut policy =
            json!({ "Type": "ACL", "Action": "Allow", "Direction": "In", "RuleType": "Switch", "Priority": 200 });
        policy.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let read = Acl::read(Door::V1, policy.as_object().unwrap()).map_err(|error| error.member);
        read.map(|acl| (acl.rule.protocol, acl.rule.local_ports))
    };
    let tcp = Some(Protocol::TCP);
    for (changes, expected) in [
        (json!({}), Ok((None, None))),
        (json!({ "Protocol": 256, "LocalPort": 0 }), Ok((None, None))),
        (json!({ "Protocol": 6, "LocalPort": 80 }), Ok((tcp, Some(PortSet::from(80))))),
        (
            json!({ "Protocol": 6, "Protocols": "6", "LocalPort": 80, "LocalPorts": "80" }),
            Ok((tcp, Some(PortSet::from(80)))),
        ),
        (json!({ "Protocols": "6", "LocalPort": 0, "LocalPorts": "80-81" }), Ok((tcp, Some(PortSet::from(80..=81))))),
        (json!({ "Protocol": 6, "LocalPort": 80, "LocalPorts": "81" }), Err("LocalPorts".to_string())),
        (json!({ "Protocol": 6, "LocalPort": 70000 }), Err("LocalPorts".to_string())),
        (json!({ "Protocol": 6, "Protocols": "17" }), Err("Protocols".to_string())),
        (json!({ "Protocol": 0 }), Err("Protocol".to_string())),
        (json!({ "InternalPort": 80 }), Err("InternalPort".to_string())),
        (json!({ "Scope": 1 }), Err("Scope".to_string())),
        (json!({ "ServiceName": "http.sys" }), Err("ServiceName".to_string())),
        (json!({ "IcmpType": 0 }), Err("IcmpType".to_string())),
    ] {
        assert_eq!(read(changes.clone()), expected, "{changes}");
    }
}
