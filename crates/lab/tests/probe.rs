//! Real packets through real namespaces: what arrives without rules, and exactly what doesn't with them.

#![expect(clippy::print_stdout, reason = "what was measured is for a person to read")]

mod cluster;
mod rules;

use std::hint::black_box;
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use cluster::{REPLIED, cluster, everywhere, probe, tcp};
use margay_lab::fabric::{BridgeFilter, Fabric, Topology, Wiring};
use margay_lab::probe::{Outcome, Probe, Prober, Site, Transport};
use margay_nftables::{ChainPolicy, Hook, Rule};
use rules::{Ruleset, accept_connections, accept_from, drop_flows, drop_port_80, drop_resets, flow, reset_port_80};

const ARRIVED: Outcome = Outcome { arrived: true, replied: None };

fn udp(port: u16) -> Transport {
    Transport::Udp { source_port: Some(40000), port }
}

fn sctp(port: u16) -> Transport {
    Transport::Sctp { source_port: Some(40000), port }
}

const DROPPED: Outcome = Outcome { arrived: false, replied: None };
const DROPPED_SYN: Outcome = Outcome { arrived: false, replied: Some(false) };
const SILENT: Outcome = Outcome { arrived: true, replied: Some(false) };

/// A number that looks random, the same in every run.
fn scramble(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Between all pods, three protocols on two ports: half of these flows, chosen by `seed`, dropped by every node's rules.
fn half_dropped(topology: &Topology, seed: u64) -> (Vec<Probe>, Vec<Outcome>, Ruleset) {
    let pods = || (0..topology.pods.len()).map(Site::Pod);
    let (mut probes, mut expected, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for (from, to) in pods().flat_map(|a| pods().map(move |b| (a, b))).filter(|(a, b)| a != b) {
        for kind in [tcp(80), tcp(81), udp(80), udp(81), sctp(80), sctp(81)] {
            let probe = probe(topology, from, to, false, kind);
            let drop = scramble(seed ^ scramble(probes.len() as u64)) & 1 == 1;
            let protocol = kind.protocol(probe.destination);
            expected.push(match (drop, protocol) {
                (true, 6) => DROPPED_SYN,
                (true, _) => DROPPED,
                (false, 6) => REPLIED,
                (false, _) => ARRIVED,
            });
            if drop {
                let port = if [tcp(80), udp(80), sctp(80)].contains(&kind) { 80 } else { 81 };
                flows.push(flow(&probe, port));
            }
            probes.push(probe);
        }
    }
    (probes, expected, Ruleset { flows, ..Ruleset::of(Hook::Forward, vec![accept_connections(), drop_flows()]) })
}

/// Measures states one after another on one fabric; panics at the first outcome that the rules don't explain.
fn check_half_dropped(wiring: Wiring, states: u64) {
    let topology = cluster(wiring, 2, 9);
    let fabric = Fabric::build(&topology).unwrap();
    let mut prober = Prober::default();
    let mut longest = std::time::Duration::ZERO;
    for seed in 0..states {
        let (probes, expected, ruleset) = half_dropped(&topology, seed);
        (0..2).for_each(|node| ruleset.install(fabric.node(node)));
        let start = Instant::now();
        let outcomes = prober.measure(&fabric, &probes).unwrap();
        longest = longest.max(start.elapsed());
        let wrong: Vec<_> =
            probes.iter().zip(expected.iter().zip(&outcomes)).filter(|(_, (e, o))| e != o).take(10).collect();
        assert!(wrong.is_empty(), "{wiring:?}, state {seed}: {wrong:#?}");
    }
    println!("{wiring:?}: {states} states of 432 flows, the longest took {longest:?}");
}

#[test]
fn what_rules_drop_and_nothing_else_is_missing() {
    check_half_dropped(Wiring::Routed, 5);
    check_half_dropped(Wiring::Bridge, 5);
}

/// By hand, before a release: `cargo test -p margay-lab --test probe -- --ignored --nocapture`.
#[test]
#[ignore = "takes half a minute and all CPUs"]
fn no_outcome_is_wrong_on_a_busy_machine() {
    let stop = AtomicBool::new(false);
    let fabric = Fabric::build(&cluster(Wiring::Routed, 1, 1)).unwrap();
    let busy = fabric.node(0);
    thread::scope(|scope| {
        for seed in 0..2 * thread::available_parallelism().map_or(2, usize::from) {
            let stop = &stop;
            // Half of them keep the CPU busy, half its queue of packets.
            scope.spawn(move || {
                let socket = busy.enter(|| UdpSocket::bind("127.0.0.1:0")).unwrap().unwrap();
                let address = socket.local_addr().unwrap();
                let mut x = seed as u64;
                while !stop.load(Ordering::Relaxed) {
                    x = black_box(scramble(x));
                    if seed % 2 == 0 {
                        socket.send_to(&x.to_ne_bytes(), address).unwrap();
                    }
                }
            });
        }
        let measured = std::panic::catch_unwind(|| {
            check_half_dropped(Wiring::Routed, 50);
            check_half_dropped(Wiring::Bridge, 50);
        });
        stop.store(true, Ordering::Relaxed);
        measured.unwrap();
    });
}

#[test]
fn hundreds_of_pods_are_probed_at_once() {
    let topology = cluster(Wiring::Routed, 4, 200);
    let fabric = Fabric::build(&topology).unwrap();
    let choose = |seed: u64| Site::Pod((scramble(seed) % 200) as usize);
    let probes: Vec<Probe> = (0..4000)
        .map(|seed| probe(&topology, choose(2 * seed), choose(2 * seed + 1), seed % 2 == 0, tcp(seed as u16)))
        .collect();
    let start = Instant::now();
    let outcomes = Prober::default().measure(&fabric, &probes).unwrap();
    println!("4,000 flows between 200 pods on 4 nodes took {:?}", start.elapsed());
    assert!(outcomes.iter().all(|outcome| *outcome == REPLIED));
}

#[test]
fn each_hook_of_a_node_is_seen() {
    let (pod, node, far_pod, far_node) = (Site::Pod(0), Site::Node(0), Site::Pod(1), Site::Node(1));
    let topology = cluster(Wiring::Routed, 2, 2);
    let fabric = Fabric::build(&topology).unwrap();
    let (drop, resets, rejects) = (drop_port_80, drop_resets, reset_port_80);
    // One rule for node 0, and what becomes of a SYN to port 80 from and to each place.
    type Row = (Hook, fn() -> Rule, Site, Site, Outcome);
    let table: [Row; 18] = [
        (Hook::Input, drop, pod, node, DROPPED_SYN),
        (Hook::Input, drop, far_node, node, DROPPED_SYN),
        (Hook::Input, drop, pod, far_pod, REPLIED),
        (Hook::Input, drop, node, pod, REPLIED),
        (Hook::Input, resets, node, pod, SILENT),
        (Hook::Input, resets, far_node, pod, REPLIED),
        (Hook::Output, drop, node, pod, DROPPED_SYN),
        (Hook::Output, drop, node, far_node, DROPPED_SYN),
        (Hook::Output, resets, pod, node, SILENT),
        (Hook::Output, rejects, node, pod, DROPPED_SYN),
        (Hook::Forward, drop, pod, node, REPLIED),
        (Hook::Forward, drop, Site::External, pod, DROPPED_SYN),
        (Hook::Forward, drop, pod, Site::External, DROPPED_SYN),
        (Hook::Forward, drop, far_pod, pod, DROPPED_SYN),
        (Hook::Forward, resets, far_pod, pod, SILENT),
        (Hook::Forward, rejects, pod, far_pod, DROPPED_SYN),
        (Hook::Prerouting, drop, pod, far_pod, DROPPED_SYN),
        (Hook::Postrouting, drop, node, pod, DROPPED_SYN),
    ];
    let mut prober = Prober::default();
    for (hook, rule, from, to, expected) in table {
        for v6 in [false, true] {
            Ruleset::of(hook, vec![rule()]).install(fabric.node(0));
            let outcome = prober.measure(&fabric, &[probe(&topology, from, to, v6, tcp(80))]).unwrap();
            assert_eq!(outcome, [expected], "{hook:?} {:?}: {from:?} to {to:?}, IPv6: {v6}", rule());
        }
    }
}

#[test]
fn switched_packets_pass_the_rules_where_the_kernel_can() {
    let topology = cluster(Wiring::Bridge, 1, 2);
    let fabric = Fabric::build(&topology).unwrap();
    Ruleset { policy: ChainPolicy::Drop, ..Ruleset::of(Hook::Forward, vec![]) }.install(fabric.node(0));
    let probes = [false, true].map(|v6| probe(&topology, Site::Pod(0), Site::Pod(1), v6, tcp(80)));
    let expected = match fabric.bridge_filter() {
        BridgeFilter::Active => DROPPED_SYN,
        BridgeFilter::Unavailable => REPLIED,
        BridgeFilter::NotBridged => panic!("a bridge wiring without bridges"),
    };
    assert_eq!(Prober::default().measure(&fabric, &probes).unwrap(), [expected; 2]);
}

#[test]
fn false_source_addresses_reach_the_far_pod() {
    // Pods 0 and 2 are on node 0, pods 1 and 3 on node 1.
    let table = [
        (1, "10.0.0.3", ARRIVED),
        (1, "10.0.0.4", ARRIVED),
        (1, "9.9.9.9", ARRIVED),
        (2, "10.0.0.2", ARRIVED),
        (2, "192.0.2.2", ARRIVED),
        (1, "fd00::3", ARRIVED),
        (1, "2001:db8:9::9", ARRIVED),
        (1, "2001:db8:1::2", ARRIVED),
        (1, "2001:db8:1::1", ARRIVED),
        // The IPv4 kernel itself refuses a packet that claims to come from the very place it came to: node 0 or node 1,
        // which forward it, or pod 1.
        (1, "192.0.2.1", DROPPED),
        (1, "192.0.2.2", DROPPED),
        (1, "10.0.0.2", DROPPED),
    ];
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let topology = cluster(wiring, 2, 4);
        let fabric = Fabric::build(&topology).unwrap();
        let lie = |(to, source, _): &(usize, &str, Outcome)| {
            let source: IpAddr = source.parse().unwrap();
            Probe { source, ..probe(&topology, Site::Pod(0), Site::Pod(*to), source.is_ipv6(), udp(53)) }
        };
        let probes: Vec<Probe> = table.iter().map(lie).collect();
        let outcomes = Prober::default().measure(&fabric, &probes).unwrap();
        for (row, outcome) in table.iter().zip(outcomes) {
            assert_eq!(row.2, outcome, "{wiring:?}: {row:?}");
        }
    }
}

#[test]
fn a_connection_is_fresh_in_each_measurement_unless_told_otherwise() {
    let topology = cluster(Wiring::Routed, 2, 2);
    let fabric = Fabric::build(&topology).unwrap();
    let mut prober = Prober::default();
    let there = probe(&topology, Site::Pod(0), Site::Pod(1), false, udp(40000));
    let back = probe(&topology, Site::Pod(1), Site::Pod(0), false, udp(40000));
    let rules = vec![accept_connections(), accept_from(there.source)];
    Ruleset { policy: ChainPolicy::Drop, ..Ruleset::of(Hook::Forward, rules) }.install(fabric.node(0));
    assert_eq!(prober.measure(&fabric, &[there, back]).unwrap(), [ARRIVED, DROPPED]);
    assert_eq!(prober.measure(&fabric, &[there]).unwrap(), [ARRIVED]);
    assert_eq!(prober.measure_within_connections(&fabric, &[back]).unwrap(), [ARRIVED]);
    assert_eq!(prober.measure(&fabric, &[back]).unwrap(), [DROPPED]);
    let error = prober.measure_within_connections(&fabric, &[there, back]).unwrap_err();
    assert!(error.to_string().contains("same connection"), "{error}");
}

#[test]
fn probes_that_make_no_sense_are_refused() {
    let topology = cluster(Wiring::Routed, 1, 1);
    let fabric = Fabric::build(&topology).unwrap();
    let good = probe(&topology, Site::Pod(0), Site::External, false, udp(53));
    let table = [
        (Probe { from: Site::Pod(1), ..good }, "no Pod(1)"),
        (Probe { to: Site::Node(7), ..good }, "no Node(7)"),
        (Probe { destination: "::1".parse().unwrap(), ..good }, "two families"),
        (Probe { transport: Transport::Other { protocol: 6 }, ..good }, "name it"),
        (Probe { transport: Transport::Other { protocol: 0 }, ..good }, "observe protocol 0"),
    ];
    for (bad, expected) in table {
        let error = Prober::default().measure(&fabric, &[good, bad]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(Prober::default().measure(&fabric, &[]).unwrap(), []);
}

#[test]
fn without_rules_everything_arrives() {
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let topology = cluster(wiring, 2, 4);
        let fabric = Fabric::build(&topology).unwrap();
        let kinds = |v6| {
            let (echo, other_request) = if v6 { (128, 200) } else { (8, 13) };
            let ports = [tcp(80), udp(53), sctp(9), Transport::UdpLite { source_port: None, port: 9 }];
            let icmp = [(echo, 0), (other_request, 7)].map(|(kind, code)| Transport::Icmp { kind, code });
            let numbers = [47, 50, 253, 255].map(|protocol| Transport::Other { protocol });
            [&ports[..], &icmp, &numbers].concat()
        };
        let probes = everywhere(&topology, kinds);
        assert_eq!(probes.len(), 2 * 7 * 7 * 10);
        for outcome in Prober::default().measure(&fabric, &probes).unwrap().into_iter().zip(&probes) {
            let answered = match outcome.1.transport {
                Transport::Tcp { .. } | Transport::Icmp { code: 0, .. } => REPLIED,
                _ => ARRIVED,
            };
            assert_eq!(outcome.0, answered, "{wiring:?}: {:?}", outcome.1);
        }
    }
}
