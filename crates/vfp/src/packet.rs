//! What passes a port.

use margay_net::{Family, Protocol};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Which way a packet goes, seen from the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// To the endpoint.
    In,
    /// From it.
    Out,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];

    /// The way that answers go.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "In",
            Self::Out => "Out",
        })
    }
}

/// An IP packet, as far as a port looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// Its protocol: of IPv6, the last next-header.
    pub protocol: Protocol,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port; 0 where the protocol has none.
    pub destination_port: u16,
    /// Of ICMP and ICMPv6; else zero.
    pub icmp: Icmp,
    /// Of TCP; else none.
    pub tcp: TcpFlags,
    /// Which part of a datagram it is.
    pub fragment: Fragment,
}

/// The head of a message of ICMP or ICMPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier, of messages that have one; else 0.
    pub id: u16,
}

/// Requests and their replies, ICMPv4 (RFC 792, RFC 950) and ICMPv6 (RFC 4443).
const ANSWERS: [(Protocol, u8, u8); 5] = [
    (Protocol::ICMP, 8, 0),
    (Protocol::ICMP, 13, 14),
    (Protocol::ICMP, 15, 16),
    (Protocol::ICMP, 17, 18),
    (Protocol::ICMPV6, 128, 129),
];

impl Icmp {
    /// The type of the message that answers this one, or that this one answers; `None` where there is no such pair.
    pub(crate) fn counterpart(self, protocol: Protocol) -> Option<u8> {
        let pair = ANSWERS.iter().find(|(of, ask, answer)| *of == protocol && [*ask, *answer].contains(&self.kind));
        pair.map(|(_, ask, answer)| if self.kind == *ask { *answer } else { *ask })
    }
}

/// The flags of a TCP header, as its 14th byte has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has no more to say.
    pub const FIN: Self = Self(1);
    /// Opens a connection.
    pub const SYN: Self = Self(2);
    /// Ends it at once.
    pub const RST: Self = Self(4);
    /// Of every segment but the first.
    pub const ACK: Self = Self(16);

    /// Whether it opens a connection: SYN without ACK.
    pub fn opens(self) -> bool {
        self.0 & (Self::SYN.0 | Self::ACK.0) == Self::SYN.0
    }
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fragment {
    /// All of it.
    #[default]
    Whole,
    /// The first part, with the ports, of the datagram of this identification.
    First(u32),
    /// A later part, without.
    Later(u32),
}

impl Packet {
    /// Of a protocol, without ports; of ICMP and ICMPv6, an echo request.
    pub fn new(protocol: Protocol, source: IpAddr, destination: IpAddr) -> Self {
        let kind = match protocol {
            Protocol::ICMP => 8,
            Protocol::ICMPV6 => 128,
            _ => 0,
        };
        let (icmp, tcp, fragment) = (Icmp { kind, ..Icmp::default() }, TcpFlags::default(), Fragment::default());
        Self { protocol, source, destination, source_port: 0, destination_port: 0, icmp, tcp, fragment }
    }

    /// A TCP segment that opens a connection.
    pub fn tcp(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        let ports = Self::new(Protocol::TCP, source.0, destination.0).ports(source.1, destination.1);
        Self { tcp: TcpFlags::SYN, ..ports }
    }

    /// A UDP datagram.
    pub fn udp(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        Self::new(Protocol::UDP, source.0, destination.0).ports(source.1, destination.1)
    }

    /// With these ports.
    #[must_use]
    pub fn ports(self, source_port: u16, destination_port: u16) -> Self {
        Self { source_port, destination_port, ..self }
    }

    /// With these TCP flags.
    #[must_use]
    pub fn flags(self, tcp: TcpFlags) -> Self {
        Self { tcp, ..self }
    }

    /// What comes back when it arrived: the ends exchanged, SYN answered by SYN and ACK, an echo request by an echo reply.
    #[must_use]
    pub fn reply(self) -> Self {
        let tcp = match self.protocol {
            Protocol::TCP if self.tcp.opens() => TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0),
            Protocol::TCP => TcpFlags::ACK,
            _ => self.tcp,
        };
        let kind = self.icmp.counterpart(self.protocol).unwrap_or(self.icmp.kind);
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            icmp: Icmp { kind, ..self.icmp },
            tcp,
            ..self
        }
    }

    /// The family of both addresses; `None` where they differ.
    pub fn family(&self) -> Option<Family> {
        match (self.source, self.destination) {
            (IpAddr::V4(_), IpAddr::V4(_)) => Some(Family::V4),
            (IpAddr::V6(_), IpAddr::V6(_)) => Some(Family::V6),
            _ => None,
        }
    }

    /// Neighbour discovery of IPv6: RFC 4861, types 133 to 136.
    pub(crate) fn is_neighbour_discovery(&self) -> bool {
        self.protocol == Protocol::ICMPV6 && matches!(self.icmp.kind, 133..=136)
    }

    /// DHCP (RFC 2131, ports 67 and 68) or DHCPv6 (RFC 8415, ports 546 and 547).
    pub(crate) fn is_dhcp(&self) -> bool {
        let ports = (self.source_port, self.destination_port);
        self.protocol == Protocol::UDP && matches!(ports, (67, 68) | (68, 67) | (546, 547) | (547, 546))
    }
}

/// `TCP 10.0.0.1:40000 > 10.0.0.2:80`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source, self.destination);
        if matches!(self.protocol, Protocol::ICMP | Protocol::ICMPV6) {
            return write!(f, "{} {source} > {destination} type {}", self.protocol, self.icmp.kind);
        }
        if self.source_port == 0 && self.destination_port == 0 {
            return write!(f, "{} {source} > {destination}", self.protocol);
        }
        let source = std::net::SocketAddr::new(source, self.source_port);
        let destination = std::net::SocketAddr::new(destination, self.destination_port);
        write!(f, "{} {source} > {destination}", self.protocol)
    }
}
