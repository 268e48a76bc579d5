//! The connection to nf_tables of one network namespace.

use crate::batch::{Batch, Counts};
use crate::describe::describe;
use crate::error::{Error, MessageError, Rejection, Result};
use crate::kind::GET_GENERATION;
use crate::message::{self, Reply};
use crate::monitor;
use crate::request::{Link, REPLY_BOUND, Request};
use crate::socket::BufferSizes;
use std::io::IoSlice;
use std::time::Duration;

const BATCH_BEGIN: u16 = libc::NFNL_MSG_BATCH_BEGIN as u16;
const BATCH_END: u16 = libc::NFNL_MSG_BATCH_END as u16;
const BATCH_GENERATION: u16 = 1;
const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;

/// A connection to nf_tables of the network namespace that the thread was in when it was opened.
///
/// Reading and changing need `CAP_NET_ADMIN` in the user namespace that owns the network namespace; without it every
/// request gives `EPERM`.
#[derive(Debug)]
pub struct Connection {
    pub(crate) link: Link,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// Messages, by kind.
    pub counts: Counts,
    /// Bytes sent.
    pub bytes: usize,
}

impl Connection {
    /// Opens one in the network namespace of the calling thread.
    pub fn open() -> Result<Self> {
        Self::with_buffers(BufferSizes::default())
    }

    /// Opens one with buffers of these sizes.
    pub fn with_buffers(sizes: BufferSizes) -> Result<Self> {
        Ok(Self { link: Link::open(sizes)? })
    }

    /// The largest transaction that the kernel takes, in bytes, as the socket's buffer came out.
    pub fn send_limit(&self) -> usize {
        self.link.socket.send_limit()
    }

    /// The port of the socket, by which a [`Monitor`](crate::Monitor) tells this connection's commits from those of
    /// others.
    pub fn port(&self) -> u32 {
        self.link.socket.port()
    }

    /// The number of the ruleset's generation: another after each commit, whoever made it.
    pub fn generation(&mut self) -> Result<u32> {
        let operation = "reading the generation of the ruleset".to_owned();
        let mut generation = None;
        self.link.exchange(Request::single(GET_GENERATION, 0, operation.clone()), |message| {
            let (_, attributes) = message.netfilter()?;
            generation = Some(monitor::decode_generation(attributes)?.generation);
            Ok(())
        })?;
        let source = crate::attr::Malformed("no generation in the answer");
        generation.ok_or(Error::Reply { operation, source })
    }

    /// Makes all changes of a batch at once. On any error but [`Error::Unacknowledged`], none of them.
    ///
    /// The batch keeps its content; [`Batch::clear`] it to use it for the next.
    pub fn commit(&mut self, batch: &mut Batch) -> Result<Committed> {
        if let Some((index, problem)) = batch.fault() {
            return Err(Error::Unencodable { index, object: describe(batch.message_bytes(index), None), problem });
        }
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        let counts = batch.counts();
        let messages = counts.total();
        // One number for the beginning, one for each message, one for the end.
        let first = self.link.sequences(u32::try_from(messages).unwrap_or(u32::MAX).saturating_add(2));
        let (begin, end) = envelope(first, first.wrapping_add(messages as u32 + 1), batch.expected_generation());
        let bytes = begin.len() + batch.bytes() + end.len();
        let limit = self.send_limit();
        if bytes > limit {
            return Err(Error::TransactionTooLarge { bytes, messages, limit });
        }
        batch.stamp(first.wrapping_add(1));
        self.link.send(&[IoSlice::new(&begin), IoSlice::new(batch.wire()), IoSlice::new(&end)])?;
        self.outcome(batch, first, messages)?;
        Ok(Committed { counts, bytes })
    }

    /// Reads the kernel's answers to a batch. They are all in the receive buffer when the system call that sent the
    /// batch returns (`nfnetlink_rcv_batch` runs within it): complaints about the whole first, then those about
    /// messages and the acknowledgement of the last message, then, in newer kernels and only after success, that of the
    /// end.
    fn outcome(&mut self, batch: &Batch, first: u32, messages: usize) -> Result<()> {
        let port = self.link.socket.port();
        let mut acknowledged = false;
        let mut truncated = false;
        let mut errors = Vec::new();
        let (mut bound, mut complete) = (REPLY_BOUND, false);
        while !complete {
            let received = self.link.socket.receive_within(bound);
            // Whatever else there is, is there by now.
            bound = Duration::ZERO;
            let bytes = match received {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(Error::Overrun) => {
                    truncated = true;
                    continue;
                }
                Err(_) => return Err(Error::Unacknowledged),
            };
            for message in message::messages(bytes) {
                // What can't be understood is no acknowledgement.
                let Ok(message) = message else { break };
                let place = message.sequence.wrapping_sub(first) as usize;
                if message.port != port || place > messages + 1 {
                    continue;
                }
                match message.reply() {
                    Ok(Reply::Ack) => {
                        acknowledged |= place >= messages;
                        complete |= place > messages;
                    }
                    Ok(Reply::Failed(complaint)) => {
                        let index = place.checked_sub(1).filter(|&index| index < messages);
                        errors.push(MessageError {
                            index,
                            sequence: message.sequence,
                            errno: complaint.errno,
                            text: complaint.text.map(str::to_owned),
                            offset: complaint.offset,
                            object: match index {
                                Some(index) => describe(batch.message_bytes(index), complaint.offset),
                                None => "the transaction as a whole".to_owned(),
                            },
                        });
                    }
                    Ok(Reply::Noop | Reply::Object(_)) | Err(_) => {}
                }
            }
        }
        self.link.finished();
        match (&errors[..], batch.expected_generation()) {
            ([], _) if acknowledged && !truncated => Ok(()),
            ([], _) => Err(Error::Unacknowledged),
            ([only], Some(expected)) if only.index.is_none() && only.errno.0 == libc::ERESTART => {
                Err(Error::Stale { expected })
            }
            _ => Err(Error::Rejected(Rejection { errors, truncated })),
        }
    }
}

/// The messages before and after a batch. They name the subsystem in the place of a resource.
fn envelope(first: u32, last: u32, generation: Option<u32>) -> (Vec<u8>, Vec<u8>) {
    let mut begin = crate::attr::Writer::default();
    message::begin(&mut begin.bytes, BATCH_BEGIN, message::REQUEST, first, 0, SUBSYSTEM);
    if let Some(generation) = generation {
        begin.be32(BATCH_GENERATION, generation);
    }
    message::finish(&mut begin.bytes, 0);
    let mut end = Vec::new();
    message::begin(&mut end, BATCH_END, message::REQUEST | message::ACK, last, 0, SUBSYSTEM);
    message::finish(&mut end, 0);
    (begin.bytes, end)
}
