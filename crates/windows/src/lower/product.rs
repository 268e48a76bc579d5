//! What a rule matches, as a product of sets.

use margay_net::{AddressSet, PortSet, Protocol, ProtocolSet};

/// Packets whose protocol, addresses and ports are each in a set. "Near" is the endpoint's own end, "far" the other.
///
/// Of ICMP and ICMPv6 the near port is type and code, as in [`icmp`]; of protocols without either, ports say nothing and are full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) protocols: ProtocolSet,
    pub(super) near: AddressSet,
    pub(super) far: AddressSet,
    pub(super) near_ports: PortSet,
    pub(super) far_ports: PortSet,
}

/// Every pair of an ICMP type with a code of these, as numbers in the place of ports.
pub(super) fn icmp(kind: u8, code: Option<u8>) -> PortSet {
    let number = |code| u16::from_be_bytes([kind, code]);
    match code {
        Some(code) => PortSet::from(number(code)),
        None => PortSet::from(number(0)..=number(u8::MAX)),
    }
}

impl Product {
    /// Every packet.
    pub(super) fn full() -> Self {
        Self {
            protocols: ProtocolSet::FULL,
            near: AddressSet::full(),
            far: AddressSet::full(),
            near_ports: PortSet::full(),
            far_ports: PortSet::full(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        *self == Self::full()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.protocols.is_empty()
            || self.near.is_empty()
            || self.far.is_empty()
            || self.near_ports.is_empty()
            || self.far_ports.is_empty()
            || margay_net::Family::ALL.iter().all(|f| self.near.is_empty_in(*f) || self.far.is_empty_in(*f))
    }

    /// Whether every port is in it, of both ends.
    pub(super) fn any_port(&self) -> bool {
        self.near_ports.is_full() && self.far_ports.is_full()
    }

    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        if self.is_disjoint(other) {
            return None;
        }
        let both = Self {
            protocols: self.protocols.intersection(&other.protocols),
            near: self.near.intersection(&other.near),
            far: self.far.intersection(&other.far),
            near_ports: self.near_ports.intersection(&other.near_ports),
            far_ports: self.far_ports.intersection(&other.far_ports),
        };
        (!both.is_empty()).then_some(both)
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        self.protocols.is_disjoint(&other.protocols)
            || self.near_ports.is_disjoint(&other.near_ports)
            || self.far_ports.is_disjoint(&other.far_ports)
            || self.near.is_disjoint(&other.near)
            || self.far.is_disjoint(&other.far)
    }

    /// Whether every packet of the other is in this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.protocols.is_subset(&self.protocols)
            && other.near_ports.is_subset(&self.near_ports)
            && other.far_ports.is_subset(&self.far_ports)
            && other.near.is_subset(&self.near)
            && other.far.is_subset(&self.far)
    }

    /// One product of the packets of both, where there is one: they differ in one set at most.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let mut differ = usize::from(self.protocols != other.protocols)
            + usize::from(self.near_ports != other.near_ports)
            + usize::from(self.far_ports != other.far_ports);
        for (here, there) in [(&self.near, &other.near), (&self.far, &other.far)] {
            if differ > 1 {
                return None;
            }
            differ += usize::from(here != there);
        }
        if differ > 1 {
            return None;
        }
        Some(Self {
            protocols: self.protocols.union(&other.protocols),
            near: self.near.union(&other.near),
            far: self.far.union(&other.far),
            near_ports: self.near_ports.union(&other.near_ports),
            far_ports: self.far_ports.union(&other.far_ports),
        })
    }

    /// The same of these protocols alone.
    pub(super) fn of(&self, protocols: &ProtocolSet) -> Self {
        Self { protocols: self.protocols.intersection(protocols), ..self.clone() }
    }
}

/// Protocols by number, as a set.
pub(super) fn protocols(list: impl IntoIterator<Item = Protocol>) -> ProtocolSet {
    list.into_iter().collect()
}
