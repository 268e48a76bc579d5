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

/// Projects ports of other protocols than TCP and UDP, and types and codes of ICMP. Where the list first tells such a protocol's packets apart by them, the
/// protocol is decided by addresses alone, all that is left of it.
pub(super) fn project(list: Vec<Entry>) -> Vec<Entry> {
    let matched = protocols(MATCHED);
    let mut lost = ProtocolSet::EMPTY;
    let mut projected = Vec::with_capacity(list.len());
    for (place, entry) in list.iter().enumerate() {
        if entry.product.any_port() {
            // What it has of protocols that are decided by now makes no difference.
            projected.push(entry.clone());
            continue;
        }
        let new = entry.product.protocols.difference(&matched).difference(&lost);
        for protocol in new.iter() {
            projected.extend(one_protocol(&list[place..], protocol));
        }
        lost = lost.union(&new);
        let product = Product { protocols: entry.product.protocols.difference(&lost), ..entry.product.clone() };
        if !product.is_empty() {
            projected.push(Entry { product, ..entry.clone() });
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
    /// Whether an entry says something of its ports that nothing said yet.
    fn is_told_by(&self, product: &Product) -> bool {
        let meets = |(near, far): &(PortSet, PortSet)| {
            !near.is_disjoint(&product.near_ports) && !far.is_disjoint(&product.far_ports)
        };
        self.open.iter().any(meets)
    }

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

/// What a list says of one protocol whatever its ports: of ICMP and ICMPv6, in their own family, since elsewhere they have no types.
fn one_protocol(list: &[Entry], protocol: Protocol) -> Vec<Entry> {
    let far = protocol.family().map_or_else(AddressSet::full, AddressSet::all);
    let whole = Product { protocols: protocol.into(), far: far.clone(), ..Product::full() };
    let open = vec![(PortSet::full(), PortSet::full())];
    let mut pieces = vec![Piece { near: AddressSet::full(), far, open, origins: Vec::new() }];
    let mut denied: Vec<Product> = Vec::new();
    let (mut decided, mut why): (Vec<Entry>, Vec<u16>) = (Vec::new(), Vec::new());
    for entry in list.iter().filter_map(|entry| entry.within(&whole)) {
        let (mut next, mut allowed, mut split) = (Vec::new(), Vec::new(), false);
        for piece in pieces {
            let (inner, rest) = piece.cut(&entry.product.near, &entry.product.far);
            next.extend(rest);
            let Some(mut inner) = inner else { continue };
            if inner.is_told_by(&entry.product) {
                if !entry.allow {
                    why.extend(&entry.origins);
                    denied.push(Product { near: inner.near, far: inner.far, ..whole.clone() });
                    continue;
                }
                inner.origins.extend(&entry.origins);
                inner.open = inner.open.iter().flat_map(|open| without(open, &entry.product)).collect();
            }
            if inner.open.is_empty() {
                allowed.push(inner);
            } else {
                split = true;
                next.push(inner);
            }
        }
        // As much as the entry has, where all of that is let through by now; else piece by piece.
        let all = Product { near: entry.product.near.clone(), far: entry.product.far.clone(), ..whole.clone() };
        if !allowed.is_empty() && !split && denied.iter().all(|denied| denied.is_disjoint(&all)) {
            let origins: Vec<u16> = allowed.into_iter().flat_map(|piece| piece.origins).collect();
            decided.push(Entry::new(all, true, []).also(&origins));
        } else {
            let one = |piece: Piece| {
                let product = Product { near: piece.near, far: piece.far, ..whole.clone() };
                Entry::new(product, true, []).also(&piece.origins)
            };
            decided.extend(allowed.into_iter().map(one));
        }
        pieces = next;
        if pieces.len() > MOST_PIECES {
            break; // and what is not decided is denied
        }
    }
    if !(pieces.is_empty() && denied.is_empty()) {
        decided.push(Entry::new(whole, false, []).also(&why));
    }
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
                entry.product = any_protocol(entry.product);
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

/// Closes what is left that would have to name a protocol that can't be named. Gives what the changed entries come from, too.
pub(super) fn without_nameless(list: Vec<Entry>, version: Version) -> (Vec<Entry>, Vec<u16>) {
    let nameless = nameless(version);
    let mut changed = Vec::new();
    let closed = list.into_iter().filter_map(|mut entry| {
        let set = entry.product.protocols;
        if !set.is_full() && !set.is_disjoint(&nameless) {
            changed.extend(&entry.origins);
            entry = match entry.allow {
                true => Entry { product: entry.product.of(&nameless.complement()), ..entry },
                false => Entry { product: any_protocol(entry.product), ..entry },
            };
        }
        (!entry.product.is_empty()).then_some(entry)
    });
    (closed.collect(), changed)
}

/// The same addresses of every protocol, whatever the ports.
fn any_protocol(product: Product) -> Product {
    let any = Product::full();
    Product { near: product.near, far: product.far, ..any }
}

/// Closes what would have to name port 0 by itself, which means any port to HNS \[FIELD\]; where there are no ranges, in every set that has it. Gives what
/// the changed entries come from, too.
pub(super) fn without_port_zero(list: Vec<Entry>, version: Version) -> (Vec<Entry>, Vec<u16>) {
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
    let mut changed = Vec::new();
    let closed = list.into_iter().filter_map(|mut entry| {
        let (near, far) = (fit(&entry.product.near_ports, entry.allow), fit(&entry.product.far_ports, entry.allow));
        if (&near, &far) != (&entry.product.near_ports, &entry.product.far_ports) {
            changed.extend(&entry.origins);
            (entry.product.near_ports, entry.product.far_ports) = (near, far);
        }
        (!entry.product.is_empty()).then_some(entry)
    });
    (closed.collect(), changed)
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
