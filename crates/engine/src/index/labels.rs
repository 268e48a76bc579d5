//! Label keys and (key, value) pairs, and who bears them.

use crate::idset::{IdSet, IdSets, Ids};
use crate::text::Texts;

/// Who bears a label itself: a class, or a parent whose children inherit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    Class(u32),
    Parent(u32),
}

/// Parents' ids in a set of bearers begin here; class ids are below.
const PARENTS: u32 = 1 << 30;

impl Bearer {
    fn id(self) -> u32 {
        match self {
            Self::Class(id) => Some(id).filter(|id| *id < PARENTS).expect("fewer than 2^30 classes"),
            Self::Parent(id) => PARENTS | Some(id).filter(|id| *id < PARENTS).expect("fewer than 2^30 parents"),
        }
    }
}

/// Every label key and pair in use.
pub(crate) struct Labels {
    keys: Texts<Key>,
    /// The scope of a pair is its key; the payload its bearers.
    pairs: Texts<IdSet>,
}

#[derive(Default)]
struct Key {
    bearers: IdSet,
    /// Selectors that mention it.
    mentions: IdSet,
}

impl Labels {
    pub(crate) fn new() -> Self {
        Self { keys: Texts::new(), pairs: Texts::new() }
    }

    /// The id of a key, held once more.
    pub(crate) fn key(&mut self, key: &str) -> u32 {
        self.keys.intern(0, key)
    }

    pub(crate) fn release_key(&mut self, key: u32) {
        self.keys.release(key);
    }

    /// The id of a pair, held once more. Its key is held as long as the pair is.
    pub(crate) fn pair_of(&mut self, key: u32, value: &str) -> u32 {
        let pair = self.pairs.intern(key, value);
        if self.pairs.refs(pair) == 1 {
            self.keys.retain(key);
        }
        pair
    }

    /// The id of a pair, held once more.
    pub(crate) fn pair(&mut self, key: &str, value: &str) -> u32 {
        let key = self.key(key);
        let pair = self.pair_of(key, value);
        self.release_key(key);
        pair
    }

    pub(crate) fn retain_pair(&mut self, pair: u32) {
        self.pairs.retain(pair);
    }

    pub(crate) fn release_pair(&mut self, pair: u32) {
        if let Some((key, _)) = self.pairs.release(pair) {
            self.release_key(key);
        }
    }

    pub(crate) fn release_pairs(&mut self, pairs: &[u32]) {
        pairs.iter().for_each(|pair| self.release_pair(*pair));
    }

    pub(crate) fn key_text(&self, key: u32) -> &str {
        self.keys.text(key)
    }

    #[cfg(test)]
    pub(crate) fn find_key(&self, key: &str) -> Option<u32> {
        self.keys.find(0, key)
    }

    pub(crate) fn find_pair(&self, key: u32, value: &str) -> Option<u32> {
        self.pairs.find(key, value)
    }

    pub(crate) fn key_of(&self, pair: u32) -> u32 {
        self.pairs.scope(pair)
    }

    pub(crate) fn value(&self, pair: u32) -> &str {
        self.pairs.text(pair)
    }

    /// Sorts pairs by key, for [`Labels::find_in`]. Of a key given twice the first stays; the others are let go.
    pub(crate) fn sort(&mut self, mut pairs: Vec<u32>) -> Vec<u32> {
        pairs.sort_by_key(|pair| self.key_of(*pair));
        let mut kept: Vec<u32> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            if kept.last().is_some_and(|last| self.key_of(*last) == self.key_of(pair)) {
                self.release_pair(pair);
            } else {
                kept.push(pair);
            }
        }
        kept
    }

    /// The pair of this key among pairs sorted by key.
    pub(crate) fn find_in(&self, pairs: &[u32], key: u32) -> Option<u32> {
        pairs.binary_search_by_key(&key, |pair| self.key_of(*pair)).ok().map(|at| pairs[at])
    }

    /// Notes that someone bears these pairs.
    pub(crate) fn bear(&mut self, sets: &mut IdSets, bearer: Bearer, pairs: &[u32]) {
        for pair in pairs {
            sets.insert(self.pairs.payload_mut(*pair), bearer.id());
            let key = self.pairs.scope(*pair);
            sets.insert(&mut self.keys.payload_mut(key).bearers, bearer.id());
        }
    }

    /// Notes that someone no longer bears these pairs.
    pub(crate) fn shed(&mut self, sets: &mut IdSets, bearer: Bearer, pairs: &[u32]) {
        for pair in pairs {
            sets.remove(self.pairs.payload_mut(*pair), bearer.id());
            let key = self.pairs.scope(*pair);
            sets.remove(&mut self.keys.payload_mut(key).bearers, bearer.id());
        }
    }

    pub(crate) fn pair_bearers(&self, pair: u32) -> IdSet {
        *self.pairs.payload(pair)
    }

    pub(crate) fn key_bearers(&self, key: u32) -> IdSet {
        self.keys.payload(key).bearers
    }

    pub(crate) fn mentions_mut(&mut self, key: u32) -> &mut IdSet {
        &mut self.keys.payload_mut(key).mentions
    }

    pub(crate) fn mentions(&self, key: u32) -> IdSet {
        self.keys.payload(key).mentions
    }
}

/// The classes in a set of bearers.
pub(crate) fn class_bearers(sets: &IdSets, bearers: IdSet) -> impl Iterator<Item = u32> + '_ {
    sets.iter(bearers).take_while(|id| *id < PARENTS)
}

/// How many classes are in a set of bearers.
pub(crate) fn class_bearers_len(sets: &IdSets, bearers: IdSet) -> usize {
    sets.len_below(bearers, PARENTS)
}

/// The parents in a set of bearers.
pub(crate) fn parent_bearers(sets: &IdSets, bearers: IdSet) -> impl Iterator<Item = u32> + '_ {
    let ids: Ids<'_> = sets.iter_from(bearers, PARENTS);
    ids.map(|id| id & !PARENTS)
}
