//! `projectcalico.org/v3`.

mod support;

use expect_test::{Expect, expect};
use margay_api::*;
use support::{object, report};

fn policy(kind: &str, spec: &str) -> String {
    let namespace = if kind.contains("Global") { "" } else { ", namespace: a" };
    format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: p{namespace}}}\nspec:\n{spec}")
}

fn read_policy(kind: &str, spec: &str) -> CalicoPolicy {
    match object(&policy(kind, spec)) {
        Object::CalicoPolicy(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&report(text));
}

/// One rule of a NetworkPolicy, and the problems with it.
fn check_ingress(rule: &str, expected: Expect) {
    check(&policy("NetworkPolicy", &format!("  ingress: [{rule}]")), expected);
}

fn check_egress(rule: &str, expected: Expect) {
    check(&policy("NetworkPolicy", &format!("  egress: [{rule}]")), expected);
}

fn selector(text: &str) -> Option<Selector> {
    Some(Selector::parse(text).unwrap())
}

#[test]
fn policies_are_read_as_written() {
    let policy =
        read_policy("GlobalNetworkPolicy", "  performanceHints: [AssumeNeededOnEveryNode]\n  selector: ''\n  order:");
    let expected = CalicoPolicy {
        tier: "default".into(),
        order: None,
        selector: Selector::all(),
        namespace_selector: None,
        service_account_selector: None,
        types: Types { ingress: true, egress: false },
        ingress: vec![],
        egress: vec![],
        apply_on_forward: false,
        pre_dnat: false,
        do_not_track: false,
        staged: None,
        meta: policy.meta.clone(),
    };
    assert_eq!(policy, expected);

    let policy = read_policy(
        "StagedGlobalNetworkPolicy",
        r#"
  tier: ops
  order: -10.5
  selector: role == "db"
  namespaceSelector: has(x)
  serviceAccountSelector: y == 'z'
  types: [Egress]
  doNotTrack: true
  applyOnForward: true
"#,
    );
    let expected = CalicoPolicy {
        tier: "ops".into(),
        order: Some(-10.5),
        selector: selector("role == 'db'").unwrap(),
        namespace_selector: selector("has(x)"),
        service_account_selector: selector("y == 'z'"),
        types: Types { ingress: false, egress: true },
        ingress: vec![],
        egress: vec![],
        apply_on_forward: true,
        pre_dnat: false,
        do_not_track: true,
        staged: Some(StagedAction::Set),
        meta: policy.meta.clone(),
    };
    assert_eq!(policy, expected);
}

#[test]
fn types_default_to_the_rules() {
    for (spec, ingress, egress) in [
        ("  order: 1", true, false),
        ("  ingress: [{action: Deny}]", true, false),
        ("  egress: [{action: Deny}]", false, true),
        ("  ingress: [{action: Deny}]\n  egress: [{action: Deny}]", true, true),
        ("  types: []\n  egress: [{action: Deny}]", false, true),
        ("  types: [Ingress, Egress]", true, true),
    ] {
        assert_eq!(read_policy("NetworkPolicy", spec).types, Types { ingress, egress }, "{spec}");
    }
}

#[test]
fn rules_are_read_as_written() {
    let policy = read_policy(
        "NetworkPolicy",
        r#"
  ingress:
  - action: Allow
    metadata: {annotations: {why: because}}
    ipVersion: 4
    protocol: TCP
    notProtocol: 17
    source:
      nets: [10.0.0.0/8, 192.0.2.1]
      notNets: [10.1.0.0/16]
      selector: a == 'b'
      notSelector: has(c)
      namespaceSelector: global()
      ports: [80, "443", "8000:9000", http]
      notPorts: [8080]
      serviceAccounts: {names: [x], selector: y == 'z'}
    destination: {ports: []}
    http: {methods: [GET], paths: [{exact: /}]}
  - action: Log
    protocol: ICMPv6
    icmp: {type: 128}
    notICMP: {type: 128, code: 0}
    source: {services: {name: web}, ports: [80]}
  - action: Pass
    protocol: 1
    icmp: {}
    source: {selector: "", namespaceSelector: "", nets: [], serviceAccounts: {}}
"#
        .replace("    source: {services: {name: web}, ports: [80]}\n", "    source: {services: {name: web}}\n")
        .as_str(),
    );
    let nets = |nets: &[&str]| nets.iter().map(|net| net.parse().unwrap()).collect::<Vec<Prefix>>();
    let range = PortMatch::Range;
    let rule = CalicoRule {
        action: Action::Allow,
        family: Some(Family::V4),
        protocol: Some(Protocol::TCP),
        not_protocol: Some(Protocol::UDP),
        icmp: None,
        not_icmp: None,
        http: true,
        source: EntityRule {
            nets: nets(&["10.0.0.0/8", "192.0.2.1/32"]),
            not_nets: nets(&["10.1.0.0/16"]),
            selector: selector("a == 'b'"),
            not_selector: selector("has(c)"),
            namespace_selector: selector("global()"),
            ports: vec![range(80, 80), range(443, 443), range(8000, 9000), PortMatch::Name("http".into())],
            not_ports: vec![range(8080, 8080)],
            service_accounts: Some(ServiceAccountMatch { names: vec!["x".into()], selector: selector("y == 'z'") }),
            service: None,
        },
        destination: EntityRule::default(),
    };
    let log = CalicoRule {
        action: Action::Log,
        family: None,
        protocol: Some(Protocol::ICMPV6),
        not_protocol: None,
        icmp: Some(IcmpMatch { kind: 128, code: None }),
        not_icmp: Some(IcmpMatch { kind: 128, code: Some(0) }),
        http: false,
        source: EntityRule {
            service: Some(ServiceMatch { name: "web".into(), namespace: "a".into() }),
            ..EntityRule::default()
        },
        destination: EntityRule::default(),
    };
    let pass = CalicoRule {
        action: Action::Pass,
        protocol: Some(Protocol::ICMP),
        icmp: None,
        not_icmp: None,
        source: EntityRule {
            service_accounts: Some(ServiceAccountMatch { names: vec![], selector: None }),
            ..EntityRule::default()
        },
        ..log.clone()
    };
    assert_eq!(policy.ingress, [Readable::Rule(rule), Readable::Rule(log), Readable::Rule(pass)]);
}

#[test]
fn an_unreadable_rule_keeps_its_action() {
    for (rules, expected) in [
        ("[{action: Allow, protocol: tcpp}]", Some(Action::Allow)),
        ("[{action: Deny, protocol: tcpp}]", Some(Action::Deny)),
        ("[{action: Pass, source: {notSelectr: a}}]", Some(Action::Pass)),
        ("[{action: Log, ipVersion: 5}]", Some(Action::Log)),
        ("[{action: allow}]", Some(Action::Allow)),
        ("[{action: Drop}]", None),
        ("[{}]", None),
        ("[null]", None),
        ("{action: Allow}", None),
    ] {
        let decoded = &read(&policy("NetworkPolicy", &format!("  egress: {rules}")), "f")[0];
        let Some(Object::CalicoPolicy(policy)) = &decoded.object else { panic!("{decoded:?}") };
        assert_eq!(policy.egress, [Readable::Unreadable(expected)], "{rules}");
        assert_eq!(policy.types, Types { ingress: false, egress: true }, "{rules}");
        assert_eq!(decoded.place.egress.len(), 1);
    }
}

#[test]
fn errors_of_rules() {
    check_ingress(
        "{action: Drop}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].action: "Drop" is no action here: those are Allow, Deny, Pass, Log
    "#]],
    );
    check_ingress(
        "{action: Allow, protocol: tcpp, notProtocol: 0}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].protocol: "tcpp" is no protocol: those are TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255 [leave it out to match every protocol]
          5 error spec.ingress[0].notProtocol: is no protocol: a name or a number from 1 to 255 is needed
    "#]],
    );
    check_ingress(
        "{action: Allow, protocol: 256, ipVersion: '4'}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].protocol: is no protocol: a name or a number from 1 to 255 is needed
              5 error spec.ingress[0].ipVersion: is no IP version: those are 4 and 6
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {ports: [80]}, destination: {notPorts: [80]}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].source: ports need the protocol TCP, UDP or SCTP [set the rule's protocol]
          5 error spec.ingress[0].destination: notPorts need the protocol TCP, UDP or SCTP [set the rule's protocol]
    "#]],
    );
    check_ingress(
        "{action: Allow, protocol: ICMP, destination: {ports: [80]}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].destination: ports need the protocol TCP, UDP or SCTP [set the rule's protocol]
    "#]],
    );
    check_ingress(
        "{action: Allow, protocol: TCP, destination: {ports: [0, 65536, '90:80', '1-5', '', '0:5', '70000', null, a b]}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].destination.ports[0]: is no port: those are whole numbers from 1 to 65535
              5 error spec.ingress[0].destination.ports[1]: is no port: those are whole numbers from 1 to 65535
              5 error spec.ingress[0].destination.ports[2]: the range 90:80 ends before it starts [write "80:90"]
              5 error spec.ingress[0].destination.ports[4]: "" is neither a port, nor a range, nor a name
              5 error spec.ingress[0].destination.ports[5]: "0:5" is no port or range: ports are 1 to 65535
              5 error spec.ingress[0].destination.ports[6]: "70000" is no port or range: ports are 1 to 65535
              5 error spec.ingress[0].destination.ports[7]: is null; a number is needed
              5 error spec.ingress[0].destination.ports[8]: "a b" is neither a port, nor a range, nor a name
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {nets: [10.0.0.0/33, x, 10.0.0.1/8, 1]}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].source.nets[0]: is no CIDR block: "10.0.0.0/33" has too long a prefix length: the longest of its family is 32
          5 error spec.ingress[0].source.nets[1]: is no CIDR block: "x" is not an IP prefix: write an address, or an address and a length like 10.0.0.0/8 or 2001:db8::/32
          5 warning spec.ingress[0].source.nets[2]: 10.0.0.1/8 has address bits beyond its length; it means 10.0.0.0/8 [write 10.0.0.0/8]
          5 error spec.ingress[0].source.nets[3]: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
    "#]],
    );
    check_ingress(
        "{action: Allow, source: {notNets: [0.0.0.0/0]}, destination: {notNets: ['::/0']}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0]: ::/0 in destination is IPv6, but source makes the rule one of IPv4 [make a rule for each of the two families]
              5 error spec.ingress[0].source.notNets[0]: 0.0.0.0/0 in notNets leaves nothing to match [leave the rule out]
              5 error spec.ingress[0].destination.notNets[0]: ::/0 in notNets leaves nothing to match [leave the rule out]
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {nets: [10.0.0.0/8]}, destination: {nets: ['2001:db8::/32']}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0]: 2001:db8::/32 in destination is IPv6, but source makes the rule one of IPv4 [make a rule for each of the two families]
        "#]],
    );
    check_ingress(
        "{action: Allow, ipVersion: 6, source: {notNets: [10.0.0.0/8]}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0]: 10.0.0.0/8 in source is IPv4, but ipVersion makes the rule one of IPv6 [make a rule for each of the two families]
    "#]],
    );
    check_ingress(
        "{action: Allow, ipVersion: 6, protocol: ICMP}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0]: protocol ICMP is IPv4, but ipVersion is that of IPv6
    "#]],
    );
    check_ingress(
        "{action: Deny, protocol: ICMP, source: {nets: ['2001:db8::/32']}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 warning spec.ingress[0]: matches nothing: its protocol is one of IPv4, its source of IPv6
    "#]],
    );
    check_ingress(
        "{action: Allow, icmp: {type: 8}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].icmp: needs the protocol ICMP or ICMPv6
    "#]],
    );
    check_ingress(
        "{action: Allow, protocol: ICMP, icmp: {code: 0}, notICMP: {type: 255, code: 256}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].icmp: has a code without a type; codes mean nothing by themselves
          5 error spec.ingress[0].notICMP.type: is no ICMP type: those are whole numbers from 0 to 254
          5 error spec.ingress[0].notICMP.code: is no ICMP code: those are whole numbers from 0 to 255
    "#]],
    );
    check_ingress(
        "{action: Deny, http: {methods: [GET]}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].http: http can only stand in a rule that allows
    "#]],
    );
    check_egress(
        "{action: Allow, protocol: UDP, http: {}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.egress[0].http: http can only stand in ingress rules
          5 error spec.egress[0].http: http needs the protocol TCP, or none
    "#]],
    );
    check_ingress(
        "{action: Allow, source: {selector: \"role == db\", notSelector: 'has(a) &', namespaceSelector: 1}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].source.selector: is no selector: expected a quoted string after the operator, found `db` at byte 8
              5 error spec.ingress[0].source.notSelector: is no selector: expected &&, || or the end, found `&` at byte 7
              5 error spec.ingress[0].source.namespaceSelector: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {selector: global(), namespaceSelector: global() || has(a)}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].source.selector: global() can only stand in the namespaceSelector of a rule
              5 error spec.ingress[0].source.namespaceSelector: global() can't be combined with anything else [make a rule for each of the two]
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {notSelectr: all()}, sourc: {}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].source.notSelectr: is not a field that this may have [did you mean `notSelector`?]
              5 error spec.ingress[0].sourc: is not a field that this may have [did you mean `source`?]
        "#]],
    );
    check_ingress(
        "{action: Allow, source: {serviceAccounts: {names: [A_B], selector: '==', name: x}}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.ingress[0].source.serviceAccounts.names[0]: "A_B" is no name of a service account
              5 error spec.ingress[0].source.serviceAccounts.selector: is no selector: expected a condition, found `==` at byte 0
              5 error spec.ingress[0].source.serviceAccounts.name: is not a field that this may have [did you mean `names`?]
        "#]],
    );
    check_ingress(
        "{action: Allow, destination: {services: {name: web}}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].destination.services: services can be the destination of egress rules and the source of ingress rules
    "#]],
    );
    check_egress(
        "{action: Allow, source: {services: {name: web}}}",
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.egress[0].source.services: services can be the destination of egress rules and the source of ingress rules
    "#]],
    );
    check_egress(
        "{action: Allow, protocol: TCP, destination: {services: {namespace: B_}, selector: all(), nets: [10.0.0.1], ports: [80], serviceAccounts: {}}}",
        expect![[r#"
            NetworkPolicy a/p: read
              5 error spec.egress[0].destination.services: services can't stand beside selector [make a rule of its own]
              5 error spec.egress[0].destination.services: services can't stand beside nets [make a rule of its own]
              5 error spec.egress[0].destination.services: services can't stand beside serviceAccounts [make a rule of its own]
              5 error spec.egress[0].destination.services: services can't stand beside ports [make a rule of its own]
              5 error spec.egress[0].destination.services: needs the name of a service
              5 error spec.egress[0].destination.services: "B_" is no name of a namespace
        "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", "  egress: [{action: Allow, destination: {services: {name: web}}}]"),
        expect![[r#"
            GlobalNetworkPolicy p: read
              5 error spec.egress[0].destination.services: needs the namespace of the service, since the policy is in none
        "#]],
    );
    let many = |count: usize, item: &str| vec![item; count].join(", ");
    check_ingress(
        &format!("{{action: Allow, source: {{nets: [{}]}}}}", many(257, "10.0.0.1")),
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].source.nets: has 257 entries; at most 256 are allowed [split the rule]
    "#]],
    );
    check_ingress(
        &format!("{{action: Allow, protocol: TCP, source: {{ports: [{}]}}}}", many(51, "80")),
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress[0].source.ports: has 51 entries; at most 50 are allowed [split the rule]
    "#]],
    );
    check_ingress(
        &many(1025, "{action: Deny}"),
        expect![[r#"
        NetworkPolicy a/p: read
          5 error spec.ingress: has 1025 rules; at most 1024 are allowed [split the policy]
    "#]],
    );
}

#[test]
fn source_ports_may_stand_beside_services() {
    let spec =
        "  ingress: [{action: Allow, protocol: TCP, source: {services: {name: web, namespace: b}, ports: [80]}}]";
    let policy = read_policy("NetworkPolicy", spec);
    let Readable::Rule(rule) = &policy.ingress[0] else { panic!("{policy:?}") };
    assert_eq!(rule.source.ports, [PortMatch::Range(80, 80)]);
    assert_eq!(rule.source.service.as_ref().unwrap().namespace, "b");
}

#[test]
fn errors_of_policies() {
    check(
        &policy("NetworkPolicy", "  selector: a =\n  tier: a.b\n  order: first\n  types: [All]"),
        expect![[r#"
            NetworkPolicy a/p: not read
              5 error spec.selector: is no selector: expected an operator (==, !=, in, not in, contains, starts with or ends with) after the label, found `=` at byte 2
              6 error spec.tier: "a.b" is no name of a tier: at most 63 of a-z, 0-9 and -, without a dot
              7 error spec.order: is a string; a number is needed
              8 error spec.types[0]: "All" is no type: those are Ingress and Egress
        "#]],
    );
    check(
        &policy("NetworkPolicy", "  selector: has(namespace) && global()\n  applyOnForward: true"),
        expect![[r#"
            NetworkPolicy a/p: not read
              5 error spec.selector: global() can only stand in the namespaceSelector of a rule
              6 warning spec.applyOnForward: is not a known field, and has no effect
        "#]],
    );
    check(
        &policy("NetworkPolicy", "  order: .inf\n  selectr: all()"),
        expect![[r#"
            NetworkPolicy a/p: not read
              5 error spec.order: is not a finite number [leave it out to come last]
              6 warning spec.selectr: is not a known field, and has no effect [did you mean `selector`?]
        "#]],
    );
    check(
        &policy("NetworkPolicy", "  types: [Ingress, Ingress]\n  egress: [{action: Deny}]"),
        expect![[r#"
        NetworkPolicy a/p: read
          5 warning spec.types[1]: is written twice
          6 warning spec.egress: has no effect, since Egress is not among the policy's types
    "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", "  preDNAT: true\n  doNotTrack: true"),
        expect![[r#"
        GlobalNetworkPolicy p: not read
          5 error spec: preDNAT and doNotTrack exclude each other
          5 error spec: preDNAT and doNotTrack need applyOnForward: true
    "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", "  preDNAT: true\n  applyOnForward: true\n  egress: [{action: Deny}]"),
        expect![[r#"
            GlobalNetworkPolicy p: not read
              5 error spec: a preDNAT policy has no egress [make a policy of its own for egress]
        "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", "  preDNAT: true\n  applyOnForward: true\n  types: [Egress]"),
        expect![[r#"
        GlobalNetworkPolicy p: not read
          5 error spec: a preDNAT policy has no egress [make a policy of its own for egress]
    "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", "  preDNAT: yes\n  applyOnForward: 'true'"),
        expect![[r#"
            GlobalNetworkPolicy p: not read
              5 error spec: preDNAT and doNotTrack need applyOnForward: true
              6 error spec.applyOnForward: is a string; true or false is needed
        "#]],
    );
    check(
        &policy("StagedNetworkPolicy", "  stagedAction: Delete\n  selector: all()"),
        expect![[r#"
        StagedNetworkPolicy a/p: read
          5 warning spec: stages a deletion, so that its selector and rules have no effect [leave out all but the tier]
    "#]],
    );
    check(
        &policy("GlobalNetworkPolicy", ""),
        expect![[r#"
        GlobalNetworkPolicy p: not read
          1 error : has no spec, which is needed
    "#]],
    );
}

#[test]
fn the_stored_spelling_is_the_same_policy() {
    for (metadata, spec, expected) in [
        ("name: default.web", "", "NetworkPolicy a/web"),
        ("name: default.web", "tier: default", "NetworkPolicy a/web"),
        ("name: ops.web", "tier: ops", "NetworkPolicy a/ops.web"),
        ("name: web", "", "NetworkPolicy a/web"),
        ("name: default.", "", "NetworkPolicy a/default."),
        (
            "name: default.web, annotations: {projectcalico.org/metadata: '{\"name\": \"default.web\"}'}",
            "",
            "NetworkPolicy a/default.web",
        ),
        ("name: default.web, annotations: {projectcalico.org/metadata: '{\"name\":'}", "", "NetworkPolicy a/web"),
    ] {
        let text = format!(
            "apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {{namespace: a, {metadata}}}\nspec: {{{spec}}}"
        );
        let decoded = &read(&text, "f")[0];
        assert_eq!(decoded.key.as_ref().unwrap().to_string(), expected, "{metadata}");
        assert_eq!(decoded.key.as_ref().unwrap().kind, Kind::CalicoNetworkPolicy);
    }
    let stored = r#"
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkSet
metadata:
  name: default.set
  labels: {a: old, c: d}
  creationTimestamp: "2024-01-01T00:00:00Z"
  annotations: {projectcalico.org/metadata: '{"labels": {"a": "b"}, "creationTimestamp": "2023-01-01T00:00:00Z"}'}
"#;
    let object = object(stored);
    assert_eq!(object.key().name, "default.set");
    assert_eq!(object.meta().labels, [("a".into(), "b".into()), ("c".into(), "d".into())]);
    assert_eq!(object.meta().created, Some(1_672_531_200));
}

#[test]
fn tiers() {
    let tier = |name: &str, spec: &str| {
        format!("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {name}}}\nspec: {spec}")
    };
    for (spec, order, default_action) in [
        ("", None, Action::Deny),
        ("{order: 10}", Some(10.0), Action::Deny),
        ("{order: 1.5, defaultAction: Pass}", Some(1.5), Action::Pass),
    ] {
        let Object::Tier(read) = object(&tier("ops", spec)) else { panic!() };
        assert_eq!((read.order, read.default_action), (order, default_action), "{spec}");
    }
    object(&tier("default", "{order: 1000000, defaultAction: Deny}"));
    check(
        &tier("default", "{order: 5}"),
        expect![[r#"
        Tier default: read
          1 warning : the tier default always has the order 1000000 and the default action Deny; this changes nothing [make a tier of another name]
    "#]],
    );
    check(
        &tier("a.b", "{}"),
        expect![[r#"
        Tier a.b: read
          3 error metadata.name: "a.b" is no name of a Tier: at most 63 of a-z, 0-9 and -, without a dot
    "#]],
    );
    check(
        &tier("a", "{order: '5', defaultAction: Log}"),
        expect![[r#"
        Tier a: not read
          4 error spec.order: is a string; a number is needed
          4 error spec.defaultAction: "Log" is no defaultAction: those are Deny and Pass
    "#]],
    );
}

#[test]
fn network_sets() {
    let set = |kind: &str, spec: &str| {
        format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: s, labels: {{a: b}}}}\nspec: {spec}")
    };
    let Object::NetworkSet(read) = object(&set("NetworkSet", "{nets: [10.0.0.0/8, '2001:db8::1']}")) else { panic!() };
    assert_eq!(read.nets, ["10.0.0.0/8".parse().unwrap(), "2001:db8::1".parse::<Prefix>().unwrap()]);
    assert_eq!((read.meta.key.namespace.as_str(), read.meta.labels.len()), ("default", 1));
    object(&set("GlobalNetworkSet", ""));
    check(
        &set("GlobalNetworkSet", "{nets: [10.0.0.0/8, x]}"),
        expect![[r#"
        GlobalNetworkSet s: not read
          4 error spec.nets[1]: is no CIDR block: "x" is not an IP prefix: write an address, or an address and a length like 10.0.0.0/8 or 2001:db8::/32
    "#]],
    );
    check(
        &set("GlobalNetworkSet", "{nets: 10.0.0.0/8, net: []}"),
        expect![[r#"
            GlobalNetworkSet s: not read
              4 error spec.nets: is a string; a list is needed
              4 warning spec.net: is not a known field, and has no effect [did you mean `nets`?]
        "#]],
    );
    check(
        &set("GlobalNetworkSet", "{}").replace("a: b", "a: 1"),
        expect![[r#"
        GlobalNetworkSet s: not read
          3 error metadata.labels.a: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
    "#]],
    );
}

#[test]
fn profiles() {
    let profile =
        |spec: &str| format!("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {{name: p}}\nspec: {spec}");
    let Object::Profile(read) = object(&profile("{ingress: [{action: Allow}], labelsToApply: {b: c, a: d}}")) else {
        panic!()
    };
    assert_eq!((read.ingress.len(), read.egress.len()), (1, 0));
    assert_eq!(read.labels, [("a".into(), "d".into()), ("b".into(), "c".into())]);
    check(
        &profile("{ingress: [{}], labelsToApply: {a: 1}}"),
        expect![[r#"
            Profile p: not read
              4 error spec.ingress[0]: has no action, which is needed
              4 error spec.labelsToApply.a: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
        "#]],
    );
}

#[test]
fn host_endpoints() {
    let endpoint = |spec: &str| {
        format!("apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {{name: h}}\nspec: {spec}")
    };
    let spec = "{node: n1, interfaceName: eth0, expectedIPs: [10.0.0.1, '::ffff:10.0.0.2'], profiles: [p, q], ports: [{name: ssh, protocol: TCP, port: 22}]}";
    let Object::HostEndpoint(read) = object(&endpoint(spec)) else { panic!() };
    assert_eq!((read.node.as_str(), read.interface.as_deref()), ("n1", Some("eth0")));
    assert_eq!(read.expected_ips, ["10.0.0.1".parse::<std::net::IpAddr>().unwrap(), "10.0.0.2".parse().unwrap()]);
    assert_eq!(read.profiles, ["p", "q"]);
    assert_eq!(read.ports, [NamedPort { name: "ssh".into(), protocol: Protocol::TCP, port: 22 }]);
    object(&endpoint("{node: n1, interfaceName: '*'}"));
    object(&endpoint("{node: n1, expectedIPs: [10.0.0.1]}"));
    check(
        &endpoint("{node: n1}"),
        expect![[r#"
            HostEndpoint h: not read
              4 error spec: needs an interfaceName or expectedIPs, to know which interface it is [`*` is every interface]
        "#]],
    );
    check(
        &endpoint("{interfaceName: eth 0, expectedIPs: [10.0.0.0/8], ports: [{name: a, protocol: ICMP, port: 0}, {}]}"),
        expect![[r#"
            HostEndpoint h: not read
              4 error spec: has no node, which is needed
              4 error spec: "eth 0" is no interface: * or at most 15 letters, digits, _, . and -
              4 error spec.expectedIPs[0]: "10.0.0.0/8" is no IP address
              4 error spec.ports[0].protocol: is no protocol with ports: those are TCP, UDP and SCTP
              4 error spec.ports[0].port: is no port: those are whole numbers from 1 to 65535
              4 error spec.ports[1]: has no name, which is needed
              4 error spec.ports[1]: has no protocol, which is needed
              4 error spec.ports[1]: has no port, which is needed
        "#]],
    );
}
