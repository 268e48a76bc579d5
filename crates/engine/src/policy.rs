//! Policies, tiers and profiles: which there are, in which order, and which of them are in the Plan.

use crate::cluster::Cluster;
use crate::idset::IdSet;
use crate::index::{Kind as ThingKind, Kinds};
use crate::rule::{Compact, Sides};
use crate::sets::Sets;
use crate::uses::{Change, Uses};
use margay_api::{Action, Key, Kind, StagedAction, Tier};
use margay_policy::convert::{DEFAULT_ALLOW_PROFILE, TierOrder, tier};
use margay_policy::{Direction, Name, Plan, PlanPolicy, PlanRule, Policy, PolicyId, Rule, SetKey, Stage, Store};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::cmp::Ordering;
use std::sync::Arc;

/// Every policy, and every profile with rules.
#[derive(Default)]
pub(crate) struct Policies {
    list: Store<u32, Record>,
    active: FxHashMap<u32, Active>,
    by_plan: FxHashMap<PolicyId, u32>,
    tiers: Store<u32, TierRecord>,
    tier_ids: FxHashMap<SmolStr, u32>,
    sides: Sides,
    pub(crate) sets: Sets,
    /// Policies in whose place a staged one stands, or that a staged one deletes, and how many do.
    overridden: FxHashMap<Key, u32>,
    /// What staged policies of action Set or Delete stand for.
    overrides: FxHashMap<Key, Key>,
    /// Policies in the Plan whose rules changed since the last flush.
    pub(crate) changed: FxHashSet<u32>,
    /// Policies that came into the Plan since the last flush.
    pub(crate) new: FxHashSet<PolicyId>,
    /// Policies whose users changed since the last flush.
    pub(crate) touched: Vec<PolicyId>,
    /// Policies that nobody uses any more, since the last flush.
    pub(crate) gone: Vec<(PolicyId, Box<PlanPolicy>)>,
}

struct Record {
    /// In [`crate::names::Names`].
    name: u32,
    /// What is known of it; gone where there is no such policy any more, but the Plan still has it.
    body: Option<Body>,
}

/// What is in the Plan of a policy that stacks have.
struct Active {
    uses: Uses,
    place: PolicyId,
    /// The sides of the rules that the Plan has.
    sides: Box<[u32]>,
}

/// A policy in compact form.
#[derive(PartialEq)]
struct Body {
    order: f64,
    /// Ingress rules, then egress rules.
    rules: Box<[Compact]>,
    /// How many of them are for ingress.
    ingress: u32,
    tier: u32,
    /// The entry of its subject; [`NONE`] of a profile.
    entry: u32,
    stage: Stage,
    /// Whether it takes part in ingress, and in egress.
    takes_part: [bool; 2],
    staged: bool,
}

/// No entry, no tier.
const NONE: u32 = u32::MAX;

impl Body {
    fn ingress(&self) -> &[Compact] {
        &self.rules[..self.ingress as usize]
    }

    fn egress(&self) -> &[Compact] {
        &self.rules[self.ingress as usize..]
    }

    fn subject(&self) -> Option<u32> {
        Some(self.entry).filter(|entry| *entry != NONE)
    }

    /// Whether all that stacks depend on is the same.
    fn stands_as(&self, other: &Self) -> bool {
        let place = |b: &Self| (b.tier, b.order.to_bits(), b.entry, b.stage, b.takes_part, b.staged);
        place(self) == place(other)
    }
}

struct TierRecord {
    name: SmolStr,
    order: TierOrder,
    exists: bool,
    policies: IdSet,
}

/// What an update of a policy means for stacks.
#[derive(Default)]
pub(crate) struct Effects {
    /// Entries whose stacks are to be made again.
    pub(crate) restack: Vec<u32>,
    /// Classes that match a subject more or less.
    pub(crate) classes: Vec<u32>,
}

impl Policies {
    /// A policy came, changed or went.
    pub(crate) fn set(&mut self, cluster: &mut Cluster, key: &Key, policy: Option<&Policy>) -> Effects {
        let mut effects = Effects::default();
        let action = policy.and_then(|policy| policy.staged);
        self.set_override(cluster, key, action, &mut effects);
        // Of the staged ones only those that would be in force take part.
        let policy = policy.filter(|policy| policy.staged.is_none_or(|action| action == StagedAction::Set));
        let before = cluster.names.find(key);
        let Some(policy) = policy else {
            before.into_iter().for_each(|id| self.replace(cluster, id, None, &mut effects));
            return effects;
        };
        let body = self.body(cluster, policy);
        let id = before.unwrap_or_else(|| self.insert(cluster, key));
        self.replace(cluster, id, Some(body), &mut effects);
        effects
    }

    /// A profile came, changed or went. True when the stacks of those that have it are to be made again.
    pub(crate) fn set_profile(
        &mut self,
        cluster: &mut Cluster,
        key: &Key,
        rules: Option<&[Arc<[PlanRule<SetKey>]>; 2]>,
    ) -> bool {
        let before = cluster.names.find(key);
        let takes_part = |policies: &Self, id: u32| Direction::ALL.map(|d| policies.takes_part(id, d));
        let was = before.map(|id| takes_part(self, id));
        let Some([ingress, egress]) = rules else {
            before.into_iter().for_each(|id| self.replace(cluster, id, None, &mut Effects::default()));
            return was.is_some();
        };
        let body = Body {
            order: 0.0,
            ingress: u32::try_from(ingress.len()).expect("fewer than 2^32 rules"),
            rules: self.sides.compact(cluster, &mut self.sets, [ingress, egress]),
            tier: NONE,
            entry: NONE,
            stage: Stage::Normal,
            takes_part: [!ingress.is_empty(), !egress.is_empty()],
            staged: false,
        };
        let id = before.unwrap_or_else(|| self.insert(cluster, key));
        self.replace(cluster, id, Some(body), &mut Effects::default());
        was != Some(takes_part(self, id))
    }

    /// The profile that allows everything, under this name.
    pub(crate) fn allow_all(&mut self, cluster: &mut Cluster, name: &str) -> u32 {
        let key = Key { kind: Kind::Profile, namespace: SmolStr::default(), name: name.into() };
        if let Some(id) = cluster.names.find(&key).filter(|id| self.list[*id].body.is_some()) {
            return id;
        }
        let every: Arc<[PlanRule<SetKey>]> = [PlanRule { index: 0, rule: Rule::every(Action::Allow) }].into();
        self.set_profile(cluster, &key, Some(&[every.clone(), every]));
        cluster.names.find(&key).expect("a profile that was just entered")
    }

    fn insert(&mut self, cluster: &mut Cluster, key: &Key) -> u32 {
        let id = self.list.insert(Record { name: 0, body: None });
        let (name, _) = cluster.names.enter(key);
        cluster.names.set_place(name, id);
        self.list.get_mut(id).expect("just made").name = name;
        id
    }

    fn body(&mut self, cluster: &mut Cluster, policy: &Policy) -> Body {
        let kinds = match (policy.subject.pods, policy.subject.hosts) {
            (true, true) => Kinds::LOCAL,
            (true, false) => Kinds::of(&[ThingKind::LocalPod]),
            (false, true) => Kinds::of(&[ThingKind::LocalHost]),
            (false, false) => Kinds::of(&[]),
        };
        let selector = cluster.index.selector(&policy.subject.selector);
        let entry = cluster.index.entry(selector, kinds);
        cluster.index.release_selector(selector);
        // Packets before destination NAT only come in.
        let egress = policy.egress.as_deref().filter(|_| policy.stage != Stage::PreDnat);
        let takes_part = [policy.ingress.is_some(), egress.is_some()];
        let [ingress, egress] = [policy.ingress.as_deref(), egress].map(Option::unwrap_or_default);
        Body {
            order: policy.order,
            ingress: u32::try_from(ingress.len()).expect("fewer than 2^32 rules"),
            rules: self.sides.compact(cluster, &mut self.sets, [ingress, egress]),
            tier: self.tier(&policy.tier),
            entry,
            stage: policy.stage,
            takes_part,
            staged: policy.staged.is_some(),
        }
    }

    fn tier(&mut self, name: &SmolStr) -> u32 {
        if let Some(id) = self.tier_ids.get(name) {
            return *id;
        }
        let (order, policies) = (tier(name, None), IdSet::default());
        let id = self.tiers.insert(TierRecord { name: name.clone(), order, exists: false, policies });
        self.tier_ids.insert(name.clone(), id);
        id
    }

    /// Takes over the holds of the new body; lets go of those of the one before.
    fn replace(&mut self, cluster: &mut Cluster, id: u32, body: Option<Body>, effects: &mut Effects) {
        let record = self.list.get_mut(id).expect("a policy that was just found");
        let before = std::mem::replace(&mut record.body, body);
        let after = record.body.as_ref();
        if after.is_some() && before.as_ref() != after && self.active.contains_key(&id) {
            self.changed.insert(id);
        }
        let stands = before.as_ref().zip(after).is_some_and(|(before, after)| before.stands_as(after));
        if !stands {
            let place = |body: &Option<Body>| body.as_ref().and_then(|body| Some((body.subject()?, body.tier)));
            let (old, new) = (place(&before), place(&record.body));
            effects.restack.extend(old.iter().chain(&new).map(|(entry, _)| *entry));
            // First in, then out, so that what both have stays.
            if let Some((entry, tier)) = new {
                if cluster.index.add_policy(entry, id) {
                    effects.classes.extend(cluster.index.classes(entry));
                }
                let tier = self.tiers.get_mut(tier).expect("the tier of a policy");
                cluster.index.ids.insert(&mut tier.policies, id);
            }
            if let Some((entry, tier)) = old {
                if new.map(|(entry, _)| entry) != Some(entry) && cluster.index.remove_policy(entry, id) {
                    effects.classes.extend(cluster.index.classes(entry));
                }
                if new.map(|(_, tier)| tier) != Some(tier) {
                    let found = self.tiers.get_mut(tier).expect("the tier of a policy");
                    cluster.index.ids.remove(&mut found.policies, id);
                    self.drop_tier_if_unused(tier);
                }
            }
        }
        if let Some(before) = before {
            self.sides.release(cluster, &mut self.sets, &before.rules);
            before.subject().into_iter().for_each(|entry| cluster.index.release_entry(entry));
        }
        self.drop_if_unused(cluster, id);
    }

    fn drop_if_unused(&mut self, cluster: &mut Cluster, id: u32) {
        let record = &self.list[id];
        if record.body.is_none() && !self.active.contains_key(&id) {
            cluster.names.remove(record.name);
            self.list.remove(id);
            self.changed.remove(&id);
        }
    }

    fn drop_tier_if_unused(&mut self, id: u32) {
        let tier = &self.tiers[id];
        if !tier.exists && tier.policies.is_empty() {
            self.tier_ids.remove(&tier.name);
            self.tiers.remove(id);
        }
    }

    /// A Tier came, changed or went. Gives the entries whose stacks are to be made again.
    pub(crate) fn set_tier(&mut self, cluster: &Cluster, name: &SmolStr, resource: Option<&Tier>) -> Vec<u32> {
        if resource.is_none() && !self.tier_ids.contains_key(name) {
            return Vec::new();
        }
        let id = self.tier(name);
        let record = self.tiers.get_mut(id).expect("a tier that was just found");
        record.exists = resource.is_some();
        let before = std::mem::replace(&mut record.order, tier(name, resource));
        let changed = before != record.order;
        let policies = cluster.index.ids.iter(record.policies).filter(|_| changed);
        let entries = policies.filter_map(|policy| self.list[policy].body.as_ref()?.subject()).collect();
        self.drop_tier_if_unused(id);
        entries
    }

    /// Notes which policy a staged one stands for.
    fn set_override(&mut self, cluster: &Cluster, key: &Key, action: Option<StagedAction>, effects: &mut Effects) {
        let target = target(key).filter(|_| matches!(action, Some(StagedAction::Set | StagedAction::Delete)));
        let before = match &target {
            Some(target) => self.overrides.insert(key.clone(), target.clone()),
            None => self.overrides.remove(key),
        };
        if before == target {
            return;
        }
        for (target, add) in [(target, true), (before, false)] {
            let Some(target) = target else { continue };
            let entry = cluster.names.find(&target).and_then(|id| self.list[id].body.as_ref()?.subject());
            effects.restack.extend(entry);
            let count = self.overridden.entry(target.clone()).or_insert(0);
            if add {
                *count += 1;
            } else if *count > 1 {
                *count -= 1;
            } else {
                self.overridden.remove(&target);
            }
        }
    }

    /// Whether a policy is in force among the staged policies, and among the enforced ones.
    pub(crate) fn layers(&self, cluster: &Cluster, id: u32) -> Layers {
        let record = &self.list[id];
        let staged = record.body.as_ref().is_some_and(|body| body.staged);
        let overridden =
            !staged && !self.overridden.is_empty() && self.overridden.contains_key(&cluster.names.key(record.name));
        Layers { enforced: !staged, staged: !overridden }
    }

    /// Whether a policy is there, and not only still in the Plan.
    pub(crate) fn is_there(&self, id: u32) -> bool {
        self.list[id].body.is_some()
    }

    pub(crate) fn stage(&self, id: u32) -> Stage {
        self.list[id].body.as_ref().map_or(Stage::Normal, |body| body.stage)
    }

    pub(crate) fn takes_part(&self, id: u32, direction: Direction) -> bool {
        let at = usize::from(direction == Direction::Egress);
        self.list[id].body.as_ref().is_some_and(|body| body.takes_part[at])
    }

    /// The tier that a policy stands in.
    pub(crate) fn tier_of(&self, id: u32) -> u32 {
        self.list[id].body.as_ref().map_or(NONE, |body| body.tier)
    }

    /// Name, order and default action of a tier.
    pub(crate) fn tier_order(&self, tier: u32) -> (&SmolStr, TierOrder) {
        let tier = &self.tiers[tier];
        (&tier.name, tier.order)
    }

    /// Sorts policies by tier, then as they stand in it (decisions 9 and 10).
    pub(crate) fn sort(&self, cluster: &Cluster, policies: &mut Vec<u32>) {
        let place = |id: &u32| {
            let body = self.list[*id].body.as_ref()?;
            Some((&self.tiers[body.tier], body.tier, body.order, self.rank(cluster, *id), *id))
        };
        let mut places: Vec<_> = policies.iter().filter_map(place).collect();
        places.sort_unstable_by(|a, b| {
            let tiers = || if a.1 == b.1 { Ordering::Equal } else { a.0.name.cmp(&b.0.name) };
            let in_tier = || a.2.total_cmp(&b.2).then_with(|| a.3.cmp(&b.3));
            a.0.order.order.total_cmp(&b.0.order.order).then_with(tiers).then_with(in_tier)
        });
        policies.clear();
        policies.extend(places.into_iter().map(|(.., id)| id));
    }

    /// Name, kind and namespace; of a staged policy the kind that it stages.
    fn rank<'a>(&self, cluster: &'a Cluster, id: u32) -> (&'a str, Kind, &'a str) {
        let name = self.list[id].name;
        (cluster.names.name(name), staged_kind(cluster.names.kind(name)), cluster.names.namespace(name))
    }

    /// The stable name of a policy.
    pub(crate) fn stable_name(&self, cluster: &Cluster, plan: &Plan, id: u32) -> Name {
        let in_plan = self.active.get(&id).and_then(|active| plan.policies.get(active.place));
        in_plan.map_or_else(|| Name::of(&cluster.names.key(self.list[id].name)), |policy| policy.name)
    }

    /// Where a policy that is used is in the Plan.
    pub(crate) fn id(&self, policy: u32) -> PolicyId {
        self.active[&policy].place
    }

    /// The policy of a place in the Plan.
    pub(crate) fn of_plan(&self, id: PolicyId) -> u32 {
        self.by_plan[&id]
    }

    /// Whether anything uses a policy of the Plan; its place is kept until the next flush in any case.
    pub(crate) fn is_used(&self, id: PolicyId) -> bool {
        self.by_plan.contains_key(&id)
    }

    /// Whether an enforced stack has a policy of the Plan.
    pub(crate) fn is_enforced(&self, id: PolicyId) -> bool {
        self.by_plan.get(&id).is_some_and(|policy| self.active[policy].uses.enforced > 0)
    }

    /// Changes the users of a policy. With the first it comes into the Plan with the sets of its rules, with the last it goes.
    pub(crate) fn apply(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32, change: Change) {
        let Some(active) = self.active.get_mut(&id) else { return self.add_to_plan(cluster, plan, id, change) };
        let turn = active.uses.apply(change);
        if turn.used {
            self.take_from_plan(cluster, plan, id);
        } else if turn.enforced {
            self.touched.push(active.place);
            for side in active.sides.clone() {
                self.sides.apply(cluster, &mut self.sets, plan, side, change);
            }
        }
    }

    fn add_to_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32, change: Change) {
        let (policy, sides) = self.plan_policy(cluster, plan, id, false);
        let place = plan.policies.insert(policy);
        self.active.insert(id, Active { uses: Uses::first(change), place, sides });
        self.by_plan.insert(place, id);
        self.new.insert(place);
        self.touched.push(place);
    }

    /// The policy as it is in the Plan, and its sides, which are used from now on.
    fn plan_policy(
        &mut self,
        cluster: &mut Cluster,
        plan: &mut Plan,
        id: u32,
        enforced: bool,
    ) -> (PlanPolicy, Box<[u32]>) {
        let record = &self.list[id];
        let body = record.body.as_ref().expect("a policy that a stack has is there");
        let sides: Box<[u32]> = body.rules.iter().flat_map(Compact::sides).collect();
        let changes: &[Change] = if enforced { &[Change::Add, Change::Enforce] } else { &[Change::Add] };
        for side in &sides {
            for change in changes {
                self.sides.apply(cluster, &mut self.sets, plan, *side, *change);
            }
        }
        let key = cluster.names.key(record.name);
        let policy = PlanPolicy {
            name: Name::of(&key),
            tier: self.tiers.get(body.tier).map(|tier| tier.name.clone()).unwrap_or_default(),
            ingress: self.sides.plan_rules(body.ingress()),
            egress: self.sides.plan_rules(body.egress()),
            enforced,
            key,
        };
        (policy, sides)
    }

    fn take_from_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32) {
        let Some(Active { place, sides, .. }) = self.active.remove(&id) else { return };
        for side in sides {
            self.sides.apply(cluster, &mut self.sets, plan, side, Change::Drop);
        }
        self.by_plan.remove(&place);
        let policy = plan.policies.get_mut(place).map(|policy| {
            let empty = Arc::from([]);
            let (key, tier) = (policy.key.clone(), SmolStr::default());
            let rest = PlanPolicy { key, tier, ingress: Arc::clone(&empty), egress: empty, ..*policy };
            std::mem::replace(policy, rest)
        });
        self.gone.extend(policy.map(|policy| (place, Box::new(policy))));
        let name = self.list[id].name;
        if cluster.names.kind(name) == Kind::Profile && exists_by_itself(cluster.names.name(name)) {
            return self.replace(cluster, id, None, &mut Effects::default());
        }
        self.drop_if_unused(cluster, id);
    }

    /// Brings the rules of a policy that changed into the Plan, if it is there.
    pub(crate) fn refresh(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32) -> Option<Refreshed> {
        self.list.get(id)?.body.as_ref()?;
        let active = self.active.get(&id)?;
        let (place, enforced) = (active.place, active.uses.enforced > 0);
        let (policy, sides) = self.plan_policy(cluster, plan, id, enforced);
        let sides = std::mem::replace(&mut self.active.get_mut(&id)?.sides, sides);
        let before = plan.policies.get_mut(place)?;
        let policy = PlanPolicy { enforced: before.enforced, ..policy };
        let differs =
            (&policy.tier, &policy.ingress, &policy.egress) != (&before.tier, &before.ingress, &before.egress);
        *before = policy;
        Some(Refreshed { place: Some(place).filter(|_| differs), sides, enforced })
    }

    /// Lets go of the sides that a policy had in the Plan.
    pub(crate) fn let_go(&mut self, cluster: &mut Cluster, plan: &mut Plan, refreshed: &Refreshed) {
        let changes: &[Change] = if refreshed.enforced { &[Change::Stage, Change::Drop] } else { &[Change::Drop] };
        for side in &refreshed.sides {
            for change in changes {
                self.sides.apply(cluster, &mut self.sets, plan, *side, *change);
            }
        }
    }
}

/// A policy whose rules were brought into the Plan.
pub(crate) struct Refreshed {
    /// Its place, where they differ from those before.
    pub(crate) place: Option<PolicyId>,
    sides: Box<[u32]>,
    enforced: bool,
}

/// In which layers a policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    pub(crate) enforced: bool,
    pub(crate) staged: bool,
}

/// Whether a profile is there without an object, and objects of that name are ignored (decision 17).
pub(crate) fn exists_by_itself(profile: &str) -> bool {
    profile == DEFAULT_ALLOW_PROFILE || profile.starts_with("kns.") || profile.starts_with("ksa.")
}

/// The kind that a staged kind stages; another kind itself.
fn staged_kind(kind: Kind) -> Kind {
    match kind {
        Kind::StagedNetworkPolicy => Kind::CalicoNetworkPolicy,
        Kind::StagedGlobalNetworkPolicy => Kind::GlobalNetworkPolicy,
        Kind::StagedKubernetesNetworkPolicy => Kind::NetworkPolicy,
        kind => kind,
    }
}

/// The policy that one of a staged kind stands for.
fn target(key: &Key) -> Option<Key> {
    let kind = staged_kind(key.kind);
    (kind != key.kind).then(|| Key { kind, ..key.clone() })
}
