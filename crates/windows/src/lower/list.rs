//! An ordered list of what happens to packets, and what can be done with it without changing what it means.

use super::product::Product;
use margay_net::{PortSet, ProtocolSet};

/// What happens to the packets of a product that nothing earlier in its list decides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) product: Product,
    pub(super) allow: bool,
    /// What it comes from, as places in a table of origins; sorted.
    pub(super) origins: Vec<u16>,
}

impl Entry {
    pub(super) fn new(product: Product, allow: bool, origins: impl Into<Vec<u16>>) -> Self {
        Self { product, allow, origins: origins.into() }
    }

    /// This one within a product, where that leaves anything.
    pub(super) fn within(&self, product: &Product) -> Option<Self> {
        Some(Self { product: self.product.intersection(product)?, ..self.clone() })
    }

    /// With more that it comes from.
    pub(super) fn also(mut self, origins: &[u16]) -> Self {
        self.origins.extend(origins);
        self.origins.sort_unstable();
        self.origins.dedup();
        self
    }
}

/// What a list costs: ACLs first, then what stands in their lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    pub(super) acls: usize,
    pub(super) entries: usize,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |a, b| Self {
            acls: a.acls.saturating_add(b.acls),
            entries: a.entries.saturating_add(b.entries),
        })
    }
}

/// What a list, last first, says of a product otherwise than one action, up to the last that does; none where that costs as much as a limit.
fn exceptions(
    list: &[Entry],
    product: &Product,
    allow: bool,
    limit: Cost,
    cost: &dyn Fn(&Product) -> Cost,
) -> Option<Vec<Entry>> {
    let (mut some, mut sum): (Vec<Entry>, Cost) = (Vec::new(), Cost::default());
    for (place, entry) in list.iter().enumerate().rev() {
        let Some(part) = entry.within(product) else { continue };
        sum = [sum, cost(&part.product)].into_iter().sum();
        if sum >= limit {
            let mut later = list[..=place].iter();
            if later.any(|later| later.allow != allow && !later.product.is_disjoint(product)) {
                return None;
            }
            break;
        }
        some.push(part);
        if entry.product.covers(product) {
            break;
        }
    }
    while some.last().is_some_and(|last| last.allow == allow) {
        some.pop();
    }
    Some(some)
}

/// What is not worth the search for something cheaper.
const CHEAP: Cost = Cost { acls: 1, entries: 16 };

/// How long a list may grow, and what it says where it is cut off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// Entries.
    pub(super) most: usize,
    /// ACLs that there is room for.
    pub(super) acls: usize,
    /// What the entry in the place of those cut off comes from.
    pub(super) over: u16,
}

impl Bound {
    /// A list no longer than this: what is behind is blocked.
    pub(super) fn cut(self, mut list: Vec<Entry>) -> Vec<Entry> {
        if list.len() > self.most.max(1) {
            let gone = list.split_off(self.most.max(1) - 1);
            list.push(self.blocks(&gone));
        }
        list
    }

    /// What stands for entries that are cut off.
    fn blocks(self, gone: &[Entry]) -> Entry {
        let origins: Vec<u16> = gone.iter().flat_map(|entry| entry.origins.iter().copied()).collect();
        Entry::new(Product::full(), false, [self.over]).also(&origins)
    }
}

/// Writes what must not match as an earlier entry, where that is cheaper than writing the complement: an entry is widened in one of its sets, and what the rest of
/// the list says of the packets that it takes in so stands before it. The last entry is of every packet.
pub(super) fn widen(list: Vec<Entry>, cost: &dyn Fn(&Product) -> Cost, bound: Bound) -> Vec<Entry> {
    // From the end, last first.
    let mut done: Vec<Entry> = Vec::with_capacity(list.len());
    let full = Product::full();
    for mut entry in list.into_iter().rev() {
        let mut before: Vec<Entry> = Vec::new();
        for set in 0..5 {
            let here = &entry.product;
            if cost(here) <= CHEAP {
                break;
            }
            let (mut wide, mut rest) = (here.clone(), here.clone());
            match set {
                // What has ports has a protocol.
                0 if here.any_port() => {
                    (wide.protocols, rest.protocols) = (ProtocolSet::FULL, here.protocols.complement());
                }
                1 => (wide.far, rest.far) = (full.far.clone(), here.far.complement()),
                2 => (wide.near, rest.near) = (full.near.clone(), here.near.complement()),
                3 => (wide.near_ports, rest.near_ports) = (PortSet::full(), here.near_ports.complement()),
                4 => (wide.far_ports, rest.far_ports) = (PortSet::full(), here.far_ports.complement()),
                _ => continue,
            }
            if rest.is_empty() || wide == *here {
                continue;
            }
            // What has no room anyway would only crowd out what has.
            let limit = cost(here).min(Cost { acls: bound.acls.saturating_add(1), entries: 0 });
            let Some(taken) = exceptions(&done, &rest, entry.allow, limit, cost) else { continue };
            let other = taken.iter().map(|entry| cost(&entry.product)).sum::<Cost>();
            if [other, cost(&wide)].into_iter().sum::<Cost>() < cost(here) {
                entry.product = wide;
                before.splice(0..0, taken);
            }
        }
        done.push(entry);
        done.extend(before.into_iter().rev());
        if let Some(more) = done.len().checked_sub(bound.most).filter(|more| *more > 0) {
            let last = bound.blocks(&done[..=more]);
            done.splice(..=more, [last]);
        }
    }
    done.reverse();
    done
}

/// Leaves out what changes nothing and joins what can be one. The last entry stays.
pub(super) fn simplify(list: Vec<Entry>) -> Vec<Entry> {
    let mut list = list;
    loop {
        let before = list.len();
        list = pruned(list);
        list = joined(list);
        if list.len() == before {
            return list;
        }
    }
}

/// Without what an earlier entry has decided, and without what the rest of the list decides in the same way.
fn pruned(list: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(list.len());
    for entry in list {
        if !kept.iter().any(|earlier| earlier.product.covers(&entry.product)) {
            kept.push(entry);
        }
    }
    let mut done: Vec<Entry> = Vec::with_capacity(kept.len());
    for entry in kept.into_iter().rev() {
        if !redundant(&entry, done.iter().rev()) {
            done.push(entry);
        }
    }
    done.reverse();
    done
}

/// Whether a list decides all of an entry's packets as the entry does.
fn redundant<'a>(entry: &Entry, rest: impl Iterator<Item = &'a Entry>) -> bool {
    for later in rest {
        if later.product.is_disjoint(&entry.product) {
            continue;
        }
        if later.allow != entry.allow {
            return false;
        }
        if later.product.covers(&entry.product) {
            return true;
        }
    }
    false
}

/// Joins entries of one action whose products are one, at the place of either: where none between decides otherwise of the packets that change their place.
fn joined(list: Vec<Entry>) -> Vec<Entry> {
    let mut done: Vec<Entry> = Vec::with_capacity(list.len());
    'next: for mut entry in list {
        while let Some((place, product, is_up)) = partner(&done, &entry) {
            let earlier = done.remove(place);
            let both = Entry { product, ..earlier }.also(&entry.origins);
            if is_up {
                done.insert(place, both);
                continue 'next;
            }
            entry = both;
        }
        done.push(entry);
    }
    done
}

/// The last entry that another, which is to come behind all of them, can be one with; what both are; and whether that is to stand at the place of the
/// former, or else behind all.
fn partner(list: &[Entry], entry: &Entry) -> Option<(usize, Product, bool)> {
    let mut is_free = true;
    for (place, earlier) in list.iter().enumerate().rev() {
        if earlier.allow != entry.allow {
            is_free &= earlier.product.is_disjoint(&entry.product);
            continue;
        }
        let Some(product) = earlier.product.joined(&entry.product).filter(|product| !product.is_full()) else {
            continue;
        };
        let mut passed = list[place + 1..].iter().filter(|between| between.allow != entry.allow);
        if is_free || passed.all(|between| between.product.is_disjoint(&earlier.product)) {
            return Some((place, product, is_free));
        }
    }
    None
}
