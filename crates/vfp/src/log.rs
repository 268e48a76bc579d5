//! What was called.

use margay_hcn::ErrorCode;
use std::collections::VecDeque;
use std::time::Duration;

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When it ended, since the start.
    pub at: Duration,
    /// `POST /endpoints/…` or `HcnModifyEndpoint …`.
    pub call: String,
    /// The document that it brought.
    pub body: String,
    /// How many policies it brought.
    pub policies: usize,
    /// What it came to, where it was refused or failed.
    pub error: Option<ErrorCode>,
    /// Why, which HNS itself does not tell.
    pub why: String,
}

/// The last calls, as many as fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    bytes: usize,
}

/// The most that is kept: bytes of documents, and calls.
const MOST_BYTES: usize = 32 << 20;
const MOST: usize = 100_000;

impl Log {
    pub(crate) fn push(&mut self, entry: LogEntry) {
        self.bytes += entry.body.len();
        self.entries.push_back(entry);
        while self.bytes > MOST_BYTES || self.entries.len() > MOST {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.body.len();
        }
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
