//! Routes in tunnels.

use crate::site::*;
use crate::support::*;
use margay_dataplane::{Driver, Event, Object, Reconciler};
use margay_engine::{Engine, Scope};
use margay_hcn::{ErrorCode, Failure, Guid, Kind, Notification, Service, Subscription, Version};
use margay_policy::Changes;
use margay_vfp::{Config, Effect, Emulator, Encapsulation, Exit, Fault, Loss, Operation, Packet};
use margay_windows::driver::{HnsDriver, Options};
use std::sync::Arc;
use std::time::Instant;

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
    // One that can't be had takes nothing away.
    let changes = site.put(&[gateway("b", "10.244.2.0/24", "198.51.100.2")]);
    driver.submit(site.plan(), &changes);
    assert_eq!(failed(&outcome(&mut driver)).len(), 1);
    assert_eq!((site.tunnels().len(), site.gateways().len()), (2, 0));
    let changes = site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2")]);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!((site.tunnels().len(), site.gateways().len()), (1, 1));
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

/// Routes that hang delay no endpoint.
#[test]
fn a_network_that_hangs_delays_no_endpoint() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let pods = (10..13).map(|n| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: pod-{n}, namespace: shop}}, spec: {{nodeName: win}}, \
             status: {{phase: Running, podIP: 10.244.1.{n}}}}}"
        )
    });
    site.put(&pods.collect::<Vec<_>>());
    let plan = site.plan().clone();
    site.node.serve(&plan);
    let network = site.node.network;
    site.node.emulator.add_fault(Fault::always(Operation::Modify, Effect::Hang).of(network));
    let mut driver = site.driver();
    resync(&mut driver, site.plan());
    assert!(site.node.emulator.wait_for_hanging(1, LONG));
    let start = Instant::now();
    let mut done = Vec::new();
    while done.len() < 3 {
        assert!(start.elapsed() < LONG, "only {done:?}");
        done.extend(driver.events());
        std::thread::yield_now();
    }
    assert!(done.iter().all(|event| matches!(event, Event::Applied { object: Object::Endpoint(_), .. })), "{done:?}");
    site.node.emulator.clear_faults();
    site.node.emulator.release();
    applied(&mut driver);
    assert_eq!(site.tunnels().len(), 2);
}

/// An HNS that does not show routes.
struct Blind(Arc<Emulator>);

impl Service for Blind {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        self.0.call(method, path, body)
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        self.0.enumerate(kind, query)
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        Ok(self.0.query(kind, id, query)?.replace("RemoteSubnetRoute", "Unheard"))
    }

    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        self.0.create(kind, network, id, settings)
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        self.0.modify(kind, id, settings)
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        self.0.delete(kind, id)
    }

    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        self.0.subscribe(tell)
    }
}

#[test]
fn routes_that_do_not_show_do_not_pile_up() {
    let mut site = Site::overlay();
    site.put(&two_tunnels());
    let blind = Arc::new(Blind(Arc::clone(&site.node.emulator)));
    let mut driver = HnsDriver::new(blind, &Options::default()).expect("an HNS that answers");
    for _ in 0..3 {
        resync(&mut driver, site.plan());
        let problems = failed(&outcome(&mut driver));
        assert!(problems.len() == 2 && problems[0].0.contains("does not show"), "{problems:?}");
        assert_eq!(site.tunnels(), [""; 0]);
    }
}

/// HNS chooses the MAC address of its end anew with each network; what other nodes are told follows by the network plugin's hand.
#[test]
fn that_others_are_told_another_mac_is_said() {
    let mac = r#"{"Type":"DrMacAddress","Settings":{"Address":"02-00-00-00-00-11"}}"#;
    let mut site = Site::new(&[network("flannel.4096", "10.244.1.0/24", 4096, mac)]);
    let own = |mac| vxlan("win", "10.244.1.0/24", "192.0.2.1", mac, Some(4096));
    site.put(&[own("02:00:00:00:00:01")]);
    site.put(&two_tunnels());
    let mut driver = site.driver();
    resync(&mut driver, site.plan());
    let problems = failed(&outcome(&mut driver));
    assert_eq!(problems.len(), 1);
    let expected = "10.244.1.0/24: other nodes are told that the tunnel's MAC address here is 02-00-00-00-00-01, but HNS has 02-00-00-00-00-11";
    assert!(problems[0].0.starts_with(expected), "{problems:?}");
    assert_eq!(site.tunnels().len(), 2);
    let changes = site.put(&[own("02:00:00:00:00:11")]);
    driver.submit(site.plan(), &changes);
    let object = Object::Route("10.244.1.0/24".parse().unwrap());
    assert_eq!(outcome(&mut driver), [Event::Applied { object, revision: site.plan().revision }]);
}
