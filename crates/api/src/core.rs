//! Kinds of Kubernetes that policy speaks of, as far as it does: slim, since a cluster has very many of them.

use crate::*;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;
use std::net::IpAddr;

/// `v1 Namespace`: its labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    /// Metadata. The label `kubernetes.io/metadata.name` is added where missing, as the API server does.
    pub meta: Meta,
}

/// `v1 ServiceAccount`: its labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Metadata.
    pub meta: Meta,
}

/// `v1 Node`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Metadata.
    pub meta: Meta,
    /// `status.addresses` that are IP addresses (InternalIP, ExternalIP), in order.
    pub addresses: Vec<IpAddr>,
    /// `spec.podCIDRs` (or `spec.podCIDR`).
    pub pod_cidrs: Vec<Prefix>,
    /// Addresses of this node's tunnel devices: annotations `projectcalico.org/IPv4VXLANTunnelAddr`, `…/IPv6VXLANTunnelAddr`,
    /// `…/IPv4IPIPTunnelAddr`, `…/IPv4WireguardInterfaceAddr`, `…/IPv6WireguardInterfaceAddr`.
    pub tunnel_addresses: Vec<IpAddr>,
    /// How other nodes reach its pods, as its network plugin's annotations say: at most one for each family. Where they say nothing, that is the plugin's.
    pub via: Vec<Via>,
    /// Label `kubernetes.io/os` is `windows`.
    pub windows: bool,
}

/// How packets for the pods of a node get there from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Via {
    /// As they are, with the node as the next hop: host gateway.
    Direct {
        /// The node's address.
        next_hop: IpAddr,
    },
    /// In VXLAN.
    Tunnel(Vtep),
}

/// The end of a VXLAN tunnel at a node (VTEP).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vtep {
    /// The node's address, where outer packets go.
    pub address: IpAddr,
    /// Where inner frames go; of a Windows node its distributed router's.
    pub mac: Mac,
    /// The VXLAN network identifier, 1 to 2²⁴ − 1; `None` is that of the sender's own network.
    pub vni: Option<u32>,
}

impl Via {
    /// The node's address.
    pub fn address(&self) -> IpAddr {
        match self {
            Self::Direct { next_hop } => *next_hop,
            Self::Tunnel(vtep) => vtep.address,
        }
    }
}

/// As `via 10.0.0.2` and `in VXLAN 4096 to 10.0.0.2, 02-11-22-33-44-55`.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { next_hop } => write!(f, "via {next_hop}"),
            Self::Tunnel(Vtep { address, mac, vni: Some(vni) }) => write!(f, "in VXLAN {vni} to {address}, {mac}"),
            Self::Tunnel(Vtep { address, mac, vni: None }) => write!(f, "in VXLAN to {address}, {mac}"),
        }
    }
}

impl Node {
    /// Every address that is this node: its addresses, its tunnels', and the gateway (first address) of each pod CIDR.
    pub fn own_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().copied().chain(self.tunnel_addresses.iter().copied()).chain(self.gateways())
    }

    /// The pod CIDRs that other nodes have a route to, and which. Of each family the first: Kubernetes has no second.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, Via)> + '_ {
        let cidr = |via: &Via| self.pod_cidrs.iter().find(|cidr| cidr.family() == Family::of(via.address()));
        self.via.iter().filter_map(move |via| Some((*cidr(via)?, *via)))
    }

    /// The gateway (first address) of each pod CIDR.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.pod_cidrs.iter().filter_map(gateway)
    }
}

/// The address that a pod network's gateway has: the first after the network's own; none in a prefix of one address.
fn gateway(cidr: &Prefix) -> Option<IpAddr> {
    if cidr.is_host() {
        return None;
    }
    Some(match cidr.first() {
        IpAddr::V4(first) => IpAddr::V4((u32::from(first) + 1).into()),
        IpAddr::V6(first) => IpAddr::V6((u128::from(first) + 1).into()),
    })
}

/// `v1 Pod`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Metadata.
    pub meta: Meta,
    /// `spec.nodeName`; empty where not scheduled.
    pub node: SmolStr,
    /// `spec.hostNetwork`: shares its node's network, and so is never an endpoint.
    pub host_network: bool,
    /// `spec.serviceAccountName`, `default` where absent.
    pub service_account: SmolStr,
    /// `status.podIPs` (or `status.podIP`), in order, each once.
    pub addresses: Vec<IpAddr>,
    /// `status.phase` is Succeeded or Failed: the addresses are no longer the pod's.
    pub terminal: bool,
    /// Named ports of all containers, in order: `containers[].ports[]` with a name (and sidecar `initContainers` with `restartPolicy: Always`).
    pub ports: Vec<NamedPort>,
}

/// A port of an endpoint that a policy may name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedPort {
    /// The name.
    pub name: SmolStr,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// 1–65535.
    pub port: u16,
}

/// `v1 Service`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Metadata.
    pub meta: Meta,
    /// `spec.clusterIPs` (or `spec.clusterIP`) that are addresses (not `None`), then `spec.externalIPs` and load-balancer ingress addresses.
    pub addresses: Vec<IpAddr>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
}

/// One of `spec.ports` of a Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePort {
    /// `name`, empty where absent (a service with one port).
    pub name: SmolStr,
    /// `protocol`, TCP where absent.
    pub protocol: Protocol,
    /// `port`.
    pub port: u16,
}

/// `discovery.k8s.io/v1 EndpointSlice`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// Metadata.
    pub meta: Meta,
    /// The service it belongs to: label `kubernetes.io/service-name`, in the slice's namespace; empty where absent.
    pub service: SmolStr,
    /// `endpoints[].addresses` that are IP addresses, ready or not.
    pub addresses: Vec<IpAddr>,
    /// `ports`: a port absent (or null) means every port.
    pub ports: Vec<SlicePort>,
}

/// One of `ports` of an EndpointSlice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlicePort {
    /// `name`, empty where absent.
    pub name: SmolStr,
    /// `protocol`, TCP where absent.
    pub protocol: Protocol,
    /// `port`; `None` means every port.
    pub port: Option<u16>,
}
