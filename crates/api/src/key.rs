//! What names a resource, and the resource itself whatever its kind.

use crate::*;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// The kinds Margay reads. Two spellings of one kind (`projectcalico.org/v3`, `crd.projectcalico.org/v1`) are one `Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    Namespace,
    ServiceAccount,
    Node,
    Pod,
    Service,
    EndpointSlice,
    NetworkPolicy,
    ClusterNetworkPolicy,
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    Tier,
    CalicoNetworkPolicy,
    GlobalNetworkPolicy,
    StagedNetworkPolicy,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
    NetworkSet,
    GlobalNetworkSet,
    Profile,
    HostEndpoint,
}

impl Kind {
    /// The word under `kind:` in YAML. Kubernetes' and Calico's `NetworkPolicy` share theirs; [`Kind::group`] tells them apart.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::ServiceAccount => "ServiceAccount",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Service => "Service",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::NetworkPolicy | Kind::CalicoNetworkPolicy => "NetworkPolicy",
            Kind::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            Kind::AdminNetworkPolicy => "AdminNetworkPolicy",
            Kind::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Kind::Tier => "Tier",
            Kind::GlobalNetworkPolicy => "GlobalNetworkPolicy",
            Kind::StagedNetworkPolicy => "StagedNetworkPolicy",
            Kind::StagedGlobalNetworkPolicy => "StagedGlobalNetworkPolicy",
            Kind::StagedKubernetesNetworkPolicy => "StagedKubernetesNetworkPolicy",
            Kind::NetworkSet => "NetworkSet",
            Kind::GlobalNetworkSet => "GlobalNetworkSet",
            Kind::Profile => "Profile",
            Kind::HostEndpoint => "HostEndpoint",
        }
    }

    /// The kinds of policy that are enforced; staged ones are not.
    pub const ENFORCED: [Kind; 6] = [
        Kind::NetworkPolicy,
        Kind::ClusterNetworkPolicy,
        Kind::AdminNetworkPolicy,
        Kind::BaselineAdminNetworkPolicy,
        Kind::CalicoNetworkPolicy,
        Kind::GlobalNetworkPolicy,
    ];

    /// Whether objects of this kind are policies that are enforced.
    pub fn is_enforced(self) -> bool {
        Self::ENFORCED.contains(&self)
    }

    /// The API group, empty for core.
    pub fn group(self) -> &'static str {
        match self {
            Kind::Namespace | Kind::ServiceAccount | Kind::Node | Kind::Pod | Kind::Service => "",
            Kind::EndpointSlice => "discovery.k8s.io",
            Kind::NetworkPolicy => "networking.k8s.io",
            Kind::ClusterNetworkPolicy | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy => {
                "policy.networking.k8s.io"
            }
            _ => "projectcalico.org",
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub fn namespaced(self) -> bool {
        matches!(
            self,
            Kind::ServiceAccount
                | Kind::Pod
                | Kind::Service
                | Kind::EndpointSlice
                | Kind::NetworkPolicy
                | Kind::CalicoNetworkPolicy
                | Kind::StagedNetworkPolicy
                | Kind::StagedKubernetesNetworkPolicy
                | Kind::NetworkSet
        )
    }
}

/// What names one resource: kind, namespace (empty where the kind has none) and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for kinds without one.
    pub namespace: SmolStr,
    /// The name.
    pub name: SmolStr,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind.name(), self.name)
        } else {
            write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
        }
    }
}

/// A resource of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Object {
    Namespace(Namespace),
    ServiceAccount(ServiceAccount),
    Node(Node),
    Pod(Pod),
    Service(Service),
    EndpointSlice(EndpointSlice),
    /// Kubernetes' NetworkPolicy, and a StagedKubernetesNetworkPolicy ([`NetworkPolicy::staged`] is set).
    NetworkPolicy(NetworkPolicy),
    /// ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
    ClusterNetworkPolicy(ClusterNetworkPolicy),
    Tier(Tier),
    /// NetworkPolicy or GlobalNetworkPolicy of `projectcalico.org/v3`, and their staged forms ([`CalicoPolicy::staged`] is set).
    CalicoPolicy(CalicoPolicy),
    /// NetworkSet or GlobalNetworkSet.
    NetworkSet(NetworkSet),
    Profile(Profile),
    HostEndpoint(HostEndpoint),
}

impl Object {
    /// The metadata.
    pub fn meta(&self) -> &Meta {
        match self {
            Object::Namespace(o) => &o.meta,
            Object::ServiceAccount(o) => &o.meta,
            Object::Node(o) => &o.meta,
            Object::Pod(o) => &o.meta,
            Object::Service(o) => &o.meta,
            Object::EndpointSlice(o) => &o.meta,
            Object::NetworkPolicy(o) => &o.meta,
            Object::ClusterNetworkPolicy(o) => &o.meta,
            Object::Tier(o) => &o.meta,
            Object::CalicoPolicy(o) => &o.meta,
            Object::NetworkSet(o) => &o.meta,
            Object::Profile(o) => &o.meta,
            Object::HostEndpoint(o) => &o.meta,
        }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.meta().key
    }
}

/// One step of a source's stream: the last value of a key, or its absence.
///
/// Values may be skipped or repeated, and reordered between keys; of one key the last value wins.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Which resource.
    pub key: Key,
    /// Its value, or `None` when it is gone.
    pub value: Option<Arc<Object>>,
}

/// What every resource has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Kind, namespace and name.
    pub key: Key,
    /// `metadata.labels`, sorted by key, each key once.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// `metadata.creationTimestamp` in seconds since 1970 (UTC), where given.
    pub created: Option<i64>,
    /// `metadata.generation`, which the API server counts up with each change of the spec; 0 where not given, as in files.
    pub generation: i64,
}
