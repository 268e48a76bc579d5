//! What of the resources makes the fabric: which nodes and pods there are, and where an address is.

use super::{Options, Os};
use crate::fabric::{Node, Pod, Topology, Wiring, host_interface};
use crate::probe::Site;
use margay_api::{Key, Kind, Object, Update};
use margay_policy::{EndpointStacks, Plan};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// The name of the namespace that stands for pods that no node has.
const NO_NODE: &str = "unscheduled";
/// The uplink's name where the node says nothing else.
const UPLINK: &str = "eth0";

/// All resources, each as the update that brought it, and the places that follow from them.
#[derive(Default)]
pub(super) struct Shape {
    resources: BTreeMap<Key, Update>,
    places: HashMap<IpAddr, Site>,
}

impl Shape {
    pub(super) fn update(&mut self, update: &Update) {
        match &update.value {
            Some(_) => drop(self.resources.insert(update.key.clone(), update.clone())),
            None => drop(self.resources.remove(&update.key)),
        }
    }

    /// Every resource, as updates for an engine that knows nothing yet.
    pub(super) fn everything(&self) -> Vec<&Update> {
        self.resources.values().collect()
    }

    /// The name in the resources of a node of the fabric.
    pub(super) fn node_name(&self, station: &str) -> SmolStr {
        if station == NO_NODE { SmolStr::default() } else { station.into() }
    }

    /// The fabric that the resources ask for: every Node, every node that a pod names, every pod that is an endpoint.
    pub(super) fn topology(&mut self, plan: &Plan, options: &Options) -> Topology {
        let wiring = options.wiring;
        let mut names: BTreeSet<SmolStr> = plan.nodes.keys().cloned().collect();
        let pods: Vec<_> = {
            let of_pods = |(_, e): &(_, &margay_policy::Endpoint)| matches!(e.stacks, EndpointStacks::Pod(_));
            let mut pods: Vec<_> = plan.endpoints.iter().filter(of_pods).map(|(_, endpoint)| endpoint).collect();
            pods.sort_by(|a, b| a.key.cmp(&b.key));
            pods
        };
        names.extend(pods.iter().map(|pod| pod.node.clone()));
        let names: Vec<SmolStr> = names.into_iter().collect();
        let nodes: Vec<Node> = names.iter().map(|name| self.node(plan, name, options)).collect();
        let index = |name: &SmolStr| names.binary_search(name).unwrap_or_default();
        let pods: Vec<Pod> = pods
            .iter()
            .map(|pod| Pod {
                id: format!("{}/{}", pod.key.namespace, pod.key.name),
                node: index(&pod.node),
                addresses: pod.addresses.clone(),
            })
            .collect();
        self.places.clear();
        for (index, node) in nodes.iter().enumerate() {
            self.places
                .extend(node.addresses.iter().chain(&node.gateways).map(|address| (*address, Site::Node(index))));
        }
        for (index, pod) in pods.iter().enumerate() {
            self.places.extend(pod.addresses.iter().map(|address| (*address, Site::Pod(index))));
        }
        Topology { wiring, nodes, pods }
    }

    fn node(&self, plan: &Plan, name: &SmolStr, options: &Options) -> Node {
        let wiring = options.wiring;
        let info = plan.nodes.get(name);
        let own = info.map(|info| info.addresses.clone()).unwrap_or_default();
        let key = Key { kind: Kind::Node, namespace: SmolStr::default(), name: name.clone() };
        let on_bridge: Vec<IpAddr> = match (wiring, self.resources.get(&key).and_then(|update| update.value.as_deref()))
        {
            (Wiring::Bridge, Some(Object::Node(node))) => {
                let gateways: BTreeSet<IpAddr> = node.gateways().collect();
                own.iter().copied().filter(|a| gateways.contains(a) && !node.addresses.contains(a)).collect()
            }
            _ => Vec::new(),
        };
        Node {
            name: if name.is_empty() { NO_NODE.into() } else { name.to_string() },
            addresses: own.into_iter().filter(|address| !on_bridge.contains(address)).collect(),
            gateways: on_bridge,
            uplink: info.map_or(UPLINK.into(), |info| info.uplink.to_string()),
            switched: match options.os {
                Some(os) => os == Os::Windows,
                None => info.is_some_and(|info| info.windows),
            },
        }
    }

    /// The settings of a node's driver: behind which interface each pod's address is, where pods have one each.
    pub(super) fn driver_options(&self, topology: &Topology, node: usize, options: &Options) -> margay_linux::Options {
        let mut interfaces = BTreeMap::new();
        if topology.wiring == Wiring::Routed {
            for pod in topology.pods.iter().filter(|pod| pod.node == node) {
                let interface = host_interface(&pod.id);
                interfaces.extend(pod.addresses.iter().map(|address| (*address, interface.clone())));
            }
        }
        margay_linux::Options {
            drop_invalid: options.drop_invalid,
            cut_established: options.cut_established,
            interfaces,
            ..margay_linux::Options::default()
        }
    }

    /// Where an address is.
    pub(super) fn site(&self, address: IpAddr) -> Site {
        self.places.get(&address).copied().unwrap_or(Site::External)
    }
}
