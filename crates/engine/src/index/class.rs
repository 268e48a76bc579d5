//! Classes: made for the first thing that needs one, gone with the last.

use super::labels::Bearer;
use super::{Class, Home, Index, NONE};
use crate::idset::IdSet;
use std::hash::BuildHasher;

/// What a thing is, as far as matching goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A pod in scope.
    LocalPod,
    /// A pod elsewhere.
    RemotePod,
    /// A host endpoint in scope.
    LocalHost,
    /// A host endpoint elsewhere.
    RemoteHost,
    /// A NetworkSet or GlobalNetworkSet.
    NetworkSet,
    /// A node.
    Node,
}

impl Kind {
    pub(crate) const COUNT: usize = 6;
    pub(crate) const ALL: [Self; Self::COUNT] =
        [Self::LocalPod, Self::RemotePod, Self::LocalHost, Self::RemoteHost, Self::NetworkSet, Self::Node];

    /// An endpoint in scope.
    pub(crate) fn is_local(self) -> bool {
        Kinds::LOCAL.has(self)
    }
}

/// Some kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const LOCAL: Self = Self::of(&[Kind::LocalPod, Kind::LocalHost]);

    pub(crate) const fn of(kinds: &[Kind]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether all of them are endpoints in scope.
    pub(super) fn are_local(self) -> bool {
        self.0 & !Self::LOCAL.0 == 0
    }
}

type Hasher = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

fn hash(kind: Kind, lists: &[u32]) -> u64 {
    Hasher::default().hash_one((kind, lists))
}

impl Index {
    /// The class of these parents (each held by the caller, see [`Index::parent`]) and own labels (pairs held by the caller, sorted by key). Takes
    /// the holds on the pairs over.
    pub(crate) fn class(&mut self, kind: Kind, parents: &[u32], own: Vec<u32>) -> u32 {
        let lists: Box<[u32]> = parents.iter().chain(&own).copied().collect();
        let count = u16::try_from(parents.len()).expect("at most 65,535 profiles: more are cut off when read");
        let hash_of = hash(kind, &lists);
        let same = |id: &u32| {
            let class = &self.classes[*id];
            (class.kind, class.parents, &class.lists) == (kind, count, &lists)
        };
        if let Some(id) = self.class_table.find(hash_of, same) {
            self.labels.release_pairs(&own);
            return *id;
        }
        let account = self.account_of(kind, parents, &own);
        let (things, matches) = (IdSet::default(), IdSet::default());
        let id = self.classes.insert(Class { lists, things, matches, account, parents: count, kind });
        let classes = &self.classes;
        self.class_table.insert_unique(hash_of, id, |id| hash(classes[*id].kind, &classes[*id].lists));
        self.ids.insert(&mut self.by_kind[kind as usize], id);
        self.labels.bear(&mut self.ids, Bearer::Class(id), &own);
        for parent in self.classes[id].all_parents() {
            let parent = self.parents.get_mut(parent).expect("the parents of a class are there");
            self.ids.insert(&mut parent.children, id);
        }
        self.find_matches(id);
        id
    }

    /// The service account of a pod with these labels, where it exists.
    fn account_of(&self, kind: Kind, parents: &[u32], own: &[u32]) -> u32 {
        let is_pod = matches!(kind, Kind::LocalPod | Kind::RemotePod);
        let account = || {
            let name = self.labels.find_in(own, self.account_key)?;
            self.find_account(*parents.first()?, self.labels.value(name))
        };
        is_pod.then(account).flatten().unwrap_or(NONE)
    }

    pub(crate) fn join(&mut self, class: u32, thing: u32) {
        let class = self.classes.get_mut(class).expect("a class that something is to join");
        self.ids.insert(&mut class.things, thing);
    }

    /// Takes a thing out of its class. True when it was the last: the class is gone.
    pub(crate) fn leave(&mut self, id: u32, thing: u32) -> bool {
        let class = self.classes.get_mut(id).expect("the class that a thing is in");
        self.ids.remove(&mut class.things, thing);
        let gone = class.things.is_empty();
        if gone {
            self.remove_class(id);
        }
        gone
    }

    fn remove_class(&mut self, id: u32) {
        let Some(mut class) = self.classes.remove(id) else { return };
        if let Ok(slot) = self.class_table.find_entry(hash(class.kind, &class.lists), |other| *other == id) {
            slot.remove();
        }
        for entry in self.ids.iter(class.matches).collect::<Vec<_>>() {
            let entry = self.entries.get_mut(entry).expect("what a class matches is there");
            self.ids.remove(&mut entry.classes, id);
        }
        self.ids.clear(&mut class.matches);
        self.ids.remove(&mut self.by_kind[class.kind as usize], id);
        self.labels.shed(&mut self.ids, Bearer::Class(id), class.own());
        self.labels.release_pairs(class.own());
        for parent in class.all_parents() {
            let found = self.parents.get_mut(parent).expect("the parents of a class are there");
            self.ids.remove(&mut found.children, id);
            self.drop_parent_if_unused(parent);
        }
    }

    /// The things of a class.
    pub(crate) fn things(&self, class: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.classes.get(class).map_or(IdSet::default(), |class| class.things))
    }

    pub(crate) fn kind(&self, class: u32) -> Kind {
        self.classes[class].kind
    }

    /// The parents of a class: the namespace, or a host endpoint's profiles in order.
    pub(crate) fn parents_of(&self, class: u32) -> &[u32] {
        self.classes[class].parents()
    }

    /// The entries that a class matches, ascending.
    pub(crate) fn matches(&self, class: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.classes.get(class).map_or(IdSet::default(), |class| class.matches))
    }

    /// Finds the entries that a new class matches.
    fn find_matches(&mut self, id: u32) {
        let class = &self.classes[id];
        let local = class.kind.is_local();
        let mut asked = Vec::new();
        for (homes, _) in
            self.homes.iter().zip([true, false]).filter(|(homes, own)| (local || !own) && !homes.is_empty())
        {
            let mut ask = |home| asked.extend(homes.get(&home).into_iter().flat_map(|set| self.ids.iter(*set)));
            ask(Home::Kind(class.kind));
            let inherited = class.all_parents().flat_map(|p| &self.parents[p].pairs);
            for pair in class.own().iter().chain(inherited) {
                ask(Home::Pair(*pair));
                ask(Home::Key(self.labels.key_of(*pair)));
            }
        }
        self.match_asked(id, &asked);
    }
}
