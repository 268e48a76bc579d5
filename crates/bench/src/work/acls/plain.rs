//! The plain expansion, to compare with: an ACL for each rule and each of its address lists, Pass by its product with what follows, negation by
//! complements, protocols one by one.

use margay_net::{AddressSet, Family, PortSet, Protocol};
use margay_policy::{
    Action, AnyOf, AnyPort, Direction, End, Endpoint, EndpointStacks, Member, Plan, Rule, SetId, Side, Stack, TierEnd,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Add;

/// ACLs, and what stands in their lists of addresses and ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) acls: usize,
    pub(crate) entries: usize,
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { acls: self.acls + other.acls, entries: self.entries + other.entries }
    }
}

/// An ACL of one family; the own end is the pod's.
#[derive(Clone)]
struct Acl {
    action: Action,
    protocol: Option<Protocol>,
    remote: AddressSet,
    ports: [PortSet; 2],
}

impl Acl {
    fn every(action: Action, family: Family) -> Self {
        Self { action, protocol: None, remote: AddressSet::all(family), ports: [PortSet::full(), PortSet::full()] }
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let protocol = match (self.protocol, other.protocol) {
            (Some(a), Some(b)) if a != b => return None,
            (a, b) => a.or(b),
        };
        let ports = [0, 1].map(|end| self.ports[end].intersection(&other.ports[end]));
        let both = Self { action: other.action, protocol, remote: self.remote.intersection(&other.remote), ports };
        (!both.remote.is_empty() && !both.ports.iter().any(PortSet::is_empty)).then_some(both)
    }

    fn entries(&self, family: Family) -> usize {
        let addresses = if self.remote.is_full_in(family) { 0 } else { self.remote.prefixes().count() };
        addresses + self.ports.iter().filter(|ports| !ports.is_full()).map(|ports| ports.ranges().len()).sum::<usize>()
    }
}

/// What a pod takes, in both directions and families. Generous: what HNS can't match costs nothing here, nor do nets at the pod's own end.
pub(crate) fn size(plan: &Plan, pod: &Endpoint) -> Size {
    let EndpointStacks::Pod(stack) = pod.stacks else { return Size::default() };
    // The pair of Host rules, and an end for each direction.
    let mut size = Size { acls: 4, entries: 0 };
    for direction in Direction::ALL {
        for family in Family::ALL {
            let own = pod.addresses.iter().find(|address| Family::of(**address) == family);
            let own = own.copied().unwrap_or(link_local(family));
            let mut acls = Expansion { plan, stack: &plan.stacks[stack], direction, family, own }.beginning_at(0);
            acls.push(Acl::every(Action::Allow, family)); // the pod itself, or its node
            size.acls += acls.len();
            size.entries += acls.iter().map(|acl| acl.entries(family)).sum::<usize>();
        }
    }
    size
}

/// What a port has in a family that its pod has no address in.
fn link_local(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(169, 254, 0, 1).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(),
    }
}

struct Expansion<'a> {
    plan: &'a Plan,
    stack: &'a Stack,
    direction: Direction,
    family: Family,
    own: IpAddr,
}

impl Expansion<'_> {
    fn beginning_at(&self, at: usize) -> Vec<Acl> {
        let Self { plan, stack, direction, family, own } = *self;
        let Some(tier) = stack.tiers(direction).get(at) else {
            let action = if stack.end == End::Allow { Action::Allow } else { Action::Deny };
            return vec![Acl::every(action, family)];
        };
        let mut list = Vec::new();
        let rules = tier.policies.iter().flat_map(|policy| plan.policies[*policy].rules(direction));
        for acl in rules.flat_map(|rule| expand(plan, &rule.rule, direction, family, own)) {
            match acl.action {
                Action::Log => {}
                Action::Pass => list.extend(self.beginning_at(at + 1).iter().filter_map(|next| acl.and(next))),
                _ => list.push(acl),
            }
        }
        match tier.end {
            TierEnd::Deny => list.push(Acl::every(Action::Deny, family)),
            TierEnd::Pass => list.extend(self.beginning_at(at + 1)),
        }
        list
    }
}

fn expand(plan: &Plan, rule: &Rule<SetId>, direction: Direction, family: Family, own: IpAddr) -> Vec<Acl> {
    let is_family = |of: Option<Family>| of.is_none_or(|of| of == family);
    let (local, remote) = match direction {
        Direction::Ingress => (&rule.destination, &rule.source),
        Direction::Egress => (&rule.source, &rule.destination),
    };
    let has_own = |any: &AnyOf<SetId>| addresses(plan, any, family).iter().any(|list| list.contains(own));
    let of_own = local.within.iter().all(has_own) && !has_own(&local.without);
    if !is_family(rule.family) || !is_family(rule.protocol.and_then(Protocol::family)) || !of_own {
        return Vec::new();
    }
    let protocols: Vec<Option<Protocol>> = match (rule.protocol, rule.not_protocol) {
        (None, Some(not)) => (1..=255).map(Protocol).filter(|protocol| *protocol != not).map(Some).collect(),
        (protocol, _) => vec![protocol],
    };
    let mut lists = vec![AddressSet::all(family)];
    for any in &remote.within {
        let of_any = addresses(plan, any, family);
        lists = lists.iter().flat_map(|list| of_any.iter().map(|other| list.intersection(other))).collect();
    }
    let without = addresses(plan, &remote.without, family);
    let without = without.iter().fold(AddressSet::empty(), |all, list| all.union(list));
    let mut acls = Vec::new();
    for protocol in protocols {
        for list in &lists {
            for (locals, _) in ports(plan, local, protocol, family).iter().filter(|(_, at)| at.contains(own)) {
                for (remotes, at) in ports(plan, remote, protocol, family) {
                    let remote = list.difference(&without).intersection(&at);
                    let acl = Acl { action: rule.action, protocol, remote, ports: [locals.clone(), remotes] };
                    acls.extend(acl.and(&Acl::every(rule.action, family)));
                }
            }
        }
    }
    acls
}

/// Each address list of an end.
fn addresses(plan: &Plan, any: &AnyOf<SetId>, family: Family) -> Vec<AddressSet> {
    let of_set = |set: &SetId| {
        let members = plan.sets[*set].members.iter();
        let prefixes = members.filter_map(|member| match member {
            Member::Address(address) => Some(address.into()),
            Member::Prefix(prefix) => Some(prefix),
            Member::AddressPort(..) => None,
        });
        prefixes.filter(|prefix| prefix.family() == family).collect::<AddressSet>()
    };
    let lists = any.sets.iter().map(of_set).chain([any.nets.restricted(family)]);
    lists.filter(|list| !list.is_empty()).collect()
}

/// Ports of an end, each with the addresses that have them.
fn ports(plan: &Plan, side: &Side<SetId>, protocol: Option<Protocol>, family: Family) -> Vec<(PortSet, AddressSet)> {
    let named = |any: &AnyPort<SetId>| {
        let mut groups: BTreeMap<u16, Vec<IpAddr>> = BTreeMap::new();
        for member in any.named.iter().flat_map(|set| plan.sets[*set].members.iter()) {
            if let Member::AddressPort(address, of, port) = member
                && protocol.is_none_or(|protocol| protocol == of)
            {
                groups.entry(port).or_default().push(address);
            }
        }
        groups.into_iter().map(|(port, at)| (PortSet::from(port), at.into_iter().collect::<AddressSet>()))
    };
    let everywhere = AddressSet::all(family);
    let mut list = match &side.ports {
        None => vec![(PortSet::full(), everywhere)],
        Some(any) => std::iter::once((any.numbers.clone(), everywhere)).chain(named(any)).collect(),
    };
    for (ports, _) in &mut list {
        *ports = ports.difference(&side.without_ports.numbers);
    }
    // An exclusion by name cuts each in two for every number.
    for (port, at) in named(&side.without_ports) {
        let cut = |(ports, from): &(PortSet, AddressSet)| {
            [(ports.difference(&port), from.intersection(&at)), (ports.clone(), from.difference(&at))]
        };
        list = list.iter().flat_map(cut).collect();
    }
    list
}
