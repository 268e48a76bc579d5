//! An endpoint, the same through both doors.

use crate::document::parse;
use crate::policy::read_all;
use crate::{DocumentError, Door, Guid, Mac, Policy, v1, v2};
use smol_str::SmolStr;
use std::fmt;
use std::net::IpAddr;

/// The flag of V2 that marks an endpoint of another node \[SRC\].
const REMOTE: u32 = 1;

/// An endpoint: a port of a switch, with addresses and policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// What identifies it.
    pub id: Guid,
    /// The network it is on.
    pub network: Option<Guid>,
    /// Its name.
    pub name: SmolStr,
    /// Its addresses: at most one of each family in V1.
    pub addresses: Vec<IpAddr>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its state; `None` where the document doesn't tell, as those of V2 may not \[SRC\].
    pub state: Option<EndpointState>,
    /// Whether it stands for an endpoint of another node: it has no port, and nothing is enforced there.
    pub remote: bool,
    /// The namespace it is in.
    pub namespace: Option<Guid>,
    /// Its policies, in the order that HNS gives them.
    pub policies: Vec<Policy>,
    /// The door it was read through, whose spelling its policies have.
    pub door: Door,
}

/// What has become of an endpoint \[SRC\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndpointState {
    /// Not made yet.
    Uninitialized,
    /// Made, and attached to nothing.
    Created,
    /// A container's.
    Attached,
    /// That of several containers, as those of a pod.
    AttachedSharing,
    /// No container's any more.
    Detached,
    /// Something of it failed.
    Degraded,
    /// Gone.
    Destroyed,
    /// A number that isn't known.
    Other(u32),
}

impl EndpointState {
    const NUMBERED: [Self; 7] = [
        Self::Uninitialized,
        Self::Created,
        Self::Attached,
        Self::AttachedSharing,
        Self::Detached,
        Self::Degraded,
        Self::Destroyed,
    ];

    /// The state of this number.
    pub fn new(number: u32) -> Self {
        Self::NUMBERED.get(number as usize).copied().unwrap_or(Self::Other(number))
    }

    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            Self::Other(number) => number,
            known => Self::NUMBERED.iter().position(|state| *state == known).unwrap_or_default() as u32,
        }
    }

    /// Whether a container uses it.
    pub fn is_attached(self) -> bool {
        matches!(self, Self::Attached | Self::AttachedSharing)
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uninitialized => "uninitialized",
            Self::Created => "created",
            Self::Attached => "attached",
            Self::AttachedSharing => "attached, shared",
            Self::Detached => "detached",
            Self::Degraded => "degraded",
            Self::Destroyed => "destroyed",
            Self::Other(number) => return write!(f, "state {number}"),
        })
    }
}

impl Endpoint {
    /// Reads V1's document.
    ///
    /// # Errors
    /// Without an id, or with an address that is none.
    pub fn from_v1(document: &v1::Endpoint) -> Result<Self, DocumentError> {
        let mut addresses = Vec::new();
        addresses.extend(address("IPAddress", document.address.as_ref())?);
        addresses.extend(address("IPv6Address", document.address_v6.as_ref())?);
        let namespace = document.namespace.as_ref().and_then(|namespace| namespace.id.as_ref());
        Ok(Self {
            id: parse("ID", document.id.as_ref())?.ok_or(DocumentError::Missing { member: "ID" })?,
            network: reference("VirtualNetwork", document.network.as_ref())?,
            name: document.name.as_deref().unwrap_or_default().into(),
            addresses,
            mac: parse("MacAddress", document.mac.as_ref())?,
            state: document.state.map(EndpointState::new),
            remote: document.remote.unwrap_or_default(),
            namespace: reference("Namespace.ID", namespace)?,
            policies: read_all(Door::V1, document.policies.as_ref()),
            door: Door::V1,
        })
    }

    /// Reads V2's document.
    ///
    /// # Errors
    /// Without an id, or with an address that is none.
    pub fn from_v2(document: &v2::Endpoint) -> Result<Self, DocumentError> {
        let configurations = document.addresses.iter().flatten();
        let addresses =
            configurations.filter_map(|configuration| address("IpAddress", configuration.address.as_ref()).transpose());
        Ok(Self {
            id: parse("ID", document.id.as_ref())?.ok_or(DocumentError::Missing { member: "ID" })?,
            network: reference("HostComputeNetwork", document.network.as_ref())?,
            name: document.name.as_deref().unwrap_or_default().into(),
            addresses: addresses.collect::<Result<_, _>>()?,
            mac: parse("MacAddress", document.mac.as_ref())?,
            state: document.state.map(EndpointState::new),
            remote: document.flags.unwrap_or_default() & REMOTE != 0,
            namespace: reference("HostComputeNamespace", document.namespace.as_ref())?,
            policies: read_all(Door::V2, document.policies.as_ref()),
            door: Door::V2,
        })
    }

    /// Its ACLs, readable or not, in their order.
    pub fn acls(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().filter(|policy| policy.is_acl())
    }
}

/// Another object; the zero GUID is none.
fn reference(member: &'static str, text: Option<&String>) -> Result<Option<Guid>, DocumentError> {
    Ok(parse(member, text)?.filter(|id| *id != Guid::ZERO))
}

/// An address; the unspecified one is none.
fn address(member: &'static str, text: Option<&String>) -> Result<Option<IpAddr>, DocumentError> {
    Ok(parse(member, text)?.filter(|address: &IpAddr| !address.is_unspecified()))
}
