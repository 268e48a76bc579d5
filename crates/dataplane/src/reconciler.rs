//! Desired against real: when to try again, when to look.

use crate::{Driver, Event, Object, Retry};
use margay_policy::{Changes, Delta, Key, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The first wait after a failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often what is really there is compared with the Plan.
const LOOK_EVERY: Duration = Duration::from_secs(90);
/// The least time between two such looks, however often a driver says that it is disturbed.
const LOOK_AT_MOST: Duration = Duration::from_secs(1);

/// Stands between the engine and a driver.
///
/// Time comes in with each call and need only not go backwards; [`next_wake`](Self::next_wake) says when to call [`poll`](Self::poll) again.
pub struct Reconciler<D> {
    driver: D,
    failing: BTreeMap<Object, Failure>,
    /// The revision in which all endpoints' policies are known to be in force, for drivers that apply all at once.
    all_in_force: Option<u64>,
    /// The same for one endpoint.
    in_force: BTreeMap<Key, u64>,
    /// What was found to differ from the Plan, and is to be mended.
    drifted: BTreeSet<Object>,
    next_look: Instant,
    last_look: Option<Instant>,
    started: bool,
    metrics: Metrics,
}

/// How it goes, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Objects applied.
    pub applied: u64,
    /// Objects that failed.
    pub failed: u64,
    /// Objects found to differ from what they should be.
    pub drifted: u64,
    /// Retries.
    pub retries: u64,
}

#[derive(Debug)]
struct Failure {
    error: String,
    wait: Duration,
    /// `None`: not before something changes.
    again: Option<Instant>,
}

impl<D: Driver> Reconciler<D> {
    /// Around a driver that has not been told anything yet.
    pub fn new(driver: D, now: Instant) -> Self {
        Self {
            driver,
            failing: BTreeMap::new(),
            all_in_force: None,
            in_force: BTreeMap::new(),
            drifted: BTreeSet::new(),
            next_look: now + LOOK_EVERY,
            last_look: None,
            started: false,
            metrics: Metrics::default(),
        }
    }

    /// The driver.
    pub fn driver(&mut self) -> &mut D {
        &mut self.driver
    }

    /// Passes a change of the Plan on, and takes in what came of it at once.
    pub fn submit(&mut self, plan: &Plan, changes: &Changes, now: Instant) -> Vec<Event> {
        if !self.started {
            self.started = true;
            self.driver.resync(plan, None);
        } else if !changes.is_empty() {
            self.driver.submit(plan, changes);
        }
        let events = self.mend(plan, now);
        for delta in &changes.deltas {
            if let Delta::EndpointRemoved(_, endpoint) = delta {
                self.in_force.remove(&endpoint.key);
                self.failing.remove(&Object::Endpoint(endpoint.key.clone()));
            }
        }
        events
    }

    /// Tries again what is due, looks when it is time to or the driver is disturbed, and takes in what happened.
    pub fn poll(&mut self, plan: &Plan, now: Instant) -> Vec<Event> {
        let due = self.failing.iter().filter(|(_, failure)| failure.again.is_some_and(|again| again <= now));
        let due: Vec<Object> = due.map(|(object, _)| object.clone()).collect();
        for object in due {
            self.metrics.retries += 1;
            self.driver.resync(plan, Some(&object));
        }
        if self.started && self.driver.disturbed() {
            let soon = self.last_look.map_or(now, |last| now.max(last + LOOK_AT_MOST));
            self.next_look = self.next_look.min(soon);
        }
        if self.started && self.next_look <= now { self.look(plan, now) } else { self.mend(plan, now) }
    }

    /// Compares what is really there with the Plan now, and mends what differs: on a notification that something foreign changed it.
    pub fn look(&mut self, plan: &Plan, now: Instant) -> Vec<Event> {
        self.next_look = now + LOOK_EVERY;
        self.last_look = Some(now);
        self.driver.observe(plan);
        self.mend(plan, now)
    }

    /// Takes in what happened, and mends what was found to differ, whenever a driver that looks on a thread of its own comes to say so.
    fn mend(&mut self, plan: &Plan, now: Instant) -> Vec<Event> {
        let mut events = self.take(now);
        let drifted = std::mem::take(&mut self.drifted);
        if !drifted.is_empty() {
            drifted.iter().for_each(|object| self.driver.resync(plan, Some(object)));
            events.extend(self.take(now));
        }
        events
    }

    fn take(&mut self, now: Instant) -> Vec<Event> {
        let events = self.driver.events();
        for event in &events {
            match event {
                Event::Applied { object, revision } => {
                    self.metrics.applied += 1;
                    self.applied(object, *revision);
                }
                Event::Failed { object, error, retry } => {
                    self.metrics.failed += 1;
                    let failure = self.failing.entry(object.clone()).or_insert(Failure {
                        error: String::new(),
                        wait: FIRST_WAIT / 2,
                        again: None,
                    });
                    failure.error.clone_from(error);
                    failure.wait = LONGEST_WAIT.min(failure.wait * 2);
                    failure.again = (*retry == Retry::Backoff).then_some(now + failure.wait);
                }
                Event::Drift { object, .. } => {
                    self.metrics.drifted += 1;
                    self.drifted.insert(object.clone());
                }
                Event::Unsupported { .. } => {}
            }
        }
        events
    }

    fn applied(&mut self, object: &Object, revision: u64) {
        match object {
            Object::All => {
                self.failing.clear();
                self.all_in_force = Some(revision);
            }
            _ => {
                self.failing.remove(object);
            }
        }
        if let Object::Endpoint(key) = object {
            self.in_force.insert(key.clone(), revision);
        }
    }

    /// The revision of the Plan in which the policy of an endpoint (one that the Plan has) is known to be in force.
    pub fn in_force(&self, endpoint: &Key) -> Option<u64> {
        self.in_force.get(endpoint).copied().max(self.all_in_force)
    }

    /// What fails at present, with the error.
    pub fn failing(&self) -> impl Iterator<Item = (&Object, &str)> {
        self.failing.iter().map(|(object, failure)| (object, failure.error.as_str()))
    }

    /// When [`poll`](Self::poll) has something to do at the latest.
    pub fn next_wake(&self) -> Instant {
        self.failing.values().filter_map(|failure| failure.again).fold(self.next_look, Instant::min)
    }

    /// How it goes.
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }
}
