//! What Calico adds to a cluster beside policies: tiers, network sets, profiles and host endpoints.

use crate::address::{EXTERNAL_V4, EXTERNAL_V6, family, net, node_address};
use crate::alphabet::{NODES, PROFILES, SETS, TIERS, Vocabulary, labels, namespace};
use crate::calico_rule::{Scope, rules};
use crate::json::{always, list, maybe, record, word};
use crate::{Document, port};
use margay_api::Kind;
use proptest::prelude::*;
use serde_json::json;

/// A Tier: orders that are the same, and none; now and then an object of a tier that is always there.
pub(crate) fn tier() -> BoxedStrategy<Document> {
    let name = prop_oneof![9 => word(TIERS), 1 => word(&["default", "kube-admin", "kube-baseline"])];
    let order = prop::sample::select(&[100.0, 500.0, 500.0, 2_000_000.0, 20_000_000.0][..]);
    let spec = record([maybe("order", 0.8, order), maybe("defaultAction", 0.7, word(&["Pass", "Deny"]))]);
    (name, spec)
        .prop_map(|(name, spec)| Document::new(Kind::Tier, "", name, json!({}), json!({ "spec": spec })))
        .boxed()
}

/// A NetworkSet or GlobalNetworkSet: nets of both families, overlapping.
pub(crate) fn network_set() -> BoxedStrategy<Document> {
    let spec = record([always("nets", list(0..=3, family().prop_flat_map(net)))]);
    (prop::option::of(namespace()), word(SETS), labels(Vocabulary::Own), spec)
        .prop_map(|(namespace, name, labels, spec)| {
            let kind = if namespace.is_some() { Kind::NetworkSet } else { Kind::GlobalNetworkSet };
            let (metadata, body) = (json!({ "labels": labels }), json!({ "spec": spec }));
            Document::new(kind, namespace.unwrap_or_default(), name, metadata, body)
        })
        .boxed()
}

/// A Profile; now and then of a name that is taken by a profile that exists by itself.
pub(crate) fn profile() -> BoxedStrategy<Document> {
    let name = prop_oneof![9 => word(PROFILES), 1 => word(&["projectcalico-default-allow", "kns.red", "ksa.red.web"])];
    let spec = record([
        maybe("ingress", 0.8, rules(Scope::Profile, true)),
        maybe("egress", 0.8, rules(Scope::Profile, false)),
        maybe("labelsToApply", 0.6, labels(Vocabulary::Own)),
    ]);
    (name, spec)
        .prop_map(|(name, spec)| Document::new(Kind::Profile, "", name, json!({}), json!({ "spec": spec })))
        .boxed()
}

/// A HostEndpoint: of a named interface, of all, or of the one that has an expected address.
pub(crate) fn host_endpoint() -> BoxedStrategy<Document> {
    let named = ["projectcalico-default-allow", "open", "guarded", "closed", "kns.red", "ksa.red.web", "missing"];
    (0..NODES.len(), 0..2_u8, labels(Vocabulary::Own))
        .prop_flat_map(move |(node, number, labels)| {
            let address = prop_oneof![
                6 => family().prop_map(move |family| node_address(node, family).to_string()),
                1 => prop::sample::select(EXTERNAL_V4).prop_map(str::to_owned),
                1 => prop::sample::select(EXTERNAL_V6).prop_map(str::to_owned),
            ];
            let interface = prop_oneof![3 => Just("eth0"), 2 => Just("*"), 1 => Just("eth1")];
            let common = || {
                vec![
                    always("node", Just(NODES[node])),
                    maybe("profiles", 0.7, list(1..=3, prop::sample::select(named.to_vec()))),
                    maybe("ports", 0.5, port::named_ports("port")),
                ]
            };
            let by_interface =
                [always("interfaceName", interface), maybe("expectedIPs", 0.5, list(1..=2, address.clone()))];
            let spec = prop_oneof![
                3 => record(common().into_iter().chain(by_interface)),
                1 => record(common().into_iter().chain([always("expectedIPs", list(1..=2, address))])),
            ];
            spec.prop_map(move |spec| {
                let name = format!("{}-{number}", NODES[node]);
                let (metadata, body) = (json!({"labels": labels.clone()}), json!({ "spec": spec }));
                Document::new(Kind::HostEndpoint, "", &name, metadata, body)
            })
        })
        .boxed()
}
