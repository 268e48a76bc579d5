//! Notifications: who changed what.

use crate::attr::{Attrs, Malformed, Required};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::kind::MessageKind;
use crate::message::{self, Message};
use crate::socket::{BufferSizes, Socket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// `NFNLGRP_NFTABLES`.
const GROUP: u32 = 7;

const GENERATION_ID: u16 = 1;
const PROCESS_ID: u16 = 2;
const PROCESS_NAME: u16 = 3;

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An object changed. All changes of one commit come one after another, and then its
    /// [`Generation`](Self::Generation).
    Changed(Change),
    /// A commit is complete.
    Generation(Generation),
    /// Notifications were lost. What the ruleset is must be read again.
    Lost,
}

/// An object that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was done.
    pub kind: MessageKind,
    /// The family of its table; `None` for one that this crate does not know.
    pub family: Option<Family>,
    /// The table.
    pub table: String,
    /// The chain, set or object; the chain of a rule; the set of an element. Empty for a table.
    pub name: String,
    /// The handle of a rule.
    pub handle: Option<u64>,
    /// The low half of the generation it belongs to.
    pub generation: u16,
    /// The port of the socket that did it: see [`Connection::port`](crate::Connection::port).
    pub port: u32,
}

/// A commit that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The generation it made.
    pub generation: u32,
    /// The port of the socket that made it; zero in an answer to a question.
    pub port: u32,
    /// The thread that made it, as the first process namespace numbers it.
    pub process: Option<u32>,
    /// The name of that thread, at most 15 bytes.
    pub process_name: Option<String>,
}

pub(crate) fn decode_generation(attributes: Attrs<'_>) -> Result<Generation, Malformed> {
    let [id, process, name] = attributes.pick([GENERATION_ID, PROCESS_ID, PROCESS_NAME])?;
    Ok(Generation {
        generation: id.need("a generation without a number")?.be32()?,
        port: 0,
        process: process.map(|process| process.be32()).transpose()?,
        // A thread may name itself with any bytes.
        process_name: name.map(|name| {
            let end = name.value.iter().position(|&byte| byte == 0).unwrap_or(name.value.len());
            String::from_utf8_lossy(&name.value[..end]).into_owned()
        }),
    })
}

impl Event {
    /// From a notification; `None` when it is of no kind known here, such as a trace.
    pub fn decode(message: &Message<'_>) -> Result<Option<Self>, Malformed> {
        let Some(kind) = MessageKind::from_netlink(message.kind) else { return Ok(None) };
        let (family, attributes) = message.netfilter()?;
        if kind == MessageKind::NewGen {
            let generation = decode_generation(attributes)?;
            return Ok(Some(Self::Generation(Generation { port: message.port, ..generation })));
        }
        let own_name = match kind {
            MessageKind::NewTable | MessageKind::DelTable => None,
            MessageKind::NewChain | MessageKind::DelChain => Some(3),
            _ => Some(2),
        };
        let rule = matches!(kind, MessageKind::NewRule | MessageKind::DelRule);
        let [table, name, handle] = attributes.pick([1, own_name.unwrap_or(u16::MAX), 3])?;
        Ok(Some(Self::Changed(Change {
            kind,
            family: Family::from_wire(family).ok(),
            table: table.need("a change without a table")?.string()?.to_owned(),
            name: name.map_or(Ok(""), |name| name.string())?.to_owned(),
            handle: handle.filter(|_| rule).map(|handle| handle.be64()).transpose()?,
            generation: message.resource()?,
            port: message.port,
        })))
    }
}

/// Listens to the changes of the ruleset of the network namespace that the thread was in when it was opened.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
}

impl Monitor {
    /// Begins to listen.
    pub fn open() -> Result<Self> {
        Self::with_buffers(BufferSizes::default())
    }

    /// Begins to listen, with room for this much that was not read yet.
    pub fn with_buffers(sizes: BufferSizes) -> Result<Self> {
        let socket = Socket::open(sizes)?;
        socket.join(GROUP)?;
        Ok(Self { socket })
    }

    /// Stops listening. What happens until [`unmute`](Self::unmute) is never told of; what happened before can still be read.
    ///
    /// While anybody listens, the kernel writes a notification for each object of a transaction: a large one takes twice as long.
    pub fn mute(&self) -> Result<()> {
        self.socket.leave(GROUP)
    }

    /// Listens again after [`mute`](Self::mute).
    pub fn unmute(&self) -> Result<()> {
        self.socket.join(GROUP)
    }

    /// Adds what has happened since the last time to `events`, and gives how many there are of it. With nothing there,
    /// waits for something: for at most `bound`, or without a bound.
    pub fn read(&mut self, events: &mut Vec<Event>, bound: Option<Duration>) -> Result<usize> {
        let before = events.len();
        if self.socket.wait(bound)? {
            loop {
                match self.socket.receive() {
                    Ok(None) => break,
                    Ok(Some(bytes)) => decode(bytes, events),
                    Err(Error::Overrun) => events.push(Event::Lost),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(events.len() - before)
    }
}

/// What can't be understood counts as lost: something happened.
fn decode(bytes: &[u8], events: &mut Vec<Event>) {
    for message in message::messages(bytes) {
        match message.and_then(|message| Event::decode(&message)) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => {}
            Err(_) => events.push(Event::Lost),
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
