//! The objects of a cluster in which nobody else writes.

use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

fn labels(labels: Labels<'_>) -> Value {
    labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

/// A Namespace.
pub fn namespace(name: &str, of: Labels<'_>) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels(of) } })
}

/// A Node, without addresses.
pub fn node(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": { "kubernetes.io/os": "linux" } } })
}

/// What a kubelet says of its node.
pub fn node_status(name: &str, address: IpAddr) -> Value {
    let addresses = json!([{ "type": "InternalIP", "address": address }]);
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name }, "status": { "addresses": addresses } })
}

/// A Pod that a scheduler has bound to a node.
pub fn pod(namespace: &str, name: &str, node: &str, of: Labels<'_>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": labels(of) },
        "spec": { "nodeName": node, "containers": [{ "name": "main", "image": "example.org/main:1" }] },
    })
}

/// What a kubelet says of a pod that runs.
pub fn pod_status(namespace: &str, name: &str, address: IpAddr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace },
        "status": { "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }] },
    })
}

/// A NetworkPolicy with rules for ingress: of these entries `from`, to this UDP port.
pub fn ingress_policy(namespace: &str, name: &str, selected: Labels<'_>, from: Vec<Value>, port: u16) -> Value {
    let ports = json!([{ "protocol": "UDP", "port": port }]);
    let ingress = if from.is_empty() { json!([]) } else { json!([{ "from": from, "ports": ports }]) };
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "podSelector": { "matchLabels": labels(selected) }, "policyTypes": ["Ingress"], "ingress": ingress },
    })
}

/// An entry of `from`: pods of the policy's own namespace.
pub fn pods(of: Labels<'_>) -> Value {
    json!({ "podSelector": { "matchLabels": labels(of) } })
}
