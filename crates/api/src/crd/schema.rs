//! Structural schemas, put together.

use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;

/// The schema of one value.
#[derive(Clone, Debug)]
pub(super) struct Schema(Map<String, Value>);

/// A field: its name, what it is for `kubectl explain`, and what it may hold.
pub(super) type Field<'a> = (&'a str, &'a str, Schema);

impl Schema {
    fn of(kind: &str) -> Self {
        Self(Map::from_iter([("type".to_owned(), kind.into())]))
    }

    pub(super) fn object<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> Self {
        let properties: Map<String, Value> =
            fields.into_iter().map(|(name, about, schema)| (name.to_owned(), schema.about(about).into())).collect();
        Self::of("object").with("properties", properties)
    }

    /// Texts by names that are data: labels, annotations.
    pub(super) fn texts_by_name() -> Self {
        Self::of("object").with("additionalProperties", Self::text())
    }

    /// `metadata`, which the API server knows itself.
    pub(super) fn metadata() -> Self {
        Self::of("object")
    }

    /// An object that nothing is known of.
    pub(super) fn anything() -> Self {
        Self::of("object").open()
    }

    pub(super) fn list(items: Self) -> Self {
        Self::of("array").with("items", items).with("x-kubernetes-list-type", "atomic")
    }

    /// A list in which each value of a field stands once.
    pub(super) fn list_by(key: &str, items: Self) -> Self {
        Self::list(items).with("x-kubernetes-list-type", "map").with("x-kubernetes-list-map-keys", json!([key]))
    }

    pub(super) fn text() -> Self {
        Self::of("string")
    }

    /// A text that is one of these words.
    pub(super) fn word<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::text().with("enum", words.into_iter().collect::<Vec<_>>())
    }

    /// A time as RFC 3339 writes it.
    pub(super) fn time() -> Self {
        Self::text().with("format", "date-time")
    }

    pub(super) fn flag() -> Self {
        Self::of("boolean")
    }

    pub(super) fn number() -> Self {
        Self::of("number")
    }

    pub(super) fn integer(range: RangeInclusive<i64>) -> Self {
        let (first, last) = range.into_inner();
        let schema = Self::of("integer").with("minimum", first);
        if last == i64::MAX { schema.with("format", "int64") } else { schema.with("maximum", last) }
    }

    /// A number in a range, or a text of a pattern.
    pub(super) fn integer_or_text(range: RangeInclusive<i64>, pattern: &str) -> Self {
        let (first, last) = range.into_inner();
        Self(Map::new())
            .with("x-kubernetes-int-or-string", true)
            .with("anyOf", json!([{"type": "integer"}, {"type": "string"}]))
            .with("minimum", first)
            .with("maximum", last)
            .with("pattern", pattern)
    }

    pub(super) fn one_of(self, values: &[i64]) -> Self {
        self.with("enum", values)
    }

    pub(super) fn pattern(self, pattern: &str) -> Self {
        self.with("pattern", pattern)
    }

    /// Characters at most.
    pub(super) fn longest(self, length: usize) -> Self {
        self.with("maxLength", length)
    }

    /// Entries of a list at most.
    pub(super) fn most(self, entries: usize) -> Self {
        self.with("maxItems", entries)
    }

    pub(super) fn need(self, fields: &[&str]) -> Self {
        self.with("required", fields)
    }

    /// What a field that is left out is.
    pub(super) fn default(self, value: &str) -> Self {
        self.with("default", value)
    }

    /// At least one of these holds, too: they narrow what the schema says, and say nothing new.
    pub(super) fn any_of(self, narrower: Value) -> Self {
        self.with("anyOf", narrower)
    }

    /// It may be null, as where it is left out.
    pub(super) fn or_null(self) -> Self {
        self.with("nullable", true)
    }

    /// Fields that are not known are kept.
    pub(super) fn open(self) -> Self {
        self.with("x-kubernetes-preserve-unknown-fields", true)
    }

    /// A rule of CEL on it, and what is said where it does not hold.
    pub(super) fn check(mut self, rule: impl Into<String>, message: impl Into<String>) -> Self {
        let check = json!({"rule": rule.into(), "message": message.into()});
        match self.0.get_mut("x-kubernetes-validations").and_then(Value::as_array_mut) {
            Some(checks) => checks.push(check),
            None => return self.with("x-kubernetes-validations", json!([check])),
        }
        self
    }

    /// What it is, for `kubectl explain`.
    pub(super) fn about(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.0.shift_insert(0, "description".to_owned(), text.into());
        }
        self
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        Value::Object(schema.0)
    }
}
