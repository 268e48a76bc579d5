//! Load balancers and routes of software-defined networking.

use margay_hcn::Guid;
use serde_json::Value;
use std::net::IpAddr;

/// A load balancer.
#[derive(Clone, Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) id: Guid,
    pub(crate) endpoints: Vec<Guid>,
    pub(crate) source_vip: Option<IpAddr>,
    /// Empty is every address of the node (a NodePort).
    pub(crate) vips: Vec<IpAddr>,
    pub(crate) mappings: Vec<PortMapping>,
    /// 1 is direct server return, 2 IPv6 \[SRC\].
    pub(crate) flags: u32,
}

/// A port of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortMapping {
    pub(crate) protocol: u8,
    pub(crate) internal: u16,
    pub(crate) external: u16,
    /// 0 by five-tuple, 1 by source address and protocol, 2 by source address \[MS\].
    pub(crate) distribution: u64,
    pub(crate) flags: u32,
}

/// A route of software-defined networking: kept as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct SdnRoute {
    pub(crate) id: Guid,
    pub(crate) endpoints: Vec<Guid>,
    pub(crate) routes: Vec<Value>,
}
