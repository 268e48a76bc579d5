//! What is answered about a flow, and what decided it.

use crate::Direction;
use margay_api::Key;
use std::fmt;

/// The answer about a flow, and each end's part in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The sender's egress; `None` when the source address is no pod's.
    pub egress: Option<End>,
    /// The receiver's ingress; `None` when the destination address is no pod's.
    pub ingress: Option<End>,
    /// The host endpoints met on the way, in order.
    pub host: Vec<HostEnd>,
    /// Whether every one of them allows.
    pub allow: bool,
}

/// A host endpoint met on the way of a packet.
#[derive(Clone, Debug, PartialEq)]
pub struct HostEnd {
    /// The node it stands on.
    pub node: String,
    /// Egress when the packet leaves the node, ingress when it comes in.
    pub direction: Direction,
    /// What it says.
    pub end: End,
}

/// One endpoint's answer in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Whether it lets the packet pass.
    pub allow: bool,
    /// What decided.
    pub by: Attribution,
}

/// What decided at one end.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribution {
    /// A rule of a policy.
    Rule {
        /// The policy; of the staged set, the staged object.
        policy: Key,
        /// Place of the rule in `ingress` or `egress`, from 0.
        index: usize,
    },
    /// No rule of a tier that takes part matched, and its default is Deny.
    TierDefault {
        /// The tier's name.
        tier: String,
        /// The policies of the tier that select the endpoint in this direction, in order: they isolated it.
        policies: Vec<Key>,
    },
    /// A profile: `kns.NAMESPACE` for a pod.
    Profile {
        /// The profile's name.
        name: String,
        /// Place of the deciding rule in it, from 0; `None` of a profile that allows everything by itself.
        index: Option<usize>,
    },
    /// No profile matched: denied.
    NoProfile,
    /// Allowed whatever the policies say.
    Always(Always),
    /// Forwarded traffic about which no policy of the host endpoint decided: allowed.
    Forwarded,
    /// A pod's traffic to its own node, dropped by the `endpointToHostAction` of the settings.
    EndpointToHost,
}

/// Why a packet is allowed whatever the policies say (decisions 18 and 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Always {
    /// A pod to itself.
    Itself,
    /// To a pod from an address of its own node.
    OwnNode,
    /// ICMPv6 neighbour discovery or multicast listener discovery.
    NeighbourDiscovery,
    /// A failsafe port of a host endpoint.
    Failsafe,
}

impl End {
    /// Allowed by this.
    pub(crate) fn allow(by: Attribution) -> Self {
        Self { allow: true, by }
    }

    /// Denied by this.
    pub(crate) fn deny(by: Attribution) -> Self {
        Self { allow: false, by }
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { policy, index } => write!(f, "rule {index} of {policy}"),
            Self::TierDefault { tier, policies } => {
                let names: Vec<String> = policies.iter().map(Key::to_string).collect();
                write!(f, "the default action of tier {tier} (isolated by {})", names.join(", "))
            }
            Self::Profile { name, index: Some(index) } => write!(f, "rule {index} of profile {name}"),
            Self::Profile { name, index: None } => write!(f, "profile {name}"),
            Self::NoProfile => write!(f, "no profile matched"),
            Self::Always(why) => write!(f, "{why}"),
            Self::Forwarded => write!(f, "no policy for forwarded traffic decided"),
            Self::EndpointToHost => write!(f, "the action for traffic from a pod to its node"),
        }
    }
}

impl fmt::Display for Always {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Itself => "a pod to itself",
            Self::OwnNode => "from the pod's own node",
            Self::NeighbourDiscovery => "neighbour discovery",
            Self::Failsafe => "a failsafe port",
        })
    }
}
