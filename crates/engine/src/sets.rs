//! IP sets: which there are, and what is in them.

use crate::cluster::Cluster;
use crate::index::{Index, Kind, Kinds};
use crate::thing::Body;
use crate::uses::{Change, Turn, Uses};
use hashbrown::HashTable;
use margay_api::Protocol;
use margay_policy::{IpSet, Member, MemberKind, Members, Plan, Population, SetId, SetKey, SetOf, Store};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Every set that a rule names, and the members of those that are in the Plan.
#[derive(Default)]
pub(crate) struct Sets {
    specs: Store<u32, Spec>,
    table: HashTable<u32>,
    by_plan: FxHashMap<SetId, u32>,
    /// What members of a set had more than one reason to be in it, and how many more.
    extra: FxHashMap<u32, FxHashMap<Member, u32>>,
    /// Members that came (true) or went since the last flush.
    pending: FxHashMap<u32, FxHashMap<Member, bool>>,
    /// Sets that came into the Plan since the last flush.
    pub(crate) new: FxHashSet<SetId>,
    /// Sets whose users changed since the last flush.
    pub(crate) touched: Vec<SetId>,
    /// Sets that nobody uses any more, since the last flush.
    pub(crate) gone: Vec<(SetId, Box<IpSet>)>,
}

/// A set that rules name.
pub(crate) struct Spec {
    of: Of,
    kind: MemberKind,
    own: bool,
    /// Sides that name it.
    refs: u32,
    /// Sides in the Plan that name it.
    uses: Uses,
    /// Where it is in the Plan, while it is used.
    plan: Option<SetId>,
    /// Its entry in the index, while it is used and has one.
    entry: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Of {
    Labels(u32, Population),
    Port(u32, Population, Box<(SmolStr, Option<Protocol>)>),
    Service(Box<(SmolStr, SmolStr)>),
    Nodes(u32),
}

impl Of {
    fn selector(&self) -> Option<u32> {
        match self {
            Of::Labels(selector, _) | Of::Port(selector, ..) | Of::Nodes(selector) => Some(*selector),
            Of::Service(_) => None,
        }
    }
}

impl Spec {
    /// The name and protocol of a named port's set.
    pub(crate) fn port(&self) -> Option<(&str, Option<Protocol>)> {
        match &self.of {
            Of::Port(_, _, port) => Some((&port.0, port.1)),
            _ => None,
        }
    }

    /// Which things its selector looks at.
    fn kinds(&self) -> Kinds {
        const LOCAL_PODS: Kinds = Kinds::of(&[Kind::LocalPod]);
        const PODS: Kinds = Kinds::of(&[Kind::LocalPod, Kind::RemotePod]);
        const ENDPOINTS: Kinds = Kinds::of(&[Kind::LocalPod, Kind::RemotePod, Kind::LocalHost, Kind::RemoteHost]);
        let population = match self.of {
            Of::Labels(_, population) | Of::Port(_, population, _) => population,
            Of::Nodes(_) => return Kinds::of(&[Kind::Node]),
            Of::Service(_) => return Kinds::of(&[]),
        };
        match (self.kind, population, self.own) {
            (MemberKind::Prefix, ..) => Kinds::of(&[Kind::NetworkSet]),
            (_, Population::Pods, true) => LOCAL_PODS,
            (_, Population::All, true) => Kinds::LOCAL,
            (_, Population::Pods, false) => PODS,
            (_, Population::All, false) => ENDPOINTS,
        }
    }

    /// Calls `f` with what one address of a thing is in the set.
    fn at(&self, cluster: &Cluster, thing: u32, address: IpAddr, f: &mut impl FnMut(Member)) {
        let Some((name, protocol)) = self.port() else { return f(Member::Address(address)) };
        for port in cluster.things.ports.get(cluster.things.get(thing).ports) {
            if port.name == name && protocol.is_none_or(|protocol| protocol == port.protocol) {
                f(Member::AddressPort(address, port.protocol, port.port));
            }
        }
    }

    /// Calls `f` with what a thing is in the set.
    fn of_thing(&self, cluster: &Cluster, thing: u32, f: &mut impl FnMut(Member)) {
        match &cluster.things.get(thing).body {
            Body::NetworkSet(nets) => nets.iter().for_each(|net| f(Member::Prefix(*net))),
            Body::Pod { .. } | Body::Host(_) | Body::Node(_) => {
                cluster.addresses(thing).for_each(|address| self.at(cluster, thing, address, f));
            }
        }
    }
}

type Hasher = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

fn hash(of: &Of, kind: MemberKind, own: bool) -> u64 {
    Hasher::default().hash_one((of, kind, own))
}

impl Sets {
    /// The id of a set, held once more.
    pub(crate) fn spec(&mut self, index: &mut Index, key: &SetKey) -> u32 {
        let of = match &key.of {
            SetOf::Selector(selector, population) => Of::Labels(index.selector(selector), *population),
            SetOf::NamedPort(selector, population, name, protocol) => {
                Of::Port(index.selector(selector), *population, Box::new((name.clone(), *protocol)))
            }
            SetOf::Service(namespace, name) => Of::Service(Box::new((namespace.clone(), name.clone()))),
            SetOf::Nodes(selector) => Of::Nodes(index.selector(selector)),
        };
        let SetKey { kind, own, .. } = *key;
        let hash_of = hash(&of, kind, own);
        let same = |id: &u32| {
            let spec = &self.specs[*id];
            (&spec.of, spec.kind, spec.own) == (&of, kind, own)
        };
        if let Some(id) = self.table.find(hash_of, same).copied() {
            of.selector().into_iter().for_each(|selector| index.release_selector(selector));
            self.specs.get_mut(id).expect("what the table has is there").refs += 1;
            return id;
        }
        let spec = Spec { of, kind, own, refs: 1, uses: Uses::default(), plan: None, entry: None };
        let id = self.specs.insert(spec);
        let specs = &self.specs;
        self.table.insert_unique(hash_of, id, |id| {
            let spec = &specs[*id];
            hash(&spec.of, spec.kind, spec.own)
        });
        id
    }

    pub(crate) fn release_spec(&mut self, index: &mut Index, id: u32) {
        let spec = self.specs.get_mut(id).expect("a set that is held");
        spec.refs -= 1;
        if spec.refs > 0 {
            return;
        }
        let Some(spec) = self.specs.remove(id) else { return };
        if let Ok(slot) = self.table.find_entry(hash(&spec.of, spec.kind, spec.own), |other| *other == id) {
            slot.remove();
        }
        spec.of.selector().into_iter().for_each(|selector| index.release_selector(selector));
    }

    /// Where a set that is used is in the Plan.
    pub(crate) fn id(&self, spec: u32) -> SetId {
        self.specs[spec].plan.expect("a set that is used is in the Plan")
    }

    /// Whether anything uses a set of the Plan; its place is kept until the next flush in any case.
    pub(crate) fn is_used(&self, id: SetId) -> bool {
        self.by_plan.contains_key(&id)
    }

    /// Whether what is enforced uses a set of the Plan.
    pub(crate) fn is_enforced(&self, id: SetId) -> bool {
        self.by_plan.get(&id).is_some_and(|spec| self.specs[*spec].uses.enforced > 0)
    }

    /// Changes the users of a set. With the first it comes into the Plan with all its members, with the last it goes.
    pub(crate) fn apply(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32, change: Change) {
        let spec = self.specs.get_mut(id).expect("a set that is held");
        let turn = spec.uses.apply(change);
        match (turn, change) {
            (Turn { used: true, .. }, Change::Add) => self.add_to_plan(cluster, plan, id),
            (Turn { used: true, .. }, _) => self.take_from_plan(cluster, plan, id),
            (Turn { enforced: true, .. }, _) => self.touched.extend(spec.plan),
            _ => {}
        }
    }

    fn add_to_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32) {
        let spec = &self.specs[id];
        let entry = spec.of.selector().map(|selector| cluster.index.entry(selector, spec.kinds()));
        let mut set = IpSet::new(self.key(&cluster.index, id));
        let mut more = FxHashMap::default();
        {
            let mut add = |member| {
                if !set.members.insert(member) && spec.kind != MemberKind::Prefix {
                    *more.entry(member).or_insert(0) += 1;
                }
            };
            match (&spec.of, entry) {
                (Of::Service(name), _) => cluster.services.attach((**name).clone(), id, spec.kind, &mut add),
                (_, Some(entry)) => {
                    let things = cluster.index.classes(entry).flat_map(|class| cluster.index.things(class));
                    things.for_each(|thing| spec.of_thing(cluster, thing, &mut add));
                }
                (_, None) => {}
            }
        }
        entry.into_iter().for_each(|entry| cluster.index.add_set(entry, id));
        if !more.is_empty() {
            self.extra.insert(id, more);
        }
        let place = plan.sets.insert(set);
        self.by_plan.insert(place, id);
        self.new.insert(place);
        self.touched.push(place);
        let spec = self.specs.get_mut(id).expect("a set that is held");
        (spec.plan, spec.entry) = (Some(place), entry);
    }

    fn take_from_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32) {
        let spec = self.specs.get_mut(id).expect("a set that is held");
        if let Some(entry) = spec.entry.take() {
            cluster.index.remove_set(entry, id);
            cluster.index.release_entry(entry);
        }
        if let Of::Service(name) = &spec.of {
            cluster.services.detach((**name).clone(), id);
        }
        self.extra.remove(&id);
        self.pending.remove(&id);
        let Some(place) = spec.plan.take() else { return };
        self.by_plan.remove(&place);
        let set = plan.sets.get_mut(place).map(|set| std::mem::replace(set, IpSet::new(set.key.clone())));
        self.gone.extend(set.map(|set| (place, Box::new(set))));
    }

    /// What identifies a set.
    fn key(&self, index: &Index, id: u32) -> SetKey {
        let spec = &self.specs[id];
        let text = |selector: &u32| index.selector_text(*selector).clone();
        let of = match &spec.of {
            Of::Labels(selector, population) => SetOf::Selector(text(selector), *population),
            Of::Port(selector, population, port) => {
                SetOf::NamedPort(text(selector), *population, port.0.clone(), port.1)
            }
            Of::Service(name) => SetOf::Service(name.0.clone(), name.1.clone()),
            Of::Nodes(selector) => SetOf::Nodes(text(selector)),
        };
        SetKey { of, kind: spec.kind, own: spec.own }
    }

    /// Adds what a thing is to the sets of an entry that its class matches, or takes it out of them.
    pub(crate) fn tell_entry(&mut self, cluster: &Cluster, plan: &mut Plan, entry: u32, thing: u32, add: bool) {
        for set in cluster.index.sets(entry) {
            let Self { specs, extra, pending, .. } = self;
            specs[set].of_thing(cluster, thing, &mut |member| {
                tell(specs, extra, pending, plan, set, member, add);
            });
        }
    }

    /// Adds what one address of a thing is to all the sets that the thing is in, or takes it out of them.
    pub(crate) fn tell_address(&mut self, cluster: &Cluster, plan: &mut Plan, thing: u32, address: IpAddr, add: bool) {
        for entry in cluster.index.matches(cluster.things.get(thing).class) {
            for set in cluster.index.sets(entry) {
                let Self { specs, extra, pending, .. } = self;
                specs[set].at(cluster, thing, address, &mut |member| {
                    tell(specs, extra, pending, plan, set, member, add);
                });
            }
        }
    }

    pub(crate) fn tell(&mut self, plan: &mut Plan, set: u32, member: Member, add: bool) {
        tell(&self.specs, &mut self.extra, &mut self.pending, plan, set, member, add);
    }

    /// Takes what came to sets and went since the last flush: added, removed, both sorted.
    pub(crate) fn take_pending(&mut self) -> Vec<(SetId, Vec<Member>, Vec<Member>)> {
        let Self { specs, pending, .. } = self;
        let changed = pending.drain().filter_map(|(set, members)| {
            let (mut added, mut removed) = (Vec::new(), Vec::new());
            for (member, add) in members {
                if add { &mut added } else { &mut removed }.push(member);
            }
            added.sort_unstable();
            removed.sort_unstable();
            Some((specs[set].plan?, added, removed))
                .filter(|(_, added, removed)| !(added.is_empty() && removed.is_empty()))
        });
        changed.collect()
    }
}

/// One more reason, or one less, for a member to be in a set of the Plan.
fn tell(
    specs: &Store<u32, Spec>,
    extra: &mut FxHashMap<u32, FxHashMap<Member, u32>>,
    pending: &mut FxHashMap<u32, FxHashMap<Member, bool>>,
    plan: &mut Plan,
    set: u32,
    member: Member,
    add: bool,
) {
    let Some(in_plan) = specs[set].plan.and_then(|id| plan.sets.get_mut(id)) else { return };
    let members = &mut in_plan.members;
    let counts_itself = matches!(members, Members::Prefixes(_));
    let changed = if add {
        let new = members.insert(member);
        if !new && !counts_itself {
            *extra.entry(set).or_default().entry(member).or_insert(0) += 1;
        }
        new
    } else {
        match extra.get_mut(&set).map(|more| more.entry(member)) {
            Some(Entry::Occupied(mut more)) => {
                *more.get_mut() -= 1;
                if *more.get() == 0 {
                    more.remove();
                }
                false
            }
            _ => members.remove(member),
        }
    };
    if !changed {
        return;
    }
    match pending.entry(set).or_default().entry(member) {
        Entry::Occupied(before) if *before.get() != add => drop(before.remove()),
        Entry::Occupied(_) => {}
        Entry::Vacant(place) => drop(place.insert(add)),
    }
}
