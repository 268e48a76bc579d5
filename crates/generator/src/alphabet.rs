//! The small alphabets from which everything is drawn: so small that what is drawn here meets what is drawn there.

use crate::json::word;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Namespaces. Some cases lack the Namespace object of one, while things in it are there.
pub(crate) const NAMESPACES: &[&str] = &["red", "blue", "green"];
/// Service accounts.
pub(crate) const SERVICE_ACCOUNTS: &[&str] = &["default", "web", "batch"];
/// Names of pods in a namespace.
pub(crate) const PODS: &[&str] = &["a", "b", "c", "d"];
/// Nodes.
pub(crate) const NODES: &[&str] = &["node-1", "node-2", "node-3"];
/// Services.
pub(crate) const SERVICES: &[&str] = &["front", "back"];
/// Network sets.
pub(crate) const SETS: &[&str] = &["near", "far", "partners"];
/// Profiles.
pub(crate) const PROFILES: &[&str] = &["open", "guarded", "closed"];
/// Tiers beside the three that are always there.
pub(crate) const TIERS: &[&str] = &["security", "platform", "zoning"];
/// Names of policies of every kind.
pub(crate) const POLICIES: &[&str] = &["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];
/// Names of ports.
pub(crate) const PORT_NAMES: &[&str] = &["http", "dns", "admin"];

/// Labels of pods, network sets, host endpoints and nodes.
const LABELS: &[(&str, &[&str])] =
    &[("app", &["web", "api", "db"]), ("env", &["prod", "dev"]), ("role", &["web", "db", "backend"])];
/// Labels of namespaces and service accounts.
const PARENT_LABELS: &[(&str, &[&str])] = &[("team", &["x", "y"]), ("env", &["prod", "dev"])];
/// Labels that a namespaced thing may not give itself; they are ignored on one.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("pcns.team", &["x", "y"]),
    ("pcsa.team", &["x", "y"]),
    ("projectcalico.org/namespace", NAMESPACES),
    ("projectcalico.org/serviceaccount", SERVICE_ACCOUNTS),
];

/// Over which labels a selector speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// Those of a thing itself.
    Own,
    /// Those of namespaces or service accounts, without prefix.
    Parent,
    /// Those of a thing as Calico's selectors see it: its own, its namespace's and service account's with their prefixes, and Calico's own.
    Inherited,
}

/// A label of the vocabulary, and the values it takes.
pub(crate) fn label(of: Vocabulary) -> BoxedStrategy<(String, &'static [&'static str])> {
    let own = prop::sample::select(LABELS);
    let parent = prop::sample::select(PARENT_LABELS);
    let named = |(key, values): (&str, &'static [&'static str])| (key.to_owned(), values);
    match of {
        Vocabulary::Own => own.prop_map(named).boxed(),
        Vocabulary::Parent => prop_oneof![
            4 => parent.prop_map(named),
            1 => Just(("kubernetes.io/metadata.name".to_owned(), NAMESPACES)),
            1 => Just(("projectcalico.org/name".to_owned(), NAMESPACES)),
        ]
        .boxed(),
        Vocabulary::Inherited => prop_oneof![
            8 => own.prop_map(named),
            2 => parent.clone().prop_map(|(key, values)| (format!("pcns.{key}"), values)),
            1 => parent.prop_map(|(key, values)| (format!("pcsa.{key}"), values)),
            1 => Just(("projectcalico.org/namespace".to_owned(), NAMESPACES)),
            1 => Just(("projectcalico.org/serviceaccount".to_owned(), SERVICE_ACCOUNTS)),
            1 => Just(("pcns.projectcalico.org/name".to_owned(), NAMESPACES)),
            1 => Just(("projectcalico.org/orchestrator".to_owned(), &["k8s"] as &[_])),
        ]
        .boxed(),
    }
}

/// A label and one of its values.
pub(crate) fn label_and_value(of: Vocabulary) -> BoxedStrategy<(String, &'static str)> {
    (label(of), any::<prop::sample::Index>()).prop_map(|((key, values), i)| (key, *i.get(values))).boxed()
}

/// `metadata.labels` of a thing: some of its vocabulary, and now and then one that it may not give itself.
pub(crate) fn labels(of: Vocabulary) -> BoxedStrategy<Value> {
    let drawn = prop::collection::vec(label_and_value(of), 0..=4);
    let forbidden = prop::option::weighted(0.06, (prop::sample::select(FORBIDDEN), any::<prop::sample::Index>()));
    (drawn, forbidden)
        .prop_map(move |(drawn, forbidden)| {
            let mut labels: Map<String, Value> = drawn.into_iter().map(|(key, value)| (key, value.into())).collect();
            // What the API server writes itself is not for drawing.
            labels.remove("kubernetes.io/metadata.name");
            if let Some(((key, values), i)) = forbidden.filter(|_| of == Vocabulary::Own) {
                labels.insert(key.to_owned(), (*i.get(values)).into());
            }
            Value::Object(labels)
        })
        .boxed()
}

/// A namespace.
pub(crate) fn namespace() -> BoxedStrategy<&'static str> {
    word(NAMESPACES)
}
