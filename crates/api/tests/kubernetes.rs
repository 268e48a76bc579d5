//! NetworkPolicy of Kubernetes: what each rule means, and what is wrong with each wrong one.

mod support;

use expect_test::{Expect, expect};
use margay_api::*;
use support::{object, report};

fn policy(spec: &str) -> String {
    format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec:\n{spec}")
}

fn read_policy(spec: &str) -> NetworkPolicy {
    match object(&policy(spec)) {
        Object::NetworkPolicy(policy) => policy,
        other => panic!("{other:?}"),
    }
}

/// The spec of a policy, from its sixth line on, and its problems.
fn check(spec: &str, expected: Expect) {
    expected.assert_eq(&report(&policy(spec)));
}

/// One ingress rule on line 7, and the problems of the policy.
fn check_rule(rule: &str, expected: Expect) {
    check(&format!("  podSelector: {{}}\n  ingress:\n  - {rule}\n"), expected);
}

#[test]
fn types_default_to_the_rules() {
    for (spec, ingress, egress) in [
        ("  podSelector: {}", true, false),
        ("  podSelector: {}\n  egress: []", true, false),
        ("  podSelector: {}\n  egress: [{}]", true, true),
        ("  podSelector: {}\n  policyTypes: []\n  egress: [{}]", true, true),
        ("  podSelector: {}\n  policyTypes: [Egress]", false, true),
        ("  podSelector: {}\n  policyTypes: [Ingress, Egress]", true, true),
        ("  podSelector: {}\n  policyTypes:", true, false),
    ] {
        assert_eq!(read_policy(spec).types, Types { ingress, egress }, "{spec}");
    }
}

#[test]
fn rules_are_read_as_written() {
    let policy = read_policy(
        r#"
  podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: NotIn, values: [db]}]}
  ingress:
  - {}
  - from:
    - podSelector: {}
    - namespaceSelector: {matchLabels: {a: ""}}
      podSelector: {matchExpressions: [{key: b, operator: Exists}]}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    - ipBlock: {cidr: "2001:db8::/32"}
    ports:
    - port: 80
    - {port: 80, endPort: 90, protocol: UDP}
    - {port: http, protocol: SCTP}
    - protocol: UDP
"#,
    );
    let selector = |text: &str| Some(Selector::parse(text).unwrap());
    assert_eq!(Some(policy.pod_selector), selector("app == 'web' && tier not in {'db'}"));
    let block = |cidr: &str, except: &[&str]| NetworkPolicyPeer::Block {
        cidr: cidr.parse().unwrap(),
        except: except.iter().map(|cidr| cidr.parse().unwrap()).collect(),
    };
    let port = |protocol, port| NetworkPolicyPort { protocol, port };
    assert_eq!(
        policy.ingress,
        [
            Readable::Rule(NetworkPolicyRule { peers: vec![], ports: vec![] }),
            Readable::Rule(NetworkPolicyRule {
                peers: vec![
                    NetworkPolicyPeer::Pods { namespaces: None, pods: selector("all()") },
                    NetworkPolicyPeer::Pods { namespaces: selector("a == ''"), pods: selector("has(b)") },
                    block("10.0.0.0/8", &["10.1.0.0/16"]),
                    block("2001:db8::/32", &[]),
                ],
                ports: vec![
                    port(Protocol::TCP, Some(PortMatch::Range(80, 80))),
                    port(Protocol::UDP, Some(PortMatch::Range(80, 90))),
                    port(Protocol::SCTP, Some(PortMatch::Name("http".into()))),
                    port(Protocol::UDP, None),
                ],
            }),
        ]
    );
}

#[test]
fn an_unreadable_rule_keeps_its_place() {
    let text = policy("  podSelector: {}\n  ingress:\n  - {}\n  - from: [null]\n  - {}\n  egress: {to: []}\n");
    let decoded = &read(&text, "f")[0];
    let Some(Object::NetworkPolicy(policy)) = &decoded.object else { panic!("{decoded:?}") };
    let allow = Readable::Rule(NetworkPolicyRule { peers: vec![], ports: vec![] });
    let unreadable = Readable::Unreadable(Some(Action::Allow));
    assert_eq!(policy.ingress, [allow.clone(), unreadable.clone(), allow]);
    assert_eq!(policy.egress, [unreadable]);
    assert_eq!(policy.types, Types { ingress: true, egress: true });
}

#[test]
fn places_of_rules() {
    let text = policy(
        "  podSelector: {}\n  ingress:\n  - ports:\n    - port: 80\n\n  - from:\n    - podSelector: {}\n    # end\n  egress:\n  - {}\n",
    );
    let place = &read(&format!("# first\n---\n{text}"), "f")[0].place;
    assert_eq!((&*place.file, place.line), ("f", 3));
    assert_eq!(place.ingress, [Lines { first: 9, last: 10 }, Lines { first: 12, last: 13 }]);
    assert_eq!(place.egress, [Lines { first: 16, last: 16 }]);
}

#[test]
fn errors_of_rules() {
    check_rule(
        "from: [null]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0]: is null, which is no peer [an empty list of peers means everyone; write what is meant]
    "#]],
    );
    check_rule(
        "from: [{}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0]: is no peer: it needs a podSelector, a namespaceSelector or an ipBlock
    "#]],
    );
    check_rule(
        "null",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0]: is null; a mapping is needed
    "#]],
    );
    check_rule(
        "from: {podSelector: {}}",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from: is a mapping; a list is needed
    "#]],
    );
    check_rule(
        "to: []",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].to: is not a field that this may have
    "#]],
    );
    check_rule(
        "from: [{podSelecter: {}}]",
        expect![[r#"
            NetworkPolicy default/p: read
              7 error spec.ingress[0].from[0]: is no peer: it needs a podSelector, a namespaceSelector or an ipBlock
              7 error spec.ingress[0].from[0].podSelecter: is not a field that this may have [did you mean `podSelector`?]
        "#]],
    );
    check_rule(
        "from: [{podSelector: {matchLables: {a: b}}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].podSelector.matchLables: is not a field that this may have [did you mean `matchLabels`?]
    "#]],
    );
    check_rule(
        "from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].ipBlock: ipBlock can't stand beside podSelector or namespaceSelector [make it a peer of its own]
    "#]],
    );
    check_rule(
        "from: [{ipBlock: {}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].ipBlock: has no cidr, which is needed
    "#]],
    );
    check_rule(
        "from: [{ipBlock: {cidr: 10.0.0.1}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].ipBlock.cidr: "10.0.0.1" is no CIDR block: an address, a slash and a length are needed [write 10.0.0.1/32]
    "#]],
    );
    check_rule(
        "from: [{ipBlock: {cidr: 10.0.0.1/8}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 warning spec.ingress[0].from[0].ipBlock.cidr: 10.0.0.1/8 has address bits beyond its length; it means 10.0.0.0/8 [write 10.0.0.0/8]
    "#]],
    );
    check_rule(
        "from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16, 10.0.0.0/8, x]}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].ipBlock.except[0]: 11.0.0.0/16 is not a part of 10.0.0.0/8, which it is cut out of
          7 error spec.ingress[0].from[0].ipBlock.except[1]: 10.0.0.0/8 is not a part of 10.0.0.0/8, which it is cut out of
          7 error spec.ingress[0].from[0].ipBlock.except[2]: "x" is no CIDR block: an address, a slash and a length are needed
    "#]],
    );
    check_rule(
        "from: [{podSelector: {matchLabels: {a: 1, b: true, -c: 'd e', f: null}}}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].from[0].podSelector.matchLabels.a: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
          7 error spec.ingress[0].from[0].podSelector.matchLabels.b: is a boolean; a string is needed [put it in quotes: without them YAML reads it as something else]
          7 error spec.ingress[0].from[0].podSelector.matchLabels.-c: is no key of a label: a DNS name and a slash if need be, then at most 63 letters, digits, -, _ and .
          7 error spec.ingress[0].from[0].podSelector.matchLabels.-c: "d e" is no value of a label: at most 63 letters, digits, -, _ and ., a letter or digit first and last
    "#]],
    );
    check_rule(
        "from: [{podSelector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [c]}, {operator: in}, {key: a/b/c, operator: Exists}]}}]",
        expect![[r#"
            NetworkPolicy default/p: read
              7 error spec.ingress[0].from[0].podSelector.matchExpressions[0]: In and NotIn need at least one value
              7 error spec.ingress[0].from[0].podSelector.matchExpressions[1]: Exists and DoesNotExist take no values
              7 error spec.ingress[0].from[0].podSelector.matchExpressions[2]: has no key, which is needed
              7 error spec.ingress[0].from[0].podSelector.matchExpressions[2].operator: "in" is no operator: those are In, NotIn, Exists and DoesNotExist
              7 error spec.ingress[0].from[0].podSelector.matchExpressions[3].key: "a/b/c" is no key of a label
        "#]],
    );
    check_rule(
        "ports: [{port: 0}, {port: 65536}, {port: '80'}, {port: -x}, {port: 1.5}, {port: [80]}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].ports[0].port: is no port: those are whole numbers from 1 to 65535
          7 error spec.ingress[0].ports[1].port: is no port: those are whole numbers from 1 to 65535
          7 error spec.ingress[0].ports[2].port: "80" is no name of a port: names have at most 15 of a-z, 0-9 and -, with a letter [a number stands without quotes]
          7 error spec.ingress[0].ports[3].port: "-x" is no name of a port: names have at most 15 of a-z, 0-9 and -, with a letter
          7 error spec.ingress[0].ports[4].port: is no port: those are whole numbers from 1 to 65535
          7 error spec.ingress[0].ports[5].port: is a list; a number is needed
    "#]],
    );
    check_rule(
        "ports: [{port: 80, endPort: 79}, {port: http, endPort: 90}, {endPort: 90}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].ports[0].endPort: the range from 80 to 79 ends before it starts
          7 error spec.ingress[0].ports[1].endPort: endPort needs a number as its port, not the name "http"
          7 error spec.ingress[0].ports[2].endPort: endPort needs a port, which the range starts with
    "#]],
    );
    check_rule(
        "ports: [{protocol: tcp}, {protocol: ICMP}, {protocol: 6}, {Port: 80}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 error spec.ingress[0].ports[0].protocol: "tcp" is no protocol with ports: those are TCP, UDP and SCTP
          7 error spec.ingress[0].ports[1].protocol: "ICMP" is no protocol with ports: those are TCP, UDP and SCTP
          7 error spec.ingress[0].ports[2].protocol: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
          7 error spec.ingress[0].ports[3].Port: is not a field that this may have [did you mean `port`?]
    "#]],
    );
    check_rule(
        "from: [{podSelector: {}}]\n    from: []",
        expect![[r#"
        NetworkPolicy default/p: read
          8 error spec.ingress[0].from: is written twice; only one can be meant
    "#]],
    );
}

#[test]
fn errors_of_policies() {
    check(
        "  ingress: []",
        expect![[r#"
        NetworkPolicy default/p: read
          5 warning spec: has no podSelector, and so selects every pod of its namespace [write `podSelector: {}` if that is meant]
    "#]],
    );
    check(
        "  podSelector: {matchLabels: [a]}\n  ingress: [{from: [null]}]",
        expect![[r#"
        NetworkPolicy default/p: not read
          5 error spec.podSelector.matchLabels: is a list; a mapping is needed
          6 error spec.ingress[0].from[0]: is null, which is no peer [an empty list of peers means everyone; write what is meant]
    "#]],
    );
    check(
        "  podSelector: {matchLabels: {a: b}, app: c}",
        expect![[r#"
        NetworkPolicy default/p: not read
          5 error spec.podSelector.app: is not a field that this may have
    "#]],
    );
    check(
        "  podSelector: {}\n  policyTypes: [Ingress, ingress]",
        expect![[r#"
        NetworkPolicy default/p: not read
          6 error spec.policyTypes[1]: "ingress" is no type: those are Ingress and Egress
    "#]],
    );
    check(
        "  podSelector: {}\n  policyTypes: Ingress",
        expect![[r#"
        NetworkPolicy default/p: not read
          6 error spec.policyTypes: is a string; a list is needed
    "#]],
    );
    check(
        "  podSelector: {}\n  policyTypes: [Ingress]\n  egress: [{}]",
        expect![[r#"
        NetworkPolicy default/p: read
          7 warning spec.egress: has no effect, since Egress is not among the policy's types
    "#]],
    );
    check(
        "  podSelector: {}\n  ingres: []\n  priority: 1",
        expect![[r#"
        NetworkPolicy default/p: read
          6 warning spec.ingres: is not a known field, and has no effect [did you mean `ingress`?]
          7 warning spec.priority: is not a known field, and has no effect
    "#]],
    );
    check(
        "  podSelector: {}\n  podSelector: {matchLabels: {a: b}}",
        expect![[r#"
        NetworkPolicy default/p: not read
          6 error spec.podSelector: is written twice; only one can be meant
    "#]],
    );
    check(
        "",
        expect![[r#"
            NetworkPolicy default/p: read
              0 warning : has no podSelector, and so selects every pod of its namespace [write `podSelector: {}` if that is meant]
        "#]],
    );
}

#[test]
fn errors_of_metadata() {
    let check = |head: &str, expected: Expect| {
        expected.assert_eq(&report(&format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{head}\nspec: {{podSelector: {{}}}}"
        )));
    };
    check(
        "metadata: {}",
        expect![[r#"
        ?: not read
          3 error metadata: has no name, which is needed
    "#]],
    );
    check(
        "metadata: {generateName: p-}",
        expect![[r#"
        ?: not read
          3 error metadata: has no name, which is needed [generateName is for the API server to fill in; write a name]
    "#]],
    );
    check(
        "",
        expect![[r#"
        ?: not read
          1 error : has no metadata, which is needed
    "#]],
    );
    check(
        "metadata: {name: P_1, namespace: a.b}",
        expect![[r#"
            NetworkPolicy a.b/P_1: read
              3 error metadata.name: "P_1" is no name of a NetworkPolicy: at most 253 of a-z, 0-9, - and .
              3 error metadata.namespace: "a.b" is no name of a namespace: at most 63 of a-z, 0-9 and -
        "#]],
    );
    check(
        "metadata: {name: p, labels: {a: 1}, creationTimestamp: today, nam: q}",
        expect![[r#"
            NetworkPolicy default/p: read
              3 error metadata.labels.a: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
              3 warning metadata.creationTimestamp: "today" is no time as RFC 3339 writes it; it counts as absent
              3 warning metadata.nam: is not a known field, and has no effect [did you mean `name`?]
        "#]],
    );
    check(
        "metadata: {name: 80}",
        expect![[r#"
            ?: not read
              3 error metadata: has no name, which is needed
              3 error metadata.name: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
        "#]],
    );
    check(
        "metadata: {name: p, creationTimestamp: null, managedFields: [], uid: x}\nstatus: {}\nmore: 1",
        expect![[r#"
        NetworkPolicy default/p: read
          5 warning more: is not a known field, and has no effect
    "#]],
    );
}

#[test]
fn staged_policies() {
    let text = |spec: &str| {
        format!(
            "apiVersion: projectcalico.org/v3\nkind: StagedKubernetesNetworkPolicy\nmetadata: {{name: p, namespace: a}}\nspec: {spec}"
        )
    };
    let staged = |spec: &str| match object(&text(spec)) {
        Object::NetworkPolicy(policy) => policy.staged.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(staged("{podSelector: {}}"), StagedAction::Set);
    assert_eq!(staged("{stagedAction: Delete}"), StagedAction::Delete);
    assert_eq!(staged("{stagedAction: Learn, ingress: [{}]}"), StagedAction::Learn);
    assert_eq!(staged("{stagedAction: Ignore}"), StagedAction::Ignore);
    expect![[r#"
        StagedKubernetesNetworkPolicy a/p: not read
          4 error spec.stagedAction: "set" is no stagedAction: those are Set, Delete, Learn and Ignore
    "#]]
    .assert_eq(&report(&text("{stagedAction: set}")));
}
