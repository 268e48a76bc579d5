//! `policy.networking.k8s.io`: ClusterNetworkPolicy v1alpha2 (and v1beta1, which is the same), AdminNetworkPolicy and
//! BaselineAdminNetworkPolicy v1alpha1.

use super::Place;
use super::at::{At, Fields, Unknown};
use super::meta::{Head, label_selector};
use super::report::Report;
use super::rules::{self, Rules};
use super::syntax::{is_port_name, port_number, port_protocol, prefix};
use crate::{
    Action, ClusterNetworkPolicy, ClusterPeer, ClusterPort, ClusterRule, ClusterTier, Kind, Object, PodMatch, Protocol,
    Readable, Selector,
};
use smol_str::SmolStr;

/// What the three kinds differ in.
struct Form {
    /// How Allow is spelled, and whether there is Pass.
    actions: &'static [(&'static str, Action)],
    /// The field of ports.
    ports: &'static str,
    /// Rules in a direction.
    most_rules: usize,
    /// Entries in a list of a rule.
    most_entries: usize,
    /// Reads one entry of the ports.
    port: fn(At<'_>, &mut Report) -> Option<ClusterPort>,
}

const V1ALPHA2: Form = Form {
    actions: &[("Accept", Action::Allow), ("Deny", Action::Deny), ("Pass", Action::Pass)],
    ports: "protocols",
    most_rules: 25,
    most_entries: 25,
    port: protocol,
};

const ADMIN: Form = Form {
    actions: &[("Allow", Action::Allow), ("Deny", Action::Deny), ("Pass", Action::Pass)],
    ports: "ports",
    most_rules: 100,
    most_entries: 100,
    port: port_of_v1alpha1,
};

const BASELINE_ADMIN: Form = Form { actions: &[("Allow", Action::Allow), ("Deny", Action::Deny)], ..ADMIN };

/// CIDR blocks and domain names in one peer.
const MOST_NETWORKS: usize = 25;

pub(super) fn policy(root: &Fields<'_>, head: Head, report: &mut Report, place: &mut Place) -> Option<Object> {
    let kind = head.meta.key.kind;
    let (form, known): (&Form, &'static [&'static str]) = match kind {
        Kind::AdminNetworkPolicy => (&ADMIN, &["priority", "subject", "ingress", "egress"]),
        Kind::BaselineAdminNetworkPolicy => (&BASELINE_ADMIN, &["subject", "ingress", "egress"]),
        _ => (&V1ALPHA2, &["tier", "priority", "subject", "ingress", "egress"]),
    };
    let mark = report.mark();
    let at = root.need(report, "spec")?;
    let spec = at.fields(report, known, Unknown::Warn);
    let tier = match kind {
        Kind::AdminNetworkPolicy => Some(ClusterTier::Admin),
        Kind::BaselineAdminNetworkPolicy => Some(ClusterTier::Baseline),
        _ => spec.need(report, "tier").and_then(|at| match at.text(report)? {
            "Admin" => Some(ClusterTier::Admin),
            "Baseline" => Some(ClusterTier::Baseline),
            other => {
                report.error(at, format!("{other:?} is no tier here: those are Admin and Baseline"), "");
                None
            }
        }),
    };
    let priority = match kind {
        Kind::BaselineAdminNetworkPolicy => Some(0),
        _ => spec.need(report, "priority").and_then(|at| at.integer(report, 0..=1000, "priority")),
    };
    let subject = spec.need(report, "subject").and_then(|at| subject(at, report));
    let readable = report.clean_since(mark);

    let ingress = read_rules(&spec, "ingress", form, &mut place.ingress, report);
    let egress = read_rules(&spec, "egress", form, &mut place.egress, report);
    if !readable {
        return None;
    }
    let (tier, subject, priority) = (tier?, subject?, u16::try_from(priority?).ok()?);
    Some(Object::ClusterNetworkPolicy(ClusterNetworkPolicy {
        meta: head.meta,
        tier,
        priority,
        subject,
        ingress,
        egress,
    }))
}

fn subject(at: At<'_>, report: &mut Report) -> Option<PodMatch> {
    let fields = at.fields(report, &["namespaces", "pods"], Unknown::Refuse);
    match (fields.get("namespaces"), fields.get("pods")) {
        (Some(at), None) => namespaces(at, report),
        (None, Some(at)) => pods(at, report),
        _ => {
            report.error(at, "needs exactly one of namespaces and pods", "");
            None
        }
    }
}

fn namespaces(at: At<'_>, report: &mut Report) -> Option<PodMatch> {
    Some(PodMatch { namespaces: label_selector(at, report)?, pods: Selector::all() })
}

fn pods(at: At<'_>, report: &mut Report) -> Option<PodMatch> {
    let fields = at.fields(report, &["namespaceSelector", "podSelector"], Unknown::Refuse);
    let namespaces = fields.get("namespaceSelector").map_or(Some(Selector::all()), |at| label_selector(at, report));
    let pods = fields.need(report, "podSelector").and_then(|at| label_selector(at, report));
    Some(PodMatch { namespaces: namespaces?, pods: pods? })
}

fn read_rules(
    spec: &Fields<'_>,
    field: &'static str,
    form: &Form,
    lines: &mut Vec<super::Lines>,
    report: &mut Report,
) -> Vec<Readable<ClusterRule>> {
    let rules = Rules { field, most: form.most_rules, unreadable: None };
    let peers = if field == "ingress" { "from" } else { "to" };
    rules::read(spec, &rules, lines, report, |at, report| rule(at, peers, form, report))
}

fn rule(at: At<'_>, peers: &'static str, form: &Form, report: &mut Report) -> (Option<ClusterRule>, Option<Action>) {
    let known: &[&str] = match (peers, form.ports) {
        ("from", "ports") => &["name", "action", "from", "ports"],
        ("from", _) => &["name", "action", "from", "protocols"],
        (_, "ports") => &["name", "action", "to", "ports"],
        _ => &["name", "action", "to", "protocols"],
    };
    let fields = at.fields(report, known, Unknown::Refuse);
    let name = SmolStr::new(fields.text(report, "name").unwrap_or_default());
    if name.chars().count() > 100 {
        report.warning(at, "has a name of more than 100 characters, which the API server would refuse", "shorten it");
    }
    let action = rules::action(&fields, form.actions, report);
    let mut rule = ClusterRule { name, action: action.unwrap_or(Action::Deny), peers: Vec::new(), ports: Vec::new() };
    if let Some(list) = fields.need(report, peers) {
        check_length(list, 1, form.most_entries, report);
        rule.peers = list.items(report).filter_map(|at| peer(at, peers == "to", report)).collect();
    }
    if let Some(list) = fields.get(form.ports) {
        // The older spelling has no lower bound: an empty list there means every port, as an absent one does.
        let fewest = usize::from(form.ports == "protocols");
        check_length(list, fewest, form.most_entries, report);
        rule.ports = list.items(report).filter_map(|at| (form.port)(at, report)).collect();
        let addresses_only = rule.peers.iter().any(|peer| !matches!(peer, ClusterPeer::Pods(_)));
        if addresses_only && rule.ports.iter().any(|port| matches!(port, ClusterPort::Name(_))) {
            report.error(
                list,
                "networks and nodes have no named ports",
                "make a rule of its own for them, with port numbers",
            );
        }
    }
    (action.map(|_| rule), action)
}

fn check_length(list: At<'_>, fewest: usize, most: usize, report: &mut Report) {
    let length = list.items(report).len();
    if length < fewest {
        report.error(list, "is empty; at least one entry is needed", "");
    }
    if length > most {
        report.error(list, format!("has {length} entries; at most {most} are allowed"), "split the rule");
    }
}

fn peer(at: At<'_>, egress: bool, report: &mut Report) -> Option<ClusterPeer> {
    let known: &[&str] = &["namespaces", "pods", "networks", "nodes", "domainNames"];
    let fields = at.fields(report, known, Unknown::Refuse);
    let mut given = known.iter().filter(|name| fields.has(name));
    let (Some(name), None) = (given.next(), given.next()) else {
        let kinds = if egress { known.join(", ") } else { "namespaces, pods".into() };
        report.error(at, format!("needs exactly one of {kinds}"), "");
        return None;
    };
    let at = fields.get(name)?;
    match *name {
        "namespaces" => namespaces(at, report).map(ClusterPeer::Pods),
        "pods" => pods(at, report).map(ClusterPeer::Pods),
        name if !egress => {
            report.error(at, format!("{name} can only be a peer of egress rules"), "");
            None
        }
        "nodes" => label_selector(at, report).map(ClusterPeer::Nodes),
        "networks" => {
            check_length(at, 1, MOST_NETWORKS, report);
            Some(ClusterPeer::Networks(at.items(report).filter_map(|at| prefix(at, report, false)).collect()))
        }
        _ => {
            report.error(at, "domainNames can't be enforced yet, so the rule can't be read", "use networks");
            None
        }
    }
}

/// One of `protocols`.
fn protocol(at: At<'_>, report: &mut Report) -> Option<ClusterPort> {
    let known: &[&str] = &["tcp", "udp", "sctp", "destinationNamedPort"];
    let fields = at.fields(report, known, Unknown::Refuse);
    let mut given = known.iter().filter(|name| fields.has(name));
    let (Some(name), None) = (given.next(), given.next()) else {
        report.error(at, format!("needs exactly one of {}", known.join(", ")), "");
        return None;
    };
    let at = fields.get(name)?;
    let protocol = match *name {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        _ => return port_name(at, report),
    };
    let fields = at.fields(report, &["destinationPort"], Unknown::Refuse);
    let Some(at) = fields.get("destinationPort") else { return Some(ClusterPort::Number(protocol, 0, u16::MAX)) };
    let fields = at.fields(report, &["number", "range"], Unknown::Refuse);
    match (fields.get("number"), fields.get("range")) {
        (Some(at), None) => port_number(at, report).map(|port| ClusterPort::Number(protocol, port, port)),
        (None, Some(at)) => {
            let range = at.fields(report, &["start", "end"], Unknown::Refuse);
            port_range(&range, protocol, report)
        }
        _ => {
            report.error(at, "needs exactly one of number and range", "");
            None
        }
    }
}

/// One of `ports`.
fn port_of_v1alpha1(at: At<'_>, report: &mut Report) -> Option<ClusterPort> {
    let fields = at.fields(report, &["portNumber", "namedPort", "portRange"], Unknown::Refuse);
    match (fields.get("portNumber"), fields.get("namedPort"), fields.get("portRange")) {
        (Some(at), None, None) => {
            let number = at.fields(report, &["protocol", "port"], Unknown::Refuse);
            let protocol = protocol_or_tcp(&number, report);
            let port = number.need(report, "port").and_then(|at| port_number(at, report));
            Some(ClusterPort::Number(protocol?, port?, port?))
        }
        (None, Some(at), None) => port_name(at, report),
        (None, None, Some(at)) => {
            let range = at.fields(report, &["protocol", "start", "end"], Unknown::Refuse);
            let protocol = protocol_or_tcp(&range, report);
            port_range(&range, protocol?, report)
        }
        _ => {
            report.error(at, "needs exactly one of portNumber, namedPort and portRange", "");
            None
        }
    }
}

fn protocol_or_tcp(fields: &Fields<'_>, report: &mut Report) -> Option<Protocol> {
    fields.get("protocol").map_or(Some(Protocol::TCP), |at| port_protocol(at, report))
}

fn port_name(at: At<'_>, report: &mut Report) -> Option<ClusterPort> {
    let name = at.text(report)?;
    if !is_port_name(name) {
        report.error(at, format!("{name:?} is no name of a port: at most 15 of a-z, 0-9 and -, with a letter"), "");
        return None;
    }
    Some(ClusterPort::Name(name.into()))
}

fn port_range(range: &Fields<'_>, protocol: Protocol, report: &mut Report) -> Option<ClusterPort> {
    let start = range.need(report, "start").and_then(|at| port_number(at, report));
    let end = range.need(report, "end").and_then(|at| port_number(at, report));
    let (start, end) = (start?, end?);
    if start >= end {
        report.error(
            range.at,
            format!("the range must start before it ends, not at {start} and {end}"),
            "one port is a number, not a range",
        );
        return None;
    }
    Some(ClusterPort::Number(protocol, start, end))
}
