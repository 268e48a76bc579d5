//! The index: single updates, each through conversion and flush, against many selectors or many endpoints.
//!
//! A local endpoint has a policy for each selector, so that every selector is an IP set that is in use.

use super::cluster::{LOCAL, Labels, allow_from, namespace, pod, policy, select};
use crate::measure::{Measured, Meter};
use margay_api::{Object, Selector};
use margay_engine::Engine;

const OPERATIONS: u32 = 5_000;

fn take(engine: &mut Engine, object: &Object) -> usize {
    engine.update(object.key(), Some(object));
    engine.flush().deltas.len()
}

/// An engine with the local endpoint, and what else is given.
fn prepared(objects: impl Iterator<Item = Object>) -> Engine {
    let mut engine = super::engine();
    let here = pod("here", "here", LOCAL, 10 << 24, vec![("role".into(), "here".into())]);
    for object in objects.chain([here]) {
        engine.update(object.key(), Some(&object));
    }
    engine.in_sync();
    engine.flush();
    engine
}

fn measure(mut engine: Engine, updates: &[Object]) -> Measured {
    let (warm, updates) = updates.split_at(updates.len() - OPERATIONS as usize);
    for object in warm {
        take(&mut engine, object);
    }
    let meter = Meter::start();
    let deltas = updates.iter().map(|object| take(&mut engine, object)).sum();
    meter.stop(deltas).each(OPERATIONS)
}

/// A policy of the local endpoint.
fn here(name: &str, selector: Option<Selector>, namespaces: Option<Selector>) -> Object {
    policy(name, select("role == \"here\""), vec![allow_from(selector, namespaces)])
}

/// Remote endpoint `n`, in a namespace of its own.
fn remote(n: u32, mut labels: Labels) -> Object {
    labels.push(("alpha".into(), "beta".into()));
    pod(&format!("namespace-{n}"), &format!("pod-{n}"), "remote", (11 << 24) + n, labels)
}

/// Another endpoint comes that one of N selectors `alpha == "beta" && has(ipset-i)` matches.
pub(crate) fn endpoint(selectors: u32) -> Measured {
    let policy =
        |i: u32| here(&format!("policy-{i}"), Some(select(&format!("alpha == \"beta\" && has(ipset-{i})"))), None);
    let endpoint = |n: u32| remote(n, vec![("ipset-1".into(), "true".into())]);
    let updates: Vec<_> = (0..2 * OPERATIONS).map(endpoint).collect();
    measure(prepared((0..selectors).map(policy)), &updates)
}

/// A policy's selector becomes another, `alpha == "beta" && has(ipset-i)`: of N endpoints, all with `alpha`, ten match.
pub(crate) fn selector(endpoints: u32) -> Measured {
    let endpoint = |n: u32| {
        let marked = (n < 100).then(|| (format!("ipset-{}", n % 10).into(), "true".into()));
        remote(n, marked.into_iter().collect())
    };
    let policy = |i: u32| here("policy", Some(select(&format!("alpha == \"beta\" && has(ipset-{})", i % 10))), None);
    let updates: Vec<_> = (0..2 * OPERATIONS).map(policy).collect();
    measure(prepared((0..endpoints).map(endpoint)), &updates)
}

/// A namespace gets another label, with N endpoints, each in a namespace of its own, and 100 selectors, each of one namespace.
pub(crate) fn namespace_update(endpoints: u32) -> Measured {
    let policy = |i: u32| {
        let of = select(&format!("projectcalico.org/name == \"namespace-{i}\""));
        here(&format!("policy-{i}"), None, Some(of))
    };
    let labelled = |n: u32| {
        let labels = [("update-index", n.to_string()), ("something-shared", "foo".to_owned())];
        let name = format!("namespace-{}", n % endpoints);
        namespace(&name, labels.map(|(key, value)| (key.into(), value.into())).into())
    };
    let updates: Vec<_> = (0..2 * OPERATIONS).map(labelled).collect();
    measure(prepared((0..endpoints).map(|n| remote(n, Vec::new())).chain((0..100).map(policy))), &updates)
}
