//! IP sets: which there are, and what is in them.

use crate::cluster::Cluster;
use crate::index::{Index, Kind, Kinds};
use crate::thing::Body;
use crate::uses::{Change, Uses};
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
    active: FxHashMap<u32, Active>,
    by_plan: FxHashMap<SetId, u32>,
    /// Sets with pending members.
    dirty: FxHashSet<u32>,
    /// Sets that came into the Plan since the last flush.
    pub(crate) new: FxHashSet<SetId>,
    /// Sets whose users changed since the last flush.
    pub(crate) touched: Vec<SetId>,
    /// Sets that nobody uses any more, since the last flush.
    pub(crate) gone: Vec<(SetId, Box<IpSet>)>,
}

/// A set that rules name.
struct Spec {
    of: Of,
    kind: MemberKind,
    own: bool,
    /// Sides that name it.
    refs: u32,
}

/// A set that is in the Plan.
struct Active {
    /// Sides in the Plan that name it.
    uses: Uses,
    place: SetId,
    /// Its entry in the index; none of a service's.
    entry: Option<u32>,
    /// Members with more than one reason to be in it, and how many more. Prefixes are counted in the set itself.
    more: FxHashMap<Member, u32>,
    /// Members that came (true) or went since the last flush.
    pending: FxHashMap<Member, bool>,
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
    fn port(&self) -> Option<(&str, Option<Protocol>)> {
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
        let spec = Spec { of, kind, own, refs: 1 };
        let id = self.specs.insert(spec);
        let specs = &self.specs;
        self.table.insert_unique(hash_of, id, |id| {
            let spec = &specs[*id];
            hash(&spec.of, spec.kind, spec.own)
        });
        id
    }

    pub(crate) fn release_spec(&mut self, index: &mut Index, id: u32) {
        self.specs.get_mut(id).expect("a set that is held").refs -= 1;
        self.drop_if_unused(index, id);
    }

    fn drop_if_unused(&mut self, index: &mut Index, id: u32) {
        if self.specs[id].refs > 0 || self.active.contains_key(&id) {
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
        self.active[&spec].place
    }

    /// Whether anything uses a set of the Plan; its place is kept until the next flush in any case.
    pub(crate) fn is_used(&self, id: SetId) -> bool {
        self.by_plan.contains_key(&id)
    }

    /// Whether what is enforced uses a set of the Plan.
    pub(crate) fn is_enforced(&self, id: SetId) -> bool {
        self.by_plan.get(&id).is_some_and(|spec| self.active[spec].uses.enforced > 0)
    }

    /// Changes the users of a set. With the first it comes into the Plan with all its members, with the last it goes.
    pub(crate) fn apply(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32, change: Change) {
        let Some(active) = self.active.get_mut(&id) else { return self.add_to_plan(cluster, plan, id, change) };
        let turn = active.uses.apply(change);
        if turn.used {
            self.take_from_plan(cluster, plan, id);
        } else if turn.enforced {
            self.touched.push(active.place);
        }
    }

    fn add_to_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32, change: Change) {
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
        let place = plan.sets.insert(set);
        self.by_plan.insert(place, id);
        self.new.insert(place);
        self.touched.push(place);
        self.active.insert(id, Active { uses: Uses::first(change), place, entry, more, pending: FxHashMap::default() });
    }

    fn take_from_plan(&mut self, cluster: &mut Cluster, plan: &mut Plan, id: u32) {
        let Some(Active { place, entry, .. }) = self.active.remove(&id) else { return };
        if let Some(entry) = entry {
            cluster.index.remove_set(entry, id);
            cluster.index.release_entry(entry);
        }
        if let Of::Service(name) = &self.specs[id].of {
            cluster.services.detach((**name).clone(), id);
        }
        self.dirty.remove(&id);
        self.by_plan.remove(&place);
        let set = plan.sets.get_mut(place).map(|set| std::mem::replace(set, IpSet::new(set.key.clone())));
        self.gone.extend(set.map(|set| (place, Box::new(set))));
        self.drop_if_unused(&mut cluster.index, id);
    }

    /// What identifies a set.
    fn key(&self, index: &Index, id: u32) -> SetKey {
        let spec = &self.specs[id];
        let text = |selector: &u32| index.selector_text(*selector);
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
        let Self { specs, active, dirty, .. } = self;
        for set in cluster.index.sets(entry) {
            let Some(active) = active.get_mut(&set) else { continue };
            specs[set].of_thing(cluster, thing, &mut |member| active.tell(plan, member, add));
            dirty.insert(set);
        }
    }

    /// Adds what one address of a thing is to all the sets that the thing is in, or takes it out of them.
    pub(crate) fn tell_address(&mut self, cluster: &Cluster, plan: &mut Plan, thing: u32, address: IpAddr, add: bool) {
        let Self { specs, active, dirty, .. } = self;
        let entries = cluster.index.matches(cluster.things.get(thing).class);
        for set in entries.flat_map(|entry| cluster.index.sets(entry)) {
            let Some(active) = active.get_mut(&set) else { continue };
            specs[set].at(cluster, thing, address, &mut |member| active.tell(plan, member, add));
            dirty.insert(set);
        }
    }

    /// One more reason, or one less, for a member to be in a set.
    pub(crate) fn tell(&mut self, plan: &mut Plan, set: u32, member: Member, add: bool) {
        if let Some(active) = self.active.get_mut(&set) {
            active.tell(plan, member, add);
            self.dirty.insert(set);
        }
    }

    /// Takes what came to sets and went since the last flush: added, removed, both sorted.
    pub(crate) fn take_pending(&mut self) -> Vec<(SetId, Vec<Member>, Vec<Member>)> {
        let Self { active, dirty, .. } = self;
        let changed = dirty.drain().filter_map(|set| {
            let active = active.get_mut(&set)?;
            let (mut added, mut removed) = (Vec::new(), Vec::new());
            for (member, add) in std::mem::take(&mut active.pending) {
                if add { &mut added } else { &mut removed }.push(member);
            }
            added.sort_unstable();
            removed.sort_unstable();
            (!(added.is_empty() && removed.is_empty())).then_some((active.place, added, removed))
        });
        changed.collect()
    }
}

impl Active {
    /// One more reason, or one less, for a member to be in the set.
    fn tell(&mut self, plan: &mut Plan, member: Member, add: bool) {
        let Some(set) = plan.sets.get_mut(self.place) else { return };
        let changed = if add {
            let new = set.members.insert(member);
            if !new && !matches!(set.members, Members::Prefixes(_)) {
                *self.more.entry(member).or_insert(0) += 1;
            }
            new
        } else {
            match self.more.entry(member) {
                Entry::Occupied(mut more) => {
                    *more.get_mut() -= 1;
                    if *more.get() == 0 {
                        more.remove();
                    }
                    false
                }
                Entry::Vacant(_) => set.members.remove(member),
            }
        };
        match self.pending.entry(member) {
            _ if !changed => {}
            Entry::Occupied(before) if *before.get() != add => drop(before.remove()),
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => drop(place.insert(add)),
        }
    }
}
