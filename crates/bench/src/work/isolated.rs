//! Customers that are kept apart, most of them elsewhere.
//!
//! Each has a namespace with three labels, one pod with fifteen, and one NetworkPolicy: ingress from the namespace, egress to it and to DNS. 100
//! customers are local.

use super::cluster::{LOCAL, Labels, meta, mix, namespace, pod};
use margay_api::{
    Key, Kind, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, Object, PortMatch, Protocol,
    Readable, Selector, Types,
};
use margay_engine::Engine;
use smol_str::format_smolstr;

const LOCALS: u64 = 100;

fn a_policy(customer: &str) -> Object {
    let own = || NetworkPolicyPeer::Pods { namespaces: None, pods: Some(Selector::all()) };
    let rule = |peers, ports| Readable::Rule(NetworkPolicyRule { peers, ports });
    let dns = NetworkPolicyPeer::Block { cidr: "10.96.0.10/32".parse().expect("an address"), except: Vec::new() };
    let port = NetworkPolicyPort { protocol: Protocol::UDP, port: Some(PortMatch::Range(53, 53)) };
    Object::NetworkPolicy(NetworkPolicy {
        meta: meta(Kind::NetworkPolicy, customer, "isolate", Vec::new()),
        pod_selector: Selector::all(),
        types: Types { ingress: true, egress: true },
        ingress: vec![rule(vec![own()], Vec::new())],
        egress: vec![rule(vec![own()], Vec::new()), rule(vec![dns], vec![port])],
        staged: None,
    })
}

fn a_namespace(number: u64, customer: &str) -> Object {
    let tier = ["gold", "silver", "bronze"][number as usize % 3];
    let labels = [("kubernetes.io/metadata.name", customer), ("customer", customer), ("tier", tier)];
    namespace(customer, labels.map(|(key, value)| (key.into(), value.into())).into())
}

fn a_pod(number: u64, customer: &str, node: &str) -> Object {
    let mut labels: Labels = Vec::with_capacity(15);
    for i in 0..5 {
        labels.push((format_smolstr!("unique-{i}"), format_smolstr!("value-{i}-{number}")));
    }
    for i in 0..4 {
        let value = if mix(number * 8 + i) & 1 == 0 { "true" } else { "false" };
        labels.push((format_smolstr!("binary-{i}"), value.into()));
    }
    for i in 0..4 {
        labels.push((format_smolstr!("small-{i}"), format_smolstr!("value-{}", mix(number * 8 + i) % 10)));
    }
    labels.push(("marker".into(), "true".into()));
    labels.push(("group".into(), format_smolstr!("group-{}", number % 5_000)));
    pod(customer, "server", node, (10 << 24) + number as u32, labels)
}

pub(crate) fn feed(engine: &mut Engine, customers: u64) -> Vec<Key> {
    let mut take = |object: Object| {
        engine.update(object.key(), Some(&object));
        object.key().clone()
    };
    let name = |number: u64| format!("customer-{number}");
    (0..customers).for_each(|number| drop(take(a_policy(&name(number)))));
    (0..customers).for_each(|number| drop(take(a_namespace(number, &name(number)))));
    let remote = customers - LOCALS;
    (0..remote).for_each(|number| drop(take(a_pod(number, &name(number), "remote"))));
    (remote..customers).map(|number| take(a_pod(number, &name(number), LOCAL))).collect()
}
