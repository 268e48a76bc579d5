//! Tiers, network sets, profiles, host endpoints, and Felix' settings.

use super::calico::{V3, status};
use super::definition::{Column, Definition};
use super::pattern;
use super::rule::{Side, has_protocol_with_ports, protocol_with_ports, rules};
use super::schema::Schema;
use crate::decode::labelled::{FIXED_TIERS, TIER_ACTIONS};
use serde_json::Value;

pub(super) fn definitions() -> Vec<Value> {
    vec![tier(), network_set(true), network_set(false), profile(), host_endpoint(), felix_configuration()]
}

fn of(kind: &'static str, plural: &'static str, about: &'static str, columns: Vec<Column>) -> Definition {
    Definition { api_version: V3, kind, plural, short_names: &[], namespaced: false, about, columns, has_status: false }
}

fn tier() -> Value {
    let columns = vec![("Order", "number", ".spec.order"), ("Default", "string", ".spec.defaultAction")];
    let about = "A step of the order in which policies are asked: all of one tier come before those of the next.";
    let words = TIER_ACTIONS.iter().map(|(word, _)| *word).chain([""]);
    let spec = Schema::object([
        ("order", "Lower comes first; left out, last.", Schema::number()),
        (
            "defaultAction",
            "What happens to what policies of the tier apply to, where no rule of it decides; Deny where left out.",
            Schema::word(words),
        ),
    ]);
    let fields = [("spec", "Where it stands.", spec), status()];
    Definition { has_status: true, ..of("Tier", "tiers", about, columns) }.with_root(fields, |root| {
        let root = root.check("size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')", "the name of a tier has at most 63 of a-z, 0-9 and -, without a dot");
        FIXED_TIERS.iter().fold(root, |root, (name, order, action)| {
            root.check(
                format!(
                    "self.metadata.name != '{name}' || !has(self.spec) || (!has(self.spec.order) || self.spec.order == {order:?}) && (!has(self.spec.defaultAction) || self.spec.defaultAction in ['', '{action:?}'])"
                ),
                format!("the tier {name} always has the order {order} and the default action {action:?}: make a tier of another name"),
            )
        })
    })
}

fn network_set(namespaced: bool) -> Value {
    let net = Schema::text().longest(pattern::LONGEST_NET).pattern(&pattern::net());
    let spec = Schema::object([
        ("nets", "Addresses and CIDR blocks.", Schema::list(net)),
        ("allowedEgressDomains", "Domain names, which Margay does not read.", Schema::list(Schema::text())),
    ]);
    let definition = match namespaced {
        true => of(
            "NetworkSet",
            "networksets",
            "Addresses with labels, so that the policies of a namespace select them.",
            vec![],
        ),
        false => {
            of("GlobalNetworkSet", "globalnetworksets", "Addresses with labels, so that policies select them.", vec![])
        }
    };
    let short_names: &[&str] = if namespaced { &["netsets"] } else { &["gns"] };
    Definition { namespaced, short_names, ..definition }.with([("spec", "The addresses.", spec)])
}

fn profile() -> Value {
    let side = |ingress| Side { ingress, is_global: true };
    let spec = Schema::object([
        ("ingress", "Rules for traffic to its endpoints, where no policy decides.", rules(side(true))),
        ("egress", "Rules for traffic from its endpoints, where no policy decides.", rules(side(false))),
        ("labelsToApply", "Labels that its endpoints inherit.", Schema::texts_by_name()),
    ]);
    of("Profile", "profiles", "What endpoints that name it have in common: rules behind all tiers, and labels.", vec![])
        .with([("spec", "Rules and labels.", spec)])
}

fn host_endpoint() -> Value {
    let columns = vec![("Node", "string", ".spec.node"), ("Interface", "string", ".spec.interfaceName")];
    let port = Schema::object([
        ("name", "Its name in rules.", Schema::text().longest(128).pattern("^.+$")),
        ("protocol", "TCP, UDP or SCTP.", protocol_with_ports()),
        ("port", "Its number.", Schema::integer(1..=65535)),
    ]);
    let spec = Schema::object([
        ("node", "The node that it is on.", Schema::text().longest(253)),
        ("interfaceName", "The interface; * is every interface of the node.", Schema::text().pattern("^([*]|[A-Za-z0-9_.-]{1,15})?$").longest(15)),
        ("expectedIPs", "Addresses, one of which the interface has.", Schema::list(Schema::text().longest(pattern::LONGEST_NET).pattern(&pattern::address())).most(1024)),
        ("profiles", "Profiles by name, in order.", Schema::list(Schema::text().longest(253).pattern(&pattern::dns_name()))),
        ("ports", "Names for ports of the node.", Schema::list(has_protocol_with_ports(port.need(&["name", "protocol", "port"]))).most(1024)),
    ])
    .check("has(self.node) && size(self.node) > 0", "a host endpoint needs a node")
    .check(
        "has(self.interfaceName) && size(self.interfaceName) > 0 || has(self.expectedIPs) && size(self.expectedIPs) > 0",
        "a host endpoint needs an interfaceName or expectedIPs, to know which interface it is: * is every interface",
    );
    let about = "An interface of a node, so that policies apply to the node itself.";
    Definition { short_names: &["hep", "heps"], ..of("HostEndpoint", "hostendpoints", about, columns) }
        .with_root([("spec", "Which interface.", spec)], |root| root.need(&["spec"]))
}

fn felix_configuration() -> Value {
    let host = || Schema::text().longest(253);
    let port = || Schema::integer(0..=65535);
    let spec = Schema::object([
        ("logSeverityScreen", "How much the agent logs.", Schema::text().longest(16)),
        ("healthEnabled", "Whether health is served.", Schema::flag()),
        ("healthHost", "At which address.", host()),
        ("healthPort", "At which port.", port()),
        ("prometheusMetricsEnabled", "Whether metrics are served.", Schema::flag()),
        ("prometheusMetricsHost", "At which address.", host()),
        ("prometheusMetricsPort", "At which port.", port()),
    ])
    .open();
    let about = "Settings of Calico's node agent, of which Margay reads those that mean the same; the others are kept.";
    Definition {
        short_names: &["felixconfig", "felixconfigs"],
        ..of("FelixConfiguration", "felixconfigurations", about, vec![])
    }
    .with([("spec", "The settings.", spec)])
}
