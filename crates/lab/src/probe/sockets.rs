//! Raw sockets inside the fabric's namespaces, opened once and kept.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::error::{Error, Result};
use crate::fabric::{Namespace, on_own_thread};

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Purpose {
    /// Sends whole packets of a family, from any source address.
    Send { v6: bool },
    /// Gets a copy of each packet of one protocol that the namespace accepts: after its routing and after its `input` hook,
    /// before the protocol itself sees it. The protocol's own answer is not hindered.
    Observe { v6: bool, protocol: u8 },
}

impl Purpose {
    fn open(self) -> io::Result<Socket> {
        /// Sends only, and takes the IP header from the sender.
        const RAW: u8 = 255;
        let (v6, protocol) = match self {
            Purpose::Send { v6 } => (v6, RAW),
            Purpose::Observe { v6, protocol } => (v6, protocol),
        };
        let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(protocol))))?;
        match self {
            Purpose::Send { v6: false } => socket.set_header_included_v4(true)?,
            Purpose::Send { v6: true } => socket.set_header_included_v6(true)?,
            Purpose::Observe { .. } => {
                socket.set_nonblocking(true)?;
                socket.set_recv_buffer_size(1 << 20)?;
                let size = socket.recv_buffer_size()?;
                if size < RECEIVE_BUFFER {
                    let sentence =
                        format!("its buffer holds {size} bytes, {RECEIVE_BUFFER} are needed; raise net.core.rmem_max");
                    return Err(io::Error::other(sentence));
                }
            }
        }
        Ok(socket)
    }
}

/// What a receive buffer must hold, as the kernel counts: a batch of probes and as many answers, each with less than a
/// kilobyte of bookkeeping around it.
pub(super) const RECEIVE_BUFFER: usize = 2 * super::BATCH * 1024;

/// The sockets of all namespaces probed so far, by the namespace's serial number.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: HashMap<(u64, Purpose), Socket>,
}

impl Sockets {
    /// Opens what is missing and closes what belongs to namespaces that `is_standing` does not know.
    pub(super) fn provide(
        &mut self,
        wanted: &BTreeSet<(u64, Purpose)>,
        namespaces: &HashMap<u64, &Namespace>,
        is_standing: impl Fn(u64) -> bool,
    ) -> Result<()> {
        self.open.retain(|(serial, _), _| is_standing(*serial));
        let missing: Vec<_> = wanted.iter().filter(|key| !self.open.contains_key(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        on_own_thread(|| {
            let mut here = None;
            for (serial, purpose) in missing {
                let namespace = namespaces[serial];
                if here != Some(serial) {
                    namespace.join()?;
                    here = Some(serial);
                }
                let socket = purpose.open().map_err(|source| Error::Socket {
                    doing: format!("opening a raw socket to {purpose}"),
                    namespace: namespace.label().into(),
                    source,
                })?;
                self.open.insert((*serial, *purpose), socket);
            }
            Ok(())
        })
    }

    /// Sends a whole packet from a namespace.
    pub(super) fn send(&self, from: u64, packet: &[u8], destination: IpAddr) -> io::Result<()> {
        let socket = &self.open[&(from, Purpose::Send { v6: destination.is_ipv6() })];
        socket.send_to(packet, &SockAddr::from(SocketAddr::new(destination, 0))).map(drop)
    }

    /// Takes every packet that waits in these sockets: where it came in, its protocol, what follows its IP header.
    pub(super) fn collect(
        &self,
        observers: &[(u64, Purpose)],
        mut take: impl FnMut(u64, u8, &[u8]),
    ) -> std::result::Result<(), (u64, io::Error)> {
        let mut buffer = [0; 2048];
        for (serial, purpose) in observers {
            let Purpose::Observe { v6, protocol } = *purpose else { continue };
            let mut socket = &self.open[&(*serial, *purpose)];
            loop {
                match socket.read(&mut buffer) {
                    // An IPv4 raw socket gives the header too, an IPv6 one does not.
                    Ok(length) if v6 => take(*serial, protocol, &buffer[..length]),
                    Ok(length) => {
                        let header = usize::from(buffer[0] & 0x0f) * 4;
                        take(*serial, protocol, &buffer[header.min(length)..length]);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err((*serial, error)),
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let version = |v6: &bool| if *v6 { 6 } else { 4 };
        match self {
            Purpose::Send { v6 } => write!(f, "send IPv{}", version(v6)),
            Purpose::Observe { v6, protocol } => write!(f, "observe protocol {protocol} of IPv{}", version(v6)),
        }
    }
}
