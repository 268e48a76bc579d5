//! `policy.networking.k8s.io`: ClusterNetworkPolicy v1alpha2, and its older spelling AdminNetworkPolicy and BaselineAdminNetworkPolicy v1alpha1.

use crate::*;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// `ClusterNetworkPolicy`, `AdminNetworkPolicy` or `BaselineAdminNetworkPolicy`. It selects pods only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterNetworkPolicy {
    /// Metadata; the kind says which spelling it was.
    pub meta: Meta,
    /// `spec.tier`: Admin (also every AdminNetworkPolicy) or Baseline (also the BaselineAdminNetworkPolicy).
    pub tier: ClusterTier,
    /// `spec.priority`, 0–1000, lower first; 0 for a BaselineAdminNetworkPolicy, which has none.
    pub priority: u16,
    /// `spec.subject`.
    pub subject: PodMatch,
    /// `spec.ingress`. None means that the policy takes no part in that direction.
    pub ingress: Vec<Readable<ClusterRule>>,
    /// `spec.egress`. None means that the policy takes no part in that direction.
    pub egress: Vec<Readable<ClusterRule>>,
}

/// Which of the two tiers a ClusterNetworkPolicy belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ClusterTier {
    /// Before the policies of namespaces: tier `kube-admin`.
    Admin,
    /// After them: tier `kube-baseline`.
    Baseline,
}

/// Pods by the labels of their namespace and their own: `namespaces` (every pod of them) or `pods`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodMatch {
    /// `namespaces`, or `pods.namespaceSelector`.
    pub namespaces: Selector,
    /// `pods.podSelector`; `all()` for `namespaces`.
    pub pods: Selector,
}

/// One of `spec.ingress` or `spec.egress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRule {
    /// `name`, empty where absent.
    pub name: SmolStr,
    /// `action`: Accept (`Allow` in v1alpha1), Deny or Pass. Never Log.
    pub action: Action,
    /// `from` or `to`; at least one. Entries are ORed.
    pub peers: Vec<ClusterPeer>,
    /// `protocols` (`ports` in v1alpha1); empty means all traffic. Entries are ORed.
    pub ports: Vec<ClusterPort>,
}

/// One of `from` or `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClusterPeer {
    /// `namespaces` or `pods`. Never host-network pods.
    Pods(PodMatch),
    /// `networks` (egress): at least one prefix, ORed.
    Networks(Vec<Prefix>),
    /// `nodes` (egress): the addresses (`status.addresses`) of the nodes whose labels match.
    Nodes(Selector),
}

/// One of `protocols`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClusterPort {
    /// A protocol, and a range of its destination ports (0–65535 where the field is absent).
    Number(Protocol, u16, u16),
    /// `destinationNamedPort` (`namedPort`): whatever protocol and number each destination pod has under that name.
    Name(SmolStr),
}
