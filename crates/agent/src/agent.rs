//! The loop.

use crate::ledger::Ledger;
use crate::{Signals, Status, Unsupported, Waker};
use margay_api::{Key, Severity};
use margay_dataplane::{Driver, Object, Reconciler};
use margay_datastore::{Event, Source};
use margay_engine::{Engine, Scope};
use margay_policy::{Direction, RuleId};
use smol_str::SmolStr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// The least time between two questions to the source, so that no setting makes the agent spin.
const LEAST_POLL: Duration = Duration::from_millis(1);

/// What an agent is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The node whose endpoints it is about.
    pub node: SmolStr,
    /// How often the source is asked. One that says by [`Waker::source`] when it has something can be asked seldom.
    pub poll: Duration,
}

/// An agent: see the [crate's page](crate).
pub struct Agent<S, D> {
    options: Options,
    source: S,
    engine: Engine,
    reconciler: Reconciler<D>,
    ledger: Ledger,
    in_sync: bool,
    next_poll: Instant,
}

impl<S: Source, D: Driver> Agent<S, D> {
    /// An agent that has asked its source nothing yet, and told its driver nothing.
    pub fn new(options: Options, source: S, driver: D, now: Instant) -> Self {
        Self {
            engine: Engine::new(Scope::Node(options.node.clone())),
            options,
            source,
            reconciler: Reconciler::new(driver, now),
            ledger: Ledger::default(),
            in_sync: false,
            next_poll: now,
        }
    }

    /// Works until the waker says stop, `report` breaks, or the deadline comes. `report` is given the status whenever it has changed, first after the
    /// first step. What is in force when it ends stays in force.
    pub fn run(
        &mut self,
        waker: &Waker,
        deadline: Option<Instant>,
        mut report: impl FnMut(&Status) -> ControlFlow<()>,
    ) {
        let mut reported = None;
        loop {
            let next = self.next_wake();
            let signals = waker.wait(deadline.map_or(next, |deadline| next.min(deadline)));
            let now = Instant::now();
            if signals.stop || deadline.is_some_and(|deadline| deadline <= now) {
                return;
            }
            self.step(signals, now);
            let status = self.status();
            if reported.as_ref() != Some(&status) && report(&status).is_break() {
                return;
            }
            reported = Some(status);
        }
    }

    /// Does what is due, and what it was woken for.
    pub fn step(&mut self, signals: Signals, now: Instant) {
        if signals.source || self.next_poll <= now {
            self.next_poll = now + self.options.poll.max(LEAST_POLL);
            self.read(now);
        }
        if self.in_sync {
            let events = self.reconciler.poll(self.engine.plan(), now);
            self.ledger.take(events, &self.reconciler, now);
        }
    }

    /// When [`step`](Self::step) has something to do at the latest.
    pub fn next_wake(&self) -> Instant {
        if self.in_sync { self.next_poll.min(self.reconciler.next_wake()) } else { self.next_poll }
    }

    /// The driver.
    pub fn driver(&mut self) -> &mut D {
        self.reconciler.driver()
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let plan = self.engine.plan();
        let mut status = Status {
            node: self.options.node.clone(),
            in_sync: self.in_sync,
            from_snapshot: self.in_sync && self.source.is_from_snapshot(),
            revision: plan.revision,
            endpoints: plan.endpoints.iter().count(),
            policies: plan.policies.iter().filter(|(_, policy)| policy.enforced).count(),
            waiting: self.waiting(),
            failing: Vec::new(),
            unsupported: self.ledger.unsupported().map(|unsupported| self.unsupported(unsupported)).collect(),
            drift: None,
            metrics: self.reconciler.metrics(),
        };
        self.ledger.fill(&mut status);
        status
    }

    /// Takes in what the source has, and passes on what that changes.
    fn read(&mut self, now: Instant) {
        let was_in_sync = self.in_sync;
        let was_from_snapshot = self.source.is_from_snapshot();
        for event in self.source.poll() {
            match event {
                Event::Update(update) => self.engine.take(&update),
                Event::InSync => {
                    self.engine.in_sync();
                    self.in_sync = true;
                }
                Event::Problem(problem) => {
                    let object = problem.object.as_str();
                    match problem.severity {
                        Severity::Error => error!(object, error = problem.message, "{problem}"),
                        Severity::Warning => warn!(object, error = problem.message, "{problem}"),
                        Severity::Note => info!(object, "{problem}"),
                    }
                }
            }
        }
        if !self.in_sync {
            return;
        }
        let changes = self.engine.flush();
        match (was_from_snapshot, self.source.is_from_snapshot()) {
            (false, true) => warn!("the source can't be read yet: what its snapshot says is put in force"),
            (true, false) => info!("the source is read: it takes the place of its snapshot"),
            _ => {}
        }
        if !was_in_sync {
            self.tell_start();
        } else if changes.is_empty() {
            return;
        }
        let plan = self.engine.plan();
        self.ledger.forget_changed(plan, &changes);
        let events = self.reconciler.submit(plan, &changes, now);
        info!("revision {}: {} changes passed on", changes.revision, changes.deltas.len());
        self.ledger.take(events, &self.reconciler, now);
    }

    fn tell_start(&self) {
        let (plan, node) = (self.engine.plan(), &self.options.node);
        let policies = plan.policies.iter().filter(|(_, policy)| policy.enforced).count();
        info!(
            node = node.as_str(),
            "node {node}: the source is read: {} endpoints, {policies} policies",
            plan.endpoints.iter().count()
        );
        if !plan.nodes.contains_key(node) {
            warn!(
                node = node.as_str(),
                "there is no Node {node} in the source: is the name right? Nothing is known of the node's own addresses"
            );
        }
    }

    fn waiting(&self) -> usize {
        let failing: Vec<&Object> = self.reconciler.failing().map(|(object, _)| object).collect();
        if failing.contains(&&Object::All) {
            return 0;
        }
        let fails =
            |key: &Key| failing.iter().any(|object| matches!(object, Object::Endpoint(failed) if failed == key));
        let keys = self.engine.plan().endpoints.iter().map(|(_, endpoint)| &endpoint.key);
        keys.filter(|key| self.reconciler.in_force(key).is_none() && !fails(key)).count()
    }

    fn unsupported(&self, (rule, field, done): (&RuleId, &'static str, &'static str)) -> Unsupported {
        let place = self.source.places().get(&rule.policy).map(|place| {
            let rules = if rule.direction == Direction::Ingress { &place.ingress } else { &place.egress };
            let line = rules.get(usize::from(rule.index)).map_or(place.line, |lines| lines.first);
            format!("{}:{line}", place.file)
        });
        Unsupported { rule: rule.clone(), place, field, done }
    }
}
