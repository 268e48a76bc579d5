//! What a probe is above IP.

use std::net::IpAddr;

/// The protocol numbers that have a meaning here (IANA).
pub(super) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const UDP_LITE: u8 = 136;
    /// The "next header" values that make the kernel look for another header behind (RFC 8200, section 4, and IANA's list).
    pub(crate) const IPV6_EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];
}

/// ICMP types.
pub(super) mod icmp {
    use std::net::IpAddr;

    pub(crate) const REPLY_V4: u8 = 0;
    pub(crate) const REPLY_V6: u8 = 129;

    /// Type and code of an echo request in the address's family.
    pub(crate) fn echo(address: IpAddr) -> (u8, u8) {
        if address.is_ipv4() { (8, 0) } else { (128, 0) }
    }
}

/// A packet's protocol with what the protocol has instead of a connection: ports, or type and code.
///
/// A source port of `None` is a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TCP SYN.
    Tcp {
        /// The source port, or a fresh one.
        source_port: Option<u16>,
        /// The destination port.
        port: u16,
    },
    /// A UDP datagram.
    Udp {
        /// The source port, or a fresh one.
        source_port: Option<u16>,
        /// The destination port.
        port: u16,
    },
    /// A UDP-Lite datagram, all of it covered by the checksum.
    UdpLite {
        /// The source port, or a fresh one.
        source_port: Option<u16>,
        /// The destination port.
        port: u16,
    },
    /// An SCTP INIT.
    Sctp {
        /// The source port, or a fresh one.
        source_port: Option<u16>,
        /// The destination port.
        port: u16,
    },
    /// ICMP between IPv4 addresses, ICMPv6 between IPv6 addresses. Connection tracking knows only requests as the beginning
    /// of something: a type such as "echo reply" or "destination unreachable" out of the blue is `ct state invalid`, and
    /// neighbour discovery is `untracked`.
    Icmp {
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
    },
    /// Any other protocol, by number, with the tag as payload.
    Other {
        /// The protocol number in the IP header.
        protocol: u8,
    },
}

impl Transport {
    /// From the fields of a flow. `icmp` is type and code; without it, ICMP is an echo request. Ports are ignored for
    /// protocols that have none.
    ///
    /// ```
    /// use margay_lab::probe::Transport;
    /// let to = "10.0.0.1".parse().unwrap();
    /// assert_eq!(Transport::from_flow(to, 17, Some(40000), 53, None), Transport::Udp { source_port: Some(40000), port: 53 });
    /// assert_eq!(Transport::from_flow(to, 1, None, 0, None), Transport::Icmp { kind: 8, code: 0 });
    /// assert_eq!(Transport::from_flow(to, 58, None, 0, None), Transport::Other { protocol: 58 }); // ICMPv6 over IPv4
    /// ```
    pub fn from_flow(
        destination: IpAddr,
        number: u8,
        source_port: Option<u16>,
        port: u16,
        icmp: Option<(u8, u8)>,
    ) -> Transport {
        match number {
            protocol::TCP => Transport::Tcp { source_port, port },
            protocol::UDP => Transport::Udp { source_port, port },
            protocol::UDP_LITE => Transport::UdpLite { source_port, port },
            protocol::SCTP => Transport::Sctp { source_port, port },
            _ if number == icmp_number(destination) => {
                let (kind, code) = icmp.unwrap_or(self::icmp::echo(destination));
                Transport::Icmp { kind, code }
            }
            _ => Transport::Other { protocol: number },
        }
    }

    /// Whether a protocol number, towards an address of this family, is what another variant than `Other` stands for.
    pub(super) fn has_own_variant(number: u8, destination: IpAddr) -> bool {
        !matches!(Self::from_flow(destination, number, None, 0, None), Transport::Other { .. })
    }

    /// The protocol number in the header of a packet to this address.
    pub fn protocol(self, destination: IpAddr) -> u8 {
        match self {
            Transport::Tcp { .. } => protocol::TCP,
            Transport::Udp { .. } => protocol::UDP,
            Transport::UdpLite { .. } => protocol::UDP_LITE,
            Transport::Sctp { .. } => protocol::SCTP,
            Transport::Icmp { .. } => icmp_number(destination),
            Transport::Other { protocol } => protocol,
        }
    }
}

fn icmp_number(address: IpAddr) -> u8 {
    if address.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 }
}
