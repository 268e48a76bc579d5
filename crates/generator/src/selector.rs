//! Selectors, in Calico's language and in Kubernetes'.

use crate::alphabet::{Vocabulary, label, label_and_value};
use crate::json::{Json, list, maybe, record};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A selector of `projectcalico.org/v3`.
pub(crate) fn selector(of: Vocabulary) -> BoxedStrategy<String> {
    leaf(of)
        .prop_recursive(2, 5, 2, |inner| {
            let pair = (inner.clone(), inner.clone());
            prop_oneof![
                2 => pair.clone().prop_map(|(a, b)| format!("{a} && {b}")),
                4 => pair.clone().prop_map(|(a, b)| format!("{a} || {b}")),
                1 => pair.prop_map(|(a, b)| format!("!({a}) || ({b})")),
                1 => inner.prop_map(|a| format!("! ({a})")),
            ]
        })
        .boxed()
}

fn leaf(of: Vocabulary) -> BoxedStrategy<String> {
    let one = label_and_value(of);
    let set = || (label(of), prop::collection::vec(any::<prop::sample::Index>(), 0..=3));
    let members = |values: &[&str], indices: Vec<prop::sample::Index>| {
        indices.iter().map(|i| format!("'{}'", i.get(values))).collect::<Vec<_>>().join(", ")
    };
    prop_oneof![
        6 => Just("all()".to_owned()),
        8 => one.clone().prop_map(|(key, value)| format!("{key} == '{value}'")),
        3 => one.clone().prop_map(|(key, value)| format!("{key} != \"{value}\"")),
        2 => label(of).prop_map(|(key, _)| format!("has({key})")),
        2 => label(of).prop_map(|(key, _)| format!("!has({key})")),
        2 => set().prop_map(move |((key, values), i)| format!("{key} in {{{}}}", members(values, i))),
        2 => set().prop_map(move |((key, values), i)| format!("{key} not in {{{}}}", members(values, i))),
        1 => one.clone().prop_map(|(key, value)| format!("{key} contains '{}'", &value[1..])),
        1 => one.clone().prop_map(|(key, value)| format!("{key} starts with '{}'", &value[..1])),
        1 => one.prop_map(|(key, value)| format!("{key} ends with '{}'", &value[value.len() - 1..])),
    ]
    .boxed()
}

/// The `namespaceSelector` of a rule: `global()` may be all that it says.
pub(crate) fn namespace_selector() -> BoxedStrategy<String> {
    prop_oneof![1 => Just("global()".to_owned()), 9 => selector(Vocabulary::Parent)].boxed()
}

/// A `LabelSelector` of Kubernetes.
pub(crate) fn label_selector(of: Vocabulary) -> Json {
    prop_oneof![2 => Just(json!({})), 5 => written(of)].boxed()
}

fn written(of: Vocabulary) -> Json {
    let match_labels = prop::collection::vec(label_and_value(of), 1..=2)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key, Value::from(value))).collect::<Value>());
    record([maybe("matchLabels", 0.6, match_labels), maybe("matchExpressions", 0.3, list(1..=2, requirement(of)))])
}

fn requirement(of: Vocabulary) -> Json {
    let values = prop::collection::vec(any::<prop::sample::Index>(), 1..=2);
    (label(of), prop::sample::select(&["In", "NotIn", "Exists", "DoesNotExist"][..]), values)
        .prop_map(|((key, values), operator, indices)| {
            let chosen: Vec<&str> = indices.iter().map(|i| *i.get(values)).collect();
            match operator {
                "In" | "NotIn" => json!({"key": key, "operator": operator, "values": chosen}),
                _ => json!({"key": key, "operator": operator}),
            }
        })
        .boxed()
}
