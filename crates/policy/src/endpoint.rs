//! Endpoints of a Plan, and the nodes they are on.

use crate::{Layer, StackId};
use margay_api::{Key, Prefix};
use smol_str::SmolStr;
use std::net::IpAddr;

/// A pod or a host endpoint in the Plan's scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Which resource it is.
    pub key: Key,
    /// Its node.
    pub node: SmolStr,
    /// Its addresses. A pod's: at least one, each of no other pod. A host endpoint's: `expectedIPs`.
    pub addresses: Vec<IpAddr>,
    /// What is enforced.
    pub stacks: EndpointStacks,
    /// What the staged policies would enforce, where it differs.
    pub staged: Option<EndpointStacks>,
    /// A host endpoint's interface; `*` is every interface that no other host endpoint names. `None` for pods.
    pub interface: Option<SmolStr>,
}

impl Endpoint {
    /// The stacks of a layer.
    pub fn stacks(&self, layer: Layer) -> EndpointStacks {
        match (layer, self.staged) {
            (Layer::Staged, Some(staged)) => staged,
            _ => self.stacks,
        }
    }
}

/// The stacks of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointStacks {
    /// A pod has one.
    Pod(StackId),
    /// A host endpoint has one for each stage, in the order a packet meets them.
    Host {
        /// `doNotTrack` policies.
        untracked: StackId,
        /// `preDNAT` policies; ingress alone.
        pre_dnat: StackId,
        /// All others: traffic of the node itself.
        normal: StackId,
        /// `applyOnForward` policies: forwarded traffic.
        forward: StackId,
    },
}

impl EndpointStacks {
    /// Every stack.
    pub fn iter(self) -> impl Iterator<Item = StackId> {
        let list = match self {
            Self::Pod(stack) => [Some(stack), None, None, None],
            Self::Host { untracked, pre_dnat, normal, forward } => {
                [Some(untracked), Some(pre_dnat), Some(normal), Some(forward)]
            }
        };
        list.into_iter().flatten()
    }
}

/// A node in the Plan's scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: SmolStr,
    /// Every address that is this node's own (its addresses, its tunnels', the gateway of each pod CIDR) and no pod's. Sorted.
    pub addresses: Vec<IpAddr>,
    /// The prefixes of its pods' addresses.
    pub pod_cidrs: Vec<Prefix>,
    /// The interface that joins it to other nodes.
    pub uplink: SmolStr,
    /// It runs Windows.
    pub windows: bool,
}
