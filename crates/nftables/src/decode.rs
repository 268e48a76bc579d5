//! Pure parsing: bytes in, values or [`Malformed`] out, without a socket. For fuzzing, and for reading recorded
//! messages.

pub use crate::attr::{Attr, Attrs, Malformed};
pub use crate::message::{Message, Messages, messages};

use crate::chain::ChainEntry;
use crate::conntrack;
use crate::element::{self, Element};
use crate::kind::MessageKind;
use crate::monitor::Event;
use crate::nflog::Packet;
use crate::object::CounterEntry;
use crate::rule::RuleEntry;
use crate::set::SetEntry;
use crate::table::TableEntry;

/// What a message of the kernel holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "short-lived: one at a time")]
pub enum Object<'a> {
    /// A table.
    Table(TableEntry),
    /// A chain.
    Chain(ChainEntry),
    /// A rule.
    Rule(RuleEntry),
    /// A set or map.
    Set(SetEntry),
    /// Elements of the set named, in the table named.
    Elements {
        /// The table.
        table: String,
        /// The set.
        set: String,
        /// The elements.
        elements: Vec<Element>,
    },
    /// A named counter.
    Counter(CounterEntry),
    /// A logged packet.
    Packet(Packet<'a>),
    /// A connection.
    Connection(conntrack::Connection),
    /// Something else.
    Other,
}

/// What a message holds, of what this crate knows.
pub fn object<'a>(message: &Message<'a>) -> Result<Object<'a>, Malformed> {
    if let Some(packet) = Packet::decode(message)? {
        return Ok(Object::Packet(packet));
    }
    if let Some(connection) = conntrack::Connection::decode(message)? {
        return Ok(Object::Connection(connection));
    }
    let Some(kind) = MessageKind::from_netlink(message.kind) else { return Ok(Object::Other) };
    let (family, attributes) = message.netfilter()?;
    Ok(match kind {
        MessageKind::NewTable | MessageKind::DelTable => Object::Table(TableEntry::decode(family, attributes)?),
        MessageKind::NewChain | MessageKind::DelChain => Object::Chain(ChainEntry::decode(family, attributes)?),
        MessageKind::NewRule | MessageKind::DelRule => Object::Rule(RuleEntry::decode(family, attributes)?),
        MessageKind::NewSet | MessageKind::DelSet => Object::Set(SetEntry::decode(family, attributes)?),
        MessageKind::NewSetElem | MessageKind::DelSetElem => {
            let (table, set) = element::list_names(attributes.clone())?;
            let (table, set) = (table.to_owned(), set.to_owned());
            let mut elements = Vec::new();
            element::decode_list(attributes, &mut elements)?;
            Object::Elements { table, set, elements }
        }
        MessageKind::NewObj | MessageKind::DelObj => {
            CounterEntry::decode(family, attributes)?.map_or(Object::Other, Object::Counter)
        }
        MessageKind::NewGen | MessageKind::NewFlowtable | MessageKind::DelFlowtable => Object::Other,
    })
}

/// What a notification says, if it is one of nf_tables.
pub fn event(message: &Message<'_>) -> Result<Option<Event>, Malformed> {
    Event::decode(message)
}
