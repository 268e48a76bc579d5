//! What can go wrong, each with what was being done, to which object, and what to do.

use crate::attr::Malformed;
use std::{fmt, io};

/// The result of talking to the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed.
///
/// [`Stale`](Self::Stale) and [`Unstable`](Self::Unstable) are answered by reading the ruleset again and starting over;
/// after [`Unacknowledged`](Self::Unacknowledged) nothing is known about the ruleset until it is read again. After any
/// other error of a commit the ruleset is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call on the netlink socket failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The transaction does not fit the socket's send buffer. It is never split, since it would not be atomic then.
    #[error(
        "a transaction of {bytes} bytes ({messages} messages) exceeds the socket's send limit of {limit} bytes; run with \
         CAP_NET_ADMIN in the first user namespace, or raise the sysctl net.core.wmem_max to {}", bytes.div_ceil(2) + 64
    )]
    TransactionTooLarge {
        /// Bytes of the transaction.
        bytes: usize,
        /// Messages in it.
        messages: usize,
        /// Bytes the socket takes at once.
        limit: usize,
    },
    /// A message can't be put on the wire. Nothing was sent.
    #[error("message {index} ({object}) can't be written: {problem}")]
    Unencodable {
        /// Which message of the batch, from zero.
        index: usize,
        /// What it is about.
        object: String,
        /// Why it can't be written.
        problem: &'static str,
    },
    /// The kernel refused the transaction; nothing of it is in force.
    #[error(transparent)]
    Rejected(Rejection),
    /// The ruleset is of another generation than [`Batch::expect_generation`](crate::Batch::expect_generation) said:
    /// someone changed it since it was read. Nothing was applied.
    #[error("the ruleset changed since generation {expected} was read; read it again")]
    Stale {
        /// The generation expected.
        expected: u32,
    },
    /// The kernel said neither yes nor no, for want of memory or of room in the receive buffer.
    #[error("the kernel's answer to a transaction was lost; read the ruleset to know whether it was applied")]
    Unacknowledged,
    /// The kernel refused a single request.
    #[error("{operation}: {errno}{}", text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked, of which object.
        operation: String,
        /// The kernel's error.
        errno: Errno,
        /// The kernel's words, where it had any.
        text: Option<String>,
    },
    /// The receive buffer overflowed: messages were lost. A monitor must read the ruleset again.
    #[error("the netlink receive buffer overflowed and messages were lost; read the state again (net.core.rmem_max)")]
    Overrun,
    /// The ruleset changed during every try to read it.
    #[error("the ruleset changed during each of {attempts} attempts to read it")]
    Unstable {
        /// How often it was tried.
        attempts: u32,
    },
    /// A reply can't be understood.
    #[error("{operation}: {source}")]
    Reply {
        /// What was asked.
        operation: String,
        /// What is wrong with the reply.
        source: Malformed,
    },
    /// No reply came within the bound that keeps a request from hanging; the kernel answers at once, so this is a
    /// fault.
    #[error("{operation}: no reply from the kernel within {seconds} s")]
    TimedOut {
        /// What was asked.
        operation: String,
        /// The bound, in seconds.
        seconds: u64,
    },
}

impl Error {
    /// The kernel's error number, where one is behind this error: of a rejection, the first.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => source.raw_os_error().map(Errno),
            Self::Rejected(rejection) => rejection.errors.first().map(|error| error.errno),
            Self::Refused { errno, .. } => Some(*errno),
            Self::Stale { .. } => Some(Errno(libc::ERESTART)),
            _ => None,
        }
    }

    /// Whether the object asked for is not there (`ENOENT`).
    pub fn is_not_found(&self) -> bool {
        self.errno() == Some(Errno(libc::ENOENT))
    }
}

/// An error number of the kernel, positive, as in `errno(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)?;
        match self.0 {
            libc::EPERM => f.write_str("; netfilter asks for CAP_NET_ADMIN in the network namespace"),
            _ => Ok(()),
        }
    }
}

/// A refused transaction: every message the kernel complained about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The complaints, in the order of the messages; at least one.
    pub errors: Vec<MessageError>,
    /// Whether there were more, lost because the receive buffer was full.
    pub truncated: bool,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel refused the transaction, nothing of it is in force: ")?;
        for (place, error) in self.errors.iter().take(3).enumerate() {
            write!(f, "{}{error}", if place == 0 { "" } else { "; " })?;
        }
        let more = self.errors.len().saturating_sub(3);
        match (more, self.truncated) {
            (0, false) => Ok(()),
            (more, false) => write!(f, "; and {more} more"),
            (more, true) => write!(f, "; and at least {more} more"),
        }
    }
}

impl std::error::Error for Rejection {}

/// The kernel's complaint about one message of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError {
    /// Which message of the batch, from zero; `None` when the transaction as a whole was refused (no permission, or the
    /// final check).
    pub index: Option<usize>,
    /// The sequence number the message was sent with.
    pub sequence: u32,
    /// The kernel's error.
    pub errno: Errno,
    /// The kernel's words (extended acknowledgement), where it had any.
    pub text: Option<String>,
    /// Where in the message the offending attribute begins, in bytes from the message header.
    pub offset: Option<u32>,
    /// The failing object in words, down to the element or expression where the offset allows it.
    pub object: String,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "message {index}, {}: {}", self.object, self.errno)?,
            None => write!(f, "{}: {}", self.object, self.errno)?,
        }
        match &self.text {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}
