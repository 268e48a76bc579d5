//! What the driver counts, for whoever asks from whatever thread.

use super::lock;
use super::shared::Shared;
use margay_hcn::{Latency, Measured};
use std::collections::BTreeMap;
use std::sync::Weak;

/// Reads what a driver counts, as long as there is that driver.
#[derive(Clone)]
pub struct HnsCounts(pub(super) Weak<Shared>);

/// What a driver counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HnsFigures {
    /// ACLs that endpoints should have, all together.
    pub acls: u64,
    /// Threads that hang in calls that were given up.
    pub lost_threads: u64,
    /// What calls of HNS took so far, by what was asked.
    pub calls: Vec<(Measured, Latency)>,
}

impl HnsCounts {
    /// The figures of now; nothing where the driver is gone.
    pub fn read(&self) -> HnsFigures {
        let Some(shared) = self.0.upgrade() else { return HnsFigures::default() };
        // Each of the two clients measures the doors that it uses.
        let mut calls: BTreeMap<Measured, Latency> = BTreeMap::new();
        for (measured, latency) in shared.hns.latencies().into_iter().chain(shared.v1.latencies()) {
            let all = calls.entry(measured).or_default();
            all.count += latency.count;
            all.sum = all.sum.saturating_add(latency.sum);
            all.max = all.max.max(latency.max);
            all.failed += latency.failed;
            all.timed_out += latency.timed_out;
        }
        let acls = lock(&shared.told).wanted.values().map(|desired| desired.rules.len() as u64).sum();
        let lost_threads = (shared.hns.lost_threads() + shared.v1.lost_threads()) as u64;
        HnsFigures { acls, lost_threads, calls: calls.into_iter().collect() }
    }
}
