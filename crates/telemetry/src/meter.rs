//! What is written down of an agent at work.

use crate::figures::Sampled;
use crate::health::{Beat, Health, ready};
use crate::{Platform, metrics};
use margay_agent::{Observer, Status};
use margay_api::{Problem, Severity, Update};
use margay_policy::{Changes, Delta, Plan};
use prometheus_client::metrics::histogram::Histogram;
use smol_str::SmolStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Buckets of times: 10 µs to 20 s, a factor of three or so from one to the next.
const TIMES: [f64; 14] =
    [0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 20.0];

/// What is known of an agent, for whoever asks from whatever thread. Clones are of the same agent.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) node: SmolStr,
    pub(crate) planned: Histogram,
    pub(crate) applied: Histogram,
    seen: Mutex<Seen>,
    platform: Mutex<Sampled>,
    counters: Mutex<Vec<Counters>>,
}

/// Counters that someone else keeps, each with its name in metrics.
type Counters = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send>;

/// What was seen of the agent so far.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    beat: Beat,
    pub(crate) status: Option<Status>,
    pub(crate) sets: usize,
    pub(crate) members: usize,
    pub(crate) updates: u64,
    pub(crate) changes: u64,
    /// By severity: errors, warnings, notes.
    pub(crate) problems: [u64; 3],
}

impl Telemetry {
    /// Of an agent that is about to start.
    pub fn new(node: SmolStr, now: Instant) -> Self {
        let seen = Seen {
            beat: Beat::Works(now),
            status: None,
            sets: 0,
            members: 0,
            updates: 0,
            changes: 0,
            problems: [0; 3],
        };
        Self(Arc::new(Shared {
            node,
            planned: Histogram::new(TIMES),
            applied: Histogram::new(TIMES),
            seen: Mutex::new(seen),
            platform: Mutex::default(),
            counters: Mutex::default(),
        }))
    }

    /// What watches the agent.
    pub fn meter(&self) -> Meter {
        Meter(self.clone())
    }

    /// Asks this for what the data plane counts.
    pub fn set_platform(&self, platform: Box<dyn Platform>) {
        lock(&self.0.platform).set(platform);
    }

    /// Asks this for counters that are kept elsewhere, by their names without `margay_` and `_total`: only those that are known are given.
    pub fn count(&self, counters: impl Fn() -> Vec<(&'static str, u64)> + Send + 'static) {
        lock(&self.0.counters).push(Box::new(counters));
    }

    /// How an agent is doing that does not run yet, since it waits for its data plane.
    pub fn waits(&self, status: &Status, until: Instant) {
        let mut meter = self.meter();
        meter.status(status);
        meter.sleeps(until);
    }

    /// Whether its loop turns.
    pub fn live(&self, now: Instant) -> Health {
        self.seen().beat.health(now)
    }

    /// Whether it does its work.
    pub fn ready(&self, now: Instant) -> Health {
        let seen = self.seen().clone();
        match seen.beat.health(now) {
            stuck if !stuck.is_ok() => stuck,
            _ => ready(seen.status.as_ref()),
        }
    }

    /// Its metrics as Prometheus reads them.
    pub fn metrics(&self, now: Instant) -> String {
        let figures = lock(&self.0.platform).figures(now);
        let elsewhere = lock(&self.0.counters).iter().flat_map(|counters| counters()).collect();
        let seen = self.seen().clone();
        metrics::text(&self.0, seen, figures, elsewhere, now)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.0.seen)
    }
}

/// Numbers stay numbers whoever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches an agent for its [`Telemetry`].
pub struct Meter(Telemetry);

impl Observer for Meter {
    fn sleeps(&mut self, until: Instant) {
        self.0.seen().beat = Beat::Sleeps(until);
    }

    fn wakes(&mut self) {
        self.0.seen().beat = Beat::Works(Instant::now());
    }

    fn updated(&mut self, _: &Update) {
        self.0.seen().updates += 1;
    }

    fn complained(&mut self, problem: &Problem) {
        let index = match problem.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Note => 2,
        };
        self.0.seen().problems[index] += 1;
    }

    fn planned(&mut self, _: &Plan, changes: &Changes, took: Duration) {
        self.0.0.planned.observe(took.as_secs_f64());
        self.0.seen().changes += changes.deltas.len() as u64;
    }

    fn submitted(&mut self, plan: &Plan, changes: &Changes, took: Duration) {
        self.0.0.applied.observe(took.as_secs_f64());
        let about_sets = |delta: &Delta| {
            matches!(
                delta,
                Delta::SetAdded(_)
                    | Delta::MembersAdded(..)
                    | Delta::MembersRemoved(..)
                    | Delta::SetStaged(_)
                    | Delta::SetRemoved(..)
            )
        };
        if changes.deltas.iter().any(about_sets) {
            let sizes = plan.sets.iter().filter(|(_, set)| set.enforced).map(|(_, set)| set.members.len());
            let (sets, members) = sizes.fold((0, 0), |(sets, members), size| (sets + 1, members + size));
            let mut seen = self.0.seen();
            (seen.sets, seen.members) = (sets, members);
        }
    }

    fn status(&mut self, status: &Status) {
        self.0.seen().status = Some(status.clone());
    }
}
