//! Network namespaces wired into a cluster: one for each node, one for each pod, one for everything outside, and the wire
//! between the nodes.
//!
//! ```text
//!   pod ──veth── node ──eth0── wire (bridge) ──eth0── node ──veth── pod
//!                                   │
//!                                external: every address that no node and no pod has
//! ```
//!
//! Owns namespaces, interfaces, addresses, routes and neighbours. Knows nothing of policy: who programs a node's data plane
//! opens a netlink socket inside [`Fabric::node`] and does so.
//!
//! All routes are host routes and all neighbours static, so pods may have any addresses at all, no packet ever waits for an
//! answer to "who has?", and a node's counters count only what a probe sent.

mod attach;
mod conntrack;
mod error;
mod identity;
mod layout;
mod namespace;
mod object;
mod rtnetlink;
mod station;
mod switch;
mod topology;
mod user;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

pub use error::{Error, Result};
pub use namespace::Namespace;
pub(crate) use namespace::on_own_thread;
pub use switch::{Filter, Switch, Toward};
pub use topology::{Node, Pod, Topology, Wiring, host_interface};
pub use user::{Privilege, enter_user_namespace};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use identity::Identity;
use layout::{Layout, Numbers, layout};
use object::Place;
use station::Station;

/// Whether packets that a node's bridge switches pass the node's `inet` rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeFilter {
    /// The wiring has no bridges on nodes.
    NotBridged,
    /// They do: br_netfilter is there and on.
    Active,
    /// They do not: this kernel has no br_netfilter (or it is not loaded: `modprobe br_netfilter`), so policy between two
    /// pods of one node can't be enforced.
    Unavailable,
}

/// A standing cluster of namespaces.
///
/// Dropping it leaves nothing behind, unless it was given a name.
///
/// ```no_run
/// use margay_lab::fabric::{Fabric, Node, Pod, Topology, Wiring};
/// let node = Node { name: "a".into(), addresses: vec!["192.0.2.1".parse()?], gateways: vec![], uplink: "eth0".into(), switched: false };
/// let pod = Pod { id: "default/web".into(), node: 0, addresses: vec!["10.0.0.1".parse()?] };
/// let mut topology = Topology { wiring: Wiring::Routed, nodes: vec![node], pods: vec![pod] };
/// let mut fabric = Fabric::build(&topology)?;
/// topology.pods.push(Pod { id: "default/db".into(), node: 0, addresses: vec!["10.0.0.2".parse()?] });
/// fabric.update(&topology)?; // makes the one pod, leaves the rest alone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Fabric {
    lab: Option<String>,
    topology: Topology,
    wire: Station,
    external: Station,
    /// Where the loose ends of switched pods' wires are.
    switch: Station,
    /// In the order of the topology, as are the pods.
    nodes: Vec<Station>,
    pods: Vec<Station>,
    bridge_filter: BridgeFilter,
    ports: Switch,
}

impl Fabric {
    /// Makes the cluster. When it returns, every link is up and passes packets. Raises the process's soft limit on open files to
    /// the hard one, for a large cluster has many.
    ///
    /// # Errors
    /// [`Error::Topology`] for a topology that contradicts itself, [`Error::Privilege`] where the process may not make
    /// namespaces, [`Error::Netlink`] where the kernel refuses something.
    pub fn build(topology: &Topology) -> Result<Fabric> {
        Self::begin(topology, None)
    }

    /// Makes the cluster with names under `/run/netns` (`LAB-node-NAME`, `LAB-pod-NAMESPACE_NAME`, `LAB-wire`,
    /// `LAB-external`, `LAB-switch`), where it stays when this value is dropped and the process has ended, until [`Fabric::remove_named`].
    ///
    /// # Errors
    /// As [`Fabric::build`]; [`Error::File`] where such a lab is standing already, which is left alone.
    pub fn build_named(topology: &Topology, lab: &str) -> Result<Fabric> {
        if let Some(name) = attach::standing(lab)?.first() {
            return Err(Error::Topology(format!("lab {lab:?} is standing already (it has {name}); remove it first")));
        }
        Self::begin(topology, Some(lab.into())).inspect_err(|_| drop(Self::remove_named(lab)))
    }

    fn begin(topology: &Topology, lab: Option<String>) -> Result<Fabric> {
        topology.validate()?;
        allow_open_files();
        let create = |identity| Station::create_here(identity, 0, lab.as_deref());
        let [wire, external, switch] = on_own_thread(|| {
            Ok::<_, Error>([create(Identity::Wire)?, create(Identity::External)?, create(Identity::Switch)?])
        })?;
        let mut fabric = Fabric {
            lab,
            topology: Topology::default(),
            wire,
            external,
            switch,
            nodes: vec![],
            pods: vec![],
            bridge_filter: BridgeFilter::NotBridged,
            ports: Switch::default(),
        };
        fabric.update(topology)?;
        Ok(fabric)
    }

    /// Changes the standing cluster into this one, at a cost that grows with the difference. Nodes and pods that stay keep
    /// their namespace with all that others have programmed in it. A node is the same if its name, uplink and the wiring
    /// are; a pod if its id is and it stays on the same node; anything else may change in place.
    ///
    /// # Errors
    /// As [`Fabric::build`]. After [`Error::Topology`] nothing has changed; after another error the fabric is in between
    /// and can only be dropped.
    pub fn update(&mut self, topology: &Topology) -> Result<()> {
        topology.validate()?;
        on_own_thread(|| {
            self.update_here(topology)?;
            self.topology = topology.clone();
            self.connect_here()
        })
    }

    fn update_here(&mut self, topology: &Topology) -> Result<()> {
        let by_identity = |stations: &mut Vec<Station>| -> HashMap<Identity, Station> {
            stations.drain(..).map(|station| (station.identity.clone(), station)).collect()
        };
        let (mut old_nodes, mut old_pods) = (by_identity(&mut self.nodes), by_identity(&mut self.pods));
        let nodes = Places::adopt(Identity::nodes(topology), &mut old_nodes);
        let pods = Places::adopt(Identity::pods(topology), &mut old_pods);
        let numbers = Numbers { nodes: nodes.numbers.clone(), pods: pods.numbers.clone() };
        let wanted = layout(topology, &numbers);

        self.wire.shrink_here(&wanted.wire)?;
        self.external.shrink_here(&wanted.external)?;
        self.switch.shrink_here(&wanted.switch)?;
        let nodes = nodes.shrink_here(&wanted.nodes)?;
        let pods = pods.shrink_here(&wanted.pods)?;
        // What is not wanted any more loses its name first: a pod that moved is about to take it again.
        for gone in old_nodes.into_values().chain(old_pods.into_values()) {
            gone.forget(self.lab.as_deref())?;
        }
        self.nodes = nodes.complete_here(self.lab.as_deref())?;
        self.pods = pods.complete_here(self.lab.as_deref())?;
        self.grow_here(&wanted)?;
        self.bridge_filter = match topology.wiring {
            Wiring::Routed => BridgeFilter::NotBridged,
            Wiring::Bridge => filter_bridged_packets(&self.nodes)?,
        };
        Ok(())
    }

    /// Makes what is wanted in every namespace. A pod's interface is made from its node, perhaps by way of the switch, and a node's from the wire, so
    /// those come first.
    fn grow_here(&mut self, wanted: &Layout) -> Result<()> {
        let descriptors: BTreeMap<Place, RawFd> = [&self.external, &self.switch]
            .into_iter()
            .chain(&self.nodes)
            .chain(&self.pods)
            .map(|station| (station.place(), station.namespace.as_fd().as_raw_fd()))
            .collect();
        let plan = [(&mut self.wire, &wanted.wire), (&mut self.external, &wanted.external)];
        let nodes = self.nodes.iter_mut().zip(&wanted.nodes);
        let pods = self.pods.iter_mut().zip(&wanted.pods);
        let mut changed: Vec<&Station> = Vec::new();
        let switch = [(&mut self.switch, &wanted.switch)];
        for (station, wanted) in plan.into_iter().chain(nodes).chain(switch).chain(pods) {
            if station.grow_here(wanted, &descriptors)? {
                changed.push(station);
            }
        }
        changed.into_iter().try_for_each(Station::await_ready_here)
    }

    /// Opens the ports of switched pods that have none, and closes those of pods that are gone. The calling thread moves into the switch's namespace.
    fn connect_here(&mut self) -> Result<()> {
        let switched = self.topology.pods.iter().zip(&self.pods);
        let switched = switched.filter(|(pod, _)| self.topology.nodes[pod.node].switched);
        let wanted: Vec<(u32, &str)> = switched.map(|(pod, station)| (station.number, pod.id.as_str())).collect();
        self.switch.namespace.join()?;
        self.ports.connect_here(&wanted, self.switch.namespace.label())
    }

    /// From now on, this decides over the frames of pods whose node is [`switched`](Node::switched).
    pub fn set_filter(&mut self, filter: Arc<dyn Filter>) {
        self.ports.set_filter(filter);
    }

    /// The switch of pods whose node is [`switched`](Node::switched).
    pub fn switch(&self) -> &Switch {
        &self.ports
    }

    /// What the fabric was last made into.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The namespace of the node with this index in the topology.
    ///
    /// # Panics
    /// For an index outside the topology.
    pub fn node(&self, index: usize) -> &Namespace {
        &self.nodes[index].namespace
    }

    /// The namespace of the pod with this index in the topology.
    ///
    /// # Panics
    /// For an index outside the topology.
    pub fn pod(&self, index: usize) -> &Namespace {
        &self.pods[index].namespace
    }

    /// The namespace that owns every address that no node and no pod has.
    pub fn external(&self) -> &Namespace {
        &self.external.namespace
    }

    /// The namespace of the bridge between the nodes. Its loopback interface is up and no rule is ever put into it.
    pub(crate) fn wire(&self) -> &Namespace {
        &self.wire.namespace
    }

    /// Every namespace that probes may start from or go to.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        let stations = [&self.external].into_iter().chain(&self.nodes).chain(&self.pods);
        stations.map(|station| &station.namespace)
    }

    /// Whether the `inet` rules of a node see packets between two of its pods.
    pub fn bridge_filter(&self) -> BridgeFilter {
        self.bridge_filter
    }

    /// Empties the connection tables of all nodes and of the switch, so that the next packet of any connection counts as its first.
    ///
    /// # Errors
    /// [`Error::Netlink`] where the kernel has no conntrack netlink.
    pub fn flush_conntrack(&self) -> Result<()> {
        self.ports.forget_connections();
        conntrack::flush(self.nodes.iter().map(|node| &node.namespace))
    }
}

/// The stations for a list of identities: those that stand already, and gaps for those to be made.
struct Places {
    numbers: Vec<u32>,
    stations: Vec<std::result::Result<Station, Identity>>,
}

impl Places {
    /// Takes what stands already and gives each newcomer the lowest free number. The numbers of those that are about to go
    /// are not free yet: an interface towards a new namespace must not look the same as the one towards the old.
    fn adopt(identities: Vec<Identity>, standing: &mut HashMap<Identity, Station>) -> Places {
        let used: BTreeSet<u32> = standing.values().map(|station| station.number).collect();
        let stations: Vec<_> = identities.into_iter().map(|i| standing.remove(&i).ok_or(i)).collect();
        let mut free = (1..).filter(|number| !used.contains(number));
        let number = |place: &std::result::Result<Station, Identity>| match place {
            Ok(station) => Some(station.number),
            Err(_) => free.next(),
        };
        let numbers = stations.iter().filter_map(number).collect();
        Places { numbers, stations }
    }

    fn shrink_here(mut self, wanted: &[BTreeSet<object::Object>]) -> Result<Places> {
        for (place, wanted) in self.stations.iter_mut().zip(wanted) {
            if let Ok(station) = place {
                station.shrink_here(wanted)?;
            }
        }
        Ok(self)
    }

    /// Makes the namespaces that are missing.
    fn complete_here(self, lab: Option<&str>) -> Result<Vec<Station>> {
        let places = self.stations.into_iter().zip(self.numbers);
        places.map(|(place, number)| place.or_else(|identity| Station::create_here(identity, number, lab))).collect()
    }
}

/// Raises the process's limit on open files to what it may raise it to: every namespace is one, and a probed place up to a
/// dozen, where 1,024 is the usual limit. If that is not enough, opening says so.
fn allow_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn filter_bridged_packets(nodes: &[Station]) -> Result<BridgeFilter> {
    for node in nodes {
        node.namespace.join()?;
        if !station::filter_bridged_packets_here()? {
            return Ok(BridgeFilter::Unavailable);
        }
    }
    Ok(BridgeFilter::Active)
}
