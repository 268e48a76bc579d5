//! What is counted of calls.

use serde::{Deserialize, Serialize};

/// Calls and what they did, since the start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Calls of either door.
    pub calls: u64,
    /// Those that were refused or failed.
    pub failed: u64,
    /// Those that make, change or remove something.
    pub writes: u64,
    /// Policies that writes brought.
    pub policies: u64,
    /// Writes that changed ACLs of an endpoint, identical ones included.
    pub acl_writes: u64,
    /// Times that a port was programmed.
    pub programmed: u64,
    /// Flows that were forgotten because of it (knob `acl-change`).
    pub flows_reset: u64,
}
