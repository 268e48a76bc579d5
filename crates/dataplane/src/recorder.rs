//! A driver that only remembers.

use crate::{Driver, Event, Object, Retry};
use margay_net::Prefix;
use margay_policy::{Changes, Delta, Endpoint, IpSet, Key, Member, Name, Plan, PlanPolicy, Route, Stack};
use std::collections::{BTreeMap, BTreeSet};

/// What a [`Recorder`] has "programmed": it outlives the recorder, as a kernel's table outlives a driver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    sets: BTreeMap<Name, BTreeSet<Member>>,
    policies: BTreeMap<Name, Policy>,
    stacks: BTreeMap<Name, BTreeSet<Name>>,
    endpoints: BTreeMap<Key, (Vec<std::net::IpAddr>, Vec<Name>)>,
    routes: BTreeMap<Prefix, Route>,
}

#[derive(Clone, Debug, PartialEq)]
struct Policy {
    rules: String,
    sets: BTreeSet<Name>,
}

impl State {
    /// What a Plan asks for.
    pub fn of(plan: &Plan) -> Self {
        let enforced = |(_, set): &(_, &IpSet)| set.enforced;
        Self {
            sets: plan.sets.iter().filter(enforced).map(|(_, s)| (s.name, s.members.iter().collect())).collect(),
            policies: plan.policies.iter().filter(|(_, p)| p.enforced).map(|(_, p)| policy(plan, p)).collect(),
            stacks: plan.stacks.iter().filter(|(_, s)| s.enforced).map(|(_, s)| stack(plan, s)).collect(),
            endpoints: plan.endpoints.iter().map(|(_, e)| endpoint(plan, e)).collect(),
            routes: plan.routes.clone(),
        }
    }

    /// Whether nothing is programmed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Forgets one endpoint, as a stranger's hand might. Returns whether there was one.
    pub fn tamper(&mut self) -> bool {
        self.endpoints.pop_first().is_some()
    }

    /// Forgets one route. Returns whether there was one.
    pub fn tamper_route(&mut self) -> bool {
        self.routes.pop_first().is_some()
    }

    /// The first reference to something that is not there, in words.
    fn dangling(&self) -> Option<String> {
        let sets = self.policies.values().flat_map(|policy| &policy.sets);
        let policies = self.stacks.values().flatten();
        let stacks = self.endpoints.values().flat_map(|(_, stacks)| stacks);
        let set = sets.filter(|name| !self.sets.contains_key(name)).map(|name| format!("a rule refers to set {name}"));
        let policy =
            policies.filter(|name| !self.policies.contains_key(name)).map(|n| format!("a stack refers to policy {n}"));
        let stack =
            stacks.filter(|name| !self.stacks.contains_key(name)).map(|n| format!("an endpoint refers to stack {n}"));
        set.chain(policy).chain(stack).next()
    }
}

fn policy(plan: &Plan, policy: &PlanPolicy) -> (Name, Policy) {
    let named = |rules: &[margay_policy::PlanRule<_>]| {
        rules.iter().map(|r| (r.index, r.rule.map(|set| plan.sets[*set].name))).collect::<Vec<_>>()
    };
    let all = policy.ingress.iter().chain(policy.egress.iter());
    let sets = all.flat_map(|rule| rule.rule.sets()).map(|set| plan.sets[*set].name).collect();
    (policy.name, Policy { rules: format!("{:?} {:?}", named(&policy.ingress), named(&policy.egress)), sets })
}

fn stack(plan: &Plan, stack: &Stack) -> (Name, BTreeSet<Name>) {
    let slices = stack.ingress.iter().chain(&stack.egress);
    (stack.name, slices.flat_map(|slice| &slice.policies).map(|policy| plan.policies[*policy].name).collect())
}

fn endpoint(plan: &Plan, endpoint: &Endpoint) -> (Key, (Vec<std::net::IpAddr>, Vec<Name>)) {
    let stacks = endpoint.stacks.iter().map(|stack| plan.stacks[stack].name).collect();
    (endpoint.key.clone(), (endpoint.addresses.clone(), stacks))
}

/// A driver that only remembers, follows the deltas one by one, and holds that each step leaves no reference to something that is not there.
#[derive(Debug, Default)]
pub struct Recorder {
    state: State,
    events: Vec<Event>,
    writes: u64,
    fail_next: bool,
    disturbed: bool,
    /// Endpoints of which nothing is heard until they are released: their writes hang, all others go on.
    hanging: BTreeSet<Key>,
    held: Vec<Event>,
}

impl Recorder {
    /// Over what an earlier recorder left.
    pub fn over(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// What is programmed.
    pub fn state(&mut self) -> &mut State {
        &mut self.state
    }

    /// How many objects were written.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Makes the next submission or resync fail.
    pub fn fail_next(&mut self) {
        self.fail_next = true;
    }

    /// Forgets one endpoint, as a stranger's hand might, and hears of it. Returns whether there was one.
    pub fn disturb(&mut self) -> bool {
        self.disturbed = true;
        self.state.tamper()
    }

    /// Makes writes to an endpoint hang.
    pub fn hang(&mut self, endpoint: Key) {
        self.hanging.insert(endpoint);
    }

    /// Lets all that hangs go on.
    pub fn release(&mut self) {
        self.hanging.clear();
        self.events.append(&mut self.held);
    }

    fn report(&mut self, event: Event) {
        match &event {
            Event::Applied { object: Object::Endpoint(key), .. } if self.hanging.contains(key) => self.held.push(event),
            _ => self.events.push(event),
        }
    }

    fn failed(&mut self, object: Object) -> bool {
        let failed = std::mem::take(&mut self.fail_next);
        if failed {
            let error = "cannot write: a fault was injected".into();
            self.events.push(Event::Failed { object, error, retry: Retry::Backoff });
        }
        failed
    }

    fn apply(&mut self, plan: &Plan, delta: &Delta) {
        let state = &mut self.state;
        match delta {
            Delta::SetAdded(id) => {
                let set = &plan.sets[*id];
                set.enforced.then(|| state.sets.insert(set.name, set.members.iter().collect()));
            }
            Delta::MembersAdded(id, members) => {
                state.sets.entry(plan.sets[*id].name).and_modify(|set| set.extend(members));
            }
            Delta::MembersRemoved(id, members) => {
                state.sets.entry(plan.sets[*id].name).and_modify(|set| set.retain(|m| !members.contains(m)));
            }
            Delta::PolicyPut(id) => {
                state.policies.extend(Some(&plan.policies[*id]).filter(|p| p.enforced).map(|p| policy(plan, p)))
            }
            Delta::StackAdded(id) => {
                state.stacks.extend(Some(&plan.stacks[*id]).filter(|s| s.enforced).map(|s| stack(plan, s)))
            }
            Delta::EndpointPut(id) => state.endpoints.extend([endpoint(plan, &plan.endpoints[*id])]),
            Delta::EndpointRemoved(_, old) => drop(state.endpoints.remove(&old.key)),
            Delta::StackStaged(id) => drop(state.stacks.remove(&plan.stacks[*id].name)),
            Delta::PolicyStaged(id) => drop(state.policies.remove(&plan.policies[*id].name)),
            Delta::SetStaged(id) => drop(state.sets.remove(&plan.sets[*id].name)),
            Delta::StackRemoved(_, old) => drop(state.stacks.remove(&old.name)),
            Delta::PolicyRemoved(_, old) => drop(state.policies.remove(&old.name)),
            Delta::SetRemoved(_, old) => drop(state.sets.remove(&old.name)),
            Delta::RouteRemoved(old) => drop(state.routes.remove(&old.destination)),
            Delta::RouteAdded(to) => drop(state.routes.insert(*to, plan.routes[to].clone())),
            Delta::Node(_) => {}
        }
    }
}

impl Driver for Recorder {
    /// # Panics
    /// Where the deltas are out of order, or a step leaves a reference to something that is not there.
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        assert!(changes.deltas.is_sorted_by_key(Delta::rank), "deltas are out of order: {:?}", changes.deltas);
        if self.failed(Object::All) {
            return;
        }
        for delta in &changes.deltas {
            self.apply(plan, delta);
            assert_eq!(self.state.dangling(), None, "after {delta:?}");
            self.writes += 1;
        }
        for object in crate::touched(plan, changes) {
            self.report(Event::Applied { object, revision: changes.revision });
        }
    }

    fn resync(&mut self, plan: &Plan, object: Option<&Object>) {
        if self.failed(object.cloned().unwrap_or(Object::All)) {
            return;
        }
        let desired = State::of(plan);
        if self.state != desired {
            self.writes += 1;
            self.state = desired;
        }
        self.events.push(Event::Applied { object: Object::All, revision: plan.revision });
    }

    fn observe(&mut self, plan: &Plan) {
        let desired = State::of(plan);
        if self.state != desired {
            let found = format!("{:?}\nin the place of\n{desired:?}", self.state);
            self.events.push(Event::Drift { object: Object::All, found });
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn disturbed(&mut self) -> bool {
        std::mem::take(&mut self.disturbed)
    }

    fn cleanup(&mut self) -> Result<(), String> {
        self.state = State::default();
        Ok(())
    }
}
