//! Reading what the kernel has.

use crate::attr::Malformed;
use crate::chain::ChainEntry;
use crate::connection::Connection;
use crate::element::{self, Element};
use crate::error::{Error, Result};
use crate::expr::{Expr, InlineSet, Lookup, SetRef};
use crate::family::Family;
use crate::kind::{GET_CHAIN, GET_OBJECT, GET_OBJECT_RESET, GET_RULE, GET_SET, GET_SET_ELEM, GET_TABLE};
use crate::message::Message;
use crate::object::{self, CounterEntry, ObjectKind};
use crate::request::{Consistency, Request};
use crate::rule::{self, RuleEntry};
use crate::set::{self, SetEntry, SetFlags};
use crate::table::{TableEntry, TableId};
use std::collections::HashMap;

/// How often a ruleset that changes while it is read is read again.
const ATTEMPTS: u32 = 10;

/// A table with all it holds, as of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruleset {
    /// The generation of the ruleset; for [`Batch::expect_generation`](crate::Batch::expect_generation).
    pub generation: u32,
    /// The table.
    pub table: TableEntry,
    /// Its chains, in the kernel's order.
    pub chains: Vec<ChainEntry>,
    /// Its rules, by chain in the order of `chains`, in the order of evaluation. Sets that stand in rules are back in
    /// their place.
    pub rules: Vec<RuleEntry>,
    /// Its sets and maps that have names, each with its elements in the order of [`Element::sort`].
    pub sets: Vec<(SetEntry, Vec<Element>)>,
    /// Its named counters.
    pub counters: Vec<CounterEntry>,
}

impl Connection {
    /// All tables of all families known here.
    pub fn tables(&mut self) -> Result<Vec<TableEntry>> {
        self.collect(
            || Request::dump(GET_TABLE, 0, "listing tables".to_owned()),
            |message, tables| {
                let (family, attributes) = message.netfilter()?;
                if Family::from_wire(family).is_ok() {
                    tables.push(TableEntry::decode(family, attributes)?);
                }
                Ok(())
            },
        )
    }

    /// The chains of a table.
    pub fn chains(&mut self, table: &TableId) -> Result<Vec<ChainEntry>> {
        self.collect(
            || Request::dump(GET_CHAIN, table.family.wire(), format!("listing chains of table {table}")),
            |message, chains| {
                let (family, attributes) = message.netfilter()?;
                // The kernel gives those of all tables of the family. Foreign ones may have what is not known here.
                if ChainEntry::table_of(attributes.clone())? == table.name {
                    chains.push(ChainEntry::decode(family, attributes)?);
                }
                Ok(())
            },
        )
    }

    /// The sets and maps of a table, without their elements; those that stand in rules too.
    pub fn sets(&mut self, table: &TableId) -> Result<Vec<SetEntry>> {
        self.collect(
            || {
                Request::dump(GET_SET, table.family.wire(), format!("listing sets of table {table}"))
                    .attributes(|out| set::of_table(&table.name, out))
            },
            |message, sets| {
                let (family, attributes) = message.netfilter()?;
                sets.push(SetEntry::decode(family, attributes)?);
                Ok(())
            },
        )
    }

    /// The elements of a set or map, in the order of [`Element::sort`].
    pub fn elements(&mut self, table: &TableId, set: &str) -> Result<Vec<Element>> {
        let mut elements = self.collect(
            || {
                Request::dump(GET_SET_ELEM, table.family.wire(), format!("listing elements of set {table} {set}"))
                    .attributes(|out| element::list_head(&table.name, set, 0, out))
            },
            |message, elements| element::decode_list(message.netfilter()?.1, elements),
        )?;
        Element::sort(&mut elements);
        Ok(elements)
    }

    /// The rules of a table, or of one chain of it, in the order of evaluation.
    pub fn rules(&mut self, table: &TableId, chain: Option<&str>) -> Result<Vec<RuleEntry>> {
        self.collect(
            || {
                Request::dump(GET_RULE, table.family.wire(), format!("listing rules of table {table}"))
                    .attributes(|out| rule::name(&table.name, chain, None, out))
            },
            |message, rules| {
                let (family, attributes) = message.netfilter()?;
                rules.push(RuleEntry::decode(family, attributes)?);
                Ok(())
            },
        )
    }

    /// The named counters of a table.
    pub fn counters(&mut self, table: &TableId) -> Result<Vec<CounterEntry>> {
        self.collect(
            || {
                Request::dump(GET_OBJECT, table.family.wire(), format!("listing counters of table {table}"))
                    .attributes(|out| object::name(&table.name, ObjectKind::Counter, None, out))
            },
            push_counter,
        )
    }

    /// A named counter.
    pub fn counter(&mut self, table: &TableId, name: &str) -> Result<CounterEntry> {
        self.one_counter(GET_OBJECT, table, name)
    }

    /// A named counter, which begins with nothing again; what it gives is what passed since the last time.
    pub fn reset_counter(&mut self, table: &TableId, name: &str) -> Result<CounterEntry> {
        self.one_counter(GET_OBJECT_RESET, table, name)
    }

    fn one_counter(&mut self, kind: u16, table: &TableId, name: &str) -> Result<CounterEntry> {
        let operation = format!("reading counter {table} {name}");
        let request = Request::single(kind, table.family.wire(), operation.clone())
            .attributes(|out| object::name(&table.name, ObjectKind::Counter, Some(name), out));
        let mut found = Vec::new();
        self.link.exchange(request, |message| push_counter(message, &mut found))?;
        let source = Malformed("no counter in the answer");
        found.pop().ok_or(Error::Reply { operation, source })
    }

    /// A table with all it holds, as of one generation; `None` when it is not there. Reads again while others change
    /// the ruleset, and gives up with [`Error::Unstable`] after ten times.
    pub fn ruleset(&mut self, table: &TableId) -> Result<Option<Ruleset>> {
        for _ in 0..ATTEMPTS {
            let generation = self.generation()?;
            let ruleset = self.read_ruleset(table, generation);
            if self.generation()? == generation {
                return ruleset;
            }
        }
        Err(Error::Unstable { attempts: ATTEMPTS })
    }

    fn read_ruleset(&mut self, id: &TableId, generation: u32) -> Result<Option<Ruleset>> {
        let Some(table) = self.tables()?.into_iter().find(|table| table.id == *id) else { return Ok(None) };
        let (chains, mut rules) = (self.chains(id)?, self.rules(id, None)?);
        let mut sets = Vec::new();
        let mut inline = HashMap::new();
        for set in self.sets(id)? {
            let elements = self.elements(id, &set.set.name)?;
            if set.set.flags.contains(SetFlags::ANONYMOUS) {
                inline.insert(set.set.name.clone(), InlineSet::from_set(&set.set, elements));
            } else {
                sets.push((set, elements));
            }
        }
        for expression in rules.iter_mut().flat_map(|entry| &mut entry.rule.expressions) {
            if let Expr::Lookup(Lookup { set: reference @ SetRef::Named(_), .. }) = expression
                && let SetRef::Named(name) = reference
                && let Some(set) = inline.remove(name)
            {
                *reference = SetRef::Inline(Box::new(set));
            }
        }
        Ok(Some(Ruleset { generation, table, chains, rules, sets, counters: self.counters(id)? }))
    }

    /// Collects the answers to a request that can be asked again, until they are all of one moment.
    fn collect<T>(
        &mut self,
        request: impl Fn() -> Request,
        mut push: impl FnMut(Message<'_>, &mut Vec<T>) -> Result<(), Malformed>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for _ in 0..ATTEMPTS {
            all.clear();
            if self.link.exchange(request(), |message| push(message, &mut all))? == Consistency::Whole {
                return Ok(all);
            }
        }
        Err(Error::Unstable { attempts: ATTEMPTS })
    }
}

fn push_counter(message: Message<'_>, counters: &mut Vec<CounterEntry>) -> Result<(), Malformed> {
    let (family, attributes) = message.netfilter()?;
    counters.extend(CounterEntry::decode(family, attributes)?);
    Ok(())
}
