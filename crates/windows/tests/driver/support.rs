//! An emulated node: its endpoints, and the driver over them.

use margay_api::{Key, Update};
use margay_dataplane::{Driver, Event, Object};
use margay_engine::{Engine, Scope};
use margay_hcn::{Guid, Hns, Service, Version};
use margay_policy::{Changes, Plan};
use margay_vfp::{Config, Emulator, NetworkKind};
use margay_windows::driver::{HnsDriver, Options};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Nothing takes longer than this but what hangs.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// An emulated HNS with an endpoint for each address that was asked for.
pub(crate) struct Node {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) network: Guid,
    pub(crate) endpoints: BTreeMap<IpAddr, Guid>,
}

impl Node {
    pub(crate) fn new(config: Config) -> Self {
        Self::on(NetworkKind::L2Bridge, config)
    }

    pub(crate) fn on(kind: NetworkKind, config: Config) -> Self {
        let v6 = config.version.has(margay_hcn::Feature::Ipv6DualStack) && kind == NetworkKind::L2Bridge;
        let emulator = Emulator::new(config);
        let prefixes = ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a prefix"));
        let prefixes = if v6 { &prefixes[..] } else { &prefixes[..1] };
        let network = emulator.add_network(kind, "margay", prefixes).expect("a network");
        Self { emulator, network, endpoints: BTreeMap::new() }
    }

    pub(crate) fn version(version: &str) -> Self {
        Self::new(Config::new(version.parse::<Version>().expect("a version")))
    }

    /// Makes the endpoints of a Plan's pods that are not there.
    pub(crate) fn serve(&mut self, plan: &Plan) {
        for address in plan.pods.keys() {
            self.endpoint(*address);
        }
    }

    pub(crate) fn endpoint(&mut self, address: IpAddr) -> Guid {
        let (emulator, network) = (&self.emulator, self.network);
        let make = || emulator.add_endpoint(network, &address.to_string(), &[address]).expect("an endpoint");
        *self.endpoints.entry(address).or_insert_with(make)
    }

    /// The endpoint that was made for an address.
    pub(crate) fn endpoint_of(&self, address: &str) -> Guid {
        self.endpoints[&address.parse::<IpAddr>().expect("an address")]
    }

    pub(crate) fn service(&self) -> Arc<dyn Service> {
        Arc::clone(&self.emulator) as Arc<dyn Service>
    }

    pub(crate) fn driver(&self) -> HnsDriver {
        self.driver_with(&Options { gather: Duration::ZERO, ..Options::default() })
    }

    pub(crate) fn driver_with(&self, options: &Options) -> HnsDriver {
        HnsDriver::new(self.service(), options).expect("an HNS that answers")
    }

    pub(crate) fn hns(&self) -> Hns {
        Hns::open(self.service(), margay_hcn::Options::default()).expect("an HNS that answers")
    }

    /// ACLs of ours on the endpoint of an address.
    pub(crate) fn acls(&self, address: &str) -> usize {
        self.hns().endpoint(self.endpoint_of(address)).expect("an endpoint").acls().count()
    }
}

/// An engine that is fed text.
pub(crate) struct Source(Engine);

impl Source {
    pub(crate) fn new() -> Self {
        Self::of(Scope::Everything)
    }

    pub(crate) fn of(scope: Scope) -> Self {
        let mut engine = Engine::new(scope);
        engine.in_sync();
        Self(engine)
    }

    pub(crate) fn put(&mut self, yaml: &str) -> Changes {
        for decoded in margay_api::read(yaml, "test") {
            let object = decoded.object.unwrap_or_else(|| panic!("{:?}\n{yaml}", decoded.problems));
            let update = Update { key: object.key().clone(), value: Some(Arc::new(object)) };
            self.0.update(&update.key, update.value.as_deref());
        }
        self.0.flush()
    }

    /// Takes an object away; what that changes comes with the next flush.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.0.update(key, None);
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.0.plan()
    }
}

/// What came of all that was asked for.
pub(crate) fn outcome(driver: &mut HnsDriver) -> Vec<Event> {
    assert!(driver.settle(LONG), "the driver is not done");
    driver.events()
}

/// The same, where nothing may fail.
pub(crate) fn applied(driver: &mut HnsDriver) {
    for event in outcome(driver) {
        assert!(matches!(event, Event::Applied { .. } | Event::Unsupported { .. }), "{event:?}");
    }
}

/// What failed, object by object.
pub(crate) fn failures(events: &[Event]) -> Vec<(String, String)> {
    let failed = events.iter().filter_map(|event| match event {
        Event::Failed { object: Object::Endpoint(key), error, .. } => Some((key.to_string(), error.clone())),
        _ => None,
    });
    failed.collect()
}

/// A namespace, and so many pods on a node with addresses from 10.0.0.1.
pub(crate) fn pods(count: u32) -> String {
    let mut text = String::from(
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n\
         {apiVersion: v1, kind: Node, metadata: {name: win, labels: {kubernetes.io/os: windows}}, \
         status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}\n",
    );
    for number in 1..=count {
        let [_, _, high, low] = number.to_be_bytes();
        text += &format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: pod-{number}, namespace: shop, labels: {{app: web}}}}, \
             spec: {{nodeName: win}}, status: {{phase: Running, podIP: 10.0.{high}.{low}}}}}\n"
        );
    }
    text
}

/// A NetworkPolicy of all pods that lets one source in on a port.
pub(crate) fn allow(name: &str, from: &str, port: u16) -> String {
    format!(
        "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: shop}}, spec: \
         {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: {from}}}}}], ports: [{{port: {port}, protocol: TCP}}]}}]}}}}\n"
    )
}

/// What drivers do, done.
pub(crate) fn resync(driver: &mut HnsDriver, plan: &Plan) {
    driver.resync(plan, None);
}
