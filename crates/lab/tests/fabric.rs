//! The fabric by itself: what it makes, changes, keeps and removes.

#![expect(clippy::print_stdout, reason = "what was measured is for a person to read")]

mod cluster;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::process;
use std::time::Instant;

use cluster::{REPLIED, cluster, everywhere, pod, tcp};
use margay_lab::fabric::{Error, Fabric, Namespace, Topology, Wiring, host_interface};
use margay_lab::probe::{Outcome, Probe, Prober, Site};

/// Panics unless everybody reaches everybody.
fn check_connected(fabric: &Fabric, prober: &mut Prober) {
    let probes = everywhere(fabric.topology(), |_| vec![tcp(80)]);
    let outcomes = prober.measure(fabric, &probes).unwrap();
    let wrong: Vec<_> = probes.iter().zip(outcomes).filter(|(_, outcome)| *outcome != REPLIED).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What tells a namespace from all others while it lives.
fn identity(namespace: &Namespace) -> u64 {
    namespace.enter(|| std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino()).unwrap()
}

fn interfaces(namespace: &Namespace) -> BTreeSet<String> {
    let text = namespace.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap()).unwrap();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

#[test]
fn any_addresses_will_do() {
    let mut v6_only = cluster(Wiring::Routed, 2, 4);
    v6_only.nodes.iter_mut().for_each(|node| node.addresses.retain(|a| a.is_ipv6()));
    v6_only.pods.iter_mut().for_each(|pod| pod.addresses.retain(|a| a.is_ipv6()));
    let mut nameless = cluster(Wiring::Routed, 3, 6);
    nameless.nodes.iter_mut().for_each(|node| node.addresses.clear());
    let mut crossed = cluster(Wiring::Routed, 2, 4);
    crossed.nodes.iter_mut().for_each(|node| node.addresses.truncate(1));
    crossed.pods[0].addresses.truncate(1);
    crossed.pods[1].addresses.remove(0);
    crossed.pods[2].addresses.push("203.0.113.77".parse().unwrap());
    crossed.pods[3].addresses.clear();
    let mut named = cluster(Wiring::Routed, 2, 2);
    named.nodes[0].uplink = "ens192".into();
    named.nodes[1].uplink = "a23456789012345".into();
    let mut ungated = cluster(Wiring::Bridge, 2, 4);
    ungated.nodes.iter_mut().for_each(|node| node.gateways.truncate(1));
    let no_nodes = Topology::default();
    let no_pods = cluster(Wiring::Bridge, 2, 0);
    let mut prober = Prober::default();
    for topology in [v6_only, nameless, crossed, named, ungated, no_nodes, no_pods] {
        for wiring in [Wiring::Routed, Wiring::Bridge] {
            let fabric = Fabric::build(&Topology { wiring, ..topology.clone() }).unwrap();
            check_connected(&fabric, &mut prober);
        }
    }
}

#[test]
fn an_update_changes_what_differs_and_keeps_the_rest() {
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let start = cluster(wiring, 2, 4);
        let mut fabric = Fabric::build(&start).unwrap();
        let mut prober = Prober::default();
        check_connected(&fabric, &mut prober);
        let (node, kept) = (identity(fabric.node(0)), identity(fabric.pod(3)));

        let change = |edit: &dyn Fn(&mut Topology)| {
            let mut topology = start.clone();
            edit(&mut topology);
            topology
        };
        // Each state follows from the one before, whatever it was; pod 3 stays, at times at another index.
        let states = [
            ("the same again", start.clone(), 3),
            ("a pod less", change(&|t| drop(t.pods.remove(1))), 2),
            ("another in its place, with its address", change(&|t| t.pods[1] = pod(9, 1, 1)), 3),
            ("two swap addresses", change(&|t| (t.pods[0], t.pods[2]) = (pod(0, 0, 2), pod(2, 0, 0))), 3),
            ("one moves to the other node", change(&|t| t.pods[0].node = 1), 3),
            ("in another order", change(&|t| t.pods.reverse()), 0),
            (
                "a node more",
                {
                    let mut topology = cluster(wiring, 3, 4);
                    topology.pods[0].node = 2;
                    topology.pods[3].node = 1;
                    topology
                },
                3,
            ),
            (
                "a node less",
                change(&|t| {
                    t.pods.retain(|pod| pod.node == 1);
                    t.pods.iter_mut().for_each(|pod| pod.node = 0);
                    t.nodes.remove(0);
                }),
                1,
            ),
            ("all of it back", start.clone(), 3),
            ("pods only of IPv4", change(&|t| t.pods.iter_mut().for_each(|pod| pod.addresses.truncate(1))), 3),
            ("a node with other addresses", change(&|t| t.nodes[1].addresses[0] = "203.0.113.9".parse().unwrap()), 3),
            ("nodes without addresses", change(&|t| t.nodes.iter_mut().for_each(|node| node.addresses.clear())), 3),
            (
                "a pod less behind those",
                change(&|t| {
                    t.nodes.iter_mut().for_each(|node| node.addresses.clear());
                    t.pods.remove(0);
                }),
                2,
            ),
            ("a pod more behind those", change(&|t| t.nodes.iter_mut().for_each(|node| node.addresses.clear())), 3),
            ("the first state", start.clone(), 3),
        ];
        for (what, state, index) in states {
            println!("{wiring:?}: {what}");
            fabric.update(&state).unwrap();
            assert_eq!(*fabric.topology(), state);
            check_connected(&fabric, &mut prober);
            assert_eq!(identity(fabric.pod(index)), kept, "{what}");
            for (index, node) in state.nodes.iter().enumerate() {
                let own = state.pods.iter().filter(|pod| pod.node == index).map(|pod| host_interface(&pod.id));
                let bridge = (wiring == Wiring::Bridge).then(|| "cni0".to_owned());
                let expected: BTreeSet<String> = own.chain(["lo".into(), node.uplink.clone()]).chain(bridge).collect();
                assert_eq!(interfaces(fabric.node(index)), expected, "{what}");
            }
        }
        assert_ne!(identity(fabric.node(0)), node, "node 0 was gone in between");
        let (node, topology) = (identity(fabric.node(0)), fabric.topology().clone());
        let other = if wiring == Wiring::Routed { Wiring::Bridge } else { Wiring::Routed };
        fabric.update(&Topology { wiring: other, ..topology }).unwrap();
        check_connected(&fabric, &mut prober);
        assert_ne!(identity(fabric.node(0)), node, "a node with another wiring is another node");
    }
}

#[test]
fn a_wrong_topology_changes_nothing() {
    let good = cluster(Wiring::Routed, 2, 2);
    let mut fabric = Fabric::build(&good).unwrap();
    let mut bad = good.clone();
    bad.pods[0].node = 5;
    assert!(matches!(fabric.update(&bad), Err(Error::Topology(_))));
    assert_eq!(*fabric.topology(), good);
    check_connected(&fabric, &mut Prober::default());
    assert!(matches!(Fabric::build(&bad), Err(Error::Topology(_))));
}

#[test]
fn a_removed_pod_s_address_is_the_world_s() {
    let start = cluster(Wiring::Routed, 2, 3);
    let mut fabric = Fabric::build(&start).unwrap();
    let mut prober = Prober::default();
    let [to_pod, to_world] = [Site::Pod(2), Site::External].map(|to| Probe {
        to,
        destination: start.pods[2].addresses[0],
        ..cluster::probe(&start, Site::Pod(0), Site::Pod(1), false, tcp(80))
    });
    let missed = Outcome { arrived: false, replied: Some(false) };
    assert_eq!(prober.measure(&fabric, &[to_pod, to_world]).unwrap(), [REPLIED, missed]);
    fabric.update(&Topology { pods: start.pods[..2].to_vec(), ..start }).unwrap();
    assert_eq!(prober.measure(&fabric, &[to_world]).unwrap(), [REPLIED]);
}

#[test]
fn a_named_lab_outlives_its_maker() {
    let lab = format!("margay-test-{}", process::id());
    let topology = cluster(Wiring::Bridge, 2, 4);
    let standing = || Namespace::named(&lab).unwrap();
    let mut fabric = Fabric::build_named(&topology, &lab).unwrap();
    // The wire, the world outside, the switch; nodes and pods.
    assert_eq!(standing().len(), 3 + 2 + 4);
    assert!(matches!(Fabric::build_named(&topology, &lab), Err(Error::Topology(_))), "it stands already");
    let smaller = Topology { pods: topology.pods[1..].to_vec(), ..topology.clone() };
    fabric.update(&smaller).unwrap();
    assert!(!standing().contains(&format!("{lab}-pod-default_pod-0")));
    fabric.update(&topology).unwrap();
    let node = identity(fabric.node(1));
    drop(fabric);

    let mut fabric = Fabric::attach(&topology, &lab).unwrap();
    assert_eq!(identity(fabric.node(1)), node);
    check_connected(&fabric, &mut Prober::default());
    fabric.update(&smaller).unwrap();
    check_connected(&fabric, &mut Prober::default());
    let error = Fabric::attach(&topology, &lab).unwrap_err().to_string();
    assert!(error.contains("pod-default_pod-0"), "{error}");
    drop(fabric);

    assert_eq!(Fabric::remove_named(&lab).unwrap().len(), 3 + 2 + 3);
    assert_eq!((standing(), Fabric::remove_named(&lab).unwrap()), (vec![], vec![]));
    assert!(matches!(Fabric::attach(&topology, &lab), Err(Error::NotStanding { .. })));
}

#[test]
fn a_namespace_keeps_what_is_opened_in_it() {
    let (here, there) = (Namespace::create("here").unwrap(), Namespace::create("there").unwrap());
    let outside = std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino();
    assert_ne!(identity(&here), identity(&there));
    let count = |namespace: &Namespace| {
        namespace.enter(|| std::fs::read_to_string("/proc/thread-self/net/udp").unwrap().lines().count() - 1).unwrap()
    };
    let socket = here.enter(|| std::net::UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
    assert_eq!((count(&here), count(&there)), (1, 0));
    assert_eq!(std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino(), outside, "the caller was moved");
    drop(socket);
    let panic = std::panic::catch_unwind(|| here.enter(|| panic!("inside")));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"inside"));
}

/// Prints what it costs; nothing is asserted about time.
#[test]
fn cost() {
    for (nodes, pods) in [(2, 10), (2, 10), (2, 100), (5, 300)] {
        for wiring in [Wiring::Routed, Wiring::Bridge] {
            let start = Instant::now();
            let mut fabric = Fabric::build(&cluster(wiring, nodes, pods)).unwrap();
            let built = start.elapsed();
            let start = Instant::now();
            fabric.update(&cluster(wiring, nodes, pods + 1)).unwrap();
            println!("{wiring:?}: {nodes} nodes, {pods} pods in {built:?}, one pod more in {:?}", start.elapsed());
            assert_eq!(fabric.topology().pods.len(), pods + 1);
        }
    }
}
