//! How long it takes where each call takes 20 ms, and each policy in it 1 ms more. By itself, so that no other test takes the time.

#![allow(clippy::print_stderr, reason = "a test says what it measured")]

#[path = "driver/support.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

#[path = "driver/site.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod site;

use margay_dataplane::Driver;
use margay_vfp::{Clock, Config, Latency};
use site::{Site, vxlan};
use std::time::{Duration, Instant};
use support::*;

fn slow_node() -> Node {
    let mut config = Config::new("15.4".parse().unwrap());
    config.clock = Clock::real();
    let node = Node::new(config);
    let latency = Latency { call: Duration::from_millis(20), policy: Duration::from_millis(1) };
    node.emulator.set_latency(latency);
    node
}

/// Measures until it is within the limit, three times at most: the machine may have other things to do.
fn within(limit: Duration, measure: impl Fn() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 3 && took.last().is_none_or(|last| *last >= limit) {
        took.push(measure());
    }
    assert!(took.iter().any(|took| *took < limit), "{took:?}, and {limit:?} is the limit");
}

#[test]
fn five_hundred_policies_on_one_pod() {
    within(Duration::from_secs(3), five_hundred_policies);
}

fn five_hundred_policies() -> Duration {
    let mut node = slow_node();
    let mut source = Source::new();
    // Each is of a port and a source of its own, so that none can be joined with another.
    let policies: String = (0..500u16)
        .map(|number| {
            allow(&format!("p-{number}"), &format!("10.{}.{}.0/24", 100 + number / 250, number % 250), 1000 + number)
        })
        .collect();
    source.put(&(pods(1) + &policies));
    node.serve(source.plan());
    let mut driver = node.driver();
    let start = Instant::now();
    resync(&mut driver, source.plan());
    let lowered = start.elapsed();
    applied(&mut driver);
    let took = start.elapsed();
    let counters = node.emulator.counters();
    let acls = node.acls("10.0.0.1");
    eprintln!(
        "500 policies on a pod: {took:.2?} ({lowered:.2?} of it until HNS is called), {} calls, {} policies sent, {acls} ACLs",
        counters.calls, counters.policies
    );
    assert!(acls > 500, "{acls} ACLs");
    let writes = node.emulator.counters().writes;
    resync(&mut driver, source.plan());
    applied(&mut driver);
    assert_eq!(node.emulator.counters().writes, writes, "a resync of what is in place wrote something");
    took
}

#[test]
fn a_port_of_a_policy_of_fifty_pods() {
    within(Duration::from_secs(2), fifty_pods);
}

fn fifty_pods() -> Duration {
    let mut node = slow_node();
    let mut source = Source::new();
    source.put(&(pods(50) + &allow("a", "10.1.0.0/16", 80)));
    node.serve(source.plan());
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let before = node.emulator.counters();
    let changes = source.put(&allow("a", "10.1.0.0/16", 81));
    let start = Instant::now();
    driver.submit(source.plan(), &changes);
    applied(&mut driver);
    let took = start.elapsed();
    let after = node.emulator.counters();
    let writes = after.writes - before.writes;
    eprintln!(
        "a port of a policy of 50 pods: {took:.2?}, {} calls, {writes} of them writes",
        after.calls - before.calls
    );
    assert!(writes <= 50, "{writes} writes");
    took
}

/// Every node of a large cluster has a tunnel to every other.
#[test]
fn a_cluster_of_five_thousand_nodes() {
    let node = |n: u32, mac: u8| {
        let [_, _, high, low] = n.to_be_bytes();
        vxlan(
            &format!("n{n}"),
            &format!("10.{}.{low}.0/24", 100 + u32::from(high)),
            &format!("172.16.{high}.{low}"),
            &format!("02:00:00:{mac:02x}:{high:02x}:{low:02x}"),
            None,
        )
    };
    let mut site = Site::overlay();
    site.put(&(1..5000).map(|n| node(n, 0)).collect::<Vec<_>>());
    let start = Instant::now();
    let mut driver = site.started();
    let first = start.elapsed();
    assert_eq!((site.tunnels().len(), driver.writes()), (4999, 167));
    let start = Instant::now();
    let changes = site.put(&[node(77, 1)]);
    assert_eq!(changes.deltas.len(), 2);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    eprintln!("4999 tunnels: {first:.2?} at first, {:.2?} for a change of one", start.elapsed());
    assert_eq!(driver.writes(), 169);
    let misuses = site.node.emulator.misuses();
    assert!(misuses.is_empty(), "{misuses:?}");
}
