//! Ethernet frames, as a TAP device gives them.

use crate::emulator::NO_PORT;
use crate::object::State;
use crate::packet::Fragment;
use crate::{Decision, Direction, Emulator, Icmp, Packet, TcpFlags};
use margay_hcn::Guid;
use margay_net::Protocol;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// An IP packet.
    Ip(Packet),
    /// Something else, of this EtherType: ARP is 0x0806.
    Other(u16),
}

/// A frame that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It ends before its headers do, or before the length that they say.
    #[error("the frame is cut off")]
    Short,
    /// A header contradicts itself.
    #[error("a header of the frame is wrong")]
    Header,
    /// More extension headers than any honest packet has.
    #[error("the frame has too many extension headers")]
    Deep,
}

/// The most extension headers that are followed.
const DEEPEST: usize = 8;

impl Frame {
    /// Reads a frame from its Ethernet header on, VLAN tags taken off. Checksums are not looked at: virtual devices leave them to each other.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let (mut kind, mut rest) = (be16(bytes, 12)?, tail(bytes, 14)?);
        // 802.1Q and 802.1ad: at most two tags.
        for _ in 0..2 {
            if matches!(kind, 0x8100 | 0x88a8) {
                (kind, rest) = (be16(rest, 2)?, tail(rest, 4)?);
            }
        }
        match kind {
            0x0800 => ipv4(rest).map(Frame::Ip),
            0x86dd => ipv6(rest).map(Frame::Ip),
            other => Ok(Frame::Other(other)),
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, FrameError> {
    Ok(u16::from_be_bytes(array(bytes, at)?))
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, FrameError> {
    bytes.get(at).copied().ok_or(FrameError::Short)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], FrameError> {
    let slice = bytes.get(at..).and_then(|rest| rest.get(..N));
    slice.and_then(|slice| slice.try_into().ok()).ok_or(FrameError::Short)
}

fn tail(bytes: &[u8], from: usize) -> Result<&[u8], FrameError> {
    bytes.get(from..).ok_or(FrameError::Short)
}

fn ipv4(bytes: &[u8]) -> Result<Packet, FrameError> {
    let first = byte(bytes, 0)?;
    let (header, total) = (usize::from(first & 0xf) * 4, usize::from(be16(bytes, 2)?));
    if first >> 4 != 4 || header < 20 || total < header {
        return Err(FrameError::Header);
    }
    // What is behind the packet is padding of the frame.
    let payload = tail(bytes.get(..total).ok_or(FrameError::Short)?, header)?;
    let fragment = be16(bytes, 6)?;
    let (more, offset, id) = (fragment & 0x2000 != 0, fragment & 0x1fff, u32::from(be16(bytes, 4)?));
    let source = Ipv4Addr::from(array::<4>(bytes, 12)?).into();
    let destination = Ipv4Addr::from(array::<4>(bytes, 16)?).into();
    let packet = Packet::new(Protocol(byte(bytes, 9)?), source, destination);
    transport(Packet { fragment: part(more, offset, id), ..packet }, payload)
}

fn part(more: bool, offset: u16, id: u32) -> Fragment {
    match (more, offset) {
        (false, 0) => Fragment::Whole,
        (true, 0) => Fragment::First(id),
        _ => Fragment::Later(id),
    }
}

fn ipv6(bytes: &[u8]) -> Result<Packet, FrameError> {
    if byte(bytes, 0)? >> 4 != 6 {
        return Err(FrameError::Header);
    }
    let (length, mut next) = (usize::from(be16(bytes, 4)?), byte(bytes, 6)?);
    let source = Ipv6Addr::from(array::<16>(bytes, 8)?).into();
    let destination = Ipv6Addr::from(array::<16>(bytes, 24)?).into();
    let mut payload = tail(bytes, 40)?.get(..length).ok_or(FrameError::Short)?;
    let mut fragment = Fragment::Whole;
    for _ in 0..DEEPEST {
        let skip = match next {
            // Hop-by-hop options, routing, destination options: RFC 8200 §4.
            0 | 43 | 60 => usize::from(byte(payload, 1)?) * 8 + 8,
            // Fragment: RFC 8200 §4.5. Behind a later one there is no header.
            44 => {
                let offset = be16(payload, 2)?;
                fragment = part(offset & 1 != 0, offset >> 3, u32::from_be_bytes(array(payload, 4)?));
                8
            }
            // Authentication: RFC 4302 §2.2.
            51 => usize::from(byte(payload, 1)?) * 4 + 8,
            _ => return transport(Packet { fragment, ..Packet::new(Protocol(next), source, destination) }, payload),
        };
        next = byte(payload, 0)?;
        payload = tail(payload, skip)?;
        if matches!(fragment, Fragment::Later(_)) {
            return Ok(Packet { fragment, ..without_icmp(Packet::new(Protocol(next), source, destination)) });
        }
    }
    Err(FrameError::Deep)
}

/// A packet of which no transport header is seen.
fn without_icmp(packet: Packet) -> Packet {
    Packet { icmp: Icmp::default(), ..packet }
}

/// Reads the transport header, unless the packet is a later fragment.
fn transport(packet: Packet, payload: &[u8]) -> Result<Packet, FrameError> {
    let packet = without_icmp(packet);
    if matches!(packet.fragment, Fragment::Later(_)) {
        return Ok(packet);
    }
    let shortest = match packet.protocol {
        Protocol::TCP => 20,
        Protocol::UDP | Protocol::UDPLITE | Protocol::ICMP => 8,
        Protocol::SCTP => 12,
        Protocol::ICMPV6 => 4,
        _ => return Ok(packet),
    };
    // A first fragment that cuts the header is an attack (RFC 1858).
    if payload.len() < shortest {
        return Err(FrameError::Short);
    }
    if matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6) {
        let mut icmp = Icmp { kind: byte(payload, 0)?, code: byte(payload, 1)?, id: 0 };
        if icmp.counterpart(packet.protocol).is_some() {
            icmp.id = be16(payload, 4)?;
        }
        return Ok(Packet { icmp, ..packet });
    }
    let tcp = if packet.protocol == Protocol::TCP { TcpFlags(byte(payload, 13)?) } else { TcpFlags::default() };
    Ok(Packet { tcp, ..packet.ports(be16(payload, 0)?, be16(payload, 2)?) })
}

impl Emulator {
    /// A frame passes the port of an endpoint, or not. One that can't be read is dropped.
    pub fn process_frame(&self, endpoint: Guid, direction: Direction, frame: &[u8]) -> Decision {
        let now = self.clock().now();
        self.state().process_frame(endpoint, direction, frame, now)
    }

    /// Frames pass the port of an endpoint, one after the other.
    pub fn process_frames<F: AsRef<[u8]>>(&self, endpoint: Guid, direction: Direction, frames: &[F]) -> Vec<Decision> {
        let now = self.clock().now();
        let mut state = self.state();
        frames.iter().map(|frame| state.process_frame(endpoint, direction, frame.as_ref(), now)).collect()
    }
}

impl State {
    fn process_frame(&mut self, endpoint: Guid, direction: Direction, frame: &[u8], now: Duration) -> Decision {
        let attached = self.is_attached(endpoint);
        let Some(port) = self.ports.get_mut(&endpoint).filter(|_| attached) else { return NO_PORT };
        match Frame::parse(frame) {
            Ok(Frame::Ip(packet)) => port.process(direction, &packet, frame.len(), now),
            Ok(Frame::Other(_)) => port.other(direction, true, frame.len()),
            Err(_) => port.other(direction, false, frame.len()),
        }
    }
}
