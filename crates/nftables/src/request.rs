//! Requests and their replies: one question, and the objects that answer it.

use crate::attr::{Malformed, Writer};
use crate::error::{Error, Result};
use crate::message::{self, Message, Reply};
use crate::socket::{BufferSizes, Socket};
use std::io::IoSlice;
use std::time::Duration;

/// The kernel answers within the system call that asks; waiting longer than this means that something is broken.
pub(crate) const REPLY_BOUND: Duration = Duration::from_secs(30);

/// A question to the kernel.
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    family: u8,
    resource: u16,
    attributes: Writer,
    /// For errors: what is being done, to what.
    operation: String,
}

impl Request {
    /// One that asks for everything that the attributes select.
    pub(crate) fn dump(kind: u16, family: u8, operation: String) -> Self {
        Self::with_flags(kind, message::REQUEST | message::DUMP, family, operation)
    }

    /// One that asks for, or changes, a single object.
    pub(crate) fn single(kind: u16, family: u8, operation: String) -> Self {
        Self::with_flags(kind, message::REQUEST | message::ACK, family, operation)
    }

    fn with_flags(kind: u16, flags: u16, family: u8, operation: String) -> Self {
        Self { kind, flags, family, resource: 0, attributes: Writer::default(), operation }
    }

    pub(crate) fn resource(mut self, resource: u16) -> Self {
        self.resource = resource;
        self
    }

    pub(crate) fn attributes(mut self, fill: impl FnOnce(&mut Writer)) -> Self {
        fill(&mut self.attributes);
        self
    }
}

/// Whether what was read belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// All of one moment.
    Whole,
    /// The kernel changed it meanwhile; read again.
    Interrupted,
}

/// A socket and the number of its next request.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) socket: Socket,
    sequence: u32,
    /// Whether answers to an earlier request may still be waiting, because it ended in an error.
    unfinished: bool,
}

impl Link {
    pub(crate) fn open(sizes: BufferSizes) -> Result<Self> {
        Ok(Self { socket: Socket::open(sizes)?, sequence: 0, unfinished: false })
    }

    /// Takes `count` sequence numbers and gives the first. Never zero, which notifications carry.
    pub(crate) fn sequences(&mut self, count: u32) -> u32 {
        if self.sequence.checked_add(count).is_none_or(|last| last == u32::MAX) {
            self.sequence = 0;
        }
        let first = self.sequence + 1;
        self.sequence += count;
        first
    }

    /// Sends a datagram, and before it takes away what is left of earlier requests, such as a dump that ended in an
    /// error. [`finished`](Self::finished) says that all answers to this one are read.
    pub(crate) fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<()> {
        while self.unfinished {
            match self.socket.receive() {
                Ok(None) => self.unfinished = false,
                Ok(Some(_)) | Err(Error::Overrun) => {}
                Err(error) => return Err(error),
            }
        }
        self.unfinished = true;
        self.socket.send(parts)
    }

    pub(crate) fn finished(&mut self) {
        self.unfinished = false;
    }

    /// Sends a request and gives each object of the answer to `visit`. Only messages that carry this socket's port and
    /// the request's number count.
    pub(crate) fn exchange(
        &mut self,
        mut request: Request,
        mut visit: impl FnMut(Message<'_>) -> Result<(), Malformed>,
    ) -> Result<Consistency> {
        let sequence = self.sequences(1);
        let Request { kind, flags, family, resource, operation, .. } = request;
        if let Some(problem) = request.attributes.take_fault() {
            return Err(Error::Unencodable { index: 0, object: operation, problem });
        }
        let mut header = Vec::with_capacity(message::FULL_HEADER);
        message::begin(&mut header, kind, flags, sequence, family, resource);
        let len = (header.len() + request.attributes.bytes.len()) as u32;
        header[..4].copy_from_slice(&len.to_ne_bytes());
        self.send(&[IoSlice::new(&header), IoSlice::new(&request.attributes.bytes)])?;

        let port = self.socket.port();
        let mut consistency = Consistency::Whole;
        loop {
            let Some(bytes) = self.socket.receive_within(REPLY_BOUND)? else {
                return Err(Error::TimedOut { operation, seconds: REPLY_BOUND.as_secs() });
            };
            for message in message::messages(bytes) {
                let malformed = |source| Error::Reply { operation: operation.clone(), source };
                let message = message.map_err(malformed)?;
                if (message.port, message.sequence) != (port, sequence) {
                    continue;
                }
                if message.interrupted() {
                    consistency = Consistency::Interrupted;
                }
                match message.reply().map_err(malformed)? {
                    Reply::Noop => {}
                    Reply::Ack => {
                        self.unfinished = false;
                        return Ok(consistency);
                    }
                    Reply::Failed(complaint) => {
                        let text = complaint.text.map(str::to_owned);
                        return Err(Error::Refused { operation, errno: complaint.errno, text });
                    }
                    Reply::Object(message) => visit(message).map_err(malformed)?,
                }
            }
        }
    }
}
