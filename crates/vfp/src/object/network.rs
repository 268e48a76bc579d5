//! Networks: a virtual switch, its subnets and its policies.

use crate::acl::Sets;
use crate::document::{Answer, Refusal};
use crate::knobs::{Knobs, NatAcls, Vfp};
use crate::object::Policy;
use margay_hcn::{ErrorCode, Feature, Guid, Version};
use margay_net::{Family, Prefix};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

/// Types of networks \[MS\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are HNS's")]
pub enum NetworkKind {
    Nat,
    Ics,
    Transparent,
    L2Bridge,
    L2Tunnel,
    Overlay,
    Private,
    Internal,
    Mirrored,
    Infiniband,
    ConstrainedIcs,
}

const NAMES: [(NetworkKind, &str); 11] = [
    (NetworkKind::Nat, "NAT"),
    (NetworkKind::Ics, "ICS"),
    (NetworkKind::Transparent, "Transparent"),
    (NetworkKind::L2Bridge, "L2Bridge"),
    (NetworkKind::L2Tunnel, "L2Tunnel"),
    (NetworkKind::Overlay, "Overlay"),
    (NetworkKind::Private, "Private"),
    (NetworkKind::Internal, "Internal"),
    (NetworkKind::Mirrored, "Mirrored"),
    (NetworkKind::Infiniband, "Infiniband"),
    (NetworkKind::ConstrainedIcs, "ConstrainedICS"),
];

impl NetworkKind {
    /// Of a document. V1 takes any case \[FIELD\].
    pub(crate) fn read(text: &str, any_case: bool) -> Answer<Self> {
        let named = |name: &str| name == text || any_case && name.eq_ignore_ascii_case(text);
        let found = NAMES.iter().find(|(_, name)| named(name)).map(|(kind, _)| *kind);
        found.ok_or_else(|| Refusal::new(ErrorCode::INVALID_NETWORK_TYPE, format!("network type {text:?}")))
    }

    /// Of its name.
    pub(crate) fn named(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind)
    }

    /// Whether VFP enforces Switch ACLs of endpoints on it \[MS\].
    pub(crate) fn enforces(self, knobs: &Knobs) -> bool {
        match self {
            _ if knobs.vfp == Vfp::Absent => false,
            Self::L2Bridge | Self::L2Tunnel | Self::Overlay => true,
            Self::Nat => knobs.nat_acls == NatAcls::Enforced,
            _ => false,
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

/// A network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) id: Guid,
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) kind: NetworkKind,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) policies: Vec<Policy>,
    /// First and last of each range.
    pub(crate) mac_pool: Vec<(String, String)>,
    pub(crate) dns: Dns,
    pub(crate) flags: u32,
    /// The named sets of its policies.
    pub(crate) sets: Sets,
}

/// Names and servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dns {
    pub(crate) domain: String,
    pub(crate) search: Vec<String>,
    pub(crate) servers: Vec<String>,
    pub(crate) options: Vec<String>,
}

/// A subnet.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) prefix: Prefix,
    /// Whether the text had host bits.
    pub(crate) host_bits: bool,
    pub(crate) dhcp: bool,
    pub(crate) routes: Vec<Route>,
    pub(crate) policies: Vec<Policy>,
    /// What is kept and not looked at.
    pub(crate) ip_subnets: Option<Value>,
    pub(crate) flags: u32,
}

/// A route of a subnet or an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) next_hop: String,
    pub(crate) destination: String,
    pub(crate) metric: u64,
}

/// `DoNotReserveGatewayAddress`, of a subnet's flags \[MS\].
const GATEWAY_IS_FREE: u32 = 1;

impl Subnet {
    /// The next hop of its default route.
    pub(crate) fn gateway(&self) -> Option<IpAddr> {
        let default = |route: &&Route| route.destination.parse() == Ok(Prefix::all(self.prefix.family()));
        self.routes.iter().find(default)?.next_hop.parse().ok()
    }

    /// Whether no endpoint may have an address: the gateway's, the network's, and of IPv4 the broadcast address \[FIELD, INF\].
    pub(crate) fn reserves(&self, address: IpAddr) -> bool {
        let long = self.prefix.family().bits() - self.prefix.length() < 2;
        let edge = address == self.prefix.first() || (address.is_ipv4() && address == self.prefix.last());
        let gateway = self.flags & GATEWAY_IS_FREE == 0 && self.gateway() == Some(address);
        gateway || edge && !long
    }
}

impl Network {
    /// Whether it can be made.
    pub(crate) fn check(&self, version: Version) -> Answer<()> {
        let of = |family: Family| self.subnets.iter().any(|subnet| subnet.prefix.family() == family);
        let (v4, v6) = (of(Family::V4), of(Family::V6));
        let invalid =
            |why: &str| Err(Refusal::new(ErrorCode::INVALID_NETWORK, format!("network {}: {why}", self.name)));
        match self.kind {
            // [FIELD]: Server 2025.
            NetworkKind::L2Bridge if self.subnets.is_empty() => Err(Refusal::new(
                ErrorCode::SUBNET_NOT_FOUND,
                format!("network {}: L2Bridge without a subnet", self.name),
            )),
            // [FIELD]: Server 2022.
            NetworkKind::L2Bridge if !v4 => Err(Refusal::new(
                ErrorCode::ADAPTER_NOT_FOUND,
                format!("network {}: L2Bridge of IPv6 alone", self.name),
            )),
            NetworkKind::Overlay | NetworkKind::Nat if v6 => invalid("it can't have IPv6"),
            _ if v6 && !version.has(Feature::Ipv6DualStack) => invalid("this HNS has no IPv6"),
            _ if self.subnets.iter().any(|subnet| subnet.host_bits) => invalid("a prefix has host bits"),
            _ => Ok(()),
        }
    }

    /// The subnet that an address is in.
    pub(crate) fn subnet_of(&self, address: IpAddr) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.prefix.contains(address))
    }

    /// The route into another node's subnet: the longest prefix that holds the address.
    pub(crate) fn remote_subnet(&self, address: IpAddr) -> Option<&Policy> {
        let routes = self.policies.iter().filter(|policy| policy.kind == "RemoteSubnetRoute");
        let holding =
            routes.filter_map(|policy| Some((policy.text("DestinationPrefix")?.parse::<Prefix>().ok()?, policy)));
        let holding = holding.filter(|(prefix, _)| prefix.contains(address));
        holding.max_by_key(|(prefix, _)| prefix.length()).map(|(_, policy)| policy)
    }
}
