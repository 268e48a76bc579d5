//! What can go wrong while probes are sent.

use std::io;

use crate::fabric;

/// Why a measurement has no result. None of these says anything about a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A probe that can't be sent or observed; no packet was sent.
    #[error("probe {index} can't be sent: {reason}")]
    Probe {
        /// Which of the probes.
        index: usize,
        /// Why.
        reason: String,
    },
    /// The source's own routes or addresses forbid the packet.
    #[error("sending probe {index}: {source}; does its source have a route to {destination}?")]
    Send {
        /// Which of the probes.
        index: usize,
        /// Where it was to go.
        destination: std::net::IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket could not be opened or used.
    #[error("{doing} (network namespace {namespace}): {source}")]
    Socket {
        /// What was being done.
        doing: String,
        /// Where.
        namespace: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The packets that were sent may not all have been processed, so nothing can be concluded from silence.
    #[error("the measurement failed, not the policy: {0}; measure again")]
    Inconclusive(String),
    /// The fabric could not be entered or its connections not be forgotten.
    #[error(transparent)]
    Fabric(#[from] fabric::Error),
}

/// A result of probing.
pub type Result<T> = std::result::Result<T, Error>;
