//! Userdata: bytes that the kernel keeps beside an object and never looks at. nft keeps comments there.

use crate::attr::{Attr, Writer};

/// Where nft keeps the comment of a table, chain, rule, set element or named object.
const COMMENT: u8 = 0;
/// Where nft keeps the comment of a set.
const SET_COMMENT: u8 = 7;

/// Bytes kept beside an object: entries of type, length and value, one byte each for type and length. At most 256 bytes
/// in all, which the kernel checks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Userdata(Vec<u8>);

impl Userdata {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These bytes as they are.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With an entry more. The part of `value` beyond 255 bytes does not fit and is left out.
    #[must_use]
    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        let value = &value[..value.len().min(255)];
        self.0.extend_from_slice(&[kind, value.len() as u8]);
        self.0.extend_from_slice(value);
        self
    }

    /// The value of the first entry of this type.
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        let mut rest = &self.0[..];
        while let [k, len, tail @ ..] = rest {
            let value = tail.get(..usize::from(*len))?;
            if *k == kind {
                return Some(value);
            }
            rest = &tail[value.len()..];
        }
        None
    }

    /// The comment of a table, chain, rule, element or named object, as `nft list` shows it.
    pub fn comment(&self) -> Option<&str> {
        self.text(COMMENT)
    }

    /// The comment of a set.
    pub fn set_comment(&self) -> Option<&str> {
        self.text(SET_COMMENT)
    }

    /// With a comment for a table, chain, rule, element or named object. nft shows at most 127 bytes; what goes beyond
    /// is cut off at a character.
    #[must_use]
    pub fn with_comment(self, text: &str) -> Self {
        self.with_text(COMMENT, text)
    }

    /// With a comment for a set.
    #[must_use]
    pub fn with_set_comment(self, text: &str) -> Self {
        self.with_text(SET_COMMENT, text)
    }

    fn with_text(self, kind: u8, text: &str) -> Self {
        let mut value = text.as_bytes()[..text.floor_char_boundary(127)].to_vec();
        value.push(0);
        self.with(kind, &value)
    }

    fn text(&self, kind: u8) -> Option<&str> {
        let value = self.get(kind)?;
        std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()
    }

    pub(crate) fn encode(&self, kind: u16, out: &mut Writer) {
        if !self.0.is_empty() {
            out.put(kind, &self.0);
        }
    }

    pub(crate) fn decode(attr: Option<Attr<'_>>) -> Self {
        Self(attr.map_or_else(Vec::new, |attr| attr.value.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::Userdata;

    #[test]
    fn comments_are_as_nft_writes_them() {
        let userdata = Userdata::new().with_comment("hi");
        assert_eq!(userdata.bytes(), [0, 3, b'h', b'i', 0]);
        assert_eq!(userdata.comment(), Some("hi"));
        assert_eq!(userdata.set_comment(), None);
        assert_eq!(userdata.with(9, &[1]).get(9), Some(&[1][..]));
    }

    #[test]
    fn a_long_comment_is_cut_at_a_character() {
        let userdata = Userdata::new().with_comment(&"é".repeat(100));
        assert_eq!(userdata.comment(), Some("é".repeat(63).as_str()));
    }

    #[test]
    fn entries_that_lie_about_their_length_are_none() {
        assert_eq!(Userdata::from_bytes(&[0, 200, 1]).get(0), None);
        assert_eq!(Userdata::from_bytes(&[0]).get(0), None);
    }
}
