//! ClusterNetworkPolicy and its older spellings.

mod support;

use expect_test::{Expect, expect};
use margay_api::*;
use support::{object, report};

const V1ALPHA2: &str =
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec:\n";
const ADMIN: &str =
    "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: p}\nspec:\n";
const BASELINE: &str = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec:\n";
const HEAD: &str = "  tier: Admin\n  priority: 5\n  subject: {namespaces: {}}\n";

fn read_policy(text: &str) -> ClusterNetworkPolicy {
    match object(text) {
        Object::ClusterNetworkPolicy(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn pods(namespaces: &str, pods: &str) -> ClusterPeer {
    ClusterPeer::Pods(PodMatch { namespaces: selector(namespaces), pods: selector(pods) })
}

#[test]
fn read_as_written() {
    let policy = read_policy(&format!(
        "{V1ALPHA2}{}",
        r#"
  tier: Baseline
  priority: 1000
  subject: {pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}}
  ingress:
  - name: one
    action: Accept
    from:
    - namespaces: {}
    - pods: {namespaceSelector: {matchLabels: {c: d}}, podSelector: {matchLabels: {e: f}}}
    protocols:
    - tcp: {destinationPort: {number: 80}}
    - udp: {destinationPort: {range: {start: 1, end: 65535}}}
    - sctp: {}
    - destinationNamedPort: http
  egress:
  - action: Pass
    to:
    - networks: [10.0.0.0/8, "2001:db8::/32"]
    - nodes: {matchLabels: {g: h}}
    - pods: {podSelector: {}}
"#
    ));
    assert_eq!((policy.tier, policy.priority), (ClusterTier::Baseline, 1000));
    assert_eq!(ClusterPeer::Pods(policy.subject), pods("a == 'b'", ""));
    assert_eq!(
        policy.ingress,
        [Readable::Rule(ClusterRule {
            name: "one".into(),
            action: Action::Allow,
            peers: vec![pods("", ""), pods("c == 'd'", "e == 'f'")],
            ports: vec![
                ClusterPort::Number(Protocol::TCP, 80, 80),
                ClusterPort::Number(Protocol::UDP, 1, 65535),
                ClusterPort::Number(Protocol::SCTP, 0, 65535),
                ClusterPort::Name("http".into()),
            ],
        })]
    );
    assert_eq!(
        policy.egress,
        [Readable::Rule(ClusterRule {
            name: "".into(),
            action: Action::Pass,
            peers: vec![
                ClusterPeer::Networks(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]),
                ClusterPeer::Nodes(selector("g == 'h'")),
                pods("", ""),
            ],
            ports: vec![],
        })]
    );
}

#[test]
fn older_spellings_are_read_as_written() {
    let rules = r#"
  subject: {namespaces: {matchLabels: {a: b}}}
  egress:
  - action: Allow
    to: [{namespaces: {}}]
    ports:
    - portNumber: {protocol: UDP, port: 53}
    - portNumber: {port: 80}
    - portRange: {start: 80, end: 90}
    - namedPort: http
  - action: Deny
    to: [{networks: [0.0.0.0/0]}]
    ports: []
"#;
    for (head, tier, priority) in
        [(format!("{ADMIN}  priority: 0"), ClusterTier::Admin, 0), (BASELINE.to_string(), ClusterTier::Baseline, 0)]
    {
        let policy = read_policy(&format!("{head}{rules}"));
        assert_eq!((policy.tier, policy.priority), (tier, priority));
        let Readable::Rule(rule) = &policy.egress[0] else { panic!() };
        assert_eq!(rule.action, Action::Allow);
        assert_eq!(
            rule.ports,
            [
                ClusterPort::Number(Protocol::UDP, 53, 53),
                ClusterPort::Number(Protocol::TCP, 80, 80),
                ClusterPort::Number(Protocol::TCP, 80, 90),
                ClusterPort::Name("http".into()),
            ]
        );
        let Readable::Rule(rule) = &policy.egress[1] else { panic!() };
        assert_eq!((rule.action, rule.ports.len()), (Action::Deny, 0));
    }
}

#[test]
fn an_unreadable_rule_keeps_its_action() {
    for (rule, expected) in [
        ("{action: Accept, to: []}", Some(Action::Allow)),
        ("{action: Deny, to: []}", Some(Action::Deny)),
        ("{action: Pass, to: [{domainNames: [a.b]}]}", Some(Action::Pass)),
        ("{action: Allow, to: [{namespaces: {}}]}", Some(Action::Allow)),
        ("{action: deny, to: [{namespaces: {}}]}", Some(Action::Deny)),
        ("{action: Log, to: [{namespaces: {}}]}", Some(Action::Log)),
        ("{action: Reject, to: [{namespaces: {}}]}", None),
        ("{to: [{namespaces: {}}]}", None),
        ("null", None),
    ] {
        let decoded = &read(&format!("{V1ALPHA2}{HEAD}  egress: [{rule}]"), "f")[0];
        let Some(Object::ClusterNetworkPolicy(policy)) = &decoded.object else { panic!("{decoded:?}") };
        assert_eq!(policy.egress, [Readable::Unreadable(expected)], "{rule}");
    }
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&report(text));
}

#[test]
fn errors_of_rules() {
    let ingress = |rule: &str, expected: Expect| check(&format!("{V1ALPHA2}{HEAD}  ingress: [{rule}]"), expected);
    let egress = |rule: &str, expected: Expect| check(&format!("{V1ALPHA2}{HEAD}  egress: [{rule}]"), expected);
    ingress(
        "{}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress[0]: has no action, which is needed
          8 error spec.ingress[0]: has no from, which is needed
    "#]],
    );
    ingress(
        "{action: Accept, from: []}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress[0].from: is empty; at least one entry is needed
    "#]],
    );
    ingress(
        "{action: Accept, to: [{namespaces: {}}]}",
        expect![[r#"
            ClusterNetworkPolicy p: read
              8 error spec.ingress[0]: has no from, which is needed
              8 error spec.ingress[0].to: is not a field that this may have
        "#]],
    );
    ingress(
        "{action: Accept, from: [{networks: [10.0.0.0/8]}, {nodes: {}}, {domainNames: [a.b]}, {}, null]}",
        expect![[r#"
            ClusterNetworkPolicy p: read
              8 error spec.ingress[0].from[0].networks: networks can only be a peer of egress rules
              8 error spec.ingress[0].from[1].nodes: nodes can only be a peer of egress rules
              8 error spec.ingress[0].from[2].domainNames: domainNames can only be a peer of egress rules
              8 error spec.ingress[0].from[3]: needs exactly one of namespaces, pods
              8 error spec.ingress[0].from[4]: is null; a mapping is needed
              8 error spec.ingress[0].from[4]: needs exactly one of namespaces, pods
        "#]],
    );
    ingress(
        "{action: Accept, from: [{namespaces: {}, pods: {podSelector: {}}}, {pods: {}}]}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress[0].from[0]: needs exactly one of namespaces, pods
          8 error spec.ingress[0].from[1].pods: has no podSelector, which is needed
    "#]],
    );
    ingress(
        "{action: Accept, from: [{namespaces: {}}], ports: []}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress[0].ports: is not a field that this may have
    "#]],
    );
    ingress(
        "{action: Accept, from: [{namespaces: {}}], protocols: []}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress[0].protocols: is empty; at least one entry is needed
    "#]],
    );
    ingress(
        "{action: Accept, from: [{namespaces: {}}], protocols: [{}, {tcp: {}, udp: {}}, {tcp: {port: 80}}, {tcp: {destinationPort: {}}}, {tcp: {destinationPort: {number: 0}}}]}",
        expect![[r#"
            ClusterNetworkPolicy p: read
              8 error spec.ingress[0].protocols[0]: needs exactly one of tcp, udp, sctp, destinationNamedPort
              8 error spec.ingress[0].protocols[1]: needs exactly one of tcp, udp, sctp, destinationNamedPort
              8 error spec.ingress[0].protocols[2].tcp.port: is not a field that this may have
              8 error spec.ingress[0].protocols[3].tcp.destinationPort: needs exactly one of number and range
              8 error spec.ingress[0].protocols[4].tcp.destinationPort.number: is no port: those are whole numbers from 1 to 65535
        "#]],
    );
    ingress(
        "{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 80, end: 80}}}}, {tcp: {destinationPort: {range: {start: 80}}}}, {destinationNamedPort: A_B}]}",
        expect![[r#"
            ClusterNetworkPolicy p: read
              8 error spec.ingress[0].protocols[0].tcp.destinationPort.range: the range must start before it ends, not at 80 and 80 [one port is a number, not a range]
              8 error spec.ingress[0].protocols[1].tcp.destinationPort.range: has no end, which is needed
              8 error spec.ingress[0].protocols[2].destinationNamedPort: "A_B" is no name of a port: at most 15 of a-z, 0-9 and -, with a letter
        "#]],
    );
    egress(
        "{action: Accept, to: [{domainNames: [a.b]}]}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.egress[0].to[0].domainNames: domainNames can't be enforced yet, so the rule can't be read [use networks]
    "#]],
    );
    egress(
        "{action: Accept, to: [{networks: []}, {networks: [10.0.0.1, 10.0.0.0/8]}]}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.egress[0].to[0].networks: is empty; at least one entry is needed
          8 error spec.egress[0].to[1].networks[0]: "10.0.0.1" is no CIDR block: an address, a slash and a length are needed [write 10.0.0.1/32]
    "#]],
    );
    egress(
        "{action: Accept, to: [{nodes: {}}], protocols: [{destinationNamedPort: http}]}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.egress[0].protocols: networks and nodes have no named ports [make a rule of its own for them, with port numbers]
    "#]],
    );
    egress(
        "{action: Log, to: [{nodes: {}}]}",
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.egress[0].action: "Log" is no action here: those are Accept, Deny, Pass
    "#]],
    );
}

#[test]
fn errors_of_policies() {
    check(
        V1ALPHA2,
        expect![[r#"
        ClusterNetworkPolicy p: not read
          1 error : has no spec, which is needed
    "#]],
    );
    check(
        &format!("{V1ALPHA2}  tier: admin\n  priority: 1001\n  subject: {{}}"),
        expect![[r#"
        ClusterNetworkPolicy p: not read
          5 error spec.tier: "admin" is no tier here: those are Admin and Baseline
          6 error spec.priority: is no priority: those are whole numbers from 0 to 1000
          7 error spec.subject: needs exactly one of namespaces and pods
    "#]],
    );
    check(
        &format!("{V1ALPHA2}  tier: Admin\n  priority: '1'\n  subject: {{pods: {{}}, namespaces: {{}}}}"),
        expect![[r#"
            ClusterNetworkPolicy p: not read
              6 error spec.priority: is a string; a number is needed
              7 error spec.subject: needs exactly one of namespaces and pods
        "#]],
    );
    check(
        &format!("{V1ALPHA2}{HEAD}  polcyTypes: []\n  egress: []"),
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 warning spec.polcyTypes: is not a known field, and has no effect
    "#]],
    );
    check(
        &format!(
            "{BASELINE}  priority: 1\n  subject: {{namespaces: {{}}}}\n  ingress: [{{action: Pass, from: [{{namespaces: {{}}}}]}}]"
        ),
        expect![[r#"
            BaselineAdminNetworkPolicy default: read
              5 warning spec.priority: is not a known field, and has no effect
              7 error spec.ingress[0].action: "Pass" is no action here: those are Allow, Deny
        "#]],
    );
    check(
        &format!("{}  subject: {{namespaces: {{}}}}", BASELINE.replace("default", "other")),
        expect![[r#"
        BaselineAdminNetworkPolicy other: read
          3 error metadata.name: "other" is no name of a BaselineAdminNetworkPolicy: there is one in a cluster, and it is named `default`
    "#]],
    );
    let rule = "{action: Deny, from: [{namespaces: {}}]},".repeat(26);
    check(
        &format!("{V1ALPHA2}{HEAD}  ingress: [{rule}]"),
        expect![[r#"
        ClusterNetworkPolicy p: read
          8 error spec.ingress: has 26 rules; at most 25 are allowed [split the policy]
    "#]],
    );
    check(
        &format!("{ADMIN}  priority: 1\n  subject: {{namespaces: {{}}}}\n  ingress: [{rule}]"),
        expect![[r#"
        AdminNetworkPolicy p: read
    "#]],
    );
}
