//! Time, which comes in from outside.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the emulator knows of time: how long it has been there. Cheap to clone; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    /// Of a clock that runs by itself.
    started: Option<Instant>,
    /// Nanoseconds that were added by hand, or slept on a clock that stands.
    added: AtomicU64,
}

impl Clock {
    /// A clock that stands, until [`advance`](Self::advance) moves it. To sleep moves it too, and takes no time.
    pub fn manual() -> Self {
        Self(Arc::new(Inner { started: None, added: AtomicU64::new(0) }))
    }

    /// A clock that runs. To sleep takes the time it says.
    pub fn real() -> Self {
        Self(Arc::new(Inner { started: Some(Instant::now()), added: AtomicU64::new(0) }))
    }

    /// Since it was made.
    pub fn now(&self) -> Duration {
        let ran = self.0.started.map_or(Duration::ZERO, |started| started.elapsed());
        ran.saturating_add(Duration::from_nanos(self.0.added.load(Ordering::Relaxed)))
    }

    /// Moves it forward. It stops at the end of its numbers, five hundred years on.
    pub fn advance(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let later = |added: u64| Some(added.saturating_add(time));
        let _ = self.0.added.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// Waits for so long.
    pub(crate) fn sleep(&self, time: Duration) {
        match self.0.started {
            Some(_) => std::thread::sleep(time),
            None => self.advance(time),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::manual()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}
