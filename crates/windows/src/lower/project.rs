//! What HNS can't match, closed: a packet is let through only if every packet that HNS can't tell from it is.

use super::list::Entry;
use super::product::{Product, protocols};
use margay_hcn::{Feature, Version};
use margay_net::{AddressSet, PortSet, Protocol, ProtocolSet};

/// Protocols whose ports HNS matches \[SRC\].
const MATCHED: [Protocol; 2] = [Protocol::TCP, Protocol::UDP];
/// In the place of most protocols but a few that can't be named.
const COMMON: [Protocol; 5] = [Protocol::ICMP, Protocol::TCP, Protocol::UDP, Protocol::ICMPV6, Protocol::SCTP];
/// Pieces that an address space is cut into at most, for one protocol.
const MOST_PIECES: usize = 256;

/// Projects ports of other protocols than TCP and UDP, and types and codes of ICMP: such a protocol is decided first, by addresses alone.
pub(super) fn project(list: Vec<Entry>) -> Vec<Entry> {
    let matched = protocols(MATCHED);
    let lost = list.iter().filter(|entry| !entry.product.any_port());
    let lost = lost.fold(ProtocolSet::EMPTY, |all, entry| all.union(&entry.product.protocols.difference(&matched)));
    if lost.is_empty() {
        return list;
    }
    let mut projected: Vec<Entry> = lost.iter().flat_map(|protocol| one_protocol(&list, protocol)).collect();
    for mut entry in list {
        // What is of every protocol may stay so: those are decided by now.
        if !entry.product.protocols.is_full() {
            entry.product.protocols = entry.product.protocols.difference(&lost);
        }
        if !entry.product.is_empty() {
            projected.push(entry);
        }
    }
    projected
}

/// Addresses of both ends, and the ports of which nothing has been said yet.
struct Piece {
    near: AddressSet,
    far: AddressSet,
    open: Vec<(PortSet, PortSet)>,
    origins: Vec<u16>,
}

impl Piece {
    /// What is in both ends' sets, and the rest in at most two pieces.
    fn cut(self, near: &AddressSet, far: &AddressSet) -> (Option<Self>, Vec<Self>) {
        let inner = Self {
            near: self.near.intersection(near),
            far: self.far.intersection(far),
            open: self.open.clone(),
            origins: self.origins.clone(),
        };
        if inner.near.is_empty() || inner.far.is_empty() {
            return (None, vec![self]);
        }
        let beside = Self { near: self.near.difference(near), far: self.far.clone(), ..self };
        let above = Self {
            near: inner.near.clone(),
            far: self.far.difference(far),
            open: inner.open.clone(),
            origins: inner.origins.clone(),
        };
        let rest = [beside, above].into_iter().filter(|piece| !piece.near.is_empty() && !piece.far.is_empty());
        (Some(inner), rest.collect())
    }
}

/// What a list says of one protocol whatever its ports.
fn one_protocol(list: &[Entry], protocol: Protocol) -> Vec<Entry> {
    let all = || AddressSet::full();
    let open = vec![(PortSet::full(), PortSet::full())];
    let mut pieces = vec![Piece { near: all(), far: all(), open, origins: Vec::new() }];
    let mut decided = Vec::new();
    let mut denied = Vec::new();
    for entry in list.iter().filter(|entry| entry.product.protocols.contains(protocol)) {
        let product = &entry.product;
        let mut next = Vec::new();
        for piece in pieces {
            let (inner, rest) = piece.cut(&product.near, &product.far);
            next.extend(rest);
            let Some(mut inner) = inner else { continue };
            let meets = |(near, far): &(PortSet, PortSet)| {
                !near.is_disjoint(&product.near_ports) && !far.is_disjoint(&product.far_ports)
            };
            if !inner.open.iter().any(meets) {
                next.push(inner);
                continue;
            }
            if !entry.allow {
                denied.extend(&entry.origins);
                continue;
            }
            inner.origins.extend(&entry.origins);
            inner.open = inner.open.iter().flat_map(|open| without(open, product)).collect();
            if inner.open.is_empty() {
                let product =
                    Product { protocols: protocol.into(), near: inner.near, far: inner.far, ..Product::full() };
                decided.push(Entry::new(product, true, []).also(&inner.origins));
            } else {
                next.push(inner);
            }
        }
        pieces = next;
        if pieces.len() > MOST_PIECES {
            break; // and what is not decided is denied
        }
    }
    let rest = Product { protocols: protocol.into(), ..Product::full() };
    decided.push(Entry::new(rest, false, []).also(&denied));
    decided
}

/// The ports of a pair of sets that a product has not.
fn without((near, far): &(PortSet, PortSet), product: &Product) -> Vec<(PortSet, PortSet)> {
    let beside = (near.difference(&product.near_ports), far.clone());
    let above = (near.intersection(&product.near_ports), far.difference(&product.far_ports));
    [beside, above].into_iter().filter(|(near, far)| !near.is_empty() && !far.is_empty()).collect()
}

/// Protocols that no ACL of this version can name.
pub(super) fn nameless(version: Version) -> ProtocolSet {
    let vxlan = Protocol(252);
    let mut set = protocols([Protocol(0)]);
    if !version.has(Feature::AclProtocol252) {
        set.insert(vxlan);
    }
    set
}

/// Whether so many protocols are named one by one.
fn is_few(set: &ProtocolSet) -> bool {
    set.len() <= 128
}

/// Closes what would have to name a protocol that can't be named.
pub(super) fn name(list: Vec<Entry>, version: Version) -> Vec<Entry> {
    let nameless = nameless(version);
    let closed = list.into_iter().filter_map(|mut entry| {
        let set = entry.product.protocols;
        let named = if is_few(&set) { set } else { set.complement() };
        if !named.is_disjoint(&nameless) {
            if !entry.allow {
                entry.product = Product {
                    protocols: ProtocolSet::FULL,
                    near_ports: PortSet::full(),
                    far_ports: PortSet::full(),
                    ..entry.product
                };
            } else if is_few(&set) {
                entry.product.protocols = set.difference(&nameless);
            } else {
                entry.product.protocols = set.intersection(&protocols(COMMON));
            }
        }
        (!entry.product.is_empty()).then_some(entry)
    });
    closed.collect()
}

/// Closes what would have to name port 0 by itself, which means any port to HNS \[FIELD\]; where there are no ranges, in every set that has it.
pub(super) fn without_port_zero(list: Vec<Entry>, version: Version) -> Vec<Entry> {
    let ranges = version.has(Feature::AclPortRanges);
    let fit = |ports: &PortSet, allow: bool| {
        let first = ports.ranges().next().filter(|_| !ports.is_full());
        match first {
            Some(range) if *range.start() == 0 && (*range.end() == 0 || !ranges) => match (allow, ranges) {
                (true, _) => ports.difference(&PortSet::from(0)),
                (false, true) => ports.union(&PortSet::from(0..=1)),
                (false, false) => PortSet::full(),
            },
            _ => ports.clone(),
        }
    };
    let closed = list.into_iter().filter_map(|mut entry| {
        entry.product.near_ports = fit(&entry.product.near_ports, entry.allow);
        entry.product.far_ports = fit(&entry.product.far_ports, entry.allow);
        (!entry.product.is_empty()).then_some(entry)
    });
    closed.collect()
}

/// Without IPv6, where the version has none: it is only ever denied.
pub(super) fn without_ipv6(list: Vec<Entry>) -> Vec<Entry> {
    let v4 = margay_net::Family::V4;
    let closed = list.into_iter().filter_map(|mut entry| {
        if !entry.product.is_full() || entry.allow {
            (entry.product.near, entry.product.far) = match entry.product.near.is_full() {
                true => (entry.product.near, entry.product.far.restricted(v4)),
                false => (entry.product.near.restricted(v4), entry.product.far.restricted(v4)),
            };
        }
        (!entry.product.is_empty()).then_some(entry)
    });
    // The last one is of every packet.
    closed.chain([Entry::new(Product::full(), false, [])]).collect()
}
