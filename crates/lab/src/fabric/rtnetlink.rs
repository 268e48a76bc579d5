//! Batches of rtnetlink requests: many messages in one send, and only what went wrong comes back.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::error::{Error, Result};

/// One message and what to say if the kernel refuses it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) message: RouteNetlinkMessage,
    /// `NLM_F_CREATE` and its like; `NLM_F_REQUEST` is added.
    pub(super) flags: u16,
    /// What is being done to which object, for the error.
    pub(super) doing: String,
    /// Whether it is fine that the object is gone: deletions.
    pub(super) may_be_gone: bool,
}

impl Request {
    /// Sets the interface of this index up.
    pub(super) fn up(index: u32) -> Request {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        Request {
            message: RouteNetlinkMessage::SetLink(link),
            flags: 0,
            doing: format!("setting interface {index} up"),
            may_be_gone: false,
        }
    }
}

/// A netlink socket of the calling thread's network namespace.
pub(super) struct Session {
    socket: Socket,
    namespace: String,
}

/// Bytes in one send. The kernel wants the send buffer (208 kB unless tuned) to hold the whole of it.
const BATCH: usize = 64 * 1024;

impl Session {
    /// Opens a socket in the namespace the calling thread is in.
    pub(super) fn open(namespace: &str) -> Result<Session> {
        let socket = Socket::new(NETLINK_ROUTE).and_then(|mut socket| {
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            // Errors without a copy of the request: the reply buffer holds more of them.
            socket.set_cap_ack(true)?;
            Ok(socket)
        });
        let namespace = namespace.to_owned();
        match socket {
            Ok(socket) => Ok(Session { socket, namespace }),
            Err(source) => Err(Error::Netlink { doing: "opening a netlink socket".into(), namespace, source }),
        }
    }

    /// Sends the requests in order. The kernel works through a send before it returns and answers only the requests that
    /// failed and the last one of each send, which alone asks for an acknowledgement: no reply can be lost to a full buffer.
    ///
    /// # Errors
    /// The first refusal. Requests after it in the same batch were still carried out.
    pub(super) fn run(&self, requests: &[Request]) -> Result<()> {
        let mut buffer = Vec::with_capacity(BATCH.min(requests.len() * 128));
        let mut first = 0;
        for (index, request) in requests.iter().enumerate() {
            let mut header = NetlinkHeader::default();
            header.flags = NLM_F_REQUEST | request.flags;
            header.sequence_number = u32::try_from(index).unwrap_or(u32::MAX);
            let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request.message.clone()));
            message.finalize();
            let (start, last) = (buffer.len(), index + 1 == requests.len());
            let full = start + message.buffer_len() >= BATCH;
            if last || full {
                message.header.flags |= NLM_F_ACK;
            }
            buffer.resize(start + message.buffer_len().next_multiple_of(4), 0);
            message.serialize(&mut buffer[start..start + message.buffer_len()]);
            if last || full {
                self.exchange(&buffer, requests, first, index)?;
                buffer.clear();
                first = index + 1;
            }
        }
        Ok(())
    }

    /// Sends `requests[first..=last]` and reads replies up to the one about the last.
    fn exchange(&self, buffer: &[u8], requests: &[Request], first: usize, last: usize) -> Result<()> {
        self.socket
            .send(buffer, 0)
            .map_err(|source| self.error(format!("{} and what follows", requests[first].doing), source))?;
        let mut refusal = None;
        let mut finished = false;
        while !finished {
            self.each_reply::<RouteNetlinkMessage>(|reply| {
                let NetlinkPayload::Error(error) = reply.payload else { return };
                let index = reply.header.sequence_number as usize;
                finished |= index == last;
                let Some(request) = requests.get(index) else { return };
                let gone = request.may_be_gone && is_gone(&error.to_io());
                if error.code.is_some() && !gone && refusal.is_none() {
                    refusal = Some(self.error(request.doing.clone(), error.to_io()));
                }
            })?;
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Every interface of the namespace.
    pub(super) fn links(&self) -> Result<Vec<LinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let get = NetlinkPayload::InnerMessage(RouteNetlinkMessage::GetLink(LinkMessage::default()));
        let mut message = NetlinkMessage::new(header, get);
        message.finalize();
        let mut buffer = vec![0; message.buffer_len()];
        message.serialize(&mut buffer);
        self.socket.send(&buffer, 0).map_err(|source| self.error("listing interfaces".into(), source))?;
        let (mut links, mut finished, mut refusal) = (Vec::new(), false, None);
        while !finished {
            self.each_reply::<RouteNetlinkMessage>(|reply| match reply.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => links.push(link),
                NetlinkPayload::Done(_) => finished = true,
                NetlinkPayload::Error(error) => {
                    refusal = Some(self.error("listing interfaces".into(), error.to_io()));
                    finished = true;
                }
                _ => {}
            })?;
        }
        refusal.map_or(Ok(links), Err)
    }

    /// Reads one datagram and hands over each message in it.
    fn each_reply<M: NetlinkDeserializable>(&self, mut take: impl FnMut(NetlinkMessage<M>)) -> Result<()> {
        let fail = |source| self.error("reading the kernel's answer".into(), source);
        let (datagram, _) = self.socket.recv_from_full().map_err(fail)?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let length = NetlinkBuffer::new_checked(rest).map(|b| b.length() as usize);
            let length = length.map_err(|error| fail(io::Error::other(error.to_string())))?;
            let message = NetlinkMessage::<M>::deserialize(&rest[..length]);
            take(message.map_err(|error| fail(io::Error::other(error.to_string())))?);
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        Ok(())
    }

    fn error(&self, doing: String, source: io::Error) -> Error {
        Error::Netlink { doing, namespace: self.namespace.clone(), source }
    }
}

/// Whether the kernel says that what was to be deleted is not there: no such route, no such entry, no such interface, no such
/// address.
fn is_gone(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let code = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    matches!(code, Errno::ESRCH | Errno::ENOENT | Errno::ENODEV | Errno::EADDRNOTAVAIL)
}
