//! HNS hangs, dies and forgets; connections live.

use crate::support::*;
use margay_dataplane::{Driver, Event, Reconciler};
use margay_hcn::ErrorCode;
use margay_vfp::{Config, Direction, Effect, Fault, Loss, Operation, Packet, TcpFlags};
use margay_windows::driver::Options;
use std::time::{Duration, Instant};

#[test]
fn an_endpoint_that_hangs_delays_no_other() {
    let mut source = Source::new();
    source.put(&(pods(8) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    let id = node.endpoint("10.0.0.3".parse().unwrap());
    node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Hang).of(id));
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    assert!(node.emulator.wait_for_hanging(1, LONG));
    let deadline = Instant::now() + LONG;
    let mut done = Vec::new();
    while done.len() < 7 {
        assert!(Instant::now() < deadline, "only {done:?}");
        done.extend(driver.events().into_iter().filter(|event| matches!(event, Event::Applied { .. })));
        std::thread::yield_now();
    }
    node.emulator.clear_faults();
    node.emulator.release();
    applied(&mut driver);
    assert_eq!(node.acls("10.0.0.3"), 8);
}

#[test]
fn one_bad_endpoint_is_an_error_of_its_own() {
    let mut source = Source::new();
    source.put(&(pods(3) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("15.4");
    node.serve(source.plan());
    let id = node.endpoint("10.0.0.2".parse().unwrap());
    node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY)).of(id));
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    let failed = failures(&outcome(&mut driver));
    assert!(failed.len() == 1 && failed[0].0 == "Pod shop/pod-2", "{failed:?}");
    assert_eq!([node.acls("10.0.0.1"), node.acls("10.0.0.2"), node.acls("10.0.0.3")], [7, 0, 7]);
}

#[test]
fn what_hns_refuses_leaves_a_new_pod_closed() {
    for version in ["7.0", "9.5", "15.4"] {
        let mut source = Source::new();
        source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80)));
        let mut node = Node::version(version);
        node.serve(source.plan());
        let id = node.endpoint("10.0.0.1".parse().unwrap());
        let packet = |from: &str| {
            let (from, to) = (from.parse().unwrap(), "10.0.0.1".parse().unwrap());
            let packet = Packet::new(margay_net::Protocol::TCP, from, to).ports(40_000, 80);
            node.emulator.match_tuple(id, Direction::In, &packet).allowed()
        };
        node.emulator.add_fault(Fault::once(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY)));
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        let failed = failures(&outcome(&mut driver));
        assert!(failed.len() == 1 && failed[0].1.contains("is closed until"), "HNS {version}: {failed:?}");
        assert_eq!([packet("10.1.0.1"), packet("10.2.0.1")], [false, false], "HNS {version}");
        resync(&mut driver, source.plan());
        applied(&mut driver);
        assert_eq!([packet("10.1.0.1"), packet("10.2.0.1")], [true, false], "HNS {version}");
        // What was in force stays.
        node.emulator.add_fault(Fault::once(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY)));
        source.put(&allow("a", "10.2.0.0/16", 80));
        resync(&mut driver, source.plan());
        assert_eq!(failures(&outcome(&mut driver)).len(), 1, "HNS {version}");
        assert_eq!([packet("10.1.0.1"), packet("10.2.0.1")], [true, false], "HNS {version}");
    }
}

#[test]
fn success_that_changes_nothing_is_found_out() {
    let mut source = Source::new();
    source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("15.4");
    node.serve(source.plan());
    node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Pretend));
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    let failed = failures(&outcome(&mut driver));
    assert!(failed.len() == 1 && failed[0].1.contains("shows 0 of 7"), "{failed:?}");
}

/// A restart that loses something, with or without being told of it: everything is back, and within a second where HNS tells.
#[test]
fn what_a_restart_of_hns_loses_is_put_back() {
    for loss in [Loss::Nothing, Loss::Policies, Loss::HalfOfPolicies] {
        let mut source = Source::new();
        source.put(&(pods(4) + &allow("a", "10.1.0.0/16", 80)));
        let mut node = Node::version("13.3");
        node.serve(source.plan());
        let mut reconciler = Reconciler::new(node.driver(), Instant::now());
        let changes = Default::default();
        reconciler.submit(source.plan(), &changes, Instant::now());
        assert!(reconciler.driver().settle(LONG));
        reconciler.poll(source.plan(), Instant::now());
        node.emulator.crash(loss);
        node.emulator.restart();
        let start = Instant::now();
        let healed = || (1..=4).all(|pod| node.acls(&format!("10.0.0.{pod}")) == 7);
        loop {
            reconciler.poll(source.plan(), Instant::now());
            assert!(reconciler.driver().settle(LONG));
            if healed() && reconciler.failing().next().is_none() {
                break;
            }
            assert!(start.elapsed() < LONG, "{loss:?} is not healed");
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{loss:?} took {:?}", start.elapsed());
    }
}

/// Again and again, however long it was down, as a service is that is restarted; and where HNS does not tell of it, once that was noticed.
#[test]
fn a_restart_is_healed_whenever_hns_comes_back() {
    // Failures of the four pods before the restart: so many that the next attempt would be seconds away, or none.
    for (version, tells, rounds) in
        [("15.4", "sent", &[16, 0, 0][..]), ("9.5", "unavailable", &[1]), ("7.0", "unavailable", &[1, 1, 16])]
    {
        let mut config = Config::new(version.parse().unwrap());
        config.knobs.set(&format!("notifications={tells}")).unwrap();
        let mut source = Source::new();
        source.put(&(pods(4) + &allow("a", "10.1.0.0/16", 80)));
        let mut node = Node::new(config);
        node.serve(source.plan());
        let mut reconciler = Reconciler::new(node.driver(), Instant::now());
        reconciler.submit(source.plan(), &Default::default(), Instant::now());
        let until = |reconciler: &mut Reconciler<_>, what: &dyn Fn(&Reconciler<_>) -> bool| {
            let start = Instant::now();
            while !what(reconciler) {
                let failing: Vec<_> = reconciler.failing().collect();
                assert!(start.elapsed() < LONG, "HNS {version}: {:?} {failing:?}", reconciler.metrics());
                reconciler.poll(source.plan(), Instant::now());
                std::thread::yield_now();
            }
            start.elapsed()
        };
        assert!(reconciler.driver().settle(LONG));
        let wanted = node.acls("10.0.0.1");
        let healed = || (1..=4).all(|pod| node.acls(&format!("10.0.0.{pod}")) == wanted);
        for failures in rounds {
            until(&mut reconciler, &|reconciler| healed() && reconciler.failing().next().is_none());
            let failed = reconciler.metrics().failed;
            node.emulator.crash(Loss::Policies);
            until(&mut reconciler, &|reconciler| reconciler.metrics().failed >= failed + failures);
            node.emulator.restart();
            let took = until(&mut reconciler, &|reconciler| healed() && reconciler.failing().next().is_none());
            assert!(took < Duration::from_secs(1), "HNS {version}, after {failures} failures: {took:?}");
            assert!(reconciler.driver().settle(LONG));
        }
    }
}

/// In the reading in which every write of ACLs ends the endpoint's connections.
#[test]
fn no_connection_is_lost_where_nothing_changes() {
    let mut config = Config::new("13.3".parse().unwrap());
    config.knobs.set("acl-change=reset").unwrap();
    let mut source = Source::new();
    source.put(&(pods(2) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::new(config);
    node.serve(source.plan());
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let id = node.endpoint("10.0.0.1".parse().unwrap());
    let peer = ("10.1.0.9".parse().unwrap(), 40000);
    let syn = Packet::tcp(peer, ("10.0.0.1".parse().unwrap(), 80)).flags(TcpFlags::SYN);
    let more = Packet::tcp(peer, ("10.0.0.1".parse().unwrap(), 80)).flags(TcpFlags::ACK);
    assert!(node.emulator.process(id, Direction::In, &syn).allowed());
    let lives = || node.emulator.process(id, Direction::In, &more).allowed();
    assert!(lives());
    // A resync, a restart, and a change of another pod.
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let changes = source.put(
        "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: g}, spec: {selector: \"projectcalico.org/namespace == 'shop' && app == 'other'\", \
         ingress: [{action: Deny}]}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: pod-2, namespace: shop, labels: {app: other}}, spec: {nodeName: win}, \
         status: {phase: Running, podIP: 10.0.0.2}}",
    );
    driver.submit(source.plan(), &changes);
    applied(&mut driver);
    assert!(lives(), "nothing that concerns this endpoint was written");
    // A change that does concern it.
    let changes = source.put(&allow("b", "10.2.0.0/16", 81));
    driver.submit(source.plan(), &changes);
    applied(&mut driver);
    assert!(!lives(), "the emulator resets connections on a write");
}

/// Without a rule in the one direction while the other has one, a pod that nothing is said of there may be cut off \[INF\].
#[test]
fn a_long_list_leaves_no_direction_without_a_rule() {
    for count in [24, 25, 26, 27, 28, 60] {
        let mut source = Source::new();
        let many: String = (0..count).map(|n| allow(&format!("p{n}"), &format!("10.2.{n}.0/24"), 100 + n)).collect();
        source.put(&(pods(1) + &many));
        let mut node = Node::version("15.4");
        node.serve(source.plan());
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        applied(&mut driver);
        driver.cleanup().unwrap();
        assert_eq!(node.acls("10.0.0.1"), 0);
        let misuses = node.emulator.misuses();
        assert!(misuses.is_empty(), "{count}: {misuses:?}");
    }
}

#[test]
fn changes_of_membership_are_gathered() {
    let from = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop}, spec: {podSelector: {matchLabels: {app: web}}, \
                ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}}\n";
    let client = |number: u8| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: client-{number}, namespace: shop, labels: {{app: client}}}}, spec: {{nodeName: other}}, \
             status: {{phase: Running, podIP: 10.9.0.{number}}}}}\n"
        )
    };
    let mut source = Source::new();
    source.put(&(pods(1) + from));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    let mut driver = node.driver_with(&Options { gather: Duration::from_millis(300), ..Options::default() });
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let before = driver.writes();
    for number in 1..=20 {
        let changes = source.put(&client(number));
        driver.submit(source.plan(), &changes);
    }
    assert!(driver.settle(LONG));
    let writes = driver.writes() - before;
    assert!((1..=3).contains(&writes), "{writes} writes for 20 changes that came together");
}
