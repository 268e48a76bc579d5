//! Clusters for the tests, and probes between all of their places.

use std::net::IpAddr;

use margay_lab::fabric::{Node, Pod, Topology, Wiring};
use margay_lab::probe::{Outcome, Probe, Site, Transport};

pub(crate) const REPLIED: Outcome = Outcome { arrived: true, replied: Some(true) };

/// Nodes and pods of both families; pods take turns on the nodes, and all pods of all nodes share one /24.
pub(crate) fn cluster(wiring: Wiring, nodes: usize, pods: usize) -> Topology {
    let node = |i: usize| Node {
        name: format!("node-{i}"),
        addresses: two(format!("192.0.2.{}", i + 1), format!("2001:db8:1::{}", i + 1)),
        gateways: two(format!("10.0.255.{}", i + 1), format!("fd00:ff::{}", i + 1)),
        uplink: "eth0".into(),
        switched: false,
    };
    Topology { wiring, nodes: (0..nodes).map(node).collect(), pods: (0..pods).map(|i| pod(i, i % nodes, i)).collect() }
}

/// A pod with the addresses of this number.
pub(crate) fn pod(id: usize, node: usize, number: usize) -> Pod {
    let v4 = format!("10.0.{}.{}", number / 200, number % 200 + 1);
    Pod { id: format!("default/pod-{id}"), node, addresses: two(v4, format!("fd00::{}", number + 1)) }
}

fn two(v4: String, v6: String) -> Vec<IpAddr> {
    vec![v4.parse().unwrap(), v6.parse().unwrap()]
}

/// A place's first address of a family, if it has one. The world outside has one more than all others.
pub(crate) fn address(topology: &Topology, site: Site, v6: bool) -> Option<IpAddr> {
    let outside = [IpAddr::from([8, 8, 8, 8]), IpAddr::from([0x2001, 0xdb8, 8, 0, 0, 0, 0, 8])];
    let own = match site {
        Site::Pod(index) => &topology.pods[index].addresses,
        Site::Node(index) => &topology.nodes[index].addresses,
        Site::External => &outside[..],
    };
    own.iter().copied().find(|address| address.is_ipv6() == v6)
}

/// A probe between two places that have that family.
pub(crate) fn probe(topology: &Topology, from: Site, to: Site, v6: bool, transport: Transport) -> Probe {
    let end = |site| address(topology, site, v6).unwrap();
    Probe { from, to, source: end(from), destination: end(to), transport }
}

/// Every place of the cluster.
pub(crate) fn sites(topology: &Topology) -> Vec<Site> {
    let (pods, nodes) = (0..topology.pods.len(), 0..topology.nodes.len());
    pods.map(Site::Pod).chain(nodes.map(Site::Node)).chain([Site::External]).collect()
}

/// From every place to every place, itself too, in every family that both have, one probe of each kind.
pub(crate) fn everywhere(topology: &Topology, kinds: impl Fn(bool) -> Vec<Transport>) -> Vec<Probe> {
    let (sites, mut probes) = (sites(topology), Vec::new());
    for v6 in [false, true] {
        for (from, to) in sites.iter().flat_map(|from| sites.iter().map(move |to| (*from, *to))) {
            if address(topology, from, v6).is_some() && address(topology, to, v6).is_some() {
                probes.extend(kinds(v6).into_iter().map(|kind| probe(topology, from, to, v6, kind)));
            }
        }
    }
    probes
}

/// A TCP SYN from port 40000.
pub(crate) fn tcp(port: u16) -> Transport {
    Transport::Tcp { source_port: Some(40000), port }
}
