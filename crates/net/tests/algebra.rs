//! The sets against naive models: membership at every boundary of what went in, and one step to each side of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use margay_net::{AddressSet, Family, PortSet, Prefix, Protocol, ProtocolSet};
use proptest::prelude::*;

/// Prefixes dense enough to overlap, touch and nest, near both ends of each family and in the middle.
fn prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (prop_oneof![0..64u32, (u32::MAX - 63)..=u32::MAX, 0x0a00_0000..0x0a00_0100u32, any::<u32>()], 0..=32u8);
    let v6 = (prop_oneof![0..64u128, (u128::MAX - 63)..=u128::MAX, any::<u128>()], 0..=128u8);
    // Long prefixes are likelier, or nearly every set would be full.
    let longer = |length: u8, bits: u8| if length < bits / 2 { bits - length / 8 } else { length };
    prop_oneof![
        3 => v4.prop_map(move |(bits, length)| (IpAddr::from(Ipv4Addr::from_bits(bits)), longer(length, 32))),
        2 => v6.prop_map(move |(bits, length)| (IpAddr::from(Ipv6Addr::from_bits(bits)), longer(length, 128))),
        1 => any::<u32>().prop_flat_map(|bits| (Just(IpAddr::from(Ipv4Addr::from_bits(bits))), 0..=3u8)),
        1 => any::<u128>().prop_flat_map(|bits| (Just(IpAddr::from(Ipv6Addr::from_bits(bits))), 0..=3u8)),
    ]
    .prop_filter_map("a block of mapped addresses", |(address, length)| Prefix::new(address, length).ok())
}

fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    prop::collection::vec(prefix(), 0..12)
}

/// The edges of each prefix, and the addresses right outside.
fn probes(prefixes: &[&[Prefix]]) -> Vec<IpAddr> {
    let step = |address: IpAddr, up: bool| -> IpAddr {
        match address {
            IpAddr::V4(a) if up => Ipv4Addr::from_bits(a.to_bits().wrapping_add(1)).into(),
            IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits().wrapping_sub(1)).into(),
            IpAddr::V6(a) if up => Ipv6Addr::from_bits(a.to_bits().wrapping_add(1)).into(),
            IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits().wrapping_sub(1)).into(),
        }
    };
    let edges = prefixes.iter().flat_map(|list| list.iter()).chain([&Prefix::ALL_V4, &Prefix::ALL_V6]);
    edges.flat_map(|p| [p.first(), p.last(), step(p.first(), false), step(p.last(), true)]).collect()
}

proptest! {
    #[test]
    fn addresses((a, b) in (prefixes(), prefixes())) {
        let (x, y) = (a.iter().copied().collect::<AddressSet>(), b.iter().copied().collect::<AddressSet>());
        for address in probes(&[&a, &b]) {
            let (in_a, in_b) = (a.iter().any(|p| p.contains(address)), b.iter().any(|p| p.contains(address)));
            prop_assert_eq!(x.contains(address), in_a, "{} in {}", address, &x);
            prop_assert_eq!(x.union(&y).contains(address), in_a || in_b, "{} in {} | {}", address, &x, &y);
            prop_assert_eq!(x.intersection(&y).contains(address), in_a && in_b, "{} in {} & {}", address, &x, &y);
            prop_assert_eq!(x.difference(&y).contains(address), in_a && !in_b, "{} in {} - {}", address, &x, &y);
            prop_assert_eq!(x.complement().contains(address), !in_a, "{} not in {}", address, &x);
            prop_assert_eq!(x.restricted(Family::V4).contains(address), in_a && Family::of(address) == Family::V4);
        }
        // One representation: algebraic laws hold as equality.
        prop_assert_eq!(x.complement().complement(), x.clone());
        prop_assert_eq!(x.union(&y).complement(), x.complement().intersection(&y.complement()));
        prop_assert_eq!(x.difference(&y).union(&x.intersection(&y)), x.clone());
        prop_assert_eq!(x.is_disjoint(&y), x.intersection(&y).is_empty());
        prop_assert_eq!(x.is_subset(&y), x.difference(&y).is_empty());
        prop_assert!(x.intersection(&y).is_subset(&x) && x.is_subset(&x.union(&y)));
        prop_assert_eq!(x.is_full(), x.complement().is_empty());
        prop_assert_eq!(x.restricted(Family::V4).union(&x.restricted(Family::V6)), x);
    }

    #[test]
    fn cover_is_exact_disjoint_and_smallest(a in prefixes()) {
        let set: AddressSet = a.iter().copied().collect();
        let cover: Vec<Prefix> = set.prefixes().collect();
        prop_assert_eq!(cover.iter().copied().collect::<AddressSet>(), set);
        for pair in cover.windows(2) {
            prop_assert!(pair[0] < pair[1] && !pair[0].covers(&pair[1]), "{:?}", pair);
            // Of a disjoint cover, being smallest is the same as having no two halves of one block left unjoined.
            let halves = pair[0].length() == pair[1].length() && pair[0].parent() == pair[1].parent();
            prop_assert!(!halves || pair[0].length() == 0, "{:?}", pair);
        }
    }

    #[test]
    fn prefixes_read_back(p in prefix()) {
        prop_assert_eq!(p.to_string().parse::<Prefix>(), Ok(p));
        prop_assert!(p.parent().is_none_or(|up| up.covers(&p)));
        for address in [p.first(), p.last()] {
            // A mapped address at the edge of a wider block is asked for as IPv4.
            prop_assert_eq!(p.contains(address), Family::of(address) == p.family());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9a-f:./%]{0,24}") {
        if let Ok(p) = text.parse::<Prefix>() {
            prop_assert_eq!(p.to_string().parse::<Prefix>(), Ok(p));
        }
    }

    #[test]
    fn ports((a, b) in (port_ranges(), port_ranges())) {
        let (x, y) = (a.iter().cloned().collect::<PortSet>(), b.iter().cloned().collect::<PortSet>());
        let edges = a.iter().chain(&b).flat_map(|range| [*range.start(), *range.end()]);
        for port in edges.chain([0, u16::MAX]).flat_map(|p| [p.saturating_sub(1), p, p.saturating_add(1)]) {
            let (in_a, in_b) = (a.iter().any(|r| r.contains(&port)), b.iter().any(|r| r.contains(&port)));
            prop_assert_eq!(x.contains(port), in_a);
            prop_assert_eq!(x.union(&y).contains(port), in_a || in_b);
            prop_assert_eq!(x.intersection(&y).contains(port), in_a && in_b);
            prop_assert_eq!(x.difference(&y).contains(port), in_a && !in_b);
            prop_assert_eq!(x.complement().contains(port), !in_a);
        }
        prop_assert_eq!(x.len() + x.complement().len(), 65536);
        prop_assert_eq!(x.is_disjoint(&y), x.intersection(&y).is_empty());
        prop_assert_eq!(x.is_subset(&y), x.difference(&y).is_empty());
        prop_assert_eq!(x.ranges().collect::<PortSet>(), x.clone());
        prop_assert_eq!(x.complement().complement(), x);
    }

    #[test]
    fn protocols((a, b) in (numbers(), numbers())) {
        let set = |model: &BTreeSet<u8>| model.iter().copied().map(Protocol).collect::<ProtocolSet>();
        let (x, y) = (set(&a), set(&b));
        prop_assert_eq!(x.union(&y), set(&(&a | &b)));
        prop_assert_eq!(x.intersection(&y), set(&(&a & &b)));
        prop_assert_eq!(x.difference(&y), set(&(&a - &b)));
        prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
        prop_assert_eq!(x.is_disjoint(&y), a.is_disjoint(&b));
        prop_assert_eq!(x.len(), a.len());
        prop_assert_eq!(x.iter().map(|p| p.0).collect::<BTreeSet<_>>(), a.clone());
        prop_assert!((0..=255).all(|n| x.complement().contains(Protocol(n)) != a.contains(&n)));
    }
}

fn port_ranges() -> impl Strategy<Value = Vec<RangeInclusive<u16>>> {
    let port = || prop_oneof![0..40u16, 65500..=65535u16, any::<u16>()];
    // Some end before they start, and hold nothing.
    let range = prop_oneof![port().prop_map(|p| p..=p), (port(), port()).prop_map(|(a, b)| a..=b)];
    prop::collection::vec(range, 0..10)
}

fn numbers() -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(prop_oneof![any::<u8>(), 0..=8u8, 250..=255u8], 0..20)
}
