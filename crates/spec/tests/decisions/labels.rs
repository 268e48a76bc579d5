//! Decisions 1 to 5.

use crate::build::*;

/// A guard that lets in what the selector matches, and the sources that it should let in.
fn admits(more: &[String], selector: &str, sources: &[(&str, bool)]) {
    let mut documents = more.to_vec();
    documents.push(guard(&format!("{{action: Allow, source: {selector}}}")));
    let table: Vec<(String, &str)> = sources
        .iter()
        .map(|(from, yes)| (format!("{from} 10.0.0.2 tcp 80"), if *yes { "allow" } else { "deny" }))
        .collect();
    let table: Vec<(&str, &str)> = table.iter().map(|(flow, expected)| (flow.as_str(), *expected)).collect();
    check_base(&documents, &table);
}

#[test]
fn d1_a_pod_inherits_from_namespace_and_service_account() {
    let more = [
        account("red/default", "tier=gold"),
        pod("lost/web", "10.0.9.1", "app=web"),
        pod("red/liar", "10.0.0.9", "pcns.team=y,pcsa.tier=iron,projectcalico.org/namespace=blue,own=1"),
    ];
    for (selector, expected) in [
        ("projectcalico.org/namespace == 'red'", [true, false, false, true]),
        ("projectcalico.org/namespace == 'lost'", [false, false, true, false]),
        ("projectcalico.org/namespace == 'blue'", [false, true, false, false]),
        ("projectcalico.org/orchestrator == 'k8s'", [true, true, true, true]),
        ("projectcalico.org/serviceaccount == 'default'", [true, true, true, true]),
        ("pcns.team == 'x'", [true, false, false, true]),
        ("pcns.team == 'y'", [false, true, false, false]),
        ("pcns.projectcalico.org/name == 'red'", [true, false, false, true]),
        ("has(pcns.projectcalico.org/name)", [true, true, false, true]),
        ("pcns.kubernetes.io/metadata.name == 'red'", [true, false, false, true]),
        ("pcsa.tier == 'gold'", [true, false, false, true]),
        ("pcsa.tier == 'iron'", [false, false, false, false]),
        ("pcsa.projectcalico.org/name == 'default'", [true, false, false, true]),
        ("own == '1'", [false, false, false, true]),
    ] {
        // The pod of a namespace that isn't there may send nothing by its profile; a policy lets it.
        let mut documents = more.to_vec();
        documents.push(calico("GlobalNetworkPolicy", "out", "types: [Egress], egress: [{action: Allow}]"));
        let sources = ["10.0.0.1", "10.0.1.1", "10.0.9.1", "10.0.0.9"];
        let table: Vec<(&str, bool)> = sources.into_iter().zip(expected).collect();
        admits(&documents, &format!("{{selector: \"{selector}\"}}"), &table);
    }
}

#[test]
fn d2_network_sets_have_their_namespace_and_global_ones_nothing_but_their_own() {
    let more = [
        labelled("NetworkSet", "red/near", "kind=partner,pcns.team=y", "nets: [192.0.2.0/25]"),
        labelled("GlobalNetworkSet", "far", "kind=partner,pcns.team=y", "nets: [192.0.2.128/25]"),
    ];
    for (selector, near, far) in [
        ("kind == 'partner'", true, true),
        ("projectcalico.org/namespace == 'red'", true, false),
        ("pcns.team == 'x'", true, false),
        ("pcns.team == 'y'", false, true),
        ("pcns.projectcalico.org/name == 'red'", true, false),
        ("has(projectcalico.org/orchestrator)", false, false),
        ("all()", true, true),
    ] {
        admits(
            &more,
            &format!("{{selector: \"{selector}\"}}"),
            &[("192.0.2.1", near), ("192.0.2.129", far), ("192.0.3.1", false)],
        );
    }
}

#[test]
fn d3_a_host_endpoint_takes_labels_from_its_profiles_in_order() {
    let more = [
        calico("Profile", "first", "labelsToApply: {zone: a, color: a, own: a}"),
        calico("Profile", "second", "labelsToApply: {zone: b, shape: b}"),
        calico("Profile", "projectcalico-default-allow", "labelsToApply: {builtin: x}"),
        labelled(
            "HostEndpoint",
            "h",
            "own=mine",
            "node: node-9, interfaceName: eth7, expectedIPs: [192.0.2.7], profiles: [first, second, missing, projectcalico-default-allow]",
        ),
    ];
    for (selector, yes) in [
        ("own == 'mine'", true),
        ("own == 'a'", false),
        ("zone == 'a'", true),
        ("color == 'a'", true),
        ("shape == 'b'", true),
        ("has(builtin)", false),
        ("has(projectcalico.org/namespace)", false),
    ] {
        admits(&more, &format!("{{selector: \"{selector}\"}}"), &[("192.0.2.7", yes)]);
    }
}

#[test]
fn d4_selectors_of_kubernetes_see_pods_alone() {
    let set = labelled("GlobalNetworkSet", "far", "app=web", "nets: [192.0.2.0/24]");
    let liar = pod("red/liar", "10.0.0.9", "projectcalico.org/namespace=blue");
    for (peer, red, external, lying) in [
        ("{podSelector: {matchLabels: {app: web}}}", true, false, false),
        ("{namespaceSelector: {}}", true, false, true),
        ("{podSelector: {matchLabels: {projectcalico.org/namespace: red}}}", true, false, true),
        ("{podSelector: {matchLabels: {projectcalico.org/namespace: blue}}}", false, false, false),
        ("{namespaceSelector: {matchLabels: {projectcalico.org/name: red}}}", true, false, true),
        ("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: red}}}", true, false, true),
        ("{namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {app: web}}}", true, false, false),
    ] {
        let policy = network_policy(
            "red/p",
            &format!("podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{peer}]}}]"),
        );
        let word = |yes| if yes { "allow" } else { "deny" };
        check_base(
            &[set.clone(), liar.clone(), policy],
            &[
                ("10.0.0.1 10.0.0.2 tcp 80", word(red)),
                ("192.0.2.1 10.0.0.2 tcp 80", word(external)),
                ("10.0.0.9 10.0.0.2 tcp 80", word(lying)),
                ("10.0.0.1 10.0.1.2 tcp 80", "allow"),
            ],
        );
    }
}

#[test]
fn d5_readings_of_a_namespace_selector() {
    let more = [
        labelled("GlobalNetworkSet", "far", "team=x", "nets: [192.0.2.0/24]"),
        labelled("NetworkSet", "blue/near", "", "nets: [198.51.100.0/24]"),
        pod("lost/web", "10.0.9.1", ""),
        calico("GlobalNetworkPolicy", "out", "types: [Egress], egress: [{action: Allow}]"),
    ];
    let sources = ["10.0.0.1", "10.0.1.1", "192.0.2.1", "198.51.100.1", "10.0.9.1", "203.0.113.1"];
    for (selector, expected) in [
        ("team == 'x'", [true, false, false, false, false, false]),
        ("team != 'x'", [false, true, false, true, true, false]),
        ("!has(team)", [false, false, false, false, true, false]),
        ("projectcalico.org/name == 'blue'", [false, true, false, true, false, false]),
        ("projectcalico.org/name in {'red', 'blue'}", [true, true, false, true, false, false]),
        ("team starts with 'x'", [true, false, false, false, false, false]),
        ("all()", [true, true, false, true, true, false]),
        ("!all()", [false, false, false, false, false, false]),
        ("global()", [false, false, true, false, false, false]),
    ] {
        let table: Vec<(&str, bool)> = sources.into_iter().zip(expected).collect();
        admits(&more, &format!("{{namespaceSelector: \"{selector}\"}}"), &table);
    }
}

#[test]
fn d5_readings_of_a_service_account_selector() {
    let more = [
        account("red/default", "tier=gold"),
        account("red/robot", "tier=iron"),
        pod_with("red/bot", "10.0.0.8", "", "serviceAccountName: robot", ""),
        labelled("GlobalNetworkSet", "far", "pcsa.tier=gold", "nets: [192.0.2.0/24]"),
    ];
    let sources = ["10.0.0.1", "10.0.0.8", "10.0.1.1", "192.0.2.1"];
    for (accounts, expected) in [
        ("{selector: \"tier == 'gold'\"}", [true, false, false, false]),
        ("{selector: \"tier != 'gold'\"}", [false, true, true, false]),
        ("{selector: 'all()'}", [true, true, true, false]),
        ("{names: [robot]}", [false, true, false, false]),
        ("{names: [default, other]}", [true, false, true, false]),
        ("{names: [default], selector: \"tier == 'gold'\"}", [true, false, false, false]),
        ("{}", [true, true, true, false]),
    ] {
        let table: Vec<(&str, bool)> = sources.into_iter().zip(expected).collect();
        admits(&more, &format!("{{serviceAccounts: {accounts}}}"), &table);
    }
}

#[test]
fn d5_the_same_in_the_subject() {
    for (subject, red, blue) in [
        ("namespaceSelector: \"team == 'x'\"", "deny", "allow"),
        ("namespaceSelector: 'all()'", "deny", "deny"),
        ("namespaceSelector: ''", "deny", "deny"),
        ("serviceAccountSelector: \"tier == 'gold'\"", "deny", "allow"),
        ("serviceAccountSelector: \"tier != 'gold'\"", "allow", "deny"),
    ] {
        let more = [
            account("red/default", "tier=gold"),
            calico("GlobalNetworkPolicy", "p", &format!("selector: app == 'db', {subject}, types: [Ingress]")),
        ];
        check_base(&more, &[("192.0.2.1 10.0.0.2 tcp 80", red), ("192.0.2.1 10.0.1.2 tcp 80", blue)]);
    }
}
