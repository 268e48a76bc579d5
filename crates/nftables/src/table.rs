//! Tables.

use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::family::Family;
use crate::userdata::Userdata;
use crate::wire::wire_flags;
use std::fmt;

pub(crate) const NAME: u16 = 1;
const FLAGS: u16 = 2;
const HANDLE: u16 = 4;
const USERDATA: u16 = 6;

wire_flags! {
    /// Flags of a table (`NFT_TABLE_F_*`).
    pub struct TableFlags {
        /// Its base chains see no packets.
        DORMANT = 1,
        /// Only the socket that made it may change it, and it goes when that socket closes.
        OWNER = 2,
        /// An owned table stays when its socket closes.
        PERSIST = 4,
    }
}

/// A table's name: what every request about its chains, sets and rules begins with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// Its family.
    pub family: Family,
    /// Its name, unique in the family; at most 255 bytes.
    pub name: String,
}

impl TableId {
    /// The table of this family and name.
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self { family, name: name.into() }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// What a table is, apart from its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Its flags.
    pub flags: TableFlags,
    /// Comment and more.
    pub userdata: Userdata,
}

/// A table as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    /// Its name.
    pub id: TableId,
    /// The kernel's number of it.
    pub handle: u64,
    /// What it is.
    pub table: Table,
}

impl Table {
    pub(crate) fn encode(&self, name: &str, out: &mut Writer) {
        out.string(NAME, name);
        out.be32(FLAGS, self.flags.0);
        self.userdata.encode(USERDATA, out);
    }
}

impl TableEntry {
    /// From the attributes of `NFT_MSG_NEWTABLE`.
    pub fn decode(family: u8, attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [name, flags, handle, userdata] = attributes.pick([NAME, FLAGS, HANDLE, USERDATA])?;
        let id = TableId::new(Family::from_wire(family)?, name.need("a table without a name")?.string()?);
        let flags = TableFlags(flags.map_or(Ok(0), |flags| flags.be32())?);
        let handle = handle.map_or(Ok(0), |handle| handle.be64())?;
        Ok(Self { id, handle, table: Table { flags, userdata: Userdata::decode(userdata) } })
    }
}
