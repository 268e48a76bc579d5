//! Addresses that move from one endpoint to another, and from one pod to another.

use crate::support::*;
use margay_api::{Key, Kind};
use margay_dataplane::{Driver, Event, Object};
use margay_hcn::{ErrorCode, Guid};
use margay_net::Prefix;
use margay_policy::Changes;
use margay_vfp::{Config, Direction, Effect, Fault, NetworkKind, Operation, Packet};
use margay_windows::driver::{HnsDriver, Options};
use std::time::Duration;

/// An endpoint of 10.0.0.1 on a further network.
fn another(node: &Node) -> Guid {
    let all: Prefix = "0.0.0.0/0".parse().unwrap();
    let network = node.emulator.add_network(NetworkKind::L2Bridge, "another", &[all]).unwrap();
    node.emulator.add_endpoint(network, "another", &["10.0.0.1".parse().unwrap()]).unwrap()
}

/// Whether an endpoint lets TCP in to port 80 from an address.
fn admits(node: &Node, id: Guid, from: &str) -> bool {
    let (from, to) = (from.parse().unwrap(), "10.0.0.1".parse().unwrap());
    let packet = Packet::new(margay_net::Protocol::TCP, from, to).ports(40_000, 80);
    node.emulator.match_tuple(id, Direction::In, &packet).allowed()
}

/// A pod of an app at 10.0.0.1.
fn pod(name: &str, app: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {{app: {app}}}}}, spec: {{nodeName: win}}, \
         status: {{phase: Running, podIP: 10.0.0.1}}}}\n"
    )
}

/// A NetworkPolicy of an app that lets one source in on port 80.
fn policy(app: &str, from: &str) -> String {
    format!(
        "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {app}, namespace: shop}}, spec: \
         {{podSelector: {{matchLabels: {{app: {app}}}}}, ingress: [{{from: [{{ipBlock: {{cidr: {from}}}}}], ports: [{{port: 80}}]}}]}}}}\n"
    )
}

fn key(name: &str) -> Key {
    Key { kind: Kind::Pod, namespace: "shop".into(), name: name.into() }
}

/// The pod `old` at 10.0.0.1, in force, on an HNS that tells of nothing.
fn started(version: &str) -> (Node, Source, HnsDriver) {
    let mut source = Source::new();
    source.put(&(pods(0) + &pod("old", "old") + &policy("old", "10.1.0.0/16") + &policy("new", "10.2.0.0/16")));
    let mut config = Config::new(version.parse().unwrap());
    config.knobs.set("notifications=unavailable").unwrap();
    let mut node = Node::new(config);
    node.serve(source.plan());
    let mut driver = node.driver_with(&Options { gather: Duration::from_millis(200), ..Options::default() });
    resync(&mut driver, source.plan());
    applied(&mut driver);
    (node, source, driver)
}

/// The pod `old` gives way to `new`.
fn replaced(source: &mut Source) -> Changes {
    source.remove(&key("old"));
    source.put(&pod("new", "new"))
}

#[test]
fn an_address_is_followed_from_an_endpoint_that_a_container_left() {
    for version in ["7.0", "9.5", "15.4"] {
        let (node, mut source, mut driver) = started(version);
        let left = node.endpoint_of("10.0.0.1");
        node.service().call("POST", &format!("/endpoints/{left:#}/detach"), "").unwrap();
        let now = another(&node);
        let changes = replaced(&mut source);
        driver.submit(source.plan(), &changes);
        applied(&mut driver);
        let admitted = ["10.1.0.1", "10.2.0.1"].map(|from| admits(&node, now, from));
        assert_eq!(admitted, [false, true], "HNS {version}");
    }
}

#[test]
fn an_endpoint_that_takes_over_the_address_of_a_pod_is_found_by_a_look() {
    for version in ["7.0", "15.4"] {
        let (node, source, mut driver) = started(version);
        let now = another(&node);
        driver.observe(source.plan());
        outcome(&mut driver);
        let drifted = Object::Endpoint(key("old"));
        driver.resync(source.plan(), Some(&drifted));
        applied(&mut driver);
        assert!(!admits(&node, now, "10.2.0.1"), "HNS {version}");
    }
}

#[test]
fn of_two_endpoints_with_an_address_a_bad_one_keeps_policy_off_no_other() {
    for bad in [0, 1] {
        let mut source = Source::new();
        source.put(&(pods(0) + &pod("old", "old") + &policy("old", "10.1.0.0/16")));
        let mut node = Node::version("15.4");
        node.serve(source.plan());
        let both = [node.endpoint_of("10.0.0.1"), another(&node)];
        node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Fail(ErrorCode::UNSPECIFIED)).of(both[bad]));
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        assert_eq!(failures(&outcome(&mut driver)).len(), 1);
        assert!(!admits(&node, both[1 - bad], "10.2.0.1"));
    }
}

#[test]
fn an_endpoint_on_a_network_that_enforces_nothing_keeps_policy_off_no_other() {
    for version in ["7.0", "15.4"] {
        let mut source = Source::new();
        source.put(&(pods(0) + &pod("old", "old") + &policy("old", "10.1.0.0/16")));
        let mut node = Node::version(version);
        node.serve(source.plan());
        let nat = node.emulator.add_network(NetworkKind::Nat, "nat", &["0.0.0.0/0".parse().unwrap()]).unwrap();
        node.emulator.add_endpoint(nat, "nat", &["10.0.0.1".parse().unwrap()]).unwrap();
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        let failed = failures(&outcome(&mut driver));
        assert!(failed.len() == 1 && failed[0].1.contains("type NAT"), "{failed:?}");
        let id = node.endpoint_of("10.0.0.1");
        assert!(!admits(&node, id, "10.2.0.1"), "HNS {version}");
        // Nor does it hide what someone does to the other.
        node.hns().replace_acls(id, &[]).unwrap();
        driver.observe(source.plan());
        let events = outcome(&mut driver);
        assert!(matches!(events[..], [Event::Drift { .. }]), "HNS {version}: {events:?}");
    }
}

#[test]
fn what_was_begun_for_a_pod_that_is_gone_never_reaches_the_next() {
    let (node, mut source, mut driver) = started("15.4");
    let left = node.endpoint_of("10.0.0.1");
    node.emulator.add_fault(Fault::once(Operation::Modify, Effect::Hang).of(left));
    let changes = source.put(&policy("old", "10.3.0.0/16"));
    driver.submit(source.plan(), &changes);
    assert!(node.emulator.wait_for_hanging(1, LONG));
    node.emulator.remove_endpoint(left).unwrap();
    let now = another(&node);
    let changes = replaced(&mut source);
    driver.submit(source.plan(), &changes);
    let mut events = Vec::new();
    let done = |events: &[Event]| {
        events
            .iter()
            .any(|event| matches!(event, Event::Applied { object: Object::Endpoint(of), .. } if *of == key("new")))
    };
    while !done(&events) {
        events.extend(driver.events());
        std::thread::yield_now();
    }
    node.emulator.release();
    let late = outcome(&mut driver);
    assert_eq!(["10.3.0.1", "10.2.0.1"].map(|from| admits(&node, now, from)), [false, true]);
    assert!(late.is_empty(), "of a pod that is no more nothing is said: {late:?}");
}

#[test]
fn an_endpoint_that_is_listed_and_not_there_is_no_work_for_ever() {
    let mut source = Source::new();
    source.put(&pods(1));
    let mut node = Node::version("15.4");
    node.serve(source.plan());
    let id = node.endpoint_of("10.0.0.1");
    // Of the lists, which V1 gives, it is no part.
    node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Fail(ErrorCode::ENDPOINT_NOT_FOUND)).of(id));
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    assert_eq!(failures(&outcome(&mut driver)).len(), 1);
}
