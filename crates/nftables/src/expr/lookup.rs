//! `lookup`: sets and maps.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::element::Element;
use crate::set::{MapData, Set, SetFlags, SetKey};

const SET: u16 = 1;
const SREG: u16 = 2;
const DREG: u16 = 3;
const SET_ID: u16 = 4;
const FLAGS: u16 = 5;

const INVERTED: u32 = 1;
/// `NFT_REG_VERDICT`.
const VERDICT: u32 = 0;

/// A set or map that stands in a rule, as `{ 80, 443 }` does: made with the rule and gone with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineSet {
    key: SetKey,
    data: Option<MapData>,
    interval: bool,
    elements: Vec<Element>,
}

impl InlineSet {
    /// The name the kernel fills with a number.
    const NAME: &'static str = "__set%d";
    const MAP_NAME: &'static str = "__map%d";

    /// A set of these elements, in any order.
    pub fn new(key: impl Into<SetKey>, elements: impl IntoIterator<Item = Element>) -> Self {
        Self::of(key.into(), None, false, elements.into_iter().collect())
    }

    /// A map of these elements, in any order.
    pub fn map(key: impl Into<SetKey>, data: impl Into<MapData>, elements: impl IntoIterator<Item = Element>) -> Self {
        Self::of(key.into(), Some(data.into()), false, elements.into_iter().collect())
    }

    /// Of intervals.
    #[must_use]
    pub fn interval(mut self) -> Self {
        self.interval = true;
        self
    }

    fn of(key: SetKey, data: Option<MapData>, interval: bool, mut elements: Vec<Element>) -> Self {
        Element::sort(&mut elements);
        Self { key, data, interval, elements }
    }

    /// Its keys.
    pub fn key(&self) -> &SetKey {
        &self.key
    }

    /// Its elements, in the order of [`Element::sort`].
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// From an anonymous set of the kernel.
    pub(crate) fn from_set(set: &Set, elements: Vec<Element>) -> Self {
        Self::of(set.key.clone(), set.data, set.flags.contains(SetFlags::INTERVAL), elements)
    }

    /// As a set of its own, to be made just before the rule.
    pub(crate) fn to_set(&self) -> Set {
        let mut set = match self.data {
            Some(data) => Set::map(Self::MAP_NAME, self.key.clone(), data),
            None => Set::new(Self::NAME, self.key.clone()),
        };
        set.flags = SetFlags::ANONYMOUS | SetFlags::CONSTANT;
        if self.interval { set.interval() } else { set }
    }
}

/// The set that a rule looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetRef {
    /// A set of the table, by name.
    Named(String),
    /// A set that stands in the rule. What is read rule by rule has the kernel's name of it instead;
    /// [`Connection::ruleset`](crate::Connection::ruleset) puts the set back in its place.
    Inline(Box<InlineSet>),
}

impl From<&str> for SetRef {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for SetRef {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

impl From<InlineSet> for SetRef {
    fn from(set: InlineSet) -> Self {
        Self::Inline(Box::new(set))
    }
}

/// What a lookup gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Goes on when the key is there.
    Found,
    /// Goes on when the key is not there.
    Missing,
    /// The verdict that the map has for the key; without one, the rule does not match.
    Verdict,
    /// The value that the map has for the key, in a register; without one, the rule does not match.
    Value(Reg),
}

/// `lookup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Where.
    pub set: SetRef,
    /// Where the key is.
    pub sreg: Reg,
    /// What it gives.
    pub outcome: Outcome,
}

impl Lookup {
    /// With the id of the set that stands in it, in the batch being written; zero, none.
    pub(super) fn encode_with(&self, inline_id: u32, out: &mut Writer) {
        match &self.set {
            SetRef::Named(name) => out.string(SET, name),
            SetRef::Inline(set) => {
                out.string(SET, if set.data.is_some() { InlineSet::MAP_NAME } else { InlineSet::NAME });
                out.be32(SET_ID, inline_id);
            }
        }
        self.sreg.encode(SREG, out);
        match self.outcome {
            Outcome::Found => {}
            Outcome::Missing => out.be32(FLAGS, INVERTED),
            Outcome::Verdict => out.be32(DREG, VERDICT),
            Outcome::Value(dreg) => dreg.encode(DREG, out),
        }
    }
}

impl Codec for Lookup {
    const NAME: &'static str = "lookup";

    fn encode(&self, out: &mut Writer) {
        if let SetRef::Inline(_) = self.set {
            out.fail("a set can stand in a rule only, not in an element");
        }
        self.encode_with(0, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [set, sreg, dreg, _, flags] = attributes.exactly([SET, SREG, DREG, SET_ID, FLAGS])?;
        let outcome = match (dreg, flags.map_or(Ok(0), |flags| flags.be32())?) {
            (None, 0) => Outcome::Found,
            (None, INVERTED) => Outcome::Missing,
            (Some(dreg), 0) if dreg.be32()? == VERDICT => Outcome::Verdict,
            (Some(dreg), 0) => Outcome::Value(Reg::decode(dreg)?),
            _ => return Err(Malformed("unknown lookup flags")),
        };
        Ok(Self {
            set: set.need("lookup without a set")?.string()?.into(),
            sreg: Reg::decode(sreg.need("lookup without a register")?)?,
            outcome,
        })
    }
}
