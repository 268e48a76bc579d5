//! One rule of a policy or profile of `projectcalico.org/v3`.

use crate::address::{everything, net};
use crate::alphabet::{SERVICE_ACCOUNTS, SERVICES, Vocabulary, namespace};
use crate::json::{Json, always, list, maybe, merged, record, word};
use crate::port;
use crate::selector::{namespace_selector, selector};
use margay_api::Family;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Where the rule stands, which decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In a policy of a namespace.
    Namespaced,
    /// In a global policy.
    Global,
    /// In a profile.
    Profile,
}

/// `ingress` or `egress`.
pub(crate) fn rules(scope: Scope, egress: bool) -> Json {
    list(0..=3, rule(scope, egress))
}

fn rule(scope: Scope, egress: bool) -> Json {
    let of = move |family, ports| readable(family, ports, scope, egress);
    let readable = prop_oneof![
        2 => of(None, true),
        3 => of(Some(Family::V4), true),
        2 => of(Some(Family::V6), true),
        2 => of(None, false),
        2 => of(Some(Family::V4), false),
        2 => of(Some(Family::V6), false),
    ];
    let broken = prop::option::weighted(0.06, broken(egress));
    (readable, broken).prop_map(|(rule, broken)| broken.map_or(rule.clone(), |broken| merged(rule, broken))).boxed()
}

/// A rule with nets of this family, or none; with ports, or a protocol that has none.
fn readable(family: Option<Family>, ports: bool, scope: Scope, egress: bool) -> Json {
    let actions = prop_oneof![6 => Just("Allow"), 3 => Just("Deny"), 1 => Just("Log"), 2 => Just("Pass")];
    let version = match family {
        Some(Family::V6) => 6,
        Some(Family::V4) | None => 4,
    };
    let entity = move |destination: bool| entity(family, ports, destination, scope, egress);
    let rest = record([
        always("action", actions),
        maybe("ipVersion", if family.is_some() { 0.3 } else { 0.0 }, Just(version)),
        maybe("metadata", 0.05, Just(json!({"annotations": {"why": "because"}}))),
        maybe("source", 0.7, entity(false)),
        maybe("destination", 0.7, entity(true)),
    ]);
    (rest, protocol(family, ports)).prop_map(|(rest, protocol)| merged(rest, protocol)).boxed()
}

/// `protocol`, `notProtocol`, `icmp` and `notICMP`.
fn protocol(family: Option<Family>, ports: bool) -> Json {
    if ports {
        let protocol = prop_oneof![
            8 => port::with_ports().prop_map(Value::from),
            1 => prop::sample::select(&[6, 17, 132][..]).prop_map(Value::from),
        ];
        return record([always("protocol", protocol)]);
    }
    let any = record([]);
    let one = record([maybe("protocol", 0.9, prop_oneof![2 => other_protocol(family), 1 => number(family)])]);
    let not = record([always("notProtocol", prop_oneof![3 => other_protocol(family), 1 => number(family)])]);
    prop_oneof![4 => any, 2 => one, 2 => not, 4 => icmp(family)].boxed()
}

fn other_protocol(family: Option<Family>) -> BoxedStrategy<Value> {
    let icmp = icmp_name(family);
    prop_oneof![Just("UDPLite"), Just("TCP"), Just("UDP"), Just("SCTP"), Just(icmp)].prop_map(Value::from).boxed()
}

fn number(family: Option<Family>) -> BoxedStrategy<Value> {
    let icmp = if family == Some(Family::V6) { 58 } else { 1 };
    prop::sample::select(vec![47, 50, icmp, 136, 255]).prop_map(Value::from).boxed()
}

fn icmp_name(family: Option<Family>) -> &'static str {
    if family == Some(Family::V6) { "ICMPv6" } else { "ICMP" }
}

fn icmp(family: Option<Family>) -> Json {
    let types: &[u8] = if family == Some(Family::V6) { &[128, 128, 139, 1] } else { &[8, 8, 13, 3] };
    let one = move || {
        record([
            always("type", prop::sample::select(types)),
            maybe("code", 0.4, prop::sample::select(&[0_u8, 0, 1][..])),
        ])
    };
    record([
        always("protocol", Just(icmp_name(family))),
        maybe("icmp", 0.6, prop_oneof![1 => Just(json!({})), 9 => one()]),
        maybe("notICMP", 0.35, one()),
    ])
}

/// `source` or `destination`.
fn entity(family: Option<Family>, ports: bool, destination: bool, scope: Scope, egress: bool) -> Json {
    let nets = |size| match family {
        Some(family) => list(1..=size, prop_oneof![1 => Just(everything(family).to_owned()), 12 => net(family)]),
        None => Just(json!([])).boxed(),
    };
    let not_nets = family.map_or_else(|| Just(json!([])).boxed(), |family| list(1..=2, net(family)));
    let with_nets = if family.is_some() { 0.4 } else { 0.0 };
    let with_ports = if !ports {
        0.0
    } else if destination {
        0.5
    } else {
        0.1
    };
    let plain = record([
        maybe("nets", with_nets, nets(3)),
        maybe("notNets", with_nets / 2.0, not_nets),
        maybe("selector", 0.25, selector(Vocabulary::Inherited)),
        maybe("notSelector", 0.1, selector(Vocabulary::Inherited)),
        maybe("namespaceSelector", 0.2, namespace_selector()),
        maybe("serviceAccounts", 0.08, service_accounts()),
        maybe("ports", with_ports, port::calico_ports()),
        maybe("notPorts", with_ports / 3.0, port::calico_ports()),
    ]);
    // Only the far end can be a service: the destination on egress, the source on ingress. A profile's rule has no namespace to look in.
    if destination != egress || scope == Scope::Profile {
        return plain;
    }
    let elsewhere = if scope == Scope::Global { 1.0 } else { 0.3 };
    let service = record([always("name", word(SERVICES)), maybe("namespace", elsewhere, namespace())]);
    prop_oneof![7 => plain, 1 => service.prop_map(|service| json!({ "services": service }))].boxed()
}

fn service_accounts() -> Json {
    record([
        maybe("names", 0.6, list(1..=2, word(SERVICE_ACCOUNTS))),
        maybe("selector", 0.5, selector(Vocabulary::Parent)),
    ])
}

/// What makes a rule unreadable.
fn broken(egress: bool) -> BoxedStrategy<Value> {
    let mut ways = vec![
        json!({"action": "Maybe"}),
        json!({"protocol": "QUIC"}),
        json!({"protocol": 256}),
        json!({"ipVersion": 5}),
        json!({"source": {"selector": "app == "}}),
        json!({"source": {"selector": "global()"}}),
        json!({"source": {"namespaceSelector": "global() || team == 'x'"}}),
        json!({"source": {"nets": ["10.0.0.0/33"]}}),
        json!({"source": {"notNets": ["0.0.0.0/0"]}}),
        json!({"source": {"nets": ["10.0.0.0/8", "fd00::/8"]}}),
        json!({"protocol": "TCP", "destination": {"ports": ["90:80"]}}),
        json!({"protocol": "TCP", "destination": {"ports": [70000]}}),
        json!({"protocol": 47, "destination": {"ports": [80]}}),
        json!({"protocol": "ICMP", "icmp": {"code": 1}}),
        json!({"source": {"notSelectr": "app == 'web'"}}),
        json!({"source": {"services": {"name": "front", "namespace": "red"}, "ports": [80]}}),
    ];
    if !egress {
        ways.push(
            json!({"action": "Allow", "protocol": "TCP", "http": {"methods": ["GET"], "paths": [{"exact": "/"}]}}),
        );
    }
    prop::sample::select(ways).boxed()
}
