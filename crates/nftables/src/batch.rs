//! Batches: changes that the kernel makes all at once, or not at all.

use crate::attr::Writer;
use crate::chain::{self, Chain};
use crate::describe::describe;
use crate::element::{self, Element};
use crate::kind::MessageKind;
use crate::message::{self, APPEND, CREATE, Messages, REPLACE, REQUEST};
use crate::object::{self, NamedCounter, ObjectKind};
use crate::rule::{self, Position, Rule};
use crate::set::{self, Set};
use crate::table::{self, Table, TableId};
use std::borrow::Borrow;
use std::fmt;

/// What a batch holds, by kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    messages: [u32; MessageKind::COUNT],
    /// Set elements in all `NEWSETELEM` messages.
    pub elements_added: usize,
    /// Set elements in all `DELSETELEM` messages. A flush counts as none.
    pub elements_deleted: usize,
}

impl Counts {
    /// Messages of this kind.
    pub fn of(&self, kind: MessageKind) -> usize {
        self.messages[kind.wire() as usize] as usize
    }

    /// Messages of all kinds.
    pub fn total(&self) -> usize {
        self.messages.iter().map(|&count| count as usize).sum()
    }
}

impl fmt::Display for Counts {
    /// Such as `NEWRULE 2, NEWSETELEM 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, &count) in (0u32..).zip(&self.messages) {
            if let (1.., Ok(kind)) = (count, MessageKind::from_wire(number)) {
                write!(f, "{separator}{kind} {count}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// Changes to be made all at once, in this order: each may refer to what those before it made.
///
/// A batch is one growing buffer of messages ready to be sent; [`clear`](Self::clear) keeps its memory. Adding never
/// fails: what can't be written (a name with a zero byte, a rule beyond 64 KiB) is reported by the commit, which then
/// sends nothing.
///
/// To add is to make sure that something is there: a table, chain, set, counter or element that is there already with
/// the same content is no error. To delete what is not there is one (`ENOENT`).
#[derive(Debug, Default)]
pub struct Batch {
    out: Writer,
    /// Where each message begins.
    starts: Vec<usize>,
    counts: Counts,
    /// The id of the last set; ids tell sets of one batch from each other.
    last_set_id: u32,
    generation: Option<u32>,
    /// The first message that could not be written, and why.
    fault: Option<(usize, &'static str)>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it, and keeps its memory for the next.
    pub fn clear(&mut self) {
        let out = Writer::reusing(std::mem::take(&mut self.out.bytes));
        let mut starts = std::mem::take(&mut self.starts);
        starts.clear();
        *self = Self { out, starts, ..Self::default() };
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Bytes of its messages.
    pub fn bytes(&self) -> usize {
        self.out.bytes.len()
    }

    /// Its messages as they will be sent, to look at with [`decode::object`](crate::decode::object). Sequence numbers
    /// are set by the commit.
    pub fn messages(&self) -> Messages<'_> {
        message::messages(&self.out.bytes)
    }

    /// What each message does, in words, such as `add chain inet filter input`.
    pub fn describe(&self) -> impl Iterator<Item = String> {
        (0..self.starts.len()).map(|index| describe(self.message_bytes(index), None))
    }

    /// What it holds.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Only commit when the ruleset is still of this generation; see
    /// [`Connection::generation`](crate::Connection::generation). Else the commit gives
    /// [`Error::Stale`](crate::Error::Stale).
    pub fn expect_generation(&mut self, generation: u32) {
        self.generation = Some(generation);
    }

    /// Makes a table, or changes its flags.
    pub fn add_table(&mut self, id: &TableId, table: &Table) {
        self.message(MessageKind::NewTable, CREATE, id, |out| table.encode(&id.name, out));
    }

    /// Deletes a table with all it holds.
    pub fn delete_table(&mut self, id: &TableId) {
        self.message(MessageKind::DelTable, 0, id, |out| out.string(table::NAME, &id.name));
    }

    /// Makes a chain, or changes the policy of a base chain.
    pub fn add_chain(&mut self, table: &TableId, chain: &Chain) {
        self.message(MessageKind::NewChain, CREATE, table, |out| chain.encode(table.family, &table.name, out));
    }

    /// Deletes a chain, which must be empty and not referred to; within a batch, [`flush_chain`](Self::flush_chain)
    /// first.
    pub fn delete_chain(&mut self, table: &TableId, name: &str) {
        self.message(MessageKind::DelChain, 0, table, |out| chain::name(&table.name, name, out));
    }

    /// Deletes all rules of a chain.
    pub fn flush_chain(&mut self, table: &TableId, name: &str) {
        self.message(MessageKind::DelRule, 0, table, |out| rule::name(&table.name, Some(name), None, out));
    }

    /// Adds a rule after all others of its chain.
    pub fn add_rule(&mut self, table: &TableId, chain: &str, rule: &Rule) {
        self.insert_rule(table, chain, Position::Last, rule);
    }

    /// Adds a rule at a place of its chain. Sets that stand in the rule are made just before it.
    pub fn insert_rule(&mut self, table: &TableId, chain: &str, position: Position, rule: &Rule) {
        let (append, reference) = position.wire();
        let flags = CREATE | if append { APPEND } else { 0 };
        self.write_rule(flags, table, chain, rule, |out| {
            if let Some(handle) = reference {
                rule::position(handle, out);
            }
        });
    }

    /// Puts a rule in the place of the one with this handle.
    pub fn replace_rule(&mut self, table: &TableId, chain: &str, handle: u64, rule: &Rule) {
        self.write_rule(REPLACE, table, chain, rule, |out| rule::handle(handle, out));
    }

    /// Deletes a rule.
    pub fn delete_rule(&mut self, table: &TableId, chain: &str, handle: u64) {
        self.message(MessageKind::DelRule, 0, table, |out| rule::name(&table.name, Some(chain), Some(handle), out));
    }

    /// Makes a set or map.
    pub fn add_set(&mut self, table: &TableId, set: &Set) {
        let id = self.next_set_id();
        self.message(MessageKind::NewSet, CREATE, table, |out| set.encode(&table.name, id, out));
    }

    /// Deletes a set or map with its elements; no rule may refer to it.
    pub fn delete_set(&mut self, table: &TableId, name: &str) {
        self.message(MessageKind::DelSet, 0, table, |out| set::name(&table.name, name, out));
    }

    /// Adds elements to a set or map, in as many messages as they need. An element that is there already is no error,
    /// unless it is mapped to something else (`EEXIST`). Without elements, nothing is written.
    ///
    /// The two elements of an interval must stand one right after the other, as [`Element::interval`] and
    /// [`Element::sort`] have them.
    pub fn add_elements<'a>(
        &mut self,
        table: &TableId,
        set: &str,
        elements: impl IntoIterator<Item = impl Borrow<Element> + 'a>,
    ) {
        self.counts.elements_added += self.elements(MessageKind::NewSetElem, CREATE, table, set, 0, elements);
    }

    /// Deletes elements from a set or map; each must be there. Without elements, nothing is written. Intervals as in
    /// [`add_elements`](Self::add_elements).
    pub fn delete_elements<'a>(
        &mut self,
        table: &TableId,
        set: &str,
        elements: impl IntoIterator<Item = impl Borrow<Element> + 'a>,
    ) {
        self.counts.elements_deleted += self.elements(MessageKind::DelSetElem, 0, table, set, 0, elements);
    }

    /// Deletes all elements of a set or map.
    pub fn flush_set(&mut self, table: &TableId, set: &str) {
        self.message(MessageKind::DelSetElem, 0, table, |out| element::list_head(&table.name, set, 0, out));
    }

    /// Makes a named counter. One that is there already goes on from where it stands.
    pub fn add_counter(&mut self, table: &TableId, counter: &NamedCounter) {
        self.message(MessageKind::NewObj, CREATE, table, |out| counter.encode(&table.name, out));
    }

    /// Deletes a named counter; no rule may refer to it.
    pub fn delete_counter(&mut self, table: &TableId, name: &str) {
        self.message(MessageKind::DelObj, 0, table, |out| {
            object::name(&table.name, ObjectKind::Counter, Some(name), out);
        });
    }

    fn write_rule(&mut self, flags: u16, table: &TableId, chain: &str, rule: &Rule, place: impl FnOnce(&mut Writer)) {
        let first_inline = self.last_set_id + 1;
        for inline in rule.expressions.iter().filter_map(|expression| expression.inline_set()) {
            let (id, set) = (self.next_set_id(), inline.to_set());
            self.message(MessageKind::NewSet, CREATE, table, |out| set.encode(&table.name, id, out));
            self.counts.elements_added +=
                self.elements(MessageKind::NewSetElem, CREATE, table, &set.name, id, inline.elements());
        }
        self.message(MessageKind::NewRule, flags, table, |out| {
            rule::name(&table.name, Some(chain), None, out);
            place(out);
            rule.encode(first_inline, out);
        });
    }

    fn elements<'a>(
        &mut self,
        kind: MessageKind,
        flags: u16,
        table: &TableId,
        set: &str,
        id: u32,
        elements: impl IntoIterator<Item = impl Borrow<Element> + 'a>,
    ) -> usize {
        let mut elements = elements.into_iter().peekable();
        let mut count = 0;
        // A list without elements would mean all of them to the kernel.
        while elements.peek().is_some() {
            self.message(kind, flags, table, |out| {
                element::list_head(&table.name, set, id, out);
                count += element::encode_list(&mut elements, out);
            });
        }
        count
    }

    fn next_set_id(&mut self) -> u32 {
        self.last_set_id += 1;
        self.last_set_id
    }

    fn message(&mut self, kind: MessageKind, flags: u16, table: &TableId, fill: impl FnOnce(&mut Writer)) {
        let start = self.out.bytes.len();
        message::begin(&mut self.out.bytes, kind.netlink(), REQUEST | flags, 0, table.family.wire(), 0);
        fill(&mut self.out);
        message::finish(&mut self.out.bytes, start);
        if let Some(problem) = self.out.take_fault() {
            self.fault.get_or_insert((self.starts.len(), problem));
        }
        self.starts.push(start);
        self.counts.messages[kind.wire() as usize] += 1;
    }

    pub(crate) fn expected_generation(&self) -> Option<u32> {
        self.generation
    }

    pub(crate) fn fault(&self) -> Option<(usize, &'static str)> {
        self.fault
    }

    /// Its messages, one after another.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.out.bytes
    }

    /// The bytes of one message.
    pub(crate) fn message_bytes(&self, index: usize) -> &[u8] {
        let end = self.starts.get(index + 1).copied().unwrap_or(self.out.bytes.len());
        self.starts.get(index).map_or(&[], |&start| &self.out.bytes[start..end])
    }

    /// Numbers the messages from `first` on, and asks for an answer to the last.
    pub(crate) fn stamp(&mut self, first: u32) {
        let last = self.starts.len().saturating_sub(1);
        for (index, &start) in self.starts.iter().enumerate() {
            let flags = if index == last { message::ACK } else { 0 };
            message::stamp(&mut self.out.bytes, start, first.wrapping_add(index as u32), flags);
        }
    }
}
