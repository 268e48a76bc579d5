//! What HNS tells by itself.

use super::abi::{Register, Unregister};
use super::library::Library;
use super::text::{self, Out};
use crate::{Failure, Notification, NotificationKind, Subscription};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windows_sys::core::{HRESULT, PCWSTR};

type Tell = Arc<dyn Fn(Notification) + Send + Sync>;

/// Who is told, by the number that HNS hands back. Numbers, not addresses: whether a notification may still come after the end of a subscription is \[UNK\].
#[derive(Default)]
struct Subscribers {
    last: usize,
    told: BTreeMap<usize, Tell>,
}

static SUBSCRIBERS: Mutex<Subscribers> = Mutex::new(Subscribers { last: 0, told: BTreeMap::new() });

fn subscribers() -> MutexGuard<'static, Subscribers> {
    SUBSCRIBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One who is told, until this is dropped.
struct Subscriber {
    number: usize,
    /// What HNS calls the subscription, once it knows of it, and how to end it.
    registered: Option<(*mut c_void, Unregister)>,
}

// SAFETY: the handle means something to HNS alone, which takes it from any thread.
unsafe impl Send for Subscriber {}

impl Subscriber {
    fn new(tell: Tell) -> Self {
        let mut all = subscribers();
        all.last += 1;
        let number = all.last;
        all.told.insert(number, tell);
        Self { number, registered: None }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // What is dropped may itself end a subscription: not under the lock.
        let tell = subscribers().told.remove(&self.number);
        if let Some((handle, unregister)) = self.registered.take() {
            // SAFETY: HNS gave the handle for this subscription, which is ended nowhere else. A failure changes nothing: nobody is told any more.
            unsafe { unregister(handle) };
        }
        drop(tell);
    }
}

pub(super) fn subscribe(
    library: &Library,
    tell: Box<dyn Fn(Notification) + Send + Sync>,
) -> Result<Subscription, Failure> {
    // SAFETY: the function has this signature.
    let unregister: Unregister = unsafe { library.function("HcnUnregisterServiceCallback") }?;
    // SAFETY: the function has this signature.
    let register: Register = unsafe { library.function("HcnRegisterServiceCallback") }?;
    let mut subscriber = Subscriber::new(tell.into());
    let mut handle = std::ptr::null_mut();
    let context = std::ptr::without_provenance(subscriber.number);
    // SAFETY: the callback may be called at any time from any thread, and takes its context for a number alone; `handle` is a place for a handle.
    let result = unsafe { register(Some(notified), context, &raw mut handle) };
    text::check(result, Out::new())?;
    subscriber.registered = Some((handle, unregister));
    Ok(Subscription::new(subscriber))
}

/// What HNS calls. Nothing may unwind into it.
unsafe extern "system" fn notified(kind: u32, context: *const c_void, status: HRESULT, data: PCWSTR) {
    let tell = move || {
        let tell = subscribers().told.get(&context.addr()).cloned();
        // SAFETY: HNS gives null, or a text that ends in zero and stays during this call.
        let data = unsafe { text::units(data) }.map(String::from_utf16_lossy).unwrap_or_default();
        if let Some(tell) = tell {
            tell(Notification { kind: NotificationKind(kind), status: status as u32, data });
        }
    };
    let _ = catch_unwind(AssertUnwindSafe(tell));
}
