//! The loop.

use crate::applied::Policies;
use crate::ledger::Ledger;
use crate::waits::Waits;
use crate::{Latency, Observer, Signals, Status, Unsupported, Waker};
use margay_api::Severity;
use margay_dataplane::{self as dataplane, Driver, Reconciler};
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
    waits: Waits,
    observers: Vec<Box<dyn Observer>>,
    policies: Policies,
    in_sync: bool,
    next_poll: Instant,
    under_way: Option<UnderWay>,
    commits: Latency,
}

/// A change of which the driver has not said yet that it is in force.
struct UnderWay {
    revision: u64,
    heard: Instant,
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
            waits: Waits::default(),
            observers: Vec::new(),
            policies: Policies::default(),
            in_sync: false,
            next_poll: now,
            under_way: None,
            commits: Latency::default(),
        }
    }

    /// Has it watched from now on.
    pub fn watch(&mut self, observer: Box<dyn Observer>) {
        self.observers.push(observer);
    }

    fn tell(&mut self, tell: impl Fn(&mut dyn Observer)) {
        self.observers.iter_mut().for_each(|observer| tell(&mut **observer));
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
            let next = deadline.map_or(next, |deadline| next.min(deadline));
            self.tell(|observer| observer.sleeps(next));
            let signals = waker.wait(next);
            self.tell(|observer| observer.wakes());
            let now = Instant::now();
            if signals.stop || deadline.is_some_and(|deadline| deadline <= now) {
                return;
            }
            self.step(signals, now);
            let status = self.status();
            if reported.as_ref() != Some(&status) {
                self.tell(|observer| observer.status(&status));
                if report(&status).is_break() {
                    return;
                }
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
            self.take(events, now);
            self.waits.look(self.engine.plan(), &self.reconciler, now);
            self.policies.refresh(self.engine.plan(), &self.reconciler);
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
            revision: plan.revision,
            endpoints: plan.endpoints.iter().count(),
            policies: plan.policies.iter().filter(|(_, policy)| policy.enforced).count(),
            waiting: self.waits.len(),
            failing: Vec::new(),
            unsupported: self.ledger.unsupported().map(|unsupported| self.unsupported(unsupported)).collect(),
            applied: self.policies.applied(),
            drift: None,
            oldest: self.waits.oldest(),
            metrics: self.reconciler.metrics(),
            commits: self.commits,
        };
        self.ledger.fill(&mut status);
        status
    }

    /// Takes in what the source has, and passes on what that changes.
    fn read(&mut self, now: Instant) {
        let (was_in_sync, start) = (self.in_sync, Instant::now());
        for event in self.source.poll() {
            match event {
                Event::Update(update) => {
                    self.tell(|observer| observer.updated(&update));
                    self.engine.take(&update);
                    self.policies.take(&update);
                }
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
                    self.tell(|observer| observer.complained(&problem));
                }
            }
        }
        if !self.in_sync {
            return;
        }
        let changes = self.engine.flush();
        if !was_in_sync {
            self.tell_start();
        } else if changes.is_empty() {
            return;
        }
        let plan = self.engine.plan();
        let planned = start.elapsed();
        self.observers.iter_mut().for_each(|observer| observer.planned(plan, &changes, planned));
        self.ledger.forget_changed(plan, &changes);
        self.policies.submitted(plan, &changes);
        let start = Instant::now();
        let events = self.reconciler.submit(plan, &changes, now);
        let submitted = start.elapsed();
        self.observers.iter_mut().for_each(|observer| observer.submitted(plan, &changes, submitted));
        info!("revision {}: {} changes passed on", changes.revision, changes.deltas.len());
        // The start takes as long as there is to read: no change is late by it.
        if was_in_sync && self.under_way.is_none() {
            let heard = self.source.heard();
            self.under_way = heard.map(|heard| UnderWay { revision: changes.revision, heard });
        }
        self.take(events, now);
    }

    /// Takes in what the driver said.
    fn take(&mut self, events: Vec<dataplane::Event>, now: Instant) {
        if !events.is_empty() {
            self.policies.disturbed();
        }
        let applied = events.iter().filter_map(|event| match event {
            dataplane::Event::Applied { revision, .. } => Some(*revision),
            _ => None,
        });
        let applied = applied.max();
        if let Some(change) = self.under_way.take_if(|change| applied >= Some(change.revision)) {
            self.commits.add(change.heard.elapsed());
        }
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

    fn unsupported(&self, (rule, field, done): (&RuleId, &'static str, &'static str)) -> Unsupported {
        let place = self.source.places().get(&rule.policy).map(|place| {
            let rules = if rule.direction == Direction::Ingress { &place.ingress } else { &place.egress };
            let line = rules.get(usize::from(rule.index)).map_or(place.line, |lines| lines.first);
            format!("{}:{line}", place.file)
        });
        Unsupported { rule: rule.clone(), place, field, done }
    }
}
