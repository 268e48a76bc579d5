//! Why a call failed.

use super::Call;
use crate::{DocumentError, ErrorCode, Failure, Guid, PolicyError};
use std::time::Duration;

/// Why a call failed, and which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// HNS said no.
    #[error("{call}: {failure}")]
    Refused {
        /// The call.
        call: Call,
        /// What it said.
        failure: Failure,
    },
    /// HNS did not answer in time. It may still do what it was asked: read the object again.
    #[error("{call}: HNS did not answer within {after:?}; it may still do it")]
    Timeout {
        /// The call.
        call: Call,
        /// How long was waited.
        after: Duration,
    },
    /// Other calls took all the time there was. Nothing was asked.
    #[error("{call}: nothing was asked, since {parallel} calls at once are running already and none ended in time")]
    Busy {
        /// The call.
        call: Call,
        /// How many calls run at once.
        parallel: usize,
    },
    /// Too many calls hang. Nothing was asked.
    #[error(
        "{call}: nothing was asked, since {lost} calls hang in HNS; restart the service hns if they don't come back"
    )]
    Stuck {
        /// The call.
        call: Call,
        /// How many hang.
        lost: usize,
    },
    /// Earlier calls about this object hang. Nothing was asked.
    #[error("{call}: nothing was asked, since earlier calls about it hang in HNS")]
    Hanging {
        /// The call.
        call: Call,
    },
    /// No thread could be started. Nothing was asked.
    #[error("{call}: nothing was asked, since no thread could be started: {problem}")]
    NoThread {
        /// The call.
        call: Call,
        /// What the system said.
        problem: String,
    },
    /// The door to HNS has a fault of its own.
    #[error("{call}: the call panicked")]
    Panicked {
        /// The call.
        call: Call,
    },
    /// What HNS gave can't be read.
    #[error("{call}: {error}")]
    Document {
        /// The call.
        call: Call,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// A policy can't be written. Nothing was asked.
    #[error("{call}: policy {index} can't be written: {error}")]
    Policy {
        /// The call.
        call: Call,
        /// Which of the policies, from zero.
        index: usize,
        /// What is wrong with it.
        error: Box<PolicyError>,
    },
    /// The door in use has no such call. Nothing was asked.
    #[error("{call}: that takes {needs}")]
    Unsupported {
        /// The call.
        call: Call,
        /// What has it.
        needs: &'static str,
    },
}

impl Error {
    /// The call.
    pub fn call(&self) -> &Call {
        match self {
            Self::Refused { call, .. }
            | Self::Timeout { call, .. }
            | Self::Busy { call, .. }
            | Self::Stuck { call, .. }
            | Self::Hanging { call }
            | Self::NoThread { call, .. }
            | Self::Panicked { call }
            | Self::Document { call, .. }
            | Self::Policy { call, .. }
            | Self::Unsupported { call, .. } => call,
        }
    }

    /// The object it was about.
    pub fn id(&self) -> Option<Guid> {
        self.call().id
    }

    /// The code that HNS gave.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { failure, .. } => Some(failure.code.canonical()),
            _ => None,
        }
    }

    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code().is_some_and(ErrorCode::is_not_found)
    }

    /// Whether HNS itself is not there, or went away during the call: what was read before no longer holds.
    pub fn is_disconnected(&self) -> bool {
        self.code().is_some_and(ErrorCode::is_disconnected)
    }

    /// Whether the same call may succeed later; else the request must change first.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused { failure, .. } => failure.code.may_pass(),
            Self::Timeout { .. } | Self::Busy { .. } | Self::Stuck { .. } | Self::NoThread { .. } => true,
            Self::Hanging { .. } | Self::Document { .. } | Self::Panicked { .. } => true,
            Self::Policy { .. } | Self::Unsupported { .. } => false,
        }
    }

    /// Whether asking for further objects is in vain.
    pub(super) fn is_of_all(&self) -> bool {
        self.is_disconnected() || matches!(self, Self::Stuck { .. } | Self::Busy { .. } | Self::NoThread { .. })
    }
}
