//! What calls take.

use super::{Error, Operation};
use crate::{Door, Kind};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Measured {
    /// What was asked.
    pub operation: Operation,
    /// Through which door.
    pub door: Door,
    /// Of which kind of object.
    pub kind: Option<Kind>,
}

/// What calls of one kind took so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many there were.
    pub count: u64,
    /// What they took together; for calls that timed out, until they were given up.
    pub sum: Duration,
    /// What the longest took.
    pub max: Duration,
    /// How many of them failed, timeouts included.
    pub failed: u64,
    /// How many of them timed out.
    pub timed_out: u64,
}

#[derive(Default)]
pub(super) struct Latencies(Mutex<BTreeMap<Measured, Latency>>);

impl Latencies {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Measured, Latency>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record<T>(&self, measured: Measured, took: Duration, result: &Result<T, Error>) {
        let mut all = self.lock();
        let latency = all.entry(measured).or_default();
        latency.count += 1;
        latency.sum = latency.sum.saturating_add(took);
        latency.max = latency.max.max(took);
        latency.failed += u64::from(result.is_err());
        latency.timed_out += u64::from(matches!(result, Err(Error::Timeout { .. })));
    }

    pub(super) fn all(&self) -> Vec<(Measured, Latency)> {
        self.lock().iter().map(|(measured, latency)| (*measured, *latency)).collect()
    }
}
