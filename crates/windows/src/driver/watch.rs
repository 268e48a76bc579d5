//! Hears of what happens in HNS for as long as this is there, over the deaths of HNS. Where HNS tells of nothing, as before V2, it is asked whether it lives.

use super::Shared;
use margay_hcn::{Error, NotificationKind, Subscription};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// How often HNS is asked whether it is back.
const BACK_EVERY: Duration = Duration::from_millis(200);
/// How often it is asked whether it is still there, where it does not tell.
const THERE_EVERY: Duration = Duration::from_secs(1);

/// Notices that HNS is gone, and that it is back.
pub(super) struct Watch {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Default)]
struct Flags {
    /// HNS told that it is gone.
    gone: bool,
    /// Nobody wants to hear any more.
    over: bool,
}

/// How it is noticed that HNS is gone.
enum Hearing {
    /// HNS tells of it; whether the subscription outlives it is \[UNK\].
    Told(#[expect(dead_code, reason = "held to be dropped")] Subscription),
    /// It does not answer.
    Asked,
}

impl Watch {
    /// Has the driver hear of whatever HNS tells, and that it is back; none where there is no thread.
    pub(super) fn new(shared: &Arc<Shared>) -> Option<Self> {
        let state = Arc::<State>::default();
        let first = hear(shared, &state).unwrap_or(Hearing::Asked);
        let (shared, watched) = (Arc::downgrade(shared), Arc::clone(&state));
        let watch = move || {
            let mut hearing = first;
            while watched.wait_until_gone(&hearing, &shared) {
                drop(hearing);
                let Some(anew) = watched.wait_until_back(&shared) else { return };
                hearing = anew;
            }
        };
        thread::Builder::new().name("hns-watch".into()).spawn(watch).ok()?;
        Some(Self { state })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.flags().over = true;
        self.state.changed.notify_all();
    }
}

/// How HNS is heard of from now on.
fn hear(shared: &Arc<Shared>, state: &Arc<State>) -> Result<Hearing, Error> {
    match subscribe(shared, state) {
        Err(error) if !error.may_pass() => shared.v1.networks().map(|_| Hearing::Asked),
        subscribed => subscribed.map(Hearing::Told),
    }
}

fn subscribe(shared: &Arc<Shared>, state: &Arc<State>) -> Result<Subscription, Error> {
    state.flags().gone = false;
    let (listener, state) = (Arc::downgrade(shared), Arc::clone(state));
    shared.hns.subscribe(move |notification| {
        if notification.kind == NotificationKind::SERVICE_DISCONNECT {
            state.flags().gone = true;
            state.changed.notify_all();
        }
        if let Some(shared) = listener.upgrade() {
            shared.heard();
        }
    })
}

impl State {
    fn flags(&self) -> MutexGuard<'_, Flags> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until HNS is gone; false where this is over.
    fn wait_until_gone(&self, hearing: &Hearing, shared: &Weak<Shared>) -> bool {
        if let Hearing::Told(_) = hearing {
            let quiet = |flags: &mut Flags| !flags.gone && !flags.over;
            return !self.changed.wait_while(self.flags(), quiet).unwrap_or_else(PoisonError::into_inner).over;
        }
        while !self.pause(THERE_EVERY) {
            let Some(shared) = shared.upgrade() else { return false };
            if shared.v1.networks().is_err_and(|error| error.is_disconnected()) {
                shared.is_gone();
                return true;
            }
        }
        false
    }

    /// Waits until HNS is back, and has the driver hear of that; none where this is over.
    fn wait_until_back(self: &Arc<Self>, shared: &Weak<Shared>) -> Option<Hearing> {
        while !self.pause(BACK_EVERY) {
            let shared = shared.upgrade()?;
            if let Ok(hearing) = hear(&shared, self) {
                shared.came_back();
                return Some(hearing);
            }
            shared.is_gone();
        }
        None
    }

    /// Waits before HNS is asked again; whether this is over.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.flags(), time, |flags| !flags.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}
