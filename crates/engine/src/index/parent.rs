//! Parents: what a class inherits labels from.

use super::labels::{Bearer, parent_bearers};
use super::{Event, Index, NONE, Parent};
use crate::idset::IdSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParentKind {
    /// Gives `projectcalico.org/namespace`, and, where the Namespace exists, its labels as `pcns.…`.
    Namespace,
    /// Gives the labels that the Profile applies.
    Profile,
    /// Gives the labels of a ServiceAccount that exists as `pcsa.…`.
    Account,
}

/// A key that changed: its pair before and after.
struct Changed {
    key: u32,
    before: Option<u32>,
    after: Option<u32>,
}

/// Below so many children they are simply gone through.
const FEW: usize = 16;

impl Index {
    /// A namespace or profile; made where there was none. It stays as long as its resource exists or a class has it: one that is asked for must be
    /// given to a class, or to [`Index::drop_parent_if_unused`].
    pub(crate) fn parent(&mut self, kind: ParentKind, name: &str) -> u32 {
        match self.find_parent(kind, name) {
            Some(id) => id,
            None => self.new_parent(kind, kind as u32, name),
        }
    }

    pub(crate) fn find_parent(&self, kind: ParentKind, name: &str) -> Option<u32> {
        if kind == ParentKind::Namespace {
            // Who bears the label that names it is the namespace itself, if it is not some profile or host endpoint that pretends.
            let bearers = self.labels.pair_bearers(self.labels.find_pair(self.namespace_key, name)?);
            return parent_bearers(&self.ids, bearers).find(|id| self.parents[*id].kind == kind);
        }
        self.parent_names.find(kind as u32, name).map(|name| *self.parent_names.payload(name))
    }

    fn new_parent(&mut self, kind: ParentKind, scope: u32, text: &str) -> u32 {
        let namespace = (kind == ParentKind::Namespace).then(|| self.labels.pair_of(self.namespace_key, text));
        let name = namespace.unwrap_or_else(|| self.parent_names.intern(scope, text));
        let pairs = namespace.into_iter().collect();
        let id = self.parents.insert(Parent { name, kind, exists: false, pairs, children: IdSet::default(), held: 0 });
        self.labels.bear(&mut self.ids, Bearer::Parent(id), &self.parents[id].pairs);
        if namespace.is_none() {
            *self.parent_names.payload_mut(name) = id;
        }
        id
    }

    /// The scope of the names of a namespace's service accounts.
    fn account_scope(namespace: u32) -> u32 {
        namespace + ParentKind::Account as u32
    }

    pub(super) fn find_account(&self, namespace: u32, name: &str) -> Option<u32> {
        self.parent_names.find(Self::account_scope(namespace), name).map(|name| *self.parent_names.payload(name))
    }

    pub(crate) fn parent_name(&self, id: u32) -> &str {
        let parent = &self.parents[id];
        match parent.kind {
            ParentKind::Namespace => self.labels.value(parent.name),
            ParentKind::Profile | ParentKind::Account => self.parent_names.text(parent.name),
        }
    }

    /// Whether its resource exists.
    pub(crate) fn parent_exists(&self, id: u32) -> bool {
        self.parents.get(id).is_some_and(|parent| parent.exists)
    }

    /// The classes that have a parent.
    pub(crate) fn children(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter(self.parents.get(id).map_or(IdSet::default(), |parent| parent.children))
    }

    pub(crate) fn drop_parent_if_unused(&mut self, id: u32) {
        let parent = &self.parents[id];
        if parent.exists || parent.held > 0 || !parent.children.is_empty() {
            return;
        }
        let Some(parent) = self.parents.remove(id) else { return };
        self.labels.shed(&mut self.ids, Bearer::Parent(id), &parent.pairs);
        self.labels.release_pairs(&parent.pairs);
        if parent.kind != ParentKind::Namespace {
            self.parent_names.release(parent.name);
        }
    }

    /// The labels of a Namespace; `None` when it is gone. True when it came or went.
    pub(crate) fn set_namespace<'a>(
        &mut self,
        name: &str,
        labels: Option<impl Iterator<Item = (&'a str, &'a str)>>,
    ) -> bool {
        let id = match (self.find_parent(ParentKind::Namespace, name), &labels) {
            (Some(id), _) => id,
            (None, Some(_)) => self.parent(ParentKind::Namespace, name),
            (None, None) => return false,
        };
        let mut pairs = vec![self.labels.pair_of(self.namespace_key, name)];
        let exists = labels.is_some();
        labels.into_iter().for_each(|labels| self.inherit(&mut pairs, "pcns.", name, labels));
        self.set_parent(id, exists, pairs)
    }

    /// The labels that a Profile applies; `None` when it is gone. True when it came or went.
    pub(crate) fn set_profile<'a>(
        &mut self,
        name: &str,
        labels: Option<impl Iterator<Item = (&'a str, &'a str)>>,
    ) -> bool {
        let id = match (self.find_parent(ParentKind::Profile, name), &labels) {
            (Some(id), _) => id,
            (None, Some(_)) => self.parent(ParentKind::Profile, name),
            (None, None) => return false,
        };
        let exists = labels.is_some();
        let pairs = labels.into_iter().flatten().map(|(key, value)| self.labels.pair(key, value)).collect();
        self.set_parent(id, exists, pairs)
    }

    /// The labels of a ServiceAccount; `None` when it is gone.
    pub(crate) fn set_account<'a>(
        &mut self,
        namespace: &str,
        name: &str,
        labels: Option<impl Iterator<Item = (&'a str, &'a str)>>,
    ) {
        let Some(labels) = labels else {
            let namespace = self.find_parent(ParentKind::Namespace, namespace);
            let account = namespace.and_then(|id| Some((id, self.find_account(id, name)?)));
            return account.into_iter().for_each(|(namespace, account)| self.remove_account(namespace, account));
        };
        let namespace = self.parent(ParentKind::Namespace, namespace);
        let id = match self.find_account(namespace, name) {
            Some(id) => id,
            None => self.new_account(namespace, name),
        };
        let mut pairs = Vec::new();
        self.inherit(&mut pairs, "pcsa.", name, labels);
        self.set_parent(id, true, pairs);
    }

    /// Makes a service account without labels, and the parent of the pods of its name.
    fn new_account(&mut self, namespace: u32, name: &str) -> u32 {
        let id = self.new_parent(ParentKind::Account, Self::account_scope(namespace), name);
        self.parents.get_mut(namespace).expect("a parent that was just found").held += 1;
        let named = self.labels.find_pair(self.account_key, name);
        let bearers = named.map_or(IdSet::default(), |pair| self.labels.pair_bearers(pair));
        let within = self.parents[namespace].children;
        let pods: Vec<u32> = if self.ids.len(within) < self.ids.len(bearers) {
            self.ids.iter(within).filter(|class| self.ids.contains(bearers, *class)).collect()
        } else {
            super::labels::class_bearers(&self.ids, bearers).filter(|class| self.ids.contains(within, *class)).collect()
        };
        for class in pods {
            // A host endpoint or network set may have the label of that name too.
            let class_of = self.classes.get_mut(class).expect("who bears a label is there");
            if matches!(class_of.kind, super::Kind::LocalPod | super::Kind::RemotePod) {
                class_of.account = id;
                self.ids.insert(&mut self.parents.get_mut(id).expect("just made").children, class);
            }
        }
        id
    }

    fn remove_account(&mut self, namespace: u32, account: u32) {
        self.set_labels(account, Vec::new());
        for class in self.children(account).collect::<Vec<_>>() {
            self.classes.get_mut(class).expect("a child is there").account = NONE;
        }
        let parent = self.parents.get_mut(account).expect("the account to remove");
        self.ids.clear(&mut parent.children);
        parent.exists = false;
        self.drop_parent_if_unused(account);
        self.parents.get_mut(namespace).expect("an account's namespace is held by it").held -= 1;
        self.drop_parent_if_unused(namespace);
    }

    /// Adds a parent's labels as its children inherit them: with a prefix, and its name.
    fn inherit<'a>(
        &mut self,
        pairs: &mut Vec<u32>,
        prefix: &str,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let mut inherited = String::from(prefix);
        let mut inherit = |key, value| {
            inherited.truncate(prefix.len());
            inherited.push_str(key);
            pairs.push(self.labels.pair(&inherited, value));
        };
        inherit("projectcalico.org/name", name);
        labels.for_each(|(key, value)| inherit(key, value));
    }

    /// True when its resource came or went.
    fn set_parent(&mut self, id: u32, exists: bool, pairs: Vec<u32>) -> bool {
        self.set_labels(id, pairs);
        let parent = self.parents.get_mut(id).expect("the parent to set");
        let flipped = std::mem::replace(&mut parent.exists, exists) != exists;
        self.drop_parent_if_unused(id);
        flipped
    }

    /// Changes a parent's labels, and what its children match with them. Takes the holds on the pairs over; of a key given twice the first stays.
    fn set_labels(&mut self, id: u32, pairs: Vec<u32>) {
        let after = self.labels.sort(pairs).into_boxed_slice();
        let before = std::mem::take(&mut self.parents.get_mut(id).expect("the parent to set").pairs);
        let changed = self.changed_keys(&before, &after);
        let gone: Vec<u32> = before.iter().filter(|pair| !after.contains(pair)).copied().collect();
        let new: Vec<u32> = after.iter().filter(|pair| !before.contains(pair)).copied().collect();
        self.labels.shed(&mut self.ids, Bearer::Parent(id), &gone);
        self.labels.bear(&mut self.ids, Bearer::Parent(id), &new);
        self.parents.get_mut(id).expect("the parent to set").pairs = after;
        if !self.parents[id].children.is_empty() {
            self.match_children(id, &changed);
        }
        self.labels.release_pairs(&before);
    }

    fn changed_keys(&self, before: &[u32], after: &[u32]) -> Vec<Changed> {
        let key_of = |pair: &u32| self.labels.key_of(*pair);
        let mut changed: Vec<Changed> = before
            .iter()
            .filter(|pair| !after.contains(pair))
            .map(|pair| Changed {
                key: key_of(pair),
                before: Some(*pair),
                after: self.labels.find_in(after, key_of(pair)),
            })
            .collect();
        let new = after.iter().filter(|pair| self.labels.find_in(before, key_of(pair)).is_none());
        changed.extend(new.map(|pair| Changed { key: key_of(pair), before: None, after: Some(*pair) }));
        changed
    }

    /// Matches a parent's children again with the entries that may care about a change of its labels.
    fn match_children(&mut self, id: u32, changed: &[Changed]) {
        // Of a pod, nothing can stand before or behind what its namespace and service account give, so their label alone may decide.
        let decides = self.parents[id].kind != ParentKind::Profile;
        let mut selectors: Vec<u32> = Vec::new();
        for Changed { key, before, after } in changed {
            for selector in self.ids.iter(self.labels.mentions(*key)) {
                let cond = &self.selectors[selector].cond;
                let known = |value: &Option<u32>| cond.known(&self.labels, *key, *value);
                if !(decides && known(before).is_some() && known(before) == known(after)) {
                    selectors.push(selector);
                }
            }
        }
        selectors.sort_unstable();
        selectors.dedup();
        for selector in selectors {
            let entries: Vec<u32> = self.ids.iter(self.selectors[selector].entries).collect();
            for entry in entries {
                for class in self.children_to_match(id, entry, changed) {
                    self.match_again(entry, class);
                }
            }
        }
    }

    /// Children that may match an entry, before or after some of their parent's keys changed.
    fn children_to_match(&self, id: u32, entry: u32, changed: &[Changed]) -> Vec<u32> {
        let entry = &self.entries[entry];
        let children = self.parents[id].children;
        let fits = |class: &u32| entry.kinds.has(self.classes[*class].kind);
        let mut cost = self.ids.len(children);
        if cost <= FEW {
            return self.ids.iter(children).filter(fits).collect();
        }
        // What a selector needs of a key that did not change holds before and after, if it matches at all.
        let needs = self.selectors[entry.selector].cond.needs().unwrap_or_default();
        let mut best = None;
        for need in needs.iter().filter(|(key, _)| changed.iter().all(|changed| changed.key != *key)) {
            let bounded = self.cost(self.bearers(need), cost);
            if bounded < cost {
                (cost, best) = (bounded, Some(need));
            }
        }
        let is_child = |class: &u32| self.ids.contains(children, *class);
        let of_kinds = self.classes_of(entry.kinds).map(|classes| self.ids.len(classes)).sum::<usize>();
        if of_kinds < cost {
            return self.classes_of(entry.kinds).flat_map(|classes| self.ids.iter(classes)).filter(is_child).collect();
        }
        match best {
            None => self.ids.iter(children).filter(fits).collect(),
            Some(need) => {
                let found = self.bearers(need).flat_map(|bearers| self.classes_under(bearers));
                found.filter(fits).filter(is_child).collect()
            }
        }
    }

    fn match_again(&mut self, entry: u32, class: u32) {
        let (found, selector) = (&self.entries[entry], &self.selectors[self.entries[entry].selector]);
        let matches = self.holds(&selector.cond, &self.classes[class]);
        if matches != self.ids.contains(found.classes, class) {
            self.set_match(entry, class, matches);
            self.events.push(Event { class, entry, matches });
        }
    }
}
