//! `networking.k8s.io/v1 NetworkPolicy` and its staged form.

use super::at::{At, Fields, Unknown};
use super::meta::{Head, label_selector};
use super::report::Report;
use super::rules::{self, Rules};
use super::syntax::{kubernetes_port, port_number, port_protocol, prefix};
use super::{Place, calico};
use crate::document::{Node, Position, Span, Value};
use crate::{
    Action, Kind, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, Object, PortMatch, Protocol,
    Readable, Selector, Types,
};

const SPEC: &[&str] = &["podSelector", "policyTypes", "ingress", "egress"];
pub(crate) const STAGED_SPEC: &[&str] = &["podSelector", "policyTypes", "ingress", "egress", "stagedAction"];

static EMPTY: Node = Node {
    value: Value::Map(Vec::new()),
    span: Span { start: Position { line: 0, column: 0 }, end: Position { line: 0, column: 0 } },
};

pub(super) fn policy(root: &Fields<'_>, head: Head, report: &mut Report, place: &mut Place) -> Option<Object> {
    let is_staged = head.meta.key.kind == Kind::StagedKubernetesNetworkPolicy;
    let mark = report.mark();
    // An absent spec is an empty one, as Kubernetes has it: it isolates every pod of the namespace.
    let at = root.get("spec").unwrap_or(At { node: &EMPTY, ..root.at });
    let spec = at.fields(report, if is_staged { STAGED_SPEC } else { SPEC }, Unknown::Warn);
    let pod_selector = match spec.get("podSelector") {
        Some(at) => label_selector(at, report),
        None => {
            if !is_staged {
                report.warning(
                    at,
                    "has no podSelector, and so selects every pod of its namespace",
                    "write `podSelector: {}` if that is meant",
                );
            }
            Some(Selector::all())
        }
    };
    let types = spec.get("policyTypes").map(|at| calico::types(at, report));
    let staged = is_staged.then(|| calico::staged_action(&spec, report));
    let readable = report.clean_since(mark);

    let ingress = read_rules(&spec, "ingress", "from", &mut place.ingress, report);
    let egress = read_rules(&spec, "egress", "to", &mut place.egress, report);
    if !readable {
        return None;
    }
    let types = types.flatten().unwrap_or(Types { ingress: true, egress: !egress.is_empty() });
    calico::warn_of_idle_rules(&spec, types, report);
    Some(Object::NetworkPolicy(NetworkPolicy {
        meta: head.meta,
        pod_selector: pod_selector?,
        types,
        ingress,
        egress,
        staged,
    }))
}

fn read_rules(
    spec: &Fields<'_>,
    field: &'static str,
    peers: &'static str,
    lines: &mut Vec<super::Lines>,
    report: &mut Report,
) -> Vec<Readable<NetworkPolicyRule>> {
    // Rules of this kind only allow, so that is what an unreadable one would do.
    let rules = Rules { field, most: usize::MAX, unreadable: Some(Action::Allow) };
    rules::read(spec, &rules, lines, report, |at, report| (Some(rule(at, peers, report)), Some(Action::Allow)))
}

fn rule(at: At<'_>, peers: &'static str, report: &mut Report) -> NetworkPolicyRule {
    let known: &[&str] = if peers == "from" { &["from", "ports"] } else { &["to", "ports"] };
    let fields = at.fields(report, known, Unknown::Refuse);
    let mut rule = NetworkPolicyRule { peers: Vec::new(), ports: Vec::new() };
    if let Some(list) = fields.get(peers) {
        rule.peers = list.items(report).filter_map(|at| peer(at, report)).collect();
    }
    if let Some(list) = fields.get("ports") {
        rule.ports = list.items(report).filter_map(|at| port(at, report)).collect();
    }
    rule
}

fn peer(at: At<'_>, report: &mut Report) -> Option<NetworkPolicyPeer> {
    if at.is_null() {
        report.error(at, "is null, which is no peer", "an empty list of peers means everyone; write what is meant");
        return None;
    }
    let fields = at.fields(report, &["podSelector", "namespaceSelector", "ipBlock"], Unknown::Refuse);
    let (pods, namespaces, block) = (fields.get("podSelector"), fields.get("namespaceSelector"), fields.get("ipBlock"));
    if let Some(at) = block {
        if pods.is_some() || namespaces.is_some() {
            report.error(
                at,
                "ipBlock can't stand beside podSelector or namespaceSelector",
                "make it a peer of its own",
            );
        }
        return ip_block(at, report);
    }
    if pods.is_none() && namespaces.is_none() {
        report.error(at, "is no peer: it needs a podSelector, a namespaceSelector or an ipBlock", "");
        return None;
    }
    let namespaces = namespaces.map(|at| label_selector(at, report));
    let pods = pods.map(|at| label_selector(at, report));
    Some(NetworkPolicyPeer::Pods {
        namespaces: match namespaces {
            None => None,
            Some(selector) => Some(selector?),
        },
        pods: match pods {
            None => None,
            Some(selector) => Some(selector?),
        },
    })
}

fn ip_block(at: At<'_>, report: &mut Report) -> Option<NetworkPolicyPeer> {
    let fields = at.fields(report, &["cidr", "except"], Unknown::Refuse);
    let cidr = fields.need(report, "cidr").and_then(|at| prefix(at, report, false));
    let mut except = Vec::new();
    if let Some(list) = fields.get("except") {
        for at in list.items(report) {
            let Some(hole) = prefix(at, report, false) else { continue };
            if let Some(cidr) = cidr
                && (!cidr.covers(&hole) || cidr == hole)
            {
                report.error(at, format!("{hole} is not a part of {cidr}, which it is cut out of"), "");
            }
            except.push(hole);
        }
    }
    Some(NetworkPolicyPeer::Block { cidr: cidr?, except })
}

fn port(at: At<'_>, report: &mut Report) -> Option<NetworkPolicyPort> {
    let fields = at.fields(report, &["protocol", "port", "endPort"], Unknown::Refuse);
    let protocol = fields.get("protocol").map_or(Some(Protocol::TCP), |at| port_protocol(at, report));
    let port = fields.get("port").map(|at| kubernetes_port(at, report));
    let port = match (port, fields.get("endPort")) {
        (None, None) => None,
        (Some(port), None) => Some(port?),
        (None, Some(at)) => {
            report.error(at, "endPort needs a port, which the range starts with", "");
            return None;
        }
        (Some(port), Some(at)) => {
            let last = port_number(at, report)?;
            match port? {
                PortMatch::Range(first, _) if first <= last => Some(PortMatch::Range(first, last)),
                PortMatch::Range(first, _) => {
                    report.error(at, format!("the range from {first} to {last} ends before it starts"), "");
                    return None;
                }
                PortMatch::Name(name) => {
                    report.error(at, format!("endPort needs a number as its port, not the name {name:?}"), "");
                    return None;
                }
            }
        }
    };
    Some(NetworkPolicyPort { protocol: protocol?, port })
}
