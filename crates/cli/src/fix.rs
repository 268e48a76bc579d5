//! Why a rule does not match a flow, part by part: what the flow has there, and what the rule wants.

use crate::World;
use crate::words;
use crate::world::key;
use margay_api::{Key, Kind, Object, Pod};
use margay_policy::{AnyOf, AnyPort, Flow, Mismatch, Rule, SetId, SetOf, Side, convert};
use margay_selector::{Expr, Labels};
use serde::Serialize;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A part of a rule that a flow does not match, and what would mend it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fix {
    /// Which part: `destination port`.
    pub(crate) part: String,
    /// What the flow has: `5432`.
    pub(crate) flow: String,
    /// What the rule wants: `80 and 443`.
    pub(crate) rule: String,
    /// What the pod has of the labels that the rule asks for: `has app = "web" and is in namespace front`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) since: String,
}

/// What would have to change for a rule to match.
pub(crate) fn fixes(world: &World, rule: &Rule<SetId>, flow: &Flow, missed: &[Mismatch]) -> Vec<Fix> {
    let mut parts = missed.to_vec();
    parts.dedup();
    let port_of_flow = |port: u16| if flow.protocol.has_ports() { port.to_string() } else { "none".to_owned() };
    let plain = |wanted| (wanted, String::new());
    let fix = |part: &Mismatch| {
        let (flow, (rule, since)) = match part {
            Mismatch::Family => {
                let wanted = rule.family.or(rule.protocol.and_then(|protocol| protocol.family()));
                (flow.family().to_string(), plain(wanted.map_or_else(String::new, |family| family.to_string())))
            }
            Mismatch::Protocol => (flow.protocol.to_string(), plain(protocol(rule))),
            Mismatch::Icmp => (format!("{}/{}", flow.icmp.0, flow.icmp.1), plain(icmp(rule))),
            Mismatch::SourceAddress => (whose(world, flow.src), address(world, &rule.source, flow.src)),
            Mismatch::DestinationAddress => (whose(world, flow.dst), address(world, &rule.destination, flow.dst)),
            Mismatch::SourcePort => (port_of_flow(flow.source_port), plain(port(world, &rule.source, flow.src))),
            Mismatch::DestinationPort => (port_of_flow(flow.port), plain(port(world, &rule.destination, flow.dst))),
        };
        Fix { part: part.to_string(), flow, rule, since }
    };
    parts.iter().map(fix).collect()
}

fn protocol(rule: &Rule<SetId>) -> String {
    match (rule.protocol, rule.not_protocol) {
        (Some(protocol), _) => protocol.to_string(),
        (None, Some(protocol)) => format!("any but {protocol}"),
        (None, None) => String::new(),
    }
}

fn icmp(rule: &Rule<SetId>) -> String {
    let words = |icmp: margay_policy::IcmpMatch| match icmp.code {
        Some(code) => format!("type {} code {code}", icmp.kind),
        None => format!("type {}", icmp.kind),
    };
    let not = rule.not_icmp.map(|icmp| format!("any but {}", words(icmp)));
    rule.icmp.map(words).into_iter().chain(not).collect::<Vec<_>>().join(" and ")
}

/// What the address must be, and since when it is not.
fn address(world: &World, side: &Side<SetId>, address: IpAddr) -> (String, String) {
    let plan = world.plan();
    let has = |any: &AnyOf<SetId>| {
        any.nets.contains(address) || any.sets.iter().any(|set| plan.sets[*set].members.has_address(address))
    };
    let outside = || side.within.iter().filter(|any| !has(any));
    let mut wants: Vec<String> = outside().map(|any| words::addresses(plan, any)).collect();
    if has(&side.without) {
        wants.push(format!("any but {}", words::addresses(plan, &side.without)));
    }
    let since: Vec<String> =
        outside().map(|any| failing(world, any, address)).filter(|text| !text.is_empty()).collect();
    (wants.join(", and also "), since.join("; "))
}

/// An address and whose it is: `10.0.0.1 (pod shop/web)`.
pub(crate) fn whose(world: &World, address: IpAddr) -> String {
    let plan = world.plan();
    if let Some((_, pod)) = plan.pod_at(address) {
        format!("{address} (pod {}/{})", pod.key.namespace, pod.key.name)
    } else if let Some(node) = plan.node_addresses.get(&address) {
        format!("{address} (node {node})")
    } else {
        format!("{address} (outside the cluster)")
    }
}

/// Of the pod that has the address: the labels for which the nearest of the selectors does not match it.
fn failing(world: &World, any: &AnyOf<SetId>, address: IpAddr) -> String {
    let plan = world.plan();
    let Some((_, endpoint)) = plan.pod_at(address) else { return String::new() };
    let Some(pod) = world.pod(&endpoint.key.namespace, &endpoint.key.name) else { return String::new() };
    let labels = labels_of(world, pod);
    let selectors = any.sets.iter().filter_map(|set| match &plan.sets[*set].key.of {
        SetOf::Selector(selector, _) => Some(selector),
        _ => None,
    });
    let failing = selectors.map(|selector| {
        let conditions = words::conditions(selector).iter();
        conditions.filter(|condition| !condition.matches(&labels)).collect::<Vec<_>>()
    });
    let Some(nearest) = failing.min_by_key(Vec::len) else { return String::new() };
    let mut has: Vec<(String, String)> = Vec::new();
    for condition in nearest {
        lacks(&endpoint.key, &labels, condition, &mut has);
    }
    // The pod, which needs no name, comes first.
    has.sort();
    has.dedup();
    let subject = |i: usize, (subject, predicate): &(String, String)| {
        let repeated = subject.is_empty() || i > 0 && has[i - 1].0 == *subject;
        if repeated { predicate.clone() } else { format!("{subject} {predicate}") }
    };
    if has.is_empty() {
        String::new()
    } else {
        words::list(has.iter().enumerate().map(|(i, has)| subject(i, has)), "and")
    }
}

/// What a pod has of the labels that a condition asks for: the thing that has the label, and what it has.
fn lacks(pod: &Key, labels: &impl Labels, condition: &Expr, to: &mut Vec<(String, String)>) {
    let Some(label) = condition.label() else {
        return condition.children().iter().for_each(|inner| lacks(pod, labels, inner, to));
    };
    if label == convert::NAMESPACE {
        return to.push((String::new(), format!("is in namespace {}", pod.namespace)));
    }
    let (of, name) = words::label(label);
    let thing = match of {
        "namespace" => format!("namespace {}", pod.namespace),
        "service account" => "its service account".to_owned(),
        _ => String::new(),
    };
    let has = match labels.get(label) {
        Some(value) => format!("has {name} = {value:?}"),
        None => format!("has no label {name}"),
    };
    to.push((thing, has));
}

/// The labels that selectors see on a pod: `docs/semantics.md`, decision 1.
fn labels_of(world: &World, pod: &Pod) -> BTreeMap<SmolStr, SmolStr> {
    let own = pod.meta.labels.iter().filter(|(label, _)| !convert::is_reserved(label)).cloned();
    let mut labels: BTreeMap<SmolStr, SmolStr> = own.collect();
    let namespace = &pod.meta.key.namespace;
    labels.insert(convert::NAMESPACE.into(), namespace.clone());
    labels.insert(convert::ORCHESTRATOR.into(), "k8s".into());
    labels.insert(convert::SERVICE_ACCOUNT.into(), pod.service_account.clone());
    let mut inherit = |prefix: &str, parent: Option<&Object>| {
        let Some(parent) = parent.map(Object::meta) else { return };
        labels.extend(parent.labels.iter().map(|(label, value)| (format!("{prefix}{label}").into(), value.clone())));
        labels.insert(format!("{prefix}projectcalico.org/name").into(), parent.key.name.clone());
    };
    inherit("pcns.", world.object(&key(Kind::Namespace, "", namespace)));
    inherit("pcsa.", world.object(&key(Kind::ServiceAccount, namespace, &pod.service_account)));
    labels
}

fn port(world: &World, side: &Side<SetId>, address: IpAddr) -> String {
    let wanted = side.ports.as_ref().map(|any| any_port(world, any, address));
    let not = &side.without_ports;
    let unwanted = (!not.is_empty()).then(|| format!("any but {}", any_port(world, not, address)));
    wanted.into_iter().chain(unwanted).collect::<Vec<_>>().join("; ")
}

fn any_port(world: &World, any: &AnyPort<SetId>, address: IpAddr) -> String {
    let plan = world.plan();
    let numbers = (!any.numbers.is_empty()).then(|| words::ports(&any.numbers, "or"));
    let named = any.named.iter().map(|set| {
        let set = &plan.sets[*set];
        let here = set.members.iter().filter_map(|member| match member {
            margay_policy::Member::AddressPort(a, protocol, port) if a == address => Some(format!("{protocol} {port}")),
            _ => None,
        });
        let mut here: Vec<_> = here.collect();
        here.sort();
        match (&set.key.of, here.is_empty()) {
            (SetOf::NamedPort(_, _, name, _), true) => format!("port {name}, which {address} has not"),
            (SetOf::NamedPort(_, _, name, _), false) => format!("port {name}, here {}", words::list(here, "and")),
            (of, true) => format!("a port of {}, to which {address} does not belong", words::set_of(of)),
            (of, false) => format!("a port of {}, here {}", words::set_of(of), words::list(here, "and")),
        }
    });
    words::list(numbers.into_iter().chain(named), "or")
}
