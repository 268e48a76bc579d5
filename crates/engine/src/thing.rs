//! Pods, host endpoints, network sets and nodes: what has labels and addresses.

use crate::idset::{IdSet, IdSets};
use crate::names::Names;
use margay_api::{NamedPort, Prefix};
use margay_policy::Store;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::net::{IpAddr, Ipv4Addr};

/// One thing.
#[derive(Debug, PartialEq)]
pub(crate) struct Thing {
    /// Its key, in [`Names`].
    pub(crate) name: u32,
    /// Its class.
    pub(crate) class: u32,
    /// The name of its node, in [`crate::cluster::Cluster::nodes`]; empty of what has none.
    pub(crate) node: u32,
    /// Its list of named ports.
    pub(crate) ports: u32,
    pub(crate) body: Body,
}

/// What only its kind has.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    Pod {
        addresses: Addresses,
        /// Seconds since 1970.
        created: Option<i64>,
    },
    Host(Box<Host>),
    NetworkSet(Box<[Prefix]>),
    Node(Box<[IpAddr]>),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) addresses: Box<[IpAddr]>,
    pub(crate) interface: Option<SmolStr>,
}

/// Addresses in order, none twice; IPv4-mapped ones as IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    V4(Ipv4Addr),
    List(Box<[IpAddr]>),
}

impl Addresses {
    pub(crate) fn new(addresses: &[IpAddr]) -> Self {
        match addresses {
            [one] if one.to_canonical().is_ipv4() => match one.to_canonical() {
                IpAddr::V4(one) => Self::V4(one),
                other => Self::List([other].into()),
            },
            list => Self::List(distinct(list)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let (one, list): (_, &[IpAddr]) = match self {
            Self::V4(one) => (Some(IpAddr::V4(*one)), &[]),
            Self::List(list) => (None, list),
        };
        one.into_iter().chain(list.iter().copied())
    }
}

/// Addresses in order, none twice; IPv4-mapped ones as IPv4.
pub(crate) fn distinct(addresses: &[IpAddr]) -> Box<[IpAddr]> {
    let mut list: Vec<IpAddr> = Vec::with_capacity(addresses.len());
    for address in addresses.iter().map(IpAddr::to_canonical) {
        if !list.contains(&address) {
            list.push(address);
        }
    }
    list.into()
}

/// Every thing, and which pod has which address.
#[derive(Default)]
pub(crate) struct Things {
    pub(crate) list: Store<u32, Thing>,
    pub(crate) ports: PortLists,
    v4: FxHashMap<Ipv4Addr, IdSet>,
    others: FxHashMap<IpAddr, IdSet>,
    /// Addresses that more than one pod claims.
    contested: usize,
}

impl Things {
    pub(crate) fn get(&self, id: u32) -> &Thing {
        &self.list[id]
    }

    fn claims(&self, address: IpAddr) -> IdSet {
        match address {
            IpAddr::V4(address) => self.v4.get(&address),
            other => self.others.get(&other),
        }
        .copied()
        .unwrap_or_default()
    }

    /// Whether a pod has this address.
    pub(crate) fn is_pods(&self, address: IpAddr) -> bool {
        !self.claims(address).is_empty()
    }

    /// The pod that has an address: of those that claim it the one created last, and of those the one of the greater namespace, then name.
    pub(crate) fn owner(&self, ids: &IdSets, names: &Names, address: IpAddr) -> Option<u32> {
        self.owner_but(ids, names, address, None)
    }

    /// The pod that would have an address without one of those that claim it.
    pub(crate) fn owner_but(&self, ids: &IdSets, names: &Names, address: IpAddr, without: Option<u32>) -> Option<u32> {
        let age = |pod: &u32| {
            let thing = self.get(*pod);
            let created = match &thing.body {
                Body::Pod { created, .. } => *created,
                _ => None,
            };
            (created, names.namespace(thing.name), names.name(thing.name))
        };
        let mut claims = ids.iter(self.claims(address)).filter(|pod| Some(*pod) != without);
        let first = claims.next()?;
        Some(claims.fold(first, |best, other| if age(&other) > age(&best) { other } else { best }))
    }

    /// True when no other pod claims the address.
    pub(crate) fn claim(&mut self, ids: &mut IdSets, pod: u32, address: IpAddr) -> bool {
        let claims = match address {
            IpAddr::V4(address) => self.v4.entry(address).or_default(),
            other => self.others.entry(other).or_default(),
        };
        let alone = claims.is_empty();
        ids.insert(claims, pod);
        self.contested += usize::from(!alone && ids.len(*claims) == 2);
        alone
    }

    /// True when no other pod claims the address.
    pub(crate) fn unclaim(&mut self, ids: &mut IdSets, pod: u32, address: IpAddr) -> bool {
        let Some(claims) = (match address {
            IpAddr::V4(address) => self.v4.get_mut(&address),
            other => self.others.get_mut(&other),
        }) else {
            return true;
        };
        let removed = ids.remove(claims, pod);
        self.contested -= usize::from(removed && ids.len(*claims) == 1);
        let alone = claims.is_empty();
        if alone {
            match address {
                IpAddr::V4(address) => self.v4.remove(&address),
                other => self.others.remove(&other),
            };
        }
        alone
    }

    /// The addresses that a thing has: all of a host endpoint or node, of a pod those that it does not lose to another.
    pub(crate) fn addresses<'a>(
        &'a self,
        ids: &'a IdSets,
        names: &'a Names,
        id: u32,
    ) -> impl Iterator<Item = IpAddr> + 'a {
        let (pod, list): (Option<&Addresses>, &[IpAddr]) = match &self.get(id).body {
            Body::Pod { addresses, .. } => (Some(addresses), &[]),
            Body::Host(host) => (None, &host.addresses),
            Body::Node(addresses) => (None, addresses),
            Body::NetworkSet(_) => (None, &[]),
        };
        let owned = move |address: &IpAddr| self.contested == 0 || self.owner(ids, names, *address) == Some(id);
        pod.into_iter().flat_map(Addresses::iter).filter(owned).chain(list.iter().copied())
    }
}

/// Lists of named ports, each distinct one once. The list of none is 0.
pub(crate) struct PortLists {
    lists: Store<u32, (Box<[NamedPort]>, u32)>,
    ids: FxHashMap<Box<[NamedPort]>, u32>,
}

impl Default for PortLists {
    fn default() -> Self {
        let mut lists = Store::default();
        let none: u32 = lists.insert((Box::from([]), 1));
        Self { lists, ids: FxHashMap::from_iter([(Box::from([]), none)]) }
    }
}

impl PortLists {
    /// The id of a list (sorted, none twice), held once more.
    pub(crate) fn intern(&mut self, ports: &[NamedPort]) -> u32 {
        if ports.is_empty() {
            return 0;
        }
        let mut list = ports.to_vec();
        list.sort_unstable();
        list.dedup();
        if let Some(id) = self.ids.get(list.as_slice()) {
            self.lists.get_mut(*id).expect("what the map has is there").1 += 1;
            return *id;
        }
        let id = self.lists.insert((list.clone().into(), 1));
        self.ids.insert(list.into(), id);
        id
    }

    pub(crate) fn release(&mut self, id: u32) {
        if id == 0 {
            return;
        }
        let (_, refs) = self.lists.get_mut(id).expect("a list that is held");
        *refs -= 1;
        if *refs == 0
            && let Some((list, _)) = self.lists.remove(id)
        {
            self.ids.remove(&list);
        }
    }

    pub(crate) fn get(&self, id: u32) -> &[NamedPort] {
        &self.lists[id].0
    }
}
