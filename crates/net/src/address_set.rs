use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::ranges::Ranges;
use crate::{Family, Prefix};

/// An exact set of addresses over *both* families as one space: the complement of an IPv4 net holds all of IPv6.
///
/// An IPv4-mapped IPv6 address asked for is the IPv4 address it maps (see [`Family`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AddressSet {
    /// The set without members.
    pub fn empty() -> Self {
        Self { v4: Ranges::empty(), v6: Ranges::empty() }
    }

    /// Every address of both families.
    pub fn full() -> Self {
        Self { v4: Ranges::full(), v6: Ranges::full() }
    }

    /// Every address of one family.
    pub fn all(family: Family) -> Self {
        Self::from(Prefix::all(family))
    }

    /// Whether the address is a member.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// The members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// The members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// The members of `self` that aren't in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Every address, of either family, that isn't a member.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }

    /// The members of one family.
    #[must_use]
    pub fn restricted(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), v6: Ranges::empty() },
            Family::V6 => Self { v4: Ranges::empty(), v6: self.v6.clone() },
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether every address of both families is a member.
    pub fn is_full(&self) -> bool {
        self.v4.is_full() && self.v6.is_full()
    }

    /// Whether every address of one family is a member.
    pub fn is_full_in(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4.is_full(),
            Family::V6 => self.v6.is_full(),
        }
    }

    /// Whether no address of one family is a member.
    pub fn is_empty_in(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4.is_empty(),
            Family::V6 => self.v6.is_empty(),
        }
    }

    /// Whether every member is one of `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// Whether the sets share no member.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.v4.is_disjoint(&other.v4) && self.v6.is_disjoint(&other.v6)
    }

    /// The ranges in ascending order, IPv4 first; no two of a family overlap or touch.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<IpAddr>> + use<'_> {
        let v4 = self.v4.as_slice().iter().map(|(first, last)| v4(*first)..=v4(*last));
        let v6 = self.v6.as_slice().iter().map(|(first, last)| v6(*first)..=v6(*last));
        v4.chain(v6)
    }

    /// The fewest disjoint prefixes whose union is the set, in ascending order. A range of an IPv4 set takes at most 62
    /// prefixes, one of an IPv6 set at most 254.
    ///
    /// The one block of IPv4-mapped addresses that can come out is `::ffff:0:0/96` as a whole, from a set that holds its
    /// neighbours on neither side; [`Prefix::new`] would refuse it, and no packet is in it.
    pub fn prefixes(&self) -> impl Iterator<Item = Prefix> + use<'_> {
        let v4 = self.v4.blocks().map(|(first, exponent)| Prefix::of_block(v4(first), exponent));
        let v6 = self.v6.blocks().map(|(first, exponent)| Prefix::of_block(v6(first), exponent));
        v4.chain(v6)
    }
}

fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

fn v6(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).into()
}

/// The empty set.
impl Default for AddressSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Prefix> for AddressSet {
    fn from(prefix: Prefix) -> Self {
        Self::from_iter([prefix])
    }
}

/// The set of one address.
impl From<IpAddr> for AddressSet {
    fn from(address: IpAddr) -> Self {
        Prefix::host(address).into()
    }
}

/// The union of the prefixes, in any order and overlapping or not.
impl FromIterator<Prefix> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (SmallVec::<[_; 4]>::new(), SmallVec::<[_; 2]>::new());
        for prefix in prefixes {
            match prefix.net() {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: Ranges::collect(v4), v6: Ranges::collect(v6) }
    }
}

impl FromIterator<IpAddr> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(Prefix::host).collect()
    }
}

/// `any`, `none`, or the smallest list of prefixes: `10.0.0.0/8,2001:db8::/32`.
impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        if self.is_full() {
            return f.write_str("any");
        }
        for (i, prefix) in self.prefixes().enumerate() {
            write!(f, "{}{prefix}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefixes: &[&str]) -> AddressSet {
        prefixes.iter().map(|text| text.parse::<Prefix>().unwrap()).collect()
    }

    #[test]
    fn smallest_cover() {
        for (prefixes, expected) in [
            (&[][..], "none"),
            (&["0.0.0.0/0", "::/0"], "any"),
            (&["0.0.0.0/0"], "0.0.0.0/0"),
            (&["::/0"], "::/0"),
            (&["::/1", "8000::/1"], "::/0"),
            (&["10.0.0.0/9", "10.128.0.0/9"], "10.0.0.0/8"),
            (&["10.0.0.1", "10.0.0.2"], "10.0.0.1/32,10.0.0.2/32"),
            (&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"], "10.0.0.1/32,10.0.0.2/31,10.0.0.4/32"),
            (&["10.1.0.0/16", "10.0.0.0/8"], "10.0.0.0/8"),
            (
                &["255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
                "255.255.255.255/32,::/128,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
            ),
            (&["2001:db8::/33", "2001:db8:8000::/33", "10.0.0.0/8"], "10.0.0.0/8,2001:db8::/32"),
        ] {
            assert_eq!(set(prefixes).to_string(), expected);
        }
    }

    #[test]
    fn complement_spans_both_families() {
        assert_eq!(set(&["128.0.0.0/1"]).complement().to_string(), "0.0.0.0/1,::/0");
        assert_eq!(AddressSet::all(Family::V4).complement(), AddressSet::all(Family::V6));
        assert_eq!(AddressSet::empty().complement(), AddressSet::full());
    }

    #[test]
    fn a_range_takes_at_most_62_or_254_prefixes() {
        for (ends, expected) in
            [(["0.0.0.0", "255.255.255.255"], 62), (["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], 254)]
        {
            let family = Family::of(ends[0].parse().unwrap());
            let inner = AddressSet::all(family).difference(&set(&ends));
            assert_eq!(inner.prefixes().count(), expected);
        }
    }

    #[test]
    fn the_mapped_block_can_be_cut_out() {
        let rest = set(&["::fffe:0:0/95"]).difference(&set(&["::fffe:0:0/96"]));
        assert_eq!(rest.prefixes().collect::<AddressSet>(), rest);
        assert_eq!(rest.to_string(), "::ffff:0.0.0.0/96");
        assert!(!rest.contains("::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn families_apart() {
        let both = set(&["10.0.0.0/8", "2001:db8::/32"]);
        assert_eq!(both.restricted(Family::V4), set(&["10.0.0.0/8"]));
        assert_eq!(both.restricted(Family::V6), set(&["2001:db8::/32"]));
        assert!(!both.is_empty_in(Family::V6) && both.restricted(Family::V4).is_empty_in(Family::V6));
        assert!(AddressSet::all(Family::V6).is_full_in(Family::V6) && !both.is_full_in(Family::V4));
        let ranges: Vec<_> = both.ranges().map(|range| range.start().to_string()).collect();
        assert_eq!(ranges, ["10.0.0.0", "2001:db8::"]);
    }
}
