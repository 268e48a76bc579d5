//! A Plan kept by nothing but its deltas.

use margay_api::Prefix;
use margay_policy::{
    Changes, Delta, Endpoint, EndpointId, Member, NodeInfo, Plan, PlanRule, PolicyId, Route, SetId, Stack, StackId,
};
use std::collections::{BTreeMap, BTreeSet};

type Rules = Vec<PlanRule<SetId>>;

/// What a driver knows that reads of the Plan only what a delta names.
#[derive(Default, Debug, PartialEq)]
pub(crate) struct Mirror {
    sets: BTreeMap<SetId, (bool, BTreeSet<Member>)>,
    policies: BTreeMap<PolicyId, (bool, Rules, Rules, String)>,
    stacks: BTreeMap<StackId, Stack>,
    endpoints: BTreeMap<EndpointId, Endpoint>,
    nodes: BTreeMap<String, (NodeInfo, Option<EndpointId>)>,
    routes: BTreeMap<Prefix, Route>,
    revision: u64,
}

impl Mirror {
    /// What the Plan is.
    fn of(plan: &Plan) -> Self {
        let mut mirror = Self { revision: plan.revision, ..Self::default() };
        plan.sets.iter().for_each(|(id, _)| mirror.put_set(plan, id));
        plan.policies.iter().for_each(|(id, _)| mirror.put_policy(plan, id));
        mirror.stacks = plan.stacks.iter().map(|(id, stack)| (id, stack.clone())).collect();
        mirror.endpoints = plan.endpoints.iter().map(|(id, endpoint)| (id, endpoint.clone())).collect();
        plan.nodes.keys().for_each(|name| mirror.put_node(plan, name));
        mirror.routes.clone_from(&plan.routes);
        mirror
    }

    /// Applies changes one by one; an error where one makes no sense, where something refers to what is not there, or where the outcome is not the
    /// Plan.
    pub(crate) fn apply(&mut self, plan: &Plan, changes: &Changes) -> Result<(), String> {
        let mut gone = BTreeSet::new();
        if !changes.deltas.is_sorted_by_key(Delta::rank) {
            return Err(format!("deltas out of order: {changes:?}"));
        }
        for delta in &changes.deltas {
            self.apply_one(plan, delta, &mut gone).map_err(|error| format!("{error}: {delta:?}"))?;
            self.dangling().map_or(Ok(()), |what| Err(format!("{what} after {delta:?}")))?;
        }
        self.revision = changes.revision;
        let expected = Self::of(plan);
        if *self != expected {
            return Err(format!("the mirror is {self:#?}\nthe Plan {expected:#?}\nafter {changes:#?}"));
        }
        let addresses = |host: bool| plan.endpoints.iter().filter(move |(_, e)| e.interface.is_some() == host);
        let pods = addresses(false).filter(|(_, e)| e.key.kind == margay_policy::Kind::Pod);
        let pods: BTreeMap<_, _> = pods.flat_map(|(id, e)| e.addresses.iter().map(move |a| (*a, id))).collect();
        if pods != plan.pods.iter().map(|(address, id)| (*address, *id)).collect() {
            return Err(format!("addresses of pods {:?} of {pods:?}", plan.pods));
        }
        let own = plan.nodes.values().flat_map(|info| info.addresses.iter().map(|a| (*a, info.name.clone())));
        if own.clone().collect::<BTreeMap<_, _>>() != plan.node_addresses.clone().into_iter().collect() {
            return Err(format!("addresses of nodes {:?} of {:?}", plan.node_addresses, own.collect::<Vec<_>>()));
        }
        Ok(())
    }

    fn apply_one(&mut self, plan: &Plan, delta: &Delta, gone: &mut BTreeSet<(u8, u32)>) -> Result<(), String> {
        let need = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        match delta {
            Delta::SetAdded(id) => {
                let known = self.sets.get(id).map(|(enforced, _)| *enforced);
                need(!gone.contains(&(0, id.0)), "a place used again")?;
                need(known.is_none() || known == Some(false) && plan.sets[*id].enforced, "not new")?;
                self.put_set(plan, *id);
            }
            Delta::MembersAdded(id, members) => {
                let set = &mut self.sets.get_mut(id).ok_or("no such set")?.1;
                need(members.is_sorted() && !members.is_empty(), "members out of order")?;
                need(members.iter().all(|member| set.insert(*member)), "a member that was there")?;
            }
            Delta::MembersRemoved(id, members) => {
                let set = &mut self.sets.get_mut(id).ok_or("no such set")?.1;
                need(members.is_sorted() && !members.is_empty(), "members out of order")?;
                need(members.iter().all(|member| set.remove(member)), "a member that was not there")?;
            }
            Delta::SetStaged(id) => {
                let set = self.sets.get_mut(id).ok_or("no such set")?;
                need(std::mem::take(&mut set.0), "it was not enforced")?;
            }
            Delta::SetRemoved(id, _) => {
                need(self.sets.remove(id).is_some() && gone.insert((0, id.0)), "no such set")?;
            }
            Delta::PolicyPut(id) => {
                let before = self.policies.get(id).cloned();
                self.put_policy(plan, *id);
                need(before.as_ref() != self.policies.get(id), "nothing changed")?;
            }
            Delta::PolicyStaged(id) => {
                let policy = self.policies.get_mut(id).ok_or("no such policy")?;
                need(std::mem::take(&mut policy.0), "it was not enforced")?;
            }
            Delta::PolicyRemoved(id, _) => need(self.policies.remove(id).is_some(), "no such policy")?,
            Delta::StackAdded(id) => {
                let before = self.stacks.insert(*id, plan.stacks[*id].clone());
                need(before.is_none_or(|stack| !stack.enforced && plan.stacks[*id].enforced), "not new")?;
            }
            Delta::StackStaged(id) => {
                let stack = self.stacks.get_mut(id).ok_or("no such stack")?;
                need(std::mem::take(&mut stack.enforced), "it was not enforced")?;
            }
            Delta::StackRemoved(id, _) => need(self.stacks.remove(id).is_some(), "no such stack")?,
            Delta::Node(name) => {
                let before = self.nodes.remove(name.as_str());
                self.put_node(plan, name);
                need(before.as_ref() != self.nodes.get(name.as_str()), "nothing changed")?;
            }
            Delta::EndpointPut(id) => {
                let endpoint = plan.endpoints[*id].clone();
                need(self.endpoints.insert(*id, endpoint.clone()) != Some(endpoint), "nothing changed")?;
            }
            Delta::EndpointRemoved(id, _) => need(self.endpoints.remove(id).is_some(), "no such endpoint")?,
            Delta::RouteRemoved(old) => {
                need(self.routes.remove(&old.destination).as_ref() == Some(&**old), "no such route")?;
                need(plan.routes.get(&old.destination) != Some(&**old), "the route is there")?;
            }
            Delta::RouteAdded(to) => {
                need(self.routes.insert(*to, plan.routes[to].clone()).is_none(), "not removed before")?;
            }
        }
        Ok(())
    }

    fn put_set(&mut self, plan: &Plan, id: SetId) {
        let set = &plan.sets[id];
        self.sets.insert(id, (set.enforced, set.members.iter().collect()));
    }

    fn put_policy(&mut self, plan: &Plan, id: PolicyId) {
        let policy = &plan.policies[id];
        self.policies
            .insert(id, (policy.enforced, policy.ingress.to_vec(), policy.egress.to_vec(), policy.tier.to_string()));
    }

    fn put_node(&mut self, plan: &Plan, name: &str) {
        if let Some(info) = plan.nodes.get(name) {
            self.nodes.insert(name.to_owned(), (info.clone(), plan.uplinks.get(name).copied()));
        }
    }

    /// What is referred to and not there, or enforced by what is not enforced.
    fn dangling(&self) -> Option<String> {
        let policies = self.policies.iter().find_map(|(id, (enforced, ingress, egress, _))| {
            let sets = ingress.iter().chain(egress).flat_map(|rule| rule.rule.sets());
            let lost = |set: &&SetId| self.sets.get(set).is_none_or(|(in_force, _)| *enforced && !in_force);
            sets.into_iter().find(lost).map(|set| format!("{set:?} of {id:?}"))
        });
        let stacks = self.stacks.iter().find_map(|(id, stack)| {
            let slices = stack.ingress.iter().chain(&stack.egress);
            let lost = |policy: &&PolicyId| self.policies.get(policy).is_none_or(|p| stack.enforced && !p.0);
            slices.flat_map(|slice| &slice.policies).find(lost).map(|policy| format!("{policy:?} of {id:?}"))
        });
        let endpoints = self.endpoints.iter().find_map(|(id, endpoint)| {
            let enforced = endpoint.stacks.iter().find(|stack| self.stacks.get(stack).is_none_or(|s| !s.enforced));
            let staged = endpoint.staged.and_then(|staged| staged.iter().find(|s| !self.stacks.contains_key(s)));
            enforced.or(staged).map(|stack| format!("{stack:?} of {id:?}"))
        });
        policies.or(stacks).or(endpoints)
    }
}
