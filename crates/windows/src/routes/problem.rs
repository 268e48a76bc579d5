//! Why there is no route.

use super::{SMALLEST_VNI, VXLAN_PORT};
use margay_dataplane::Retry;
use margay_hcn::{Failure, IpRoute, Mac};
use margay_net::Prefix;
use smol_str::SmolStr;
use std::net::IpAddr;

/// Why there is no route to a destination, or not the right one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The node has no tunnels.
    #[error("there is no Overlay network on this node: its network plugin has not made it yet, or makes another kind")]
    NoNetwork,
    /// The annotations leave open which.
    #[error("there are several Overlay networks, and {0}'s annotations don't say by a VNI which of them is meant")]
    WhichNetwork(IpAddr),
    /// Windows has no such tunnels \[SRC\].
    #[error(
        "the VXLAN network identifier {0} is too small for Windows: give the whole cluster's one of {SMALLEST_VNI} or more"
    )]
    VniTooSmall(u32),
    /// The network's identifier is not known.
    #[error("the Overlay network {0} has no VXLAN network identifier (VSID) that can be read")]
    NoVni(SmolStr),
    /// No network of this node has the identifier.
    #[error(
        "no Overlay network on this node has the VXLAN network identifier {vni}, as the other node has: those here are {here:?}"
    )]
    OtherVni {
        /// The other node's.
        vni: u32,
        /// Those of networks here.
        here: Vec<u32>,
    },
    /// Windows talks to no other \[SRC\].
    #[error(
        "the Overlay network {network} has the UDP port {port}: Windows has tunnels to other nodes on port {VXLAN_PORT} alone"
    )]
    Port {
        /// The network.
        network: SmolStr,
        /// Its port; 0 where it can't be read.
        port: u16,
    },
    /// Other nodes send frames here that HNS throws away.
    #[error(
        "other nodes are told that the tunnel's MAC address here is {told}, but HNS has {here}: restart the network plugin, which says so in the Node's annotations"
    )]
    OwnMac {
        /// What the annotations say.
        told: Mac,
        /// What the network's DrMacAddress policy says.
        here: Mac,
    },
    /// This HNS has no tunnels.
    #[error("HNS has routes in tunnels from 9.2 on, by the V2 API: update Windows, or don't force V1")]
    NeedsV2,
    /// A host gateway must be a neighbour.
    #[error("{0} is on no link of this node, as a gateway must be: nodes behind a router need tunnels")]
    NotOnLink(IpAddr),
    /// Someone else's route is in the way.
    #[error("there is another's route, {0}: remove it")]
    Foreign(IpRoute),
    /// This is no Windows, and no table was given.
    #[error("this system's table of routes can't be had")]
    NoTable,
    /// It was written and is not there.
    #[error("the route to {0} was written without an error, but does not show")]
    NotShown(Prefix),
    /// HNS answered so.
    #[error(transparent)]
    Hns(#[from] margay_hcn::Error),
    /// The system answered so.
    #[error("the system's table of routes answered {}", .0.words())]
    System(#[from] Failure),
}

impl Problem {
    /// Whether it may help to try again. Where the cluster or the node must change first, what changed is seen at the next look.
    pub fn retry(&self) -> Retry {
        match self {
            Self::WhichNetwork(_)
            | Self::VniTooSmall(_)
            | Self::NoVni(_)
            | Self::OtherVni { .. }
            | Self::Port { .. }
            | Self::OwnMac { .. }
            | Self::NeedsV2
            | Self::NoTable => Retry::Never,
            Self::NoNetwork
            | Self::NotOnLink(_)
            | Self::Foreign(_)
            | Self::NotShown(_)
            | Self::Hns(_)
            | Self::System(_) => Retry::Backoff,
        }
    }
}
