//! Nodes whose pods are behind a virtual switch: what it lets pass, and how it changes with the topology.

mod cluster;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::{REPLIED, cluster, everywhere, pod, probe, tcp};
use margay_lab::fabric::{Fabric, Filter, Topology, Toward, Wiring};
use margay_lab::probe::{Outcome, Prober, Site, Transport};

const DROPPED: Outcome = Outcome { arrived: false, replied: Some(false) };
const SILENT: Outcome = Outcome { arrived: true, replied: Some(false) };

/// Drops TCP to or from a port, on one way of one pod.
#[derive(Debug)]
struct Drops {
    pod: &'static str,
    toward: Toward,
    port: u16,
    forgot: AtomicUsize,
}

impl Filter for Drops {
    fn pass(&self, pod: &str, toward: Toward, frame: &[u8]) -> bool {
        let header = if frame[12] == 0x08 { 14 + 20 } else { 14 + 40 };
        let ports = frame.get(header..header + 4).unwrap_or_default();
        let hit = ports.chunks(2).any(|port| port == self.port.to_be_bytes());
        !(hit && pod == self.pod && toward == self.toward)
    }

    fn forget_connections(&self) {
        self.forgot.fetch_add(1, Ordering::Relaxed);
    }
}

/// A cluster of two nodes, the second of which is switched.
fn half_switched(wiring: Wiring, pods: usize) -> Topology {
    let mut topology = cluster(wiring, 2, pods);
    topology.nodes[1].switched = true;
    topology
}

#[test]
fn without_a_filter_everything_passes() {
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let topology = half_switched(wiring, 4);
        let fabric = Fabric::build(&topology).unwrap();
        let echo = |v6| Transport::Icmp { kind: if v6 { 128 } else { 8 }, code: 0 };
        let sctp = Transport::Sctp { source_port: Some(40000), port: 9 };
        let probes = everywhere(&topology, |v6| vec![tcp(80), echo(v6), sctp]);
        for (outcome, probe) in Prober::default().measure(&fabric, &probes).unwrap().into_iter().zip(&probes) {
            let expected = if probe.transport == sctp { Outcome { arrived: true, replied: None } } else { REPLIED };
            assert_eq!(outcome, expected, "{wiring:?}: {probe:?}");
        }
    }
}

#[test]
fn the_filter_decides_over_each_way_of_each_pod() {
    // Pods 0 and 2 are on node 0, pods 1 and 3 on node 1, behind the switch.
    let table = [
        // The filter's pod, way and port; the probe's ends; what becomes of a SYN from port 40000 to port 80.
        ("default/pod-1", Toward::Pod, 80, 0, 1, DROPPED),
        ("default/pod-1", Toward::Node, 80, 0, 1, SILENT),
        ("default/pod-1", Toward::Node, 80, 1, 0, DROPPED),
        ("default/pod-1", Toward::Pod, 80, 1, 0, SILENT),
        ("default/pod-1", Toward::Pod, 81, 0, 1, REPLIED),
        ("default/pod-1", Toward::Pod, 80, 0, 3, REPLIED),
        ("default/pod-1", Toward::Pod, 80, 3, 1, DROPPED),
        ("default/pod-3", Toward::Node, 80, 3, 1, DROPPED),
        // Not behind the switch.
        ("default/pod-0", Toward::Pod, 80, 1, 0, REPLIED),
    ];
    let topology = half_switched(Wiring::Routed, 4);
    let mut fabric = Fabric::build(&topology).unwrap();
    let mut prober = Prober::default();
    for (pod, toward, port, from, to, expected) in table {
        let filter = Arc::new(Drops { pod, toward, port, forgot: AtomicUsize::new(0) });
        fabric.set_filter(Arc::clone(&filter) as Arc<dyn Filter>);
        let probes = [false, true].map(|v6| probe(&topology, Site::Pod(from), Site::Pod(to), v6, tcp(80)));
        let outcomes = prober.measure(&fabric, &probes).unwrap();
        assert_eq!(outcomes, [expected; 2], "{filter:?}: {from} to {to}");
        assert!(filter.forgot.load(Ordering::Relaxed) > 0, "a measurement begins with no connection known");
    }
}

#[test]
fn pods_come_to_a_switch_and_go() {
    let mut topology = half_switched(Wiring::Routed, 2);
    let mut fabric = Fabric::build(&topology).unwrap();
    let mut prober = Prober::default();
    let mut check = |fabric: &mut Fabric, topology: &Topology| {
        fabric.update(topology).unwrap();
        let probes = everywhere(topology, |_| vec![tcp(80)]);
        let outcomes = prober.measure(fabric, &probes).unwrap();
        for (outcome, probe) in outcomes.iter().zip(&probes) {
            assert_eq!(*outcome, REPLIED, "{probe:?}");
        }
    };
    check(&mut fabric, &topology);
    topology.pods.extend([pod(7, 1, 7), pod(8, 1, 8)]);
    check(&mut fabric, &topology);
    topology.pods.remove(1);
    check(&mut fabric, &topology);
    // From one node to the other, and the node itself from switched to not.
    topology.pods[0].node = 1;
    check(&mut fabric, &topology);
    topology.nodes[1].switched = false;
    check(&mut fabric, &topology);
}

#[test]
fn checksums_that_the_kernel_leaves_to_a_device_are_filled_in() {
    // Sockets, not raw packets: over veth pairs their checksums are never computed.
    let topology = half_switched(Wiring::Routed, 2);
    let fabric = Fabric::build(&topology).unwrap();
    for index in [0, 1] {
        let to = topology.pods[1].addresses[index];
        let receiver = fabric.pod(1).enter(|| std::net::UdpSocket::bind((to, 7000))).unwrap().unwrap();
        let sender = fabric.pod(0).enter(|| {
            let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            std::net::UdpSocket::bind(any)
        });
        sender.unwrap().unwrap().send_to(b"margay", (to, 7000)).unwrap();
        receiver.set_nonblocking(true).unwrap();
        let mut buffer = [0; 16];
        // The packet crosses two nodes and the switch; each pass of the switch carries it on.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let length = loop {
            fabric.switch().forward().unwrap();
            match receiver.recv(&mut buffer) {
                Ok(length) => break length,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    assert!(std::time::Instant::now() < deadline, "nothing came to {to}");
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(&buffer[..length], b"margay");
    }
}
