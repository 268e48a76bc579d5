//! A node's own engine and driver.

use super::Error;
use super::windows::WindowsNode;
use margay_api::Update;
use margay_dataplane::{Driver, Event, Reconciler};
use margay_engine::{Engine, Scope};
use margay_linux::{LinuxDriver, Options};
use margay_policy::{Changes, Plan};
use margay_vfp::Emulator;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What the agent is on a real node: an engine that knows this node's part of the cluster, and the driver of its data plane.
pub(super) struct NodeAgent {
    name: SmolStr,
    engine: Engine,
    plane: Plane,
}

/// What enforces.
pub(super) enum Plane {
    /// nftables, in the node's namespace.
    Linux(Box<LinuxNode>),
    /// HNS and VFP, emulated.
    Windows(Box<WindowsNode>),
}

/// The data plane of a Linux node.
pub(super) struct LinuxNode {
    reconciler: Reconciler<LinuxDriver>,
    options: Options,
}

/// What of the fabric a data plane is told.
pub(super) struct Wired {
    /// The settings of a Linux node's driver.
    pub(super) options: Options,
    /// The pods of the node: id and addresses.
    pub(super) pods: Vec<(String, Vec<IpAddr>)>,
}

impl LinuxNode {
    /// Starts it in the network namespace of the calling thread.
    pub(super) fn start(node: &str, options: Options) -> Result<Self, Error> {
        let driver =
            LinuxDriver::new(options.clone()).map_err(|source| Error::Netlink { node: node.into(), source })?;
        Ok(Self { reconciler: Reconciler::new(driver, Instant::now()), options })
    }

    fn apply(&mut self, node: &str, options: &Options, plan: &Plan, changes: &Changes) -> Result<(), Error> {
        let now = Instant::now();
        let mut events = self.reconciler.submit(plan, changes, now);
        if *options != self.options {
            self.options = options.clone();
            self.reconciler.driver().set_options(options.clone());
            self.reconciler.driver().resync(plan, None);
            events.extend(self.reconciler.poll(plan, now));
        }
        match events.into_iter().find_map(|event| match event {
            Event::Failed { error, .. } => Some(error),
            _ => None,
        }) {
            Some(what) => Err(Error::Driver { node: node.into(), what }),
            None => Ok(()),
        }
    }
}

impl NodeAgent {
    pub(super) fn new(name: SmolStr, plane: Plane) -> Self {
        let engine = Engine::new(Scope::Node(name.clone()));
        Self { name, engine, plane }
    }

    /// Whether it runs Windows.
    pub(super) fn is_windows(&self) -> bool {
        matches!(self.plane, Plane::Windows(_))
    }

    /// Its HNS, where it runs Windows.
    pub(super) fn hns(&self) -> Option<&Arc<Emulator>> {
        match &self.plane {
            Plane::Windows(windows) => Some(windows.hns()),
            Plane::Linux(_) => None,
        }
    }

    /// Takes in what changed, and puts it in force.
    pub(super) fn apply(&mut self, updates: &[&Update], wired: &Wired) -> Result<(), Error> {
        for update in updates {
            self.engine.update(&update.key, update.value.as_deref());
        }
        self.engine.in_sync();
        let changes = self.engine.flush();
        let plan = self.engine.plan();
        match &mut self.plane {
            Plane::Linux(linux) => linux.apply(&self.name, &wired.options, plan, &changes),
            Plane::Windows(windows) => windows.apply(&self.name, &wired.pods, plan, &changes),
        }
    }
}
