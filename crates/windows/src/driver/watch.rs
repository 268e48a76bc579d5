//! Hears of what happens in HNS for as long as this is there, over the deaths of HNS.

use super::Shared;
use margay_hcn::{Error, NotificationKind, Subscription};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// How often HNS is asked whether it is back.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A subscription that is taken anew whenever HNS was gone: whether one outlives that is \[UNK\].
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

impl Watch {
    /// Has the driver hear of whatever HNS tells, and that it is back; none where HNS tells of nothing, or there is no thread.
    pub(super) fn new(shared: &Arc<Shared>) -> Option<Self> {
        let state = Arc::<State>::default();
        let first = subscribe(shared, &state).ok()?;
        let (shared, watched) = (Arc::downgrade(shared), Arc::clone(&state));
        let watch = move || {
            let mut subscription = Some(first);
            while watched.wait_until_gone() {
                drop(subscription.take());
                subscription = watched.wait_until_back(&shared);
                if subscription.is_none() {
                    return;
                }
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
    fn wait_until_gone(&self) -> bool {
        let quiet = |flags: &mut Flags| !flags.gone && !flags.over;
        !self.changed.wait_while(self.flags(), quiet).unwrap_or_else(PoisonError::into_inner).over
    }

    /// Subscribes as soon as HNS is back, and has the driver hear of that; none where this is over, or HNS tells of nothing any more.
    fn wait_until_back(self: &Arc<Self>, shared: &Weak<Shared>) -> Option<Subscription> {
        while !self.pause() {
            let shared = shared.upgrade()?;
            match subscribe(&shared, self) {
                Ok(subscription) => {
                    shared.came_back();
                    return Some(subscription);
                }
                Err(error) if error.may_pass() => {}
                // Looking from time to time is left.
                Err(_) => return None,
            }
        }
        None
    }

    /// Waits before HNS is asked again; whether this is over.
    fn pause(&self) -> bool {
        let waited = self.changed.wait_timeout_while(self.flags(), ASK_EVERY, |flags| !flags.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}
