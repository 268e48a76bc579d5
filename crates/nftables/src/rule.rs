//! Rules: expressions evaluated one after another, until one says that the packet does not match.

use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::expr::{self, Expr};
use crate::family::Family;
use crate::userdata::Userdata;

const TABLE: u16 = 1;
const CHAIN: u16 = 2;
const HANDLE: u16 = 3;
pub(crate) const EXPRESSIONS: u16 = 4;
const POSITION: u16 = 6;
const USERDATA: u16 = 7;

/// A rule. The builder methods are in [`expr`](crate::expr#building).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Its expressions.
    pub expressions: Vec<Expr>,
    /// Comment and more.
    pub userdata: Userdata,
}

impl Rule {
    /// A rule without expressions, to build on.
    pub const fn new() -> Self {
        Self { expressions: Vec::new(), userdata: Userdata::new() }
    }

    /// With a comment, as `nft list` shows it.
    #[must_use]
    pub fn with_comment(mut self, text: &str) -> Self {
        self.userdata = self.userdata.with_comment(text);
        self
    }

    /// The rule as it was written: counters at nothing. What is read back compares equal to what was written after
    /// this.
    #[must_use]
    pub fn without_state(mut self) -> Self {
        self.expressions.iter_mut().for_each(Expr::forget_state);
        self
    }

    pub(crate) fn encode(&self, first_inline_set: u32, out: &mut Writer) {
        out.nested(EXPRESSIONS, |out| expr::encode_list(&self.expressions, first_inline_set, out));
        self.userdata.encode(USERDATA, out);
    }
}

/// Where a rule goes in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Just before the rule with this handle.
    Before(u64),
    /// Just after the rule with this handle.
    After(u64),
}

impl Position {
    /// Whether the kernel counts from the end (`NLM_F_APPEND`), and the rule it counts from.
    pub(crate) fn wire(self) -> (bool, Option<u64>) {
        match self {
            Self::First => (false, None),
            Self::Last => (true, None),
            Self::Before(handle) => (false, Some(handle)),
            Self::After(handle) => (true, Some(handle)),
        }
    }
}

/// The attributes that name rules in a request: of a table, of a chain, or one.
pub(crate) fn name(table: &str, chain: Option<&str>, handle: Option<u64>, out: &mut Writer) {
    out.string(TABLE, table);
    if let Some(chain) = chain {
        out.string(CHAIN, chain);
    }
    if let Some(handle) = handle {
        out.be64(HANDLE, handle);
    }
}

/// The attribute that names the rule to be replaced.
pub(crate) fn handle(handle: u64, out: &mut Writer) {
    out.be64(HANDLE, handle);
}

/// The attribute that names the rule to be placed beside.
pub(crate) fn position(handle: u64, out: &mut Writer) {
    out.be64(POSITION, handle);
}

/// A rule as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEntry {
    /// The family of its table.
    pub family: Family,
    /// The name of its table.
    pub table: String,
    /// The name of its chain.
    pub chain: String,
    /// The kernel's number of it, unique in the table.
    pub handle: u64,
    /// What it is, with counters where they stood when it was read.
    pub rule: Rule,
}

impl RuleEntry {
    /// From the attributes of `NFT_MSG_NEWRULE`.
    pub fn decode(family: u8, attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [table, chain, handle, expressions, userdata] =
            attributes.pick([TABLE, CHAIN, HANDLE, EXPRESSIONS, USERDATA])?;
        Ok(Self {
            family: Family::from_wire(family)?,
            table: table.need("a rule without a table")?.string()?.to_owned(),
            chain: chain.need("a rule without a chain")?.string()?.to_owned(),
            handle: handle.need("a rule without a handle")?.be64()?,
            rule: Rule {
                expressions: expressions.map_or(Ok(Vec::new()), expr::decode_list)?,
                userdata: Userdata::decode(userdata),
            },
        })
    }
}
