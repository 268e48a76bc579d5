//! One resource, as `kubectl` would print it.

use crate::json::{document, merged};
use margay_api::{Key, Kind};
use serde_json::{Value, json};

/// A resource: what names it, and its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Kind, namespace and name.
    pub key: Key,
    /// The whole document, from `apiVersion` on.
    pub json: Value,
}

impl Document {
    /// A resource of that kind and name (the namespace is empty where the kind has none), with more metadata and its other fields.
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str, metadata: Value, body: Value) -> Self {
        let names =
            if namespace.is_empty() { json!({"name": name}) } else { json!({"name": name, "namespace": namespace}) };
        let key = Key { kind, namespace: namespace.into(), name: name.into() };
        Self { key, json: document(api_version(kind), kind.name(), merged(names, metadata), body) }
    }
}

fn api_version(kind: Kind) -> &'static str {
    match kind {
        Kind::Namespace | Kind::ServiceAccount | Kind::Node | Kind::Pod | Kind::Service => "v1",
        Kind::EndpointSlice => "discovery.k8s.io/v1",
        Kind::NetworkPolicy => "networking.k8s.io/v1",
        Kind::ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
        Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy => "policy.networking.k8s.io/v1alpha1",
        Kind::Tier
        | Kind::CalicoNetworkPolicy
        | Kind::GlobalNetworkPolicy
        | Kind::StagedNetworkPolicy
        | Kind::StagedGlobalNetworkPolicy
        | Kind::StagedKubernetesNetworkPolicy
        | Kind::NetworkSet
        | Kind::GlobalNetworkSet
        | Kind::Profile
        | Kind::HostEndpoint => "projectcalico.org/v3",
    }
}
