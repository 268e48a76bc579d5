//! Decisions 17 to 19.

use crate::build::*;
use margay_spec::{EndpointToHost, Settings};

#[test]
fn d17_the_profile_of_a_pod_is_its_namespace() {
    let lost = pod("lost/web", "10.0.9.1", "");
    check_base(
        &[
            lost,
            calico("Profile", "kns.lost", "egress: [{action: Allow}]"),
            calico("Profile", "kns.red", "egress: [{action: Deny}]"),
        ],
        &[
            ("10.0.9.1 192.0.2.1 tcp 80", "deny; egress deny by no profile matched"),
            ("10.0.0.1 192.0.2.1 tcp 80", "allow; egress allow by profile kns.red"),
            ("10.0.0.1 10.0.9.1 tcp 80", "deny … ingress deny by no profile matched"),
        ],
    );
}

#[test]
fn d17_profiles_of_a_host_endpoint() {
    let documents = |profiles: &str| {
        vec![
            node("node-1", "172.20.0.1", "10.1.0.0/16", ""),
            calico("HostEndpoint", "h", &format!("node: node-1, interfaceName: eth0, profiles: [{profiles}]")),
            calico("Profile", "open", "ingress: [{action: Allow, protocol: TCP}]"),
            calico("Profile", "shut", "ingress: [{action: Log}, {action: Deny}]"),
            calico("Profile", "pass", "ingress: [{action: Pass}, {action: Deny}]"),
            calico("Profile", "projectcalico-default-allow", "ingress: [{action: Deny}]"),
            calico("Profile", "ksa.red.x", "ingress: [{action: Allow}]"),
        ]
    };
    for (profiles, expected) in [
        ("", "deny; in node-1 deny by no profile matched"),
        ("open", "allow; in node-1 allow by rule 0 of profile open"),
        ("missing, open", "allow; in node-1 allow by rule 0 of profile open"),
        ("shut, open", "deny; in node-1 deny by rule 1 of profile shut"),
        ("pass, open", "allow; in node-1 allow by rule 0 of profile open"),
        ("pass", "deny; in node-1 deny by no profile matched"),
        ("projectcalico-default-allow", "allow; in node-1 allow by profile projectcalico-default-allow"),
        ("kns.red", "allow; in node-1 allow by profile kns.red"),
        ("kns.lost", "deny; in node-1 deny by no profile matched"),
        ("ksa.red.x", "deny; in node-1 deny by no profile matched"),
    ] {
        check_base(&documents(profiles), &[("192.0.2.1 172.20.0.1 tcp 80", expected)]);
    }
}

fn shut_and_node() -> Vec<String> {
    let annotated = node("node-1", "172.20.0.1", "10.1.0.0/16", "")
        .replace("metadata: {", "metadata: {annotations: {projectcalico.org/IPv4VXLANTunnelAddr: 10.99.0.1}, ");
    vec![
        annotated,
        node("node-2", "172.20.0.2", "10.2.0.0/16", ""),
        calico("GlobalNetworkPolicy", "shut", "types: [Ingress, Egress]"),
    ]
}

#[test]
fn d18_always_allowed() {
    check_base(
        &shut_and_node(),
        &[
            ("10.0.0.1 10.0.0.1 tcp 80", "allow; egress allow by a pod to itself; ingress allow by a pod to itself"),
            ("10.0.0.1 10.0.0.2 tcp 80", "deny"),
            ("172.20.0.1 10.0.0.1 tcp 80", "allow; ingress allow by from the pod's own node"),
            ("10.99.0.1 10.0.0.1 udp 1", "allow; ingress allow by from the pod's own node"),
            ("10.0.0.0 10.0.0.1 udp 1", "deny"),
            ("172.20.0.2 10.0.0.1 tcp 80", "deny"),
            ("10.2.0.1 10.0.0.1 tcp 80", "deny"),
            (
                "fd00::1 fd00::2 icmpv6 135 0",
                "allow; egress allow by neighbour discovery; ingress allow by neighbour discovery",
            ),
            ("fd00::1 fd00::2 icmpv6 129 0", "deny"),
            ("fd00::1 fd00::2 icmpv6 130 0", "allow"),
            ("fd00::1 fd00::2 icmpv6 136 9", "allow"),
            ("fd00::1 fd00::2 icmpv6 137 0", "deny"),
            ("fd00::1 2001:db8::1 icmpv6 143 0", "allow"),
            ("10.0.0.1 10.0.0.2 icmp 135 0", "deny"),
            ("10.0.0.1 10.0.0.2 58 135 0", "deny"),
        ],
    );
    // Without its Node a pod has no node.
    check_base(&shut_and_node()[1..], &[("172.20.0.1 10.0.0.1 tcp 80", "deny")]);
}

#[test]
fn d18_the_gateway_is_the_nodes_own() {
    let mut documents = shut_and_node();
    documents.push(pod_with("red/far", "10.2.0.9", "", "nodeName: node-2", ""));
    check_base(&documents, &[("10.2.0.1 10.2.0.9 tcp 80", "allow"), ("10.2.0.2 10.2.0.9 tcp 80", "deny")]);
}

#[test]
fn d18_an_address_that_a_pod_has_is_never_a_nodes() {
    let mut documents = shut_and_node();
    documents.push(pod_with("red/gateway", "10.2.0.1", "", "nodeName: node-2", ""));
    documents.push(pod_with("red/far", "10.2.0.9", "", "nodeName: node-2", ""));
    let shut = "deny; egress deny by the default action of tier default (isolated by GlobalNetworkPolicy shut); \
                ingress deny by the default action of tier default (isolated by GlobalNetworkPolicy shut)";
    check_base(&documents, &[("10.2.0.1 10.2.0.9 tcp 80", shut), ("172.20.0.2 10.2.0.9 tcp 80", "allow")]);
}

#[test]
fn d18_an_address_that_two_nodes_claim_is_that_of_the_lesser_name() {
    let mut documents = shut_and_node();
    documents.push(node("node-3", "172.20.0.2", "10.3.0.0/16", ""));
    documents.push(pod_with("red/two", "10.2.0.9", "", "nodeName: node-2", ""));
    documents.push(pod_with("red/three", "10.3.0.9", "", "nodeName: node-3", ""));
    check_base(&documents, &[("172.20.0.2 10.2.0.9 tcp 80", "allow"), ("172.20.0.2 10.3.0.9 tcp 80", "deny")]);
}

#[test]
fn d19_from_a_pod_to_its_own_node() {
    let nodes = [node("node-1", "172.20.0.1", "10.8.0.0/16", ""), node("node-2", "172.20.0.2", "10.9.0.0/16", "")];
    let shut = calico("HostEndpoint", "h", "node: node-1, interfaceName: '*'");
    let policy = calico(
        "GlobalNetworkPolicy",
        "p",
        "selector: app == 'web', types: [Egress], egress: [{action: Allow, protocol: TCP}]",
    );
    let mut documents = base();
    documents.extend(nodes.into_iter().chain([shut, policy]));
    let drop = Settings { endpoint_to_host: EndpointToHost::Drop, ..Settings::default() };
    let flows = [
        "10.0.0.1 172.20.0.1 tcp 80",
        "10.0.0.1 10.8.0.1 tcp 80",
        "10.0.0.1 172.20.0.1 udp 80",
        "10.0.0.2 172.20.0.1 udp 80",
    ];
    for (settings, expected) in [
        (Settings::default(), ["allow", "allow", "deny … tier default", "allow"]),
        (drop, ["deny … from a pod to its node", "deny", "deny … tier default", "deny … from a pod to its node"]),
    ] {
        check_with(settings, &documents, &flows.into_iter().zip(expected).collect::<Vec<_>>());
    }
    // Another node isn't its own: its host endpoint and the sender's are asked, and no action for traffic to a node applies.
    check_with(
        drop,
        &documents,
        &[("10.0.0.1 172.20.0.2 tcp 80", "allow; egress allow by rule 0 of GlobalNetworkPolicy p; out node-1 allow")],
    );
    check_with(drop, &documents, &[("fd00::1 fd00::99 icmpv6 135 0", "allow")]);
}
