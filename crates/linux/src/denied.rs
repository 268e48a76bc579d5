//! Packets that were denied, as the kernel tells of them.

use crate::attribution;
use margay_dataplane::{Header, LoggedPacket};
use margay_net::Protocol;
use margay_nftables::Error;
use margay_nftables::nflog::{Nflog, NflogConfig, Packet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Bytes of a packet that are copied: an IPv6 header, some extension headers, and the ports.
const COPY: u32 = 128;
/// Extension headers that are passed over.
const MOST_EXTENSIONS: usize = 8;

/// What a read came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Packets given.
    pub packets: u64,
    /// Packets that were lost in the kernel, or could not be understood.
    pub lost: u64,
}

/// Reads packets that rules tell of, in the network namespace that the thread was in when it was made.
pub struct DeniedPackets {
    nflog: Nflog,
}

impl DeniedPackets {
    /// Listens to an NFLOG group: [`Options::nflog_group`](crate::Options).
    ///
    /// # Errors
    /// Where another process listens to it already, or without rights.
    pub fn open(group: u16) -> Result<Self, Error> {
        Ok(Self { nflog: Nflog::open(&NflogConfig { copy: COPY, ..NflogConfig::new(group) })? })
    }

    /// Gives what was told since the last time; with nothing there, waits for something for at most `bound`.
    ///
    /// # Errors
    /// Where the kernel won't tell.
    pub fn read(&mut self, bound: Duration, mut visit: impl FnMut(LoggedPacket)) -> Result<Read, Error> {
        let mut read = Read::default();
        let told = self.nflog.read(Some(bound), |packet| match decode(packet) {
            Some(packet) => {
                read.packets += 1;
                visit(packet);
            }
            None => read.lost += 1,
        })?;
        read.lost += told.lost + told.malformed as u64;
        Ok(read)
    }
}

fn decode(packet: &Packet<'_>) -> Option<LoggedPacket> {
    let (verdict, direction, reason) = attribution::read(packet.prefix)?;
    Some(LoggedPacket { verdict, direction, reason, header: read_header(packet.payload)? })
}

/// Reads a packet from its network header on; `None` where it is cut before its addresses, or is no IP.
pub fn read_header(packet: &[u8]) -> Option<Header> {
    match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }
}

fn v4(packet: &[u8]) -> Option<Header> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let length = usize::from(header[0] & 0xf) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    let address = |at: usize| Ipv4Addr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]).into();
    let rest = if fragment == 0 && length >= 20 { packet.get(length..).unwrap_or_default() } else { &[] };
    Some(with(address(12), address(16), header[9], rest))
}

fn v6(packet: &[u8]) -> Option<Header> {
    let (header, mut rest) = packet.split_first_chunk::<40>()?;
    let address = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into());
    let (source, destination) = (address(&header[8..24])?, address(&header[24..40])?);
    let mut protocol = header[6];
    for _ in 0..MOST_EXTENSIONS {
        let Some([next, length, more @ ..]) = rest.get(..4).and_then(|start| <&[u8; 4]>::try_from(start).ok()) else {
            break;
        };
        let skip = match protocol {
            // Hop-by-hop options, routing, destination options (RFC 8200), in units of 8 bytes after the first.
            0 | 43 | 60 => usize::from(*length) * 8 + 8,
            // Fragment: what is behind the first is no header.
            44 if u16::from_be_bytes(*more) & 0xfff8 != 0 => {
                return Some(with(source, destination, *next, &[]));
            }
            44 => 8,
            // Authentication (RFC 4302), in units of 4 bytes, less two.
            51 => usize::from(*length) * 4 + 8,
            _ => break,
        };
        protocol = *next;
        rest = rest.get(skip..).unwrap_or_default();
    }
    Some(with(source, destination, protocol, rest))
}

fn with(source: IpAddr, destination: IpAddr, protocol: u8, rest: &[u8]) -> Header {
    let protocol = Protocol(protocol);
    let has_ports = [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol(33), Protocol(136)].contains(&protocol);
    let is_icmp = [Protocol::ICMP, Protocol::ICMPV6].contains(&protocol);
    let ports = match rest {
        [a, b, c, d, ..] if has_ports => Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => None,
    };
    let icmp = match rest {
        [kind, code, ..] if is_icmp => Some((*kind, *code)),
        _ => None,
    };
    Header { source, destination, protocol, ports, icmp }
}

#[cfg(test)]
mod tests {
    use super::read_header;

    /// An IPv4 header (flags and fragment, protocol) and what follows, from 10.0.0.1 to 10.0.0.2.
    fn v4(fragment: u16, protocol: u8, rest: &[u8]) -> Vec<u8> {
        let [high, low] = fragment.to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend_from_slice(rest);
        packet
    }

    /// An IPv6 header and what follows, from fd00::1 to fd00::2.
    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        for last in [1, 2] {
            packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn packets_are_read_as_far_as_they_go() {
        let tcp = [0x12, 0x34, 0, 80];
        let options = |next, rest: &[u8]| [&[next, 0, 0, 0, 0, 0, 0, 0], rest].concat();
        for (what, packet, said) in [
            ("TCP", v4(0, 6, &tcp), Some((6, Some((0x1234, 80)), None))),
            ("SCTP", v4(0x4000, 132, &tcp), Some((132, Some((0x1234, 80)), None))),
            ("a first fragment", v4(0x2000, 17, &tcp), Some((17, Some((0x1234, 80)), None))),
            ("a later fragment", v4(0x2001, 17, &tcp), Some((17, None, None))),
            ("ICMP", v4(0, 1, &[8, 0, 1, 2]), Some((1, None, Some((8, 0))))),
            ("a protocol of no ports", v4(0, 47, &tcp), Some((47, None, None))),
            ("cut before its ports", v4(0, 6, &tcp[..3]), Some((6, None, None))),
            ("cut before its addresses", v4(0, 6, &[])[..19].to_vec(), None),
            ("TCP on IPv6", v6(6, &tcp), Some((6, Some((0x1234, 80)), None))),
            ("ICMPv6 echo", v6(58, &[128, 0, 0, 0]), Some((58, None, Some((128, 0))))),
            ("behind options", v6(0, &options(17, &tcp)), Some((17, Some((0x1234, 80)), None))),
            ("a later fragment on IPv6", v6(44, &[6, 0, 0, 8, 0, 0, 0, 0, 0x12, 0x34, 0, 80]), Some((6, None, None))),
            ("options without end", v6(0, &options(0, &options(0, &[]))), Some((0, None, None))),
            ("no IP", vec![0x10; 60], None),
            ("nothing", Vec::new(), None),
        ] {
            let read = read_header(&packet).map(|header| (header.protocol.0, header.ports, header.icmp));
            assert_eq!(read, said, "{what}");
        }
    }
}
