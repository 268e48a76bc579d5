//! The table as the kernel has it, against the table as it should be.

use crate::sink::{Content, Sink, Transaction, table_id};
use margay_nftables::{Connection, Element, ElementFlags, Error, Set};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The table as it is; `None` where there is none. With the generation of the ruleset that it was read at.
pub(crate) struct Actual {
    content: Option<Content>,
    generation: u32,
}

/// Reads our table.
pub(crate) fn read(connection: &mut Connection) -> Result<Actual, Error> {
    let Some(ruleset) = connection.ruleset(&table_id())? else {
        return Ok(Actual { content: None, generation: connection.generation()? });
    };
    let mut content = Content::default();
    for (set, elements) in ruleset.sets {
        content.sets.insert(set.set.name.clone(), (set.set, elements));
    }
    for chain in ruleset.chains {
        content.order.push(chain.chain.name.clone());
        content.chains.insert(chain.chain.name.clone(), (chain.chain, Vec::new()));
    }
    for rule in ruleset.rules {
        let known = rule.rule.without_state();
        content.chains.entry(rule.chain).and_modify(|(_, rules)| rules.push(known));
    }
    Ok(Actual { content: Some(content), generation: ruleset.generation })
}

/// Writes what makes the table as it should be. Nothing where it is so already.
pub(crate) fn write_differences(desired: &mut Content, actual: Actual, transaction: &mut Transaction) {
    sort(desired);
    match actual.content {
        None if desired.chains.is_empty() && desired.sets.is_empty() => return,
        None => {
            transaction.create_table();
            write_all(desired, transaction);
        }
        Some(actual) if redefined(desired, &actual) => {
            transaction.delete_table();
            transaction.create_table();
            write_all(desired, transaction);
        }
        Some(actual) => mend(desired, &actual, transaction),
    }
    transaction.batch.expect_generation(actual.generation);
}

/// Elements in one order, as they are read back.
fn sort(content: &mut Content) {
    for (_, elements) in content.sets.values_mut() {
        Element::sort(elements);
    }
}

/// Whether a set or a base chain of the same name is another than it should be: it can't be changed while rules use it, so the whole table is made
/// anew in the one transaction.
fn redefined(desired: &Content, actual: &Content) -> bool {
    let set =
        |(name, (set, _)): (&String, &(Set, _))| actual.sets.get(name).is_some_and(|(other, _)| !same(set, other));
    let chain = |(name, (chain, _)): (&String, &(margay_nftables::Chain, _))| {
        actual.chains.get(name).is_some_and(|(other, _)| other.base != chain.base)
    };
    desired.sets.iter().any(set) || desired.chains.iter().any(chain)
}

/// The kernel adds a size and forgets nothing else.
fn same(a: &Set, b: &Set) -> bool {
    a.key == b.key && a.data == b.data && a.flags == b.flags && a.userdata == b.userdata
}

fn write_all(desired: &Content, transaction: &mut Transaction) {
    for (set, _) in desired.sets.values() {
        transaction.create_set(set);
    }
    for name in &desired.order {
        let (chain, rules) = &desired.chains[name];
        transaction.create_chain(chain);
        transaction.append(name, rules);
    }
    for (set, elements) in desired.sets.values() {
        transaction.insert(&set.name, elements);
    }
}

fn mend(desired: &Content, actual: &Content, transaction: &mut Transaction) {
    let new_set = |name: &&String| !actual.sets.contains_key(*name);
    for name in desired.sets.keys().filter(new_set) {
        let (set, elements) = &desired.sets[name];
        transaction.create_set(set);
        if set.data.is_none() {
            transaction.insert(name, elements);
        }
    }
    // All chains are there before any rule that may refer to them.
    let new_chain = |name: &&String| !actual.chains.contains_key(*name);
    let created: BTreeSet<&String> = desired.order.iter().filter(new_chain).collect();
    for name in desired.order.iter().filter(new_chain) {
        transaction.create_chain(&desired.chains[name].0);
    }
    for name in &desired.order {
        let (_, rules) = &desired.chains[name];
        let before = actual.chains.get(name).map(|(_, rules)| rules.as_slice()).unwrap_or_default();
        match (created.contains(name), before == rules.as_slice()) {
            (true, _) => transaction.append(name, rules),
            (false, true) => {}
            (false, false) => transaction.rules(name, rules.clone()),
        }
    }
    for (name, (set, wanted)) in &desired.sets {
        let present = actual.sets.get(name).map(|(_, elements)| elements.as_slice());
        match present {
            None if set.data.is_some() => transaction.insert(name, wanted),
            None => {}
            Some(present) => {
                let (gone, come) = difference(present, wanted);
                transaction.delete(name, gone);
                transaction.insert(name, come);
            }
        }
    }
    let old = |name: &&String| !desired.chains.contains_key(*name);
    // A chain that goes may refer to another that goes, and so may an element of a map that goes: first all are emptied.
    for name in actual.chains.keys().filter(old) {
        transaction.rules(name, Vec::new());
    }
    for name in actual.sets.keys().filter(|name| !desired.sets.contains_key(*name)) {
        transaction.remove_set(name);
    }
    for name in actual.chains.keys().filter(old) {
        transaction.remove_chain(name);
    }
}

/// What is in the first and not in the second, and the other way round; all in the order of [`Element::sort`]. The two elements of an interval stay
/// together.
pub(crate) fn difference<'a>(present: &'a [Element], wanted: &'a [Element]) -> (Vec<&'a Element>, Vec<&'a Element>) {
    fn units(elements: &[Element]) -> impl Iterator<Item = &[Element]> {
        elements.chunk_by(|_, next| next.flags.contains(ElementFlags::INTERVAL_END))
    }
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut present, mut wanted) = (units(present).peekable(), units(wanted).peekable());
    loop {
        let order = match (present.peek(), wanted.peek()) {
            (None, None) => return (gone, come),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(here), Some(there)) => here[0].order(&there[0]),
        };
        let here = if order.is_le() { present.next() } else { None };
        let there = if order.is_ge() { wanted.next() } else { None };
        if here != there {
            gone.extend(here.into_iter().flatten());
            come.extend(there.into_iter().flatten());
        }
    }
}

/// Something that is not as it should be.
pub(crate) struct Difference {
    /// In words.
    pub(crate) found: String,
}

/// Everything that is not as it should be.
pub(crate) fn differences(desired: &mut Content, actual: &Actual) -> Vec<Difference> {
    sort(desired);
    let mut found = Vec::new();
    let mut note = |text: String| found.push(Difference { found: text });
    let Some(actual) = &actual.content else {
        if !desired.chains.is_empty() || !desired.sets.is_empty() {
            note(format!("the table inet {} is not there", crate::names::TABLE));
        }
        return found;
    };
    for (name, (set, elements)) in &desired.sets {
        match actual.sets.get(name) {
            None => note(format!("set {name} is not there")),
            Some((other, _)) if !same(set, other) => note(format!("set {name} is of another kind")),
            Some((_, present)) => {
                let (gone, come) = difference(present, elements);
                if !gone.is_empty() || !come.is_empty() {
                    note(format!("set {name} has {} elements too many and lacks {}", gone.len(), come.len()));
                }
            }
        }
    }
    for (name, (chain, rules)) in &desired.chains {
        match actual.chains.get(name) {
            None => note(format!("chain {name} is not there")),
            Some((other, _)) if other.base != chain.base => note(format!("chain {name} hangs elsewhere")),
            Some((_, present)) if present != rules => note(format!("the rules of chain {name} are others")),
            Some(_) => {}
        }
    }
    for name in actual.chains.keys().filter(|name| !desired.chains.contains_key(*name)) {
        note(format!("chain {name} is not ours"));
    }
    for name in actual.sets.keys().filter(|name| !desired.sets.contains_key(*name)) {
        note(format!("set {name} is not ours"));
    }
    found
}
