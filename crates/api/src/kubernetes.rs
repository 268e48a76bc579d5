//! `networking.k8s.io/v1 NetworkPolicy`, and its staged form.

use crate::*;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A rule, or the place of one that can't be read.
///
/// An unreadable rule keeps its place and, where that much could be read, its action: Allow (Accept) then matches nothing; Deny, Pass and an
/// action that can't be read deny everything in their direction; Log does nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Readable<R> {
    /// The rule as written.
    Rule(R),
    /// There is a rule here that can't be read. Its errors were reported when it was decoded.
    Unreadable(Option<Action>),
}

/// What a rule does with a packet that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Final: let it through. `Accept` of ClusterNetworkPolicy.
    Allow,
    /// Final: drop it.
    Deny,
    /// Leave the tier for the next one.
    Pass,
    /// Note it, and go on with the next rule.
    Log,
}

/// The directions a policy speaks of (`policyTypes`, `types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Types {
    /// Traffic to the selected endpoints.
    pub ingress: bool,
    /// Traffic from them.
    pub egress: bool,
}

/// What staging a policy would do: `spec.stagedAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StagedAction {
    /// Create or replace the policy of the same name (the default).
    Set,
    /// Delete the policy of the same name.
    Delete,
    /// Made by a tool that learns policies; takes part as `Set` does not: it is only noted.
    Learn,
    /// Ignored.
    Ignore,
}

/// `networking.k8s.io/v1 NetworkPolicy` (or `StagedKubernetesNetworkPolicy`). It selects pods of its own namespace; its rules only allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPolicy {
    /// Metadata.
    pub meta: Meta,
    /// `spec.podSelector`, converted; over pods of the policy's namespace.
    pub pod_selector: Selector,
    /// `spec.policyTypes`; absent means Ingress, plus Egress when there are egress rules.
    pub types: Types,
    /// `spec.ingress`.
    pub ingress: Vec<Readable<NetworkPolicyRule>>,
    /// `spec.egress`.
    pub egress: Vec<Readable<NetworkPolicyRule>>,
    /// Set on a StagedKubernetesNetworkPolicy.
    pub staged: Option<StagedAction>,
}

/// One of `spec.ingress` or `spec.egress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPolicyRule {
    /// `from` or `to`; empty means everyone. Entries are ORed.
    pub peers: Vec<NetworkPolicyPeer>,
    /// `ports`; empty means every port of every protocol. Entries are ORed.
    pub ports: Vec<NetworkPolicyPort>,
}

/// One of `from` or `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NetworkPolicyPeer {
    /// Pods by labels. Never host-network pods, and nothing that is no pod.
    Pods {
        /// `namespaceSelector`; absent means the policy's own namespace.
        namespaces: Option<Selector>,
        /// `podSelector`; absent means every pod of those namespaces.
        pods: Option<Selector>,
    },
    /// `ipBlock`.
    Block {
        /// `cidr`.
        cidr: Prefix,
        /// `except`: cut out of `cidr`.
        except: Vec<Prefix>,
    },
}

/// One of `ports`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPolicyPort {
    /// `protocol`: TCP (the default), UDP or SCTP.
    pub protocol: Protocol,
    /// `port` and `endPort`; absent means every port of the protocol.
    pub port: Option<PortMatch>,
}

/// A range of port numbers, or a name that each *destination* endpoint resolves for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PortMatch {
    /// From the first to the last, both included.
    Range(u16, u16),
    /// A named port.
    Name(SmolStr),
}
