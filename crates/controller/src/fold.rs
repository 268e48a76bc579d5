//! What nodes report, folded by policy.

use margay_api::{Key, Kind};
use margay_report::{NodeReport, PolicyReport, PolicyState, Unsupported};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything that nodes report now, by policy. A value without I/O: the same reports make the same of it in any order, and a report costs as much as it differs from the one before.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    nodes: BTreeMap<SmolStr, Node>,
    by_policy: HashMap<Key, BTreeMap<SmolStr, OnNode>>,
    /// Policies that there are.
    known: BTreeSet<Key>,
    /// Policies of which something has changed since they were taken.
    dirty: BTreeSet<Key>,
    /// Nodes whose report does not name all of their policies.
    incomplete: usize,
}

/// What is kept of a node.
#[derive(Clone, Debug, Default)]
struct Node {
    is_windows: bool,
    is_complete: bool,
    policies: BTreeSet<Key>,
}

/// How a policy is on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnNode {
    /// The node runs Windows; else Linux.
    pub is_windows: bool,
    /// What the state is of.
    pub generation: i64,
    /// How far it is there.
    pub state: PolicyState,
    /// Why it fails.
    pub message: Box<str>,
    /// Rules that can't be expressed there.
    pub unsupported: Box<[Unsupported]>,
}

/// Whether it can be told that no node has endpoints of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// No node reports.
    Nobody,
    /// A node does not know all yet, or can't name all of its policies.
    Some,
    /// Every node that reports names all of its policies.
    All,
}

impl Fold {
    /// A node's report as it is now; `None` where there is none.
    pub fn report(&mut self, name: &str, report: Option<&NodeReport>) {
        let name = SmolStr::new(name);
        let before = self.heard();
        let old = self.nodes.remove(&name);
        self.incomplete -= usize::from(old.as_ref().is_some_and(|node| !node.is_complete));
        let mut gone = old.map(|node| node.policies).unwrap_or_default();
        if let Some(report) = report {
            let is_windows = report.os == "windows";
            let is_complete = report.in_sync && report.more_policies == 0;
            let mut node = Node { is_windows, is_complete, policies: BTreeSet::new() };
            for policy in &report.policies {
                let Some(key) = key_of(policy) else { continue };
                gone.remove(&key);
                self.put(&name, &key, on_node(node.is_windows, policy));
                node.policies.insert(key);
            }
            self.incomplete += usize::from(!is_complete);
            self.nodes.insert(name.clone(), node);
        }
        for key in gone {
            if let Some(nodes) = self.by_policy.get_mut(&key) {
                nodes.remove(&name);
                if nodes.is_empty() {
                    self.by_policy.remove(&key);
                }
            }
            self.dirty.insert(key);
        }
        if self.heard() != before {
            let unheard = self.known.iter().filter(|key| !self.by_policy.contains_key(*key));
            self.dirty.extend(unheard.cloned());
        }
    }

    fn put(&mut self, node: &SmolStr, key: &Key, new: OnNode) {
        let nodes = self.by_policy.entry(key.clone()).or_default();
        if nodes.get(node) != Some(&new) {
            nodes.insert(node.clone(), new);
            self.dirty.insert(key.clone());
        }
    }

    /// A policy is there, and may have changed.
    pub fn policy(&mut self, key: Key) {
        self.known.insert(key.clone());
        self.dirty.insert(key);
    }

    /// A policy is gone.
    pub fn policy_gone(&mut self, key: &Key) {
        self.known.remove(key);
        self.dirty.insert(key.clone());
    }

    /// Whether there is such a policy.
    pub fn is_known(&self, key: &Key) -> bool {
        self.known.contains(key)
    }

    /// Policies that there are.
    pub fn known(&self) -> impl Iterator<Item = &Key> {
        self.known.iter()
    }

    /// Nodes that report.
    pub fn reporting(&self) -> impl Iterator<Item = &SmolStr> {
        self.nodes.keys()
    }

    /// Policies of which something has changed since this was asked last.
    pub fn take_dirty(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.dirty)
    }

    /// How a policy is on each node that has endpoints of it.
    pub fn on_nodes(&self, key: &Key) -> impl Iterator<Item = (&SmolStr, &OnNode)> + Clone {
        self.by_policy.get(key).into_iter().flatten()
    }

    /// Whom has been heard.
    pub fn heard(&self) -> Heard {
        match (self.nodes.is_empty(), self.incomplete) {
            (true, _) => Heard::Nobody,
            (false, 0) => Heard::All,
            (false, _) => Heard::Some,
        }
    }
}

fn on_node(is_windows: bool, policy: &PolicyReport) -> OnNode {
    OnNode {
        is_windows,
        generation: policy.generation,
        state: policy.state,
        message: policy.message.as_str().into(),
        unsupported: policy.unsupported.as_slice().into(),
    }
}

/// The policy that a report is about; `None` for a kind that is none of policy.
fn key_of(report: &PolicyReport) -> Option<Key> {
    let kind = kind_of(&report.group, &report.kind)?;
    Some(Key { kind, namespace: report.namespace.as_str().into(), name: report.name.as_str().into() })
}

/// The kind of policy by this group and name.
pub fn kind_of(group: &str, name: &str) -> Option<Kind> {
    Kind::ENFORCED.into_iter().find(|kind| kind.group() == group && kind.name() == name)
}
