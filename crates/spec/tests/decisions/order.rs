//! Decisions 9 and 10.

use crate::build::*;

const FLOW: &str = "192.0.2.1 10.0.0.2 tcp 80";

fn says(tier: &str, name: &str, order: &str, action: &str) -> String {
    let spec =
        format!("tier: {tier}, {order} selector: app == 'db', types: [Ingress], ingress: [{{action: {action}}}]");
    calico("GlobalNetworkPolicy", name, &spec)
}

#[test]
fn d9_order_of_tiers() {
    for (tiers, expected) in [
        // By order, then name; absent is last.
        (vec![("a", "order: 20"), ("b", "order: 10")], "deny … policy-b"),
        (vec![("a", "order: 10"), ("b", "order: 10")], "deny … policy-a"),
        (vec![("a", "defaultAction: Deny"), ("b", "order: 9000000")], "deny … policy-b"),
        (vec![("a", "defaultAction: Deny"), ("b", "defaultAction: Deny")], "deny … policy-a"),
        (vec![("b", "order: 2000000"), ("default", "")], "deny … policy-default"),
        (vec![("b", "order: 999999"), ("default", "")], "deny … policy-b"),
        // Objects of the tiers that are always there change nothing.
        (vec![("a", "order: 10"), ("default", "order: 1")], "deny … policy-a"),
        (vec![("a", "order: 2000"), ("kube-admin", "order: 90000")], "deny … policy-kube-admin"),
        // A tier without an object is last.
        (vec![("missing", ""), ("z", "order: 90000000")], "deny … policy-z"),
        (vec![("missing", ""), ("kube-baseline", "")], "deny … policy-kube-baseline"),
    ] {
        let mut documents = Vec::new();
        for (name, spec) in tiers {
            documents.push(says(name, &format!("policy-{name}"), "", "Deny"));
            if !spec.is_empty() {
                documents.push(calico("Tier", name, spec));
            }
        }
        check_base(&documents, &[(FLOW, expected)]);
    }
}

#[test]
fn d9_defaults_of_tiers() {
    let policy = |tier: &str| {
        calico("GlobalNetworkPolicy", "p", &format!("tier: {tier}, selector: app == 'db', types: [Ingress]"))
    };
    for (documents, expected) in [
        (
            vec![policy("default")],
            "deny; ingress deny by the default action of tier default (isolated by GlobalNetworkPolicy p)",
        ),
        (vec![policy("kube-admin")], "allow; ingress allow by profile kns.red"),
        (vec![policy("kube-baseline")], "allow; ingress allow by profile kns.red"),
        (vec![policy("kube-admin"), calico("Tier", "kube-admin", "defaultAction: Deny")], "allow"),
        (vec![policy("default"), calico("Tier", "default", "defaultAction: Pass")], "deny"),
        (vec![policy("missing")], "deny; ingress deny by the default action of tier missing"),
        (vec![policy("a"), calico("Tier", "a", "order: 1")], "deny"),
        (
            vec![policy("a"), calico("Tier", "a", "order: 1, defaultAction: Pass")],
            "allow; ingress allow by profile kns.red",
        ),
    ] {
        check_base(&documents, &[(FLOW, expected)]);
    }
}

#[test]
fn d9_pass_leaves_the_tier_and_only_tiers_that_select_take_part() {
    let tiers = [calico("Tier", "a", "order: 1"), calico("Tier", "b", "order: 2")];
    for (policies, expected) in [
        (vec![says("a", "p", "", "Pass"), says("b", "q", "", "Allow")], "allow … rule 0 of GlobalNetworkPolicy q"),
        (vec![says("a", "p", "", "Pass"), says("a", "q", "", "Deny")], "allow … profile kns.red"),
        (vec![says("a", "p", "", "Log"), says("a", "q", "", "Allow")], "allow … rule 0 of GlobalNetworkPolicy q"),
        (vec![says("a", "p", "", "Log")], "deny … tier a"),
        (
            vec![says("a", "p", "", "Deny").replace("'db'", "'web'"), says("b", "q", "", "Allow")],
            "allow … GlobalNetworkPolicy q",
        ),
        (
            vec![says("a", "p", "", "Pass"), network_policy("red/net", "podSelector: {}")],
            "deny … isolated by NetworkPolicy red/net",
        ),
    ] {
        let documents: Vec<String> = tiers.iter().cloned().chain(policies).collect();
        check_base(&documents, &[(FLOW, expected)]);
    }
}

#[test]
fn d9_disjoint_ports_across_tiers_allow_nothing() {
    let rules = |tier: &str, name: &str, action: &str, port: u16| {
        let rule = format!("{{action: {action}, protocol: TCP, destination: {{ports: [{port}]}}}}");
        calico(
            "GlobalNetworkPolicy",
            name,
            &format!("tier: {tier}, selector: app == 'db', types: [Ingress], ingress: [{rule}]"),
        )
    };
    let documents = [calico("Tier", "a", "order: 1"), rules("a", "p", "Pass", 80), rules("default", "q", "Allow", 443)];
    check_base(&documents, &[(FLOW, "deny … tier default"), ("192.0.2.1 10.0.0.2 tcp 443", "deny … tier a")]);
}

#[test]
fn d10_order_in_a_tier() {
    let network = network_policy("red/same", "podSelector: {}, ingress: [{}]");
    let namespaced = |name: &str, order: &str| {
        calico("NetworkPolicy", name, &format!("{order} types: [Ingress], ingress: [{{action: Deny}}]"))
    };
    for (documents, expected) in [
        (
            vec![says("default", "a", "order: 2,", "Deny"), says("default", "b", "order: 1,", "Allow")],
            "allow … GlobalNetworkPolicy b",
        ),
        (
            vec![says("default", "a", "order: 1,", "Deny"), says("default", "b", "order: 1,", "Allow")],
            "deny … GlobalNetworkPolicy a",
        ),
        (
            vec![says("default", "a", "", "Deny"), says("default", "b", "order: 99999,", "Allow")],
            "allow … GlobalNetworkPolicy b",
        ),
        (
            vec![says("default", "a", "order: 1000.5,", "Deny"), network.clone()],
            "allow … rule 0 of NetworkPolicy red/same",
        ),
        (vec![says("default", "a", "order: 999.5,", "Deny"), network.clone()], "deny … GlobalNetworkPolicy a"),
        // One order: by name, then kind.
        (
            vec![says("default", "same", "order: 1000,", "Deny"), network.clone()],
            "allow … rule 0 of NetworkPolicy red/same",
        ),
        (
            vec![says("default", "same", "order: 5,", "Deny"), namespaced("red/same", "order: 5,")],
            "deny … rule 0 of NetworkPolicy red/same",
        ),
        (vec![namespaced("red/same", "order: 1000,"), network.clone()], "allow"),
        (vec![namespaced("red/sa", "order: 1000,"), network.clone()], "deny"),
    ] {
        check_base(&documents, &[(FLOW, expected)]);
    }
}

#[test]
fn d10_order_of_the_cluster_kinds() {
    let admin = |kind: &str, version: &str, name: &str, priority: &str, action: &str| {
        object(
            &format!("policy.networking.k8s.io/{version}"),
            kind,
            name,
            "",
            &format!(
                "spec: {{{priority} subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}"
            ),
        )
    };
    let cnp = |name: &str, tier: &str, priority: u16, action: &str| {
        admin("ClusterNetworkPolicy", "v1alpha2", name, &format!("tier: {tier}, priority: {priority},"), action)
    };
    let anp = |name: &str, priority: u16, action: &str| {
        admin("AdminNetworkPolicy", "v1alpha1", name, &format!("priority: {priority},"), action)
    };
    let baseline = |action| admin("BaselineAdminNetworkPolicy", "v1alpha1", "default", "", action);
    for (documents, expected) in [
        (vec![cnp("a", "Admin", 2, "Deny"), cnp("b", "Admin", 1, "Accept")], "allow … ClusterNetworkPolicy b"),
        (vec![cnp("a", "Admin", 1, "Deny"), anp("a", 1, "Allow")], "deny … rule 0 of ClusterNetworkPolicy a"),
        (vec![cnp("b", "Admin", 1, "Deny"), anp("a", 1, "Allow")], "allow … rule 0 of AdminNetworkPolicy a"),
        (vec![cnp("a", "Baseline", 1, "Deny"), anp("b", 1000, "Allow")], "allow … rule 0 of AdminNetworkPolicy b"),
        (vec![baseline("Deny")], "deny … rule 0 of BaselineAdminNetworkPolicy default"),
        (vec![baseline("Deny"), anp("a", 3, "Pass")], "deny … rule 0 of BaselineAdminNetworkPolicy default"),
        (
            vec![baseline("Deny"), network_policy("red/net", "podSelector: {}, ingress: [{}]")],
            "allow … rule 0 of NetworkPolicy red/net",
        ),
        (vec![baseline("Allow"), network_policy("red/net", "podSelector: {}")], "deny … tier default"),
        (vec![anp("a", 3, "Pass"), network_policy("red/net", "podSelector: {}")], "deny … tier default"),
    ] {
        check_base(&documents, &[("10.0.0.1 10.0.0.2 tcp 80", expected)]);
    }
}
