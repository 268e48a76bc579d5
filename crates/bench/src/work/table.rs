//! Plans made by hand, of a size that programming depends on.

use margay_api::{Action, Key, Kind, Selector};
use margay_net::{PortSet, Protocol};
use margay_policy::{
    AnyOf, AnyPort, Direction, End, Endpoint, EndpointStacks, IpSet, Member, MemberKind, Name, Plan, PlanPolicy,
    PlanRule, PolicyId, Population, Rule, SetId, SetKey, SetOf, Stack, TierEnd, TierSlice,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A Plan under construction.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) plan: Plan,
}

impl Made {
    /// A set of addresses that follow each other.
    pub(crate) fn set(&mut self, first: u32, members: u32) -> SetId {
        let selector: Selector =
            format!("role == \"role-{}\"", self.plan.sets.len()).parse().expect("a selector of a workload");
        let of = SetOf::Selector(selector, Population::Pods);
        let mut set = IpSet::new(SetKey { of, kind: MemberKind::Address, own: false });
        for address in first..first + members {
            set.members.insert(member(address));
        }
        self.plan.sets.insert(set)
    }

    /// A policy of rules in one direction: each allows the other end from a set, or to it; from a port on, TCP to one port each; without, everything.
    pub(crate) fn policy(&mut self, direction: Direction, sets: &[SetId], port: Option<u16>) -> PolicyId {
        let name = format!("policy-{}", self.plan.policies.len());
        let key = Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: name.as_str().into() };
        let rules = rules(direction, sets, port);
        let (ingress, egress) = match direction {
            Direction::Ingress => (rules, Arc::default()),
            Direction::Egress => (Arc::default(), rules),
        };
        let name = Name::of(&key);
        self.plan.policies.insert(PlanPolicy { key, tier: "default".into(), name, ingress, egress, enforced: true })
    }

    /// A pod with these policies; one without any is let through.
    pub(crate) fn pod(&mut self, address: u32, ingress: &[PolicyId], egress: &[PolicyId]) {
        let slices = |policies: &[PolicyId]| {
            let slice = TierSlice { tier: "default".into(), policies: policies.to_vec(), end: TierEnd::Deny };
            if policies.is_empty() { Vec::new() } else { vec![slice] }
        };
        let name = Name::of(&address);
        let (ingress, egress) = (slices(ingress), slices(egress));
        let stack = self.plan.stacks.insert(Stack { name, ingress, egress, end: End::Allow, enforced: true });
        let address = IpAddr::V4(Ipv4Addr::from(address));
        let name = format!("pod-{}", self.plan.endpoints.len());
        let id = self.plan.endpoints.insert(Endpoint {
            key: Key { kind: Kind::Pod, namespace: "shop".into(), name: name.into() },
            node: super::cluster::LOCAL.into(),
            addresses: vec![address],
            stacks: EndpointStacks::Pod(stack),
            staged: None,
            interface: None,
        });
        self.plan.pods.insert(address, id);
    }
}

pub(crate) fn member(address: u32) -> Member {
    Member::Address(Ipv4Addr::from(address).into())
}

/// See [`Made::policy`].
pub(crate) fn rules(direction: Direction, sets: &[SetId], port: Option<u16>) -> Arc<[PlanRule<SetId>]> {
    let rule = |(index, set): (u16, &SetId)| {
        let mut rule = Rule::every(Action::Allow);
        if let Some(port) = port {
            rule.protocol = Some(Protocol::TCP);
            let numbers = PortSet::from_iter([port + index..=port + index]);
            rule.destination_mut().ports = Some(AnyPort { numbers, ..AnyPort::default() });
        }
        let end = match direction {
            Direction::Ingress => rule.source_mut(),
            Direction::Egress => rule.destination_mut(),
        };
        end.within.push(AnyOf { sets: vec![*set], ..AnyOf::default() });
        PlanRule { index, rule }
    };
    (0..).zip(sets).map(rule).collect()
}
