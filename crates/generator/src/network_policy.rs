//! Kubernetes' NetworkPolicy and its staged form.

use crate::address::{cidr, everything, family};
use crate::alphabet::{POLICIES, Vocabulary, namespace};
use crate::json::{Json, always, list, maybe, merged, record, word};
use crate::selector::label_selector;
use crate::{Document, port, staged};
use margay_api::{Family, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A NetworkPolicy.
pub(crate) fn network_policy() -> BoxedStrategy<Document> {
    (namespace(), word(POLICIES), spec())
        .prop_map(|(namespace, name, spec)| {
            Document::new(Kind::NetworkPolicy, namespace, name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// A StagedKubernetesNetworkPolicy.
pub(crate) fn staged_network_policy() -> BoxedStrategy<Document> {
    (namespace(), word(POLICIES), spec(), staged::action())
        .prop_map(|(namespace, name, spec, action)| {
            let spec = staged::spec(spec, action);
            Document::new(Kind::StagedKubernetesNetworkPolicy, namespace, name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

fn spec() -> Json {
    let types = prop_oneof![
        3 => Just(json!(["Ingress"])),
        2 => Just(json!(["Egress"])),
        3 => Just(json!(["Ingress", "Egress"])),
    ];
    let rules = |peers| prop_oneof![1 => Just(Value::Null), 12 => list(0..=3, rule(peers))];
    record([
        always("podSelector", label_selector(Vocabulary::Own)),
        maybe("policyTypes", 0.6, types),
        maybe("ingress", 0.8, rules("from")),
        maybe("egress", 0.5, rules("to")),
    ])
}

fn rule(peers: &'static str) -> Json {
    let readable = record([
        maybe(peers, 0.7, prop_oneof![1 => Just(Value::Null), 12 => list(0..=3, peer())]),
        maybe("ports", 0.6, prop_oneof![1 => Just(Value::Null), 12 => list(0..=2, port())]),
    ]);
    let broken = prop::option::weighted(0.06, broken(peers));
    (readable, broken).prop_map(|(rule, broken)| broken.map_or(rule.clone(), |broken| merged(rule, broken))).boxed()
}

/// What makes a rule unreadable.
fn broken(peers: &'static str) -> BoxedStrategy<Value> {
    prop_oneof![
        Just(json!({ peers: [null] })),
        Just(json!({ peers: [{}] })),
        Just(json!({ peers: [{"ipBlock": {"cidr": "10.0.0.0/33"}}] })),
        Just(json!({ peers: [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.0.2.0/24"]}}] })),
        Just(json!({ peers: [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}] })),
        Just(json!({"ports": [{"protocol": "QUIC", "port": 80}]})),
        Just(json!({"ports": [{"port": 80, "endPort": 79}]})),
        Just(json!({"ports": [{"port": "http", "endPort": 90}]})),
        Just(json!({"ports": [{"port": 70000}]})),
    ]
    .boxed()
}

fn peer() -> Json {
    let selectors = record([maybe("podSelector", 0.6, label_selector(Vocabulary::Own))]);
    let across = record([
        always("namespaceSelector", label_selector(Vocabulary::Parent)),
        maybe("podSelector", 0.4, label_selector(Vocabulary::Own)),
    ]);
    // An entry needs something in it.
    let selectors = selectors.prop_map(|peer| if peer == json!({}) { json!({"podSelector": {}}) } else { peer });
    let block = family().prop_flat_map(ip_block).prop_map(|block| json!({ "ipBlock": block }));
    prop_oneof![3 => selectors, 3 => across, 4 => block].boxed()
}

fn ip_block(family: Family) -> Json {
    let all = everything(family);
    // What is cut out must lie inside: anything does inside everything, and a pod's address in its node's half of the space.
    let excepting = record([always("cidr", Just(all)), always("except", list(1..=3, cidr(family)))]);
    let nested = match family {
        Family::V4 => json!({"cidr": "10.0.0.0/8", "except": ["10.244.1.0/24", "10.244.2.0/25"]}),
        Family::V6 => json!({"cidr": "fd00::/8", "except": ["fd00:10:244:1::/64", "fd00:20::/126"]}),
    };
    let plain = record([always("cidr", prop_oneof![1 => Just(all.to_owned()), 5 => cidr(family)])]);
    prop_oneof![3 => plain, 3 => excepting, 1 => Just(nested)].boxed()
}

fn port() -> Json {
    let number = record([maybe("protocol", 0.7, port::with_ports()), always("port", port::port())]);
    let named = record([maybe("protocol", 0.6, port::with_ports()), always("port", port::name())]);
    let protocol = record([always("protocol", port::with_ports())]);
    let range = (port::with_ports(), port::range())
        .prop_map(|(protocol, (low, high))| json!({"protocol": protocol, "port": low, "endPort": high}));
    prop_oneof![5 => number, 3 => named, 2 => protocol, 3 => range].boxed()
}
