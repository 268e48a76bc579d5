//! The messages of nf_tables.

use crate::wire::wire_enum;
use std::fmt;

/// Netfilter's number of nf_tables, in the upper byte of a message's type.
const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;

wire_enum! {
    /// What a message says (`NFT_MSG_*`). In a batch: what is to be done. In a notification: what was done.
    pub enum MessageKind {
        /// Make or change a table.
        NewTable = 0,
        /// Delete a table with all it holds.
        DelTable = 2,
        /// Make or change a chain.
        NewChain = 3,
        /// Delete a chain.
        DelChain = 5,
        /// Add, insert or replace a rule.
        NewRule = 6,
        /// Delete a rule, or all of a chain.
        DelRule = 8,
        /// Make a set.
        NewSet = 9,
        /// Delete a set.
        DelSet = 11,
        /// Add elements.
        NewSetElem = 12,
        /// Delete elements, or all of a set.
        DelSetElem = 14,
        /// The number of the ruleset's generation.
        NewGen = 15,
        /// Make a named object.
        NewObj = 18,
        /// Delete a named object.
        DelObj = 20,
        /// Make or change a flow table.
        NewFlowtable = 22,
        /// Delete a flow table.
        DelFlowtable = 24,
    }
}

pub(crate) const GET_TABLE: u16 = request(1);
pub(crate) const GET_CHAIN: u16 = request(4);
pub(crate) const GET_RULE: u16 = request(7);
pub(crate) const GET_SET: u16 = request(10);
pub(crate) const GET_SET_ELEM: u16 = request(13);
pub(crate) const GET_GENERATION: u16 = request(16);
pub(crate) const GET_OBJECT: u16 = request(19);
pub(crate) const GET_OBJECT_RESET: u16 = request(21);

/// The type of a message of nf_tables.
const fn request(message: u16) -> u16 {
    SUBSYSTEM << 8 | message
}

impl MessageKind {
    pub(crate) const COUNT: usize = 25;

    /// The type of a netlink message that says this.
    pub(crate) const fn netlink(self) -> u16 {
        request(self.wire() as u16)
    }

    /// From the type of a netlink message; `None` when it is of another subsystem, or not known.
    pub(crate) fn from_netlink(kind: u16) -> Option<Self> {
        if kind >> 8 != SUBSYSTEM {
            return None;
        }
        Self::from_wire(u32::from(kind & 0xff)).ok()
    }
}

impl fmt::Display for MessageKind {
    /// As the kernel names it, such as `NEWRULE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_uppercase())
    }
}
