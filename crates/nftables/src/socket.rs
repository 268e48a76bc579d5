//! A netlink socket to netfilter, in the network namespace of the thread that opens it.

mod sys;

use crate::error::{Error, Result};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Sizes of the socket's buffers, in bytes: wishes, cut to what the kernel allows. They are limits, not allocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferSizes {
    /// The largest transaction.
    pub send: usize,
    /// Replies and notifications waiting to be read.
    pub receive: usize,
}

impl Default for BufferSizes {
    /// 128 MiB to send (a transaction of 100,000 set elements and 1,000 chains takes 6 MB), 16 MiB to receive.
    fn default() -> Self {
        Self { send: 128 << 20, receive: 16 << 20 }
    }
}

/// The bookkeeping that the kernel subtracts from the send buffer before it takes a message (`netlink_sendmsg`).
const SEND_OVERHEAD: usize = 32;
/// The kernel's dumps come in parts of at most 32 KiB; notifications of one object are smaller than an attribute can
/// say.
const RECEIVE_BYTES: usize = 128 << 10;

#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    port: u32,
    send_limit: usize,
    buffer: Box<[u8]>,
}

fn io_error(operation: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { operation, source }
}

impl Socket {
    pub(crate) fn open(sizes: BufferSizes) -> Result<Self> {
        let (fd, port) = sys::open().map_err(io_error("opening a netlink socket to netfilter"))?;
        let socket = fd.as_fd();
        // The kernel doubles what it is given.
        let half = |bytes: usize| i32::try_from(bytes / 2).unwrap_or(i32::MAX / 2);
        for (forced, plain, bytes) in [
            (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, half(sizes.send)),
            (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, half(sizes.receive)),
        ] {
            // Forcing needs CAP_NET_ADMIN in the first user namespace; else the sysctls set the bound.
            sys::set_option(socket, libc::SOL_SOCKET, forced, bytes)
                .or_else(|_| sys::set_option(socket, libc::SOL_SOCKET, plain, bytes))
                .map_err(io_error("sizing the buffers of a netlink socket"))?;
        }
        // Errors in words and with the place in the message, and without an echo of the message.
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK] {
            sys::set_option(socket, libc::SOL_NETLINK, option, 1)
                .map_err(io_error("asking a netlink socket for extended acknowledgements"))?;
        }
        let send_buffer = sys::get_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF)
            .map_err(io_error("reading the send buffer size of a netlink socket"))?;
        let send_limit = usize::try_from(send_buffer).unwrap_or(0).saturating_sub(SEND_OVERHEAD);
        Ok(Self { fd, port, send_limit, buffer: vec![0; RECEIVE_BYTES].into_boxed_slice() })
    }

    /// The port that identifies this socket in its network namespace.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// The largest datagram the kernel takes from this socket, in bytes.
    pub(crate) fn send_limit(&self) -> usize {
        self.send_limit
    }

    pub(crate) fn join(&self, group: u32) -> Result<()> {
        sys::set_option(self.fd.as_fd(), libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group as i32)
            .map_err(io_error("subscribing a netlink socket to a multicast group"))
    }

    pub(crate) fn leave(&self, group: u32) -> Result<()> {
        sys::set_option(self.fd.as_fd(), libc::SOL_NETLINK, libc::NETLINK_DROP_MEMBERSHIP, group as i32)
            .map_err(io_error("taking a netlink socket out of a multicast group"))
    }

    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> Result<()> {
        sys::send(self.fd.as_fd(), parts).map(drop).map_err(io_error("sending to netfilter"))
    }

    /// The next datagram from the kernel that is already here, if any. Datagrams of other senders are passed over.
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>> {
        Ok(self.take()?.map(|len| &self.buffer[..len]))
    }

    /// The next datagram from the kernel, waiting for it; `None` when `bound` passed first.
    pub(crate) fn receive_within(&mut self, bound: Duration) -> Result<Option<&[u8]>> {
        let mut taken = self.take()?;
        while taken.is_none() && self.wait(Some(bound))? {
            taken = self.take()?;
        }
        Ok(taken.map(|len| &self.buffer[..len]))
    }

    /// Takes a datagram into the buffer and gives its length.
    fn take(&mut self) -> Result<Option<usize>> {
        loop {
            match sys::receive(self.fd.as_fd(), &mut self.buffer) {
                Ok(received) if received.sender != 0 => {}
                // Can't be told from a loss: what was cut off is gone.
                Ok(received) if received.truncated => return Err(Error::Overrun),
                Ok(received) => return Ok(Some(received.len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Err(Error::Overrun),
                Err(source) => return Err(Error::Io { operation: "receiving from netfilter", source }),
            }
        }
    }

    /// Waits until something can be received; `false` when `bound` passed first. `None` waits for ever.
    pub(crate) fn wait(&self, bound: Option<Duration>) -> Result<bool> {
        let end = bound.map(|bound| Instant::now() + bound);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let milliseconds =
                left.map_or(-1, |left| i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
            if sys::wait(self.fd.as_fd(), milliseconds).map_err(io_error("waiting for netfilter"))? {
                return Ok(true);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
