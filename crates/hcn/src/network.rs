//! A network, the same through both doors.

use crate::document::parse;
use crate::policy::read_all;
use crate::setting::{ProviderAddress, Vsid};
use crate::{DocumentError, Door, Guid, Policy, v1, v2};
use margay_net::Prefix;
use smol_str::SmolStr;
use std::fmt;
use std::net::IpAddr;

/// A network.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// What identifies it.
    pub id: Guid,
    /// Its name.
    pub name: SmolStr,
    /// Its mode.
    pub mode: NetworkMode,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// The address of the node on it: of V1 its `ManagementIP`, of V2 its ProviderAddress policy, which Overlay networks have.
    pub management_address: Option<IpAddr>,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// The door it was read through, whose spelling its policies have.
    pub door: Door,
}

/// A subnet of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    /// Its prefix.
    pub prefix: Prefix,
    /// The address of its gateway.
    pub gateway: Option<IpAddr>,
    /// Its policies.
    pub policies: Vec<Policy>,
}

/// How a network connects its endpoints to the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NetworkMode {
    /// Behind the node's address. Switch ACLs are stored and, before April 2026, inert \[FIELD\].
    Nat,
    /// On the node's own network. Switch ACLs are inert \[MS\].
    Transparent,
    /// On the node's own network with the node's MAC address.
    L2Bridge,
    /// As L2Bridge, every packet through the node's uplink.
    L2Tunnel,
    /// Encapsulated (VXLAN).
    Overlay,
    /// Any other, as it was spelt.
    Other(SmolStr),
}

impl NetworkMode {
    /// Whether VFP enforces switch ACLs there \[MS\].
    pub fn enforces_switch_acls(&self) -> bool {
        matches!(self, Self::L2Bridge | Self::L2Tunnel | Self::Overlay)
    }

    /// As documents spell it, in any case; NAT may be left out \[SRC\].
    fn read(text: Option<&String>) -> Self {
        let text = text.map(String::as_str).unwrap_or_default();
        let known = [Self::Nat, Self::Transparent, Self::L2Bridge, Self::L2Tunnel, Self::Overlay];
        match known.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(text)) {
            Some(mode) => mode,
            None if text.is_empty() => Self::Nat,
            None => Self::Other(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Nat => "NAT",
            Self::Transparent => "Transparent",
            Self::L2Bridge => "L2Bridge",
            Self::L2Tunnel => "L2Tunnel",
            Self::Overlay => "Overlay",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Network {
    /// Reads V1's document.
    ///
    /// # Errors
    /// Without an id, or with a prefix or an address that is none.
    pub fn from_v1(document: &v1::Network) -> Result<Self, DocumentError> {
        let subnets = document.subnets.iter().flatten().filter_map(|subnet| Subnet::from_v1(subnet).transpose());
        Ok(Self {
            id: parse("ID", document.id.as_ref())?.ok_or(DocumentError::Missing { member: "ID" })?,
            name: document.name.as_deref().unwrap_or_default().into(),
            mode: NetworkMode::read(document.mode.as_ref()),
            subnets: subnets.collect::<Result<_, _>>()?,
            management_address: parse("ManagementIP", document.management_ip.as_ref())?,
            policies: read_all(Door::V1, document.policies.as_ref()),
            door: Door::V1,
        })
    }

    /// Reads V2's document.
    ///
    /// # Errors
    /// Without an id, or with a prefix or an address that is none.
    pub fn from_v2(document: &v2::Network) -> Result<Self, DocumentError> {
        let subnets = document.ipams.iter().flatten().flat_map(|ipam| ipam.subnets.iter().flatten());
        let subnets = subnets.filter_map(|subnet| Subnet::from_v2(subnet).transpose());
        let policies = read_all(Door::V2, document.policies.as_ref());
        let provider = policies.iter().find_map(Policy::setting::<ProviderAddress>).transpose()?;
        Ok(Self {
            id: parse("ID", document.id.as_ref())?.ok_or(DocumentError::Missing { member: "ID" })?,
            name: document.name.as_deref().unwrap_or_default().into(),
            mode: NetworkMode::read(document.mode.as_ref()),
            subnets: subnets.collect::<Result<_, _>>()?,
            management_address: provider.map(|provider| provider.provider_address),
            policies,
            door: Door::V2,
        })
    }
}

impl Subnet {
    /// `None` of one without a prefix, which networks have that take addresses from outside.
    fn from_v1(document: &v1::Subnet) -> Result<Option<Self>, DocumentError> {
        let gateway = parse("GatewayAddress", document.gateway.as_ref())?;
        let policies = read_all(Door::V1, document.policies.as_ref());
        let prefix = parse("AddressPrefix", document.prefix.as_ref())?;
        Ok(prefix.map(|prefix| Self { prefix, gateway, policies }))
    }

    fn from_v2(document: &v2::Subnet) -> Result<Option<Self>, DocumentError> {
        let Some(prefix) = parse::<Prefix>("IpAddressPrefix", document.prefix.as_ref())? else { return Ok(None) };
        let mut gateway = None;
        for route in document.routes.iter().flatten() {
            let destination = parse::<Prefix>("DestinationPrefix", route.destination.as_ref())?;
            if destination.is_none_or(|destination| destination == Prefix::all(prefix.family())) && gateway.is_none() {
                gateway = parse("NextHop", route.next_hop.as_ref())?;
            }
        }
        Ok(Some(Self { prefix, gateway, policies: read_all(Door::V2, document.policies.as_ref()) }))
    }

    /// The VXLAN network identifier, where the subnet has one that can be read.
    pub fn vni(&self) -> Option<u32> {
        self.policies.iter().find_map(Policy::setting::<Vsid>)?.ok().map(|vsid| vsid.isolation_id)
    }
}
