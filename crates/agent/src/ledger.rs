//! What is remembered of a driver's events, and the lines of the log about them.

use crate::{Drift, Failing, Status};
use margay_dataplane::{Driver, Event, Object, Reconciler, Retry};
use margay_policy::{Changes, Delta, Plan, RuleId};
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;
use tracing::{info, warn};

/// Characters that are kept of what was found.
const LONGEST: usize = 500;

/// What fails since when, what can't be expressed, what drifted last.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    failing: BTreeMap<Object, (Instant, String)>,
    unsupported: BTreeMap<(RuleId, &'static str), &'static str>,
    drift: Option<Drift>,
}

impl Ledger {
    /// Forgets what was said of rules that changed: if it still holds, it is said again.
    pub(crate) fn forget_changed(&mut self, plan: &Plan, changes: &Changes) {
        if self.unsupported.is_empty() {
            return;
        }
        let changed = changes.deltas.iter().filter_map(|delta| match delta {
            Delta::PolicyPut(id) | Delta::PolicyStaged(id) => plan.policies.get(*id).map(|policy| &policy.key),
            Delta::PolicyRemoved(_, policy) => Some(&policy.key),
            _ => None,
        });
        let changed: HashSet<_> = changed.collect();
        self.unsupported.retain(|(rule, _), _| !changed.contains(&rule.policy));
    }

    /// Takes in what happened.
    pub(crate) fn take<D: Driver>(&mut self, events: Vec<Event>, reconciler: &Reconciler<D>, now: Instant) {
        let mut found = Vec::new();
        for event in events {
            match event {
                Event::Applied { .. } => {}
                Event::Failed { object, error, retry } => self.failed(object, error, retry, now),
                Event::Unsupported { rule, field, done } => {
                    if self.unsupported.insert((rule.clone(), field), done) != Some(done) {
                        let RuleId { policy, direction, index } = rule;
                        warn!(object = %policy, "{policy} {direction} rule {index}: {field} can't be expressed: {done}");
                    }
                }
                Event::Drift { object, found: what } => found.push((object, what)),
            }
        }
        if !found.is_empty() {
            self.drifted(found, now);
        }
        let failing: HashSet<&Object> = reconciler.failing().map(|(object, _)| object).collect();
        self.failing.retain(|object, (since, _)| {
            let fails = failing.contains(object);
            if !fails {
                info!(%object, "{object} is in force again after {:.1} s", (now - *since).as_secs_f32());
            }
            fails
        });
    }

    fn failed(&mut self, object: Object, error: String, retry: Retry, now: Instant) {
        let (_, known) = self.failing.entry(object.clone()).or_insert_with(|| (now, String::new()));
        // A failure that lasts is said once, not at each attempt.
        if *known != error {
            let again = if retry == Retry::Never { "not before something changes" } else { "soon" };
            warn!(%object, %error, "{object} failed (it is tried again {again}): {error}");
            *known = error;
        }
    }

    fn drifted(&mut self, mut found: Vec<(Object, String)>, now: Instant) {
        let more = found.len().saturating_sub(Drift::MOST);
        found.truncate(Drift::MOST);
        for (object, what) in &mut found {
            if let Some((end, _)) = what.char_indices().nth(LONGEST) {
                what.truncate(end);
                what.push('…');
            }
            warn!(%object, "{object} was changed by someone else, and is mended: {what}");
        }
        if more > 0 {
            warn!("{more} more differences");
        }
        self.drift = Some(Drift { at: now, found, more });
    }

    /// Writes what is remembered into a status.
    pub(crate) fn fill(&self, status: &mut Status) {
        let failing = self.failing.iter();
        status.failing = failing
            .map(|(object, (since, error))| Failing { object: object.clone(), error: error.clone(), since: *since })
            .collect();
        status.drift = self.drift.clone();
    }

    /// Rules that can't be expressed, the field of each, and what was done.
    pub(crate) fn unsupported(&self) -> impl Iterator<Item = (&RuleId, &'static str, &'static str)> {
        self.unsupported.iter().map(|((rule, field), done)| (rule, *field, *done))
    }
}
