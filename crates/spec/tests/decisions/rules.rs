//! Decisions 11 to 16.

use crate::build::*;

fn allow(rule: &str) -> String {
    guard(&format!("{{action: Allow, {rule}}}"))
}

/// Sources of the tables below: red/web, blue/web, the partners' set, somewhere else.
const SOURCES: [&str; 4] = ["10.0.0.1", "10.0.1.1", "192.0.2.1", "203.0.113.1"];

fn check_sources(documents: &[String], expected: [bool; 4]) {
    let table: Vec<(String, &str)> = SOURCES
        .iter()
        .zip(expected)
        .map(|(source, yes)| (format!("{source} 10.0.0.2 tcp 80"), if yes { "allow" } else { "deny" }))
        .collect();
    let table: Vec<(&str, &str)> = table.iter().map(|(flow, expected)| (flow.as_str(), *expected)).collect();
    check_base(documents, &table);
}

#[test]
fn d11_entities_of_a_global_policy() {
    let partners = labelled("GlobalNetworkSet", "partners", "app=web", "nets: [192.0.2.0/24]");
    for (source, expected) in [
        ("{}", [true, true, true, true]),
        ("{nets: []}", [true, true, true, true]),
        ("{selector: ''}", [true, true, true, true]),
        ("{nets: [10.0.0.0/8]}", [true, true, false, false]),
        ("{nets: [10.0.0.0/24, 203.0.113.1]}", [true, false, false, true]),
        ("{notNets: [10.0.0.0/24, 203.0.113.1]}", [false, true, true, false]),
        ("{nets: [10.0.0.0/8], notNets: [10.0.0.0/24]}", [false, true, false, false]),
        ("{nets: [fd00::/8]}", [false, false, false, false]),
        ("{selector: all()}", [true, true, true, false]),
        ("{selector: app == 'web'}", [true, true, true, false]),
        ("{selector: app == 'web', namespaceSelector: team == 'x'}", [true, false, false, false]),
        ("{selector: app == 'web', namespaceSelector: all()}", [true, true, false, false]),
        ("{selector: app == 'web', namespaceSelector: global()}", [false, false, true, false]),
        ("{notSelector: app == 'web'}", [false, false, false, true]),
        ("{notSelector: pcns.team == 'x'}", [false, true, true, true]),
        ("{selector: all(), notSelector: pcns.team == 'x'}", [false, true, true, false]),
        ("{namespaceSelector: all(), notSelector: pcns.team == 'x'}", [false, true, false, false]),
        ("{selector: app == 'web', nets: [10.0.0.0/24]}", [true, false, false, false]),
        ("{serviceAccounts: {names: [default]}}", [true, true, false, false]),
        ("{serviceAccounts: {names: [default]}, namespaceSelector: team == 'y'}", [false, true, false, false]),
    ] {
        check_sources(&[partners.clone(), allow(&format!("source: {source}"))], expected);
    }
}

#[test]
fn d11_entities_of_a_namespaced_policy_stay_at_home() {
    let partners = labelled("GlobalNetworkSet", "partners", "app=web", "nets: [192.0.2.0/24]");
    let at_home = labelled("NetworkSet", "red/home", "app=far", "nets: [203.0.113.0/24]");
    for (source, expected) in [
        ("{}", [true, true, true, true]),
        ("{nets: [0.0.0.0/1]}", [true, true, false, false]),
        ("{notNets: [10.0.0.0/24]}", [false, true, true, true]),
        ("{selector: app == 'web'}", [true, false, false, false]),
        ("{selector: has(app)}", [true, false, false, true]),
        ("{notSelector: app == 'far'}", [true, false, false, false]),
        ("{selector: app == 'web', namespaceSelector: all()}", [true, true, false, false]),
        ("{selector: app == 'web', namespaceSelector: global()}", [false, false, true, false]),
        ("{namespaceSelector: team == 'y'}", [false, true, false, false]),
        ("{serviceAccounts: {names: [default]}}", [true, false, false, false]),
        ("{serviceAccounts: {names: [default]}, namespaceSelector: all()}", [true, true, false, false]),
        ("{notSelector: app == 'web', namespaceSelector: all()}", [false, false, false, true]),
    ] {
        let policy = calico(
            "NetworkPolicy",
            "red/p",
            &format!("selector: app == 'db', types: [Ingress], ingress: [{{action: Allow, source: {source}}}]"),
        );
        check_sources(&[partners.clone(), at_home.clone(), policy], expected);
    }
}

#[test]
fn d12_numbers_of_ports() {
    for (rule, ports) in [
        ("protocol: TCP, destination: {ports: [80]}", [true, false, false, false]),
        ("protocol: TCP, destination: {ports: ['80:90', 443]}", [true, true, true, false]),
        ("protocol: TCP, destination: {notPorts: ['80:90']}", [false, false, true, true]),
        ("protocol: TCP, destination: {ports: ['1:1000'], notPorts: [80]}", [false, true, true, false]),
        ("protocol: UDP, destination: {ports: [80]}", [false, false, false, false]),
        ("protocol: TCP, source: {ports: [80]}", [false, false, false, false]),
        ("protocol: TCP, source: {ports: ['39999:40000']}", [true, true, true, true]),
    ] {
        let word = |yes| if yes { "allow" } else { "deny" };
        let [a, b, c, d] = ports.map(word);
        check_base(
            &[allow(rule)],
            &[
                ("10.0.0.1 10.0.0.2 tcp 80", a),
                ("10.0.0.1 10.0.0.2 tcp 90", b),
                ("10.0.0.1 10.0.0.2 tcp 443", c),
                ("10.0.0.1 10.0.0.2 tcp 8080", d),
                ("10.0.0.1 10.0.0.2 icmp 8 0", "deny"),
            ],
        );
    }
}

#[test]
fn d12_named_ports_differ_from_pod_to_pod() {
    let documents = |rule: &str| {
        vec![
            pod_with("red/one", "10.0.0.11", "app=db", "nodeName: node-1", "http:TCP:80,dns:UDP:53,dns:TCP:5353"),
            pod_with("red/two", "10.0.0.12", "app=db", "nodeName: node-1", "http:TCP:8080"),
            labelled(
                "HostEndpoint",
                "h",
                "",
                "node: n9, interfaceName: eth9, expectedIPs: [192.0.2.7], ports: [{name: http, protocol: TCP, port: 88}]",
            ),
            calico(
                "GlobalNetworkPolicy",
                "p",
                &format!(
                    "selector: app == 'db', types: [Ingress, Egress], ingress: [{{action: Allow, {rule}}}], egress: [{{action: Allow, {rule}}}]"
                ),
            ),
        ]
    };
    for (rule, one80, one8080, two80, two8080, host88) in [
        ("protocol: TCP, destination: {ports: [http]}", "allow", "deny", "deny", "allow", "allow"),
        ("protocol: TCP, destination: {notPorts: [http]}", "deny", "allow", "allow", "deny", "deny"),
        ("protocol: TCP, destination: {ports: [http, 80]}", "allow", "deny", "allow", "allow", "allow"),
        ("protocol: UDP, destination: {ports: [http]}", "deny", "deny", "deny", "deny", "deny"),
    ] {
        check_base(
            &documents(rule),
            &[
                ("10.0.0.1 10.0.0.11 tcp 80", one80),
                ("10.0.0.1 10.0.0.11 tcp 8080", one8080),
                ("10.0.0.1 10.0.0.12 tcp 80", two80),
                ("10.0.0.1 10.0.0.12 tcp 8080", two8080),
                ("10.0.0.2 192.0.2.7 tcp 88", host88),
                ("10.0.0.11 192.0.2.8 tcp 88", if rule.contains("notPorts") { "allow" } else { "deny" }),
            ],
        );
    }
    check_base(
        &documents("protocol: UDP, destination: {ports: [dns]}"),
        &[
            ("10.0.0.1 10.0.0.11 udp 53", "allow"),
            ("10.0.0.1 10.0.0.11 udp 5353", "deny"),
            ("10.0.0.1 10.0.0.11 tcp 53", "deny"),
        ],
    );
    check_base(
        &documents("protocol: TCP, source: {ports: [http]}"),
        &[("10.0.0.12 10.0.0.11 tcp 9 from 8080", "allow"), ("10.0.0.12 10.0.0.11 tcp 9 from 80", "deny")],
    );
}

#[test]
fn d12_ports_of_the_kubernetes_kinds() {
    let server =
        pod_with("red/one", "10.0.0.11", "app=server", "nodeName: node-1", "http:TCP:80,dns:UDP:53,dns:TCP:5353");
    for (ports, expected) in [
        ("[]", [true, true, true, true]),
        ("[{protocol: TCP}]", [true, false, true, false]),
        ("[{port: 80}]", [true, false, false, false]),
        ("[{port: http}]", [true, false, false, false]),
        ("[{port: dns}]", [false, false, true, false]),
        ("[{port: dns, protocol: UDP}]", [false, true, false, false]),
        ("[{port: 80, endPort: 6000}]", [true, false, true, false]),
        ("[{port: http}, {port: dns, protocol: UDP}]", [true, true, false, false]),
    ] {
        let policy = network_policy(
            "red/p",
            &format!("podSelector: {{matchLabels: {{app: server}}}}, ingress: [{{ports: {ports}}}]"),
        );
        check_ports(&server, &policy, expected);
    }
    for (protocols, expected) in [
        ("[{tcp: {destinationPort: {number: 80}}}]", [true, false, false, false]),
        ("[{udp: {destinationPort: {range: {start: 50, end: 60}}}}]", [false, true, false, false]),
        ("[{tcp: {}}]", [true, false, true, false]),
        ("[{destinationNamedPort: dns}]", [false, true, true, false]),
        ("[{destinationNamedPort: dns}, {sctp: {}}]", [false, true, true, false]),
    ] {
        let rules = format!(
            "[{{action: Accept, from: [{{namespaces: {{}}}}], protocols: {protocols}}}, {{action: Deny, from: [{{namespaces: {{}}}}]}}]"
        );
        let policy =
            cluster_policy("p", &format!("tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, ingress: {rules}"));
        check_ports(&server, &policy, expected);
    }
}

fn check_ports(server: &str, policy: &str, expected: [bool; 4]) {
    let [a, b, c, d] = expected.map(|yes| if yes { "allow" } else { "deny" });
    check_base(
        &[server.to_owned(), policy.to_owned()],
        &[
            ("10.0.0.1 10.0.0.11 tcp 80", a),
            ("10.0.0.1 10.0.0.11 udp 53", b),
            ("10.0.0.1 10.0.0.11 tcp 5353", c),
            ("10.0.0.1 10.0.0.11 icmp 8 0", d),
        ],
    );
}

#[test]
fn d13_services() {
    let service = object("v1", "Service", "red/front", "", "spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}");
    let slice = |name: &str, addresses: &str, ports: &str| {
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            name,
            "kubernetes.io/service-name=front",
            &format!(
                "addressType: IPv4\nendpoints: [{{addresses: [{addresses}], conditions: {{ready: false}}}}]\nports: {ports}"
            ),
        )
    };
    let slices = [
        slice(
            "red/front-1",
            "10.0.0.1",
            "[{protocol: TCP, port: 8080}, {protocol: UDP, port: 53}, {protocol: TCP, name: any}]",
        ),
        slice("red/front-2", "192.0.2.9", "[{port: 9090}]"),
        slice("blue/front-1", "198.51.100.9", "[{port: 8080}]"),
    ];
    let with = |service: Option<&String>, rules: &str| {
        let policy = calico("NetworkPolicy", "red/p", &format!("selector: app == 'db', {rules}"));
        slices.iter().chain(service).cloned().chain([policy]).collect::<Vec<_>>()
    };
    let to = "types: [Egress], egress: [{action: Allow, destination: {services: {name: front}}}]";
    let to_blue = "types: [Egress], egress: [{action: Allow, destination: {services: {name: front, namespace: blue}}}]";
    let from = "types: [Ingress], ingress: [{action: Allow, source: {services: {name: front}}}]";
    check_base(
        &with(Some(&service), to),
        &[
            ("10.0.0.2 10.0.0.1 tcp 8080", "allow"),
            ("10.0.0.2 10.0.0.1 udp 53", "allow"),
            ("10.0.0.2 10.0.0.1 tcp 53", "deny"),
            ("10.0.0.2 10.0.0.1 tcp 7", "deny"),
            ("10.0.0.2 192.0.2.9 tcp 9090", "allow"),
            ("10.0.0.2 192.0.2.9 tcp 8080", "deny"),
            ("10.0.0.2 10.96.0.1 tcp 80", "deny"),
            ("10.0.0.2 198.51.100.9 tcp 8080", "deny"),
        ],
    );
    check_base(&with(None, to), &[("10.0.0.2 10.0.0.1 tcp 8080", "deny")]);
    check_base(&with(Some(&service), to_blue), &[("10.0.0.2 198.51.100.9 tcp 8080", "deny")]);
    check_base(
        &with(Some(&service), from),
        &[
            ("10.0.0.1 10.0.0.2 tcp 1", "allow"),
            ("192.0.2.9 10.0.0.2 icmp 8 0", "allow"),
            ("10.0.1.1 10.0.0.2 tcp 1", "deny"),
        ],
    );
}

#[test]
fn d14_families_and_protocols() {
    let flows = [
        "10.0.0.1 10.0.0.2 tcp 80",
        "fd00::1 fd00::2 tcp 80",
        "10.0.0.1 10.0.0.2 icmp 8 0",
        "fd00::1 fd00::2 icmpv6 128 0",
        "10.0.0.1 10.0.0.2 47",
    ];
    for (rule, expected) in [
        ("ipVersion: 4", [true, false, true, false, true]),
        ("ipVersion: 6", [false, true, false, true, false]),
        ("protocol: TCP", [true, true, false, false, false]),
        ("protocol: ICMP", [false, false, true, false, false]),
        ("protocol: 1", [false, false, true, false, false]),
        ("protocol: ICMPv6", [false, false, false, true, false]),
        ("protocol: 47", [false, false, false, false, true]),
        ("notProtocol: TCP", [false, false, true, true, true]),
        ("notProtocol: ICMP", [true, true, false, true, true]),
        ("notProtocol: 47", [true, true, true, true, false]),
    ] {
        let table: Vec<(&str, &str)> =
            flows.into_iter().zip(expected.map(|yes| if yes { "allow" } else { "deny" })).collect();
        check_base(&[allow(rule)], &table);
    }
    // The number of the other family's ICMP is no ICMP.
    check_base(&[allow("protocol: ICMP")], &[("fd00::1 fd00::2 1 8 0", "deny")]);
}

#[test]
fn d14_icmp() {
    for (rule, echo, echo1, unreachable, tcp) in [
        ("protocol: ICMP", "allow", "allow", "allow", "deny"),
        ("protocol: ICMP, icmp: {}", "allow", "allow", "allow", "deny"),
        ("protocol: ICMP, icmp: {type: 8}", "allow", "allow", "deny", "deny"),
        ("protocol: ICMP, icmp: {type: 8, code: 0}", "allow", "deny", "deny", "deny"),
        ("protocol: ICMP, notICMP: {type: 8}", "deny", "deny", "allow", "deny"),
        ("protocol: ICMP, notICMP: {type: 8, code: 0}", "deny", "allow", "allow", "deny"),
        ("protocol: ICMP, icmp: {type: 8}, notICMP: {type: 8, code: 1}", "allow", "deny", "deny", "deny"),
    ] {
        check_base(
            &[allow(rule)],
            &[
                ("10.0.0.1 10.0.0.2 icmp 8 0", echo),
                ("10.0.0.1 10.0.0.2 icmp 8 1", echo1),
                ("10.0.0.1 10.0.0.2 icmp 3 0", unreachable),
                ("10.0.0.1 10.0.0.2 tcp 8", tcp),
            ],
        );
    }
}

#[test]
fn d15_unreadable_rules() {
    let good = "{action: Allow}";
    for (rules, expected) in [
        (format!("{{action: Allow, protocol: QUIC}}, {good}"), "allow … rule 1"),
        ("{action: Allow, protocol: QUIC}".to_owned(), "deny … tier default"),
        (format!("{{action: Log, protocol: QUIC}}, {good}"), "allow … rule 1"),
        (format!("{{action: Deny, protocol: QUIC}}, {good}"), "deny … rule 0"),
        (format!("{{action: Pass, protocol: QUIC}}, {good}"), "deny … rule 0"),
        (format!("{{action: Maybe}}, {good}"), "deny … rule 0"),
        (format!("{good}, {{action: Deny, protocol: QUIC}}"), "allow … rule 0"),
        ("{action: Allow, protocol: TCP, http: {methods: [GET]}}".to_owned(), "deny … tier default"),
        (format!("{{action: Allow, protocol: TCP, http: {{methods: [GET]}}}}, {good}"), "allow … rule 1"),
        (format!("{{action: Allow, source: {{notSelectr: all()}}}}, {good}"), "allow … rule 1"),
    ] {
        check_base(&[guard(&rules)], &[("10.0.0.1 10.0.0.2 tcp 80", expected)]);
    }
    for (rules, expected) in [("{from: [null]}", "deny … tier default"), ("{from: [null]}, {}", "allow … rule 1")] {
        let policy = network_policy("red/p", &format!("podSelector: {{}}, ingress: [{rules}]"));
        check_base(&[policy], &[("10.0.0.1 10.0.0.2 tcp 80", expected)]);
    }
    for (action, expected) in [("Accept", "allow … profile"), ("Deny", "deny … rule 0"), ("Pass", "deny … rule 0")]
    {
        let rule = format!("{{action: {action}, to: [{{domainNames: [example.com]}}]}}");
        let policy =
            cluster_policy("p", &format!("tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, egress: [{rule}]"));
        check_base(&[policy], &[("10.0.0.1 192.0.2.1 tcp 80", expected)]);
    }
}

#[test]
fn d16_nodes_and_networks_as_peers() {
    let nodes =
        [node("node-8", "172.20.0.8", "10.8.0.0/24", "zone=a"), node("node-9", "172.20.0.9", "10.9.0.0/24", "zone=b")];
    for (to, a, b, gateway, pod) in [
        ("{nodes: {matchLabels: {zone: a}}}", "deny", "allow", "allow", "allow"),
        ("{nodes: {}}", "deny", "deny", "allow", "allow"),
        ("{nodes: {matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}}", "allow", "deny", "allow", "allow"),
        ("{networks: [172.20.0.8/32, 10.0.0.0/24]}", "deny", "allow", "allow", "deny"),
        ("{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}", "allow", "allow", "allow", "deny"),
    ] {
        let spec =
            format!("tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, egress: [{{action: Deny, to: [{to}]}}]");
        let documents = [nodes[0].clone(), nodes[1].clone(), cluster_policy("p", &spec)];
        check_base(
            &documents,
            &[
                ("10.0.0.1 172.20.0.8 tcp 80", a),
                ("10.0.0.1 172.20.0.9 tcp 80", b),
                ("10.0.0.1 10.8.0.1 tcp 80", gateway),
                ("10.0.0.1 10.0.0.2 tcp 80", pod),
            ],
        );
    }
}

#[test]
fn blocks_of_a_network_policy() {
    for (block, expected) in [
        ("{cidr: 0.0.0.0/0}", [true, true, true, true]),
        ("{cidr: 10.0.0.0/8}", [true, true, false, false]),
        ("{cidr: 10.0.0.0/8, except: [10.0.1.0/24]}", [true, false, false, false]),
        ("{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.0.2.1/32]}", [false, false, false, true]),
        ("{cidr: '::/0'}", [false, false, false, false]),
    ] {
        let policy =
            network_policy("red/p", &format!("podSelector: {{}}, ingress: [{{from: [{{ipBlock: {block}}}]}}]"));
        check_sources(&[policy], expected);
    }
    for (from, expected) in [
        ("[]", [true, true, true, true]),
        ("[{podSelector: {}}, {ipBlock: {cidr: 192.0.2.0/24}}]", [true, false, true, false]),
        ("[{namespaceSelector: {}}]", [true, true, false, false]),
        (
            "[{namespaceSelector: {matchLabels: {team: 'y'}}, podSelector: {matchLabels: {app: web}}}]",
            [false, true, false, false],
        ),
    ] {
        let policy = network_policy("red/p", &format!("podSelector: {{}}, ingress: [{{from: {from}}}]"));
        check_sources(&[policy], expected);
    }
}
