//! Documents of V1: lenient, flat, ids in upper case.

pub(crate) mod endpoint;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod policylist;

use margay_hcn::Guid;
use serde_json::{Value, json};

/// An id as V1 writes it \[SRC\].
pub(crate) fn id(id: Guid) -> Value {
    format!("{id:#}").into()
}

/// What V1 answers where it did what was asked \[SRC\].
pub(crate) fn envelope(output: &Value) -> String {
    json!({ "Success": true, "Output": output }).to_string()
}

/// The entries of a list with commas.
fn entries(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}
