//! Sets of addresses as sorted numbers.

use margay_net::Prefix;
use std::net::IpAddr;

/// An address of one family as a number.
pub(crate) trait Bits: Copy + Ord {
    /// The number after this one, where there is any.
    fn next(self) -> Option<Self>;

    /// Of an address of this family.
    fn of(address: IpAddr) -> Option<Self>;
}

impl Bits for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Some(address.to_bits()),
            IpAddr::V6(_) => None,
        }
    }
}

impl Bits for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address.to_bits()),
        }
    }
}

/// Sorted ranges, first and last, of which no two overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranges<B>(Box<[(B, B)]>);

impl<B: Bits> Ranges<B> {
    /// Of the prefixes of this family; those of the other add nothing.
    pub(crate) fn of<'a>(prefixes: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let range = |prefix: &Prefix| Some((B::of(prefix.first())?, B::of(prefix.last())?));
        Self::join(prefixes.into_iter().filter_map(range).collect())
    }

    fn join(mut ranges: Vec<(B, B)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(B, B)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if before.1.next().is_none_or(|next| first <= next) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined.into())
    }

    /// The addresses in both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(&&(a_first, a_last)), Some(&&(b_first, b_last))) = (a.peek(), b.peek()) {
            let (first, last) = (a_first.max(b_first), a_last.min(b_last));
            if first <= last {
                both.push((first, last));
            }
            if a_last < b_last {
                a.next()
            } else {
                b.next()
            };
        }
        Self::join(both)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn contains(&self, address: B) -> bool {
        match &*self.0 {
            [(first, last)] => (*first..=*last).contains(&address),
            ranges => {
                let at = ranges.partition_point(|(_, last)| *last < address);
                ranges.get(at).is_some_and(|(first, _)| *first <= address)
            }
        }
    }
}
