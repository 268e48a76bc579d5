//! What is programmed, as far as changes need to know: which chains exist and what uses them.
//!
//! Everything hangs on endpoints: an endpoint holds its stacks, a stack its tiers, a tier its policies. A chain exists while something holds it. What
//! a change touches is lowered anew; nothing else is looked at.

use crate::Options;
use crate::base::{self, HostChains, Wanted};
use crate::chains::{self, Form};
use crate::members::{self, Covers};
use crate::names::{self, Lane, Tracking};
use crate::readback::difference;
use crate::sink::Sink;
use crate::unknown;
use margay_net::Family;
use margay_nftables::{Data, Element, Rule, Set, SetKey, Verdict};
use margay_policy::{Delta, Direction, Endpoint, EndpointId, EndpointStacks, Name, Plan, PolicyId, StackId, TierSlice};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The change needs the whole table to be compared anew: a family came into use or went out of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Afresh;

#[derive(Debug, Default)]
pub(crate) struct Mirror {
    families: Vec<Family>,
    covers: Covers,
    stacks: FxHashMap<(StackId, Tracking), StackUse>,
    tiers: FxHashMap<TierRef, TierUse>,
    /// The tiers that have a policy.
    users: FxHashMap<(PolicyId, Direction, Tracking), PolicyUse>,
    forms: FxHashMap<(PolicyId, Direction), Form>,
    endpoints: FxHashMap<EndpointId, Programmed>,
    /// How many elements each map or set of pods has, but those that let everything through.
    counts: FxHashMap<String, usize>,
    bases: BTreeMap<String, Vec<Rule>>,
    retired: Retired,
}

/// Chains that nothing refers to once the rest of the change is done. What refers goes before what is referred to.
#[derive(Debug, Default)]
struct Retired {
    stacks: Vec<String>,
    tiers: Vec<String>,
    policies: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TierRef {
    name: Name,
    direction: Direction,
    tracking: Tracking,
}

#[derive(Debug)]
struct StackUse {
    users: usize,
    name: Name,
    /// Whether there is a chain, and its tiers, by direction.
    ways: [Option<Vec<TierRef>>; 2],
}

#[derive(Debug)]
struct PolicyUse {
    name: Name,
    tiers: FxHashSet<TierRef>,
}

#[derive(Debug)]
struct TierUse {
    users: usize,
    slice: TierSlice,
}

#[derive(Debug, Default, PartialEq)]
struct Programmed {
    stacks: Vec<(StackId, Tracking)>,
    elements: Vec<(String, Element)>,
    /// A host endpoint's name and chains.
    host: Option<(String, HostChains)>,
}

impl Mirror {
    /// The mirror of a Plan in full; all of it goes into the sink.
    pub(crate) fn load(plan: &Plan, options: &Options, sink: &mut impl Sink) -> Self {
        let mut mirror = Self { families: families(plan, options), ..Self::default() };
        mirror.fixed_sets(options, sink);
        let sets = plan.sets.iter().map(|(id, _)| Delta::SetAdded(id));
        let policies = plan.policies.iter().map(|(id, _)| Delta::PolicyPut(id));
        let endpoints = plan.endpoints.iter().map(|(id, _)| Delta::EndpointPut(id));
        let deltas: Vec<Delta> = sets.chain(policies).chain(endpoints).collect();
        mirror.change(plan, &deltas, options, sink);
        mirror
    }

    /// Lowers changes into the sink.
    pub(crate) fn apply(
        &mut self,
        plan: &Plan,
        deltas: &[Delta],
        options: &Options,
        sink: &mut impl Sink,
    ) -> Result<(), Afresh> {
        let may_matter =
            |delta: &Delta| matches!(delta, Delta::EndpointPut(_) | Delta::EndpointRemoved(..) | Delta::Node(_));
        if deltas.iter().any(may_matter) && families(plan, options) != self.families {
            return Err(Afresh);
        }
        self.change(plan, deltas, options, sink);
        Ok(())
    }

    fn change(&mut self, plan: &Plan, deltas: &[Delta], options: &Options, sink: &mut impl Sink) {
        let mut released = Vec::new();
        let mut finish = Vec::new();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for delta in deltas {
            match delta {
                Delta::SetAdded(id) => {
                    let set = &plan.sets[*id];
                    if set.enforced {
                        members::add_set(set, &self.families, &mut self.covers, sink);
                    }
                }
                Delta::MembersAdded(id, list) => self.members(plan, *id, list, true, sink),
                Delta::PolicyPut(id) => self.policy(plan, *id, options, sink),
                Delta::EndpointPut(id) => {
                    let before = self.put(plan, *id, options, sink);
                    come.extend(self.endpoints[id].elements.iter().cloned());
                    gone.extend(before.elements);
                    released.extend(before.stacks);
                }
                Delta::EndpointRemoved(id, _) => {
                    let before = self.endpoints.remove(id).unwrap_or_default();
                    gone.extend(before.elements);
                    released.extend(before.stacks);
                }
                Delta::MembersRemoved(..) | Delta::SetStaged(_) | Delta::SetRemoved(..) => finish.push(delta),
                // Stacks and policies follow from the endpoints that hold them.
                Delta::StackAdded(_) | Delta::StackStaged(_) | Delta::StackRemoved(..) => {}
                Delta::PolicyStaged(_) | Delta::PolicyRemoved(..) | Delta::Node(_) => {}
                // Routes of a Linux node are the network plugin's.
                Delta::RouteRemoved(_) | Delta::RouteAdded(_) => {}
            }
        }
        self.elements(gone, come, sink);
        self.base_chains(plan, options, sink);
        for (stack, tracking) in released {
            self.release_stack(stack, tracking);
        }
        let Retired { stacks, tiers, policies } = std::mem::take(&mut self.retired);
        for chain in stacks.iter().chain(&tiers).chain(&policies) {
            sink.remove_chain(chain);
        }
        for delta in finish {
            match delta {
                Delta::MembersRemoved(id, list) => self.members(plan, *id, list, false, sink),
                Delta::SetStaged(id) => {
                    members::remove_set(plan.sets[*id].name, &self.families, &mut self.covers, sink);
                }
                Delta::SetRemoved(_, set) if set.enforced => {
                    members::remove_set(set.name, &self.families, &mut self.covers, sink);
                }
                _ => {}
            }
        }
        for delta in deltas {
            if let Delta::PolicyRemoved(id, _) = delta {
                self.forms.retain(|(policy, _), _| policy != id);
            }
        }
    }

    fn members(
        &mut self,
        plan: &Plan,
        id: margay_policy::SetId,
        list: &[margay_policy::Member],
        added: bool,
        sink: &mut impl Sink,
    ) {
        let set = &plan.sets[id];
        if set.enforced {
            members::update(set, list, added, &self.families, &mut self.covers, sink);
        }
    }

    /// Sets and maps that are always there.
    fn fixed_sets(&self, options: &Options, sink: &mut impl Sink) {
        for family in &self.families {
            let one = crate::rule::address_type(*family);
            sink.set(Set::new(names::pods(*family), one));
            sink.set(Set::new(names::itself(*family), SetKey::new(&[one, one])));
            for direction in Direction::ALL {
                sink.set(Set::verdict_map(names::dispatch(direction, *family), one));
            }
        }
        for (set, elements) in base::bound_sets(options) {
            let name = set.name.clone();
            sink.set(set);
            sink.add(&name, elements);
        }
    }

    fn lanes(&self, direction: Direction, tracking: Tracking) -> Vec<Lane> {
        self.families.iter().map(|family| Lane { direction, family: *family, tracking }).collect()
    }

    /// A policy's rules are new or others.
    fn policy(&mut self, plan: &Plan, id: PolicyId, options: &Options, sink: &mut impl Sink) {
        for direction in Direction::ALL {
            let now = Form::of(&plan.policies[id], direction);
            let before = self.forms.insert((id, direction), now);
            for tracking in [Tracking::Tracked, Tracking::Untracked] {
                let Some(users) = self.users.get(&(id, direction, tracking)) else { continue };
                let users: Vec<TierRef> = users.tiers.iter().copied().collect();
                let lanes = self.lanes(direction, tracking);
                for lane in &lanes {
                    let name = names::policy(plan.policies[id].name, *lane);
                    match (before == Some(Form::Chain), now == Form::Chain) {
                        (true, true) => sink.rules(&name, chains::policy_rules(plan, id, *lane, options)),
                        (false, true) => {
                            let (chain, rules) = chains::policy_chain(plan, id, *lane, options);
                            sink.chain(chain, rules);
                        }
                        (true, false) => self.retired.policies.push(name),
                        (false, false) => {}
                    }
                }
                if before != Some(now) || now == Form::Inline {
                    for tier in users {
                        for lane in &lanes {
                            let rules = chains::tier_rules(plan, &self.tiers[&tier].slice, *lane, options);
                            sink.rules(&names::tier(tier.name, *lane), rules);
                        }
                    }
                }
            }
        }
    }

    /// An endpoint is new or changed. Gives what it held before.
    fn put(&mut self, plan: &Plan, id: EndpointId, options: &Options, sink: &mut impl Sink) -> Programmed {
        let endpoint = &plan.endpoints[id];
        let now = programmed(plan, endpoint);
        for (stack, tracking) in &now.stacks {
            self.hold_stack(plan, *stack, *tracking, options, sink);
        }
        self.endpoints.insert(id, now).unwrap_or_default()
    }

    /// Elements that endpoints no longer need go before those come that they need now: an address may pass from one to another.
    fn elements(&mut self, gone: Vec<(String, Element)>, come: Vec<(String, Element)>, sink: &mut impl Sink) {
        let (gone, come) = (by_set(gone), by_set(come));
        let none = Vec::new();
        let sets: BTreeSet<&String> = gone.keys().chain(come.keys()).collect();
        let of_set = |set| (set, difference(gone.get(set).unwrap_or(&none), come.get(set).unwrap_or(&none)));
        let changes: Vec<_> = sets.into_iter().map(of_set).collect();
        let owned = |elements: &[&Element]| elements.iter().copied().cloned().collect();
        let asking = |elements: &[&Element]| elements.iter().filter(|element| asks(element)).count();
        for (set, (gone, _)) in changes.iter().filter(|(_, (gone, _))| !gone.is_empty()) {
            sink.remove(set, owned(gone));
            *self.counts.entry((*set).clone()).or_default() -= asking(gone);
        }
        for (set, (_, come)) in changes.iter().filter(|(_, (_, come))| !come.is_empty()) {
            *self.counts.entry((*set).clone()).or_default() += asking(come);
            sink.add(set, owned(come));
        }
    }

    fn hold_stack(&mut self, plan: &Plan, id: StackId, tracking: Tracking, options: &Options, sink: &mut impl Sink) {
        if let Some(stack) = self.stacks.get_mut(&(id, tracking)) {
            stack.users += 1;
            return;
        }
        let stack = &plan.stacks[id];
        let ways = Direction::ALL.map(|direction| {
            if !chains::has_chain(stack, direction) {
                return None;
            }
            let tiers: Vec<TierRef> = stack
                .tiers(direction)
                .iter()
                .map(|slice| self.hold_tier(plan, slice, direction, tracking, options, sink))
                .collect();
            let names: Vec<Name> = tiers.iter().map(|tier| tier.name).collect();
            for lane in self.lanes(direction, tracking) {
                let (chain, rules) = chains::stack_chain(stack, &names, lane, options);
                sink.chain(chain, rules);
            }
            Some(tiers)
        });
        self.stacks.insert((id, tracking), StackUse { users: 1, name: stack.name, ways });
    }

    fn release_stack(&mut self, id: StackId, tracking: Tracking) {
        let Some(stack) = self.stacks.get_mut(&(id, tracking)) else { return };
        stack.users -= 1;
        if stack.users > 0 {
            return;
        }
        let Some(stack) = self.stacks.remove(&(id, tracking)) else { return };
        for (direction, tiers) in Direction::ALL.into_iter().zip(stack.ways) {
            let Some(tiers) = tiers else { continue };
            let lanes = self.lanes(direction, tracking);
            self.retired.stacks.extend(lanes.iter().map(|lane| names::stack(stack.name, *lane)));
            for tier in tiers {
                self.release_tier(tier);
            }
        }
    }

    fn hold_tier(
        &mut self,
        plan: &Plan,
        slice: &TierSlice,
        direction: Direction,
        tracking: Tracking,
        options: &Options,
        sink: &mut impl Sink,
    ) -> TierRef {
        let tier = TierRef { name: chains::tier_name(plan, slice), direction, tracking };
        if let Some(used) = self.tiers.get_mut(&tier) {
            used.users += 1;
            return tier;
        }
        let lanes = self.lanes(direction, tracking);
        for id in &slice.policies {
            let policy = &plan.policies[*id];
            let form = Form::of(policy, direction);
            self.forms.insert((*id, direction), form);
            let fresh = || PolicyUse { name: policy.name, tiers: FxHashSet::default() };
            let users = self.users.entry((*id, direction, tracking)).or_insert_with(fresh);
            if users.tiers.is_empty() && form == Form::Chain {
                for lane in &lanes {
                    let (chain, rules) = chains::policy_chain(plan, *id, *lane, options);
                    sink.chain(chain, rules);
                }
            }
            users.tiers.insert(tier);
        }
        for lane in &lanes {
            let (chain, rules) = chains::tier_chain(plan, tier.name, slice, *lane, options);
            sink.chain(chain, rules);
        }
        self.tiers.insert(tier, TierUse { users: 1, slice: slice.clone() });
        tier
    }

    fn release_tier(&mut self, tier: TierRef) {
        let Some(used) = self.tiers.get_mut(&tier) else { return };
        used.users -= 1;
        if used.users > 0 {
            return;
        }
        let Some(used) = self.tiers.remove(&tier) else { return };
        let lanes = self.lanes(tier.direction, tier.tracking);
        self.retired.tiers.extend(lanes.iter().map(|lane| names::tier(tier.name, *lane)));
        for id in used.slice.policies {
            let key = (id, tier.direction, tier.tracking);
            let Some(users) = self.users.get_mut(&key) else { continue };
            users.tiers.remove(&tier);
            if users.tiers.is_empty() {
                let name = users.name;
                self.users.remove(&key);
                if self.forms.get(&(id, tier.direction)) == Some(&Form::Chain) {
                    self.retired.policies.extend(lanes.iter().map(|lane| names::policy(name, *lane)));
                }
            }
        }
    }

    fn base_chains(&mut self, plan: &Plan, options: &Options, sink: &mut impl Sink) {
        let count = |name: String| self.counts.get(&name).copied().unwrap_or(0);
        let hosts = self.endpoints.iter().filter_map(|(id, endpoint)| Some((id, endpoint.host.as_ref()?)));
        let mut hosts: Vec<_> = hosts.collect();
        // Of two for one interface, the one that was chosen for the uplink, then the lesser name.
        let chosen = |id: &EndpointId| plan.uplinks.values().any(|uplink| uplink == id);
        hosts.sort_by_key(|(id, (name, host))| (host.interface == "*", !chosen(id), name));
        let mut chains: Vec<HostChains> = Vec::new();
        for (id, (_, host)) in hosts {
            let mut host = host.clone();
            if host.interface.is_empty() {
                // It names none: it stands on the uplink where it was chosen for it, else nowhere.
                let Some((node, _)) = plan.uplinks.iter().find(|(_, uplink)| *uplink == id) else { continue };
                host.interface = plan.nodes.get(node).map(|node| node.uplink.to_string()).unwrap_or_default();
            }
            if !chains.iter().any(|other| other.interface == host.interface) {
                chains.push(host);
            }
        }
        let wanted = base::base_chains(&Wanted {
            options,
            settings: &plan.settings,
            families: &self.families,
            dispatches: &|direction, family| count(names::dispatch(direction, family)) > 0,
            pods: &|family| count(names::pods(family)) > 0,
            hosts: &chains,
        });
        let wanted = wanted.into_iter().chain(unknown::chains(plan, options));
        let mut gone = std::mem::take(&mut self.bases);
        for (chain, rules) in wanted {
            match gone.remove(&chain.name) {
                Some(before) if before == rules => {}
                Some(_) => sink.rules(&chain.name, rules.clone()),
                None => sink.chain(chain.clone(), rules.clone()),
            }
            self.bases.insert(chain.name, rules);
        }
        for name in gone.into_keys() {
            sink.remove_chain(&name);
        }
    }
}

/// The families that endpoints use, or unknown pods may. A host endpoint's traffic is of both.
fn families(plan: &Plan, options: &Options) -> Vec<Family> {
    let host = |endpoint: &Endpoint| matches!(endpoint.stacks, EndpointStacks::Host { .. });
    let uses = |family: Family| {
        plan.pods.keys().any(|address| Family::of(*address) == family)
            || plan.endpoints.iter().any(|(_, endpoint)| host(endpoint))
            || unknown::matter(plan, options, family)
    };
    Family::ALL.into_iter().filter(|family| uses(*family)).collect()
}

/// What an endpoint needs.
fn programmed(plan: &Plan, endpoint: &Endpoint) -> Programmed {
    match endpoint.stacks {
        EndpointStacks::Pod(stack) => Programmed {
            stacks: vec![(stack, Tracking::Tracked)],
            elements: pod_elements(plan, stack, &endpoint.addresses),
            host: None,
        },
        EndpointStacks::Host { untracked, pre_dnat, normal, forward } => {
            let ways = |stack: StackId| {
                let stack = &plan.stacks[stack];
                Direction::ALL.map(|direction| chains::has_chain(stack, direction).then_some(stack.name))
            };
            let host = HostChains {
                interface: endpoint.interface.as_ref().map(ToString::to_string).unwrap_or_default(),
                untracked: ways(untracked),
                pre_dnat: ways(pre_dnat),
                normal: ways(normal),
                forward: ways(forward),
            };
            Programmed {
                stacks: vec![
                    (untracked, Tracking::Untracked),
                    (pre_dnat, Tracking::Tracked),
                    (normal, Tracking::Tracked),
                    (forward, Tracking::Tracked),
                ],
                elements: Vec::new(),
                host: Some((endpoint.key.name.to_string(), host)),
            }
        }
    }
}

/// Elements by the set or map that they are of, in order.
fn by_set(list: Vec<(String, Element)>) -> BTreeMap<String, Vec<Element>> {
    let mut sets: BTreeMap<String, Vec<Element>> = BTreeMap::new();
    for (set, element) in list {
        sets.entry(set).or_default().push(element);
    }
    sets.values_mut().for_each(|elements| Element::sort(elements));
    sets
}

/// Whether a map's element lets anything but everything through.
fn asks(element: &Element) -> bool {
    element.value != Some(Verdict::Accept.into())
}

fn pod_elements(plan: &Plan, stack: StackId, addresses: &[IpAddr]) -> Vec<(String, Element)> {
    let stack = &plan.stacks[stack];
    let mut elements = Vec::new();
    for one in addresses {
        let (family, key) = (Family::of(*one), Data::from(*one));
        elements.push((names::pods(family), Element::new(key.clone())));
        elements.push((names::itself(family), Element::new(Data::concat(&[key.clone(), key.clone()]))));
        for direction in Direction::ALL {
            let lane = Lane { direction, family, tracking: Tracking::Tracked };
            let verdict = match chains::has_chain(stack, direction) {
                true => Verdict::jump(names::stack(stack.name, lane)),
                false => Verdict::Accept,
            };
            elements.push((names::dispatch(direction, family), Element::new(key.clone()).to(verdict)));
        }
    }
    elements
}
