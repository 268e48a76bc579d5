//! One at a time on an HNS endpoint, whatever pods have its address.

use super::lock;
use margay_hcn::Guid;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};

/// The endpoints that somebody works on.
#[derive(Default)]
pub(super) struct Busy {
    endpoints: Mutex<BTreeSet<Guid>>,
    left: Condvar,
}

/// Nobody else works on an endpoint as long as this is there.
pub(super) struct Alone<'a> {
    busy: &'a Busy,
    endpoint: Guid,
}

impl Busy {
    /// Waits until nobody works on an endpoint.
    pub(super) fn alone_with(&self, endpoint: Guid) -> Alone<'_> {
        let taken = |endpoints: &mut BTreeSet<Guid>| endpoints.contains(&endpoint);
        let free = self.left.wait_while(lock(&self.endpoints), taken);
        free.unwrap_or_else(PoisonError::into_inner).insert(endpoint);
        Alone { busy: self, endpoint }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        lock(&self.busy.endpoints).remove(&self.endpoint);
        self.busy.left.notify_all();
    }
}
