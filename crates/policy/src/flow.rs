//! A packet that opens a connection, as policy sees it.

use margay_net::{Family, Protocol};
use std::net::IpAddr;

/// The first packet of a connection: addresses after destination NAT (before it for preDNAT policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// IP protocol.
    pub protocol: Protocol,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port; 0 where the protocol has none.
    pub port: u16,
    /// ICMP type and code; 0 where the protocol is neither ICMP nor ICMPv6.
    pub icmp: (u8, u8),
}

impl Flow {
    /// A flow with source port 40000, and for ICMP an echo request.
    pub fn new(src: IpAddr, dst: IpAddr, protocol: Protocol) -> Self {
        let icmp = match protocol {
            Protocol::ICMP => (8, 0),
            Protocol::ICMPV6 => (128, 0),
            _ => (0, 0),
        };
        let source_port = if protocol.has_ports() { 40000 } else { 0 };
        Self { src, dst, protocol, source_port, port: 0, icmp }
    }

    /// With this destination port.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.dst)
    }

    /// ICMPv6 neighbour discovery (RFC 4861, types 133–136) and multicast listener messages (RFC 2710, RFC 3810: 130–132, 143).
    pub fn is_neighbour_discovery(&self) -> bool {
        let is_icmpv6 = self.protocol == Protocol::ICMPV6 && self.family() == Family::V6;
        is_icmpv6 && matches!(self.icmp.0, 130..=136 | 143)
    }
}

/// Which way a packet goes, seen from an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To the endpoint.
    Ingress,
    /// From it.
    Egress,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}
