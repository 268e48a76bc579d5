//! Which policies the node's endpoints have, and whether they are in force.

use crate::{Applied, Progress};
use margay_api::{Key, Update};
use margay_dataplane::{Driver, Object, Reconciler};
use margay_policy::{Changes, Delta, EndpointId, Plan, PolicyId, StackId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is known of the policies; worked out anew only where something has changed.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    /// The generation of each policy that could be read last.
    generations: HashMap<Key, i64>,
    /// The revision of the Plan in which a policy's rules, or what an endpoint has, changed last.
    changed: HashMap<Key, u64>,
    applied: Arc<[Applied]>,
    stale: bool,
}

impl Policies {
    /// Takes in what the source says.
    pub(crate) fn take(&mut self, update: &Update) {
        if !update.key.kind.is_enforced() {
            return;
        }
        self.stale = true;
        match &update.value {
            Some(object) => self.generations.insert(update.key.clone(), object.meta().generation),
            None => self.generations.remove(&update.key),
        };
    }

    /// Takes in what is passed on to the driver.
    pub(crate) fn submitted(&mut self, plan: &Plan, changes: &Changes) {
        for delta in &changes.deltas {
            let changed = match delta {
                Delta::PolicyPut(id) => plan.policies.get(*id).map(|policy| &policy.key),
                Delta::EndpointPut(id) => plan.endpoints.get(*id).map(|endpoint| &endpoint.key),
                Delta::PolicyRemoved(_, policy) => {
                    self.changed.remove(&policy.key);
                    None
                }
                Delta::EndpointRemoved(_, endpoint) => {
                    self.changed.remove(&endpoint.key);
                    None
                }
                _ => None,
            };
            self.changed.extend(changed.map(|key| (key.clone(), changes.revision)));
        }
        self.stale = true;
    }

    /// What the driver did may have changed something.
    pub(crate) fn disturbed(&mut self) {
        self.stale = true;
    }

    /// Each policy that endpoints of the node have, sorted by key.
    pub(crate) fn applied(&self) -> Arc<[Applied]> {
        Arc::clone(&self.applied)
    }

    /// Works it out where something has changed: the cost is that of the node's endpoints and of its stacks' policies.
    pub(crate) fn refresh<D: Driver>(&mut self, plan: &Plan, reconciler: &Reconciler<D>) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let failing: HashMap<&Object, &str> = reconciler.failing().collect();
        // Of endpoints with the same stack, the worst: each is asked for its policies once.
        let mut stacks: HashMap<StackId, Worst> = HashMap::new();
        for (id, endpoint) in plan.endpoints.iter() {
            let error = failing.get(&Object::All).or_else(|| failing.get(&Object::Endpoint(endpoint.key.clone())));
            let changed = self.changed.get(&endpoint.key).copied().unwrap_or_default();
            let in_force = reconciler.in_force(&endpoint.key).filter(|in_force| *in_force >= changed);
            for stack in endpoint.stacks.iter() {
                stacks.entry(stack).or_default().take(id, in_force, error.is_some());
            }
        }
        let mut found: BTreeMap<PolicyId, Worst> = BTreeMap::new();
        for (stack, worst) in stacks {
            let Some(stack) = plan.stacks.get(stack) else { continue };
            let slices = stack.ingress.iter().chain(&stack.egress);
            for policy in slices.flat_map(|slice| &slice.policies) {
                found.entry(*policy).or_default().join(worst);
            }
        }
        let of = |(id, worst): (PolicyId, Worst)| {
            let key = plan.policies.get(id).map(|policy| &policy.key).filter(|key| key.kind.is_enforced())?;
            let fails = failing.get(&Object::Policy(key.clone())).copied();
            let changed = self.changed.get(key).copied().unwrap_or_default();
            let error = || {
                let endpoint = plan.endpoints.get(worst.failing?)?;
                let error =
                    failing.get(&Object::All).or_else(|| failing.get(&Object::Endpoint(endpoint.key.clone())))?;
                Some(format!("{}: {error}", endpoint.key))
            };
            let progress = match fails.map(str::to_owned).or_else(error) {
                Some(error) => Progress::Failed(error),
                None if worst.in_force.is_some_and(|in_force| in_force >= changed) => Progress::Realized,
                None => Progress::Pending,
            };
            let generation = self.generations.get(key).copied().unwrap_or_default();
            Some(Applied { policy: key.clone(), generation, progress })
        };
        let mut applied: Vec<Applied> = found.into_iter().filter_map(of).collect();
        applied.sort_by(|a, b| a.policy.cmp(&b.policy));
        if *applied != *self.applied {
            self.applied = applied.into();
        }
    }
}

/// How it stands with the worst of some endpoints.
#[derive(Clone, Copy, Debug)]
struct Worst {
    /// The revision in which all of them are in force; `None` where one is in none.
    in_force: Option<u64>,
    /// The first that fails.
    failing: Option<EndpointId>,
}

impl Default for Worst {
    /// Of no endpoints.
    fn default() -> Self {
        Self { in_force: Some(u64::MAX), failing: None }
    }
}

impl Worst {
    fn take(&mut self, endpoint: EndpointId, in_force: Option<u64>, fails: bool) {
        self.join(Self { in_force, failing: fails.then_some(endpoint) });
    }

    fn join(&mut self, other: Self) {
        self.in_force = self.in_force.min(other.in_force);
        self.failing = match (self.failing, other.failing) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}
