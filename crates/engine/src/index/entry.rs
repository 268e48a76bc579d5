//! Entries: selectors over kinds of things, and their homes.

use super::cond::Need;
use super::labels::{class_bearers, class_bearers_len, parent_bearers};
use super::{Compiled, Cond, Entry, Home, Index, Kind, Kinds, Place};
use crate::idset::IdSet;
use margay_selector::Selector;
use std::hash::BuildHasher;

type Hasher = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

/// So many vain questions at its home make an entry look for a better one.
const PATIENCE: u32 = 8;

impl Index {
    /// The id of a selector, held once more.
    pub(crate) fn selector(&mut self, selector: &Selector) -> u32 {
        let cond = Cond::new(selector.expr(), &mut self.labels);
        let hash = Hasher::default().hash_one(&cond);
        if let Some(id) = self.selector_table.find(hash, |id| self.selectors[*id].cond == cond) {
            cond.release(&mut self.labels);
            self.selectors.get_mut(*id).expect("what the table has is there").refs += 1;
            return *id;
        }
        let id = self.selectors.insert(Compiled { cond, entries: IdSet::default(), refs: 1 });
        let selectors = &self.selectors;
        self.selector_table.insert_unique(hash, id, |id| Hasher::default().hash_one(&selectors[*id].cond));
        for key in self.keys_of(id) {
            self.ids.insert(self.labels.mentions_mut(key), id);
        }
        id
    }

    pub(crate) fn retain_selector(&mut self, id: u32) {
        self.selectors.get_mut(id).expect("a selector that is held").refs += 1;
    }

    pub(crate) fn release_selector(&mut self, id: u32) {
        let compiled = self.selectors.get_mut(id).expect("a selector that is held");
        compiled.refs -= 1;
        if compiled.refs > 0 {
            return;
        }
        for key in self.keys_of(id) {
            self.ids.remove(self.labels.mentions_mut(key), id);
        }
        let Some(compiled) = self.selectors.remove(id) else { return };
        let hash = Hasher::default().hash_one(&compiled.cond);
        if let Ok(slot) = self.selector_table.find_entry(hash, |other| *other == id) {
            slot.remove();
        }
        compiled.cond.release(&mut self.labels);
    }

    fn keys_of(&self, selector: u32) -> Vec<u32> {
        let mut keys = Vec::new();
        self.selectors[selector].cond.keys(&mut keys);
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// A selector as it was given.
    pub(crate) fn selector_text(&self, id: u32) -> Selector {
        self.selectors[id].cond.selector(&self.labels)
    }

    /// The entry of a selector over these kinds, held once more. A new one is matched with every class there is.
    pub(crate) fn entry(&mut self, selector: u32, kinds: Kinds) -> u32 {
        let same = |id: &u32| self.entries[*id].kinds == kinds;
        if let Some(id) = self.ids.iter(self.selectors[selector].entries).find(same) {
            self.entries.get_mut(id).expect("a selector's entries are there").refs += 1;
            return id;
        }
        self.retain_selector(selector);
        let id = self.entries.insert(Entry {
            selector,
            kinds,
            home: Place::Nowhere,
            classes: IdSet::default(),
            sets: IdSet::default(),
            policies: IdSet::default(),
            refs: 1,
            misses: 0,
            patience: PATIENCE,
        });
        self.ids.insert(&mut self.selectors.get_mut(selector).expect("just found").entries, id);
        let needs = self.needs(selector);
        let home = self.best_home(needs.as_deref());
        let needs = needs.unwrap_or_default();
        self.settle(id, &needs, home);
        for class in self.candidates(&needs, home, kinds) {
            if self.holds(&self.selectors[selector].cond, &self.classes[class]) {
                self.set_match(id, class, true);
            }
        }
        id
    }

    /// Holds an entry once less. What it matched is forgotten without events when nobody holds it any more.
    pub(crate) fn release_entry(&mut self, id: u32) {
        let entry = self.entries.get_mut(id).expect("an entry that is held");
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        let needs = self.needs(self.entries[id].selector).unwrap_or_default();
        self.unsettle(id, &needs);
        let Some(mut entry) = self.entries.remove(id) else { return };
        for class in self.ids.iter(entry.classes).collect::<Vec<_>>() {
            let class = self.classes.get_mut(class).expect("what an entry matches is there");
            self.ids.remove(&mut class.matches, id);
        }
        self.ids.clear(&mut entry.classes);
        self.ids.clear(&mut entry.sets);
        self.ids.clear(&mut entry.policies);
        let selector = self.selectors.get_mut(entry.selector).expect("an entry holds its selector");
        self.ids.remove(&mut selector.entries, id);
        self.release_selector(entry.selector);
    }

    /// The classes that an entry matches, ascending.
    pub(crate) fn classes(&self, entry: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.entries[entry].classes)
    }

    /// The IP sets of an entry.
    pub(crate) fn sets(&self, entry: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.entries[entry].sets)
    }

    pub(crate) fn add_set(&mut self, entry: u32, set: u32) {
        self.ids.insert(&mut self.entries.get_mut(entry).expect("an entry that is held").sets, set);
    }

    pub(crate) fn remove_set(&mut self, entry: u32, set: u32) {
        self.ids.remove(&mut self.entries.get_mut(entry).expect("an entry that is held").sets, set);
    }

    /// The policies whose subject an entry is.
    pub(crate) fn policies(&self, entry: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.entries[entry].policies)
    }

    /// Whether an entry is the subject of a policy.
    pub(crate) fn is_subject(&self, entry: u32) -> bool {
        !self.entries[entry].policies.is_empty()
    }

    /// True when it is the first of this entry.
    pub(crate) fn add_policy(&mut self, entry: u32, policy: u32) -> bool {
        let policies = &mut self.entries.get_mut(entry).expect("an entry that is held").policies;
        let first = policies.is_empty();
        self.ids.insert(policies, policy);
        first
    }

    /// True when it was the last of this entry.
    pub(crate) fn remove_policy(&mut self, entry: u32, policy: u32) -> bool {
        let policies = &mut self.entries.get_mut(entry).expect("an entry that is held").policies;
        self.ids.remove(policies, policy);
        policies.is_empty()
    }

    pub(super) fn set_match(&mut self, entry: u32, class: u32, matches: bool) {
        let of_entry = &mut self.entries.get_mut(entry).expect("an entry that is held").classes;
        let of_class = &mut self.classes.get_mut(class).expect("a class that is there").matches;
        if matches {
            self.ids.insert(of_entry, class);
            self.ids.insert(of_class, entry);
        } else {
            self.ids.remove(of_entry, class);
            self.ids.remove(of_class, entry);
        }
    }

    /// Matches a new class with entries at home under its labels; those asked too often in vain move.
    pub(super) fn match_asked(&mut self, class: u32, asked: &[u32]) {
        let kind = self.classes[class].kind;
        for id in asked {
            let entry = &self.entries[*id];
            let matches =
                entry.kinds.has(kind) && self.holds(&self.selectors[entry.selector].cond, &self.classes[class]);
            if matches {
                self.set_match(*id, class, true);
                continue;
            }
            let entry = self.entries.get_mut(*id).expect("just found");
            entry.misses += 1;
            if entry.misses >= entry.patience {
                self.move_home(*id);
            }
        }
    }

    /// Looks for a better home for an entry, and asks it to be more patient where there is none.
    fn move_home(&mut self, id: u32) {
        let Entry { selector, home: before, .. } = self.entries[id];
        let needs = self.needs(selector);
        let home = self.best_home(needs.as_deref());
        if home != before {
            let needs = needs.unwrap_or_default();
            self.unsettle(id, &needs);
            self.settle(id, &needs, home);
        }
        let entry = self.entries.get_mut(id).expect("just found");
        entry.misses = 0;
        entry.patience = if home == before { entry.patience.saturating_mul(2) } else { PATIENCE };
    }

    fn needs(&self, selector: u32) -> Option<Vec<(u32, Need)>> {
        self.selectors[selector].cond.needs()
    }

    /// The need that the fewest classes fulfil.
    fn best_home(&self, needs: Option<&[(u32, Need)]>) -> Place {
        let Some(needs) = needs else { return Place::Nowhere };
        let mut best = (usize::MAX, Place::EveryClass);
        for (at, need) in needs.iter().enumerate() {
            let cost = self.cost(self.bearers(need), best.0);
            if cost < best.0 {
                best = (cost, Place::Need(u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        best.1
    }

    fn homes(&self, needs: &[(u32, Need)], place: Place, kinds: Kinds) -> Vec<Home> {
        match place {
            Place::Nowhere => Vec::new(),
            Place::EveryClass => Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)).map(Home::Kind).collect(),
            Place::Need(at) => match &needs[at as usize] {
                (key, Need::Present) => vec![Home::Key(*key)],
                (_, Need::OneOf(pairs)) => pairs.iter().copied().map(Home::Pair).collect(),
            },
        }
    }

    fn settle(&mut self, id: u32, needs: &[(u32, Need)], place: Place) {
        let entry = self.entries.get_mut(id).expect("an entry that is held");
        entry.home = place;
        let kinds = entry.kinds;
        for home in self.homes(needs, place, kinds) {
            self.ids.insert(self.homes[usize::from(!kinds.are_local())].entry(home).or_default(), id);
        }
    }

    fn unsettle(&mut self, id: u32, needs: &[(u32, Need)]) {
        let (place, kinds) = (self.entries[id].home, self.entries[id].kinds);
        for home in self.homes(needs, place, kinds) {
            let homes = &mut self.homes[usize::from(!kinds.are_local())];
            if let Some(set) = homes.get_mut(&home) {
                self.ids.remove(set, id);
                if set.is_empty() {
                    homes.remove(&home);
                }
            }
        }
    }

    /// Who bears a label that fulfils a need.
    pub(super) fn bearers<'a>(&'a self, (key, need): &'a (u32, Need)) -> impl Iterator<Item = IdSet> + 'a {
        let (key, pairs): (_, &[u32]) = match need {
            Need::Present => (Some(self.labels.key_bearers(*key)), &[]),
            Need::OneOf(pairs) => (None, pairs),
        };
        key.into_iter().chain(pairs.iter().map(|pair| self.labels.pair_bearers(*pair)))
    }

    /// How many classes bear a label or inherit it; counted no further than `enough`.
    pub(super) fn cost(&self, bearers: impl Iterator<Item = IdSet>, enough: usize) -> usize {
        let mut cost = 0;
        for set in bearers {
            cost += class_bearers_len(&self.ids, set);
            for parent in parent_bearers(&self.ids, set) {
                if cost >= enough {
                    return enough;
                }
                cost += self.ids.len(self.parents[parent].children);
            }
        }
        cost
    }

    /// The classes that bear a label or inherit it; some perhaps twice.
    pub(super) fn classes_under(&self, bearers: IdSet) -> impl Iterator<Item = u32> + '_ {
        let inheriting = parent_bearers(&self.ids, bearers).flat_map(|parent| self.children(parent));
        class_bearers(&self.ids, bearers).chain(inheriting)
    }

    pub(super) fn classes_of(&self, kinds: Kinds) -> impl Iterator<Item = IdSet> + '_ {
        Kind::ALL.into_iter().filter(move |kind| kinds.has(*kind)).map(|kind| self.by_kind[kind as usize])
    }

    /// The classes that a new entry must be compared with.
    fn candidates(&self, needs: &[(u32, Need)], home: Place, kinds: Kinds) -> Vec<u32> {
        let all = || self.classes_of(kinds);
        let need = match home {
            Place::Nowhere => return Vec::new(),
            Place::EveryClass => None,
            Place::Need(at) => {
                let count = all().map(|classes| self.ids.len(classes)).sum();
                Some(&needs[at as usize]).filter(|need| self.cost(self.bearers(need), count) < count)
            }
        };
        let Some(need) = need else { return all().flat_map(|classes| self.ids.iter(classes)).collect() };
        let classes = self.bearers(need).flat_map(|bearers| self.classes_under(bearers));
        classes.filter(|class| kinds.has(self.classes[*class].kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::ParentKind;

    fn pod(index: &mut Index, number: u32, labels: &[(&str, &str)]) -> u32 {
        let namespace = index.parent(ParentKind::Namespace, &format!("namespace-{number}"));
        let own = labels.iter().map(|(key, value)| index.labels.pair(key, value)).collect();
        let own = index.labels.sort(own);
        let class = index.class(Kind::RemotePod, &[namespace], own);
        index.join(class, number);
        class
    }

    /// A class asks only the entries at home under its labels: that must not be all that share one common label.
    #[test]
    fn entries_move_out_of_homes_that_everyone_asks() {
        let mut index = Index::new();
        let entries: Vec<u32> = (0..100)
            .map(|i| {
                let text = format!("alpha == 'beta' && has(set-{i})");
                let selector = index.selector(&text.parse().expect("a selector"));
                index.entry(selector, Kinds::of(&[Kind::RemotePod]))
            })
            .collect();
        let beta = index.labels.pair("alpha", "beta");
        let at_home = |index: &Index| index.homes[1].get(&Home::Pair(beta)).map_or(0, |set| index.ids.len(*set));
        assert!(at_home(&index) >= 99, "while no class is known, one home is as good as another");
        for number in 0..20 {
            let class = pod(&mut index, number, &[("alpha", "beta"), ("set-1", "true")]);
            assert!(index.matches(class).eq([entries[1]]));
        }
        assert!(at_home(&index) <= 1, "{} entries are asked by each class that has the common label", at_home(&index));
    }

    #[test]
    fn what_is_gone_leaves_nothing_behind() {
        let mut index = Index::new();
        let selector = index.selector(&"a == 'b' || has(c) && d not in {'e', 'f'}".parse().expect("a selector"));
        let entry = index.entry(selector, Kinds::of(&[Kind::RemotePod]));
        index.release_selector(selector);
        index.set_namespace("namespace-1", Some([("x", "y")].into_iter()));
        index.set_account("namespace-1", "default", Some([("role", "db")].into_iter()));
        let class = pod(&mut index, 1, &[("a", "b"), ("c", "")]);
        assert!(index.matches(class).eq([entry]) && index.classes(entry).eq([class]));
        assert!(index.leave(class, 1));
        index.release_entry(entry);
        index.set_account("namespace-1", "default", None::<std::iter::Empty<_>>);
        index.set_namespace("namespace-1", None::<std::iter::Empty<_>>);
        let sizes = (index.classes.len(), index.parents.len(), index.selectors.len(), index.entries.len());
        assert_eq!(sizes, (0, 0, 0, 0));
        assert!(index.homes.iter().all(|homes| homes.is_empty()));
        for key in ["a", "c", "d", "x", "pcns.x", "pcsa.role", "pcns.projectcalico.org/name"] {
            assert_eq!(index.labels.find_key(key), None, "{key}");
        }
    }
}
