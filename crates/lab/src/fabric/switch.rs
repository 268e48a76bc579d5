//! The virtual switch of nodes that have one: frames leave the kernel, and who holds the switch decides over each.
//!
//! ```text
//!   pod ──veth── [port towards the pod │ switch │ port towards the node] ──veth── node
//! ```
//!
//! The loose ends of both wires are in a namespace without addresses, each with a packet socket. Nothing runs by itself: [`Switch::forward`] takes what has
//! come in, and the calling thread's CPU carries it on, so that the order of packets that measurements rest on holds here too.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send, socket,
};

use super::error::{Error, Result};
use super::layout::{Side, switch_index};
use crate::checksum;

/// The longest frame: veth pairs have an MTU of 1,500 bytes, but the kernel hands on TCP segments that it would cut up only for a real device.
const LONGEST: usize = 66_000;
/// `PACKET_OUTGOING`: a frame that went out, not one that came in.
const OUTGOING: u8 = 4;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Toward {
    /// From the pod to its node.
    Node,
    /// From the node to its pod.
    Pod,
}

/// Decides over frames.
pub trait Filter: Debug + Send + Sync {
    /// Whether a frame from or to this pod (its id in the topology) goes on.
    fn pass(&self, pod: &str, toward: Toward, frame: &[u8]) -> bool;
    /// Forgets every connection, so that the next packet of any counts as its first.
    fn forget_connections(&self);
}

/// The ports of every switched pod, and what decides over their frames; without that, all go on.
#[derive(Debug, Default)]
pub struct Switch {
    ports: Vec<Port>,
    filter: Option<Arc<dyn Filter>>,
}

/// The two ends that belong to one pod.
#[derive(Debug)]
struct Port {
    number: u32,
    /// The pod's id.
    pod: String,
    to_node: End,
    to_pod: End,
}

/// A packet socket on one interface.
#[derive(Debug)]
struct End {
    socket: OwnedFd,
    interface: u32,
}

impl Switch {
    /// Takes every frame that has come in since the last time and sends on those that the filter lets pass. How many had come.
    ///
    /// # Errors
    /// Where a socket fails; a frame that its interface does not take is lost, as on a wire.
    pub fn forward(&self) -> io::Result<usize> {
        if self.ports.is_empty() {
            return Ok(0);
        }
        let mut buffer = vec![0; LONGEST];
        let mut came = 0;
        for port in &self.ports {
            let ways = [(&port.to_pod, &port.to_node, Toward::Node), (&port.to_node, &port.to_pod, Toward::Pod)];
            for (from, to, toward) in ways {
                while let Some(frame) = from.receive(&mut buffer)? {
                    came += 1;
                    complete(frame);
                    if self.filter.as_ref().is_none_or(|filter| filter.pass(&port.pod, toward, frame)) {
                        to.send(frame)?;
                    }
                }
            }
        }
        Ok(came)
    }

    /// What can be read from when frames have come in.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ports.iter().flat_map(|port| [port.to_pod.socket.as_fd(), port.to_node.socket.as_fd()])
    }

    /// Forgets every connection that the filter knows.
    pub(super) fn forget_connections(&self) {
        self.filter.iter().for_each(|filter| filter.forget_connections());
    }

    /// From now on this decides.
    pub(super) fn set_filter(&mut self, filter: Arc<dyn Filter>) {
        self.filter = Some(filter);
    }

    /// Opens what is wanted (a pod's number and its id) and closes the rest. The calling thread is in the switch's namespace.
    pub(super) fn connect_here(&mut self, wanted: &[(u32, &str)], namespace: &str) -> Result<()> {
        let mut standing = std::mem::take(&mut self.ports);
        let opens = wanted.iter().any(|(number, _)| !standing.iter().any(|port| port.number == *number));
        let links = if opens { links_here(namespace)? } else { Vec::new() };
        for &(number, pod) in wanted {
            let port = match standing.iter().position(|port| port.number == number) {
                Some(index) => standing.swap_remove(index),
                None => {
                    let end = |side| End::open_here(switch_index(side, number), &links, namespace);
                    Port { number, pod: pod.into(), to_node: end(Side::Node)?, to_pod: end(Side::Pod)? }
                }
            };
            self.ports.push(port);
        }
        Ok(())
    }
}

fn failed(doing: &str, interface: u32, namespace: &str, errno: Errno) -> Error {
    let doing = format!("{doing} of interface {interface}");
    Error::Netlink { doing, namespace: namespace.into(), source: errno.into() }
}

/// The link-layer address of each interface of the calling thread's namespace.
fn links_here(namespace: &str) -> Result<Vec<LinkAddr>> {
    let failed = |errno| Error::Namespace { doing: "listing interfaces", namespace: namespace.into(), errno };
    let links = getifaddrs().map_err(failed)?;
    Ok(links.filter_map(|link| link.address?.as_link_addr().copied()).collect())
}

impl End {
    fn open_here(interface: u32, links: &[LinkAddr], namespace: &str) -> Result<Self> {
        let failed = |doing| move |errno| failed(doing, interface, namespace, errno);
        let link = links.iter().find(|link| link.ifindex() == interface as usize);
        let link = link.ok_or(Errno::ENODEV).map_err(failed("finding the link"))?;
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
            .map_err(failed("opening the packet socket"))?;
        // An address without a protocol: the socket keeps the one it was opened with.
        bind(socket.as_raw_fd(), link).map_err(failed("binding the packet socket"))?;
        Ok(Self { socket, interface })
    }

    /// The next frame that came in by this interface; none where there is none yet.
    fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a mut [u8]>> {
        loop {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer) {
                // Until it was bound, the socket took in what came by any interface.
                Ok((_, Some(from))) if from.ifindex() != self.interface as usize || from.pkttype() == OUTGOING => {}
                Ok((length, _)) => return Ok(buffer.get_mut(..length)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn send(&self, frame: &[u8]) -> io::Result<()> {
        match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(_) | Err(Errno::EMSGSIZE | Errno::EAGAIN | Errno::ENOBUFS | Errno::ENETDOWN | Errno::ENXIO) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Fills in the checksum that the kernel leaves to the device, which a veth pair has none of: that of TCP and UDP.
fn complete(frame: &mut [u8]) {
    if let Some((source, destination, protocol, start)) = transport(frame) {
        let place = if protocol == 6 { start + 16 } else { start + 6 };
        let end = frame.len();
        let none_asked = protocol == 17 && frame.get(place..place + 2) == Some(&[0, 0]);
        if none_asked || place + 2 > end {
            return;
        }
        frame[place..place + 2].fill(0);
        let sum = checksum::with_pseudo_header(source, destination, protocol, &frame[start..]);
        // Zero would say that there is none.
        let sum = if protocol == 17 && sum == 0 { u16::MAX } else { sum };
        frame[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Source, destination, protocol and where its header begins, of TCP and UDP that is whole: not a fragment, without options or extension headers between.
fn transport(frame: &[u8]) -> Option<(IpAddr, IpAddr, u8, usize)> {
    const ETHERNET: usize = 14;
    let (kind, packet) = (frame.get(12..14)?, frame.get(ETHERNET..)?);
    let (source, destination, protocol, header, length) = match kind {
        [0x08, 0x00] => {
            let header = usize::from(packet.first()? & 0xf) * 4;
            let whole = packet.get(6)? & 0x3f == 0 && *packet.get(7)? == 0;
            let address = |at: usize| Some(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?.into());
            let length = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
            whole.then_some((address(12)?, address(16)?, *packet.get(9)?, header, length))?
        }
        [0x86, 0xdd] => {
            let address = |at: usize| Some(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?.into());
            let length = 40 + usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
            (address(8)?, address(24)?, *packet.get(6)?, 40, length)
        }
        _ => return None,
    };
    // A frame may be longer than its packet: then what follows is padding, which no checksum counts.
    (length == packet.len() && [6, 17].contains(&protocol)).then_some((
        source,
        destination,
        protocol,
        ETHERNET + header,
    ))
}
