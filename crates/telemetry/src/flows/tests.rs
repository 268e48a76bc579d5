use super::{FlowLog, Names, WINDOW};
use expect_test::expect;
use margay_agent::{Agent, Options, Signals};
use margay_dataplane::Recorder;
use margay_dataplane::{Header, LoggedPacket, Reason, Verdict};
use margay_datastore::Folder;
use margay_net::Protocol;
use margay_policy::{Direction, Key, Kind, Name};
use std::time::{Duration, Instant, SystemTime};

const CLUSTER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {nodeName: node-1}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: lab}
spec: {nodeName: node-2}
status: {podIP: 10.0.1.1}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {ingress: [{action: Deny}]}
";

fn names() -> Names {
    let names = Names::default();
    let options = Options { node: "node-1".into(), poll: Duration::from_secs(1) };
    let mut agent = Agent::new(options, Folder::of_text("c.yaml", CLUSTER), Recorder::default(), Instant::now());
    agent.watch(Box::new(names.observer()));
    agent.step(Signals::default(), Instant::now());
    names
}

fn packet(reason: Reason, source: &str, port: u16) -> LoggedPacket {
    LoggedPacket {
        verdict: Verdict::Deny,
        direction: Direction::Ingress,
        reason,
        header: Header {
            source: source.parse().expect("an address"),
            destination: [10, 0, 0, 1].into(),
            protocol: Protocol::TCP,
            ports: Some((40_000, port)),
            icmp: None,
        },
    }
}

fn web() -> Reason {
    let key = Key { kind: Kind::CalicoNetworkPolicy, namespace: "shop".into(), name: "web".into() };
    Reason::Rule { policy: Name::of(&key).to_string(), index: 0 }
}

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn log(rate: u32, now: Instant) -> FlowLog<Vec<u8>> {
    FlowLog::new("node-1", names(), Vec::new(), rate, now)
}

fn lines(log: &mut FlowLog<Vec<u8>>) -> String {
    String::from_utf8(std::mem::take(&mut log.out)).expect("UTF-8")
}

#[test]
fn a_line_says_who_and_why() {
    let now = Instant::now();
    let mut log = log(100, now);
    log.take(packet(web(), "10.0.1.1", 80), now, time());
    log.take(packet(Reason::TierEnd { tier: "default".into() }, "192.0.2.1", 80), now, time());
    log.take(packet(Reason::Rule { policy: "0123".into(), index: 2 }, "192.0.2.1", 80), now, time());
    let mut icmp = packet(Reason::NoProfile, "192.0.2.1", 0);
    icmp.header = Header { protocol: Protocol::ICMP, ports: None, icmp: Some((8, 0)), ..icmp.header };
    log.take(icmp, now, time());
    expect![[r#"
        {"time":"2027-01-15T08:00:00.000Z","node":"node-1","verdict":"deny","direction":"ingress","policy":"Calico NetworkPolicy shop/web","rule":0,"tier":"default","why":"ingress rule 0 of Calico NetworkPolicy shop/web denies it","src":{"pod":"far","namespace":"lab","ip":"10.0.1.1","port":40000},"dst":{"pod":"web","namespace":"shop","ip":"10.0.0.1","port":80},"protocol":"TCP","count":1}
        {"time":"2027-01-15T08:00:00.000Z","node":"node-1","verdict":"deny","direction":"ingress","policy":null,"rule":null,"tier":"default","why":"policies of tier default select the endpoint, and none of their ingress rules allows it","src":{"pod":null,"namespace":null,"ip":"192.0.2.1","port":40000},"dst":{"pod":"web","namespace":"shop","ip":"10.0.0.1","port":80},"protocol":"TCP","count":1}
        {"time":"2027-01-15T08:00:00.000Z","node":"node-1","verdict":"deny","direction":"ingress","policy":null,"rule":2,"tier":null,"why":"ingress rule 2 of a policy that is gone (0123) denies it","src":{"pod":null,"namespace":null,"ip":"192.0.2.1","port":40000},"dst":{"pod":"web","namespace":"shop","ip":"10.0.0.1","port":80},"protocol":"TCP","count":1}
        {"time":"2027-01-15T08:00:00.000Z","node":"node-1","verdict":"deny","direction":"ingress","policy":null,"rule":null,"tier":null,"why":"no policy decides on it, and no profile of the endpoint allows it","src":{"pod":null,"namespace":null,"ip":"192.0.2.1"},"dst":{"pod":"web","namespace":"shop","ip":"10.0.0.1"},"protocol":"ICMP","icmp":{"type":8,"code":0},"count":1}
    "#]]
    .assert_eq(&lines(&mut log));
}

#[test]
fn a_flow_is_told_once_and_then_counted() {
    let now = Instant::now();
    let mut log = log(100, now);
    for source_port in 0..5 {
        let mut packet = packet(web(), "10.0.1.1", 80);
        packet.header.ports = Some((source_port, 80));
        log.take(packet, now, time());
    }
    log.take(packet(web(), "10.0.1.1", 81), now, time());
    log.turn(now + WINDOW / 2, time()).expect("a vector");
    let counts = |text: &str| {
        let counts: Vec<String> =
            text.lines().map(|line| line.rsplit("\"count\":").next().unwrap_or("").to_owned()).collect();
        counts.join(" ")
    };
    assert_eq!(counts(&lines(&mut log)), "1} 1}", "the first of each flow at once");
    log.turn(now + WINDOW, time()).expect("a vector");
    assert_eq!(counts(&lines(&mut log)), "4}", "the others when the window is over");
    log.take(packet(web(), "10.0.1.1", 81), now + WINDOW, time());
    log.take(packet(web(), "10.0.1.1", 80), now + WINDOW, time());
    assert_eq!(counts(&lines(&mut log)), "1}", "the quiet one is told anew, the busy one counted on");
    log.turn(now + 3 * WINDOW, time()).expect("a vector");
    log.turn(now + 5 * WINDOW, time()).expect("a vector");
    assert_eq!(counts(&lines(&mut log)), "1}");
    assert!(log.told.is_empty(), "what is quiet is forgotten");
}

#[test]
fn no_more_lines_than_it_may_and_that_is_said() {
    let now = Instant::now();
    let mut log = log(3, now);
    for port in 1..=10 {
        log.take(packet(web(), "10.0.1.1", port), now, time());
    }
    log.turn(now, time()).expect("a vector");
    assert_eq!(lines(&mut log).lines().count(), 3);
    log.turn(now + Duration::from_secs(1), time()).expect("a vector");
    assert_eq!(lines(&mut log), "{\"time\":\"2027-01-15T08:00:00.000Z\",\"node\":\"node-1\",\"dropped\":7}\n");
    let counters = log.counters();
    counters.lost(2);
    assert_eq!(counters.read().into_iter().map(|(_, number)| number).collect::<Vec<_>>(), [10, 3, 7, 2]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let now = Instant::now();
    let mut log = log(u32::MAX, now);
    for port in 0..=u16::MAX {
        log.take(packet(web(), "10.0.1.1", port), now, time());
    }
    assert_eq!(log.told.len(), super::MOST);
    assert_eq!(lines(&mut log).lines().count(), super::MOST);
}
