//! `policy.networking.k8s.io`.

use super::kubernetes::{destination, named_port, pod_set};
use super::{KUBE_ADMIN, KUBE_BASELINE, joined, namespace_selector, nets, rules};
use crate::*;
use margay_api::{ClusterNetworkPolicy, ClusterPeer, ClusterPort, ClusterRule, ClusterTier, PodMatch};
use margay_net::{PortSet, Protocol};
use margay_selector::Selector;
use std::collections::BTreeMap;

pub(super) fn policy(policy: &ClusterNetworkPolicy) -> Policy {
    let selector = pods(&policy.subject);
    let ingress = || rules(&policy.ingress, false, |rule| rule_parts(rule, Some(&selector)));
    let egress = || rules(&policy.egress, false, |rule| rule_parts(rule, None));
    let tier = match policy.tier {
        ClusterTier::Admin => KUBE_ADMIN,
        ClusterTier::Baseline => KUBE_BASELINE,
    };
    Policy {
        key: policy.meta.key.clone(),
        tier: tier.into(),
        order: policy.priority.into(),
        ingress: (!policy.ingress.is_empty()).then(ingress),
        egress: (!policy.egress.is_empty()).then(egress),
        subject: Subject { selector: selector.clone(), pods: true, hosts: false },
        stage: Stage::Normal,
        staged: None,
    }
}

fn pods(pods: &PodMatch) -> Selector {
    joined([namespace_selector(&pods.namespaces), pods.pods.clone()])
}

/// One rule of the model for each protocol that the rule names and one for its named ports, or one for all. `own` is the subject on ingress.
fn rule_parts(rule: &ClusterRule, own: Option<&Selector>) -> Vec<Rule<SetKey>> {
    let peers = Some(peers(&rule.peers));
    let part = |protocol: Option<Protocol>, ports: Option<AnyPort<SetKey>>| {
        let remote = Side { within: peers.iter().cloned().collect(), ..Side::default() };
        let (source, destination) = match own {
            Some(_) => (remote, Side { ports, ..Side::default() }),
            None => (Side::default(), Side { ports, ..remote }),
        };
        Rule { protocol, ..Rule::between(rule.action, source, destination) }
    };
    if rule.ports.is_empty() {
        return vec![part(None, None)];
    }
    let mut numbers: BTreeMap<Protocol, PortSet> = BTreeMap::new();
    let mut named = Vec::new();
    for port in &rule.ports {
        match port {
            ClusterPort::Number(protocol, first, last) => {
                let all = numbers.entry(*protocol).or_insert_with(PortSet::empty);
                *all = all.union(&PortSet::from(*first..=*last));
            }
            ClusterPort::Name(name) => named.push(match own {
                Some(subject) => named_port(subject.clone(), name, None, true),
                None => named_port(destination(&peers), name, None, false),
            }),
        }
    }
    let by_number = numbers.into_iter().map(|(protocol, numbers)| {
        let ports = (!numbers.is_full()).then_some(AnyPort { numbers, named: Vec::new() });
        part(Some(protocol), ports)
    });
    let by_name = (!named.is_empty()).then(|| part(None, Some(AnyPort { numbers: PortSet::empty(), named })));
    by_number.chain(by_name).collect()
}

fn peers(list: &[ClusterPeer]) -> AnyOf<SetKey> {
    let mut any = AnyOf::default();
    for peer in list {
        match peer {
            ClusterPeer::Pods(match_) => any.sets.push(pod_set(pods(match_))),
            ClusterPeer::Networks(prefixes) => any.nets = any.nets.union(&nets(prefixes)),
            ClusterPeer::Nodes(selector) => {
                any.sets.push(SetKey { of: SetOf::Nodes(selector.clone()), kind: MemberKind::Address, own: false })
            }
        }
    }
    any
}
