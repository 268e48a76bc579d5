//! Named objects: counters that rules refer to and that can be read by themselves.

use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::expr::Counter;
use crate::family::Family;
use crate::userdata::Userdata;
use crate::wire::wire_enum;

const TABLE: u16 = 1;
const NAME: u16 = 2;
const TYPE: u16 = 3;
const DATA: u16 = 4;
const HANDLE: u16 = 6;
const USERDATA: u16 = 8;

wire_enum! {
    /// The kind of a named object (`NFT_OBJECT_*`). Only counters can be made here.
    pub enum ObjectKind {
        /// A counter of packets and bytes.
        Counter = 1,
        /// A quota of bytes.
        Quota = 2,
        /// A connection tracking helper.
        CtHelper = 3,
        /// A rate limit.
        Limit = 4,
        /// A connection limit.
        ConnLimit = 5,
        /// Tunnel metadata.
        Tunnel = 6,
        /// A connection tracking timeout policy.
        CtTimeout = 7,
        /// A security mark.
        SecMark = 8,
        /// A connection tracking expectation.
        CtExpect = 9,
        /// A SYN proxy.
        SynProxy = 10,
    }
}

/// A named counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCounter {
    /// Its name, unique in the table among counters; at most 255 bytes.
    pub name: String,
    /// Where it stands; a new one begins with this.
    pub value: Counter,
    /// Comment and more.
    pub userdata: Userdata,
}

impl NamedCounter {
    /// A counter that begins with nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), value: Counter::default(), userdata: Userdata::new() }
    }
}

/// A named counter as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterEntry {
    /// The family of its table.
    pub family: Family,
    /// The name of its table.
    pub table: String,
    /// The kernel's number of it.
    pub handle: u64,
    /// What it is, and where it stood when it was read.
    pub counter: NamedCounter,
}

/// The attributes that name an object in a request; without a name, all of the kind.
pub(crate) fn name(table: &str, kind: ObjectKind, name: Option<&str>, out: &mut Writer) {
    out.string(TABLE, table);
    if let Some(name) = name {
        out.string(NAME, name);
    }
    out.be32(TYPE, kind.wire());
}

impl NamedCounter {
    pub(crate) fn encode(&self, table: &str, out: &mut Writer) {
        name(table, ObjectKind::Counter, Some(&self.name), out);
        out.nested(DATA, |out| self.value.encode_attributes(out));
        self.userdata.encode(USERDATA, out);
    }
}

impl CounterEntry {
    /// From the attributes of `NFT_MSG_NEWOBJ`; `None` for an object of another kind.
    pub fn decode(family: u8, attributes: Attrs<'_>) -> Result<Option<Self>, Malformed> {
        let [table, name, kind, data, handle, userdata] =
            attributes.pick([TABLE, NAME, TYPE, DATA, HANDLE, USERDATA])?;
        if kind.need("an object without a type")?.be32()? != ObjectKind::Counter.wire() {
            return Ok(None);
        }
        Ok(Some(Self {
            family: Family::from_wire(family)?,
            table: table.need("an object without a table")?.string()?.to_owned(),
            handle: handle.map_or(Ok(0), |handle| handle.be64())?,
            counter: NamedCounter {
                name: name.need("an object without a name")?.string()?.to_owned(),
                value: Counter::decode_attributes(data.need("a counter without a value")?.attrs())?,
                userdata: Userdata::decode(userdata),
            },
        }))
    }
}
