//! A large cluster that starts: few policies in many, chosen by common labels.
//!
//! 10,000 policies, each with five ingress rules from `has(MARKER)` of one of 31 markers. Which endpoints a policy selects is not given with the
//! figure to beat; here it is `has(MARKER)` too, so that every policy applies to some local endpoint.

use super::cluster::{LOCAL, Labels, allow_from, mix, namespace, pod, policy, select};
use margay_api::{Key, Object};
use margay_engine::Engine;
use smol_str::format_smolstr;

const POLICIES: u64 = 10_000;
const LOCALS: u64 = 200;
const MARKERS: u64 = 31;

fn has_marker(number: u64) -> margay_api::Selector {
    select(&format!("has(marker-{})", number % MARKERS))
}

/// A policy: the `edit`th version of it.
pub(crate) fn a_policy(number: u64, edit: u64) -> Object {
    let rules = (0..5).map(|rule| allow_from(Some(has_marker(mix(number * 5 + rule))), None)).collect();
    policy(&format!("policy-{number}"), has_marker(number + edit), rules)
}

/// A namespace: the `edit`th version of it.
pub(crate) fn a_namespace(number: u64, edit: u64) -> Object {
    let name = format!("namespace-{number}");
    let labels =
        vec![("kubernetes.io/metadata.name".into(), name.as_str().into()), ("edit".into(), edit.to_string().into())];
    namespace(&name, labels)
}

/// An endpoint: its namespace is its number mod 100; one marker, and five labels that one in so many have.
pub(crate) fn endpoint(number: u64, node: &str, edit: u64) -> Object {
    let mut labels: Labels = [10, 11, 20, 30, 40]
        .into_iter()
        .filter(|n| mix(number * 64 + n).is_multiple_of(*n))
        .map(|n| (format_smolstr!("one-in-{n}"), "true".into()))
        .collect();
    labels.push((format_smolstr!("marker-{}", (mix(number) + edit) % MARKERS), "true".into()));
    pod(&format!("namespace-{}", number % 100), &format!("pod-{number}"), node, (10 << 24) + number as u32, labels)
}

/// Feeds the cluster; gives the keys of the local endpoints.
pub(crate) fn feed(engine: &mut Engine, remote: u64) -> Vec<Key> {
    let mut take = |object: Object| {
        engine.update(object.key(), Some(&object));
        object.key().clone()
    };
    (0..POLICIES).for_each(|number| drop(take(a_policy(number, 0))));
    (0..100).for_each(|number| drop(take(a_namespace(number, 0))));
    (0..remote).for_each(|number| drop(take(endpoint(number, "remote", 0))));
    (remote..remote + LOCALS).map(|number| take(endpoint(number, LOCAL, 0))).collect()
}
