//! What is particular to the kernel: established connections, and packets with a source address that is not the sender's.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it compared, or that it is skipped")]

use margay_api::Update;
use margay_lab::cluster::{Cluster, Options};
use margay_lab::probe::{Probe, Prober, Site, Transport};
use margay_nftables::conntrack::Conntrack;
use nix::sched::{CloneFlags, unshare};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: shop, labels: {app: server}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: 'fd00::2'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.3}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"#;

const ALLOW: &str = r#"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: shop}
spec: {podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}
"#;

const DENY: &str = r#"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: shop}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
"#;

fn read(text: &str) -> Vec<Update> {
    let decoded = margay_api::read(text, "test.yaml").into_iter();
    let objects = decoded.map(|decoded| decoded.object.unwrap_or_else(|| panic!("{:?}", decoded.problems)));
    objects.map(|object| Update { key: object.key().clone(), value: Some(Arc::new(object)) }).collect()
}

/// The cluster; `None` where namespaces may not be made, which is said.
fn cluster(options: Options) -> Option<Cluster> {
    let allowed = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap_or(false);
    if !allowed {
        eprintln!("skipped: cannot make network namespaces; run as root");
        return None;
    }
    Some(Cluster::up(&read(PODS), options).expect("a cluster"))
}

fn pod(cluster: &Cluster, name: &str) -> usize {
    cluster.fabric().topology().pods.iter().position(|pod| pod.id == format!("shop/{name}")).expect("a pod")
}

/// Connections to the server that its node knows.
fn known(cluster: &Cluster) -> usize {
    let list = || Conntrack::open().and_then(|mut conntrack| conntrack.list());
    let connections = cluster.fabric().node(0).enter(list).expect("the node").expect("conntrack");
    let server: IpAddr = "10.0.0.2".parse().expect("an address");
    connections.iter().filter(|connection| connection.original.destination == server).count()
}

#[test]
fn a_denied_connection_ends_where_the_option_asks_for_it() {
    for (cut_established, left) in [(false, 1), (true, 0)] {
        let Some(mut cluster) = cluster(Options { cut_established, ..Options::default() }) else { return };
        cluster.apply(&read(ALLOW)).expect("the policy in force");
        let bind = |address: &'static str| move || UdpSocket::bind(address).expect("a socket");
        let server = cluster.fabric().pod(pod(&cluster, "server")).enter(bind("10.0.0.2:53")).expect("the pod");
        let client = cluster.fabric().pod(pod(&cluster, "client")).enter(bind("10.0.0.1:40000")).expect("the pod");
        client.send_to(b"question", "10.0.0.2:53").expect("sent");
        let (_, from) = server.recv_from(&mut [0; 16]).expect("received");
        server.send_to(b"answer", from).expect("sent");
        client.recv_from(&mut [0; 16]).expect("received");
        assert_eq!(known(&cluster), 1, "it is established");
        cluster.apply(&read(DENY)).expect("the policy in force");
        assert_eq!(known(&cluster), left, "cutEstablished {cut_established}");
    }
}

#[test]
fn a_pod_can_send_with_its_own_address_alone() {
    let Some(cluster) = cluster(Options::default()) else { return };
    let (client, server) = (pod(&cluster, "client"), pod(&cluster, "server"));
    let send = |(source, destination): (&str, &str)| Probe {
        from: Site::Pod(client),
        to: Site::Pod(server),
        source: source.parse().expect("an address"),
        destination: destination.parse().expect("an address"),
        transport: Transport::Udp { source_port: Some(40000), port: 53 },
    };
    let (v4, v6) = (["10.0.0.1", "10.0.0.3", "192.0.2.7"], ["fd00::1", "fd00::3", "2001:db8::7"]);
    let probes: Vec<Probe> = v4
        .map(|source| (source, "10.0.0.2"))
        .into_iter()
        .chain(v6.map(|source| (source, "fd00::2")))
        .map(send)
        .collect();
    let outcomes = Prober::default().measure(cluster.fabric(), &probes).expect("measured");
    let arrived: Vec<bool> = outcomes.iter().map(|outcome| outcome.arrived).collect();
    assert_eq!(arrived, [true, false, false, true, false, false], "its own, another's, a stranger's, in each family");
}
