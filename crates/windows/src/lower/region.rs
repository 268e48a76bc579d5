//! What a rule of a Plan matches, seen from an endpoint.

use super::product::{Product, icmp, protocols};
use margay_net::{AddressSet, PortSet, Protocol, ProtocolSet};
use margay_policy::{AnyOf, AnyPort, Direction, IpSet, MemberKind, Members, Plan, Rule, SetId, Side};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

/// Protocols that a rule may match ports of.
const WITH_PORTS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];

/// The sets of a Plan as sets of addresses, each made once.
pub(super) struct Sets<'a> {
    plan: &'a Plan,
    made: RefCell<HashMap<SetId, Rc<AddressSet>>>,
}

/// An end of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Near,
    Far,
}

impl<'a> Sets<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, made: RefCell::default() }
    }

    fn set(&self, id: SetId) -> Option<&'a IpSet> {
        self.plan.sets.get(id)
    }

    fn addresses(&self, id: SetId) -> Rc<AddressSet> {
        if let Some(made) = self.made.borrow().get(&id) {
            return Rc::clone(made);
        }
        let made = Rc::new(self.set(id).map(|set| addresses_of(&set.members)).unwrap_or_default());
        self.made.borrow_mut().insert(id, Rc::clone(&made));
        made
    }

    /// The addresses that an alternative holds for. At the near end, a set of pods has no other address than the endpoint's own: whoever else is in it is at
    /// another port.
    fn any_of(&self, any: &AnyOf<SetId>, own: Option<&AddressSet>) -> AddressSet {
        any.sets.iter().fold(any.nets.clone(), |all, set| {
            let members = self.addresses(*set);
            match (own, self.set(*set).map(|set| set.key.kind)) {
                (Some(own), Some(MemberKind::Address)) => all.union(&members.intersection(own)),
                _ => all.union(&members),
            }
        })
    }

    fn side(&self, side: &Side<SetId>, own: Option<&AddressSet>) -> AddressSet {
        let within = side.within.iter().fold(AddressSet::full(), |all, any| all.intersection(&self.any_of(any, own)));
        if side.without.is_empty() { within } else { within.difference(&self.any_of(&side.without, own)) }
    }

    /// The packets that a rule matches, as products; those of one rule may overlap.
    pub(super) fn region(&self, rule: &Rule<SetId>, direction: Direction, own: &AddressSet) -> Vec<Product> {
        let (near, far) = match direction {
            Direction::Ingress => (&rule.destination, &rule.source),
            Direction::Egress => (&rule.source, &rule.destination),
        };
        let mut numbers = rule.protocol.map_or(ProtocolSet::FULL, ProtocolSet::from);
        numbers = rule.not_protocol.map_or(numbers, |not| numbers.difference(&not.into()));
        let mut whole = Product {
            protocols: numbers,
            near: self.side(near, Some(own)),
            far: self.side(far, None),
            ..Product::full()
        };
        for family in rule.family.into_iter().chain(rule.protocol.and_then(Protocol::family)) {
            whole.far = whole.far.restricted(family);
        }
        if let Some(one) = rule.icmp {
            whole.near_ports = whole.near_ports.intersection(&icmp(one.kind, one.code));
        }
        if let Some(not) = rule.not_icmp {
            whole.near_ports = whole.near_ports.difference(&icmp(not.kind, not.code));
        }
        let mut products = vec![whole];
        for (side, end) in [(near, End::Near), (far, End::Far)] {
            if let Some(ports) = &side.ports {
                products = products.iter().flat_map(|product| self.with(product, end, ports, own)).collect();
            }
            if !side.without_ports.is_empty() {
                products =
                    products.iter().flat_map(|product| self.without(product, end, &side.without_ports, own)).collect();
            }
        }
        products.retain(|product| !product.is_empty());
        products
    }

    /// The packets whose port at an end is one of these.
    fn with(&self, product: &Product, end: End, ports: &AnyPort<SetId>, own: &AddressSet) -> Vec<Product> {
        let mut products = Vec::new();
        if !ports.numbers.is_empty() {
            let mut numbered = product.of(&protocols(WITH_PORTS));
            *end.ports(&mut numbered) = end.ports(&mut numbered).intersection(&ports.numbers);
            products.push(numbered);
        }
        for (protocol, groups) in self.named(ports, end, own) {
            for (numbers, addresses) in groups {
                let mut named = product.of(&protocol.into());
                *end.ports(&mut named) = end.ports(&mut named).intersection(&numbers);
                *end.addresses(&mut named) = end.addresses(&mut named).intersection(&addresses);
                products.push(named);
            }
        }
        products
    }

    /// The packets whose port at an end is none of these.
    fn without(&self, product: &Product, end: End, ports: &AnyPort<SetId>, own: &AddressSet) -> Vec<Product> {
        let numbered = if ports.numbers.is_empty() { ProtocolSet::EMPTY } else { protocols(WITH_PORTS) };
        let named = self.named(ports, end, own);
        let touched = named.keys().fold(numbered, |all, protocol| all.union(&(*protocol).into()));
        let mut products = vec![product.of(&touched.complement())];
        // Protocols in which only numbers are excluded are alike.
        let alike = named.keys().fold(numbered, |all, protocol| all.difference(&(*protocol).into()));
        let mut rest = product.of(&alike);
        *end.ports(&mut rest) = end.ports(&mut rest).difference(&ports.numbers);
        products.push(rest);
        for (protocol, groups) in named {
            let mut rest = product.of(&protocol.into());
            if numbered.contains(protocol) {
                *end.ports(&mut rest) = end.ports(&mut rest).difference(&ports.numbers);
            }
            for (numbers, addresses) in groups {
                let mut group = rest.clone();
                *end.ports(&mut group) = end.ports(&mut group).difference(&numbers);
                *end.addresses(&mut group) = end.addresses(&mut group).intersection(&addresses);
                products.push(group);
                *end.addresses(&mut rest) = end.addresses(&mut rest).difference(&addresses);
            }
            products.push(rest);
        }
        products
    }

    /// Named ports and services by protocol: addresses that have the same numbers, with them.
    fn named(
        &self,
        ports: &AnyPort<SetId>,
        end: End,
        own: &AddressSet,
    ) -> BTreeMap<Protocol, Vec<(PortSet, AddressSet)>> {
        let mut numbers: BTreeMap<(Protocol, IpAddr), Vec<u16>> = BTreeMap::new();
        for set in ports.named.iter().filter_map(|set| self.set(*set)) {
            let Members::AddressPorts(members) = &set.members else { continue };
            for (address, protocol, port) in members {
                if end == End::Far || own.contains(*address) {
                    numbers.entry((*protocol, *address)).or_default().push(*port);
                }
            }
        }
        let mut groups: BTreeMap<Protocol, BTreeMap<PortSet, Vec<IpAddr>>> = BTreeMap::new();
        for ((protocol, address), ports) in numbers {
            let ports = ports.into_iter().collect();
            groups.entry(protocol).or_default().entry(ports).or_default().push(address);
        }
        let whole = |groups: BTreeMap<PortSet, Vec<IpAddr>>| {
            groups.into_iter().map(|(ports, addresses)| (ports, addresses.into_iter().collect())).collect()
        };
        groups.into_iter().map(|(protocol, groups)| (protocol, whole(groups))).collect()
    }
}

impl End {
    fn ports(self, product: &mut Product) -> &mut PortSet {
        match self {
            End::Near => &mut product.near_ports,
            End::Far => &mut product.far_ports,
        }
    }

    fn addresses(self, product: &mut Product) -> &mut AddressSet {
        match self {
            End::Near => &mut product.near,
            End::Far => &mut product.far,
        }
    }
}

fn addresses_of(members: &Members) -> AddressSet {
    match members {
        Members::Addresses { v4, v6 } => {
            v4.iter().map(|a| IpAddr::V4(*a)).chain(v6.iter().map(|a| IpAddr::V6(*a))).collect()
        }
        Members::Prefixes(prefixes) => prefixes.cover().into_iter().collect(),
        Members::AddressPorts(_) => AddressSet::empty(),
    }
}
