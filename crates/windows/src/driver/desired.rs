//! What each endpoint of the Plan should have, and which of them a change touches.

use margay_hcn::AclRule;
use margay_policy::{Changes, Delta, EndpointId, EndpointStacks, Key, Plan, PolicyId, SetId, StackId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::lower::{Lowering, Target, Unsupported};

/// What an endpoint should have.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    /// Its addresses, by which HNS knows it.
    pub(super) addresses: Vec<IpAddr>,
    /// Its rules, in order.
    pub(super) rules: Arc<[AclRule]>,
    /// The revision of the Plan that says so.
    pub(super) revision: u64,
}

/// Every pod of the Plan, with what it should have.
#[derive(Default)]
pub(super) struct Endpoints {
    all: BTreeMap<Key, Pod>,
}

struct Pod {
    desired: Desired,
    unsupported: Vec<Unsupported>,
    uses: Uses,
}

/// What a pod's rules were made of.
#[derive(Default)]
struct Uses {
    stack: Option<StackId>,
    policies: BTreeSet<PolicyId>,
    sets: BTreeSet<SetId>,
}

/// An endpoint that is to be made what it should be.
pub(super) struct Touched {
    pub(super) key: Key,
    pub(super) desired: Desired,
    /// Whether its rules or addresses are others than before.
    pub(super) changed: bool,
    /// Whether it is new, or its addresses are others than before.
    pub(super) moved: bool,
    /// Whether members of sets alone made the difference.
    pub(super) members: bool,
    /// What can't be expressed, where that is not what it was.
    pub(super) unsupported: Vec<Unsupported>,
}

impl Uses {
    fn of(plan: &Plan, stack: StackId) -> Self {
        let tiers = plan.stacks.get(stack).into_iter().flat_map(|stack| stack.ingress.iter().chain(&stack.egress));
        let policies: BTreeSet<PolicyId> = tiers.flat_map(|slice| slice.policies.iter().copied()).collect();
        let rules = policies.iter().filter_map(|id| plan.policies.get(*id));
        let rules = rules.flat_map(|policy| policy.ingress.iter().chain(policy.egress.iter()));
        let sets = rules.flat_map(|rule| rule.rule.sets().copied()).collect();
        Self { stack: Some(stack), policies, sets }
    }
}

impl Endpoints {
    /// Every pod anew: those of the Plan, and no others.
    pub(super) fn replace(&mut self, plan: &Plan, target: &Target) -> Vec<Touched> {
        let pods: Vec<EndpointId> = plan.endpoints.iter().map(|(id, _)| id).collect();
        let there: BTreeSet<&Key> = plan.endpoints.iter().map(|(_, endpoint)| &endpoint.key).collect();
        self.all.retain(|key, _| there.contains(key));
        let lowering = Lowering::new(plan, target);
        pods.into_iter().filter_map(|id| self.put(plan, id, &lowering, false)).collect()
    }

    /// One pod anew; none where the Plan has no such pod.
    pub(super) fn refresh(&mut self, plan: &Plan, key: &Key, target: &Target) -> Option<Touched> {
        let (id, _) = plan.endpoints.iter().find(|(_, endpoint)| endpoint.key == *key)?;
        self.put(plan, id, &Lowering::new(plan, target), false)
    }

    /// What a change touches.
    pub(super) fn update(&mut self, plan: &Plan, changes: &Changes, target: &Target) -> Vec<Touched> {
        let mut whole: BTreeSet<EndpointId> = BTreeSet::new();
        let (mut policies, mut sets, mut nodes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for delta in &changes.deltas {
            match delta {
                Delta::EndpointPut(id) => drop(whole.insert(*id)),
                Delta::EndpointRemoved(_, endpoint) => drop(self.all.remove(&endpoint.key)),
                Delta::PolicyPut(id) => drop(policies.insert(*id)),
                Delta::MembersAdded(id, _) | Delta::MembersRemoved(id, _) => drop(sets.insert(*id)),
                Delta::Node(name) => drop(nodes.insert(name)),
                // Sets, policies and stacks come before, and go after, what refers to them, which is told of as well.
                Delta::SetAdded(_)
                | Delta::SetStaged(_)
                | Delta::SetRemoved(..)
                | Delta::StackAdded(_)
                | Delta::StackStaged(_)
                | Delta::StackRemoved(..)
                | Delta::PolicyStaged(_)
                | Delta::PolicyRemoved(..) => {}
                // Of no endpoint.
                Delta::RouteRemoved(_) | Delta::RouteAdded(_) => {}
            }
        }
        let mut by_members = BTreeSet::new();
        let ids: HashMap<&Key, EndpointId> = plan.endpoints.iter().map(|(id, endpoint)| (&endpoint.key, id)).collect();
        for (key, pod) in &self.all {
            let Some(&id) = ids.get(key) else { continue };
            let of_node = plan.endpoints.get(id).is_some_and(|endpoint| nodes.contains(&endpoint.node));
            if of_node || pod.uses.policies.iter().any(|policy| policies.contains(policy)) {
                whole.insert(id);
            } else if pod.uses.sets.iter().any(|set| sets.contains(set)) {
                by_members.insert(id);
            }
        }
        by_members.retain(|id| !whole.contains(id));
        let lowering = Lowering::new(plan, target);
        let of = |ids: BTreeSet<EndpointId>, members| ids.into_iter().map(move |id| (id, members));
        of(whole, false)
            .chain(of(by_members, true))
            .filter_map(|(id, members)| self.put(plan, id, &lowering, members))
            .collect()
    }

    /// Host endpoints, of which nothing can be enforced: those that a change touches, or all.
    pub(super) fn hosts(plan: &Plan, changes: Option<&Changes>) -> Vec<Key> {
        let touched: Option<BTreeSet<EndpointId>> = changes.map(|changes| {
            let put = changes.deltas.iter().filter_map(|delta| match delta {
                Delta::EndpointPut(id) => Some(*id),
                _ => None,
            });
            put.collect()
        });
        let hosts = plan.endpoints.iter().filter(|(_, endpoint)| !matches!(endpoint.stacks, EndpointStacks::Pod(_)));
        let touched = hosts.filter(|(id, _)| touched.as_ref().is_none_or(|touched| touched.contains(id)));
        touched.map(|(_, endpoint)| endpoint.key.clone()).collect()
    }

    /// Whether there is such a pod.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.all.contains_key(key)
    }

    /// What each pod should have.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Desired)> {
        self.all.iter().map(|(key, pod)| (key, &pod.desired))
    }

    fn put(&mut self, plan: &Plan, id: EndpointId, lowering: &Lowering<'_>, members: bool) -> Option<Touched> {
        let endpoint = plan.endpoints.get(id)?;
        let EndpointStacks::Pod(stack) = endpoint.stacks else { return None };
        let lowered = lowering.of(id);
        let rules: Arc<[AclRule]> = lowered.rules.into_iter().map(|lowered| lowered.rule).collect();
        let desired = Desired { addresses: endpoint.addresses.clone(), rules, revision: plan.revision };
        let unsupported = lowered.unsupported;
        let before = self.all.get(&endpoint.key);
        let moved = before.is_none_or(|pod| pod.desired.addresses != desired.addresses);
        let changed = moved || before.is_some_and(|pod| pod.desired.rules != desired.rules);
        let said = before.is_some_and(|pod| pod.unsupported == unsupported);
        let touched = Touched {
            key: endpoint.key.clone(),
            desired: desired.clone(),
            changed,
            moved,
            members,
            unsupported: if said { Vec::new() } else { unsupported.clone() },
        };
        let uses = match before {
            Some(pod) if members && pod.uses.stack == Some(stack) => None,
            _ => Some(Uses::of(plan, stack)),
        };
        match self.all.get_mut(&endpoint.key) {
            Some(pod) => {
                (pod.desired, pod.unsupported) = (desired, unsupported);
                pod.uses = uses.unwrap_or(std::mem::take(&mut pod.uses));
            }
            None => {
                let uses = uses.unwrap_or_default();
                self.all.insert(endpoint.key.clone(), Pod { desired, unsupported, uses });
            }
        }
        Some(touched)
    }
}
