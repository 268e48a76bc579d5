//! The suite that every driver runs, through both doors and under every reading of what is not established.

use crate::support::{LONG, Node};
use margay_dataplane::conformance::{self, Subject};
use margay_dataplane::{Driver, Event, Object};
use margay_engine::{Engine, Scope};
use margay_generator::{Shape, decode, updates};
use margay_hcn::setting::RemoteSubnetRoute;
use margay_hcn::{ErrorCode, Guid, IpRoute, Kind, Policy, RouteTable, RuleType, Version};
use margay_policy::{Changes, Plan, Via};
use margay_vfp::{Config, Effect, Fault, IpRoutes, Operation};
use margay_windows::driver::{HnsDriver, Options};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The driver, whose events come when it is done, with the means to disturb it.
struct Windows {
    node: Node,
    driver: Settled,
    options: Options,
    before: u64,
    table: Arc<IpRoutes>,
}

struct Settled {
    inner: HnsDriver,
    fail: Option<(Arc<margay_vfp::Emulator>, Arc<IpRoutes>)>,
    /// Addresses of the Plan's pods.
    pods: Vec<IpAddr>,
}

impl Settled {
    fn settle(&self) {
        assert!(self.inner.settle(LONG), "the driver is not done");
    }
}

impl Driver for Settled {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        let fault = self.fail.take();
        let refused = Fault::always(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY));
        if let Some((emulator, table)) = &fault {
            emulator.add_fault(refused);
            table.refuse(Some(ErrorCode::ACCESS_DENIED));
        }
        self.inner.submit(plan, changes);
        self.settle();
        if let Some((emulator, table)) = &fault {
            emulator.clear_faults();
            table.refuse(None);
        }
        self.pods = plan.pods.keys().copied().collect();
    }

    fn resync(&mut self, plan: &Plan, object: Option<&Object>) {
        self.inner.resync(plan, object);
        self.settle();
    }

    fn observe(&mut self, plan: &Plan) {
        self.inner.observe(plan);
        self.settle();
    }

    fn events(&mut self) -> Vec<Event> {
        self.inner.events()
    }

    fn cleanup(&mut self) -> Result<(), String> {
        self.inner.cleanup()
    }
}

impl Windows {
    fn new(node: Node, options: Options) -> Self {
        let inner = node.driver_with(&options);
        let links = ["172.20.0.0/24", "fd00:20::/64"].map(|link| (4, link.parse().expect("a prefix")));
        let table = Arc::new(IpRoutes::new(&links));
        let mut subject =
            Self { node, driver: Settled { inner, fail: None, pods: Vec::new() }, options, before: 0, table };
        subject.driver.inner.set_route_table(subject.system());
        subject
    }

    fn system(&self) -> Arc<dyn RouteTable> {
        Arc::clone(&self.table) as Arc<dyn RouteTable>
    }

    /// Routes in tunnels, each with its network, and those over gateways.
    fn routes(&self) -> (Vec<(Guid, Policy)>, Vec<IpRoute>) {
        let networks = self.node.hns().networks().expect("a list").objects.into_iter();
        let tunnels = networks.flat_map(|network| network.policies.into_iter().map(move |policy| (network.id, policy)));
        let tunnels = tunnels.filter(|(_, policy)| policy.setting::<RemoteSubnetRoute>().is_some()).collect();
        let gateways = self.table.list().expect("a list").into_iter().filter(|route| !route.is_on_link()).collect();
        (tunnels, gateways)
    }
}

impl Subject for Windows {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn restart(&mut self) {
        self.before += self.driver.inner.writes();
        self.driver.inner = self.node.driver_with(&self.options);
        self.driver.inner.set_route_table(self.system());
    }

    fn writes(&mut self) -> u64 {
        self.node.emulator.counters().writes + self.table.writes()
    }

    fn fail_next(&mut self) {
        self.driver.fail = Some((self.node.emulator.clone(), self.table.clone()));
    }

    fn tamper(&mut self) {
        let served = self.driver.pods.iter().find_map(|address| self.node.endpoints.get(address));
        if let Some(id) = served {
            let hns = self.node.hns();
            let is_host = |policy: &&Policy| policy.acl().is_some_and(|acl| acl.rule.rule_type == RuleType::Host);
            let endpoint = hns.endpoint(*id).expect("an endpoint");
            // No more than a call may bring, or the stranger's call would be counted as misuse.
            let acls: Vec<Policy> = endpoint
                .acls()
                .filter(|policy| !is_host(policy))
                .take(margay_windows::driver::BATCH)
                .cloned()
                .collect();
            hns.replace_acls(*id, &acls).expect("a stranger's change");
        }
    }

    fn tamper_route(&mut self) -> bool {
        match self.routes() {
            (tunnels, gateways) if tunnels.is_empty() && gateways.is_empty() => return false,
            (_, gateways) if !gateways.is_empty() => self.table.remove(&gateways[0]).expect("a stranger's change"),
            (tunnels, _) => {
                let (network, policy) = &tunnels[0];
                let hns = self.node.hns();
                hns.remove_network_policies(*network, std::slice::from_ref(policy)).expect("a stranger's change");
            }
        }
        true
    }

    fn is_clean(&mut self) -> bool {
        let endpoints = self.node.hns().endpoints().expect("a list");
        let (tunnels, gateways) = self.routes();
        tunnels.is_empty()
            && gateways.is_empty()
            && endpoints.objects.iter().all(|endpoint| endpoint.acls().next().is_none())
    }
}

/// The document of an Overlay network that the generated nodes of flannel have their tunnels in.
const OVERLAY: &str = r#"{"Name":"flannel.4096","Type":"Overlay","Ipams":[{"Type":"Static","Subnets":[{"IpAddressPrefix":"10.244.1.0/24",
    "Policies":[{"Type":"VSID","Settings":{"IsolationId":4096}}]}]}],"Policies":[{"Type":"DrMacAddress","Settings":{"Address":"02-00-00-00-00-00"}}],"SchemaVersion":{"Major":2,"Minor":0}}"#;

/// The identifiers of tunnels that Windows takes, and this network has; of its node the MAC address that it has.
fn in_one_network(document: &Value) -> Value {
    let mut text = document.to_string();
    for other in ["4095", "4097"] {
        text = text.replace(&format!(r#"\"VNI\":{other}"#), r#"\"VNI\":4096"#);
    }
    for other in
        ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:01:00:00", "02:00:00:01:00:01", "02:00:00:01:00:02"]
    {
        text = text.replace(other, "02:00:00:00:00:00");
    }
    text.parse().expect("a document")
}

fn conforms(version: Version, force_v1: bool, knobs: &[&str], cases: u32) {
    conforms_in(&Scope::Everything, version, force_v1, knobs, cases);
}

/// Gives how many routes in tunnels, and over gateways, the Plans had.
fn conforms_in(scope: &Scope, version: Version, force_v1: bool, knobs: &[&str], cases: u32) -> (usize, usize) {
    let (tunnels, gateways) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let whole = Shape { host_endpoints: false, ..Shape::default() };
    // Of one node it is about the routes.
    let shape = if *scope == Scope::Everything { whole } else { Shape { pods: 4, policies: 1, ..whole } };
    proptest!(config, |(history in updates(shape, 3))| {
        let mut engine = Engine::new(scope.clone());
        engine.in_sync();
        let mut config = Config::new(version);
        knobs.iter().for_each(|knob| config.knobs.set(knob).expect("a knob"));
        let mut node = Node::new(config);
        node.service().create(Kind::Network, None, Guid::ZERO, OVERLAY).expect("a network");
        let mut steps = Vec::new();
        if *scope == Scope::Everything {
            // A Plan with one node is of that node, whose end of the tunnel would have to be this network's.
            let further = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "further"}});
            let further = decode(&further).expect("a node");
            engine.update(further.key(), Some(&further));
        }
        for (key, document) in history.start.documents() {
            engine.update(key, decode(&in_one_network(document)).as_ref());
        }
        let changes = engine.flush();
        steps.push((engine.plan().clone(), changes));
        for step in &history.steps {
            for (key, document) in step {
                engine.update(key, document.as_ref().and_then(|document| decode(&in_one_network(document))).as_ref());
            }
            let changes = engine.flush();
            steps.push((engine.plan().clone(), changes));
        }
        for (plan, _) in &steps {
            node.serve(plan);
            for via in margay_windows::routes::wanted(plan).values() {
                let count = if matches!(via, Via::Tunnel(_)) { &tunnels } else { &gateways };
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        let hns = margay_hcn::Options { force_v1, ..margay_hcn::Options::default() };
        let options = Options { gather: Duration::ZERO, hns, ..Options::default() };
        let mut subject = Windows::new(node, options);
        conformance::run(&mut subject, &steps);
        let misuses = subject.node.emulator.misuses();
        prop_assert!(misuses.is_empty(), "{misuses:?}");
    });
    (tunnels.into_inner(), gateways.into_inner())
}

#[test]
fn conforms_through_v2() {
    conforms(Version::new(15, 4), false, &[], 8);
}

/// With the routes of one node to the others.
#[test]
fn conforms_with_routes() {
    let node = Scope::Node("node-1".into());
    for knobs in [&[][..], &["remove=missing-ignored"], &["duplicates=refused"]] {
        let (tunnels, gateways) = conforms_in(&node, Version::new(15, 4), false, knobs, 40);
        eprintln!("{knobs:?}: {tunnels} routes in tunnels, {gateways} over gateways");
        assert!(tunnels > 20 && gateways > 20, "{tunnels} tunnels and {gateways} gateways");
    }
}

#[test]
fn conforms_through_v1() {
    conforms(Version::new(13, 3), true, &[], 8);
}

#[test]
fn conforms_under_other_readings() {
    for knobs in [
        ["update=same-type", "remove=missing-ignored", "readback=rewritten"],
        ["duplicates=refused", "missing=element-not-found", "calls=serial"],
        ["duplicates=ignored", "notifications=unavailable", "v1-errors=result"],
    ] {
        conforms(Version::new(15, 4), false, &knobs, 3);
        conforms(Version::new(15, 4), true, &knobs, 2);
    }
}
