//! nf_tables by netlink: tables, chains, sets, maps, rules, batches, extended acknowledgements, dumps, notifications;
//! and beside it NFLOG and connection tracking.
//!
//! This crate owns the netlink protocol of netfilter: how objects are written, how the kernel's answers are read, what
//! its errors mean. It never runs a command, never needs an async runtime, and never knows what the rules are for:
//! policies, clusters and pods are not its words.
//!
//! - A [`Connection`] speaks to nf_tables of the network namespace that the thread was in when it was opened.
//! - A [`Batch`] gathers changes; [`Connection::commit`] makes them all at once or not at all, and an error names the
//!   message, the object in words, and where in it the kernel saw the mistake.
//! - [`Connection::ruleset`] reads a table with all it holds, as of one generation, into the same types: what was
//!   written compares equal to what is read, so that a program can start on a host that is already programmed and write
//!   nothing.
//! - A [`Monitor`] tells who changed what.
//! - [`nflog`] and [`conntrack`] read logged packets and connections.
//! - [`decode`] has all parsing as pure functions over bytes.
//!
//! # Example
//!
//! ```no_run
//! use margay_nftables::expr::{MetaKey, PayloadField};
//! use margay_nftables::{
//!     BaseChain, Batch, Chain, Connection, Data, Element, Family, FieldType, Hook, Rule, Set, Table, TableId, Verdict,
//! };
//!
//! # fn main() -> margay_nftables::Result<()> {
//! let table = TableId::new(Family::Inet, "example");
//! let mut batch = Batch::new();
//! batch.add_table(&table, &Table::default());
//! batch.add_set(&table, &Set::new("blocked", FieldType::IPV4_ADDR));
//! batch.add_elements(&table, "blocked", [[192, 0, 2, 1], [192, 0, 2, 2]].map(Element::new));
//! batch.add_chain(&table, &Chain::base("in", BaseChain::filter(Hook::Input, 0)));
//! // meta nfproto ipv4 ip saddr @blocked counter drop
//! let drop = Rule::new()
//!     .meta(MetaKey::NfProto)
//!     .eq(2)
//!     .payload(PayloadField::IP_SADDR)
//!     .lookup("blocked")
//!     .counter()
//!     .verdict(Verdict::Drop);
//! batch.add_rule(&table, "in", &drop);
//!
//! let mut connection = Connection::open()?;
//! connection.commit(&mut batch)?;
//!
//! // One member more touches no rule.
//! batch.clear();
//! batch.add_elements(&table, "blocked", [Element::new(Data::from([192, 0, 2, 3]))]);
//! assert_eq!(batch.counts().to_string(), "NEWSETELEM 1");
//! connection.commit(&mut batch)?;
//!
//! let ruleset = connection.ruleset(&table)?.expect("the table was just made");
//! assert_eq!(ruleset.rules[0].rule.clone().without_state(), drop);
//! # Ok(())
//! # }
//! ```
//!
//! # What compares equal
//!
//! Registers are slots of four bytes whichever numbering the kernel uses; elements are sorted; sets that stand in rules
//! are put back into them; flags that the kernel derives are left out. Counters and other state are taken off by
//! [`Rule::without_state`]. An expression not known here is kept as [`expr::Unknown`] and equals nothing that can be
//! written.
//!
//! # Trust
//!
//! Replies are taken from the kernel only (port zero), and only those with this socket's port and the number of its
//! request. Every length in them is checked; no reply can make this crate panic or read without bound.

mod attr;
mod batch;
mod chain;
mod connection;
pub mod conntrack;
mod data;
pub mod decode;
mod describe;
mod dump;
mod element;
mod error;
pub mod expr;
mod family;
mod kind;
mod message;
mod monitor;
pub mod nflog;
mod object;
mod request;
mod rule;
mod set;
mod socket;
mod table;
mod userdata;
mod verdict;
mod wire;

pub use batch::{Batch, Counts};
pub use chain::{BaseChain, Chain, ChainEntry, ChainKind, ChainPolicy, Hook};
pub use connection::{Committed, Connection};
pub use data::Data;
pub use dump::Ruleset;
pub use element::{Element, ElementFlags, Value};
pub use error::{Errno, Error, MessageError, Rejection, Result};
pub use family::Family;
pub use kind::MessageKind;
pub use monitor::{Change, Event, Generation, Monitor};
pub use object::{CounterEntry, NamedCounter, ObjectKind};
pub use rule::{Position, Rule, RuleEntry};
pub use set::{FieldType, MapData, Set, SetEntry, SetFlags, SetKey, SetPolicy};
pub use socket::BufferSizes;
pub use table::{Table, TableEntry, TableFlags, TableId};
pub use userdata::Userdata;
pub use verdict::Verdict;
