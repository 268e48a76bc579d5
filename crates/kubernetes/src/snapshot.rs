//! A cluster as one text: the kinds and the fields that Margay reads, and nothing else.

use crate::Resource;
use crate::yaml::yaml;
use margay_api::Kind;
use serde_json::{Map, Value, json};

/// The annotation that keeps Calico's metadata of an object as it is stored.
const STORED: &str = "projectcalico.org/metadata";
/// What is read of it.
const STORED_FIELDS: &[&str] = &["name", "namespace", "labels", "creationTimestamp"];
/// What is read of every object's metadata.
const METADATA: &[&str] = &["name", "namespace", "labels", "creationTimestamp", "generation"];
/// The annotations of a Node that say how it is reached, and its pods.
const NODE_ANNOTATIONS: &[&str] = &[
    "flannel.alpha.coreos.com/backend-type",
    "flannel.alpha.coreos.com/public-ip",
    "flannel.alpha.coreos.com/backend-data",
    "flannel.alpha.coreos.com/public-ipv6",
    "flannel.alpha.coreos.com/backend-v6-data",
    "projectcalico.org/IPv4Address",
    "projectcalico.org/IPv6Address",
    "projectcalico.org/VXLANTunnelMACAddr",
    "projectcalico.org/VXLANTunnelMACAddrV6",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
];

/// The fields that are read beside the metadata, through lists; of a policy its whole spec.
fn fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Namespace | Kind::ServiceAccount => &[],
        Kind::Node => &["spec.podCIDR", "spec.podCIDRs", "status.addresses"],
        Kind::Pod => &[
            "spec.nodeName",
            "spec.hostNetwork",
            "spec.serviceAccountName",
            "spec.serviceAccount",
            "spec.containers.ports",
            "spec.initContainers.ports",
            "spec.initContainers.restartPolicy",
            "status.phase",
            "status.podIP",
            "status.podIPs",
        ],
        Kind::Service => &[
            "spec.clusterIP",
            "spec.clusterIPs",
            "spec.externalIPs",
            "spec.ports.name",
            "spec.ports.protocol",
            "spec.ports.port",
            "status.loadBalancer.ingress.ip",
        ],
        Kind::EndpointSlice => &["addressType", "endpoints.addresses", "ports"],
        _ => &["spec"],
    }
}

/// What is read of an object of a kind: no secrets, no managed fields, nothing of a pod but what policy asks for. Reading it gives what reading the whole gives.
pub fn slim(resource: &Resource, object: &Value) -> Value {
    let mut kept = Map::new();
    for name in ["apiVersion", "kind"] {
        kept.insert(name.into(), object[name].clone());
    }
    let mut metadata = chosen(&object["metadata"], METADATA);
    let mut annotations = Map::new();
    if resource.kind == Kind::Node {
        annotations = chosen(&object["metadata"]["annotations"], NODE_ANNOTATIONS);
    } else if let Some(stored) = object["metadata"]["annotations"][STORED].as_str()
        && resource.api_version.starts_with("crd.")
    {
        let stored: Value = serde_json::from_str(stored).unwrap_or_default();
        annotations.insert(STORED.into(), Value::Object(chosen(&stored, STORED_FIELDS)).to_string().into());
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".into(), annotations.into());
    }
    kept.insert("metadata".into(), metadata.into());
    if let Some(Value::Object(rest)) = keep(object, fields(resource.kind)) {
        kept.extend(rest);
    }
    kept.into()
}

/// A YAML text of all these objects, one document each, in the order of kinds, namespaces and names: the same objects give the same text.
pub fn snapshot(listed: &[(Resource, Vec<Value>)]) -> String {
    let mut text = String::new();
    for (resource, objects) in listed {
        let mut slim: Vec<Value> = objects.iter().map(|object| slim(resource, object)).collect();
        let name = |object: &Value| ["namespace", "name"].map(|field| object["metadata"][field].to_string());
        slim.sort_by_cached_key(name);
        for object in slim {
            text.push_str("---\n");
            text.push_str(&yaml(&object));
        }
    }
    text
}

/// Some fields of an object, in this order.
fn chosen(object: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone()))).collect()
}

/// What is at some paths, lists being gone through; what is left empty by that goes. A value that is in the place of an object or a list stays, for what is wrong with
/// it to be told.
fn keep(value: &Value, paths: &[&str]) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let kept: Vec<Value> = items.iter().filter_map(|item| keep(item, paths)).collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| {
                if paths.contains(&name.as_str()) {
                    return Some((name.clone(), value.clone()));
                }
                let below = paths.iter().filter_map(|path| path.strip_prefix(name.as_str())?.strip_prefix('.'));
                let below: Vec<&str> = below.collect();
                Some((name.clone(), if below.is_empty() { None } else { keep(value, &below) }?))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        Value::Null => None,
        other => Some(json!(other)),
    }
}
