//! ClusterNetworkPolicy, and its older spelling AdminNetworkPolicy and BaselineAdminNetworkPolicy.

use crate::address::{cidr, everything, family};
use crate::alphabet::{POLICIES, Vocabulary};
use crate::json::{Json, always, list, maybe, merged, record, word};
use crate::selector::label_selector;
use crate::{Document, port};
use margay_api::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The two spellings of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// `v1alpha2`: actions Accept, Deny, Pass; `protocols`.
    Cluster,
    /// `v1alpha1`: actions Allow, Deny, Pass; `ports`.
    Admin,
    /// `v1alpha1`, without Pass and without priority.
    Baseline,
}

/// A ClusterNetworkPolicy.
pub(crate) fn cluster_network_policy() -> BoxedStrategy<Document> {
    let head = record([always("tier", word(&["Admin", "Admin", "Baseline"])), always("priority", priority())]);
    (word(POLICIES), head, body(Spelling::Cluster))
        .prop_map(|(name, head, body)| {
            let spec = merged(head, body);
            Document::new(Kind::ClusterNetworkPolicy, "", name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// An AdminNetworkPolicy.
pub(crate) fn admin_network_policy() -> BoxedStrategy<Document> {
    (word(POLICIES), priority(), body(Spelling::Admin))
        .prop_map(|(name, priority, body)| {
            let spec = merged(json!({ "priority": priority }), body);
            Document::new(Kind::AdminNetworkPolicy, "", name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// The BaselineAdminNetworkPolicy, of which there is one, `default`.
pub(crate) fn baseline_admin_network_policy() -> BoxedStrategy<Document> {
    body(Spelling::Baseline)
        .prop_map(|spec| {
            Document::new(Kind::BaselineAdminNetworkPolicy, "", "default", json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

fn priority() -> impl Strategy<Value = u16> {
    prop::sample::select(&[0, 10, 10, 500, 1000][..])
}

fn body(spelling: Spelling) -> Json {
    record([
        always("subject", pods()),
        maybe("ingress", 0.75, list(0..=3, rule(spelling, false))),
        maybe("egress", 0.6, list(0..=3, rule(spelling, true))),
    ])
}

/// `namespaces` or `pods`.
fn pods() -> Json {
    let namespaces = record([always("namespaces", label_selector(Vocabulary::Parent))]);
    let pods = record([
        always("namespaceSelector", label_selector(Vocabulary::Parent)),
        always("podSelector", label_selector(Vocabulary::Own)),
    ]);
    prop_oneof![1 => namespaces, 1 => pods.prop_map(|pods| json!({ "pods": pods }))].boxed()
}

fn rule(spelling: Spelling, egress: bool) -> Json {
    let actions: &[&str] = match spelling {
        Spelling::Cluster => &["Accept", "Accept", "Deny", "Pass"],
        Spelling::Admin => &["Allow", "Allow", "Deny", "Pass"],
        Spelling::Baseline => &["Allow", "Allow", "Deny"],
    };
    let peers = if egress { "to" } else { "from" };
    let ports = if spelling == Spelling::Cluster { "protocols" } else { "ports" };
    let of = |peer: Json, named| {
        let port = if spelling == Spelling::Cluster { protocol(named) } else { admin_port(named) };
        record([
            maybe("name", 0.3, Just("a rule")),
            always("action", prop::sample::select(actions)),
            always(peers, list(1..=3, peer)),
            maybe(ports, 0.6, list(1..=3, port)),
        ])
    };
    // Only pods have named ports.
    let readable =
        if egress { prop_oneof![of(pods(), true), of(egress_peer(), false)].boxed() } else { of(pods(), true) };
    let broken = prop::option::weighted(0.05, broken(spelling, egress, peers, ports));
    (readable, broken).prop_map(|(rule, broken)| broken.map_or(rule.clone(), |broken| merged(rule, broken))).boxed()
}

fn egress_peer() -> Json {
    let net = family().prop_flat_map(|family| prop_oneof![1 => Just(everything(family).to_owned()), 6 => cidr(family)]);
    let networks = record([always("networks", list(1..=3, net))]);
    let nodes = record([always("nodes", label_selector(Vocabulary::Own))]);
    prop_oneof![4 => pods(), 4 => networks, 2 => nodes].boxed()
}

/// One of `protocols`; with names of ports or without.
fn protocol(named: bool) -> Json {
    let transport = prop::sample::select(&["tcp", "udp", "sctp"][..]);
    let number = (transport.clone(), port::port())
        .prop_map(|(protocol, port)| json!({protocol: {"destinationPort": {"number": port}}}));
    let range = (transport.clone(), ascending()).prop_map(
        |(protocol, (start, end))| json!({protocol: {"destinationPort": {"range": {"start": start, "end": end}}}}),
    );
    let any = transport.prop_map(|protocol| json!({protocol: {}}));
    let numbers = prop_oneof![4 => number, 3 => range, 1 => any];
    let name = record([always("destinationNamedPort", port::name())]);
    if named { prop_oneof![2 => numbers, 1 => name].boxed() } else { numbers.boxed() }
}

/// The same in the older spelling.
fn admin_port(named: bool) -> Json {
    let number = record([always("protocol", port::with_ports()), always("port", port::port())]);
    let range = (port::with_ports(), ascending())
        .prop_map(|(protocol, (start, end))| json!({"portRange": {"protocol": protocol, "start": start, "end": end}}));
    let numbers = prop_oneof![4 => number.prop_map(|number| json!({ "portNumber": number })), 3 => range];
    let name = record([always("namedPort", port::name())]);
    if named { prop_oneof![2 => numbers, 1 => name].boxed() } else { numbers.boxed() }
}

/// These APIs want the end of a range above its start.
fn ascending() -> impl Strategy<Value = (u16, u16)> {
    port::range().prop_filter("a range of one port", |(low, high)| low < high)
}

/// What makes a rule unreadable.
fn broken(spelling: Spelling, egress: bool, peers: &'static str, ports: &'static str) -> BoxedStrategy<Value> {
    let mut ways = vec![
        json!({"action": "Maybe"}),
        json!({ peers: [] }),
        json!({ peers: [{}] }),
        json!({ peers: [{"namespaces": {}, "pods": {"namespaceSelector": {}, "podSelector": {}}}] }),
        json!({ ports: [{}] }),
    ];
    if egress {
        ways.push(json!({ peers: [{"networks": ["10.0.0.0/33"]}] }));
    } else {
        ways.push(json!({ peers: [{"networks": ["10.0.0.0/8"]}] }));
    }
    if egress && spelling == Spelling::Cluster {
        ways.extend([
            json!({ peers: [{"domainNames": ["example.com"]}] }),
            json!({ peers: [{"domainNames": ["*.example.com"]}] }),
        ]);
    }
    prop::sample::select(ways).boxed()
}
