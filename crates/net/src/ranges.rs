//! Sets of integers as sorted, disjoint ranges that don't touch: the one algebra under addresses and ports.

use smallvec::{Array, SmallVec};

/// An integer that a range can be made of.
pub(crate) trait Point: Copy + Ord + std::hash::Hash + std::fmt::Debug {
    /// As many ranges as fit where a heap pointer and a length would be, so that small sets allocate nothing.
    type Inline: Array<Item = (Self, Self)> + Clone + Ord + std::hash::Hash;

    const MIN: Self;
    const MAX: Self;

    /// The next integer; `None` of the last.
    fn next(self) -> Option<Self>;
    /// The one before; `None` of the first.
    fn previous(self) -> Option<Self>;
    /// The exponent of the largest aligned power-of-two block that starts at `self` and doesn't go past `last`.
    fn block(self, last: Self) -> u32;
    /// The last integer of the block of that exponent at `self`.
    fn block_end(self, exponent: u32) -> Self;
}

macro_rules! point {
    ($integer:ty, $inline:literal) => {
        impl Point for $integer {
            type Inline = [(Self, Self); $inline];
            const MIN: Self = Self::MIN;
            const MAX: Self = Self::MAX;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn block(self, last: Self) -> u32 {
                let size = (last - self).checked_add(1).map_or(Self::BITS, Self::ilog2);
                self.trailing_zeros().min(size)
            }

            fn block_end(self, exponent: u32) -> Self {
                self | (1 as Self).checked_shl(exponent).map_or(Self::MAX, |size| size - 1)
            }
        }
    };
}

point!(u16, 4);
point!(u32, 2);
point!(u128, 1);

/// A set of integers. Ranges are inclusive, ascending, disjoint, and never adjacent, so a set has one representation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ranges<T: Point>(SmallVec<T::Inline>);

impl<T: Point> Ranges<T> {
    pub(crate) fn empty() -> Self {
        Self(SmallVec::new())
    }

    pub(crate) fn full() -> Self {
        Self::one(T::MIN, T::MAX)
    }

    /// `first` to `last`; empty if `first` is above `last`.
    pub(crate) fn one(first: T, last: T) -> Self {
        let mut ranges = Self::empty();
        if first <= last {
            ranges.0.push((first, last));
        }
        ranges
    }

    /// The union of ranges in any order, overlapping or not; those that end before they start hold nothing.
    pub(crate) fn collect(ranges: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut sorted: SmallVec<T::Inline> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        if !sorted.is_sorted() {
            sorted.sort_unstable();
        }
        let mut set = Self::empty();
        for range in sorted {
            set.append(range);
        }
        set
    }

    /// Adds a range that starts no earlier than the last one did.
    fn append(&mut self, (first, last): (T, T)) {
        match self.0.last_mut() {
            Some((_, end)) if end.next().is_none_or(|after| first <= after) => *end = last.max(*end),
            _ => self.0.push((first, last)),
        }
    }

    pub(crate) fn as_slice(&self) -> &[(T, T)] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.as_slice() == [(T::MIN, T::MAX)]
    }

    pub(crate) fn contains(&self, point: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= point);
        after > 0 && point <= self.0[after - 1].1
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        if self.is_full() || other.is_empty() {
            return self.clone();
        }
        if other.is_full() || self.is_empty() {
            return other.clone();
        }
        let mut set = Self::empty();
        let (mut left, mut right) = (self.as_slice(), other.as_slice());
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            if a.0 <= b.0 {
                set.append(*a);
                left = &left[1..];
            } else {
                set.append(*b);
                right = &right[1..];
            }
        }
        for range in left.iter().chain(right) {
            set.append(*range);
        }
        set
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        Self(self.shared(other).collect())
    }

    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        self.shared(other).next().is_none()
    }

    /// What both sets hold, ascending. Pieces never touch: the ranges of neither side do.
    fn shared(&self, other: &Self) -> impl Iterator<Item = (T, T)> {
        let (mut left, mut right) = (self.as_slice(), other.as_slice());
        std::iter::from_fn(move || {
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                let piece = (a.0.max(b.0), a.1.min(b.1));
                if a.1 <= b.1 {
                    left = &left[1..];
                } else {
                    right = &right[1..];
                }
                if piece.0 <= piece.1 {
                    return Some(piece);
                }
            }
            None
        })
    }

    pub(crate) fn complement(&self) -> Self {
        let mut gaps = Self::empty();
        let mut next = Some(T::MIN);
        for (first, last) in &self.0 {
            if let (Some(start), Some(end)) = (next, first.previous())
                && start <= end
            {
                gaps.0.push((start, end));
            }
            next = last.next();
        }
        if let Some(start) = next {
            gaps.0.push((start, T::MAX));
        }
        gaps
    }

    pub(crate) fn difference(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        self.intersection(&other.complement())
    }

    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        let mut outer = other.as_slice();
        self.0.iter().all(|(first, last)| {
            while outer.first().is_some_and(|(_, end)| end < first) {
                outer = &outer[1..];
            }
            outer.first().is_some_and(|(start, end)| start <= first && last <= end)
        })
    }

    /// The fewest aligned power-of-two blocks that make up the set, as (first, exponent), ascending.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (T, u32)> {
        self.0.iter().flat_map(|(first, last)| {
            let mut next = Some(*first);
            std::iter::from_fn(move || {
                let start = next?;
                let exponent = start.block(*last);
                let end = start.block_end(exponent);
                next = if end < *last { end.next() } else { None };
                Some((start, exponent))
            })
        })
    }
}
