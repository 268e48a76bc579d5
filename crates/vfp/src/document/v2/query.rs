//! What a query of V2 asks for.

use crate::document::{Answer, Members, Object, Refusal, read, v2};
use serde_json::Value;

/// A query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Whether the answer has the shape of V1 \[SRC\].
    pub(crate) v1: bool,
    /// Whether it shows all there is.
    pub(crate) detailed: bool,
    /// Members of V1 and what they must be.
    filter: Object,
}

impl Query {
    /// `{SchemaVersion, Flags, Filter}`; none asks for everything, in the shape of V2.
    pub(crate) fn read(text: &str) -> Answer<Self> {
        let document = read(text)?;
        if document.is_null() {
            return Ok(Self::default());
        }
        let query = Members::strict(&document, "Query", &["SchemaVersion", "Flags", "Filter"])?;
        let v1 = query.get("SchemaVersion").map(v2::major).transpose()?;
        let filter = match query.text("Filter")? {
            None => Object::new(),
            // A string of JSON [SRC].
            Some(text) => match read(text)? {
                Value::Object(filter) => filter,
                Value::Null => Object::new(),
                _ => return Err(Refusal::invalid_member("Filter")),
            },
        };
        Ok(Self { v1: v1 == Some(1), detailed: query.flags("Flags")? & 1 != 0, filter })
    }

    /// Whether an object passes the filter, which has the names of V1 \[SRC\].
    pub(crate) fn wants(&self, v1: &Value) -> bool {
        self.filter.iter().all(|(member, wanted)| match (v1.get(member), wanted) {
            (Some(Value::String(there)), Value::String(wanted)) => there.eq_ignore_ascii_case(wanted),
            (Some(there), wanted) => there == wanted,
            (None, _) => false,
        })
    }
}
