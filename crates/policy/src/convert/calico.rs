//! `projectcalico.org/v3`.

use super::labels::present;
use super::{SERVICE_ACCOUNT, any_net, in_namespace, joined, namespace_selector, service_account_selector};
use crate::*;
use margay_api::{CalicoPolicy, CalicoRule, EntityRule, PortMatch, Readable, ServiceAccountMatch};
use margay_net::{PortSet, Protocol};
use margay_selector::Selector;
use std::sync::Arc;

/// Which end of a rule's packets is the endpoint that has the policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Source,
    Destination,
}

pub(super) fn policy(policy: &CalicoPolicy) -> Policy {
    let namespace = policy.meta.key.namespace.as_str();
    let stage = match policy {
        CalicoPolicy { do_not_track: true, .. } => Stage::Untracked,
        CalicoPolicy { pre_dnat: true, .. } => Stage::PreDnat,
        CalicoPolicy { apply_on_forward: true, .. } => Stage::Forward,
        _ => Stage::Normal,
    };
    let ingress = || rules(&policy.ingress, namespace, Own::Destination);
    let egress = || rules(&policy.egress, namespace, Own::Source);
    Policy {
        key: policy.meta.key.clone(),
        tier: policy.tier.clone(),
        order: policy.order.unwrap_or(f64::INFINITY) + 0.0, // -0 and 0 are one order
        subject: Subject {
            selector: subject(policy, namespace),
            pods: matches!(stage, Stage::Normal | Stage::Forward), // (6)
            hosts: namespace.is_empty(),
        },
        ingress: policy.types.ingress.then(ingress),
        egress: policy.types.egress.then(egress),
        stage,
        staged: policy.staged,
    }
}

fn subject(policy: &CalicoPolicy, namespace: &str) -> Selector {
    let own = (!namespace.is_empty()).then(|| in_namespace(namespace));
    let namespaces = policy.namespace_selector.as_ref().map(namespace_selector);
    let accounts = policy.service_account_selector.as_ref().map(service_account_selector);
    joined([own, namespaces, accounts].into_iter().flatten().chain([policy.selector.clone()]))
}

pub(super) fn rules(list: &[Readable<CalicoRule>], namespace: &str, own: Own) -> Arc<[PlanRule<SetKey>]> {
    super::rules(list, false, |rule| {
        if rule.http {
            return if rule.action == Action::Allow { Vec::new() } else { vec![Rule::every(Action::Deny)] }; // (15)
        }
        vec![Rule {
            action: rule.action,
            family: rule.family,
            protocol: rule.protocol,
            not_protocol: rule.not_protocol,
            icmp: rule.icmp,
            not_icmp: rule.not_icmp,
            source: side(&rule.source, rule.protocol, namespace, Own::Source, own).into(),
            destination: side(&rule.destination, rule.protocol, namespace, Own::Destination, own).into(),
        }]
    })
}

fn side(entity: &EntityRule, protocol: Option<Protocol>, namespace: &str, end: Own, own: Own) -> Side<SetKey> {
    let own = end == own;
    let mut side = Side::default();
    if let Some(selector) = positive(entity, namespace) {
        side.within.push(AnyOf { sets: labelled(selector, own).into(), ..AnyOf::default() });
    }
    if !entity.nets.is_empty() {
        side.within.push(any_net(&entity.nets));
    }
    if !entity.not_nets.is_empty() {
        side.without = any_net(&entity.not_nets);
    }
    if let Some(selector) = &entity.not_selector {
        side.without.sets.extend(labelled(selector.clone(), own));
    }
    let ports = |list: &[PortMatch]| any_port(list, protocol, own);
    if !entity.ports.is_empty() {
        side.ports = Some(ports(&entity.ports));
    }
    side.without_ports = ports(&entity.not_ports);
    if let Some(service) = &entity.service {
        let of = SetOf::Service(service.namespace.clone(), service.name.clone());
        match end {
            Own::Source => {
                let key = SetKey { of, kind: MemberKind::Address, own: false };
                side.within.push(AnyOf { sets: vec![key], ..AnyOf::default() });
            }
            Own::Destination => {
                let key = SetKey { of, kind: MemberKind::AddressPort, own: false };
                side.ports.get_or_insert_default().named.push(key);
            }
        }
    }
    side
}

/// The positive selector of an entity (11).
fn positive(entity: &EntityRule, namespace: &str) -> Option<Selector> {
    let accounts = entity.service_accounts.as_ref().map(service_accounts);
    let namespaces = match &entity.namespace_selector {
        Some(selector) => Some(namespace_selector(selector)),
        None => {
            let speaks = entity.selector.is_some() || entity.not_selector.is_some() || accounts.is_some();
            (speaks && !namespace.is_empty()).then(|| in_namespace(namespace))
        }
    };
    let parts: Vec<_> = [entity.selector.clone(), namespaces, accounts].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| joined(parts))
}

fn service_accounts(accounts: &ServiceAccountMatch) -> Selector {
    let names = || Selector::is_in(SERVICE_ACCOUNT, &accounts.names).unwrap_or_else(|_| Selector::never());
    let named = (!accounts.names.is_empty()).then(names);
    let labelled = accounts.selector.as_ref().map(service_account_selector);
    joined([Some(present(SERVICE_ACCOUNT)), named, labelled].into_iter().flatten())
}

/// Everything that a selector matches: endpoints' addresses and network sets' prefixes, in two sets, so that pods that come and go never touch
/// the prefixes.
fn labelled(selector: Selector, own: bool) -> [SetKey; 2] {
    let of = SetOf::Selector(selector, Population::All);
    let addresses = SetKey { of: of.clone(), kind: MemberKind::Address, own };
    [addresses, SetKey { of, kind: MemberKind::Prefix, own: false }]
}

/// Numbers and names. A name is looked up on every endpoint, whatever the entity selects: an address may be an endpoint's and in a selected
/// network set's net, and it is the endpoint that has the port (12).
fn any_port(list: &[PortMatch], protocol: Option<Protocol>, own: bool) -> AnyPort<SetKey> {
    let mut any = AnyPort { numbers: PortSet::empty(), named: Vec::new() };
    for port in list {
        match port {
            PortMatch::Range(first, last) => any.numbers = any.numbers.union(&PortSet::from(*first..=*last)),
            PortMatch::Name(name) => {
                let of = SetOf::NamedPort(Selector::all(), Population::All, name.clone(), protocol);
                any.named.push(SetKey { of, kind: MemberKind::AddressPort, own });
            }
        }
    }
    any
}
