//! A Windows node with its routes: an Overlay network, the system's table, and the engine that makes its Plan.

use crate::support::{Node, applied, resync};
use margay_api::{Key, Kind as Resource};
use margay_dataplane::{Event, Object, Retry};
use margay_engine::{Engine, Scope};
use margay_hcn::setting::RemoteSubnetRoute;
use margay_hcn::{Door, Guid, Kind, Policy, RouteTable, Setting};
use margay_policy::{Changes, Plan};
use margay_vfp::IpRoutes;
use margay_windows::driver::HnsDriver;
use std::sync::Arc;

/// A Windows node `win` with an Overlay network, the system's table of routes, and the engine that makes its Plan.
pub(crate) struct Site {
    pub(crate) node: Node,
    pub(crate) table: Arc<IpRoutes>,
    engine: Engine,
}

/// An Overlay network of one VXLAN network identifier, with more policies, as V2 makes it.
pub(crate) fn network(name: &str, subnet: &str, vni: u32, policies: &str) -> String {
    let vsid = format!(r#"{{"Type":"VSID","Settings":{{"IsolationId":{vni}}}}}"#);
    format!(
        r#"{{"Name":"{name}","Type":"Overlay","Ipams":[{{"Type":"Static","Subnets":[{{"IpAddressPrefix":"{subnet}","Policies":[{vsid}]}}]}}],
            "Policies":[{policies}],"SchemaVersion":{{"Major":2,"Minor":0}}}}"#
    )
}

impl Site {
    /// With these Overlay networks; the first is the node's.
    pub(crate) fn new(networks: &[String]) -> Self {
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

    pub(crate) fn overlay() -> Self {
        Self::new(&[network("flannel.4096", "10.244.1.0/24", 4096, "")])
    }

    pub(crate) fn put(&mut self, nodes: &[String]) -> Changes {
        for decoded in margay_api::read(&nodes.join("\n---\n"), "test") {
            let object = decoded.object.expect("a node");
            assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
            self.engine.update(object.key(), Some(&object));
        }
        self.engine.flush()
    }

    pub(crate) fn remove(&mut self, name: &str) -> Changes {
        let key = Key { kind: Resource::Node, namespace: "".into(), name: name.into() };
        self.engine.update(&key, None);
        self.engine.flush()
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    pub(crate) fn driver(&self) -> HnsDriver {
        let mut driver = self.node.driver();
        driver.set_route_table(Arc::clone(&self.table) as Arc<dyn RouteTable>);
        driver
    }

    /// A driver that has done what the Plan says.
    pub(crate) fn started(&self) -> HnsDriver {
        let mut driver = self.driver();
        resync(&mut driver, self.plan());
        applied(&mut driver);
        driver
    }

    /// The routes of a network, in order.
    pub(crate) fn tunnels(&self) -> Vec<String> {
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
    pub(crate) fn gateways(&self) -> Vec<String> {
        let routes = self.table.list().expect("a list").into_iter();
        let mut told: Vec<String> = routes.filter(|route| !route.is_on_link()).map(|route| route.to_string()).collect();
        told.sort();
        told
    }

    pub(crate) fn writes(&self) -> u64 {
        self.node.emulator.counters().writes + self.table.writes()
    }

    /// A stranger adds a route in a tunnel.
    pub(crate) fn stranger(&self, to: &str, vni: u32, node: &str, mac: &str) {
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
pub(crate) fn vxlan(name: &str, cidr: &str, address: &str, mac: &str, vni: Option<u32>) -> String {
    let vni = vni.map(|vni| format!("\"VNI\":{vni},")).unwrap_or_default();
    format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, annotations: {{flannel.alpha.coreos.com/backend-type: vxlan, \
         flannel.alpha.coreos.com/public-ip: {address}, flannel.alpha.coreos.com/backend-data: '{{{vni}\"VtepMAC\":\"{mac}\"}}'}}}}, \
         spec: {{podCIDR: {cidr}}}}}"
    )
}

/// A node of flannel's host gateway.
pub(crate) fn gateway(name: &str, cidr: &str, address: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, annotations: {{flannel.alpha.coreos.com/backend-type: host-gw, \
         flannel.alpha.coreos.com/public-ip: {address}}}}}, spec: {{podCIDR: {cidr}}}}}"
    )
}

/// What failed, with whether it is tried again.
pub(crate) fn failed(events: &[Event]) -> Vec<(String, Retry)> {
    let failed = events.iter().filter_map(|event| match event {
        Event::Failed { object: Object::Route(to), error, retry } => Some((format!("{to}: {error}"), *retry)),
        _ => None,
    });
    failed.collect()
}

pub(crate) const MAC_2: &str = "02-00-00-00-00-02";
pub(crate) const MAC_3: &str = "02-00-00-00-00-03";

pub(crate) fn two_tunnels() -> [String; 2] {
    [
        vxlan("b", "10.244.2.0/24", "192.0.2.2", "02:00:00:00:00:02", Some(4096)),
        vxlan("c", "10.244.3.0/24", "192.0.2.3", "02:00:00:00:00:03", None),
    ]
}
