//! What identifies an object of HNS.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A GUID. V1 answers in upper case, V2 in lower case \[SRC\]: here both are the same.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(pub u128);

impl Guid {
    /// The zero GUID, in whose place HNS makes one of its own when an object is created \[SRC\].
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(n) = self;
        let part = |shift: u32, bits: u32| (n >> shift) & ((1u128 << bits) - 1);
        let (a, b, c, d, e) = (part(96, 32), part(80, 16), part(64, 16), part(48, 16), part(0, 48));
        if f.alternate() {
            write!(f, "{a:08X}-{b:04X}-{c:04X}-{d:04X}-{e:012X}")
        } else {
            write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
        }
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no GUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no GUID such as 01234567-89ab-cdef-0123-456789abcdef")]
pub struct GuidError(String);

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let dashes =
            bare.len() == 36 && bare.is_ascii() && [8, 13, 18, 23].iter().all(|at| bare.as_bytes()[*at] == b'-');
        let digits: String = bare.chars().filter(|c| *c != '-').collect();
        let whole = dashes && digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = if whole { u128::from_str_radix(&digits, 16).ok() } else { None };
        number.map(Self).ok_or_else(|| GuidError(text.chars().take(60).collect()))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
