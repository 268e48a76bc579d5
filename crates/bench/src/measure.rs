//! What is measured of a row.

use crate::ALLOCATOR;
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use stats_alloc::INSTRUMENTED_SYSTEM;
use std::time::{Duration, Instant};

/// What a row took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// User CPU, seconds: of the whole row, or of one operation.
    pub(crate) cpu: f64,
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds that the same takes at the least: the kernel's part, or the cheapest ruleset; 0 where there is no such measure.
    pub(crate) least: f64,
    /// Seconds that Felix's way takes, where it was measured beside; else 0.
    pub(crate) felix: f64,
    /// Bytes in use at the end, by the sizes asked for.
    pub(crate) heap: usize,
    /// The most bytes in use at a time.
    pub(crate) peak: usize,
    /// Allocations.
    pub(crate) allocations: f64,
    /// Deltas emitted.
    pub(crate) deltas: f64,
    /// What it was measured on, or what else there is to say.
    pub(crate) note: String,
    /// Operations that `cpu`, `wall`, `allocations` and `deltas` are the mean of; 0 where they are of the whole.
    pub(crate) operations: u32,
}

/// A measurement under way.
pub(crate) struct Meter {
    cpu: Duration,
    wall: Instant,
    allocations: usize,
}

fn user_cpu() -> Duration {
    let time = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own use").user_time();
    Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1_000)
}

fn allocations() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.allocations + stats.reallocations
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { cpu: user_cpu(), wall: Instant::now(), allocations: allocations() }
    }

    /// What was taken since the start, as of the whole.
    pub(crate) fn stop(self, deltas: usize) -> Measured {
        Measured {
            cpu: (user_cpu() - self.cpu).as_secs_f64(),
            wall: self.wall.elapsed().as_secs_f64(),
            heap: ALLOCATOR.allocated(),
            peak: ALLOCATOR.max_allocated(),
            allocations: (allocations() - self.allocations) as f64,
            deltas: deltas as f64,
            note: String::new(),
            least: 0.0,
            felix: 0.0,
            operations: 0,
        }
    }
}

impl Measured {
    /// The mean of so many operations.
    pub(crate) fn each(self, operations: u32) -> Self {
        let each = |whole: f64| whole / f64::from(operations);
        Self {
            cpu: each(self.cpu),
            wall: each(self.wall),
            allocations: each(self.allocations),
            deltas: each(self.deltas),
            operations,
            ..self
        }
    }
}

/// The one below which this share of them are, in seconds; 0 of none.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let index = (times.len() as f64 * share) as usize;
    times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
}

/// The middle one, in seconds; 0 of none.
pub(crate) fn median(times: &mut [Duration]) -> f64 {
    quantile(times, 0.5)
}
