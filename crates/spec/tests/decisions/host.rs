//! Decisions 20 to 23.

use crate::build::*;

/// node-1 172.20.0.1 with the pods of the base, node-2 172.20.0.2 with red/far 10.2.0.9.
fn nodes() -> Vec<String> {
    vec![
        node("node-1", "172.20.0.1", "10.1.0.0/16", ""),
        node("node-2", "172.20.0.2", "10.2.0.0/16", ""),
        pod_with("red/far", "10.2.0.9", "app=far", "nodeName: node-2", ""),
    ]
}

fn host(name: &str, spec: &str) -> String {
    labelled("HostEndpoint", name, &format!("host={name}"), spec)
}

fn policy(name: &str, spec: &str) -> String {
    calico("GlobalNetworkPolicy", name, &format!("selector: has(host), {spec}"))
}

fn check_nodes(more: &[String], table: &[(&str, &str)]) {
    let documents: Vec<String> = nodes().into_iter().chain(more.iter().cloned()).collect();
    check_base(&documents, table);
}

#[test]
fn d20_which_host_endpoint_covers_the_uplink() {
    let chosen = |name: &str| {
        policy(&format!("of-{name}"), "types: [Ingress], ingress: [{action: Allow}]")
            .replace("has(host)", &format!("host == '{name}'"))
    };
    for (hosts, expected) in [
        (vec![], "allow"),
        (vec![host("a", "node: node-1, interfaceName: eth0")], "allow … of-a"),
        (vec![host("a", "node: node-1, interfaceName: '*'")], "allow … of-a"),
        (vec![host("a", "node: node-1, interfaceName: eth1")], "allow"),
        (vec![host("a", "node: node-1, interfaceName: eth1, expectedIPs: [172.20.0.1]")], "allow"),
        (vec![host("a", "node: node-1, expectedIPs: [172.20.0.1]")], "allow … of-a"),
        (vec![host("a", "node: node-1, expectedIPs: [172.20.0.3]")], "allow"),
        (vec![host("a", "node: node-2, interfaceName: eth0")], "allow"),
        (
            vec![host("b", "node: node-1, interfaceName: eth0"), host("a", "node: node-1, expectedIPs: [172.20.0.1]")],
            "allow … of-b",
        ),
        (
            vec![host("b", "node: node-1, expectedIPs: [172.20.0.1]"), host("a", "node: node-1, interfaceName: '*'")],
            "allow … of-b",
        ),
        (
            vec![host("b", "node: node-1, interfaceName: eth0"), host("a", "node: node-1, interfaceName: eth0")],
            "allow … of-a",
        ),
    ] {
        let documents: Vec<String> = hosts.into_iter().chain([chosen("a"), chosen("b")]).collect();
        let flow = "192.0.2.1 172.20.0.1 tcp 80";
        check_nodes(&documents, &[(flow, expected)]);
        if !expected.contains('…') {
            check_nodes(&documents, &[(flow, "allow")]);
        }
    }
}

#[test]
fn d20_a_windows_node_has_no_host_endpoint() {
    let hosts = [host("a", "node: node-1, interfaceName: eth0"), host("b", "node: node-2, interfaceName: eth0")];
    let mut documents: Vec<String> = nodes().into_iter().chain(hosts).collect();
    check_base(&documents, &[("192.0.2.1 172.20.0.1 tcp 80", "deny"), ("192.0.2.1 172.20.0.2 tcp 80", "deny")]);
    documents[0] = node("node-1", "172.20.0.1", "10.1.0.0/16", "kubernetes.io/os=windows");
    check_base(&documents, &[("192.0.2.1 172.20.0.1 tcp 80", "allow"), ("192.0.2.1 172.20.0.2 tcp 80", "deny")]);
}

#[test]
fn d21_the_way_of_a_packet() {
    let open = "profiles: [projectcalico-default-allow]";
    let hosts = [
        host("a", &format!("node: node-1, interfaceName: eth0, {open}")),
        host("b", &format!("node: node-2, interfaceName: eth0, {open}")),
    ];
    let by = "by profile projectcalico-default-allow";
    let forwarded = "by no policy for forwarded traffic decided";
    let red = "by profile kns.red";
    for (flow, expected) in [
        ("10.0.0.1 10.0.0.2 tcp 80", format!("allow; egress allow {red}; ingress allow {red}")),
        (
            "10.0.0.1 10.2.0.9 tcp 80",
            format!(
                "allow; egress allow {red}; ingress allow {red}; out node-1 allow {forwarded}; in node-2 allow {forwarded}"
            ),
        ),
        ("10.0.0.1 192.0.2.1 tcp 80", format!("allow; egress allow {red}; out node-1 allow {forwarded}")),
        ("192.0.2.1 10.2.0.9 tcp 80", format!("allow; ingress allow {red}; in node-2 allow {forwarded}")),
        ("10.0.0.1 172.20.0.1 tcp 80", format!("allow; egress allow {red}")),
        (
            "10.0.0.1 172.20.0.2 tcp 80",
            format!("allow; egress allow {red}; out node-1 allow {forwarded}; in node-2 allow {by}"),
        ),
        ("172.20.0.1 10.0.0.1 tcp 80", "allow; ingress allow by from the pod's own node".to_owned()),
        (
            "172.20.0.1 10.2.0.9 tcp 80",
            format!("allow; ingress allow {red}; out node-1 allow {by}; in node-2 allow {forwarded}"),
        ),
        ("172.20.0.1 172.20.0.2 tcp 80", format!("allow; out node-1 allow {by}; in node-2 allow {by}")),
        ("172.20.0.1 10.0.0.1 udp 80", "allow; ingress allow by from the pod's own node".to_owned()),
        ("172.20.0.1 192.0.2.1 tcp 80", format!("allow; out node-1 allow {by}")),
        ("192.0.2.1 172.20.0.2 tcp 80", format!("allow; in node-2 allow {by}")),
        ("192.0.2.1 198.51.100.1 tcp 80", "allow".to_owned()),
    ] {
        let documents: Vec<String> = base().into_iter().chain(nodes()).chain(hosts.clone()).collect();
        let world = margay_spec::World::new(&decode(&documents), margay_spec::Settings::default());
        assert_eq!(render(&world.verdict(&parse(flow))), expected, "{flow}");
    }
}

#[test]
fn d22_stages() {
    let on = "node: node-1, interfaceName: eth0, profiles: [projectcalico-default-allow]";
    let untracked = |action: &str, order: u8| {
        policy(
            "untracked",
            &format!(
                "order: {order}, applyOnForward: true, doNotTrack: true, types: [Ingress], ingress: [{{action: {action}, protocol: TCP}}]"
            ),
        )
    };
    let pre_dnat = |action: &str| {
        policy(
            "prednat",
            &format!(
                "applyOnForward: true, preDNAT: true, types: [Ingress], ingress: [{{action: {action}, protocol: TCP}}]"
            ),
        )
    };
    let forward = |action: &str| {
        policy(
            "forward",
            &format!(
                "order: 1, applyOnForward: true, types: [Ingress], ingress: [{{action: {action}, protocol: TCP}}]"
            ),
        )
    };
    let normal = |action: &str| {
        policy("normal", &format!("order: 2, types: [Ingress], ingress: [{{action: {action}, protocol: TCP}}]"))
    };
    for (policies, local, forwarded) in [
        (vec![], "allow … profile", "allow … no policy for forwarded"),
        (vec![untracked("Deny", 1)], "deny … untracked", "deny … untracked"),
        (vec![untracked("Allow", 1), normal("Deny"), forward("Deny")], "allow … untracked", "allow … untracked"),
        (vec![untracked("Allow", 1), pre_dnat("Deny")], "allow … untracked", "allow … untracked"),
        (vec![untracked("Pass", 1), normal("Deny")], "deny … normal", "allow … no policy for forwarded"),
        (vec![pre_dnat("Deny"), normal("Allow")], "deny … prednat", "deny … prednat"),
        (vec![pre_dnat("Allow"), normal("Deny")], "deny … normal", "allow … no policy for forwarded"),
        (vec![pre_dnat("Allow"), forward("Deny")], "deny … forward", "deny … forward"),
        (vec![pre_dnat("Pass"), forward("Allow")], "allow … forward", "allow … forward"),
        (vec![normal("Deny")], "deny … normal", "allow … no policy for forwarded"),
        (vec![normal("Pass")], "allow … profile", "allow … no policy for forwarded"),
        (vec![forward("Log")], "deny … tier default (isolated by GlobalNetworkPolicy forward)", "deny … tier default"),
        (vec![forward("Pass")], "allow … profile", "allow … no policy for forwarded"),
        (vec![forward("Log"), normal("Allow")], "allow … normal", "deny … isolated by GlobalNetworkPolicy forward)"),
    ] {
        let documents: Vec<String> = policies.into_iter().chain([host("a", on)]).collect();
        check_nodes(&documents, &[("192.0.2.1 172.20.0.1 tcp 80", local), ("192.0.2.1 10.0.0.1 tcp 80", forwarded)]);
    }
    // No rule of the first two stages matched: no tier ends there.
    let documents = [untracked("Allow", 1), pre_dnat("Deny"), host("a", on)];
    check_nodes(
        &documents,
        &[
            ("192.0.2.1 172.20.0.1 udp 80", "allow … profile"),
            ("192.0.2.1 10.0.0.1 udp 80", "allow … no policy for forwarded"),
        ],
    );
}

#[test]
fn d22_policies_of_pods_and_hosts_are_apart() {
    let documents = [
        host("a", "node: node-1, interfaceName: eth0"),
        calico(
            "GlobalNetworkPolicy",
            "p",
            "selector: all(), types: [Ingress], ingress: [{action: Allow, protocol: TCP}]",
        ),
    ];
    check_nodes(
        &documents,
        &[
            (
                "192.0.2.1 10.0.0.1 tcp 80",
                "allow … ingress allow by rule 0 of GlobalNetworkPolicy p; in node-1 allow by no policy for forwarded",
            ),
            ("192.0.2.1 10.0.0.1 udp 80", "deny … ingress deny by the default action of tier default"),
            ("192.0.2.1 172.20.0.1 tcp 80", "allow; in node-1 allow by rule 0"),
            ("172.20.0.1 192.0.2.1 tcp 80", "deny; out node-1 deny by no profile matched"),
        ],
    );
}

#[test]
fn d23_failsafe_ports() {
    let documents = [
        host("a", "node: node-1, interfaceName: eth0"),
        policy(
            "untracked",
            "applyOnForward: true, doNotTrack: true, types: [Ingress, Egress], ingress: [{action: Deny}], egress: [{action: Deny}]",
        ),
    ];
    let mut table: Vec<(String, &str)> = Vec::new();
    for port in [22, 179, 2379, 2380, 5473, 6443, 6666, 6667] {
        table.push((format!("192.0.2.1 172.20.0.1 tcp {port}"), "allow; in node-1 allow by a failsafe port"));
        table.push((format!("192.0.2.1 172.20.0.1 udp {port}"), "deny … untracked"));
        let out = if port == 22 { "deny … untracked" } else { "allow; out node-1 allow by a failsafe port" };
        table.push((format!("172.20.0.1 192.0.2.1 tcp {port}"), out));
    }
    for (flow, expected) in [
        ("192.0.2.1 172.20.0.1 udp 68", "allow … failsafe"),
        ("192.0.2.1 172.20.0.1 udp 53", "deny"),
        ("172.20.0.1 192.0.2.1 udp 53", "allow … failsafe"),
        ("172.20.0.1 192.0.2.1 udp 67", "allow … failsafe"),
        ("172.20.0.1 192.0.2.1 udp 68", "deny"),
        ("192.0.2.1 172.20.0.1 tcp 80 from 22", "deny"),
        // Forwarded: the first two stages are skipped, the third is not.
        ("192.0.2.1 10.0.0.1 tcp 22", "allow … no policy for forwarded"),
        ("192.0.2.1 10.0.0.1 tcp 23", "deny … untracked"),
    ] {
        table.push((flow.to_owned(), expected));
    }
    let table: Vec<(&str, &str)> = table.iter().map(|(flow, expected)| (flow.as_str(), *expected)).collect();
    check_nodes(&documents, &table);
}
