//! The other kinds of `projectcalico.org/v3`: tiers, network sets, profiles and host endpoints.

use super::Place;
use super::at::{Fields, Unknown};
use super::calico_rule::{self, Context};
use super::meta::{Head, label_map};
use super::report::Report;
use super::syntax::{address, is_dns_name, port_number, prefix};
use crate::document::Value;
use crate::{Action, HostEndpoint, NamedPort, NetworkSet, Object, Profile, Protocol, Tier};
use smol_str::SmolStr;

/// Tiers that are always there, with the order and the default action that they have.
pub(crate) const FIXED_TIERS: &[(&str, f64, Action)] = &[
    ("default", 1_000_000.0, Action::Deny),
    ("kube-admin", 1_000.0, Action::Pass),
    ("kube-baseline", 10_000_000.0, Action::Pass),
];

/// What a tier may do with what no rule of it decided; Deny where nothing is said.
pub(crate) const TIER_ACTIONS: [(&str, Action); 2] = [("Deny", Action::Deny), ("Pass", Action::Pass)];

pub(crate) const TIER: &[&str] = &["order", "defaultAction"];
pub(crate) const NETWORK_SET: &[&str] = &["nets", "allowedEgressDomains"];
pub(crate) const PROFILE: &[&str] = &["ingress", "egress", "labelsToApply"];
pub(crate) const HOST_ENDPOINT: &[&str] = &["node", "interfaceName", "expectedIPs", "profiles", "ports"];
pub(crate) const NAMED_PORT: &[&str] = &["name", "protocol", "port"];

pub(super) fn tier(root: &Fields<'_>, head: Head, report: &mut Report) -> Option<Object> {
    let mark = report.mark();
    let (mut order, mut default_action) = (None, Action::Deny);
    if let Some(at) = root.get("spec") {
        let spec = at.fields(report, TIER, Unknown::Warn);
        order = spec.get("order").and_then(|at| at.float(report));
        if let Some(at) = spec.get("defaultAction")
            && let Some(text) = at.text(report).filter(|text| !text.is_empty())
        {
            match TIER_ACTIONS.iter().find(|(word, _)| *word == text) {
                Some((_, action)) => default_action = *action,
                None => report.error(at, format!("{text:?} is no defaultAction: those are Deny and Pass"), ""),
            }
        }
    }
    if !report.clean_since(mark) {
        return None;
    }
    let fixed = FIXED_TIERS.iter().find(|(name, ..)| *name == head.meta.key.name);
    if let Some((name, fixed_order, fixed_action)) = fixed
        && (order.is_some_and(|order| order != *fixed_order) || default_action != *fixed_action)
    {
        report.warning(
            root.at,
            format!("the tier {name} always has the order {fixed_order} and the default action {fixed_action:?}; this changes nothing"),
            "make a tier of another name",
        );
    }
    Some(Object::Tier(Tier { meta: head.meta, order, default_action }))
}

/// `None` if one of the nets can't be read: with a part of them, what allows them would be too narrow and what denies them too wide.
pub(super) fn network_set(root: &Fields<'_>, head: Head, report: &mut Report) -> Option<Object> {
    let mark = report.mark();
    let mut nets = Vec::new();
    if let Some(at) = root.get("spec") {
        let spec = at.fields(report, NETWORK_SET, Unknown::Warn);
        if let Some(list) = spec.get("nets") {
            nets = list.items(report).filter_map(|at| prefix(at, report, true)).collect();
        }
        if let Some(at) = spec.get("allowedEgressDomains") {
            report.warning(at, "domain names are not read; the set holds its nets alone", "");
        }
    }
    report.clean_since(mark).then_some(Object::NetworkSet(NetworkSet { meta: head.meta, nets }))
}

pub(super) fn profile(root: &Fields<'_>, head: Head, report: &mut Report, place: &mut Place) -> Option<Object> {
    let mut profile = Profile { meta: head.meta, ingress: Vec::new(), egress: Vec::new(), labels: Vec::new() };
    let Some(at) = root.get("spec") else { return Some(Object::Profile(profile)) };
    let mark = report.mark();
    let spec = at.fields(report, PROFILE, Unknown::Warn);
    let mut readable = report.clean_since(mark);
    if let Some(at) = spec.get("labelsToApply") {
        let labels = label_map(at, report);
        readable &= labels.is_some();
        profile.labels = labels.unwrap_or_default();
        profile.labels.sort_unstable();
    }
    let context = |ingress: bool| Context { namespace: SmolStr::default(), ingress };
    profile.ingress = calico_rule::read_all(&spec, context(true), &mut place.ingress, report);
    profile.egress = calico_rule::read_all(&spec, context(false), &mut place.egress, report);
    readable.then_some(Object::Profile(profile))
}

pub(super) fn host_endpoint(root: &Fields<'_>, head: Head, report: &mut Report) -> Option<Object> {
    let mark = report.mark();
    let at = root.need(report, "spec")?;
    let spec = at.fields(report, HOST_ENDPOINT, Unknown::Warn);
    let node = spec.text(report, "node").map(SmolStr::new);
    if node.is_none() {
        report.error(at, "has no node, which is needed", "");
    }
    let interface = spec.text(report, "interfaceName").map(SmolStr::new);
    if let Some(name) = &interface
        && !is_interface(name)
    {
        report.error(at, format!("{name:?} is no interface: * or at most 15 letters, digits, _, . and -"), "");
    }
    let (mut expected_ips, mut expects) = (Vec::new(), false);
    if let Some(list) = spec.get("expectedIPs") {
        let addresses = list.items(report).inspect(|_| expects = true).filter_map(|at| address(at, report));
        expected_ips = addresses.collect();
    }
    if interface.is_none() && !expects {
        report.error(
            at,
            "needs an interfaceName or expectedIPs, to know which interface it is",
            "`*` is every interface",
        );
    }
    let mut profiles = Vec::new();
    if let Some(list) = spec.get("profiles") {
        for at in list.items(report) {
            let Some(name) = at.text(report) else { continue };
            if !is_dns_name(name) {
                report.error(at, format!("{name:?} is no name of a profile"), "");
            }
            profiles.push(SmolStr::new(name));
        }
    }
    let ports = named_ports(&spec, report);
    if !report.clean_since(mark) {
        return None;
    }
    Some(Object::HostEndpoint(HostEndpoint { meta: head.meta, node: node?, interface, expected_ips, profiles, ports }))
}

fn is_interface(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name == "*" || (1..=15).contains(&name.len()) && name.bytes().all(plain)
}

fn named_ports(spec: &Fields<'_>, report: &mut Report) -> Vec<NamedPort> {
    let Some(list) = spec.get("ports") else { return Vec::new() };
    let mut ports = Vec::new();
    for at in list.items(report) {
        let fields = at.fields(report, NAMED_PORT, Unknown::Refuse);
        let name = fields.text(report, "name").map(SmolStr::new);
        if name.is_none() {
            report.error(at, "has no name, which is needed", "");
        }
        let protocol = fields.need(report, "protocol").and_then(|at| {
            let protocol = match &at.node.value {
                Value::Int(number) => u8::try_from(*number).ok().map(Protocol),
                Value::Text(text) => Protocol::parse(text).ok(),
                _ => None,
            };
            let protocol = protocol.filter(|protocol| protocol.has_ports());
            if protocol.is_none() {
                report.error(at, "is no protocol with ports: those are TCP, UDP and SCTP", "");
            }
            protocol
        });
        let port = fields.need(report, "port").and_then(|at| port_number(at, report));
        if let (Some(name), Some(protocol), Some(port)) = (name, protocol, port) {
            ports.push(NamedPort { name, protocol, port });
        }
    }
    ports
}
