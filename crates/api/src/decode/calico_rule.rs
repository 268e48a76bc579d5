//! Rules of `projectcalico.org/v3`.

use super::Lines;
use super::at::{At, Fields, Unknown};
use super::report::Report;
use super::rules::{self, Rules};
use super::syntax::{Global, calico_port, is_dns_label, is_dns_name, prefix, selector};
use crate::document::Value;
use crate::{
    Action, CalicoRule, EntityRule, Family, IcmpMatch, PortMatch, Prefix, Protocol, Readable, Selector,
    ServiceAccountMatch, ServiceMatch,
};
use smol_str::SmolStr;

/// Whose rules they are.
#[derive(Clone)]
pub(super) struct Context {
    /// The policy's namespace; empty where it has none.
    pub(super) namespace: SmolStr,
    /// Ingress rules, not egress rules.
    pub(super) ingress: bool,
}

pub(crate) const RULE: &[&str] =
    &["action", "ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "source", "destination", "http", "metadata"];
pub(crate) const ENTITY: &[&str] = &[
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "ports",
    "notPorts",
    "serviceAccounts",
    "services",
];
pub(crate) const ACTIONS: &[(&str, Action)] =
    &[("Allow", Action::Allow), ("Deny", Action::Deny), ("Pass", Action::Pass), ("Log", Action::Log)];

/// Rules in a direction.
pub(crate) const MOST_RULES: usize = 1024;
pub(crate) const MOST_NETS: usize = 256;
pub(crate) const MOST_PORTS: usize = 50;

/// Reads the rules of one direction.
pub(super) fn read_all(
    spec: &Fields<'_>,
    context: Context,
    lines: &mut Vec<Lines>,
    report: &mut Report,
) -> Vec<Readable<CalicoRule>> {
    let field = if context.ingress { "ingress" } else { "egress" };
    let rules = Rules { field, most: MOST_RULES, unreadable: None };
    rules::read(spec, &rules, lines, report, |at, report| rule(at, &context, report))
}

fn rule(at: At<'_>, context: &Context, report: &mut Report) -> (Option<CalicoRule>, Option<Action>) {
    let fields = at.fields(report, RULE, Unknown::Refuse);
    let action = rules::action(&fields, ACTIONS, report);
    let family = fields.get("ipVersion").and_then(|at| match at.node.value {
        Value::Int(4) => Some(Family::V4),
        Value::Int(6) => Some(Family::V6),
        _ => {
            report.error(at, "is no IP version: those are 4 and 6", "");
            None
        }
    });
    let protocol = fields.get("protocol").and_then(|at| read_protocol(at, report));
    let not_protocol = fields.get("notProtocol").and_then(|at| read_protocol(at, report));
    let icmp = fields.get("icmp").and_then(|at| icmp_match(at, protocol, report));
    let not_icmp = fields.get("notICMP").and_then(|at| icmp_match(at, protocol, report));
    if let Some(at) = fields.get("http") {
        check_http(at, action, context, protocol, report);
    }
    let source = entity(&fields, Side { name: "source", may_name_services: context.ingress }, context, report);
    let destination =
        entity(&fields, Side { name: "destination", may_name_services: !context.ingress }, context, report);
    check_families(&fields, family, protocol, not_protocol, [&source, &destination], report);
    check_ports_have_protocol(&fields, protocol, report);
    let http = fields.has("http");
    let rule = action.map(|action| CalicoRule {
        action,
        family,
        protocol,
        not_protocol,
        icmp,
        not_icmp,
        http,
        source,
        destination,
    });
    (rule, action)
}

fn read_protocol(at: At<'_>, report: &mut Report) -> Option<Protocol> {
    match &at.node.value {
        Value::Int(number @ 1..=255) => u8::try_from(*number).ok().map(Protocol),
        Value::Text(text) => match Protocol::parse(text) {
            Ok(protocol) => Some(protocol),
            Err(_) => {
                let known = "TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255";
                report.error(
                    at,
                    format!("{text:?} is no protocol: those are {known}"),
                    "leave it out to match every protocol",
                );
                None
            }
        },
        _ => {
            report.error(at, "is no protocol: a name or a number from 1 to 255 is needed", "");
            None
        }
    }
}

fn icmp_match(at: At<'_>, protocol: Option<Protocol>, report: &mut Report) -> Option<IcmpMatch> {
    let fields = at.fields(report, &["type", "code"], Unknown::Refuse);
    let kind = fields.get("type").map(|at| at.integer(report, 0..=254, "ICMP type"));
    let code = fields.get("code").map(|at| at.integer(report, 0..=255, "ICMP code"));
    if code.is_some() && kind.is_none() {
        report.error(at, "has a code without a type; codes mean nothing by themselves", "");
    }
    if !matches!(protocol, Some(Protocol::ICMP | Protocol::ICMPV6)) {
        report.error(at, "needs the protocol ICMP or ICMPv6", "");
    }
    let byte = |value: Option<i64>| value.and_then(|value| u8::try_from(value).ok());
    Some(IcmpMatch { kind: byte(kind?)?, code: byte(code.flatten()) })
}

fn check_http(at: At<'_>, action: Option<Action>, context: &Context, protocol: Option<Protocol>, report: &mut Report) {
    at.fields(report, &["methods", "paths"], Unknown::Refuse);
    if action != Some(Action::Allow) {
        report.error(at, "http can only stand in a rule that allows", "");
    }
    if !context.ingress {
        report.error(at, "http can only stand in ingress rules", "");
    }
    if protocol.is_some_and(|protocol| protocol != Protocol::TCP) {
        report.error(at, "http needs the protocol TCP, or none", "");
    }
}

struct Side {
    name: &'static str,
    may_name_services: bool,
}

fn entity(rule: &Fields<'_>, side: Side, context: &Context, report: &mut Report) -> EntityRule {
    let Some(at) = rule.get(side.name) else { return EntityRule::default() };
    let fields = at.fields(report, ENTITY, Unknown::Refuse);
    let mut select = |name: &str, global: Global| -> Option<Selector> {
        let at = fields.get(name).filter(|at| at.node.as_text() != Some(""))?;
        selector(at, report, global)
    };
    let selector = select("selector", Global::Refused);
    let not_selector = select("notSelector", Global::Refused);
    let namespace_selector = select("namespaceSelector", Global::Alone);
    let service_accounts = fields.get("serviceAccounts").and_then(|at| service_accounts(at, report));
    let service = fields.get("services").and_then(|at| service(at, &fields, &side, context, report));
    EntityRule {
        nets: nets(&fields, "nets", report),
        not_nets: nets(&fields, "notNets", report),
        selector,
        not_selector,
        namespace_selector,
        ports: ports(&fields, "ports", report),
        not_ports: ports(&fields, "notPorts", report),
        service_accounts,
        service,
    }
}

fn check_length(list: At<'_>, most: usize, report: &mut Report) {
    let length = list.items(report).len();
    if length > most {
        report.error(list, format!("has {length} entries; at most {most} are allowed"), "split the rule");
    }
}

fn nets(fields: &Fields<'_>, name: &str, report: &mut Report) -> Vec<Prefix> {
    let Some(list) = fields.get(name) else { return Vec::new() };
    check_length(list, MOST_NETS, report);
    let mut nets = Vec::new();
    for at in list.items(report) {
        let Some(net) = prefix(at, report, true) else { continue };
        if name == "notNets" && net.length() == 0 {
            report.error(at, format!("{net} in notNets leaves nothing to match"), "leave the rule out");
        }
        nets.push(net);
    }
    nets
}

fn ports(fields: &Fields<'_>, name: &str, report: &mut Report) -> Vec<PortMatch> {
    let Some(list) = fields.get(name) else { return Vec::new() };
    check_length(list, MOST_PORTS, report);
    list.items(report).filter_map(|at| calico_port(at, report)).collect()
}

fn service_accounts(at: At<'_>, report: &mut Report) -> Option<ServiceAccountMatch> {
    let fields = at.fields(report, &["names", "selector"], Unknown::Refuse);
    let mut names = Vec::new();
    if let Some(list) = fields.get("names") {
        for at in list.items(report) {
            let Some(name) = at.text(report) else { continue };
            if !is_dns_name(name) {
                report.error(at, format!("{name:?} is no name of a service account"), "");
            }
            names.push(SmolStr::new(name));
        }
    }
    let written = fields.get("selector").filter(|at| at.node.as_text() != Some(""));
    let selector = match written {
        None => None,
        Some(at) => Some(selector(at, report, Global::Refused)?),
    };
    Some(ServiceAccountMatch { names, selector })
}

fn service(
    at: At<'_>,
    beside: &Fields<'_>,
    side: &Side,
    context: &Context,
    report: &mut Report,
) -> Option<ServiceMatch> {
    let fields = at.fields(report, &["name", "namespace"], Unknown::Refuse);
    if !side.may_name_services {
        let message = "services can be the destination of egress rules and the source of ingress rules";
        report.error(at, message, "");
    }
    let set = |name: &str| {
        beside.get(name).is_some_and(|at| match &at.node.value {
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            _ => true,
        })
    };
    // The ports of a destination are the service's own. Those of a source are the client's, which a service says nothing of.
    let ports: &[&str] = if side.name == "destination" { &["ports", "notPorts"] } else { &[] };
    let excluded = ["selector", "notSelector", "namespaceSelector", "nets", "notNets", "serviceAccounts"];
    for name in excluded.iter().chain(ports).filter(|name| set(name)) {
        report.error(at, format!("services can't stand beside {name}"), "make a rule of its own");
    }
    let name = fields.text(report, "name").map(SmolStr::new);
    match &name {
        None => report.error(at, "needs the name of a service", ""),
        Some(name) if !is_dns_name(name) => report.error(at, format!("{name:?} is no name of a service"), ""),
        Some(_) => {}
    }
    let namespace = fields.text(report, "namespace").map_or_else(|| context.namespace.clone(), SmolStr::new);
    if namespace.is_empty() {
        report.error(at, "needs the namespace of the service, since the policy is in none", "");
    } else if !is_dns_label(&namespace) {
        report.error(at, format!("{namespace:?} is no name of a namespace"), "");
    }
    Some(ServiceMatch { name: name?, namespace })
}

/// One IP family in a rule: that of `ipVersion`, of the nets, and of ICMP or ICMPv6 beside `ipVersion`.
fn check_families(
    rule: &Fields<'_>,
    version: Option<Family>,
    protocol: Option<Protocol>,
    not_protocol: Option<Protocol>,
    entities: [&EntityRule; 2],
    report: &mut Report,
) {
    if let Some(version) = version {
        for (name, protocol) in [("protocol", protocol), ("notProtocol", not_protocol)] {
            if let Some((protocol, family)) = protocol.and_then(|protocol| Some((protocol, protocol.family()?)))
                && family != version
            {
                report.error(rule.at, format!("{name} {protocol} is {family}, but ipVersion is that of {version}"), "");
            }
        }
    }
    let mut wanted = version.map(|family| (family, "ipVersion"));
    for (name, entity) in ["source", "destination"].into_iter().zip(entities) {
        for net in entity.nets.iter().chain(&entity.not_nets) {
            let (family, because) = *wanted.get_or_insert((net.family(), name));
            if net.family() != family {
                let message =
                    format!("{net} in {name} is {}, but {because} makes the rule one of {family}", net.family());
                report.error(rule.at, message, "make a rule for each of the two families");
                return;
            }
        }
    }
    if let (Some((family, because)), Some(of_protocol)) = (wanted, protocol.and_then(Protocol::family))
        && family != of_protocol
        && version.is_none()
    {
        report.warning(
            rule.at,
            format!("matches nothing: its protocol is one of {of_protocol}, its {because} of {family}"),
            "",
        );
    }
}

fn check_ports_have_protocol(rule: &Fields<'_>, protocol: Option<Protocol>, report: &mut Report) {
    if protocol.is_some_and(Protocol::has_ports) {
        return;
    }
    for side in ["source", "destination"] {
        let Some(entity) = rule.get(side) else { continue };
        for name in ["ports", "notPorts"] {
            let list =
                entity.node.get(name).filter(|list| !matches!(&list.value, Value::List(items) if items.is_empty()));
            if list.is_some_and(|list| list.value != Value::Null) {
                report.error(entity, format!("{name} need the protocol TCP, UDP or SCTP"), "set the rule's protocol");
            }
        }
    }
}
