//! Who may reach whom in one Plan: pods that policy can't tell apart are asked about once.

use crate::probes::{Connections, Probes};
use crate::{Party, World};
use margay_api::Family;
use margay_net::AddressSet;
use margay_policy::{Endpoint, Layer, Member, Plan, SetId, verdict_in};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;

/// The answers of one layer of one Plan.
pub(crate) struct Reach<'w> {
    world: &'w World,
    layer: Layer,
    probes: &'w Probes,
    nets: Vec<&'w AddressSet>,
    ports: FxHashMap<IpAddr, Vec<(SetId, u8, u16)>>,
    /// What policy can tell about an end, and the class of all ends of which it can tell the same.
    classes: FxHashMap<Traits, u32>,
    answers: FxHashMap<(u32, u32), Connections>,
}

/// All that a verdict may depend on.
#[derive(PartialEq, Eq, Hash)]
struct Traits {
    families: Vec<Family>,
    endpoint: Option<Vec<u32>>,
    node: Option<String>,
    sets: Vec<(usize, SetId)>,
    nets: Vec<(usize, usize)>,
    ports: Vec<(usize, SetId, u8, u16)>,
    /// An end that is no pod is like no other.
    alone: Option<Vec<IpAddr>>,
}

/// The class of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Class(u32);

impl<'w> Reach<'w> {
    pub(crate) fn new(world: &'w World, layer: Layer, probes: &'w Probes) -> Self {
        let plan = world.plan();
        let mut nets = FxHashSet::default();
        for (_, policy) in plan.policies.iter() {
            for rule in policy.ingress.iter().chain(policy.egress.iter()) {
                for side in [&rule.rule.source, &rule.rule.destination] {
                    nets.extend(
                        side.within.iter().chain([&side.without]).map(|any| &any.nets).filter(|n| !n.is_empty()),
                    );
                }
            }
        }
        let mut ports: FxHashMap<IpAddr, Vec<_>> = FxHashMap::default();
        for (id, set) in plan.sets.iter().filter(|(_, set)| set.key.kind == margay_policy::MemberKind::AddressPort) {
            for member in set.members.iter() {
                if let Member::AddressPort(address, protocol, port) = member {
                    ports.entry(address).or_default().push((id, protocol.0, port));
                }
            }
        }
        ports.values_mut().for_each(|list| list.sort_unstable());
        let nets = nets.into_iter().collect();
        Self { world, layer, probes, nets, ports, classes: FxHashMap::default(), answers: FxHashMap::default() }
    }

    fn plan(&self) -> &'w Plan {
        self.world.plan()
    }

    /// The class of an end.
    pub(crate) fn class(&mut self, party: &Party) -> Class {
        let traits = self.traits(party);
        let next = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        Class(*self.classes.entry(traits).or_insert(next))
    }

    fn traits(&self, party: &Party) -> Traits {
        let plan = self.plan();
        let endpoint = party.addresses.first().and_then(|address| Some(plan.pod_at(*address)?.1));
        let addresses = || party.addresses.iter().enumerate();
        let has = |address: IpAddr| plan.sets.iter().filter(move |(_, set)| set.members.has_address(address));
        let within = |address: IpAddr| self.nets.iter().enumerate().filter(move |(_, nets)| nets.contains(address));
        let stacks = |endpoint: &Endpoint| endpoint.stacks(self.layer).iter().map(u32::from).collect();
        Traits {
            families: party.addresses.iter().map(|address| Family::of(*address)).collect(),
            endpoint: endpoint.map(stacks),
            node: endpoint.filter(|_| !plan.uplinks.is_empty()).map(|endpoint| endpoint.node.to_string()),
            sets: addresses().flat_map(|(i, address)| has(*address).map(move |(id, _)| (i, id))).collect(),
            nets: addresses().flat_map(|(i, address)| within(*address).map(move |(net, _)| (i, net))).collect(),
            ports: addresses()
                .flat_map(|(i, address)| {
                    self.ports.get(address).into_iter().flatten().map(move |(s, p, n)| (i, *s, *p, *n))
                })
                .collect(),
            alone: endpoint.is_none().then(|| party.addresses.clone()),
        }
    }

    /// What goes through from one end to another, which must not be itself: that is always allowed, and no answer for others of the class; nothing where they have no family in common.
    pub(crate) fn connections(&mut self, from: (&Party, Class), to: (&Party, Class)) -> &Connections {
        let (plan, layer, probes) = (self.plan(), self.layer, self.probes);
        self.answers.entry((from.1.0, to.1.0)).or_insert_with(|| {
            let pair = |dst: &IpAddr| Some((from.0.address(Family::of(*dst))?, *dst));
            match to.0.addresses.iter().find_map(pair) {
                Some((src, dst)) => probes.flows(src, dst).map(|flow| verdict_in(plan, layer, &flow).allow).collect(),
                None => vec![false; probes.len()],
            }
        })
    }
}
