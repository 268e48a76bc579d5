//! Netlink messages: the 16-byte header, netfilter's four bytes after it, and the replies the kernel sends.

use crate::attr::{Attrs, Malformed, align};
use crate::error::Errno;

pub(crate) const HEADER: usize = 16;
/// `struct nlmsghdr` and `struct nfgenmsg` together.
pub(crate) const FULL_HEADER: usize = HEADER + 4;

pub(crate) const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
pub(crate) const ACK: u16 = libc::NLM_F_ACK as u16;
pub(crate) const DUMP: u16 = libc::NLM_F_DUMP as u16;
pub(crate) const CREATE: u16 = libc::NLM_F_CREATE as u16;
pub(crate) const APPEND: u16 = libc::NLM_F_APPEND as u16;
pub(crate) const REPLACE: u16 = libc::NLM_F_REPLACE as u16;
const DUMP_INTERRUPTED: u16 = libc::NLM_F_DUMP_INTR as u16;
/// The echo of the request in an error stops after its header.
const CAPPED: u16 = 0x100;
/// Attributes of the extended acknowledgement follow.
const ACK_ATTRIBUTES: u16 = 0x200;

/// Writes the header of a message and netfilter's own; the length is filled in by [`finish`].
pub(crate) fn begin(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, family: u8, resource: u16) {
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&[family, libc::NFNETLINK_V0 as u8]);
    out.extend_from_slice(&resource.to_be_bytes());
}

/// Fills in the length of the message that began at `start` and ends where `out` ends.
pub(crate) fn finish(out: &mut [u8], start: usize) {
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
}

/// Sets the sequence number and adds flags to the message that begins at `start`.
pub(crate) fn stamp(out: &mut [u8], start: usize, sequence: u32, flags: u16) {
    out[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
    let flags = flags | u16::from_ne_bytes([out[start + 6], out[start + 7]]);
    out[start + 6..start + 8].copy_from_slice(&flags.to_ne_bytes());
}

/// One netlink message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`: for netfilter, the subsystem in the upper byte and the message in the lower.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`, the number of the request it answers; zero for notifications.
    pub sequence: u32,
    /// `nlmsg_pid`, the port of the socket whose request it answers or reports.
    pub port: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// What a message says to the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    /// The request is done.
    Ack,
    /// The request failed.
    Failed(Complaint<'a>),
    /// An object.
    Object(Message<'a>),
    /// Nothing to act on.
    Noop,
}

/// An error reply: the number, and the extended acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complaint<'a> {
    pub(crate) errno: Errno,
    pub(crate) text: Option<&'a str>,
    pub(crate) offset: Option<u32>,
}

impl<'a> Message<'a> {
    /// Whether the kernel says that what is being dumped changed meanwhile.
    pub fn interrupted(&self) -> bool {
        self.flags & DUMP_INTERRUPTED != 0
    }

    /// Family and attributes of a netfilter message.
    pub(crate) fn netfilter(&self) -> Result<(u8, Attrs<'a>), Malformed> {
        match self.body {
            [family, _version, _, _, attributes @ ..] => Ok((*family, Attrs::new(attributes))),
            _ => Err(Malformed("a netfilter header is cut short")),
        }
    }

    /// The `res_id` of a netfilter message: in nf_tables, the low half of the generation.
    pub(crate) fn resource(&self) -> Result<u16, Malformed> {
        match self.body {
            [_, _, high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(Malformed("a netfilter header is cut short")),
        }
    }

    pub(crate) fn reply(self) -> Result<Reply<'a>, Malformed> {
        match i32::from(self.kind) {
            libc::NLMSG_NOOP => Ok(Reply::Noop),
            libc::NLMSG_ERROR => self.error(),
            libc::NLMSG_DONE => match self.body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
                // A dump that ends in an error says so in the message that ends it.
                Some(code) if code < 0 => {
                    let tail = if self.flags & ACK_ATTRIBUTES != 0 { &self.body[4..] } else { &[] };
                    complaint(code, tail).map(Reply::Failed)
                }
                _ => Ok(Reply::Ack),
            },
            libc::NLMSG_OVERRUN => Err(Malformed("the kernel reports an overrun")),
            _ => Ok(Reply::Object(self)),
        }
    }

    /// `struct nlmsgerr`: the error, the header of the request, its body unless capped, then attributes.
    fn error(self) -> Result<Reply<'a>, Malformed> {
        let (Some(code), Some(request)) = (self.body.first_chunk(), self.body.get(4..4 + HEADER)) else {
            return Err(Malformed("an error reply is cut short"));
        };
        let code = i32::from_ne_bytes(*code);
        if code == 0 {
            return Ok(Reply::Ack);
        }
        let echoed = match request.first_chunk() {
            Some(len) if self.flags & CAPPED == 0 => align(u32::from_ne_bytes(*len) as usize).max(HEADER),
            _ => HEADER,
        };
        let tail = if self.flags & ACK_ATTRIBUTES != 0 { self.body.get(4 + echoed..).unwrap_or(&[]) } else { &[] };
        complaint(code, tail).map(Reply::Failed)
    }
}

fn complaint(code: i32, tail: &[u8]) -> Result<Complaint<'_>, Malformed> {
    const TEXT: u16 = 1;
    const OFFSET: u16 = 2;
    let [text, offset] = Attrs::new(tail).pick([TEXT, OFFSET])?;
    Ok(Complaint {
        errno: Errno(code.saturating_neg()),
        text: text.map(|text| text.string()).transpose()?.filter(|text| !text.is_empty()),
        // In host byte order: netlink's own attribute, not netfilter's.
        offset: offset.and_then(|offset| Some(u32::from_ne_bytes(offset.value.try_into().ok()?))),
    })
}

/// The messages in what one `recvmsg` gave. Ends after the first malformed one.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

/// Splits what was received into messages.
pub fn messages(bytes: &[u8]) -> Messages<'_> {
    Messages { rest: bytes }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(header) = self.rest.first_chunk::<HEADER>() else {
            self.rest = &[];
            return Some(Err(Malformed("a message header is cut short")));
        };
        let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let len = word(0) as usize;
        let Some(body) = self.rest.get(HEADER..len) else {
            self.rest = &[];
            return Some(Err(Malformed("a message length does not fit what was received")));
        };
        self.rest = self.rest.get(align(len)..).unwrap_or(&[]);
        Some(Ok(Message { kind: half(4), flags: half(6), sequence: word(8), port: word(12), body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back() {
        let mut out = Vec::new();
        begin(&mut out, 0x0a03, REQUEST, 0, 1, 7);
        finish(&mut out, 0);
        stamp(&mut out, 0, 42, ACK);
        let message = messages(&out).next().unwrap().unwrap();
        assert_eq!((message.kind, message.flags, message.sequence), (0x0a03, REQUEST | ACK, 42));
        assert_eq!(message.netfilter().unwrap().0, 1);
        assert_eq!(message.resource(), Ok(7));
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        for len in [0u32, 15, 21, u32::MAX] {
            let mut out = Vec::new();
            begin(&mut out, 3, 0, 1, 0, 0);
            out[..4].copy_from_slice(&len.to_ne_bytes());
            let all: Vec<_> = messages(&out).collect();
            assert!(matches!(all[..], [Err(_)]), "{len}: {all:?}");
        }
    }

    #[test]
    fn extended_acknowledgement_is_read_capped_or_not() {
        for capped in [true, false] {
            let mut body = (-libc::ENOENT).to_ne_bytes().to_vec();
            let echo = if capped { 0 } else { 8 };
            body.extend_from_slice(&(HEADER as u32 + echo).to_ne_bytes());
            body.resize(4 + HEADER + echo as usize, 0);
            let mut attributes = crate::attr::Writer::default();
            attributes.string(1, "no such chain");
            attributes.put(2, &64u32.to_ne_bytes());
            body.extend_from_slice(&attributes.bytes);
            let flags = ACK_ATTRIBUTES | if capped { CAPPED } else { 0 };
            let message = Message { kind: libc::NLMSG_ERROR as u16, flags, sequence: 1, port: 1, body: &body };
            let expected = Complaint { errno: Errno(libc::ENOENT), text: Some("no such chain"), offset: Some(64) };
            assert_eq!(message.reply(), Ok(Reply::Failed(expected)), "capped: {capped}");
        }
    }
}
