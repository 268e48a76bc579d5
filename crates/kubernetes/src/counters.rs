//! How often the API server was asked, and how that went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was asked of the API server so far. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<[AtomicU64; 3]>);

/// What was asked, or came of it.
#[derive(Clone, Copy)]
pub(crate) enum Counted {
    List,
    Watch,
    Error,
}

impl Counters {
    pub(crate) fn count(&self, what: Counted) {
        self.0[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, what: Counted) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    /// Lists, page by page: one for each kind at the start, and more where a watch can't be taken up again.
    pub fn lists(&self) -> u64 {
        self.of(Counted::List)
    }

    /// Watches, which end and begin anew every few minutes.
    pub fn watches(&self) -> u64 {
        self.of(Counted::Watch)
    }

    /// Questions that failed or were refused.
    pub fn errors(&self) -> u64 {
        self.of(Counted::Error)
    }
}
