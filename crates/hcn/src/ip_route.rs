//! Routes of the operating system, which a node without tunnels has to the pods of others.

use crate::Failure;
use margay_net::Prefix;
use std::fmt;
use std::net::IpAddr;

/// A route of the operating system (`MIB_IPFORWARD_ROW2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpRoute {
    /// For which destinations.
    pub destination: Prefix,
    /// Where packets are sent; the unspecified address where the destination is on the link itself.
    pub next_hop: IpAddr,
    /// The index of the interface.
    pub interface: u32,
    /// What is added to the interface's metric; the lesser sum is preferred.
    pub metric: u32,
    /// Who made it, [`IpRoute::MANAGEMENT`] for instance.
    pub protocol: i32,
}

impl IpRoute {
    /// The protocol of routes that programs and administrators make (`MIB_IPPROTO_NETMGMT`) \[MS\].
    pub const MANAGEMENT: i32 = 3;

    /// Whether its destination is on the link itself.
    pub fn is_on_link(&self) -> bool {
        self.next_hop.is_unspecified()
    }
}

impl fmt::Display for IpRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {} on interface {}", self.destination, self.next_hop, self.interface)
    }
}

/// The system's table of routes.
///
/// Implemented by the system itself, `SystemRoutes` on Windows, and by the emulator.
pub trait RouteTable: Send + Sync {
    /// Every route of both families (`GetIpForwardTable2`).
    ///
    /// # Errors
    /// As the system answers.
    fn list(&self) -> Result<Vec<IpRoute>, Failure>;

    /// Adds a route (`CreateIpForwardEntry2`).
    ///
    /// # Errors
    /// As the system answers: [`OBJECT_ALREADY_EXISTS`](crate::ErrorCode::OBJECT_ALREADY_EXISTS) where the interface has a route to the destination,
    /// [`ELEMENT_NOT_FOUND`](crate::ErrorCode::ELEMENT_NOT_FOUND) where there is no such interface \[MS\].
    fn add(&self, route: &IpRoute) -> Result<(), Failure>;

    /// Removes a route, known by destination, next hop and interface (`DeleteIpForwardEntry2`).
    ///
    /// # Errors
    /// As the system answers: [`ELEMENT_NOT_FOUND`](crate::ErrorCode::ELEMENT_NOT_FOUND) where there is none \[MS\].
    fn remove(&self, route: &IpRoute) -> Result<(), Failure>;
}
