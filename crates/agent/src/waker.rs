//! How other threads wake the agent.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Wakes an agent from other threads. Clones wake the same agent; what is asked of one that does not sleep is not lost.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    signals: Mutex<Signals>,
    raised: Condvar,
}

/// What an agent was woken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// The source has something.
    pub source: bool,
    /// The driver has something to say, or may be disturbed.
    pub driver: bool,
    /// The agent is to stop.
    pub stop: bool,
}

impl Waker {
    /// The source has something: a watch, a file that changed.
    pub fn source(&self) {
        self.raise(|signals| signals.source = true);
    }

    /// The driver has something to say, or may be disturbed: outcomes of its own threads, notifications of the data plane.
    pub fn driver(&self) {
        self.raise(|signals| signals.driver = true);
    }

    /// The agent is to stop. What is in force stays in force.
    pub fn stop(&self) {
        self.raise(|signals| signals.stop = true);
    }

    fn raise(&self, change: impl FnOnce(&mut Signals)) {
        // Nothing that holds the lock can panic; and if it did, three flags would still be three flags.
        change(&mut self.0.signals.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.raised.notify_all();
    }

    /// Waits for a signal, at most until then, and gives what came since the last time. That it is to stop stays said. It is the agent that waits, or
    /// whoever is yet to make one.
    pub fn wait(&self, until: Instant) -> Signals {
        let signals = self.0.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = until.saturating_duration_since(Instant::now());
        let quiet = |signals: &mut Signals| *signals == Signals::default();
        let waited = self.0.raised.wait_timeout_while(signals, bound, quiet);
        let (mut signals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let raised = *signals;
        *signals = Signals { stop: raised.stop, ..Signals::default() };
        raised
    }
}
