//! Endpoints that wait for their policy.

use margay_api::Key;
use margay_dataplane::{Driver, Object, Reconciler};
use margay_policy::Plan;
use std::collections::BTreeMap;
use std::time::Instant;

/// Since when each endpoint waits of which the driver has not said yet that its policy is in force, nor that it failed; and since when one has none in force
/// for whatever reason.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    waiting: usize,
    since: BTreeMap<Key, Instant>,
}

impl Waits {
    /// Looks who waits now.
    pub(crate) fn look<D: Driver>(&mut self, plan: &Plan, reconciler: &Reconciler<D>, now: Instant) {
        let failing: Vec<&Object> = reconciler.failing().map(|(object, _)| object).collect();
        let all_fail = failing.contains(&&Object::All);
        let fails =
            |key: &Key| failing.iter().any(|object| matches!(object, Object::Endpoint(failed) if failed == key));
        let keys = plan.endpoints.iter().map(|(_, endpoint)| &endpoint.key);
        let (mut waiting, mut since) = (0, BTreeMap::new());
        for key in keys {
            let failed = all_fail || fails(key);
            if reconciler.in_force(key).is_some() && !failed {
                continue;
            }
            waiting += usize::from(!failed);
            since.insert(key.clone(), self.since.remove(key).unwrap_or(now));
        }
        *self = Self { waiting, since };
    }

    /// How many wait to be heard of.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Since when the one has waited, or failed, that does so longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.since.values().min().copied()
    }
}
