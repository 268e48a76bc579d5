//! Whether HNS runs, what goes wrong in it, and what hangs.

use crate::fault::{Effect, Fault, Latency, Loss, Operation};
use margay_hcn::{ErrorCode, Guid};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The life of the service, beside what it keeps.
#[derive(Debug)]
pub(crate) struct Life {
    inner: Mutex<Inner>,
    /// Something of it changed.
    changed: Condvar,
    /// Held by a call, where calls go one by one.
    pub(crate) turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// While it is down: what will be gone when it is back.
    down: Option<Loss>,
    /// How often it died.
    deaths: u64,
    /// How often what hangs was released.
    releases: u64,
    hanging: usize,
    faults: Vec<Fault>,
    latency: Latency,
}

/// A call that was let in.
pub(crate) struct Admission {
    pub(crate) effects: Vec<Effect>,
    pub(crate) latency: Latency,
    deaths: u64,
}

impl Life {
    pub(crate) fn new(latency: Latency, faults: Vec<Fault>) -> Self {
        let inner = Mutex::new(Inner { latency, faults, ..Inner::default() });
        Self { inner, changed: Condvar::new(), turn: Mutex::new(()) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call in, with what goes wrong with it. What happens a number of times happens once less.
    pub(crate) fn admit(&self, operation: Operation, object: Option<Guid>) -> Result<Admission, ErrorCode> {
        let mut inner = self.inner();
        if inner.down.is_some() {
            return Err(ErrorCode::RPC_SERVER_UNAVAILABLE);
        }
        let mut effects = Vec::new();
        for fault in inner.faults.iter_mut().filter(|fault| fault.on.is(operation, object)) {
            effects.push(fault.effect);
            fault.times = fault.times.map(|times| times.saturating_sub(1));
        }
        inner.faults.retain(|fault| fault.times != Some(0));
        Ok(Admission { effects, latency: inner.latency, deaths: inner.deaths })
    }

    /// Waits until what hangs is released, or HNS dies.
    pub(crate) fn hang(&self) {
        let mut inner = self.inner();
        let (releases, deaths) = (inner.releases, inner.deaths);
        inner.hanging += 1;
        self.changed.notify_all();
        while inner.releases == releases && inner.deaths == deaths {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.hanging -= 1;
        self.changed.notify_all();
    }

    /// Whether HNS lives since a call was let in.
    pub(crate) fn lives(&self, admission: &Admission) -> bool {
        self.inner().deaths == admission.deaths
    }

    pub(crate) fn release(&self) {
        self.inner().releases += 1;
        self.changed.notify_all();
    }

    /// Waits until so many calls hang; not longer than a time. Whether they do.
    pub(crate) fn wait_for_hanging(&self, calls: usize, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut inner = self.inner();
        while inner.hanging < calls {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// HNS dies. Whether it lived.
    pub(crate) fn die(&self, loss: Loss) -> bool {
        let mut inner = self.inner();
        let lived = inner.down.is_none();
        inner.down = Some(loss);
        inner.deaths += 1;
        self.changed.notify_all();
        lived
    }

    /// What is gone now that HNS comes back; `None` where it runs.
    pub(crate) fn loss(&self) -> Option<Loss> {
        self.inner().down
    }

    /// HNS is back.
    pub(crate) fn revive(&self) {
        self.inner().down = None;
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.inner().faults.push(fault);
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.faults.clear();
        inner.latency = Latency::default();
    }

    pub(crate) fn set_latency(&self, latency: Latency) {
        self.inner().latency = latency;
    }
}
