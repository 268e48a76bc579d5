//! Flushes: from what was updated to what changed in the Plan.

use crate::Engine;
use crate::policy::Refreshed;
use margay_policy::{Changes, Delta, EndpointId, PolicyId, SetId, StackId};
use smol_str::SmolStr;

impl Engine {
    /// Brings every update since the last flush into the Plan, and says what changed in it: nothing before [`Engine::in_sync`].
    ///
    /// Deltas are in the order of [`Delta::rank`]; inside a rank sets and stacks are by name, routes by destination, the others by key.
    pub fn flush(&mut self) -> Changes {
        if !self.in_sync {
            return Changes::default();
        }
        // First all that comes to be used, then all that goes, so that what both use stays.
        let refreshed = self.refresh_policies();
        let classes = self.stacks.assign(&mut self.cluster);
        self.mark(&classes);
        let mut before = self.assign_recipes();
        let (classes, made) = self.stacks.make(&mut self.cluster, &mut self.policies, &mut self.plan);
        before.extend(made);
        self.mark(&classes);
        let endpoints = self.flush_endpoints();
        let Self { cluster, policies, stacks, plan, .. } = self;
        before.into_iter().for_each(|made| stacks.let_go(cluster, policies, plan, made));
        refreshed.iter().for_each(|refreshed| policies.let_go(cluster, plan, refreshed));
        let nodes = self.flush_nodes();

        let put: Vec<PolicyId> = refreshed.iter().filter_map(|refreshed| refreshed.place).collect();
        let mut sets = self.flush_sets();
        let mut policies = self.flush_policies(put);
        let mut stacks = self.flush_stacks();
        let mut deltas = Vec::new();
        deltas.append(&mut sets.before);
        deltas.append(&mut policies.before);
        deltas.append(&mut stacks.before);
        deltas.extend(nodes.into_iter().map(Delta::Node));
        deltas.extend(self.endpoint_puts(endpoints.put));
        for (id, endpoint) in endpoints.removed {
            self.plan.endpoints.remove(id);
            deltas.push(Delta::EndpointRemoved(id, endpoint));
        }
        deltas.append(&mut stacks.after);
        deltas.append(&mut policies.after);
        deltas.append(&mut sets.after);
        let (removed, added) = self.routes.flush(&mut self.plan);
        deltas.extend(removed.into_iter().map(|route| Delta::RouteRemoved(Box::new(route))));
        deltas.extend(added.into_iter().map(Delta::RouteAdded));
        if !deltas.is_empty() {
            self.plan.revision += 1;
        }
        debug_assert!(deltas.is_sorted_by_key(Delta::rank));
        Changes { revision: self.plan.revision, deltas }
    }

    fn refresh_policies(&mut self) -> Vec<Refreshed> {
        let mut changed: Vec<u32> = self.policies.changed.drain().collect();
        changed.sort_unstable();
        let refresh = |id| self.policies.refresh(&mut self.cluster, &mut self.plan, id);
        changed.into_iter().filter_map(refresh).collect()
    }

    fn flush_nodes(&mut self) -> Vec<SmolStr> {
        let Self { scope, nodes, cluster, plan, endpoints, .. } = self;
        nodes.flush(scope, cluster, plan, |host| endpoints.id(&cluster.names.key(cluster.things.get(host).name)))
    }

    fn endpoint_puts(&self, mut put: Vec<EndpointId>) -> impl Iterator<Item = Delta> + use<> {
        put.sort_by(|a, b| self.plan.endpoints[*a].key.cmp(&self.plan.endpoints[*b].key));
        put.into_iter().map(Delta::EndpointPut)
    }

    fn flush_sets(&mut self) -> Deltas {
        let sets = &mut self.policies.sets;
        let new = std::mem::take(&mut sets.new);
        let gone = std::mem::take(&mut sets.gone);
        let mut deltas = Deltas::default();
        let (mut added, mut staged): (Vec<SetId>, Vec<SetId>) = Default::default();
        for id in std::mem::take(&mut sets.touched) {
            let Some(set) = self.plan.sets.get_mut(id).filter(|_| sets.is_used(id)) else { continue };
            let enforced = sets.is_enforced(id);
            match std::mem::replace(&mut set.enforced, enforced) {
                _ if new.contains(&id) => {}
                false if enforced => added.push(id),
                true if !enforced => staged.push(id),
                _ => {}
            }
        }
        added.extend(new.iter().filter(|id| sets.is_used(**id)));
        let name = |id: &SetId| self.plan.sets[*id].name;
        added.sort_unstable_by_key(name);
        staged.sort_unstable_by_key(name);
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for (id, plus, minus) in sets.take_pending() {
            // A set that is told as new is told whole.
            if added.binary_search_by_key(&name(&id), name).is_err() {
                came.extend(Some((id, plus)).filter(|(_, members)| !members.is_empty()));
                went.extend(Some((id, minus)).filter(|(_, members)| !members.is_empty()));
            }
        }
        came.sort_unstable_by_key(|(id, _)| name(id));
        went.sort_unstable_by_key(|(id, _)| name(id));
        deltas.before.extend(added.into_iter().map(Delta::SetAdded));
        deltas.before.extend(came.into_iter().map(|(id, members)| Delta::MembersAdded(id, members)));
        deltas.after.extend(went.into_iter().map(|(id, members)| Delta::MembersRemoved(id, members)));
        deltas.after.extend(staged.into_iter().map(Delta::SetStaged));
        let mut removed: Vec<_> = gone.into_iter().inspect(|(id, _)| drop(self.plan.sets.remove(*id))).collect();
        removed.retain(|(id, _)| !new.contains(id));
        removed.sort_unstable_by_key(|(_, set)| set.name);
        deltas.after.extend(removed.into_iter().map(|(id, set)| Delta::SetRemoved(id, set)));
        deltas
    }

    fn flush_policies(&mut self, put: Vec<PolicyId>) -> Deltas {
        let policies = &mut self.policies;
        let new = std::mem::take(&mut policies.new);
        let gone = std::mem::take(&mut policies.gone);
        let mut deltas = Deltas::default();
        let (mut added, mut staged) = (put, Vec::new());
        for id in std::mem::take(&mut policies.touched) {
            let Some(policy) = self.plan.policies.get_mut(id).filter(|_| policies.is_used(id)) else { continue };
            let enforced = policies.is_enforced(id);
            match std::mem::replace(&mut policy.enforced, enforced) {
                false if enforced => added.push(id),
                true if !enforced => staged.push(id),
                _ => {}
            }
        }
        added.extend(&new);
        added.retain(|id| policies.is_used(*id));
        let key = |id: &PolicyId| &self.plan.policies[*id].key;
        added.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        added.dedup();
        staged.sort_unstable_by(|a: &PolicyId, b| key(a).cmp(key(b)));
        deltas.before.extend(added.into_iter().map(Delta::PolicyPut));
        deltas.after.extend(staged.into_iter().map(Delta::PolicyStaged));
        let mut removed: Vec<_> = gone.into_iter().inspect(|(id, _)| drop(self.plan.policies.remove(*id))).collect();
        removed.retain(|(id, _)| !new.contains(id));
        removed.sort_unstable_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        deltas.after.extend(removed.into_iter().map(|(id, policy)| Delta::PolicyRemoved(id, policy)));
        deltas
    }

    fn flush_stacks(&mut self) -> Deltas {
        let stacks = &mut self.stacks;
        let new = std::mem::take(&mut stacks.new);
        let gone = std::mem::take(&mut stacks.gone);
        let mut deltas = Deltas::default();
        let (mut added, mut staged) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut stacks.touched) {
            let Some(stack) = self.plan.stacks.get_mut(id).filter(|_| stacks.is_used(id)) else { continue };
            let enforced = stacks.is_enforced(id);
            match std::mem::replace(&mut stack.enforced, enforced) {
                false if enforced => added.push(id),
                true if !enforced => staged.push(id),
                _ => {}
            }
        }
        added.extend(new.iter().filter(|id| stacks.is_used(**id)));
        let name = |id: &StackId| self.plan.stacks[*id].name;
        added.sort_unstable_by_key(name);
        added.dedup();
        staged.sort_unstable_by_key(name);
        deltas.before.extend(added.into_iter().map(Delta::StackAdded));
        deltas.after.extend(staged.into_iter().map(Delta::StackStaged));
        let mut removed: Vec<_> = gone.into_iter().inspect(|(id, _)| drop(self.plan.stacks.remove(*id))).collect();
        removed.retain(|(id, _)| !new.contains(id));
        removed.sort_unstable_by_key(|(_, stack)| stack.name);
        deltas.after.extend(removed.into_iter().map(|(id, stack)| Delta::StackRemoved(id, stack)));
        deltas
    }
}

/// Deltas that come before those of endpoints, and those that come after.
#[derive(Default)]
struct Deltas {
    before: Vec<Delta>,
    after: Vec<Delta>,
}
