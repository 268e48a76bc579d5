//! Routes to the pods of other nodes: in tunnels, and by gateways.

use crate::support::*;
use margay_api::{Key, Kind as Resource};
use margay_dataplane::{Driver, Event, Object, Reconciler, Retry};
use margay_engine::{Engine, Scope};
use margay_hcn::setting::RemoteSubnetRoute;
use margay_hcn::{Door, ErrorCode, Guid, IpRoute, Kind, Policy, RouteTable, Setting, Version};
use margay_policy::{Changes, Plan};
use margay_vfp::{Config, Effect, Encapsulation, Exit, Fault, IpRoutes, Loss, Operation, Packet};
use margay_windows::driver::{HnsDriver, Options};
use std::sync::Arc;
use std::time::Instant;

/// A Windows node `win` with an Overlay network, the system's table of routes, and the engine that makes its Plan.
struct Site {
    node: Node,
    table: Arc<IpRoutes>,
    engine: Engine,
}

/// An Overlay network of one VXLAN network identifier, with more policies, as V2 makes it.
fn network(name: &str, subnet: &str, vni: u32, policies: &str) -> String {
    let vsid = format!(r#"{{"Type":"VSID","Settings":{{"IsolationId":{vni}}}}}"#);
    format!(
        r#"{{"Name":"{name}","Type":"Overlay","Ipams":[{{"Type":"Static","Subnets":[{{"IpAddressPrefix":"{subnet}","Policies":[{vsid}]}}]}}],
            "Policies":[{policies}],"SchemaVersion":{{"Major":2,"Minor":0}}}}"#
    )
}

impl Site {
    /// With these Overlay networks; the first is the node's.
    fn new(networks: &[String]) -> Self {
        let mut node = Node::version("13.3");
        for document in networks.iter().rev() {
            let made = node.service().create(Kind::Network, None, Guid::ZERO, document);
            node.network = made.expect("a network");
        }
        let table =
            Arc::new(IpRoutes::new(&[(4, "192.0.2.0/24".parse().unwrap()), (9, "10.244.1.0/24".parse().unwrap())]));
        let mut engine = Engine::new(Scope::Node("win".into()));
        engine.in_sync();
        let mut site = Self { node, table, engine };
        site.put(&["{apiVersion: v1, kind: Node, metadata: {name: win, labels: {kubernetes.io/os: windows}}, spec: {podCIDR: 10.244.1.0/24}}".into()]);
        site
    }

    fn overlay() -> Self {
        Self::new(&[network("flannel.4096", "10.244.1.0/24", 4096, "")])
    }

    fn put(&mut self, nodes: &[String]) -> Changes {
        for decoded in margay_api::read(&nodes.join("\n---\n"), "test") {
            let object = decoded.object.expect("a node");
            assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
            self.engine.update(object.key(), Some(&object));
        }
        self.engine.flush()
    }

    fn remove(&mut self, name: &str) -> Changes {
        let key = Key { kind: Resource::Node, namespace: "".into(), name: name.into() };
        self.engine.update(&key, None);
        self.engine.flush()
    }

    fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    fn driver(&self) -> HnsDriver {
        let mut driver = self.node.driver();
        driver.set_route_table(Arc::clone(&self.table) as Arc<dyn RouteTable>);
        driver
    }

    /// A driver that has done what the Plan says.
    fn started(&self) -> HnsDriver {
        let mut driver = self.driver();
        resync(&mut driver, self.plan());
        applied(&mut driver);
        driver
    }

    /// The routes of a network, in order.
    fn tunnels(&self) -> Vec<String> {
        let network = self.node.hns().network(self.node.network).expect("a network");
        let routes = network.policies.iter().filter_map(Policy::setting::<RemoteSubnetRoute>);
        let mut told: Vec<String> = routes
            .map(|route| {
                let route = route.expect("a route");
                let (to, vni) = (route.destination_prefix, route.isolation_id);
                format!("{to} {vni} {} {}", route.provider_address, route.distributed_router_mac_address)
            })
            .collect();
        told.sort();
        told
    }

    /// The routes of the system that lead over a gateway, in order.
    fn gateways(&self) -> Vec<String> {
        let routes = self.table.list().expect("a list").into_iter();
        let mut told: Vec<String> = routes.filter(|route| !route.is_on_link()).map(|route| route.to_string()).collect();
        told.sort();
        told
    }

    fn writes(&self) -> u64 {
        self.node.emulator.counters().writes + self.table.writes()
    }

    /// A stranger adds a route in a tunnel.
    fn stranger(&self, to: &str, vni: u32, node: &str, mac: &str) {
        let route = RemoteSubnetRoute {
            destination_prefix: to.parse().unwrap(),
            isolation_id: vni,
            provider_address: node.parse().unwrap(),
            distributed_router_mac_address: mac.parse().unwrap(),
        };
        let policy = route.policy(Door::V2).expect("V2 has it");
        self.node.hns().add_network_policies(self.node.network, &[policy]).expect("it is taken");
    }
}

/// A node of flannel with VXLAN.
fn vxlan(name: &str, cidr: &str, address: &str, mac: &str, vni: Option<u32>) -> String {
    let vni = vni.map(|vni| format!("\"VNI\":{vni},")).unwrap_or_default();
    format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, annotations: {{flannel.alpha.coreos.com/backend-type: vxlan, \
         flannel.alpha.coreos.com/public-ip: {address}, flannel.alpha.coreos.com/backend-data: '{{{vni}\"VtepMAC\":\"{mac}\"}}'}}}}, \
         spec: {{podCIDR: {cidr}}}}}"
    )
}

/// A node of flannel's host gateway.
fn gateway(name: &str, cidr: &str, address: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, annotations: {{flannel.alpha.coreos.com/backend-type: host-gw, \
         flannel.alpha.coreos.com/public-ip: {address}}}}}, spec: {{podCIDR: {cidr}}}}}"
    )
}

/// What failed, with whether it is tried again.
fn failed(events: &[Event]) -> Vec<(String, Retry)> {
    let failed = events.iter().filter_map(|event| match event {
        Event::Failed { object: Object::Route(to), error, retry } => Some((format!("{to}: {error}"), *retry)),
        _ => None,
    });
    failed.collect()
}

const MAC_2: &str = "02-00-00-00-00-02";
const MAC_3: &str = "02-00-00-00-00-03";

fn two_tunnels() -> [String; 2] {
    [
        vxlan("b", "10.244.2.0/24", "192.0.2.2", "02:00:00:00:00:02", Some(4096)),
        vxlan("c", "10.244.3.0/24", "192.0.2.3", "02:00:00:00:00:03", None),
    ]
}

#[test]
fn tunnels_follow_the_nodes() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let mut driver = site.started();
    assert_eq!(
        site.tunnels(),
        [format!("10.244.2.0/24 4096 192.0.2.2 {MAC_2}"), format!("10.244.3.0/24 4096 192.0.2.3 {MAC_3}")]
    );
    let policies = || site.node.hns().network(site.node.network).unwrap().policies.len();
    let (before, calls) = (policies(), site.writes());
    // Nothing that is there is written again: a resync, a start, a look, a change of a node that is none of its routes.
    resync(&mut driver, site.plan());
    applied(&mut driver);
    driver.observe(site.plan());
    assert_eq!(outcome(&mut driver), []);
    let mut driver = site.started();
    assert_eq!((site.writes(), driver.writes()), (calls, 0));
    // A tunnel's MAC address is another: the route is replaced, and no other is touched.
    let changes = site.put(&[vxlan("b", "10.244.2.0/24", "192.0.2.2", "02:00:00:00:00:22", Some(4096))]);
    driver.submit(site.plan(), &changes);
    let events = outcome(&mut driver);
    let object = Object::Route("10.244.2.0/24".parse().unwrap());
    assert_eq!(events, [Event::Applied { object, revision: site.plan().revision }]);
    assert_eq!(driver.writes(), 2);
    assert_eq!(site.tunnels()[0], "10.244.2.0/24 4096 192.0.2.2 02-00-00-00-00-22");
    assert_eq!(site.node.hns().network(site.node.network).unwrap().policies.len(), before);
    // A node is gone.
    let changes = site.remove("b");
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(site.tunnels(), [format!("10.244.3.0/24 4096 192.0.2.3 {MAC_3}")]);
    assert_eq!(driver.writes(), 3);
    driver.cleanup().expect("it goes");
    assert_eq!(site.tunnels(), [""; 0]);
}

#[test]
fn packets_are_put_into_the_tunnel_of_the_node() {
    let mut site = Site::overlay();
    let pod = site.node.endpoint("10.244.1.10".parse().unwrap());
    let exit = |site: &Site, to: &str| {
        let packet = Packet::tcp(("10.244.1.10".parse().unwrap(), 40000), (to.parse().unwrap(), 80));
        site.node.emulator.send(pod, &packet).exit
    };
    assert!(matches!(exit(&site, "10.244.2.7"), Some(Exit::Wire { .. })));
    site.put(&two_tunnels());
    let mut driver = site.started();
    let tunnel = |address: &str, mac: &str| {
        Some(Exit::Encapsulated(Encapsulation {
            provider_address: Some(address.parse().unwrap()),
            isolation_id: Some(4096),
            mac: Some(mac.into()),
        }))
    };
    assert_eq!(exit(&site, "10.244.2.7"), tunnel("192.0.2.2", MAC_2));
    assert_eq!(exit(&site, "10.244.3.7"), tunnel("192.0.2.3", MAC_3));
    let changes = site.put(&[vxlan("b", "10.244.2.0/24", "192.0.2.22", "02:00:00:00:00:22", Some(4096))]);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(exit(&site, "10.244.2.7"), tunnel("192.0.2.22", "02-00-00-00-00-22"));
}

#[test]
fn routes_of_others_stay() {
    let mut site = Site::overlay();
    // Another agent's: one that is right, one that is not, one that we know nothing of, and a policy that is no route.
    site.stranger("10.244.2.0/24", 4096, "192.0.2.2", MAC_2);
    site.stranger("10.244.3.0/24", 4096, "192.0.2.99", MAC_3);
    site.stranger("10.99.0.0/16", 4096, "192.0.2.98", "02-00-00-00-00-98");
    let acl =
        r#"{"ResourceType":"Policy","RequestType":"Add","Settings":{"Policies":[{"Type":"HostRoute","Settings":{}}]}}"#;
    site.node.service().modify(Kind::Network, site.node.network, acl).expect("it is taken");
    site.put(&two_tunnels());
    let mut driver = site.started();
    let rest = "10.99.0.0/16 4096 192.0.2.98 02-00-00-00-00-98".to_owned();
    let ours = [format!("10.244.2.0/24 4096 192.0.2.2 {MAC_2}"), format!("10.244.3.0/24 4096 192.0.2.3 {MAC_3}")];
    assert_eq!(site.tunnels(), [ours[0].clone(), ours[1].clone(), rest.clone()]);
    assert_eq!(driver.writes(), 2, "one route goes, one comes");
    driver.cleanup().expect("ours go");
    assert_eq!(site.tunnels(), [rest]);
    let network = site.node.hns().network(site.node.network).unwrap();
    assert!(network.policies.iter().any(|p| p.setting::<margay_hcn::setting::HostRoute>().is_some()));
}

#[test]
fn what_a_restart_of_hns_loses_is_put_back() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let mut reconciler = Reconciler::new(site.driver(), Instant::now());
    reconciler.submit(site.plan(), &Changes::default(), Instant::now());
    assert!(reconciler.driver().settle(LONG));
    reconciler.poll(site.plan(), Instant::now());
    assert_eq!(site.tunnels().len(), 2);
    site.node.emulator.crash(Loss::Routes);
    site.node.emulator.restart();
    assert_eq!(site.tunnels().len(), 0);
    let start = Instant::now();
    while site.tunnels().len() < 2 || reconciler.failing().next().is_some() {
        assert!(start.elapsed() < LONG, "it is not healed");
        reconciler.poll(site.plan(), Instant::now());
        assert!(reconciler.driver().settle(LONG));
    }
    assert!(reconciler.metrics().drifted >= 2);
}

#[test]
fn what_windows_has_no_tunnel_for_is_said() {
    let b = |vni| vxlan("b", "10.244.2.0/24", "192.0.2.2", "02:00:00:00:00:02", vni);
    let port = |port: u16| format!(r#"{{"Type":"VxlanPort","Settings":{{"Port":{port}}}}}"#);
    let one = |vni, policies: &str| vec![network("overlay", "10.244.1.0/24", vni, policies)];
    let two = vec![network("one", "10.244.1.0/24", 4096, ""), network("two", "10.245.1.0/24", 4097, "")];
    for (networks, node, expected) in [
        (one(4096, ""), b(Some(4096)), None),
        (one(4096, &port(4789)), b(None), None),
        (two.clone(), b(Some(4096)), None),
        (one(4096, ""), b(Some(4095)), Some("identifier 4095 is too small for Windows")),
        (one(1, ""), b(None), Some("identifier 1 is too small for Windows")),
        (one(4096, ""), b(Some(4097)), Some("identifier 4097, as the other node has: those here are [4096]")),
        (one(4096, &port(8472)), b(Some(4096)), Some("has the UDP port 8472")),
        (two, b(None), Some("there are several Overlay networks")),
        (Vec::new(), b(Some(4096)), Some("there is no Overlay network on this node")),
    ] {
        let mut site = Site::new(&networks);
        site.put(&[node]);
        let mut driver = site.driver();
        resync(&mut driver, site.plan());
        let events = outcome(&mut driver);
        let problems = failed(&events);
        let Some(expected) = expected else {
            assert_eq!((problems, site.tunnels().len()), (Vec::new(), 1), "{networks:?}");
            continue;
        };
        assert!(problems.len() == 1 && problems[0].0.contains(expected), "{expected}: {events:?}");
        assert_eq!(driver.writes(), 0, "{expected}");
        // Without a change it is only said again.
        driver.observe(site.plan());
        assert_eq!(failed(&outcome(&mut driver)), problems);
    }
}

/// What is wrong with the node's network is looked at again: a network that comes is enough.
#[test]
fn a_network_that_comes_late_gets_its_routes() {
    let mut site = Site::new(&[]);
    site.put(&two_tunnels());
    let mut driver = site.driver();
    resync(&mut driver, site.plan());
    assert_eq!(failed(&outcome(&mut driver)).len(), 2);
    let document = network("flannel.4096", "10.244.1.0/24", 4096, "");
    site.node.network = site.node.service().create(Kind::Network, None, Guid::ZERO, &document).unwrap();
    driver.observe(site.plan());
    let drifts = outcome(&mut driver).into_iter().filter(|event| matches!(event, Event::Drift { .. })).count();
    assert_eq!(drifts, 2);
    resync(&mut driver, site.plan());
    applied(&mut driver);
    assert_eq!(site.tunnels().len(), 2);
}

#[test]
fn v1_has_no_tunnels() {
    for (version, force_v1) in [("9.0", false), ("13.3", true)] {
        let mut site = Site::overlay();
        if version == "9.0" {
            site.node = Node::on(margay_vfp::NetworkKind::Overlay, Config::new(version.parse::<Version>().unwrap()));
        }
        site.put(&two_tunnels());
        let hns = margay_hcn::Options { force_v1, ..margay_hcn::Options::default() };
        let mut driver = site.node.driver_with(&Options { hns, ..Options::default() });
        resync(&mut driver, site.plan());
        let problems = failed(&outcome(&mut driver));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(driver.writes(), 0);
    }
}

#[test]
fn a_route_that_hns_refuses_keeps_out_no_other() {
    let mut site = Site::overlay();
    let nodes: Vec<String> = (2..80)
        .map(|n| vxlan(&format!("n{n}"), &format!("10.244.{n}.0/24"), "192.0.2.2", "02:00:00:00:00:02", None))
        .collect();
    site.put(&nodes);
    let mut driver = site.driver();
    let refused = Fault::once(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY));
    site.node.emulator.add_fault(refused);
    resync(&mut driver, site.plan());
    applied(&mut driver);
    assert_eq!(site.tunnels().len(), 78);
    assert_eq!(driver.writes(), 32, "thirty one by one, and two batches");
    assert!(site.node.emulator.misuses().is_empty(), "{:?}", site.node.emulator.misuses());
    // Done, although HNS says otherwise: nothing comes twice.
    let changes = site.put(&[
        vxlan("n80", "10.244.80.0/24", "192.0.2.2", "02:00:00:00:00:02", None),
        vxlan("n81", "10.244.81.0/24", "192.0.2.2", "02:00:00:00:00:02", None),
    ]);
    site.node.emulator.add_fault(Fault::once(Operation::Modify, Effect::FailAfter(ErrorCode::UNSPECIFIED)));
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(site.tunnels().len(), 80);
    // Refused for good: it is said of each, and what is there stays.
    let changes = site.remove("n80");
    site.node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY)));
    driver.submit(site.plan(), &changes);
    assert_eq!(failed(&outcome(&mut driver)).len(), 1);
    assert_eq!(site.tunnels().len(), 80);
    // The reconciler asks for it again, though no node has it any more.
    site.node.emulator.clear_faults();
    driver.resync(site.plan(), Some(&Object::Route("10.244.80.0/24".parse().unwrap())));
    applied(&mut driver);
    assert_eq!(site.tunnels().len(), 79);
}

#[test]
fn success_that_changes_nothing_is_found_out() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2")]);
    struct Deaf(Arc<IpRoutes>);
    impl RouteTable for Deaf {
        fn list(&self) -> Result<Vec<IpRoute>, margay_hcn::Failure> {
            self.0.list()
        }
        fn add(&self, _: &IpRoute) -> Result<(), margay_hcn::Failure> {
            Ok(())
        }
        fn remove(&self, _: &IpRoute) -> Result<(), margay_hcn::Failure> {
            Ok(())
        }
    }
    let mut driver = site.node.driver();
    driver.set_route_table(Arc::new(Deaf(Arc::clone(&site.table))));
    resync(&mut driver, site.plan());
    let problems = failed(&outcome(&mut driver));
    assert!(problems.len() == 1 && problems[0].0.contains("does not show"), "{problems:?}");
}

#[test]
fn gateways_follow_the_nodes() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2"), gateway("c", "10.244.3.0/24", "192.0.2.3")]);
    let mut driver = site.started();
    assert_eq!(
        site.gateways(),
        ["10.244.2.0/24 via 192.0.2.2 on interface 4", "10.244.3.0/24 via 192.0.2.3 on interface 4"]
    );
    let way = |site: &Site, to: &str| site.table.way(to.parse().unwrap()).map(|(hop, _)| hop.to_string());
    assert_eq!(way(&site, "10.244.2.9").as_deref(), Some("192.0.2.2"));
    assert_eq!(way(&site, "10.244.1.9").as_deref(), Some("10.244.1.9"));
    resync(&mut driver, site.plan());
    applied(&mut driver);
    driver.observe(site.plan());
    assert_eq!(outcome(&mut driver), []);
    let mut driver = site.started();
    assert_eq!((driver.writes(), site.table.writes()), (0, 2));
    // A node has another address, one has other pods, one is gone.
    let changes = site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.22"), gateway("c", "10.244.33.0/24", "192.0.2.3")]);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(
        site.gateways(),
        ["10.244.2.0/24 via 192.0.2.22 on interface 4", "10.244.33.0/24 via 192.0.2.3 on interface 4"]
    );
    let changes = site.remove("b");
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(site.gateways(), ["10.244.33.0/24 via 192.0.2.3 on interface 4"]);
    // A stranger takes it away.
    let route = site.table.list().unwrap().into_iter().find(|route| !route.is_on_link()).unwrap();
    site.table.remove(&route).unwrap();
    driver.observe(site.plan());
    assert!(matches!(outcome(&mut driver)[..], [Event::Drift { object: Object::Route(_), .. }]));
    driver.resync(site.plan(), Some(&Object::Route(route.destination)));
    applied(&mut driver);
    driver.cleanup().expect("it goes");
    assert_eq!(site.gateways(), [""; 0]);
    // What there is on the links is the system's.
    assert_eq!(site.table.list().unwrap().len(), 2);
}

#[test]
fn gateways_of_others_stay() {
    let route = |to: &str, next_hop: &str, protocol| IpRoute {
        destination: to.parse().unwrap(),
        next_hop: next_hop.parse().unwrap(),
        interface: 4,
        metric: 1,
        protocol,
    };
    let b = || gateway("b", "10.244.2.0/24", "192.0.2.2");
    let c = || gateway("c", "10.244.3.0/24", "192.0.2.3");
    for (there, expected, problem) in [
        // Whoever made it, it is right.
        (route("10.244.2.0/24", "192.0.2.2", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        (route("10.244.2.0/24", "192.0.2.2", 14), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        // Of a node of the Plan: ours, and wrong.
        (route("10.244.2.0/24", "192.0.2.3", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        // Of a routing daemon, and of who knows whom.
        (route("10.244.2.0/24", "192.0.2.3", 14), "10.244.2.0/24 via 192.0.2.3 on interface 4", Some("remove it")),
        (route("10.244.2.0/24", "192.0.2.254", 3), "10.244.2.0/24 via 192.0.2.254 on interface 4", Some("remove it")),
        (route("10.99.0.0/16", "192.0.2.2", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
    ] {
        let mut site = Site::new(&[]);
        site.table.add(&there).unwrap();
        site.put(&[b(), c()]);
        let mut driver = site.driver();
        resync(&mut driver, site.plan());
        let problems = failed(&outcome(&mut driver));
        assert_eq!(problems.len(), usize::from(problem.is_some()), "{there}: {problems:?}");
        assert!(problem.is_none_or(|words| problems[0].0.contains(words)), "{problems:?}");
        assert!(site.gateways().iter().any(|route| route == expected), "{there}: {:?}", site.gateways());
        // The other node's is there in any case, and a stranger's route stays whatever becomes of ours.
        assert!(site.gateways().iter().any(|route| route.starts_with("10.244.3.0/24 via 192.0.2.3")));
        driver.cleanup().expect("ours go");
        let is_of_programs = there.protocol == IpRoute::MANAGEMENT;
        let stays = problem.is_some() || !is_of_programs || there.destination == "10.99.0.0/16".parse().unwrap();
        assert_eq!(site.table.list().unwrap().contains(&there), stays, "{there}");
    }
}

#[test]
fn a_gateway_that_can_not_be_is_said() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("far", "10.244.2.0/24", "198.51.100.2"), gateway("near", "10.244.3.0/24", "192.0.2.3")]);
    site.table.refuse(Some(ErrorCode::ACCESS_DENIED));
    let mut driver = site.driver();
    resync(&mut driver, site.plan());
    let problems = failed(&outcome(&mut driver));
    assert!(problems.len() == 2 && problems[0].0.contains("198.51.100.2 is on no link"), "{problems:?}");
    assert!(problems[1].0.contains("access is denied"), "{problems:?}");
    site.table.refuse(None);
    driver.resync(site.plan(), Some(&Object::Route("10.244.3.0/24".parse().unwrap())));
    assert_eq!(failed(&outcome(&mut driver)).len(), 1);
    assert_eq!(site.gateways().len(), 1);
    // Without a table, as on no Windows.
    let mut driver = site.node.driver();
    resync(&mut driver, site.plan());
    assert!(failed(&outcome(&mut driver)).iter().all(|(problem, _)| problem.contains("can't be had")));
}

/// A node changes from tunnels to a gateway and back: the old route goes first.
#[test]
fn a_node_may_change_its_ways() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let mut driver = site.started();
    let changes = site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2")]);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!((site.tunnels().len(), site.gateways().len()), (1, 1));
    let changes = site.put(&two_tunnels());
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!((site.tunnels().len(), site.gateways().len()), (2, 0));
}

/// A Plan of the whole cluster is no node's: nothing is read, written or said.
#[test]
fn where_there_are_no_routes_hns_is_not_asked() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let mut whole = Engine::new(Scope::Everything);
    whole.in_sync();
    for text in two_tunnels() {
        let object = margay_api::read(&text, "test").remove(0).object.unwrap();
        whole.update(object.key(), Some(&object));
    }
    whole.flush();
    let mut driver = site.driver();
    let calls = site.node.emulator.counters().calls;
    resync(&mut driver, whole.plan());
    driver.observe(whole.plan());
    assert_eq!(outcome(&mut driver), []);
    assert_eq!(site.node.emulator.counters().calls, calls);
}
