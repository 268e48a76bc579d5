//! Which selectors match which things.
//!
//! Things with the same labels from the same places are one *class*: selectors are matched with classes, not with things, so another replica of a
//! deployment costs a look-up. Labels are ids; what things inherit (from their namespace, service account or profiles) stays with the *parent*, so
//! that a namespace's label is one change, not one for each pod.
//!
//! A selector and the kinds of things it looks at are an *entry*, found by a new class under one label that the selector requires: its *home*. A home
//! that keeps being asked in vain is changed for the rarest label required; so what a class costs does not grow with selectors that don't match it.

mod class;
mod cond;
mod entry;
mod labels;
mod parent;

use crate::idset::{IdSet, IdSets};
use crate::text::Texts;
use cond::Cond;
use hashbrown::HashTable;
use labels::Labels;
use margay_policy::{Store, convert};
use rustc_hash::FxHashMap;

pub(crate) use class::{Kind, Kinds};
pub(crate) use parent::ParentKind;

/// No id.
const NONE: u32 = u32::MAX;

/// The index of classes by label and of entries by home.
pub(crate) struct Index {
    pub(crate) labels: Labels,
    pub(crate) ids: IdSets,
    classes: Store<u32, Class>,
    class_table: HashTable<u32>,
    by_kind: [IdSet; Kind::COUNT],
    parents: Store<u32, Parent>,
    parent_names: Texts<u32>,
    selectors: Store<u32, Compiled>,
    selector_table: HashTable<u32>,
    entries: Store<u32, Entry>,
    /// Entries by home: those that only look at local things, and the others.
    homes: [FxHashMap<Home, IdSet>; 2],
    /// The keys of the labels that name the namespace, and a pod's service account.
    namespace_key: u32,
    account_key: u32,
    /// The label that every pod has.
    orchestrator: u32,
    /// What changed between classes and entries that were both there before; for the engine to take.
    pub(crate) events: Vec<Event>,
}

/// A class came to match an entry, or no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) class: u32,
    pub(crate) entry: u32,
    pub(crate) matches: bool,
}

/// Things of one kind with the same parents and the same own labels.
struct Class {
    /// Its parents ([`Class::parents`] of them), then the pairs of its own labels sorted by key.
    lists: Box<[u32]>,
    things: IdSet,
    /// Entries that it matches.
    matches: IdSet,
    /// The service account, as a last parent; [`NONE`] where that does not exist.
    account: u32,
    parents: u16,
    kind: Kind,
}

impl Class {
    /// The namespace, or a host endpoint's profiles in order.
    fn parents(&self) -> &[u32] {
        &self.lists[..usize::from(self.parents)]
    }

    fn own(&self) -> &[u32] {
        &self.lists[usize::from(self.parents)..]
    }

    /// Every parent, the first one's labels winning.
    fn all_parents(&self) -> impl Iterator<Item = u32> + '_ {
        self.parents().iter().copied().chain(Some(self.account).filter(|id| *id != NONE))
    }
}

/// What labels are inherited from.
struct Parent {
    /// In `parent_names`; of a namespace the pair that names it.
    name: u32,
    kind: ParentKind,
    /// Its resource exists.
    exists: bool,
    /// Labels, sorted by key.
    pairs: Box<[u32]>,
    /// Classes.
    children: IdSet,
    /// How many service accounts it has (of a namespace).
    held: u32,
}

/// A selector, once.
struct Compiled {
    cond: Cond,
    entries: IdSet,
    refs: u32,
}

/// A selector over some kinds of things.
struct Entry {
    selector: u32,
    kinds: Kinds,
    home: Place,
    classes: IdSet,
    /// IP sets that hold what it matches.
    sets: IdSet,
    /// Policies whose subject it is.
    policies: IdSet,
    refs: u32,
    /// How often it was asked in vain at its home since it was looked at.
    misses: u32,
    /// How many misses are worth a look for a better home.
    patience: u32,
}

/// Which of a selector's needs an entry is at home under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It can't match.
    Nowhere,
    /// It needs no label.
    EveryClass,
    /// What it needs of the key at this index.
    Need(u32),
}

/// Where a class looks for entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Home {
    Pair(u32),
    Key(u32),
    Kind(Kind),
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut labels = Labels::new();
        Self {
            namespace_key: labels.key(convert::NAMESPACE),
            account_key: labels.key(convert::SERVICE_ACCOUNT),
            orchestrator: labels.pair(convert::ORCHESTRATOR, "k8s"),
            labels,
            ids: IdSets::default(),
            classes: Store::default(),
            class_table: HashTable::new(),
            by_kind: Default::default(),
            parents: Store::default(),
            parent_names: Texts::new(),
            selectors: Store::default(),
            selector_table: HashTable::new(),
            entries: Store::default(),
            homes: Default::default(),
            events: Vec::new(),
        }
    }

    /// The labels that the system gives a pod of this service account (decision 1); the caller holds them.
    pub(crate) fn pod_labels(&mut self, account: &str) -> [u32; 2] {
        self.labels.retain_pair(self.orchestrator);
        [self.orchestrator, self.labels.pair_of(self.account_key, account)]
    }

    /// Whether a class matches a condition.
    fn holds(&self, cond: &Cond, class: &Class) -> bool {
        cond.holds(&self.labels, &|key| self.value(class, key))
    }

    /// The pair of this key that a class has: its own, else the first parent's that has one.
    fn value(&self, class: &Class, key: u32) -> Option<u32> {
        let inherited = || class.all_parents().find_map(|p| self.labels.find_in(&self.parents[p].pairs, key));
        self.labels.find_in(class.own(), key).or_else(inherited)
    }
}
