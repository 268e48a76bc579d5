//! A node's own engine and driver.

use super::Error;
use margay_api::Update;
use margay_dataplane::{Driver, Event, Reconciler};
use margay_engine::{Engine, Scope};
use margay_linux::{LinuxDriver, Options};
use smol_str::SmolStr;
use std::time::Instant;

/// What the agent is on a real node: an engine that knows this node's part of the cluster, and the driver of its namespace.
pub(super) struct NodeAgent {
    name: SmolStr,
    engine: Engine,
    reconciler: Reconciler<LinuxDriver>,
    options: Options,
}

impl NodeAgent {
    /// Starts it in the network namespace of the calling thread.
    pub(super) fn start(name: SmolStr, options: Options) -> Result<Self, Error> {
        let driver =
            LinuxDriver::new(options.clone()).map_err(|source| Error::Netlink { node: name.to_string(), source })?;
        let engine = Engine::new(Scope::Node(name.clone()));
        Ok(Self { name, engine, reconciler: Reconciler::new(driver, Instant::now()), options })
    }

    /// Takes in what changed, and puts it in force.
    pub(super) fn apply(&mut self, updates: &[&Update], options: Options) -> Result<(), Error> {
        for update in updates {
            self.engine.update(&update.key, update.value.as_deref());
        }
        self.engine.in_sync();
        let changes = self.engine.flush();
        let now = Instant::now();
        let mut events = self.reconciler.submit(self.engine.plan(), &changes, now);
        if options != self.options {
            self.options = options.clone();
            self.reconciler.driver().set_options(options);
            self.reconciler.driver().resync(self.engine.plan(), None);
            events.extend(self.reconciler.poll(self.engine.plan(), now));
        }
        match events.into_iter().find_map(|event| match event {
            Event::Failed { error, .. } => Some(error),
            _ => None,
        }) {
            Some(what) => Err(Error::Driver { node: self.name.to_string(), what }),
            None => Ok(()),
        }
    }
}
