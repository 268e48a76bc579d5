//! Services and their EndpointSlices, as far as rules name them.

use crate::thing::distinct;
use margay_api::{EndpointSlice, Key, Protocol};
use margay_policy::{Member, MemberKind};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::net::IpAddr;

/// Namespace and name.
type Name = (SmolStr, SmolStr);

/// Services by name.
#[derive(Default)]
pub(crate) struct Services {
    list: FxHashMap<Name, Service>,
    /// The service that each slice belongs to, by the slice's name.
    slices: FxHashMap<Name, SmolStr>,
}

#[derive(Default)]
struct Service {
    exists: bool,
    slices: FxHashMap<SmolStr, Slice>,
    /// IP sets of its members.
    sets: Vec<(u32, MemberKind)>,
}

struct Slice {
    addresses: Box<[IpAddr]>,
    ports: Box<[(Protocol, u16)]>,
}

/// A member to be added to an IP set, or taken out of it.
pub(crate) struct Effect {
    pub(crate) set: u32,
    pub(crate) member: Member,
    pub(crate) add: bool,
}

impl Slice {
    fn new(slice: &EndpointSlice) -> Self {
        let mut ports: Vec<_> = slice.ports.iter().filter_map(|port| Some((port.protocol, port.port?))).collect();
        ports.sort_unstable();
        ports.dedup();
        Self { addresses: distinct(&slice.addresses), ports: ports.into() }
    }

    fn for_each(&self, kind: MemberKind, f: &mut impl FnMut(Member)) {
        for address in &self.addresses {
            match kind {
                MemberKind::Address => f(Member::Address(*address)),
                MemberKind::AddressPort => {
                    self.ports.iter().for_each(|(protocol, port)| f(Member::AddressPort(*address, *protocol, *port)));
                }
                MemberKind::Prefix => {}
            }
        }
    }
}

impl Service {
    /// What a slice brings to the service's sets, or takes from them.
    fn tell(&self, slice: &Slice, add: bool, effects: &mut Vec<Effect>) {
        for (set, kind) in self.sets.iter().filter(|_| self.exists) {
            slice.for_each(*kind, &mut |member| effects.push(Effect { set: *set, member, add }));
        }
    }
}

impl Services {
    /// A Service came or went: without it its slices count for nothing.
    pub(crate) fn set_service(&mut self, key: &Key, exists: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.change((key.namespace.clone(), key.name.clone()), |service| {
            if service.exists != exists {
                service.exists = true; // while it is told what comes or goes
                service.slices.values().for_each(|slice| service.tell(slice, exists, &mut effects));
            }
            service.exists = exists;
        });
        effects
    }

    /// A slice came, changed or went.
    pub(crate) fn set_slice(&mut self, key: &Key, slice: Option<&EndpointSlice>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let name = (key.namespace.clone(), key.name.clone());
        if let Some(before) = self.slices.remove(&name) {
            self.change((key.namespace.clone(), before), |service| {
                if let Some(slice) = service.slices.remove(&key.name) {
                    service.tell(&slice, false, &mut effects);
                }
            });
        }
        if let Some(slice) = slice.filter(|slice| !slice.service.is_empty()) {
            self.slices.insert(name, slice.service.clone());
            self.change((key.namespace.clone(), slice.service.clone()), |service| {
                let slice = Slice::new(slice);
                service.tell(&slice, true, &mut effects);
                service.slices.insert(key.name.clone(), slice);
            });
        }
        effects
    }

    /// A set of a service's members is kept from now on. Calls `f` with each that is there now.
    pub(crate) fn attach(&mut self, name: Name, set: u32, kind: MemberKind, f: &mut impl FnMut(Member)) {
        self.change(name, |service| {
            service.sets.push((set, kind));
            let slices = service.slices.values().filter(|_| service.exists);
            slices.for_each(|slice| slice.for_each(kind, f));
        });
    }

    pub(crate) fn detach(&mut self, name: Name, set: u32) {
        self.change(name, |service| service.sets.retain(|(other, _)| *other != set));
    }

    /// Changes a service, which is kept as long as anything is known of it.
    fn change(&mut self, name: Name, f: impl FnOnce(&mut Service)) {
        let service = self.list.entry(name.clone()).or_default();
        f(service);
        if !service.exists && service.slices.is_empty() && service.sets.is_empty() {
            self.list.remove(&name);
        }
    }
}
