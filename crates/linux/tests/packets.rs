//! What is told of real packets: those that were denied, those that rules counted, those of pods that are not known.

#![allow(clippy::print_stderr, reason = "a test says that it is skipped")]

mod support;

use margay_dataplane::LoggedPacket;
use margay_dataplane::{Driver, Event};
use margay_engine::{Engine, Scope};
use margay_lab::fabric::{Error, Fabric, Node, Pod, Topology, Wiring};
use margay_lab::probe::{Probe, Prober, Site, Transport};
use margay_linux::{DeniedPackets, LinuxDriver, Options, TableReader, UnknownPods, render};
use margay_policy::Plan;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use support::read;

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: node-a}
spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24, 'fd00:1::/64']}
status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.10, podIPs: [{ip: 10.0.0.10}, {ip: 'fd00:1::10'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.11, podIPs: [{ip: 10.0.0.11}, {ip: 'fd00:1::11'}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: client}
spec:
  selector: app == 'client'
  order: 10
  egress: [{action: Deny, protocol: UDP, destination: {ports: [99]}}, {action: Log, protocol: SCTP}, {action: Allow}]
";
/// The pod that the node runs and the cluster does not tell of.
const STRANGER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: stranger, namespace: shop}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.66, podIPs: [{ip: 10.0.0.66}, {ip: 'fd00:1::66'}]}
";
const WEB: Site = Site::Pod(0);
const CLIENT: Site = Site::Pod(1);
const UNKNOWN: Site = Site::Pod(2);

fn plan(parts: &[&str]) -> Plan {
    let mut engine = Engine::new(Scope::Node("node-a".into()));
    for update in parts.iter().flat_map(|text| read(text)) {
        engine.update(&update.key, update.value.as_deref());
    }
    engine.in_sync();
    engine.flush();
    engine.plan().clone()
}

/// A node with three pods; `None` where there may be none.
fn fabric() -> Option<Fabric> {
    let pod = |id: &str, last: u8| Pod {
        id: id.into(),
        node: 0,
        addresses: vec![[10, 0, 0, last].into(), format!("fd00:1::{last}").parse().expect("an address")],
    };
    let node = Node {
        name: "node-a".into(),
        addresses: vec![[172, 18, 0, 1].into(), "fd00:ff::1".parse().expect("an address")],
        gateways: vec![],
        uplink: "eth0".into(),
        switched: false,
    };
    let pods = vec![pod("shop/web", 10), pod("shop/client", 11), pod("shop/stranger", 66)];
    match Fabric::build(&Topology { wiring: Wiring::Routed, nodes: vec![node], pods }) {
        Ok(fabric) => Some(fabric),
        Err(Error::Privilege { .. }) => {
            eprintln!("skipped: cannot make network namespaces; run as root");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn on_node<T: Send>(fabric: &Fabric, work: impl FnOnce() -> T + Send) -> T {
    fabric.node(0).enter(work).expect("the node's namespace")
}

fn programmed(fabric: &Fabric, plan: &Plan, options: &Options) -> LinuxDriver {
    let mut driver = on_node(fabric, || LinuxDriver::new(options.clone()).expect("netlink"));
    driver.resync(plan, None);
    driver.observe(plan);
    let wrong = driver.events().into_iter().find(|event| !matches!(event, Event::Applied { .. }));
    assert_eq!(wrong, None, "what was written is what is read");
    driver
}

fn address(site: Site, v6: bool) -> IpAddr {
    let text = match (site, v6) {
        (WEB, false) => "10.0.0.10",
        (WEB, true) => "fd00:1::10",
        (CLIENT, false) => "10.0.0.11",
        (CLIENT, true) => "fd00:1::11",
        (UNKNOWN, false) => "10.0.0.66",
        (UNKNOWN, true) => "fd00:1::66",
        (Site::Node(_), false) => "172.18.0.1",
        (Site::Node(_), true) => "fd00:ff::1",
        (_, false) => "192.0.2.7",
        (_, true) => "2001:db8::7",
    };
    text.parse().expect("an address")
}

fn probe(from: Site, to: Site, v6: bool, transport: Transport) -> Probe {
    Probe { from, to, source: address(from, v6), destination: address(to, v6), transport }
}

fn tcp(port: u16) -> Transport {
    Transport::Tcp { source_port: Some(40_000), port }
}

fn udp(port: u16) -> Transport {
    Transport::Udp { source_port: Some(40_000), port }
}

/// Which rule told of which packets, and how many packets each counted.
#[test]
fn what_is_denied_is_told_with_its_rule_and_counted() {
    let Some(fabric) = fabric() else { return };
    let plan = plan(&[CLUSTER]);
    let options = Options { log_denied: true, count: true, ..Options::default() };
    let _driver = programmed(&fabric, &plan, &options);
    let (mut packets, mut table) = on_node(&fabric, || {
        (DeniedPackets::open(options.nflog_group).expect("NFLOG"), TableReader::new().expect("netlink"))
    });
    let probes = [false, true].map(|v6| {
        [
            probe(CLIENT, WEB, v6, tcp(80)),
            probe(CLIENT, WEB, v6, tcp(81)),
            probe(CLIENT, WEB, v6, udp(99)),
            probe(Site::External, WEB, v6, tcp(80)),
        ]
    });
    let outcomes = Prober::default().measure(&fabric, probes.as_flattened()).expect("packets");
    let arrived: Vec<bool> = outcomes.iter().map(|outcome| outcome.arrived).collect();
    assert_eq!(arrived, [true, false, false, false].repeat(2));

    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut lost = 0;
    while told.len() < 6 {
        let read = packets.read(Duration::from_secs(10), |LoggedPacket { verdict, direction, reason, header }| {
            let (source, port) = header.ports.unwrap_or_default();
            let policy = format!("{reason:?}");
            let text =
                format!("{verdict:?} {direction} {policy} {}:{source} {}:{port}", header.source, header.destination);
            *told.entry(text).or_default() += 1;
        });
        let read = read.expect("NFLOG");
        assert!(read.packets > 0, "nothing more within the bound: {told:#?}");
        lost += read.lost;
    }
    let client =
        plan.policies.iter().find(|(_, policy)| policy.key.name == "client").expect("it is in the plan").1.name;
    let expected = [
        "Deny ingress TierEnd { tier: \"default\" } 10.0.0.11:40000 10.0.0.10:81".to_owned(),
        format!("Deny egress Rule {{ policy: \"{client}\", index: 0 }} 10.0.0.11:40000 10.0.0.10:99"),
        "Deny ingress TierEnd { tier: \"default\" } 192.0.2.7:40000 10.0.0.10:80".to_owned(),
        "Deny ingress TierEnd { tier: \"default\" } fd00:1::11:40000 fd00:1::10:81".to_owned(),
        format!("Deny egress Rule {{ policy: \"{client}\", index: 0 }} fd00:1::11:40000 fd00:1::10:99"),
        "Deny ingress TierEnd { tier: \"default\" } 2001:db8::7:40000 fd00:1::10:80".to_owned(),
    ];
    assert_eq!(told, expected.into_iter().map(|text| (text, 1)).collect());
    assert_eq!(lost, 0);

    let figures = table.read().expect("the table");
    let hits: Vec<String> = figures
        .hits
        .iter()
        .map(|hits| format!("{} {} {}: {}", hits.policy, hits.direction, hits.rule, hits.packets))
        .collect();
    assert_eq!(
        hits,
        [
            " ingress end of tier default: 4",
            "Calico GlobalNetworkPolicy client egress 0: 2",
            "Calico GlobalNetworkPolicy client egress 2: 4",
            "NetworkPolicy shop/web ingress 0: 2",
        ],
        "with two families each"
    );
    assert!(figures.chains > 4 && figures.rules > 10 && figures.unknown_pods == 0, "{figures:?}");
}

#[test]
fn without_being_asked_for_nothing_of_it_is_programmed() {
    let plan = plan(&[CLUSTER]);
    let text = render(&plan, &Options::default());
    assert!(!text.contains("counter") && !text.contains("margay deny") && !text.contains("unknown"), "{text}");
    assert_eq!(text.matches("log ").count(), 2, "the Log rule, for each family:\n{text}");
}

/// Who may reach whom: that of a pod that is not known nothing passes but what its node sends it and what is established.
#[test]
fn pods_that_are_not_known() {
    let Some(fabric) = fabric() else { return };
    let flows = [
        (UNKNOWN, Site::External),
        (UNKNOWN, Site::Node(0)),
        (UNKNOWN, CLIENT),
        (CLIENT, UNKNOWN),
        (Site::External, UNKNOWN),
        (Site::Node(0), UNKNOWN),
        (CLIENT, Site::External),
        (Site::External, CLIENT),
        (CLIENT, Site::Node(0)),
    ];
    let every = [true; 9];
    let known_only = [false, false, false, false, false, true, true, true, true];
    let deny = UnknownPods::Deny;
    let nothing_known = &CLUSTER[..CLUSTER.find("---\napiVersion: v1\nkind: Pod").expect("there is a pod")];
    for (what, parts, unknown_pods, passes, counted) in [
        ("allowed", &[CLUSTER][..], UnknownPods::Allow, every, 10),
        ("denied", &[CLUSTER], deny, known_only, 10),
        ("known", &[CLUSTER, STRANGER], deny, every, 0),
        (
            "denied where no pod is known",
            &[nothing_known],
            deny,
            [false, false, false, false, false, true, false, false, false],
            16,
        ),
    ] {
        let options = Options { unknown_pods, count: true, log_denied: true, ..Options::default() };
        let mut driver = programmed(&fabric, &plan(parts), &options);
        for v6 in [false, true] {
            let probes = flows.map(|(from, to)| probe(from, to, v6, tcp(443)));
            let outcomes = Prober::default().measure(&fabric, &probes).expect("packets");
            for ((flow, outcome), passes) in flows.iter().zip(outcomes).zip(passes) {
                assert_eq!(outcome.arrived, passes, "{what}, IPv6 {v6}: {flow:?}");
            }
        }
        let figures = on_node(&fabric, || TableReader::new().and_then(|mut table| table.read()).expect("the table"));
        assert_eq!(figures.unknown_pods, counted, "{what}");
        driver.cleanup().expect("clean-up");
    }
}

/// A connection that was made while the pod was known goes on when it no longer is; a new one is not made.
#[test]
fn established_connections_of_an_unknown_pod_go_on() {
    let Some(fabric) = fabric() else { return };
    let options = Options { unknown_pods: UnknownPods::Deny, ..Options::default() };
    let mut driver = programmed(&fabric, &plan(&[CLUSTER, STRANGER]), &options);
    let mut prober = Prober::default();
    let mut arrives = |from, to, source_port, port| {
        let transport = Transport::Udp { source_port: Some(source_port), port };
        let probe = probe(from, to, false, transport);
        prober.measure_within_connections(&fabric, &[probe]).expect("packets")[0].arrived
    };
    assert!(arrives(Site::External, UNKNOWN, 40_000, 7), "to a pod that is known, without policy");
    assert!(arrives(UNKNOWN, Site::External, 7, 40_000), "its answer");
    driver.resync(&plan(&[CLUSTER]), None);
    assert!(arrives(Site::External, UNKNOWN, 40_000, 7), "within the connection");
    assert!(arrives(UNKNOWN, Site::External, 7, 40_000), "and back");
    assert!(!arrives(Site::External, UNKNOWN, 40_000, 8), "a new connection");
    assert!(!arrives(UNKNOWN, Site::External, 8, 40_000), "and the other way");
}
