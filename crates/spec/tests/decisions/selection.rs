//! Decisions 6 to 8.

use crate::build::*;

#[test]
fn d6_whom_each_kind_selects() {
    for (policy, red, blue) in [
        (network_policy("red/p", "podSelector: {}"), "deny", "allow"),
        (network_policy("red/p", "podSelector: {matchLabels: {app: db}}"), "deny", "allow"),
        (network_policy("red/p", "podSelector: {matchLabels: {app: web}}"), "allow", "allow"),
        (calico("NetworkPolicy", "red/p", "types: [Ingress]"), "deny", "allow"),
        (calico("NetworkPolicy", "red/p", "selector: '', types: [Ingress]"), "deny", "allow"),
        (calico("GlobalNetworkPolicy", "p", "types: [Ingress]"), "deny", "deny"),
        (calico("GlobalNetworkPolicy", "p", "selector: \"pcns.team == 'y'\", types: [Ingress]"), "allow", "deny"),
        (calico("GlobalNetworkPolicy", "p", "types: [Ingress], applyOnForward: true"), "deny", "deny"),
        (calico("GlobalNetworkPolicy", "p", "types: [Ingress], applyOnForward: true, preDNAT: true"), "allow", "allow"),
        (
            calico("GlobalNetworkPolicy", "p", "types: [Ingress], applyOnForward: true, doNotTrack: true"),
            "allow",
            "allow",
        ),
        (
            cluster_policy(
                "p",
                "tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]",
            ),
            "allow",
            "allow",
        ),
    ] {
        check_base(&[policy], &[("192.0.2.1 10.0.0.2 tcp 80", red), ("192.0.2.1 10.0.1.2 tcp 80", blue)]);
    }
    for (subject, red, blue) in [
        ("{namespaces: {matchLabels: {team: x}}}", "deny", "allow"),
        ("{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}", "deny", "deny"),
        (
            "{pods: {namespaceSelector: {matchLabels: {team: 'y'}}, podSelector: {matchLabels: {app: web}}}}",
            "allow",
            "allow",
        ),
    ] {
        let spec = format!(
            "tier: Admin, priority: 1, subject: {subject}, ingress: [{{action: Deny, from: [{{namespaces: {{}}}}]}}]"
        );
        check_base(
            &[cluster_policy("p", &spec)],
            &[("10.0.0.1 10.0.0.2 tcp 80", red), ("10.0.0.1 10.0.1.2 tcp 80", blue)],
        );
    }
}

#[test]
fn d7_directions() {
    for (policy, ingress, egress) in [
        (network_policy("red/p", "podSelector: {}"), "deny", "allow"),
        (network_policy("red/p", "podSelector: {}, egress: [{}]"), "deny", "allow; egress allow by rule 0"),
        (network_policy("red/p", "podSelector: {}, policyTypes: [Egress]"), "allow", "deny"),
        (network_policy("red/p", "podSelector: {}, policyTypes: [Ingress, Egress]"), "deny", "deny"),
        (calico("NetworkPolicy", "red/p", "order: 1"), "deny", "allow"),
        (calico("NetworkPolicy", "red/p", "egress: [{action: Deny}]"), "allow", "deny"),
        (calico("NetworkPolicy", "red/p", "ingress: [{action: Deny}], egress: [{action: Deny}]"), "deny", "deny"),
        (calico("NetworkPolicy", "red/p", "types: [Egress], ingress: [{action: Deny}]"), "allow", "deny"),
        (cluster_policy("p", "tier: Baseline, priority: 1, subject: {namespaces: {}}"), "allow", "allow"),
    ] {
        check_base(&[policy], &[("192.0.2.1 10.0.0.2 tcp 80", ingress), ("10.0.0.2 192.0.2.1 tcp 80", egress)]);
    }
}

#[test]
fn d8_two_pods_with_one_address() {
    let claim = |name: &str, created: &str, more: &str| {
        let pod = pod_with(name, "10.0.7.7", "claim=yes", "nodeName: node-1", "");
        let created = if created.is_empty() { String::new() } else { format!(", creationTimestamp: \"{created}\"") };
        pod.replace("metadata: {", &format!("metadata: {{annotations: {{a: b}}{created}, "))
            .replace("phase: Running", if more.is_empty() { "phase: Running" } else { more })
    };
    let (old, new) = ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z");
    for (red, blue, owner) in [
        (claim("red/a", old, ""), claim("blue/b", new, ""), "blue"),
        (claim("red/a", new, ""), claim("blue/b", old, ""), "red"),
        (claim("red/a", "", ""), claim("blue/b", old, ""), "blue"),
        (claim("red/a", old, ""), claim("blue/b", "", ""), "red"),
        // Then the greater namespace and name.
        (claim("red/a", "", ""), claim("blue/b", "", ""), "red"),
        (claim("red/a", old, ""), claim("blue/b", old, ""), "red"),
        // A terminal pod claims nothing.
        (claim("red/a", new, "phase: Failed"), claim("blue/b", old, ""), "blue"),
        (claim("red/a", new, "phase: Succeeded"), claim("blue/b", old, ""), "blue"),
    ] {
        let expected = format!("allow; egress allow by profile kns.{owner}");
        check_base(&[red, blue], &[("10.0.7.7 192.0.2.1 tcp 80", &expected)]);
    }
}

#[test]
fn d8_who_is_no_endpoint() {
    let policy = calico("GlobalNetworkPolicy", "p", "types: [Ingress, Egress]");
    for (pod, expected) in [
        (
            pod_with("red/a", "10.0.7.7", "", "nodeName: node-1", ""),
            "deny; egress deny by the default action of tier default (isolated by GlobalNetworkPolicy p)",
        ),
        (pod_with("red/a", "10.0.7.7", "", "hostNetwork: true", ""), "allow"),
        (pod_with("red/a", "10.0.7.7", "", "nodeName: node-1", "").replace("Running", "Succeeded"), "allow"),
        (pod_with("red/a", "10.0.7.7", "", "nodeName: node-1", "").replace("Running", "Pending"), "deny"),
        (pod_with("red/a", "", "", "nodeName: node-1", ""), "allow"),
    ] {
        check(&[namespace("red", ""), policy.clone(), pod], &[("10.0.7.7 192.0.2.1 tcp 80", expected)]);
    }
}

#[test]
fn d8_a_pod_that_loses_one_address_keeps_the_other() {
    let older = pod("blue/older", "10.0.7.7,fd00::77", "");
    let newer = pod("red/newer", "10.0.7.7", "")
        .replace("metadata: {", "metadata: {creationTimestamp: \"2024-01-01T00:00:00Z\", ");
    check_base(
        &[older, newer],
        &[
            ("10.0.7.7 192.0.2.1 tcp 80", "allow; egress allow by profile kns.red"),
            ("fd00::77 2001:db8::1 tcp 80", "allow; egress allow by profile kns.blue"),
        ],
    );
}
