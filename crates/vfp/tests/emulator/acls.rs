//! Which packets ACLs let through.

use crate::support::{OTHER, POD, acl, bridge, code, on, packet_of, request};
use margay_hcn::{ErrorCode, Kind, Service, Version};
use margay_vfp::Direction::{In, Out};
use margay_vfp::{Direction, MisuseKind, NetworkKind, Why};
use serde_json::json;

/// Gives the pod ACLs, then asks: direction, packet, what its rules say.
fn check(version: &str, knobs: &[&str], acls: &[&str], asked: &[(Direction, &str, &str)]) {
    let bridge = bridge(version, knobs);
    bridge.acls(acls);
    for (direction, packet, says) in asked {
        assert_eq!(
            bridge.says(*direction, packet),
            *says,
            "HNS {version} {knobs:?}, ACLs {acls:#?}: {direction} {packet}"
        );
    }
}

const WEB: &str = "TCP 10.0.0.20:40000 10.0.0.10:80";
const DNS: &str = "UDP 10.0.0.10:40000 10.0.0.53:53";

#[test]
fn fields() {
    let table: &[(&str, &[(&str, &str)])] = &[
        (
            "1000 In Allow 6",
            &[(WEB, "allow"), ("UDP 10.0.0.20:1 10.0.0.10:80", "drop"), ("TCP [fd00::20]:1 [fd00::10]:80", "allow")],
        ),
        ("1000 In Allow 256", &[(WEB, "allow"), ("132 10.0.0.20 10.0.0.10", "allow")]),
        ("1000 In Allow 6 Protocols -", &[(WEB, "allow"), ("UDP 10.0.0.20:1 10.0.0.10:80", "allow")]),
        ("1000 In Allow 6 LocalPorts 80,443,8000-8080", &[(WEB, "allow")]),
        ("1000 In Allow 6 LocalPorts 80,443,8000-8080", &[("TCP 10.0.0.20:1 10.0.0.10:8080", "allow")]),
        (
            "1000 In Allow 6 LocalPorts 80,443,8000-8080",
            &[("TCP 10.0.0.20:1 10.0.0.10:8081", "drop"), ("TCP 10.0.0.20:80 10.0.0.10:79", "drop")],
        ),
        // In, local is the destination and remote the source.
        ("1000 In Allow 6 RemotePorts 40000", &[(WEB, "allow"), ("TCP 10.0.0.20:80 10.0.0.10:40000", "drop")]),
        (
            "1000 In Allow 256 RemoteAddresses 10.0.0.16/28",
            &[(WEB, "allow"), ("TCP 10.0.0.15:1 10.0.0.10:80", "drop"), ("TCP 10.0.0.32:1 10.0.0.10:80", "drop")],
        ),
        (
            "1000 In Allow 256 RemoteAddresses 10.0.0.31,10.0.0.16/30",
            &[("TCP 10.0.0.31:1 10.0.0.10:80", "allow"), (WEB, "drop")],
        ),
        ("1000 In Allow 256 LocalAddresses 10.0.0.20", &[(WEB, "drop")]),
        ("1000 In Allow 256 LocalAddresses 10.0.0.10/32", &[(WEB, "allow"), ("TCP 10.0.0.20:1 224.0.0.1:80", "drop")]),
        // A rule without addresses is of both families, one with them of theirs.
        ("1000 In Allow 256 RemoteAddresses fd00::/64", &[("TCP [fd00::20]:1 [fd00::10]:80", "allow"), (WEB, "drop")]),
        ("1000 In Allow 256 RemoteAddresses 0.0.0.0/0", &[(WEB, "allow"), ("TCP [fd00::20]:1 [fd00::10]:80", "drop")]),
    ];
    for (acl, packets) in table {
        let asked: Vec<_> = packets.iter().map(|(packet, says)| (In, *packet, *says)).collect();
        check("13.3", &[], &[acl], &asked);
    }
    // Out, local is the source.
    check(
        "13.3",
        &[],
        &["1000 Out Allow 17 RemotePorts 53 RemoteAddresses 10.0.0.53"],
        &[(Out, DNS, "allow"), (Out, WEB, "drop")],
    );
    check("13.3", &[], &["1000 Out Allow 17 LocalPorts 53"], &[(Out, DNS, "drop")]);
}

#[test]
fn order_and_default() {
    let ladder = [
        "2000 In Block 256",
        "1000 In Allow 6 LocalPorts 80",
        "1500 Out Allow 17",
        "900 In Block 256 RemoteAddresses 10.0.0.66",
    ];
    check(
        "9.5",
        &[],
        &ladder,
        &[
            (In, WEB, "allow"),
            (In, "TCP 10.0.0.66:1 10.0.0.10:80", "drop"),
            (In, "TCP 10.0.0.20:1 10.0.0.10:81", "drop"),
            (Out, DNS, "allow"),
            (Out, WEB, "drop"),
        ],
    );
    // No ACL: all passes. One: the rest is denied, in both directions or in its own.
    check("9.5", &[], &[], &[(In, WEB, "allow"), (Out, DNS, "allow")]);
    check("9.5", &[], &["65500 In Block 256"], &[(In, WEB, "drop"), (Out, DNS, "drop")]);
    check("9.5", &["default-deny=own-direction"], &["65500 In Block 256"], &[(In, WEB, "drop"), (Out, DNS, "allow")]);
}

#[test]
fn ties() {
    let acls = ["1000 In Allow 6", "1000 In Block 256", "2000 In Allow 256"];
    for (knob, says) in [("block-first", "drop"), ("allow-first", "allow"), ("insertion", "allow"), ("reverse", "drop")]
    {
        check(
            "9.5",
            &[&format!("tie-break={knob}")],
            &acls,
            &[(In, WEB, says), (In, "UDP 10.0.0.20:1 10.0.0.10:1", "drop")],
        );
    }
    let bridge = bridge("9.5", &[]);
    bridge.acls(&acls);
    assert!(bridge.hns.misuses().iter().any(|misuse| misuse.kind == MisuseKind::TiedActions));
}

#[test]
fn priorities_out_of_band() {
    let low = ["90 Out Block 6 RemotePorts 25", "1000 In Allow 256", "1000 Out Allow 256"];
    let arp = [[0xff; 12].as_slice(), &[0x08, 0x06], &[0; 28]].concat();
    for (version, knob, cut) in [
        ("15.4", "low-priority=server-2025", true),
        ("16.0", "low-priority=server-2025", true),
        ("13.3", "low-priority=server-2025", false),
        ("9.5", "low-priority=always", true),
        ("16.0", "low-priority=never", false),
    ] {
        let bridge = bridge(version, &[knob]);
        bridge.acls(&low);
        assert_eq!(bridge.says(In, WEB) == "drop", cut, "HNS {version} {knob}");
        let frame = bridge.hns.process_frame(bridge.pod, In, &arp);
        assert_eq!(frame.why, if cut { Why::CutOff } else { Why::NotIp }, "HNS {version} {knob}: ARP");
        assert_eq!(bridge.hns.misuses()[0].kind, MisuseKind::PriorityTooLow);
    }
    // Above 65500 it is as if there were no rule.
    check("9.5", &[], &["65501 In Block 256"], &[(In, WEB, "allow"), (Out, DNS, "allow")]);
    check("9.5", &[], &["65501 In Allow 256", "65500 Out Allow 256"], &[(In, WEB, "drop"), (Out, DNS, "allow")]);
}

#[test]
fn networks_that_enforce() {
    for (kind, knob, says) in [
        (NetworkKind::L2Bridge, "nat-acls=inert", "drop"),
        (NetworkKind::L2Tunnel, "nat-acls=inert", "drop"),
        (NetworkKind::Overlay, "nat-acls=inert", "drop"),
        (NetworkKind::Nat, "nat-acls=inert", "allow"),
        (NetworkKind::Nat, "nat-acls=enforced", "drop"),
        (NetworkKind::Transparent, "nat-acls=enforced", "allow"),
    ] {
        let net = on(kind, "13.3", &[knob]);
        net.acls(&["1000 In Block 256", "1000 Out Block 256"]);
        assert_eq!(net.says(In, WEB), says, "{kind} {knob}");
    }
}

#[test]
fn exemptions() {
    let closed = ["1000 In Block 256", "1000 Out Block 256"];
    let dhcp = "UDP 0.0.0.0:68 255.255.255.255:67";
    for (knob, says) in [("exemptions=nothing", "drop"), ("exemptions=nd-dhcp", "allow")] {
        let bridge = bridge("13.3", &[knob]);
        bridge.acls(&closed);
        assert_eq!(bridge.says(Out, dhcp), says);
        let mut solicit = packet_of("ICMPv6 fd00::20 ff02::1:ff00:10");
        for (kind, says) in [(128, "drop"), (133, says), (135, says), (136, says), (137, "drop")] {
            solicit.icmp.kind = kind;
            let verdict = bridge.hns.match_tuple(bridge.pod, In, &solicit).verdict;
            assert_eq!(verdict.to_string(), says, "{knob}, ICMPv6 type {kind}");
        }
    }
}

#[test]
fn host_rules_are_not_vfps() {
    let host = ["0 In Allow 256 RuleType Host", "0 Out Allow 256 RuleType Host"];
    let switch = ["1000 In Allow 256", "1000 Out Allow 256"];
    let both: Vec<&str> = host.iter().chain(&switch).copied().collect();
    for (knob, acls, says) in [
        // They neither decide nor deny by being there.
        ("ignored", &host[..], "allow"),
        ("ignored", &switch[..], "allow"),
        ("needs-host-allow", &[], "allow"),
        ("needs-host-allow", &switch[..], "drop"),
        ("needs-host-allow", &both[..], "allow"),
        ("defaults", &[], "allow"),
    ] {
        check("9.5", &[&format!("host-firewall={knob}")], acls, &[(In, WEB, says), (Out, DNS, says)]);
    }
    check(
        "9.5",
        &["host-firewall=defaults"],
        &[],
        &[(In, "132 10.0.0.20 10.0.0.10", "drop"), (Out, "132 10.0.0.10 10.0.0.20", "allow")],
    );
    // Without a type it is one of VFP, or of the host.
    let untyped = "1000 In Block 256 RuleType -";
    check("9.5", &["absent-rule-type=switch"], &[untyped], &[(In, WEB, "drop")]);
    check("9.5", &["absent-rule-type=host"], &[untyped], &[(In, WEB, "allow")]);
    // Before 7.2 a Host rule needs a number.
    for (version, code) in [("7.0", Some(ErrorCode::INVALID_POLICY)), ("7.2", None)] {
        let net = bridge(version, &[]);
        let acl = json!({ "Policies": [{ "Type": "ACL", "Protocol": 256, "Action": "Allow", "Direction": "In", "RuleType": "Host", "Priority": 0 }] });
        let answer = crate::support::v1(&net.hns, "POST", &format!("/endpoints/{}", net.pod), &acl);
        assert_eq!(answer.err(), code, "HNS {version}");
    }
}

#[test]
fn sets() {
    let network = |kind: &str, id: &str, values: &str| json!({ "Type": "SetPolicy", "Settings": { "Id": id, "Name": id, "PolicyType": kind, "Values": values } });
    let web = network("IPSET", "web", "10.0.0.20,10.0.0.30");
    let prod = network("IPSET", "prod", "10.0.0.20,fd00::20");
    let nested = network("NESTEDIPSET", "all", "web,prod");
    for (knob, acl, packets) in [
        // Local is the source in both directions, where it names a set.
        (
            "set-names=all",
            "1000 In Allow 256 LocalAddresses web",
            [("10.0.0.20", "allow"), ("10.0.0.30", "allow"), ("10.0.0.40", "drop")],
        ),
        (
            "set-names=all",
            "1000 In Allow 256 LocalAddresses web,prod",
            [("10.0.0.20", "allow"), ("10.0.0.30", "drop"), ("10.0.0.40", "drop")],
        ),
        (
            "set-names=any",
            "1000 In Allow 256 LocalAddresses web,prod",
            [("10.0.0.20", "allow"), ("10.0.0.30", "allow"), ("10.0.0.40", "drop")],
        ),
        (
            "set-names=all",
            "1000 In Allow 256 LocalAddresses all",
            [("10.0.0.20", "allow"), ("10.0.0.30", "allow"), ("10.0.0.40", "drop")],
        ),
    ] {
        let net = bridge("15.4", &[knob]);
        let sets = [web.clone(), prod.clone(), nested.clone()];
        net.hns.modify(Kind::Network, net.network, &request("Add", &sets)).expect("sets are taken");
        net.acls(&[acl]);
        for (source, says) in packets {
            assert_eq!(net.says(In, &format!("TCP {source}:1 {POD}:80")), says, "{knob} {acl}: from {source}");
        }
        // A change of members is in force at once.
        let fewer = network("IPSET", "web", "10.0.0.40");
        net.hns.modify(Kind::Network, net.network, &request("Update", &[fewer])).expect("a set changes");
        assert_eq!(net.says(In, &format!("TCP 10.0.0.30:1 {POD}:80")), "drop", "{knob} {acl}: the set changed");
    }
    for (version, knob, policy, answer) in [
        ("9.5", "nested-sets=by-table", &web, Some(ErrorCode::INVALID_POLICY_TYPE)),
        ("13.3", "nested-sets=by-table", &web, None),
        ("13.3", "nested-sets=by-table", &network("NESTEDIPSET", "all", ""), Some(ErrorCode::INVALID_POLICY)),
        ("13.3", "nested-sets=as-sets", &network("NESTEDIPSET", "all", ""), None),
        ("15.4", "nested-sets=by-table", &network("NESTEDIPSET", "all", "missing"), Some(ErrorCode::INVALID_POLICY)),
        ("15.4", "nested-sets=by-table", &network("NESTEDIPSET", "all", "all"), Some(ErrorCode::INVALID_POLICY)),
    ] {
        let net = bridge(version, &[knob]);
        let answered = code(net.hns.modify(Kind::Network, net.network, &request("Add", std::slice::from_ref(policy))));
        assert_eq!(answered, answer, "HNS {version} {knob}: {policy}");
    }
}

#[test]
fn tiers() {
    let rule = |priority: u16, action: &str, protocols: &str, ports: &str| json!({ "Priority": priority, "TierAclRuleAction": action, "Protocols": protocols, "LocalPorts": ports });
    let tier = |order: u16, rules: &[serde_json::Value]| json!({ "Type": "TierAcl", "Settings": { "Name": "t", "Direction": "In", "Order": order, "TierAclRules": rules } });
    let tiers = [
        tier(1013, &[rule(100, "Block", "", "")]),
        tier(1001, &[rule(300, "Block", "17", ""), rule(200, "Pass", "", "")]),
        tier(1002, &[rule(100, "Allow", "6", "80"), rule(200, "Pass", "6", "443")]),
        acl("1000 In Allow 6 LocalPorts 443"),
    ];
    let net = bridge("15.4", &[]);
    net.hns.modify(Kind::Endpoint, net.pod, &request("Update", &tiers)).expect("tiers are taken");
    for (packet, says) in
        [(WEB, "allow"), ("TCP 10.0.0.20:1 10.0.0.10:443", "drop"), ("UDP 10.0.0.20:1 10.0.0.10:80", "drop")]
    {
        assert_eq!(net.says(In, packet), says, "{packet}");
    }
    // What passes all tiers comes to the ACLs.
    net.hns.modify(Kind::Endpoint, net.pod, &request("Update", &tiers[1..])).expect("tiers are taken");
    assert_eq!(net.says(In, "TCP 10.0.0.20:1 10.0.0.10:443"), "allow");
    let before = bridge("13.3", &[]);
    assert_eq!(
        code(before.hns.modify(Kind::Endpoint, before.pod, &request("Update", &tiers))),
        Some(ErrorCode::INVALID_POLICY_TYPE)
    );
}

#[test]
fn acls_of_a_network_come_first() {
    let net = bridge("15.4", &[]);
    let mut block = acl("1000 In Block 6 LocalPorts 80");
    block["Type"] = "NetworkACL".into();
    let mut rest = acl("2000 In Allow 256");
    rest["Type"] = "NetworkACL".into();
    net.hns.modify(Kind::Network, net.network, &request("Add", &[block, rest])).expect("network ACLs are taken");
    net.acls(&["1000 In Allow 6", "2000 In Block 256"]);
    for (packet, says) in
        [(WEB, "drop"), ("TCP 10.0.0.20:1 10.0.0.10:81", "allow"), ("UDP 10.0.0.20:1 10.0.0.10:81", "drop")]
    {
        assert_eq!(net.says(In, packet), says, "{packet}");
    }
}

#[test]
fn decisions_name_group_and_rule() {
    let net = bridge("13.3", &[]);
    net.acls(&["1000 In Allow 6 Id web", "2000 In Block 256 Id rest"]);
    for (packet, words, id) in [
        (WEB, "allow: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)", Some("web")),
        ("UDP [fd00::1]:1 [fd00::10]:1", "drop: a rule (ACL_ENDPOINT_GROUP_IPV6_IN, rule 1)", Some("rest")),
    ] {
        let rules = net.hns.rules(net.pod).expect("the pod has a port");
        let decision = rules.decide(In, &packet_of(packet));
        assert_eq!(decision.to_string(), words);
        assert_eq!(rules.rule(&decision).map(|rule| rule.id.as_str()), id);
    }
    let out = net.hns.match_tuple(net.pod, Out, &packet_of(DNS));
    assert_eq!(out.to_string(), "drop: the default deny of a port with rules (ACL_ENDPOINT_GROUP_IPV4_OUT)");
    let nowhere = net.hns.match_tuple(margay_hcn::Guid(1), Out, &packet_of(DNS));
    assert_eq!(nowhere.to_string(), "drop: there is no such port");
    assert_eq!(
        net.hns.match_tuple(net.other, In, &packet_of(&format!("TCP {POD}:1 {OTHER}:1"))).why,
        Why::DefaultAllow
    );
}

#[test]
fn every_known_version_decides_alike() {
    for version in Version::KNOWN {
        let net = bridge(&version.to_string(), &[]);
        let acl = |priority: u16, direction: &str, action: &str, port: u16| {
            json!({ "Type": "ACL", "Protocol": if port > 0 { 6 } else { 256 }, "Action": action, "Direction": direction, "RuleType": "Switch",
                "LocalAddresses": "", "RemoteAddresses": "10.0.0.0/24", "LocalPort": port, "Priority": priority })
        };
        let acls = [acl(1000, "In", "Allow", 80), acl(2000, "In", "Block", 0), acl(2000, "Out", "Allow", 0)];
        let answer =
            crate::support::v1(&net.hns, "POST", &format!("/endpoints/{}", net.pod), &json!({ "Policies": acls }));
        assert!(answer.is_ok(), "HNS {version}");
        for (direction, packet, says) in
            [(In, WEB, "allow"), (In, "TCP 10.0.0.20:1 10.0.0.10:81", "drop"), (Out, DNS, "allow")]
        {
            assert_eq!(net.says(direction, packet), says, "HNS {version}: {direction} {packet}");
        }
    }
}
