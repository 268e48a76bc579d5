//! What client and server say to each other.

use crate::{Decision, Direction, Fault, Latency, Loss, Verdict, Why};
use margay_hcn::{ErrorCode, Failure, Guid, Kind, Notification, NotificationKind};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are the arguments of Service's calls")]
pub enum Request {
    /// A call of V1.
    Call { method: String, path: String, body: String },
    /// Ids of objects, by V2. Kinds are written as they print.
    Enumerate { kind: String, query: String },
    /// An object's document.
    Query { kind: String, id: Guid, query: String },
    /// A new object.
    Create { kind: String, network: Option<Guid>, id: Guid, settings: String },
    /// A change.
    Modify { kind: String, id: Guid, settings: String },
    /// An object less.
    Delete { kind: String, id: Guid },
    /// Notifications, from now on.
    Subscribe,
    /// What is not HNS's own.
    Control(Control),
}

/// What a test asks the emulator for, past the doors of HNS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are the arguments of Emulator's methods")]
pub enum Control {
    /// The version and the knobs, as a [`Response::Value`].
    Config,
    /// Something goes wrong from now on.
    AddFault(Fault),
    /// Nothing goes wrong any more.
    ClearFaults,
    /// How long calls take.
    SetLatency(Latency),
    /// What hangs goes on.
    Release,
    /// Whether so many calls hang, waited for not longer than this.
    WaitForHanging { calls: usize, limit: Duration },
    /// HNS dies.
    Crash(Loss),
    /// HNS is back.
    Restart,
    /// The clock moves forward.
    Advance(Duration),
    /// What was counted.
    Counters,
    /// Counts from zero.
    ResetCounters,
    /// What nobody should send.
    Misuses,
    /// The calls so far: time in nanoseconds, call, document, error code, why.
    Calls,
    /// Everything of the ports, as text.
    Dump,
    /// A command of vfpctrl.
    Vfpctrl(Vec<String>),
    /// A network; its type as HNS names it, its prefixes as text.
    AddNetwork { kind: String, name: String, prefixes: Vec<String> },
    /// An endpoint, attached.
    AddEndpoint { network: Guid, name: String, addresses: Vec<IpAddr> },
    /// A remote endpoint.
    AddRemoteEndpoint { network: Guid, name: String, addresses: Vec<IpAddr> },
    /// A remote endpoint with a local one's address.
    AddStaleRemote(Guid),
    /// An endpoint vanishes.
    RemoveEndpoint(Guid),
    /// Frames pass a port, each as hexadecimal text.
    Frames { endpoint: Guid, direction: Direction, frames: Vec<String> },
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// It is done.
    Done,
    /// A document, or text.
    Text(String),
    /// The id of what was made.
    Id(Guid),
    /// What was asked for, as JSON.
    Value(serde_json::Value),
    /// What became of each frame.
    Judged(Vec<Judged>),
    /// HNS won't, or can't.
    Failed {
        /// The result.
        code: u32,
        /// The error record.
        record: String,
    },
    /// The request can't be read, or names something that is not there.
    Invalid(String),
    /// Something happened.
    Told {
        /// What, as HNS numbers it.
        kind: u32,
        /// Its status.
        status: u32,
        /// A document.
        data: String,
    },
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The last word.
    pub verdict: Verdict,
    /// Why.
    pub why: Why,
    /// The same, with group and rule, in words.
    pub text: String,
}

impl From<Decision> for Judged {
    fn from(decision: Decision) -> Self {
        Self { verdict: decision.verdict, why: decision.why, text: decision.to_string() }
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        Self::Failed { code: failure.code.0, record: failure.record }
    }
}

impl From<Notification> for Response {
    fn from(notification: Notification) -> Self {
        let Notification { kind, status, data } = notification;
        Self::Told { kind: kind.0, status, data }
    }
}

impl Response {
    /// The failure that it tells of, or what it answers.
    pub(crate) fn ok(self) -> Result<Self, Failure> {
        match self {
            Self::Failed { code, record } => Err(Failure { code: ErrorCode(code), record }),
            answer => Ok(answer),
        }
    }

    /// The notification that it is.
    pub(crate) fn notification(self) -> Option<Notification> {
        match self {
            Self::Told { kind, status, data } => Some(Notification { kind: NotificationKind(kind), status, data }),
            _ => None,
        }
    }
}

/// A kind by what it prints.
pub(crate) fn kind(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.to_string() == text)
}

/// Bytes as hexadecimal text.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// And back; `None` where it is none.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}
