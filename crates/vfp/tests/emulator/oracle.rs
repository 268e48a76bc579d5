//! The compiled matcher against a naive one, which reads the documents for itself.

use crate::support::{emulator, request};
use margay_hcn::{Kind, Service};
use margay_net::Protocol;
use margay_vfp::{Direction, NetworkKind, Packet, Verdict};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The settings of an ACL, as they are sent.
fn settings() -> impl Strategy<Value = Value> {
    let protocol = select(&["6", "6", "17", "1", "58", "132", "256", ""][..]);
    let ends = (addresses(), addresses());
    let ports = (prop::option::of(ports()), prop::option::of(ports()));
    let head = (
        select(&[100u16, 200, 200, 300, 65500][..]),
        select(&["In", "Out"][..]),
        select(&["Allow", "Allow", "Block"][..]),
    );
    (head, protocol, ends, ports).prop_map(|((priority, direction, action), protocol, (local, remote), (own, other))| {
        let mut settings = json!({ "RuleType": "Switch", "Priority": priority, "Direction": direction, "Action": action,
            "Protocols": protocol, "LocalAddresses": local, "RemoteAddresses": remote });
        if matches!(protocol, "6" | "17") {
            settings["LocalPorts"] = own.unwrap_or_default().into();
            settings["RemotePorts"] = other.unwrap_or_default().into();
        }
        settings
    })
}

/// A list of prefixes of one family, near each other; or nothing.
fn addresses() -> impl Strategy<Value = String> {
    let v4 =
        (0..64u32, 26..=32u8).prop_map(|(low, length)| format!("{}/{length}", Ipv4Addr::from_bits(0x0a00_0000 | low)));
    let v6 = (0..64u128, 122..=128u8)
        .prop_map(|(low, length)| format!("{}/{length}", Ipv6Addr::from_bits(0xfd << 120 | low)));
    let edges = select(&["0.0.0.0/0", "255.255.255.255", "0.0.0.0/1", "10.0.0.0/8"][..]).prop_map(str::to_owned);
    let list = |text: Vec<String>| text.join(",");
    prop_oneof![
        3 => Just(String::new()),
        3 => prop::collection::vec(prop_oneof![5 => v4, 1 => edges], 1..6).prop_map(list),
        1 => prop::collection::vec(prop_oneof![5 => v6, 1 => Just("::/0".to_owned())], 1..6).prop_map(list),
    ]
}

fn ports() -> impl Strategy<Value = String> {
    let port = || prop_oneof![0..8u16, 65530..=65535u16];
    let range = prop_oneof![
        port().prop_map(|p| p.to_string()),
        (port(), port()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)))
    ];
    prop::collection::vec(range, 1..4).prop_map(|list| list.join(","))
}

fn packet() -> impl Strategy<Value = Packet> {
    let port = || prop_oneof![0..9u16, 65529..=65535u16];
    let protocol = select(&[6u8, 6, 17, 1, 58, 132, 50][..]);
    let low = || prop_oneof![8 => 0..65u32, 1 => Just(u32::MAX - 0x0a00_0000)];
    (protocol, any::<bool>(), low(), low(), port(), port()).prop_map(|(protocol, v6, source, destination, from, to)| {
        let address = |low: u32| -> IpAddr {
            if v6 {
                Ipv6Addr::from_bits(0xfd << 120 | u128::from(low)).into()
            } else {
                Ipv4Addr::from_bits(0x0a00_0000u32.wrapping_add(low)).into()
            }
        };
        let packet = Packet::new(Protocol(protocol), address(source), address(destination));
        if packet.protocol.has_ports() { packet.ports(from, to) } else { packet }
    })
}

/// Whether an address is in a list, bit by bit.
fn in_list(list: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    let entry = |entry: &str| {
        let (text, length) = entry.split_once('/').unwrap_or((entry, ""));
        let (family, prefix, longest) = bits(text.parse().expect("an address"));
        let (of, number, _) = bits(address);
        let length = length.parse().unwrap_or(longest);
        family == of && (0..length).all(|bit| prefix >> (longest - 1 - bit) & 1 == number >> (longest - 1 - bit) & 1)
    };
    list.is_empty() || list.split(',').any(entry)
}

fn in_ports(list: &str, port: u16) -> bool {
    let entry = |entry: &str| {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        (first.parse::<u16>().expect("a port")..=last.parse().expect("a port")).contains(&port)
    };
    list.is_empty() || list.split(',').any(entry)
}

/// What the documents say, read one by one.
fn naive(acls: &[Value], tie_break: &str, default_deny: &str, direction: Direction, packet: &Packet) -> Verdict {
    let text = |acl: &Value, member: &str| acl[member].as_str().unwrap_or_default().to_owned();
    let is_of = |acl: &&Value| text(acl, "Direction") == direction.to_string();
    let (local, remote) = match direction {
        Direction::In => ((packet.destination, packet.destination_port), (packet.source, packet.source_port)),
        Direction::Out => ((packet.source, packet.source_port), (packet.destination, packet.destination_port)),
    };
    let matches = |acl: &Value| {
        let protocol = text(acl, "Protocols");
        (protocol.is_empty() || protocol == "256" || protocol == packet.protocol.0.to_string())
            && in_list(&text(acl, "LocalAddresses"), local.0)
            && in_list(&text(acl, "RemoteAddresses"), remote.0)
            && in_ports(&text(acl, "LocalPorts"), local.1)
            && in_ports(&text(acl, "RemotePorts"), remote.1)
    };
    let first = acls.iter().enumerate().filter(|(_, acl)| is_of(acl) && matches(acl)).min_by_key(|(at, acl)| {
        let allows = acl["Action"] == "Allow";
        let tie = match tie_break {
            "allow-first" => i64::from(!allows),
            "block-first" => i64::from(allows),
            "insertion" => *at as i64,
            _ => -(*at as i64),
        };
        (acl["Priority"].as_u64(), tie)
    });
    match first {
        Some((_, acl)) if acl["Action"] == "Allow" => Verdict::Allow,
        Some(_) => Verdict::Drop,
        None if acls.is_empty() => Verdict::Allow,
        None if default_deny == "own-direction" && !acls.iter().any(|acl| is_of(&acl)) => Verdict::Allow,
        None => Verdict::Drop,
    }
}

/// 512 ports, 60 packets for each in both directions. It says what it covered: a generator whose verdicts are all alike proves nothing.
#[test]
fn compiled_rules_say_what_the_documents_say() {
    let allowed = Cell::new(0);
    let asked = Cell::new(0);
    let knobs =
        (select(&["block-first", "allow-first", "insertion", "reverse"][..]), select(&["both", "own-direction"][..]));
    let case = (prop::collection::vec(settings(), 0..12), prop::collection::vec(packet(), 60), knobs);
    let run = TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() }).run(
        &case,
        |(acls, packets, knobs)| {
            let settings = [format!("tie-break={}", knobs.0), format!("default-deny={}", knobs.1)];
            let hns = emulator("13.3", &[&settings[0], &settings[1]]);
            let network = hns
                .add_network(NetworkKind::L2Bridge, "net", &["10.0.0.0/8".parse().expect("a prefix")])
                .expect("a network");
            let pod = hns.add_endpoint(network, "pod", &[]).expect("an endpoint");
            let policies: Vec<Value> = acls.iter().map(|acl| json!({ "Type": "ACL", "Settings": acl })).collect();
            hns.modify(Kind::Endpoint, pod, &request("Update", &policies)).expect("ACLs are taken");
            let rules = hns.rules(pod).expect("the pod has a port");
            for (packet, direction) in
                packets.iter().flat_map(|packet| Direction::ALL.map(|direction| (packet, direction)))
            {
                let says = rules.decide(direction, packet).verdict;
                prop_assert_eq!(
                    says,
                    naive(&acls, knobs.0, knobs.1, direction, packet),
                    "{} {} {:?}",
                    direction,
                    packet,
                    knobs
                );
                asked.set(asked.get() + 1);
                allowed.set(allowed.get() + u64::from(says == Verdict::Allow));
            }
            Ok(())
        },
    );
    run.expect("both say the same");
    let share = allowed.get() * 100 / asked.get();
    assert!((20..80).contains(&share), "{share}% of {} packets are let through", asked.get());
}
