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

/// Those of a list that are asked for a product, up to the first that has all of it.
fn restricted<'a>(list: impl Iterator<Item = &'a Entry>, product: &Product) -> Vec<Entry> {
    let mut some = Vec::new();
    for entry in list {
        some.extend(entry.within(product));
        if entry.product.covers(product) {
            break;
        }
    }
    some
}

/// What is not worth the search for something cheaper.
const CHEAP: Cost = Cost { acls: 1, entries: 16 };

/// Writes what must not match as an earlier entry, where that is cheaper than writing the complement: an entry is widened in one of its sets, and what the rest of
/// the list says of the packets that it takes in so stands before it. The last entry is of every packet.
pub(super) fn widen(list: Vec<Entry>, cost: &dyn Fn(&Product) -> Cost) -> Vec<Entry> {
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
            let mut taken = restricted(done.iter().rev(), &rest);
            while taken.last().is_some_and(|last| last.allow == entry.allow) {
                taken.pop();
            }
            let other = taken.iter().map(|entry| cost(&entry.product)).sum::<Cost>();
            if [other, cost(&wide)].into_iter().sum::<Cost>() < cost(here) {
                entry.product = wide;
                before.splice(0..0, taken);
            }
        }
        done.push(entry);
        done.extend(before.into_iter().rev());
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

/// Joins entries of one action whose products are one, where none between them decides otherwise of the packets that change their place.
fn joined(list: Vec<Entry>) -> Vec<Entry> {
    let mut done: Vec<Entry> = Vec::with_capacity(list.len());
    'next: for entry in list {
        for place in (0..done.len()).rev() {
            let earlier = &done[place];
            if earlier.allow == entry.allow
                && let Some(product) = earlier.product.joined(&entry.product)
                && !product.is_full()
            {
                let origins = entry.origins.clone();
                done[place] = Entry { product, ..done[place].clone() }.also(&origins);
                continue 'next;
            }
            if earlier.allow != entry.allow && !earlier.product.is_disjoint(&entry.product) {
                break;
            }
        }
        done.push(entry);
    }
    done
}
