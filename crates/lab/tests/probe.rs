//! Real packets through real namespaces: what arrives without rules, and exactly what doesn't with them.

use std::net::IpAddr;
use std::time::Instant;

use margay_lab::fabric::{BridgeFilter, Fabric, Node, Pod, Topology, Wiring};
use margay_lab::probe::{Outcome, Probe, Prober, Site, Transport};

/// Nodes and pods of both families; pods take turns on the nodes, and all pods of all nodes share one /24.
fn cluster(wiring: Wiring, nodes: usize, pods: usize) -> Topology {
    let two = |v4: String, v6: String| vec![v4.parse().unwrap(), v6.parse().unwrap()];
    let node = |i: usize| Node {
        name: format!("node-{i}"),
        addresses: two(format!("192.0.2.{}", i + 1), format!("2001:db8:1::{}", i + 1)),
        gateways: two(format!("10.0.255.{}", i + 1), format!("fd00:ff::{}", i + 1)),
        uplink: "eth0".into(),
    };
    let pod = |i: usize| Pod {
        id: format!("default/pod-{i}"),
        node: i % nodes,
        addresses: two(format!("10.0.0.{}", i + 1), format!("fd00::{}", i + 1)),
    };
    Topology { wiring, nodes: (0..nodes).map(node).collect(), pods: (0..pods).map(pod).collect() }
}

fn address(topology: &Topology, site: Site, v6: bool) -> IpAddr {
    let outside = if v6 { "2001:db8:8::8" } else { "8.8.8.8" };
    match site {
        Site::Pod(index) => topology.pods[index].addresses[usize::from(v6)],
        Site::Node(index) => topology.nodes[index].addresses[usize::from(v6)],
        Site::External => outside.parse().unwrap(),
    }
}

fn probe(topology: &Topology, from: Site, to: Site, v6: bool, transport: Transport) -> Probe {
    let (source, destination) = (address(topology, from, v6), address(topology, to, v6));
    Probe { from, to, source, destination, transport }
}

const REPLIED: Outcome = Outcome { arrived: true, replied: Some(true) };
const ARRIVED: Outcome = Outcome { arrived: true, replied: None };

fn tcp(port: u16) -> Transport {
    Transport::Tcp { source_port: Some(40000), port }
}

fn udp(port: u16) -> Transport {
    Transport::Udp { source_port: Some(40000), port }
}

fn sctp(port: u16) -> Transport {
    Transport::Sctp { source_port: Some(40000), port }
}

#[test]
fn without_rules_everything_arrives() {
    let echo = |v6| Transport::Icmp { kind: if v6 { 128 } else { 8 }, code: 0 };
    let timestamp = |v6| Transport::Icmp { kind: if v6 { 200 } else { 13 }, code: 7 };
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let topology = cluster(wiring, 2, 4);
        let fabric = Fabric::build(&topology).unwrap();
        let sites: Vec<Site> = (0..4).map(Site::Pod).chain((0..2).map(Site::Node)).chain([Site::External]).collect();
        let mut expected = Vec::new();
        for v6 in [false, true] {
            let kinds = [
                (tcp(80), REPLIED),
                (udp(53), ARRIVED),
                (sctp(9), ARRIVED),
                (Transport::UdpLite { source_port: None, port: 9 }, ARRIVED),
                (echo(v6), REPLIED),
                (timestamp(v6), ARRIVED),
                (Transport::Other { protocol: 47 }, ARRIVED),
                (Transport::Other { protocol: 253 }, ARRIVED),
            ];
            for (from, to) in sites.iter().flat_map(|a| sites.iter().map(move |b| (*a, *b))) {
                expected.extend(kinds.map(|(kind, outcome)| (probe(&topology, from, to, v6, kind), outcome)));
            }
        }
        let probes: Vec<Probe> = expected.iter().map(|(probe, _)| *probe).collect();
        let mut prober = Prober::default();
        for _ in 0..3 {
            let start = Instant::now();
            let outcomes = prober.measure(&fabric, &probes).unwrap();
            println!("{wiring:?}: {} probes in {:?}", probes.len(), start.elapsed());
            let wrong: Vec<_> = expected.iter().zip(outcomes).filter(|((_, e), o)| e != o).take(10).collect();
            assert!(wrong.is_empty(), "{wiring:?}: {wrong:#?}");
        }
    }
}
