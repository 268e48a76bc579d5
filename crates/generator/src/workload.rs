//! Namespaces, service accounts, nodes and pods.

use crate::address::{CONTESTED, PodPlace, node_address, pod_cidr, pod_place, tunnel_address};
use crate::alphabet::{NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, Vocabulary, labels, namespace};
use crate::json::word;
use crate::network::network;
use crate::{Document, Shape, port};
use margay_api::{Family, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::IpAddr;

/// A Namespace.
pub(crate) fn namespace_object() -> BoxedStrategy<Document> {
    (namespace(), labels(Vocabulary::Parent))
        .prop_map(|(name, mut labels)| {
            labels["kubernetes.io/metadata.name"] = name.into();
            Document::new(Kind::Namespace, "", name, json!({ "labels": labels }), json!({}))
        })
        .boxed()
}

/// A ServiceAccount.
pub(crate) fn service_account() -> BoxedStrategy<Document> {
    (namespace(), word(SERVICE_ACCOUNTS), labels(Vocabulary::Parent))
        .prop_map(|(namespace, name, labels)| {
            Document::new(Kind::ServiceAccount, namespace, name, json!({ "labels": labels }), json!({}))
        })
        .boxed()
}

/// A Node: of one family or both, with or without tunnels, Linux or Windows; now and then with a
/// tunnel address, or the pod CIDRs, that another one has too. In a lab always of both families.
pub(crate) fn node(shape: Shape) -> BoxedStrategy<Document> {
    let families = if shape.lab { Just(&BOTH[..]).boxed() } else { families().boxed() };
    // Whose tunnel address it has: none's, its own, or the first node's.
    let tunnel = prop_oneof![4 => Just(None), 4 => Just(Some(false)), 1 => Just(Some(!shape.lab))];
    let shares_cidrs = prop::bool::weighted(if shape.lab { 0.0 } else { 0.1 });
    (0..NODES.len(), families, labels(Vocabulary::Own), (tunnel, prop::bool::weighted(0.3)), (network(), shares_cidrs))
        .prop_map(move |(node, families, mut labels, (tunnel, windows), (network, shares_cidrs))| {
            labels["kubernetes.io/os"] = if windows { "windows" } else { "linux" }.into();
            labels["kubernetes.io/hostname"] = NODES[node].into();
            let mut annotations = serde_json::Map::new();
            if let Some(shared) = tunnel {
                for family in families {
                    let key = format!("projectcalico.org/{family}VXLANTunnelAddr");
                    let address = tunnel_address(if shared { 0 } else { node }, *family);
                    annotations.insert(key, address.to_string().into());
                }
            }
            annotations.extend(network.annotations(node, families));
            let place = if shares_cidrs { 0 } else { node };
            let cidrs: Vec<String> = families.iter().map(|family| pod_cidr(place, *family)).collect();
            let address = |family: &Family| json!({"type": "InternalIP", "address": node_address(node, *family)});
            let addresses = families.iter().map(address).chain([json!({"type": "Hostname", "address": NODES[node]})]);
            let body = json!({
                "spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs},
                "status": {"addresses": addresses.collect::<Value>()},
            });
            Document::new(Kind::Node, "", NODES[node], json!({"labels": labels, "annotations": annotations}), body)
        })
        .boxed()
}

const BOTH: [Family; 2] = [Family::V4, Family::V6];

fn families() -> impl Strategy<Value = &'static [Family]> {
    prop_oneof![2 => Just(&BOTH[..]), 1 => Just(&BOTH[..1]), 1 => Just(&BOTH[1..])]
}

/// How a pod differs from an ordinary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    None,
    HostNetwork,
    WithoutAddress,
    WithoutNode,
    Contested(usize),
}

fn oddity(shape: Shape) -> BoxedStrategy<Oddity> {
    if shape.lab {
        return Just(Oddity::None).boxed();
    }
    prop_oneof![
        14 => Just(Oddity::None),
        1 => Just(Oddity::HostNetwork),
        1 => Just(Oddity::WithoutAddress),
        1 => Just(Oddity::WithoutNode),
        2 => (0..CONTESTED.len()).prop_map(Oddity::Contested),
    ]
    .boxed()
}

/// A Pod.
pub(crate) fn pod(shape: Shape) -> BoxedStrategy<Document> {
    let phase = prop_oneof![
        14 => Just("Running"),
        1 => Just("Pending"),
        1 => Just("Succeeded"),
        1 => Just("Failed"),
    ];
    let phase = if shape.lab { Just("Running").boxed() } else { phase.boxed() };
    let created = prop::option::of(0..3_u8);
    let account = prop::option::of(word(SERVICE_ACCOUNTS));
    let ports = (port::named_ports("containerPort"), port::named_ports("containerPort"));
    (pod_place(), families(), oddity(shape), phase, (created, account, labels(Vocabulary::Own)), ports)
        .prop_map(|(place, families, oddity, phase, (created, account, labels), (ports, sidecar))| {
            let addresses: Vec<IpAddr> = families.iter().filter_map(|f| address(place, oddity, *f)).collect();
            let mut metadata = json!({ "labels": labels });
            if let Some(minute) = created {
                metadata["creationTimestamp"] = format!("2024-05-01T10:{minute:02}:00Z").into();
            }
            let mut spec = json!({"containers": containers(&ports)});
            if sidecar.as_array().is_some_and(|ports| ports.len() > 2) {
                // A sidecar's ports count; those of an ordinary init container don't.
                let restart = if created.is_some() { json!("Always") } else { Value::Null };
                spec["initContainers"] = json!([{"name": "init", "image": "i", "restartPolicy": restart, "ports": others(&sidecar, &ports)}]);
            }
            if oddity != Oddity::WithoutNode {
                spec["nodeName"] = NODES[place.node].into();
            }
            if oddity == Oddity::HostNetwork {
                spec["hostNetwork"] = true.into();
            }
            if let Some(account) = account {
                spec["serviceAccountName"] = account.into();
            }
            let mut status = json!({ "phase": phase });
            if let Some(first) = addresses.first() {
                status["podIP"] = first.to_string().into();
                if addresses.len() > 1 || created.is_none() {
                    status["podIPs"] = addresses.iter().map(|a| json!({ "ip": a })).collect();
                }
            }
            let (namespace, name) = (NAMESPACES[place.namespace], PODS[place.name]);
            Document::new(Kind::Pod, namespace, name, metadata, json!({"spec": spec, "status": status}))
        })
        .boxed()
}

fn address(place: PodPlace, oddity: Oddity, family: Family) -> Option<IpAddr> {
    match oddity {
        Oddity::None | Oddity::WithoutNode => Some(place.address(family)),
        Oddity::HostNetwork => Some(node_address(place.node, family)),
        Oddity::WithoutAddress => None,
        Oddity::Contested(which) => CONTESTED[which].iter().copied().find(|address| Family::of(*address) == family),
    }
}

/// One container for each port, since within a container a name stands once.
fn containers(ports: &Value) -> Value {
    let ports = ports.as_array().map(Vec::as_slice).unwrap_or_default();
    let container = |(i, port): (usize, &Value)| json!({"name": format!("c{i}"), "image": "i", "ports": [port]});
    let bare = ports.is_empty().then(|| json!({"name": "c", "image": "i"}));
    ports.iter().enumerate().map(container).chain(bare).collect()
}

/// The ports whose name and protocol are not among `taken`.
fn others(ports: &Value, taken: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let taken = list(taken);
    let is_free = |p: &Value| taken.iter().all(|t| t["name"] != p["name"] || t["protocol"] != p["protocol"]);
    list(ports).into_iter().filter(is_free).collect()
}
