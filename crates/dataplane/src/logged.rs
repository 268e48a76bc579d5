//! A packet that a rule told of: what a driver that can log says of it, whatever it is read from.

use margay_net::Protocol;
use margay_policy::Direction;
use std::net::IpAddr;

/// What a rule did with a packet that it logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Dropped it.
    Deny,
    /// Nothing: it is a Log rule.
    Log,
}

/// Why a packet was logged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A rule of a policy.
    Rule {
        /// The policy's stable name ([`PlanPolicy::name`](margay_policy::PlanPolicy)), as text.
        policy: String,
        /// The rule's index in the resource.
        index: u16,
    },
    /// It was in the scope of policies of a tier, and none of their rules matched: what they select is denied by default.
    TierEnd {
        /// The tier; the end of it is cut off where it is very long.
        tier: String,
    },
    /// No policy selects the endpoint, and none of its profiles allows it.
    NoProfile,
    /// An address in the pod CIDR of the node, which no known pod has.
    UnknownPod,
}

/// What is read of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Header {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Ports of source and destination, of TCP, UDP, UDP-Lite, SCTP and DCCP; none of a fragment that is not the first.
    pub ports: Option<(u16, u16)>,
    /// Type and code of ICMP and ICMPv6.
    pub icmp: Option<(u8, u8)>,
}

/// A packet that a rule told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedPacket {
    /// What the rule did with it.
    pub verdict: Verdict,
    /// For which end the rule stands.
    pub direction: Direction,
    /// Which rule.
    pub reason: Reason,
    /// What it is.
    pub header: Header,
}
