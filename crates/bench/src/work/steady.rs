//! Single updates with the large cluster in place, each with its flush.

use super::snapshot::{a_namespace, a_policy, endpoint, feed};
use crate::measure::{Measured, Meter};
use margay_api::{Key, Object};
use margay_engine::Engine;

const REMOTE: u64 = 250_000;
const OPERATIONS: u32 = 1_000;

/// Measures updates of the large cluster; `None` is a removal.
fn measure(update: impl Fn(u64) -> (Key, Option<Object>)) -> Measured {
    let mut engine = super::engine();
    feed(&mut engine, REMOTE);
    engine.in_sync();
    engine.flush();
    let updates: Vec<_> = (0..u64::from(OPERATIONS)).map(update).collect();
    let one = |engine: &mut Engine, (key, object): &(Key, Option<Object>)| {
        engine.update(key, object.as_ref());
        engine.flush().deltas.len()
    };
    let meter = Meter::start();
    let deltas = updates.iter().map(|update| one(&mut engine, update)).sum();
    meter.stop(deltas).each(OPERATIONS)
}

fn put(object: Object) -> (Key, Option<Object>) {
    (object.key().clone(), Some(object))
}

pub(crate) fn pod_label() -> Measured {
    measure(|i| put(endpoint(i * 97 % REMOTE, "remote", 1)))
}

pub(crate) fn pod_comes() -> Measured {
    measure(|i| put(endpoint(REMOTE + 1_000 + i, "remote", 0)))
}

pub(crate) fn pod_goes() -> Measured {
    measure(|i| (endpoint(i * 97 % REMOTE, "remote", 0).key().clone(), None))
}

pub(crate) fn policy_selector() -> Measured {
    measure(|i| put(a_policy(i, 1)))
}

pub(crate) fn namespace_label() -> Measured {
    measure(|i| put(a_namespace(i % 100, i + 1)))
}
