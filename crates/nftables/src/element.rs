//! Elements of sets and maps.

use crate::attr::{Attr, Attrs, Malformed, Required, Writer};
use crate::data::Data;
use crate::expr::{self, Expr};
use crate::userdata::Userdata;
use crate::verdict::Verdict;
use crate::wire::wire_flags;
use std::cmp::Ordering;
use std::fmt;

const KEY: u16 = 1;
const DATA: u16 = 2;
const FLAGS: u16 = 3;
const USERDATA: u16 = 6;
const EXPR: u16 = 7;
const OBJECT: u16 = 9;
const KEY_END: u16 = 10;
const EXPRESSIONS: u16 = 11;

const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
pub(crate) const LIST_ELEMENTS: u16 = 3;
const LIST_SET_ID: u16 = 4;
const ELEMENT: u16 = 1;

wire_flags! {
    /// Flags of an element (`NFT_SET_ELEM_*`).
    pub struct ElementFlags {
        /// The key is the first beyond an interval.
        INTERVAL_END = 1,
        /// Stands for every key that no other element has; it has none itself.
        CATCH_ALL = 2,
    }
}

/// What a map gives for an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A value.
    Data(Data),
    /// A verdict.
    Verdict(Verdict),
    /// The name of an object.
    Object(String),
}

impl From<Verdict> for Value {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self::Data(data)
    }
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// The key; empty for a catch-all element.
    pub key: Data,
    /// The last key of the interval, in sets of concatenated intervals.
    pub key_end: Option<Data>,
    /// Its flags.
    pub flags: ElementFlags,
    /// What a map gives.
    pub value: Option<Value>,
    /// Comment and more.
    pub userdata: Userdata,
    /// Expressions of its own, such as a counter.
    pub expressions: Vec<Expr>,
}

impl Element {
    /// A single key.
    pub fn new(key: impl Into<Data>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// The element for every key that no other element has. From kernel 5.13 on.
    pub fn catch_all() -> Self {
        Self { flags: ElementFlags::CATCH_ALL, ..Self::default() }
    }

    /// An interval of a set with one field, both ends included: two elements, the second of which marks the first key
    /// beyond; there is none after the greatest key. A map's value goes with the first.
    pub fn interval<F: Into<Data>, L: Into<Data>>(first: F, last: L) -> impl Iterator<Item = Self> + use<F, L> {
        Self::new(first).until(last)
    }

    /// This element and the one that marks the end of its interval, both ends included.
    pub fn until<L: Into<Data>>(self, last: L) -> impl Iterator<Item = Self> + use<L> {
        let end = last.into().successor().map(|key| Self { key, flags: ElementFlags::INTERVAL_END, ..Self::default() });
        std::iter::once(self).chain(end)
    }

    /// A box of a set of concatenated intervals: each field between its first and last value, both included.
    pub fn between(first: impl Into<Data>, last: impl Into<Data>) -> Self {
        Self { key_end: Some(last.into()), ..Self::new(first) }
    }

    /// Mapped to this.
    #[must_use]
    pub fn to(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// With a comment, as `nft list` shows it.
    #[must_use]
    pub fn with_comment(mut self, text: &str) -> Self {
        self.userdata = self.userdata.with_comment(text);
        self
    }

    /// Places elements in one order, whatever order the kernel gave them in: by key, and where an interval ends just
    /// before another begins, the end first. So the two elements of an interval stand one right after the other, which
    /// is how the kernel wants them when they are added or deleted (seen on 6.18, whose `nft_set_rbtree` refuses
    /// another order with `ENOENT`).
    pub fn sort(elements: &mut [Self]) {
        elements.sort_by(Self::order);
    }

    /// The order of [`sort`](Self::sort).
    pub fn order(&self, other: &Self) -> Ordering {
        fn place(element: &Element) -> (&Data, bool, &Option<Data>, &Option<Value>) {
            (&element.key, !element.flags.contains(ElementFlags::INTERVAL_END), &element.key_end, &element.value)
        }
        place(self).cmp(&place(other))
    }

    fn encode(&self, out: &mut Writer) {
        out.nested(ELEMENT, |out| {
            if !self.flags.contains(ElementFlags::CATCH_ALL) {
                self.key.encode(KEY, out);
            }
            if let Some(end) = &self.key_end {
                end.encode(KEY_END, out);
            }
            if self.flags != ElementFlags::NONE {
                out.be32(FLAGS, self.flags.0);
            }
            match &self.value {
                None => {}
                Some(Value::Data(data)) => data.encode(DATA, out),
                Some(Value::Verdict(verdict)) => verdict.encode(DATA, out),
                Some(Value::Object(name)) => out.string(OBJECT, name),
            }
            self.userdata.encode(USERDATA, out);
            match &self.expressions[..] {
                [] => {}
                [single] => out.nested(EXPR, |out| single.encode_body(out)),
                several => out.nested(EXPRESSIONS, |out| expr::encode_list(several, 0, out)),
            }
        });
    }

    /// From the attribute that holds one element.
    pub(crate) fn decode(attr: Attr<'_>) -> Result<Self, Malformed> {
        let [key, key_end, flags, data, object, userdata, single, several] =
            attr.attrs().pick([KEY, KEY_END, FLAGS, DATA, OBJECT, USERDATA, EXPR, EXPRESSIONS])?;
        let flags = ElementFlags(flags.map_or(Ok(0), |flags| flags.be32())?);
        let key = match key {
            Some(key) => Data::decode(key)?,
            None if flags.contains(ElementFlags::CATCH_ALL) => Data::default(),
            None => return Err(Malformed("a set element without a key")),
        };
        let value = match (data, object) {
            (Some(data), _) => Some(match Verdict::decode(data)? {
                Some(verdict) => Value::Verdict(verdict),
                None => Value::Data(Data::decode(data)?),
            }),
            (None, Some(object)) => Some(Value::Object(object.string()?.to_owned())),
            (None, None) => None,
        };
        let expressions = match (single, several) {
            (Some(single), _) => vec![Expr::decode(single)?],
            (None, Some(several)) => expr::decode_list(several)?,
            (None, None) => Vec::new(),
        };
        let key_end = key_end.map(Data::decode).transpose()?;
        Ok(Self { key, key_end, flags, value, userdata: Userdata::decode(userdata), expressions })
    }
}

impl fmt::Display for Element {
    /// As nft writes it, with hexadecimal keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.flags.contains(ElementFlags::CATCH_ALL) {
            f.write_str("*")?;
        } else {
            self.key.fmt(f)?;
        }
        if self.flags.contains(ElementFlags::INTERVAL_END) {
            f.write_str(" (end of interval)")?;
        }
        if let Some(end) = &self.key_end {
            write!(f, "-{end}")?;
        }
        match &self.value {
            None => Ok(()),
            Some(Value::Data(data)) => write!(f, " : {data}"),
            Some(Value::Verdict(verdict)) => write!(f, " : {verdict}"),
            Some(Value::Object(name)) => write!(f, " : \"{name}\""),
        }
    }
}

/// The attributes in front of a list of elements. `id` names a set made in the same batch; zero, none.
pub(crate) fn list_head(table: &str, set: &str, id: u32, out: &mut Writer) {
    out.string(LIST_TABLE, table);
    out.string(LIST_SET, set);
    if id != 0 {
        out.be32(LIST_SET_ID, id);
    }
}

/// Bytes of elements in one message. An attribute holds 65,535, and one element takes at most about 4,500 (two keys, a
/// chain name, userdata, expressions), so the list is closed once it is longer than this.
const LIST_BYTES: usize = 60_000;

/// Writes elements until the list is full or they are all written; gives how many were.
pub(crate) fn encode_list<'a>(
    elements: &mut impl Iterator<Item = impl std::borrow::Borrow<Element> + 'a>,
    out: &mut Writer,
) -> usize {
    let list = out.open_nested(LIST_ELEMENTS);
    let mut count = 0;
    while out.bytes.len() - list < LIST_BYTES {
        let Some(element) = elements.next() else { break };
        element.borrow().encode(out);
        count += 1;
    }
    out.close(list);
    count
}

/// The elements in the attributes of `NFT_MSG_NEWSETELEM`, added to `elements`.
pub(crate) fn decode_list(attributes: Attrs<'_>, elements: &mut Vec<Element>) -> Result<(), Malformed> {
    if let [Some(list)] = attributes.pick([LIST_ELEMENTS])? {
        for element in list.attrs() {
            elements.push(Element::decode(element?)?);
        }
    }
    Ok(())
}

/// Table and set of a list of elements.
pub(crate) fn list_names(attributes: Attrs<'_>) -> Result<(&str, &str), Malformed> {
    let [table, set] = attributes.pick([LIST_TABLE, LIST_SET])?;
    Ok((table.need("elements without a table")?.string()?, set.need("elements without a set")?.string()?))
}
