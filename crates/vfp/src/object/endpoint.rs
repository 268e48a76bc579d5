//! Endpoints: ports of a virtual switch, or remote ones.

use crate::acl::{Acl, Tier};
use crate::object::{Dns, Policy, Route};
use margay_hcn::Guid;
use serde_json::Value;
use std::net::IpAddr;

/// `RemoteEndpoint`, of an endpoint's flags \[MS\].
pub(crate) const REMOTE: u32 = 1;

/// An endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: Guid,
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) network: Guid,
    pub(crate) namespace: Option<Guid>,
    pub(crate) addresses: Vec<IpConfiguration>,
    /// Bytes with dashes between them; empty until it is made.
    pub(crate) mac: String,
    pub(crate) dns: Dns,
    pub(crate) routes: Vec<Route>,
    pub(crate) flags: u32,
    pub(crate) policies: Vec<Policy>,
    pub(crate) state: EndpointState,
    /// Containers that it is attached to.
    pub(crate) containers: Vec<String>,
    /// Whether it is attached to the host.
    pub(crate) on_host: bool,
    /// The port of VFP.
    pub(crate) port: Guid,
}

/// An address of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IpConfiguration {
    pub(crate) address: IpAddr,
    /// As the document has it; else the subnet's.
    pub(crate) prefix_length: Option<u8>,
    pub(crate) subnet: Option<Value>,
}

/// Where an endpoint is in its life; the numbers are HNS's \[SRC\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointState {
    Created = 1,
    Attached = 2,
    AttachedSharing = 3,
    Detached = 4,
}

impl EndpointState {
    /// Whether its port is there.
    pub(crate) fn is_attached(self) -> bool {
        matches!(self, Self::Attached | Self::AttachedSharing)
    }
}

impl Endpoint {
    pub(crate) fn is_remote(&self) -> bool {
        self.flags & REMOTE != 0
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|configuration| configuration.address == address)
    }

    pub(crate) fn acls(&self) -> Vec<&Acl> {
        self.policies.iter().filter_map(|policy| policy.acl.as_ref()).collect()
    }

    pub(crate) fn tiers(&self) -> Vec<&Tier> {
        self.policies.iter().filter_map(|policy| policy.tier.as_ref()).collect()
    }

    /// The provider address by which a remote endpoint is reached.
    pub(crate) fn provider_address(&self) -> Option<IpAddr> {
        let policy = self.policies.iter().find(|policy| policy.kind == "ProviderAddress")?;
        policy.text("ProviderAddress")?.parse().ok()
    }
}
