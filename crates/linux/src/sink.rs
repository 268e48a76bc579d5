//! Where lowered objects go: into a transaction, or into a description of the whole table.

use crate::names::TABLE;
use margay_nftables::{Batch, Chain, Element, Family, Rule, Set, Table, TableId};
use std::collections::BTreeMap;

/// Our table.
pub(crate) fn table_id() -> TableId {
    TableId::new(Family::Inet, TABLE)
}

/// Takes lowered objects, in an order in which each refers only to what came before.
pub(crate) trait Sink {
    /// A new, empty set or map.
    fn set(&mut self, set: Set);
    /// New elements.
    fn add(&mut self, set: &str, elements: Vec<Element>);
    /// Elements that go.
    fn remove(&mut self, set: &str, elements: Vec<Element>);
    /// A chain that is new.
    fn chain(&mut self, chain: Chain, rules: Vec<Rule>);
    /// Other rules for a chain that is there.
    fn rules(&mut self, chain: &str, rules: Vec<Rule>);
    /// A chain that goes.
    fn remove_chain(&mut self, name: &str);
    /// A set that goes.
    fn remove_set(&mut self, name: &str);
}

/// A transaction on our table.
pub(crate) struct Transaction {
    table: TableId,
    pub(crate) batch: Batch,
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self { table: table_id(), batch: Batch::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.batch.clear();
    }

    pub(crate) fn create_table(&mut self) {
        self.batch.add_table(&self.table, &Table::default());
    }

    /// A new, empty set or map.
    pub(crate) fn create_set(&mut self, set: &Set) {
        self.batch.add_set(&self.table, set);
    }

    /// New elements.
    pub(crate) fn insert<'a>(&mut self, set: &str, elements: impl IntoIterator<Item = &'a Element>) {
        self.batch.add_elements(&self.table, set, elements);
    }

    /// Elements that go.
    pub(crate) fn delete<'a>(&mut self, set: &str, elements: impl IntoIterator<Item = &'a Element>) {
        self.batch.delete_elements(&self.table, set, elements);
    }

    /// A new, empty chain.
    pub(crate) fn create_chain(&mut self, chain: &Chain) {
        self.batch.add_chain(&self.table, chain);
    }

    /// More rules for a chain.
    pub(crate) fn append(&mut self, chain: &str, rules: &[Rule]) {
        for rule in rules {
            self.batch.add_rule(&self.table, chain, rule);
        }
    }

    pub(crate) fn delete_table(&mut self) {
        self.batch.delete_table(&self.table);
    }
}

impl Sink for Transaction {
    fn set(&mut self, set: Set) {
        self.create_set(&set);
    }

    fn add(&mut self, set: &str, elements: Vec<Element>) {
        self.insert(set, &elements);
    }

    fn remove(&mut self, set: &str, elements: Vec<Element>) {
        self.delete(set, &elements);
    }

    fn chain(&mut self, chain: Chain, rules: Vec<Rule>) {
        self.create_chain(&chain);
        self.append(&chain.name, &rules);
    }

    fn rules(&mut self, chain: &str, rules: Vec<Rule>) {
        self.batch.flush_chain(&self.table, chain);
        self.append(chain, &rules);
    }

    fn remove_chain(&mut self, name: &str) {
        self.batch.delete_chain(&self.table, name);
    }

    fn remove_set(&mut self, name: &str) {
        self.batch.delete_set(&self.table, name);
    }
}

/// A whole table, as it should be or as it is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) sets: BTreeMap<String, (Set, Vec<Element>)>,
    pub(crate) chains: BTreeMap<String, (Chain, Vec<Rule>)>,
    /// The order in which the chains came: each refers only to those before.
    pub(crate) order: Vec<String>,
}

impl Sink for Content {
    fn set(&mut self, set: Set) {
        self.sets.insert(set.name.clone(), (set, Vec::new()));
    }

    fn add(&mut self, set: &str, elements: Vec<Element>) {
        self.sets.entry(set.to_owned()).and_modify(|(_, all)| all.extend(elements));
    }

    fn remove(&mut self, set: &str, elements: Vec<Element>) {
        self.sets.entry(set.to_owned()).and_modify(|(_, all)| all.retain(|element| !elements.contains(element)));
    }

    fn chain(&mut self, chain: Chain, rules: Vec<Rule>) {
        self.order.push(chain.name.clone());
        self.chains.insert(chain.name.clone(), (chain, rules));
    }

    fn rules(&mut self, chain: &str, rules: Vec<Rule>) {
        self.chains.entry(chain.to_owned()).and_modify(|(_, all)| *all = rules);
    }

    fn remove_chain(&mut self, name: &str) {
        self.chains.remove(name);
        self.order.retain(|chain| chain != name);
    }

    fn remove_set(&mut self, name: &str) {
        self.sets.remove(name);
    }
}
