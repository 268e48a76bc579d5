use std::fmt;
use std::ops::RangeInclusive;

use crate::ranges::Ranges;

/// A set of port numbers, 0 to 65535, as sorted, disjoint, inclusive ranges. The full set is what a rule without ports
/// matches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet(Ranges<u16>);

impl PortSet {
    /// The set without members.
    pub fn empty() -> Self {
        Self(Ranges::empty())
    }

    /// Every port, 0 included.
    pub fn full() -> Self {
        Self(Ranges::full())
    }

    /// Whether the port is a member.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(port)
    }

    /// The members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    /// The members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0))
    }

    /// The members of `self` that aren't in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0))
    }

    /// Every port that isn't a member.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self(self.0.complement())
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every port is a member.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Whether every member is one of `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether the sets share no member.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.0.is_disjoint(&other.0)
    }

    /// How many ports are members, 0 to 65536.
    pub fn len(&self) -> usize {
        self.ranges().map(|range| range.len()).sum()
    }

    /// The ranges in ascending order; no two overlap or touch.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u16>> + Clone + use<'_> {
        self.0.as_slice().iter().map(|(first, last)| *first..=*last)
    }
}

/// The empty set.
impl Default for PortSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<u16> for PortSet {
    fn from(port: u16) -> Self {
        Self(Ranges::one(port, port))
    }
}

/// A range that ends before it starts is the empty set.
impl From<RangeInclusive<u16>> for PortSet {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(Ranges::one(*range.start(), *range.end()))
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        Self(Ranges::collect(ports.into_iter().map(|port| (port, port))))
    }
}

/// The union of the ranges, in any order and overlapping or not; one that ends before it starts adds nothing.
impl FromIterator<RangeInclusive<u16>> for PortSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> Self {
        Self(Ranges::collect(ranges.into_iter().map(|range| (*range.start(), *range.end()))))
    }
}

/// `any`, `none`, or a list like `80,443-445`.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        if self.is_full() {
            return f.write_str("any");
        }
        for (i, (first, last)) in self.0.as_slice().iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_and_printed() {
        for (ranges, expected) in [
            (vec![], "none"),
            (vec![0..=65535], "any"),
            (vec![0..=65534, 65535..=65535], "any"),
            (vec![443..=445, 80..=80], "80,443-445"),
            (vec![10..=20, 15..=30, 31..=40, 42..=42], "10-40,42"),
            (vec![10..=40, 20..=30], "10-40"),
            (vec![65535..=65535, 65535..=65535, 0..=0], "0,65535"),
            (vec![RangeInclusive::new(9, 8)], "none"),
        ] {
            assert_eq!(ranges.into_iter().collect::<PortSet>().to_string(), expected);
        }
    }
}
