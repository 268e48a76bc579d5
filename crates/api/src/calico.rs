//! `projectcalico.org/v3`.

use crate::*;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::net::IpAddr;

/// `NetworkPolicy` or `GlobalNetworkPolicy`, or one of their staged forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalicoPolicy {
    /// Metadata; the kind says which of the four it is, the namespace is empty for the global two. The name is without a `tier.` prefix's
    /// being cut off: it stays as written.
    pub meta: Meta,
    /// `spec.tier`, `default` where absent.
    pub tier: SmolStr,
    /// `spec.order`; absent comes last.
    pub order: Option<f64>,
    /// `spec.selector`: over pods, host endpoints (the global kinds), never network sets. Absent or empty means `all()`.
    pub selector: Selector,
    /// `spec.namespaceSelector`, of the global kinds.
    pub namespace_selector: Option<Selector>,
    /// `spec.serviceAccountSelector`.
    pub service_account_selector: Option<Selector>,
    /// `spec.types`; absent means Ingress when there are ingress rules or no egress rules, plus Egress when there are egress rules.
    pub types: Types,
    /// `spec.ingress`.
    pub ingress: Vec<Readable<CalicoRule>>,
    /// `spec.egress`.
    pub egress: Vec<Readable<CalicoRule>>,
    /// `spec.applyOnForward`.
    pub apply_on_forward: bool,
    /// `spec.preDNAT`.
    pub pre_dnat: bool,
    /// `spec.doNotTrack`.
    pub do_not_track: bool,
    /// Set on the staged kinds.
    pub staged: Option<StagedAction>,
}

/// One of `spec.ingress` or `spec.egress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalicoRule {
    /// `action`.
    pub action: Action,
    /// `ipVersion`.
    pub family: Option<Family>,
    /// `protocol`.
    pub protocol: Option<Protocol>,
    /// `notProtocol`.
    pub not_protocol: Option<Protocol>,
    /// `icmp`.
    pub icmp: Option<IcmpMatch>,
    /// `notICMP`.
    pub not_icmp: Option<IcmpMatch>,
    /// `http` is there: a data plane that can't do it treats the rule as unreadable.
    pub http: bool,
    /// `source`.
    pub source: EntityRule,
    /// `destination`.
    pub destination: EntityRule,
}

/// `icmp` or `notICMP`: type, or type and code. An empty match (`icmp: {}`) is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IcmpMatch {
    /// 0–254.
    pub kind: u8,
    /// 0–255; absent means every code.
    pub code: Option<u8>,
}

/// `source` or `destination`. All that is there is ANDed; entries of one list are ORed; every `not…` is ANDed in as its complement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EntityRule {
    /// `nets`; absent and empty are the same: no constraint.
    pub nets: Vec<Prefix>,
    /// `notNets`.
    pub not_nets: Vec<Prefix>,
    /// `selector`; absent or empty is no constraint.
    pub selector: Option<Selector>,
    /// `notSelector`; absent or empty is no constraint.
    pub not_selector: Option<Selector>,
    /// `namespaceSelector`; absent or empty is no constraint.
    pub namespace_selector: Option<Selector>,
    /// `ports`; numbers and names ORed.
    pub ports: Vec<PortMatch>,
    /// `notPorts`.
    pub not_ports: Vec<PortMatch>,
    /// `serviceAccounts`.
    pub service_accounts: Option<ServiceAccountMatch>,
    /// `services`.
    pub service: Option<ServiceMatch>,
}

/// `serviceAccounts`: names AND selector. Both empty is every service account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceAccountMatch {
    /// `names`; empty means any.
    pub names: Vec<SmolStr>,
    /// `selector` over the labels of the service account.
    pub selector: Option<Selector>,
}

/// `services`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceMatch {
    /// `name`.
    pub name: SmolStr,
    /// `namespace`; the policy's own where absent (an error in a global policy).
    pub namespace: SmolStr,
}

/// `Tier`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// Metadata.
    pub meta: Meta,
    /// `spec.order`; absent comes last. For the tiers `default`, `kube-admin` and `kube-baseline` the order is fixed and this is ignored.
    pub order: Option<f64>,
    /// `spec.defaultAction`: what happens to a packet that no rule of a tier that takes part matched: Deny (the default) or Pass.
    pub default_action: Action,
}

/// `NetworkSet` or `GlobalNetworkSet`: prefixes with labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSet {
    /// Metadata; the namespace is empty for a GlobalNetworkSet.
    pub meta: Meta,
    /// `spec.nets`.
    pub nets: Vec<Prefix>,
}

/// `Profile`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Metadata.
    pub meta: Meta,
    /// `spec.ingress`.
    pub ingress: Vec<Readable<CalicoRule>>,
    /// `spec.egress`.
    pub egress: Vec<Readable<CalicoRule>>,
    /// `spec.labelsToApply`, inherited by endpoints that name the profile. Sorted by key.
    pub labels: Vec<(SmolStr, SmolStr)>,
}

/// `HostEndpoint`: an interface of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostEndpoint {
    /// Metadata.
    pub meta: Meta,
    /// `spec.node`.
    pub node: SmolStr,
    /// `spec.interfaceName`; `*` means every interface; `None` means the one that has one of `expected_ips`.
    pub interface: Option<SmolStr>,
    /// `spec.expectedIPs`.
    pub expected_ips: Vec<IpAddr>,
    /// `spec.profiles`, in order.
    pub profiles: Vec<SmolStr>,
    /// `spec.ports`.
    pub ports: Vec<NamedPort>,
}
