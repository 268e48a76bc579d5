use std::fmt;

use crate::Protocol;

/// A set of IP protocol numbers, 0 to 255: one bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProtocolSet([u64; 4]);

impl ProtocolSet {
    /// The set without members.
    pub const EMPTY: Self = Self([0; 4]);
    /// Every protocol number: what a rule without a protocol matches.
    pub const FULL: Self = Self([u64::MAX; 4]);

    /// Whether the protocol is a member.
    pub fn contains(&self, protocol: Protocol) -> bool {
        let (word, bit) = place(protocol);
        self.0[word] & bit != 0
    }

    /// Adds one protocol.
    pub fn insert(&mut self, protocol: Protocol) {
        let (word, bit) = place(protocol);
        self.0[word] |= bit;
    }

    /// The members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// The members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// The members of `self` that aren't in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & !other.0[word]))
    }

    /// Every number that isn't a member.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// Whether every number is a member.
    pub fn is_full(&self) -> bool {
        *self == Self::FULL
    }

    /// Whether every member is one of `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Whether the sets share no member.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other).is_empty()
    }

    /// How many members there are, 0 to 256.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> + use<'_> {
        (0..=u8::MAX).map(Protocol).filter(|protocol| self.contains(*protocol))
    }
}

/// The word a protocol's bit is in, and that bit.
fn place(Protocol(number): Protocol) -> (usize, u64) {
    (usize::from(number >> 6), 1 << (number & 63))
}

impl From<Protocol> for ProtocolSet {
    fn from(protocol: Protocol) -> Self {
        Self::from_iter([protocol])
    }
}

impl FromIterator<Protocol> for ProtocolSet {
    fn from_iter<I: IntoIterator<Item = Protocol>>(protocols: I) -> Self {
        let mut set = Self::EMPTY;
        for protocol in protocols {
            set.insert(protocol);
        }
        set
    }
}

/// `any`, `none`, `TCP,UDP`, or `not TCP` where that is shorter.
impl fmt::Display for ProtocolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = match self.len() {
            0 => return f.write_str("none"),
            256 => return f.write_str("any"),
            1..=128 => *self,
            _ => {
                f.write_str("not ")?;
                self.complement()
            }
        };
        for (i, protocol) in listed.iter().enumerate() {
            write!(f, "{}{protocol}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProtocolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing() {
        for (set, expected) in [
            (ProtocolSet::EMPTY, "none"),
            (ProtocolSet::FULL, "any"),
            (Protocol::TCP.into(), "TCP"),
            ([Protocol(255), Protocol::UDP, Protocol::TCP].into_iter().collect(), "TCP,UDP,255"),
            (ProtocolSet::from(Protocol::ICMP).complement(), "not ICMP"),
        ] {
            assert_eq!(set.to_string(), expected);
        }
    }
}
