//! One packet that opens a connection.

use margay_api::{Family, Protocol};
use std::fmt;
use std::net::IpAddr;

/// The first packet of a connection, as policy sees it.
///
/// Both addresses are of one family. The ports mean something for TCP, UDP and SCTP alone, type and code for ICMP and ICMPv6 alone; elsewhere
/// they are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, after any translation of a service's address.
    pub dst: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub port: u16,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u8,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u8,
}

/// From which end of a flow a policy looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// At its destination.
    Ingress,
    /// At its source.
    Egress,
}

impl Flow {
    /// A flow of any protocol, with ports (0 where the protocol has none).
    pub fn new(src: IpAddr, dst: IpAddr, protocol: Protocol, source_port: u16, port: u16) -> Self {
        Self { src, dst, protocol: protocol.0, source_port, port, icmp_type: 0, icmp_code: 0 }
    }

    /// TCP to `port`, from source port 40000.
    pub fn tcp(src: IpAddr, dst: IpAddr, port: u16) -> Self {
        Self::new(src, dst, Protocol::TCP, 40000, port)
    }

    /// UDP to `port`, from source port 40000.
    pub fn udp(src: IpAddr, dst: IpAddr, port: u16) -> Self {
        Self::new(src, dst, Protocol::UDP, 40000, port)
    }

    /// ICMP, or ICMPv6 between IPv6 addresses.
    pub fn icmp(src: IpAddr, dst: IpAddr, kind: u8, code: u8) -> Self {
        let protocol = if Family::of(src) == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
        Self { icmp_type: kind, icmp_code: code, ..Self::new(src, dst, protocol, 0, 0) }
    }

    /// The protocol, typed.
    pub fn protocol(&self) -> Protocol {
        Protocol(self.protocol)
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.dst)
    }

    /// The same flow with IPv4-mapped IPv6 addresses as the IPv4 addresses they are.
    pub(crate) fn canonical(&self) -> Self {
        Self { src: self.src.to_canonical(), dst: self.dst.to_canonical(), ..*self }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { src, dst, source_port, port, icmp_type, icmp_code, .. } = self;
        let protocol = self.protocol();
        if protocol.has_ports() {
            write!(f, "{protocol} {src} port {source_port} -> {dst} port {port}")
        } else if matches!(protocol, Protocol::ICMP | Protocol::ICMPV6) {
            write!(f, "{protocol} {src} -> {dst} type {icmp_type} code {icmp_code}")
        } else {
            write!(f, "{protocol} {src} -> {dst}")
        }
    }
}
