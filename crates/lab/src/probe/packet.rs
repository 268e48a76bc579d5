//! Whole IP packets, made by hand and recognised again.

use std::net::IpAddr;

use super::transport::{Transport, icmp, protocol};
use crate::checksum::{crc32c, internet, with_pseudo_header};

/// Stands before the tag wherever a packet has room for a payload.
const MAGIC: [u8; 4] = *b"mgay";
const HOP_LIMIT: u8 = 64;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// A packet that carries a tag of 32 bits: as the sequence number of a TCP SYN, as the initiate tag of an SCTP INIT, else in
/// its payload. So whoever sees it or an answer to it can tell which packet it was.
///
/// ```
/// use margay_lab::probe::{Packet, Transport};
/// let syn = Transport::Tcp { source_port: Some(40000), port: 80 };
/// let packet = Packet::new("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), syn, 7)?;
/// assert_eq!(packet.bytes().len(), 40);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    bytes: Vec<u8>,
    header: usize,
    protocol: u8,
    answerable: bool,
}

impl Packet {
    /// Makes the packet with valid checksums. A source port that is left open becomes the tag's low bits, above 32767.
    ///
    /// # Errors
    /// A sentence for what can't be such a packet: addresses of two families, a protocol number that means an extension
    /// header in IPv6, or [`Transport::Other`] for a protocol that has a variant of its own.
    pub fn new(source: IpAddr, destination: IpAddr, transport: Transport, tag: u32) -> Result<Packet, String> {
        let number = transport.protocol(destination);
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(format!("{source} and {destination} are of two families"));
        }
        if destination.is_ipv6() && protocol::IPV6_EXTENSIONS.contains(&number) {
            return Err(format!("protocol {number} is an extension header in IPv6, never the packet's own protocol"));
        }
        if matches!(transport, Transport::Other { .. }) && Transport::has_own_variant(number, destination) {
            return Err(format!("protocol {number} has a packet format of its own; name it, don't number it"));
        }
        let mut body = body(transport, tag);
        seal(&mut body, source, destination, number);
        let mut bytes = ip_header(source, destination, number, body.len(), tag);
        let header = bytes.len();
        bytes.append(&mut body);
        let answerable = match transport {
            Transport::Tcp { .. } => true,
            Transport::Icmp { kind, code: 0 } => kind == icmp::echo(destination).0,
            _ => false,
        };
        Ok(Packet { bytes, header, protocol: number, answerable })
    }

    /// The packet from its IP header on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the IP header.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.header..]
    }

    /// The protocol number in the IP header.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Whether a kernel answers it: a TCP SYN (with a reset, where nobody listens) or an echo request.
    pub fn answerable(&self) -> bool {
        self.answerable
    }

    /// Whether `body`, seen on a wire, is the kernel's answer to this packet: a TCP segment that acknowledges the SYN, or
    /// the echo.
    pub fn is_answered_by(&self, body: &[u8]) -> bool {
        let own = self.body();
        match self.protocol {
            protocol::TCP => {
                body.len() >= 20
                    && body[0..2] == own[2..4]
                    && body[2..4] == own[0..2]
                    && body[13] & ACK != 0
                    && tag_in(protocol::TCP, body) == tag_in(protocol::TCP, own)
            }
            _ if !self.answerable => false,
            _ => {
                let answer = if self.protocol == protocol::ICMP { icmp::REPLY_V4 } else { icmp::REPLY_V6 };
                body.len() == own.len() && body[0] == answer && body[1] == 0 && body[4..] == own[4..]
            }
        }
    }
}

/// The tag that a packet of this protocol with this body carries or answers; noise gives `None` or a tag that nobody sent.
pub fn tag_in(protocol: u8, body: &[u8]) -> Option<u32> {
    let number = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let payload = |at: usize| if body.get(at..at + 4)? == MAGIC { number(at + 4) } else { None };
    match protocol {
        protocol::TCP if body.get(13)? & ACK != 0 => Some(number(8)?.wrapping_sub(1)),
        protocol::TCP => number(4),
        protocol::SCTP => number(16),
        protocol::UDP | protocol::UDP_LITE | protocol::ICMP | protocol::ICMPV6 => payload(8).or_else(|| payload(0)),
        _ => payload(0),
    }
}

/// What follows the IP header, its checksum still zero.
fn body(transport: Transport, tag: u32) -> Vec<u8> {
    let ports = |source: Option<u16>, port: u16| {
        let source = source.unwrap_or(0x8000 | (tag & 0x7fff) as u16);
        [source.to_be_bytes(), port.to_be_bytes()].concat()
    };
    let payload = [MAGIC, tag.to_be_bytes()].concat();
    match transport {
        Transport::Tcp { source_port, port } => [
            ports(source_port, port),
            tag.to_be_bytes().to_vec(),
            vec![0, 0, 0, 0, 5 << 4, SYN, 0xfa, 0xf0, 0, 0, 0, 0],
        ]
        .concat(),
        Transport::Udp { source_port, port } => {
            let length = 8 + payload.len() as u16;
            [ports(source_port, port), length.to_be_bytes().to_vec(), vec![0, 0], payload].concat()
        }
        // The coverage, where UDP has the length: 0 is the whole packet (RFC 3828).
        Transport::UdpLite { source_port, port } => [ports(source_port, port), vec![0, 0, 0, 0], payload].concat(),
        // An INIT chunk of 20 bytes: initiate tag, window, streams out and in, first sequence number (RFC 9260, 3.3.2).
        Transport::Sctp { source_port, port } => [
            ports(source_port, port),
            vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20],
            tag.to_be_bytes().to_vec(),
            vec![0, 0, 0xff, 0xff, 0, 10, 0, 10],
            tag.to_be_bytes().to_vec(),
        ]
        .concat(),
        // The identifier is the tag's low half, the sequence number its high half: two requests at once differ in the former,
        // by which connection tracking tells them apart.
        Transport::Icmp { kind, code } => {
            [vec![kind, code, 0, 0], tag.rotate_left(16).to_be_bytes().to_vec(), payload].concat()
        }
        Transport::Other { .. } => payload,
    }
}

/// Puts the checksum in its place.
fn seal(body: &mut [u8], source: IpAddr, destination: IpAddr, number: u8) {
    let (at, sum) = match number {
        protocol::TCP => (16, with_pseudo_header(source, destination, number, body)),
        protocol::UDP | protocol::UDP_LITE => {
            // A sum of zero would mean "no checksum".
            let sum = with_pseudo_header(source, destination, number, body);
            (6, if sum == 0 { 0xffff } else { sum })
        }
        protocol::ICMP if source.is_ipv4() => (2, internet(body)),
        protocol::ICMPV6 if source.is_ipv6() => (2, with_pseudo_header(source, destination, number, body)),
        protocol::SCTP => {
            let sum = crc32c(body);
            return body[8..12].copy_from_slice(&sum);
        }
        _ => return,
    };
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn ip_header(source: IpAddr, destination: IpAddr, number: u8, length: usize, tag: u32) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = (20 + length) as u16;
            let id = tag as u16;
            let mut header = vec![0x45, 0];
            header.extend(total.to_be_bytes());
            header.extend(id.to_be_bytes());
            header.extend([0x40, 0, HOP_LIMIT, number, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = internet(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        _ => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(a) => a.to_ipv6_mapped().octets(),
                IpAddr::V6(a) => a.octets(),
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend((length as u16).to_be_bytes());
            header.extend([number, HOP_LIMIT]);
            header.extend(octets(source));
            header.extend(octets(destination));
            header
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(v6: bool) -> (IpAddr, IpAddr) {
        let (a, b) = if v6 { ("fd00::1", "2001:db8::2") } else { ("10.0.0.1", "192.0.2.9") };
        (a.parse().unwrap(), b.parse().unwrap())
    }

    #[test]
    fn every_kind_carries_its_tag_and_valid_lengths() {
        let ports = (Some(40000), 80);
        let kinds = [
            Transport::Tcp { source_port: ports.0, port: ports.1 },
            Transport::Udp { source_port: ports.0, port: ports.1 },
            Transport::UdpLite { source_port: ports.0, port: ports.1 },
            Transport::Sctp { source_port: ports.0, port: ports.1 },
            Transport::Icmp { kind: 8, code: 0 },
            Transport::Icmp { kind: 128, code: 3 },
            Transport::Other { protocol: 47 },
            Transport::Other { protocol: 253 },
        ];
        for v6 in [false, true] {
            let (source, destination) = addresses(v6);
            for kind in kinds {
                let packet = Packet::new(source, destination, kind, 0x1234_5678).unwrap();
                let bytes = packet.bytes();
                assert_eq!(tag_in(packet.protocol(), packet.body()), Some(0x1234_5678), "{kind:?}");
                if v6 {
                    assert_eq!(u16::from_be_bytes([bytes[4], bytes[5]]) as usize, bytes.len() - 40, "{kind:?}");
                    assert_eq!(bytes[6], kind.protocol(destination));
                } else {
                    assert_eq!(u16::from_be_bytes([bytes[2], bytes[3]]) as usize, bytes.len(), "{kind:?}");
                    assert_eq!(bytes[9], kind.protocol(destination));
                    assert_eq!(internet(&bytes[..20]), 0, "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let (v4, v6) = (addresses(false), addresses(true));
        let udp = Transport::Udp { source_port: None, port: 53 };
        assert!(Packet::new(v4.0, v6.1, udp, 1).unwrap_err().contains("two families"));
        for (addresses, protocol) in [(v4, 1), (v4, 6), (v6, 17), (v4, 132), (v4, 136), (v6, 58)] {
            let other = Transport::Other { protocol };
            assert!(Packet::new(addresses.0, addresses.1, other, 1).unwrap_err().contains("name it"), "{protocol}");
        }
        for (addresses, protocol) in [(v6, 1), (v4, 58)] {
            let packet = Packet::new(addresses.0, addresses.1, Transport::Other { protocol }, 77).unwrap();
            assert_eq!(tag_in(protocol, packet.body()), Some(77));
        }
        for protocol in [0, 43, 44, 51, 60, 135, 139, 140] {
            let other = Transport::Other { protocol };
            assert!(Packet::new(v6.0, v6.1, other, 1).unwrap_err().contains("extension header"), "{protocol}");
            assert!(Packet::new(v4.0, v4.1, other, 1).is_ok(), "{protocol}");
        }
    }

    #[test]
    fn answers_are_told_from_everything_else() {
        let (source, destination) = addresses(false);
        let syn = Packet::new(source, destination, Transport::Tcp { source_port: Some(40000), port: 80 }, 41).unwrap();
        let reset = |from: u16, to: u16, ack: u32, flags: u8| {
            let mut body = [from.to_be_bytes(), to.to_be_bytes()].concat();
            body.extend(0_u32.to_be_bytes());
            body.extend(ack.to_be_bytes());
            body.extend([5 << 4, flags, 0, 0, 0, 0, 0, 0]);
            body
        };
        let table = [
            (reset(80, 40000, 42, 0x14), true),
            (reset(80, 40000, 42, 0x12), true),
            (reset(80, 40000, 43, 0x14), false),
            (reset(81, 40000, 42, 0x14), false),
            (reset(80, 40001, 42, 0x14), false),
            (reset(80, 40000, 42, 0x04), false),
            (syn.body().to_vec(), false),
            (vec![], false),
        ];
        for (body, expected) in table {
            assert_eq!(syn.is_answered_by(&body), expected, "{body:x?}");
        }
        for (v6, request, reply) in [(false, 8, 0), (true, 128, 129)] {
            let (source, destination) = addresses(v6);
            let echo = Packet::new(source, destination, Transport::Icmp { kind: request, code: 0 }, 9).unwrap();
            let mut body = echo.body().to_vec();
            assert!(echo.answerable() && !echo.is_answered_by(&body));
            body[0] = reply;
            assert!(echo.is_answered_by(&body));
            body[7] ^= 1;
            assert!(!echo.is_answered_by(&body));
        }
        let timestamp = Packet::new(source, destination, Transport::Icmp { kind: 13, code: 0 }, 9).unwrap();
        assert!(!timestamp.answerable() && !timestamp.is_answered_by(timestamp.body()));
    }

    #[test]
    fn an_open_source_port_is_high_and_follows_the_tag() {
        let (source, destination) = addresses(false);
        for (tag, expected) in [(0, 0x8000_u16), (5, 0x8005), (0x8001_7fff, 0xffff)] {
            let packet = Packet::new(source, destination, Transport::Udp { source_port: None, port: 53 }, tag).unwrap();
            assert_eq!(packet.body()[0..2], expected.to_be_bytes());
        }
    }
}
