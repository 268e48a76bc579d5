//! Strategies of JSON values: the words in which every kind is described here.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;

/// A strategy of JSON values.
pub(crate) type Json = BoxedStrategy<Value>;
/// A field of an object: its name, and its value or nothing.
pub(crate) type Field = (&'static str, BoxedStrategy<Option<Value>>);

/// A field that is always there.
pub(crate) fn always<V: Into<Value> + std::fmt::Debug + 'static>(
    name: &'static str,
    value: impl Strategy<Value = V> + 'static,
) -> Field {
    (name, value.prop_map(|v| Some(v.into())).boxed())
}

/// A field that is there with this probability (never if 0, always if 1). It shrinks to nothing.
pub(crate) fn maybe<V: Into<Value> + std::fmt::Debug + 'static>(
    name: &'static str,
    probability: f64,
    value: impl Strategy<Value = V> + 'static,
) -> Field {
    if probability == 0.0 {
        return (name, Just(None).boxed());
    }
    if probability == 1.0 {
        return always(name, value);
    }
    (name, prop::option::weighted(probability, value.prop_map(Into::into)).boxed())
}

/// An object of these fields.
pub(crate) fn record(fields: impl IntoIterator<Item = Field>) -> Json {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values
        .prop_map(move |values| {
            let fields = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            Value::Object(fields.collect::<Map<_, _>>())
        })
        .boxed()
}

/// The fields of one object, then those of the other.
pub(crate) fn merged(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut a), Value::Object(b)) => {
            a.extend(b);
            Value::Object(a)
        }
        (_, other) => other,
    }
}

/// A list of so many values.
pub(crate) fn list<V: Into<Value> + std::fmt::Debug>(
    size: RangeInclusive<usize>,
    value: impl Strategy<Value = V> + 'static,
) -> Json {
    prop::collection::vec(value, size)
        .prop_map(|values| values.into_iter().map(Into::into).collect::<Vec<Value>>())
        .prop_map(Value::Array)
        .boxed()
}

/// One of these words. It shrinks to the first.
pub(crate) fn word(words: &'static [&'static str]) -> BoxedStrategy<&'static str> {
    prop::sample::select(words).boxed()
}

/// An object of a kind as `kubectl` prints it: head and metadata, then these fields.
pub(crate) fn document(api_version: &str, kind: &str, metadata: Value, body: Value) -> Value {
    merged(json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}), body)
}
