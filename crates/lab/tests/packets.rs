//! Small clusters in which one thing matters: what the specification says of each flow, what the verdict says, and what its packet and the answer do.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it compared, or that it is skipped")]

use margay_api::{Protocol, Update};
use margay_lab::cluster::{Cluster, Measured, Options};
use margay_policy::Flow;
use margay_spec::{Settings, World};
use nix::sched::{CloneFlags, unshare};
use std::net::IpAddr;
use std::sync::Arc;

/// Two nodes with a pod each.
const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-b}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-a}
status: {podIP: 10.0.1.1, podIPs: [{ip: 10.0.1.1}, {ip: 'fd00::1:1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-b}
status: {podIP: 10.0.2.1, podIPs: [{ip: 10.0.2.1}, {ip: 'fd00::2:1'}]}
"#;

const WEB: [&str; 2] = ["10.0.1.1", "fd00::1:1"];
const CLIENT: [&str; 2] = ["10.0.2.1", "fd00::2:1"];
const OUTSIDE: [&str; 2] = ["8.8.8.8", "2001:db8:8::8"];
const NODE: &str = "172.18.0.1";

/// From, to, what; whether it goes through.
type Row = (&'static str, &'static str, What, bool);

/// Protocol, destination port, ICMP type and code.
type What = (Protocol, u16, (u8, u8));

fn tcp(port: u16) -> What {
    (Protocol::TCP, port, (0, 0))
}

fn udp(port: u16) -> What {
    (Protocol::UDP, port, (0, 0))
}

/// An echo request of this code.
fn echo(code: u8) -> What {
    (Protocol::ICMP, 0, (8, code))
}

fn echo6(code: u8) -> What {
    (Protocol::ICMPV6, 0, (128, code))
}

/// Runs a test where it may make namespaces; says that it is skipped where it may not.
fn may_run() -> bool {
    let allowed = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap_or(false);
    if !allowed {
        eprintln!("skipped: cannot make network namespaces; run as root");
    }
    allowed
}

fn updates(more: &str) -> Vec<Update> {
    let decoded = margay_api::read(&format!("{CLUSTER}---\n{more}"), "test.yaml").into_iter();
    let objects = decoded.map(|decoded| decoded.object.unwrap_or_else(|| panic!("{:?}", decoded.problems)));
    objects.map(|object| Update { key: object.key().clone(), value: Some(Arc::new(object)) }).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Every row, in the cluster with these resources besides: specified, predicted, measured; and what goes through is answered.
fn check(more: &str, rows: &[Row]) {
    if !may_run() {
        return;
    }
    let updates = updates(more);
    let objects: Vec<_> = updates.iter().filter_map(|update| update.value.as_deref().cloned()).collect();
    let world = World::new(&objects, Settings::default());
    let mut cluster = Cluster::up(&updates, Options::default()).expect("a cluster");
    let flow = |(from, to, (protocol, port, icmp), _): &Row| {
        let flow = Flow::new(address(from), address(to), *protocol).port(*port);
        Flow { icmp: *icmp, ..flow }
    };
    let flows: Vec<Flow> = rows.iter().map(flow).collect();
    let measured = cluster.measure(&flows).expect("a measurement");
    for ((row, flow), measured) in rows.iter().zip(&flows).zip(measured) {
        let specified = world.verdict(&margay_spec::Flow {
            src: flow.src,
            dst: flow.dst,
            protocol: flow.protocol.0,
            source_port: flow.source_port,
            port: flow.port,
            icmp_type: flow.icmp.0,
            icmp_code: flow.icmp.1,
        });
        assert_eq!(specified.allow, row.3, "specified, {row:?}: {specified:?}");
        assert_eq!(cluster.predict(flow), row.3, "predicted, {row:?}");
        assert!(matches!(measured, Measured::Sent { .. }), "{row:?}: {measured:?}");
        assert_eq!(measured.allowed(), Some(row.3), "{row:?}: {measured:?}");
    }
}

#[test]
fn answers_need_no_rule() {
    let policy = r#"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: silent, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}]}
"#;
    check(
        policy,
        &[
            (CLIENT[0], WEB[0], tcp(80), true),
            (OUTSIDE[0], WEB[0], tcp(80), true),
            (OUTSIDE[0], WEB[0], tcp(81), false),
            (WEB[0], CLIENT[0], tcp(80), false),
            (WEB[0], OUTSIDE[0], echo(0), false),
        ],
    );
}

#[test]
fn a_host_endpoint_that_names_the_interface_stands_before_the_one_of_all() {
    let hosts = r#"
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: uplink}
spec: {node: node-a, interfaceName: eth0, profiles: [projectcalico-default-allow]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: all, labels: {of: all}}
spec: {node: node-a, interfaceName: '*'}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec: {selector: of == 'all', doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Deny}], egress: [{action: Deny}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec: {selector: of == 'all', applyOnForward: true, types: [Ingress], ingress: [{action: Deny}]}
"#;
    check(
        hosts,
        &[
            (OUTSIDE[0], NODE, udp(1000), true),
            (NODE, OUTSIDE[0], udp(1000), true),
            (OUTSIDE[0], WEB[0], tcp(80), true),
            (WEB[0], OUTSIDE[0], tcp(80), true),
        ],
    );
}

#[test]
fn failsafe_ports_stay_open() {
    let host = r#"
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: all}
spec: {node: node-a, interfaceName: '*'}
"#;
    check(
        host,
        &[
            (OUTSIDE[0], NODE, tcp(22), true),
            (OUTSIDE[0], NODE, tcp(53), false),
            (OUTSIDE[0], NODE, udp(68), true),
            (NODE, OUTSIDE[0], udp(53), true),
            (NODE, OUTSIDE[0], tcp(22), false),
            (NODE, OUTSIDE[0], tcp(6443), true),
            (OUTSIDE[0], WEB[0], tcp(53), true),
        ],
    );
}

/// A policy for what comes to web.
fn policy(name: &str, order: u8, rules: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\n\
         spec: {{order: {order}, selector: app == 'web', types: [Ingress], ingress: [{rules}]}}\n"
    )
}

#[test]
fn addresses_that_a_rule_excludes() {
    for (v4, v6, client, outside) in [
        ("notNets: [10.0.2.0/24]", "notNets: ['fd00::2:0/112']", false, true),
        ("notNets: [8.8.8.8/32]", "notNets: ['2001:db8:8::8/128']", true, false),
        ("notNets: [8.8.8.8/32, 10.0.0.0/8]", "notNets: ['2001:db8::/32', 'fd00::/8']", false, false),
        ("notSelector: app == 'client'", "notSelector: app == 'client'", false, true),
    ] {
        let rule = |version, source| format!("{{action: Allow, ipVersion: {version}, source: {{{source}}}}}");
        let rows = [0, 1].map(|family| {
            let row = |from: [&'static str; 2], allow| (from[family], WEB[family], tcp(80), allow);
            [row(CLIENT, client), row(OUTSIDE, outside)]
        });
        check(&policy("web", 1, &format!("{}, {}", rule(4, v4), rule(6, v6))), rows.as_flattened());
    }
}

#[test]
fn ports_that_a_rule_excludes() {
    let rows = |open: [bool; 4]| {
        let ports = [80, 90, 95, 100].into_iter().zip(open);
        ports.flat_map(|(port, open)| [(CLIENT[0], WEB[0], tcp(port), open), (OUTSIDE[1], WEB[1], tcp(port), open)])
    };
    for (ports, open) in [
        ("notPorts: [80]", [false, true, true, true]),
        ("notPorts: ['90:99']", [true, false, false, true]),
        ("notPorts: [80, '90:95']", [false, false, false, true]),
        ("ports: ['80:95'], notPorts: [90]", [true, false, true, false]),
    ] {
        let rule = format!("{{action: Allow, protocol: TCP, destination: {{{ports}}}}}");
        check(&policy("web", 1, &rule), &rows(open).collect::<Vec<_>>());
    }
}

#[test]
fn icmp_types_and_codes() {
    for (condition, open) in [
        ("icmp: {type: 8, code: 1}", [false, true]),
        ("icmp: {type: 8}", [true, true]),
        ("notICMP: {type: 8, code: 0}", [false, true]),
    ] {
        let rule = format!("{{action: Allow, protocol: ICMP, {condition}}}");
        let rule6 = rule.replace("ICMP,", "ICMPv6,").replace("type: 8", "type: 128");
        let rows = [
            (CLIENT[0], WEB[0], echo(0), open[0]),
            (CLIENT[0], WEB[0], echo(1), open[1]),
            (CLIENT[1], WEB[1], echo6(0), open[0]),
            (CLIENT[1], WEB[1], echo6(1), open[1]),
        ];
        check(&policy("web", 1, &format!("{rule}, {rule6}")), &rows);
    }
}

#[test]
fn pass_leaves_its_tier() {
    let rule = |action, port| format!("{{action: {action}, protocol: TCP, destination: {{ports: [{port}]}}}}");
    let first = policy("web", 1, &format!("{}, {}", rule("Pass", 80), rule("Allow", 81)));
    let second = policy("behind", 2, &format!("{}, {}", rule("Deny", 80), rule("Allow", 82)));
    let rows = [(80, true), (81, true), (82, true), (83, false)];
    check(&format!("{first}---\n{second}"), &rows.map(|(port, allow)| (CLIENT[0], WEB[0], tcp(port), allow)));
}
