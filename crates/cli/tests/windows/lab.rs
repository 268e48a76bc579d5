//! Real packets through the emulated VFP that margay.exe programs: the lab makes the demo's cluster, Wine runs the Windows node's agent.

use crate::hns::{DEMO, EDIT, NODE, Node, tell};
use margay_api::Update;
use margay_datastore::{Event, Folder, Source};
use margay_hcn::Version;
use margay_lab::cluster::{Cluster, Measured, Options};
use margay_net::Protocol;
use margay_policy::Flow;
use nix::sched::{CloneFlags, unshare};
use std::net::IpAddr;
use std::sync::Arc;
use xtask::windows::Wine;

/// The demo's pods and the nodes they are on, and what they may want of each other.
const ENDS: [&str; 8] = [
    "10.244.1.10",
    "10.244.1.53",
    "10.244.2.10",
    "10.244.2.20",
    "10.244.3.10",
    "172.18.0.11",
    "172.18.0.12",
    "172.18.0.13",
];
const PORTS: [(Protocol, u16); 7] = [
    (Protocol::TCP, 80),
    (Protocol::TCP, 8080),
    (Protocol::TCP, 5432),
    (Protocol::TCP, 9100),
    (Protocol::TCP, 53),
    (Protocol::UDP, 53),
    (Protocol::ICMP, 0),
];
/// From orders to DNS: what the edit lets through.
const DNS: (&str, &str) = ("10.244.3.10", "10.244.1.53");

fn updates(texts: &[&str]) -> Vec<Update> {
    let events = Folder::of_text("demo.yaml", texts.join("\n---\n")).poll().into_iter();
    let updates = events.filter_map(|event| match event {
        Event::Update(update) => Some(update),
        _ => None,
    });
    updates.collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn flows() -> Vec<Flow> {
    let pairs = ENDS.iter().flat_map(|from| ENDS.iter().map(move |to| (address(from), address(to))));
    let pairs = pairs.filter(|(from, to)| from != to);
    pairs.flat_map(|(from, to)| PORTS.map(|(protocol, port)| Flow::new(from, to, protocol).port(port))).collect()
}

/// How many of the flows were sent, and those that were otherwise than predicted.
fn measure(cluster: &mut Cluster, flows: &[Flow]) -> (usize, Vec<Flow>) {
    let measured = cluster.measure(flows).expect("packets are sent");
    let sent = measured.iter().filter(|measured| matches!(measured, Measured::Sent { .. })).count();
    let differs = |(flow, measured): &(&Flow, &Measured)| {
        measured.allowed().is_some_and(|allowed| allowed != cluster.predict(flow))
    };
    (sent, flows.iter().zip(&measured).filter(differs).map(|(flow, _)| *flow).collect())
}

#[test]
fn packets_meet_what_margay_exe_programs() {
    let Some(wine) = Wine::ready() else { return };
    if !std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap_or(false) {
        tell("left out: no network namespace can be made; run as root");
        return;
    }
    for version in [Version::new(15, 4), Version::new(9, 5), Version::new(7, 0)] {
        let options = Options { windows_by_another: true, hns_version: Some(version), ..Options::default() };
        let mut cluster = Cluster::up(&updates(&DEMO.map(|(_, text)| text)), options).expect("a lab");
        let hns = Arc::clone(cluster.hns(NODE).expect("a Windows node"));
        let node = Node::on(wine.clone(), Arc::clone(&hns));
        let flows = flows();

        // Nobody has programmed it yet: what only the Windows node denies goes through.
        let (_, open) = measure(&mut cluster, &flows);
        assert!(!open.is_empty() && open.iter().all(|flow| !cluster.predict(flow)), "{open:?}");
        let pod = address("10.244.3.10");
        assert!(open.iter().all(|flow| flow.src == pod || flow.dst == pod), "{open:?}");

        let _agent = node.start();
        node.until("the first start", || node.is_ready());
        let (sent, wrong) = measure(&mut cluster, &flows);
        assert_eq!(wrong, [], "HNS {version}");

        let dns = Flow::new(address(DNS.0), address(DNS.1), Protocol::UDP).port(53);
        assert!(!cluster.predict(&dns));
        node.write("dns.yaml", EDIT);
        cluster.apply(&updates(&[EDIT])).expect("the lab follows");
        assert!(cluster.predict(&dns));
        node.until("an edit", || node.is_as_rendered(&node.rendered()));
        let (again, wrong) = measure(&mut cluster, &flows);
        assert_eq!(wrong, [], "HNS {version}, after an edit");
        assert_eq!(hns.misuses(), []);
        tell(&format!("HNS {version}: {} packets as predicted; unprogrammed, {} were not", sent + again, open.len()));
    }
}
