//! Two nodes, a pod on each, and outside of them the API server.

use margay_dataplane::{Driver, Event};
use margay_datastore::{self as datastore, Source};
use margay_engine::{Engine, Scope};
use margay_envtest::{Agent, Assets, ControlPlane, Profile, Write, Writer, objects, program};
use margay_kubernetes::{Cluster, Connection};
use margay_lab::fabric::{self, Fabric, Namespace, Topology, Wiring};
use margay_linux::{LinuxDriver, Options};
use margay_nftables::Monitor;
use margay_policy::Plan;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// The address of the API server: of no node and no pod.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// Only a failing test waits for so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The namespace of everything.
pub(crate) const SHOP: &str = "shop";
/// The nodes.
pub(crate) const NODES: [&str; 2] = ["node-1", "node-2"];
/// The pod that begins connections, on the first node.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The pod that policy protects, on the second.
pub(crate) const VICTIM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A cluster with an API server that is real. Everything is done in the namespace of the API server, but what says otherwise.
pub(crate) struct World<'a> {
    pub(crate) fabric: &'a Fabric,
    pub(crate) server: ControlPlane,
    pub(crate) writer: Writer,
    program: PathBuf,
}

/// Runs a test in such a cluster.
pub(crate) fn in_cluster(test: impl FnOnce(&mut World<'_>) + Send) {
    let Some(assets) = Assets::find() else { return };
    let fabric = match Fabric::build(&topology()) {
        Ok(fabric) => fabric,
        Err(fabric::Error::Privilege { .. }) => {
            return eprintln!("skipped: no network namespaces can be made; run as root");
        }
        Err(error) => panic!("{error}"),
    };
    let program = program(Profile::Debug).expect("margay is built");
    let inside = || {
        let server = ControlPlane::start(&assets, SERVER).expect("an API server");
        let writer = Writer::new(server.kubeconfig()).expect("a client");
        let mut world = World { fabric: &fabric, server, writer, program };
        world.fill();
        test(&mut world);
    };
    fabric.external().enter(inside).expect("the namespace outside of the nodes");
}

fn topology() -> Topology {
    let node = |(name, address): (&str, u8)| fabric::Node {
        name: name.into(),
        addresses: vec![[192, 0, 2, address].into()],
        gateways: vec![],
        uplink: "eth0".into(),
        switched: false,
    };
    let pod = |id: &str, node, address: Ipv4Addr| fabric::Pod { id: id.into(), node, addresses: vec![address.into()] };
    Topology {
        wiring: Wiring::Routed,
        nodes: NODES.into_iter().zip(1..).map(node).collect(),
        pods: vec![pod("shop/client", 0, CLIENT), pod("shop/victim", 1, VICTIM)],
    }
}

impl World<'_> {
    /// Writes what is in the cluster from the beginning.
    fn fill(&self) {
        let nodes = NODES.into_iter().zip(1..).map(|(name, address)| {
            let status = objects::node_status(name, [192, 0, 2, address].into());
            vec![Write::Create(objects::node(name)), Write::Status(status)]
        });
        let pods = [("client", NODES[0], CLIENT), ("victim", NODES[1], VICTIM)];
        let pods = pods.into_iter().map(|(name, node, address)| running(name, node, &[("app", name)], address));
        self.write([vec![Write::Create(objects::namespace(SHOP, &[]))]]);
        self.write(nodes.chain(pods));
    }

    /// Writes, even if the server is away for a while.
    pub(crate) fn write(&self, groups: impl IntoIterator<Item = Vec<Write>>) {
        self.writer.insist(groups, 8).expect("the API server takes it");
    }

    /// Starts the agent of a node.
    pub(crate) fn agent(&self, node: usize) -> Agent {
        let start = || Agent::start(&self.program, NODES[node], &self.server.kubeconfig());
        self.fabric.node(node).enter(start).expect("the node's namespace").expect("the agent starts")
    }

    /// What a fresh agent would want on a node.
    pub(crate) fn fresh(&self, node: usize) -> Engine {
        let connection = Connection { kubeconfig: Some(self.server.kubeconfig()), context: None };
        let (wake, woken) = channel();
        let mut source = Cluster::follow(&connection, move || {
            let _ = wake.send(());
        })
        .expect("the kubeconfig is right");
        let mut engine = Engine::new(Scope::Node(NODES[node].into()));
        loop {
            woken.recv_timeout(PATIENCE).expect("the API server answers");
            for event in source.poll() {
                match event {
                    datastore::Event::Update(update) => engine.take(&update),
                    datastore::Event::InSync => {
                        engine.in_sync();
                        engine.flush();
                        return engine;
                    }
                    datastore::Event::Problem(problem) => println!("{problem}"),
                }
            }
        }
    }

    /// Waits until a node's ruleset is what a fresh agent would make it.
    pub(crate) fn until_as_fresh(&self, node: usize, when: &str) {
        let engine = self.fresh(node);
        until_in_force(self.fabric.node(node), engine.plan(), when);
    }

    /// The same of every node.
    pub(crate) fn until_all_as_fresh(&self, when: &str) {
        (0..NODES.len()).for_each(|node| self.until_as_fresh(node, when));
    }

    /// That an agent which is started over what is in force writes nothing, once the one before is gone.
    pub(crate) fn assert_fresh_agent_writes_nothing(&self, node: usize, before: Agent) {
        before.stop().expect("it ends");
        let generation = || self.fabric.node(node).enter(generation).expect("the node's namespace");
        let expected = generation();
        let mut fresh = self.agent(node);
        fresh.until_settled(PATIENCE).expect("it settles");
        assert_eq!(generation(), expected, "{}: a fresh agent wrote something: {}", NODES[node], fresh.log());
    }
}

fn generation() -> u32 {
    margay_nftables::Connection::open().and_then(|mut connection| connection.generation()).expect("netlink")
}

/// A pod that runs.
pub(crate) fn running(name: &str, node: &str, labels: objects::Labels<'_>, address: Ipv4Addr) -> Vec<Write> {
    let pod = objects::pod(SHOP, name, node, labels);
    vec![Write::Create(pod), Write::Status(objects::pod_status(SHOP, name, address.into()))]
}

/// That pods so labelled may be reached at a UDP port by pods so labelled, and by nobody else.
pub(crate) fn policy(name: &str, of: objects::Labels<'_>, from: objects::Labels<'_>, port: u16) -> Value {
    objects::ingress_policy(SHOP, name, of, vec![objects::pods(from)], port)
}

/// Waits until this is in force: each change of the ruleset is told of.
pub(crate) fn until_in_force(node: &Namespace, plan: &Plan, when: &str) {
    let wait = || {
        let mut monitor = Monitor::open().expect("netlink");
        // In a cluster an agent has metrics, for which rules count.
        let options = Options { count: true, ..Options::default() };
        let mut driver = LinuxDriver::new(options).expect("netlink");
        let deadline = Instant::now() + PATIENCE;
        loop {
            driver.observe(plan);
            let events = driver.events();
            if !events.iter().any(|event| matches!(event, Event::Drift { .. } | Event::Failed { .. })) {
                return;
            }
            let read = monitor.read(&mut Vec::new(), Some(PATIENCE)).expect("netlink");
            assert!(read > 0 && Instant::now() < deadline, "{when}: for {PATIENCE:?} there is {events:?}");
        }
    };
    node.enter(wait).expect("the node's namespace");
}
