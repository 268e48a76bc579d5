//! `networking.k8s.io/v1 NetworkPolicy`.

use super::{DEFAULT_TIER, in_namespace, joined, namespace_selector, nets, rules};
use crate::*;
use margay_api::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, PortMatch};
use margay_net::{AddressSet, PortSet, Protocol};
use margay_selector::Selector;
use smol_str::SmolStr;

pub(super) fn policy(policy: &NetworkPolicy) -> Policy {
    let namespace = &policy.meta.key.namespace;
    let selector = joined([in_namespace(namespace), policy.pod_selector.clone()]);
    let ingress = || rules(&policy.ingress, true, |rule| rule_parts(rule, namespace, Some(&selector)));
    let egress = || rules(&policy.egress, true, |rule| rule_parts(rule, namespace, None));
    Policy {
        key: policy.meta.key.clone(),
        tier: DEFAULT_TIER.into(),
        order: 1000.0,
        ingress: policy.types.ingress.then(ingress),
        egress: policy.types.egress.then(egress),
        subject: Subject { selector: selector.clone(), pods: true, hosts: false },
        stage: Stage::Normal,
        staged: policy.staged,
    }
}

/// One rule of the model for each protocol that the rule names, or one for all. `own` is the policy's subject where the rule is for ingress: the
/// destination, which resolves named ports, is then one of it.
fn rule_parts(rule: &NetworkPolicyRule, namespace: &SmolStr, own: Option<&Selector>) -> Vec<Rule<SetKey>> {
    let peers = peers(&rule.peers, namespace);
    let ports = |protocol| {
        let named = |name: &SmolStr| match own {
            Some(subject) => named_port(subject.clone(), name, Some(protocol), true),
            None => named_port(destination(&peers), name, Some(protocol), false),
        };
        any_port(rule.ports.iter().filter(|port| port.protocol == protocol), named)
    };
    let part = |protocol: Option<Protocol>| {
        let remote = Side { within: peers.iter().cloned().collect(), ..Side::default() };
        let ports = protocol.and_then(ports);
        let (source, destination) = match own {
            Some(_) => (remote, Side { ports, ..Side::default() }),
            None => (Side::default(), Side { ports, ..remote }),
        };
        Rule { protocol, ..Rule::between(Action::Allow, source, destination) }
    };
    if rule.ports.is_empty() {
        return vec![part(None)];
    }
    let mut protocols: Vec<_> = rule.ports.iter().map(|port| port.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols.into_iter().map(|protocol| part(Some(protocol))).collect()
}

/// `None` is everyone.
fn peers(list: &[NetworkPolicyPeer], namespace: &SmolStr) -> Option<AnyOf<SetKey>> {
    let mut any = AnyOf { sets: Vec::new(), nets: AddressSet::empty() };
    for peer in list {
        match peer {
            NetworkPolicyPeer::Pods { namespaces, pods } => {
                let within = namespaces.as_ref().map_or_else(|| in_namespace(namespace), namespace_selector);
                any.sets.push(pod_set(joined(std::iter::once(within).chain(pods.clone()))));
            }
            NetworkPolicyPeer::Block { cidr, except } => {
                any.nets = any.nets.union(&nets(&[*cidr]).difference(&nets(except)));
            }
        }
    }
    (!list.is_empty()).then_some(any)
}

/// The addresses of pods that a selector matches.
pub(super) fn pod_set(selector: Selector) -> SetKey {
    SetKey { of: SetOf::Selector(selector, Population::Pods), kind: MemberKind::Address, own: false }
}

/// The pods of that port name that a rule for egress can reach: a selector as narrow as its peers allow.
pub(super) fn destination(peers: &Option<AnyOf<SetKey>>) -> Selector {
    match peers.as_ref().map(|any| (any.sets.as_slice(), any.nets.is_empty())) {
        Some(([SetKey { of: SetOf::Selector(selector, _), .. }], true)) => selector.clone(),
        _ => Selector::all(),
    }
}

/// A named port of pods.
pub(super) fn named_port(selector: Selector, name: &SmolStr, protocol: Option<Protocol>, own: bool) -> SetKey {
    let of = SetOf::NamedPort(selector, Population::Pods, name.clone(), protocol);
    SetKey { of, kind: MemberKind::AddressPort, own }
}

/// The ports of one protocol together; `None` is every port.
fn any_port<'a>(
    list: impl Iterator<Item = &'a NetworkPolicyPort>,
    mut named: impl FnMut(&SmolStr) -> SetKey,
) -> Option<AnyPort<SetKey>> {
    let mut any = AnyPort { numbers: PortSet::empty(), named: Vec::new() };
    for port in list {
        match &port.port {
            None => return None,
            Some(PortMatch::Range(first, last)) => any.numbers = any.numbers.union(&PortSet::from(*first..=*last)),
            Some(PortMatch::Name(name)) => any.named.push(named(name)),
        }
    }
    Some(any)
}
