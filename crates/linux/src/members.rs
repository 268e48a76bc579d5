//! IP sets as sets of nf_tables, one for each family.

use crate::names;
use crate::rule::{address_type, interval};
use crate::sink::Sink;
use margay_net::{Family, Prefix};
use margay_nftables::{Data, Element, FieldType, Set, SetKey};
use margay_policy::{IpSet, Member, MemberKind, Members, Name, Prefixes};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// What is programmed of sets of prefixes: intervals of one set must not overlap, so the kernel has those prefixes that no other covers.
#[derive(Debug, Default)]
pub(crate) struct Covers(FxHashMap<Name, BTreeSet<Prefix>>);

/// The set of one family, empty.
fn definition(set: &IpSet, family: Family) -> Set {
    let name = names::set(set.name, family);
    let address = address_type(family);
    let nft = match set.key.kind {
        MemberKind::Address => Set::new(name, address),
        MemberKind::Prefix => Set::new(name, address).interval(),
        MemberKind::AddressPort => {
            Set::new(name, SetKey::new(&[address, FieldType::INET_PROTO, FieldType::INET_SERVICE]))
        }
    };
    nft.with_comment(&comment(set))
}

fn comment(set: &IpSet) -> String {
    use margay_policy::SetOf;
    let what = match &set.key.of {
        SetOf::Selector(selector, _) => selector.to_string(),
        SetOf::NamedPort(selector, _, port, _) => format!("port {port} of {selector}"),
        SetOf::Service(namespace, name) => format!("service {namespace}/{name}"),
        SetOf::Nodes(selector) => format!("nodes {selector}"),
    };
    let own = if set.key.own { "local: " } else { "" };
    format!("{own}{what}").replace('"', "'") // nft has no escape for its quotes
}

fn element(member: Member) -> Element {
    match member {
        Member::Address(one) => Element::new(one),
        Member::AddressPort(one, protocol, port) => {
            Element::new(Data::concat(&[Data::from(one), Data::new(&[protocol.0]), Data::be16(port)]))
        }
        Member::Prefix(prefix) => Element::new(prefix.first()), // prefixes go through `Covers`
    }
}

/// A set that is new, with its members.
pub(crate) fn add_set(set: &IpSet, families: &[Family], covers: &mut Covers, sink: &mut impl Sink) {
    for family in families {
        sink.set(definition(set, *family));
    }
    match &set.members {
        Members::Prefixes(prefixes) => {
            covers.0.insert(set.name, BTreeSet::new());
            covers.update(set.name, prefixes, &prefixes.cover(), families, sink);
        }
        members => change(set.name, members.iter(), families, |name, elements| sink.add(name, elements)),
    }
}

/// Members that came or went.
pub(crate) fn update(
    set: &IpSet,
    members: &[Member],
    added: bool,
    families: &[Family],
    covers: &mut Covers,
    sink: &mut impl Sink,
) {
    if let Members::Prefixes(prefixes) = &set.members {
        let touched: Vec<Prefix> = members
            .iter()
            .filter_map(|member| match member {
                Member::Prefix(prefix) => Some(*prefix),
                _ => None,
            })
            .collect();
        covers.update(set.name, prefixes, &touched, families, sink);
    } else if added {
        change(set.name, members.iter().copied(), families, |name, elements| sink.add(name, elements));
    } else {
        change(set.name, members.iter().copied(), families, |name, elements| sink.remove(name, elements));
    }
}

/// A set that goes.
pub(crate) fn remove_set(name: Name, families: &[Family], covers: &mut Covers, sink: &mut impl Sink) {
    covers.0.remove(&name);
    for family in families {
        sink.remove_set(&names::set(name, *family));
    }
}

fn change(
    name: Name,
    members: impl Iterator<Item = Member>,
    families: &[Family],
    mut apply: impl FnMut(&str, Vec<Element>),
) {
    let mut elements = [Vec::new(), Vec::new()];
    for member in members {
        elements[(member.family() == Family::V6) as usize].push(element(member));
    }
    for (family, elements) in Family::ALL.into_iter().zip(elements) {
        if !elements.is_empty() && families.contains(&family) {
            apply(&names::set(name, family), elements);
        }
    }
}

impl Covers {
    /// Brings what is programmed around the touched prefixes in line with what the set holds now. Where a prefix covers a touched one, the
    /// outermost such stands for all beneath it; where none does, the touched one itself, or what is left within it.
    fn update(&mut self, name: Name, now: &Prefixes, touched: &[Prefix], families: &[Family], sink: &mut impl Sink) {
        let programmed = self.0.entry(name).or_default();
        let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
        for prefix in touched {
            let region = now.outermost_above(*prefix).unwrap_or(*prefix);
            let wanted = if now.has(region) { vec![region] } else { now.outermost_within(region) };
            let within = programmed.range(region..).take_while(|p| region.covers(p));
            let around = std::iter::successors(region.parent(), Prefix::parent).filter(|p| programmed.contains(p));
            let present: Vec<Prefix> = within.copied().chain(around).collect();
            for old in present.iter().filter(|old| !wanted.contains(old)) {
                programmed.remove(old);
                if !come.remove(old) {
                    gone.insert(*old);
                }
            }
            for new in wanted.iter().filter(|new| !present.contains(new)) {
                programmed.insert(*new);
                if !gone.remove(new) {
                    come.insert(*new);
                }
            }
        }
        for family in families {
            let of_family = |list: &BTreeSet<Prefix>| {
                list.iter().filter(|p| p.family() == *family).flat_map(interval).collect::<Vec<_>>()
            };
            let set = names::set(name, *family);
            for (elements, remove) in [(of_family(&gone), true), (of_family(&come), false)] {
                match (elements.is_empty(), remove) {
                    (true, _) => {}
                    (false, true) => sink.remove(&set, elements),
                    (false, false) => sink.add(&set, elements),
                }
            }
        }
    }
}
