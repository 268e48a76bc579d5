//! Sets of ids, most of them of one member or none: four bytes each, and a shared pool for the others.

use roaring::RoaringBitmap;

/// The handle of a set of ids in [`IdSets`]: empty, one id, or a place in the pool. Ids are below 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdSet(u32);

impl Default for IdSet {
    fn default() -> Self {
        Self(NONE)
    }
}

impl IdSet {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == NONE
    }
}

const NONE: u32 = u32::MAX;
const POOLED: u32 = 1 << 31;
/// Up to so many ids are a sorted list, more a bitmap.
const FEW: usize = 16;

/// The sets of two ids and more.
#[derive(Default)]
pub(crate) struct IdSets {
    pool: Vec<Pooled>,
    free: Vec<u32>,
}

enum Pooled {
    Few(Vec<u32>),
    Many(RoaringBitmap),
}

impl IdSets {
    /// Adds an id. False when it was there.
    pub(crate) fn insert(&mut self, set: &mut IdSet, id: u32) -> bool {
        debug_assert!(id < POOLED);
        if set.0 == NONE {
            set.0 = id;
            return true;
        }
        if set.0 & POOLED == 0 {
            if set.0 == id {
                return false;
            }
            let pair = vec![set.0.min(id), set.0.max(id)];
            set.0 = POOLED | self.place(Pooled::Few(pair));
            return true;
        }
        let pooled = &mut self.pool[(set.0 & !POOLED) as usize];
        match pooled {
            Pooled::Few(list) => {
                let Err(at) = list.binary_search(&id) else { return false };
                if list.len() < FEW {
                    list.insert(at, id);
                } else {
                    let mut bitmap: RoaringBitmap = list.iter().copied().collect();
                    bitmap.insert(id);
                    *pooled = Pooled::Many(bitmap);
                }
                true
            }
            Pooled::Many(bitmap) => bitmap.insert(id),
        }
    }

    /// Takes an id out. False when it was not there.
    pub(crate) fn remove(&mut self, set: &mut IdSet, id: u32) -> bool {
        if set.0 & POOLED == 0 || set.0 == NONE {
            let there = set.0 == id;
            if there {
                set.0 = NONE;
            }
            return there;
        }
        let index = set.0 & !POOLED;
        let pooled = &mut self.pool[index as usize];
        let there = match pooled {
            Pooled::Few(list) => list.binary_search(&id).map(|at| list.remove(at)).is_ok(),
            Pooled::Many(bitmap) => {
                let there = bitmap.remove(id);
                if bitmap.len() <= FEW as u64 / 2 {
                    *pooled = Pooled::Few(bitmap.iter().collect());
                }
                there
            }
        };
        if let Pooled::Few(list) = pooled
            && let [one] = list[..]
        {
            self.clear(set);
            set.0 = one;
        }
        there
    }

    pub(crate) fn contains(&self, set: IdSet, id: u32) -> bool {
        match self.pooled(set) {
            None => set.0 == id && id != NONE,
            Some(Pooled::Few(list)) => list.binary_search(&id).is_ok(),
            Some(Pooled::Many(bitmap)) => bitmap.contains(id),
        }
    }

    pub(crate) fn len(&self, set: IdSet) -> usize {
        match self.pooled(set) {
            None => usize::from(!set.is_empty()),
            Some(Pooled::Few(list)) => list.len(),
            Some(Pooled::Many(bitmap)) => bitmap.len() as usize,
        }
    }

    /// Its ids, ascending.
    pub(crate) fn iter(&self, set: IdSet) -> Ids<'_> {
        match self.pooled(set) {
            None => Ids::One(Some(set.0).filter(|id| *id != NONE)),
            Some(Pooled::Few(list)) => Ids::Few(list.iter()),
            Some(Pooled::Many(bitmap)) => Ids::Many(bitmap.iter()),
        }
    }

    /// Its ids from this one on, ascending.
    pub(crate) fn iter_from(&self, set: IdSet, from: u32) -> Ids<'_> {
        match self.pooled(set) {
            None => Ids::One(Some(set.0).filter(|id| *id != NONE && *id >= from)),
            Some(Pooled::Few(list)) => Ids::Few(list[list.partition_point(|id| *id < from)..].iter()),
            Some(Pooled::Many(bitmap)) => {
                let mut ids = bitmap.iter();
                ids.advance_to(from);
                Ids::Many(ids)
            }
        }
    }

    /// How many of its ids are below this one.
    pub(crate) fn len_below(&self, set: IdSet, below: u32) -> usize {
        match self.pooled(set) {
            None => usize::from(!set.is_empty() && set.0 < below),
            Some(Pooled::Few(list)) => list.partition_point(|id| *id < below),
            Some(Pooled::Many(bitmap)) => bitmap.rank(below.saturating_sub(1)) as usize * usize::from(below > 0),
        }
    }

    /// Empties it. A set that goes out of use must be emptied, to give its place back.
    pub(crate) fn clear(&mut self, set: &mut IdSet) {
        if set.0 & POOLED != 0 && set.0 != NONE {
            let index = set.0 & !POOLED;
            self.pool[index as usize] = Pooled::Few(Vec::new());
            self.free.push(index);
        }
        set.0 = NONE;
    }

    fn pooled(&self, set: IdSet) -> Option<&Pooled> {
        (set.0 & POOLED != 0 && set.0 != NONE).then(|| &self.pool[(set.0 & !POOLED) as usize])
    }

    fn place(&mut self, pooled: Pooled) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.pool[index as usize] = pooled;
                index
            }
            None => {
                self.pool.push(pooled);
                u32::try_from(self.pool.len() - 1)
                    .ok()
                    .filter(|i| *i < POOLED - 1)
                    .expect("fewer than 2^31 sets of ids")
            }
        }
    }
}

/// Ids of a set, ascending.
pub(crate) enum Ids<'a> {
    One(Option<u32>),
    Few(std::slice::Iter<'a, u32>),
    Many(roaring::bitmap::Iter<'a>),
}

impl Iterator for Ids<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Ids::One(id) => id.take(),
            Ids::Few(ids) => ids.next().copied(),
            Ids::Many(ids) => ids.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_set_is_a_set_at_every_size() {
        let (mut sets, mut model) = (IdSets::default(), BTreeSet::new());
        let (mut set, mut other) = (IdSet::default(), IdSet::default());
        let check = |sets: &IdSets, set: IdSet, model: &BTreeSet<u32>| {
            assert_eq!(sets.len(set), model.len());
            assert_eq!(set.is_empty(), model.is_empty());
            assert!(sets.iter(set).eq(model.iter().copied()));
            for at in [0, 1, 40, 63, 64, 200] {
                assert_eq!(sets.contains(set, at), model.contains(&at));
                assert!(sets.iter_from(set, at).eq(model.range(at..).copied()), "{model:?} from {at}");
                assert_eq!(sets.len_below(set, at), model.range(..at).count(), "{model:?} below {at}");
            }
        };
        let ids = || (0..64).map(|i| i * 37 % 64);
        for id in ids() {
            assert_eq!(sets.insert(&mut set, id), model.insert(id));
            assert!(!sets.insert(&mut set, id));
            sets.insert(&mut other, id / 2);
            check(&sets, set, &model);
        }
        for id in ids() {
            assert!(sets.remove(&mut set, id) && model.remove(&id));
            assert!(!sets.remove(&mut set, id));
            check(&sets, set, &model);
        }
        assert_eq!(sets.len(other), 32);
        sets.clear(&mut other);
        assert_eq!((sets.len(other), sets.free.len()), (0, sets.pool.len()));
    }
}
