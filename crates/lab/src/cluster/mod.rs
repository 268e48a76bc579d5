//! A cluster that is really there: resources become namespaces, policy becomes nftables or, on Windows nodes, ACLs of an emulated HNS; flows become packets.
//!
//! [`Cluster`] joins the [fabric](crate::fabric), an engine and a driver for each node, and the [probes](crate::probe). What it predicts comes from the
//! same Plan and the same verdict as everywhere; what it measures comes from the kernel.

mod error;
mod node;
mod shape;
mod windows;

pub use error::Error;

use crate::fabric::{BridgeFilter, Fabric, Filter, Wiring};
use crate::probe::{Outcome, Packet, Probe, Prober, Site, Transport};
use margay_api::{Key, Update};
use margay_engine::{Engine, Scope};
use margay_hcn::Version;
use margay_policy::{Flow, Plan, verdict};
use margay_vfp::{Clock, Config, Emulator};
use node::{LinuxNode, NodeAgent, Plane, Wired};
use serde::{Deserialize, Serialize};
use shape::Shape;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use windows::{Vfp, WindowsNode};

/// How a cluster is made.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// How pods are joined to their nodes.
    pub wiring: Wiring,
    /// Packets that belong to no connection and can begin none are dropped: so is, then, an ICMP error out of the blue.
    pub drop_invalid: bool,
    /// When a change of policy denies what is established, such connections end.
    pub cut_established: bool,
    /// What every node runs; `None` is what each node's labels say.
    pub os: Option<Os>,
    /// The HNS of Windows nodes.
    pub hns_version: Option<Version>,
    /// Windows nodes are programmed by someone else, who asks their [HNS](Cluster::hns): here, their pods have endpoints, and no ACLs.
    pub windows_by_another: bool,
    /// Gives the namespaces names under `/run/netns` that begin with this, where they stay until [`Fabric::remove_named`]. The time of Windows nodes runs by
    /// itself then, and their pods' frames pass as long as this process [carries](crate::fabric::Switch::forward) them.
    pub name: Option<String>,
}

/// What a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux: nftables.
    Linux,
    /// Windows: HNS and VFP, emulated, which every frame of a pod passes.
    Windows,
}

/// The HNS of Windows nodes where nothing else is said: that of Windows Server 2025.
pub const HNS_VERSION: Version = Version::new(15, 4);

/// A cluster of network namespaces with its policies in force.
pub struct Cluster {
    options: Options,
    fabric: Fabric,
    shape: Shape,
    nodes: BTreeMap<String, NodeAgent>,
    whole: Engine,
    prober: Prober,
    vfp: Arc<Vfp>,
}

/// What became of a flow's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measured {
    /// It was sent.
    Sent {
        /// It reached the far end.
        arrived: bool,
        /// The far end's answer came back; `None` for what no kernel answers.
        replied: Option<bool>,
    },
    /// It was not sent.
    Not(Unmeasured),
}

/// Why a flow can't be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unmeasured {
    /// It would not leave the namespace it begins in.
    Within,
    /// Neither end is a pod or a node of the cluster.
    Elsewhere,
    /// The kernel itself, not the network, speaks this: neighbour discovery, and what IPv6 takes for an extension header.
    Kernel,
}

impl Measured {
    /// Whether the flow was let through: its first packet arrived and, for TCP, the answer came back. `None` where it was not sent.
    pub fn allowed(self) -> Option<bool> {
        match self {
            Measured::Sent { arrived, replied } => Some(arrived && replied != Some(false)),
            Measured::Not(_) => None,
        }
    }
}

impl std::fmt::Display for Unmeasured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unmeasured::Within => "it would not leave the namespace it begins in",
            Unmeasured::Elsewhere => "neither end is a pod or a node of the cluster",
            Unmeasured::Kernel => "the kernel itself speaks this protocol",
        })
    }
}

impl Cluster {
    /// Makes the cluster of these resources and puts its policies in force.
    ///
    /// # Errors
    /// What could not be made, and what to do; see [`Error`].
    pub fn up<'a>(updates: impl IntoIterator<Item = &'a Update>, options: Options) -> Result<Self, Error> {
        let empty = crate::fabric::Topology { wiring: options.wiring, ..Default::default() };
        let fabric = match &options.name {
            Some(name) => Fabric::build_named(&empty, name)?,
            None => Fabric::build(&empty)?,
        };
        let mut cluster = Self {
            options,
            fabric,
            shape: Shape::default(),
            nodes: BTreeMap::new(),
            whole: Engine::new(Scope::Everything),
            prober: Prober::default(),
            vfp: Arc::default(),
        };
        cluster.fabric.set_filter(Arc::clone(&cluster.vfp) as Arc<dyn Filter>);
        cluster.apply(updates).inspect_err(|_| {
            // What failed is said; what is left, by whoever comes upon it.
            cluster.options.name.iter().for_each(|name| drop(Fabric::remove_named(name)));
        })?;
        Ok(cluster)
    }

    /// Takes hold of a standing cluster that [`up`](Self::up) made of these resources under a name, perhaps in another process. Nothing is changed. No frame of a
    /// Windows node's pods passes here: that is for the process that made it.
    ///
    /// # Errors
    /// Where it does not stand, or was made of others.
    pub fn attach<'a>(updates: impl IntoIterator<Item = &'a Update>, options: Options) -> Result<Self, Error> {
        let (mut whole, mut shape) = (Engine::new(Scope::Everything), Shape::default());
        for update in updates {
            whole.update(&update.key, update.value.as_deref());
            shape.update(update);
        }
        whole.in_sync();
        whole.flush();
        let topology = shape.topology(whole.plan(), &options);
        let mut fabric = Fabric::attach(&topology, options.name.as_deref().unwrap_or_default())?;
        let vfp = Arc::<Vfp>::default();
        fabric.set_filter(Arc::clone(&vfp) as Arc<dyn Filter>);
        Ok(Self { options, fabric, shape, nodes: BTreeMap::new(), whole, prober: Prober::default(), vfp })
    }

    /// Resources changed: namespaces come and go, and every node's policy follows. A pod's namespace is joined to the others only after the policy
    /// of its node is in force.
    ///
    /// # Errors
    /// As of [`up`](Self::up).
    pub fn apply<'a>(&mut self, updates: impl IntoIterator<Item = &'a Update>) -> Result<(), Error> {
        let updates: Vec<&Update> = updates.into_iter().collect();
        for update in &updates {
            self.whole.update(&update.key, update.value.as_deref());
            self.shape.update(update);
        }
        self.whole.in_sync();
        self.whole.flush();
        let topology = self.shape.topology(self.whole.plan(), &self.options);
        // Nodes first: a driver needs its node's namespace, and new pods are to meet its rules.
        let mut nodes = topology.clone();
        let known = |pod: &crate::fabric::Pod| self.fabric.topology().pods.iter().any(|other| other.id == pod.id);
        nodes.pods.retain(known);
        self.fabric.update(&nodes)?;
        let stays = |name: &String, agent: &NodeAgent| {
            topology.nodes.iter().any(|node| node.name == *name && node.switched == agent.is_windows())
        };
        self.nodes.retain(|name, agent| stays(name, agent));
        for (index, node) in topology.nodes.iter().enumerate() {
            let wired = Wired {
                options: self.shape.driver_options(&topology, index, &self.options),
                pods: topology
                    .pods
                    .iter()
                    .filter(|pod| pod.node == index)
                    .map(|pod| (pod.id.clone(), pod.addresses.clone()))
                    .collect(),
            };
            match self.nodes.get_mut(&node.name) {
                Some(agent) => agent.apply(&updates, &wired)?,
                None => {
                    let plane = if node.switched {
                        let mut config = Config::new(self.options.hns_version.unwrap_or(HNS_VERSION));
                        if self.options.name.is_some() {
                            config.clock = Clock::real();
                        }
                        let by_another = self.options.windows_by_another;
                        let switch = Arc::clone(&self.vfp);
                        Plane::Windows(Box::new(WindowsNode::start(&node.name, config, by_another, switch)?))
                    } else {
                        let start = || LinuxNode::start(&node.name, wired.options.clone());
                        Plane::Linux(Box::new(self.fabric.node(index).enter(start)??))
                    };
                    let mut agent = NodeAgent::new(self.shape.node_name(&node.name), plane);
                    agent.apply(&self.shape.everything(), &wired)?;
                    self.nodes.insert(node.name.clone(), agent);
                }
            }
        }
        self.fabric.update(&topology)?;
        Ok(())
    }

    /// These are all the resources from now on.
    ///
    /// # Errors
    /// As of [`up`](Self::up).
    pub fn replace(&mut self, resources: &[Update]) -> Result<(), Error> {
        let stay: HashSet<&Key> = resources.iter().map(|update| &update.key).collect();
        let gone = self.resources().into_iter().filter(|update| !stay.contains(&update.key));
        let gone: Vec<Update> = gone.map(|update| Update { value: None, ..update }).collect();
        self.apply(gone.iter().chain(resources))
    }

    /// Every resource, as an update that brings it.
    pub fn resources(&self) -> Vec<Update> {
        self.shape.everything().into_iter().cloned().collect()
    }

    /// The Plan of the whole cluster.
    pub fn plan(&self) -> &Plan {
        self.whole.plan()
    }

    /// The namespaces.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// The HNS of a Windows node, whose VFP every frame of its pods passes.
    pub fn hns(&self, node: &str) -> Option<&Arc<Emulator>> {
        self.nodes.get(node)?.hns()
    }

    /// What to know of how far the measurement reaches: `None` where all is well.
    pub fn caveat(&self) -> Option<&'static str> {
        (self.fabric.bridge_filter() == BridgeFilter::Unavailable).then_some(
            "the kernel has no br_netfilter here (modprobe br_netfilter): packets between pods of one node are switched, and policy does not see them",
        )
    }

    /// Whether the Plan lets each flow through.
    pub fn predict(&self, flow: &Flow) -> bool {
        verdict(self.plan(), flow).allow
    }

    /// Whether a flow that the Plan lets through is stopped on a Windows node, where HNS can't express a rule that would let it through.
    pub fn is_unsupported(&self, flow: &Flow) -> bool {
        self.vfp.closes(self.plan(), flow)
    }

    /// Sends the first packet of each flow, all at once, and says what became of it.
    ///
    /// # Errors
    /// Where the measurement could not be made; never a verdict by time-out.
    pub fn measure(&mut self, flows: &[Flow]) -> Result<Vec<Measured>, Error> {
        let located: Vec<Result<Probe, Unmeasured>> = flows.iter().map(|flow| self.probe(flow)).collect();
        let probes: Vec<Probe> = located.iter().filter_map(|probe| probe.as_ref().ok().copied()).collect();
        let mut outcomes = self.prober.measure(&self.fabric, &probes)?.into_iter();
        let measured = located.into_iter().map(|probe| match probe {
            Err(why) => Measured::Not(why),
            Ok(_) => {
                let Outcome { arrived, replied } = outcomes.next().unwrap_or(Outcome { arrived: false, replied: None });
                Measured::Sent { arrived, replied }
            }
        });
        Ok(measured.collect())
    }

    fn probe(&self, flow: &Flow) -> Result<Probe, Unmeasured> {
        let (from, to) = (self.site(flow.src), self.site(flow.dst));
        if from == Site::External && to == Site::External {
            return Err(Unmeasured::Elsewhere);
        }
        if from == to {
            return Err(Unmeasured::Within);
        }
        let (source_port, icmp) = (Some(flow.source_port), Some(flow.icmp));
        let transport = Transport::from_flow(flow.dst, flow.protocol.0, source_port, flow.port, icmp);
        if flow.is_neighbour_discovery() || Packet::new(flow.src, flow.dst, transport, 1).is_err() {
            return Err(Unmeasured::Kernel);
        }
        Ok(Probe { from, to, source: flow.src, destination: flow.dst, transport })
    }

    fn site(&self, address: std::net::IpAddr) -> Site {
        self.shape.site(address)
    }
}
