//! IP sets: what selects them, and what is in them.

use crate::Name;
use margay_net::{Family, Prefix, Protocol};
use margay_selector::Selector;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What identifies an IP set: two rules that need the same addresses share one set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetKey {
    /// What selects the members.
    pub of: SetOf,
    /// What a member is.
    pub kind: MemberKind,
    /// Only endpoints in the Plan's scope are members: the set is about the rule's own end, which is always such an endpoint.
    pub own: bool,
}

/// What selects the members of an IP set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetOf {
    /// Labelled things that a selector matches: the addresses of pods and host endpoints ([`MemberKind::Address`]) or the nets of network sets
    /// ([`MemberKind::Prefix`]).
    Selector(Selector, Population),
    /// Of the endpoints that a selector matches: each address with the number of the port of that name. `None`: of any protocol.
    /// [`MemberKind::AddressPort`].
    NamedPort(Selector, Population, SmolStr, Option<Protocol>),
    /// A service's endpoints, by namespace and name: [`MemberKind::Address`] or [`MemberKind::AddressPort`].
    Service(SmolStr, SmolStr),
    /// `status.addresses` of nodes whose labels match: [`MemberKind::Address`].
    Nodes(Selector),
}

/// Which labelled things a selector looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Population {
    /// Pods alone.
    Pods,
    /// Pods, host endpoints and network sets.
    All,
}

/// What a member of a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberKind {
    /// An address.
    Address,
    /// A prefix.
    Prefix,
    /// An address, a protocol and a port.
    AddressPort,
}

/// A member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Member {
    Address(IpAddr),
    Prefix(Prefix),
    AddressPort(IpAddr, Protocol, u16),
}

impl Member {
    /// The family of its address.
    pub fn family(&self) -> Family {
        match self {
            Member::Address(address) | Member::AddressPort(address, ..) => Family::of(*address),
            Member::Prefix(prefix) => prefix.family(),
        }
    }
}

/// A set of a Plan: both families together.
#[derive(Clone, Debug)]
pub struct IpSet {
    /// What identifies it.
    pub key: SetKey,
    /// The stable name: the hash of the key.
    pub name: Name,
    /// What is in it now.
    pub members: Members,
    /// Whether a policy that is enforced (not merely staged) refers to it; drivers leave the others out.
    pub enforced: bool,
}

impl IpSet {
    /// An empty set.
    pub fn new(key: SetKey) -> Self {
        let members = match key.kind {
            MemberKind::Address => Members::Addresses { v4: FxHashSet::default(), v6: FxHashSet::default() },
            MemberKind::Prefix => Members::Prefixes(Prefixes::default()),
            MemberKind::AddressPort => Members::AddressPorts(FxHashSet::default()),
        };
        Self { name: Name::of(&key), key, members, enforced: true }
    }
}

/// The members of a set, by kind.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Members {
    Addresses { v4: FxHashSet<Ipv4Addr>, v6: FxHashSet<Ipv6Addr> },
    Prefixes(Prefixes),
    AddressPorts(FxHashSet<(IpAddr, Protocol, u16)>),
}

impl Members {
    /// Whether the set has this address: as itself, or within a prefix. Never for a set of ports.
    pub fn has_address(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Members::Addresses { v4, .. }, IpAddr::V4(address)) => v4.contains(&address),
            (Members::Addresses { v6, .. }, IpAddr::V6(address)) => v6.contains(&address),
            (Members::Prefixes(prefixes), address) => prefixes.has_address(address),
            (Members::AddressPorts(_), _) => false,
        }
    }

    /// Whether the set has this port of this address.
    pub fn has_port(&self, address: IpAddr, protocol: Protocol, port: u16) -> bool {
        matches!(self, Members::AddressPorts(ports) if ports.contains(&(address, protocol, port)))
    }

    /// Adds a member. Returns false when it was there, or is of another kind than the set's.
    pub fn insert(&mut self, member: Member) -> bool {
        match (self, member) {
            (Members::Addresses { v4, .. }, Member::Address(IpAddr::V4(address))) => v4.insert(address),
            (Members::Addresses { v6, .. }, Member::Address(IpAddr::V6(address))) => v6.insert(address),
            (Members::Prefixes(prefixes), Member::Prefix(prefix)) => prefixes.insert(prefix),
            (Members::AddressPorts(ports), Member::AddressPort(a, p, n)) => ports.insert((a, p, n)),
            _ => false,
        }
    }

    /// Takes a member out. Returns false when it was not there.
    pub fn remove(&mut self, member: Member) -> bool {
        match (self, member) {
            (Members::Addresses { v4, .. }, Member::Address(IpAddr::V4(address))) => v4.remove(&address),
            (Members::Addresses { v6, .. }, Member::Address(IpAddr::V6(address))) => v6.remove(&address),
            (Members::Prefixes(prefixes), Member::Prefix(prefix)) => prefixes.remove(prefix),
            (Members::AddressPorts(ports), Member::AddressPort(a, p, n)) => ports.remove(&(a, p, n)),
            _ => false,
        }
    }

    /// Every member, in no particular order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Member> + '_> {
        match self {
            Members::Addresses { v4, v6 } => Box::new(
                v4.iter().map(|a| Member::Address((*a).into())).chain(v6.iter().map(|a| Member::Address((*a).into()))),
            ),
            Members::Prefixes(prefixes) => Box::new(prefixes.iter().map(Member::Prefix)),
            Members::AddressPorts(ports) => Box::new(ports.iter().map(|(a, p, n)| Member::AddressPort(*a, *p, *n))),
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        match self {
            Members::Addresses { v4, v6 } => v4.len() + v6.len(),
            Members::Prefixes(prefixes) => prefixes.len(),
            Members::AddressPorts(ports) => ports.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Prefixes that may nest. Each counts how many network sets brought it, so that one leaves when the last of them does.
#[derive(Clone, Debug, Default)]
pub struct Prefixes {
    counts: BTreeMap<Prefix, u32>,
    /// How many prefixes there are of each length: an address is looked up once for each length in use.
    lengths: BTreeMap<(Family, u8), u32>,
}

impl Prefixes {
    /// Adds one more use of a prefix. Returns true when it is new.
    pub fn insert(&mut self, prefix: Prefix) -> bool {
        let count = self.counts.entry(prefix).or_insert(0);
        *count += 1;
        if *count == 1 {
            *self.lengths.entry((prefix.family(), prefix.length())).or_insert(0) += 1;
        }
        *count == 1
    }

    /// Ends one use of a prefix. Returns true when it was the last.
    pub fn remove(&mut self, prefix: Prefix) -> bool {
        let Some(count) = self.counts.get_mut(&prefix) else { return false };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        self.counts.remove(&prefix);
        let length = (prefix.family(), prefix.length());
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
        true
    }

    /// Whether this very prefix is here.
    pub fn has(&self, prefix: Prefix) -> bool {
        self.counts.contains_key(&prefix)
    }

    /// Whether a prefix covers this address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        let family = Family::of(address);
        self.lengths
            .range((family, 0)..=(family, family.bits()))
            .any(|((_, length), _)| Prefix::new(address, *length).is_ok_and(|prefix| self.counts.contains_key(&prefix)))
    }

    /// The shortest prefix here that covers this one and is not itself.
    pub fn outermost_above(&self, prefix: Prefix) -> Option<Prefix> {
        let family = prefix.family();
        self.lengths.range((family, 0)..(family, prefix.length())).find_map(|((_, length), _)| {
            Prefix::new(prefix.first(), *length).ok().filter(|above| self.counts.contains_key(above))
        })
    }

    /// The prefixes here strictly within this one that no other here (but this one) covers.
    pub fn outermost_within(&self, prefix: Prefix) -> Vec<Prefix> {
        let mut found: Vec<Prefix> = Vec::new();
        for inner in self.counts.range(prefix..).map(|(p, _)| *p).take_while(|p| prefix.covers(p)) {
            if inner != prefix && !found.last().is_some_and(|last| last.covers(&inner)) {
                found.push(inner);
            }
        }
        found
    }

    /// The smallest list of these prefixes that covers the same addresses: those that no other covers, in order.
    pub fn cover(&self) -> Vec<Prefix> {
        let mut cover: Vec<Prefix> = Vec::new();
        for prefix in self.counts.keys() {
            if !cover.last().is_some_and(|last| last.covers(prefix)) {
                cover.push(*prefix);
            }
        }
        cover
    }

    /// Every prefix once, in order.
    pub fn iter(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.counts.keys().copied()
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
