//! What the resource definitions take and refuse, beside what the reader does.

mod admission;
mod own;
mod properties;
mod table;
mod validator;

use margay_api::crd::{Group, definitions};
use margay_api::{Severity, read};
use serde_json::Value;
use std::sync::LazyLock;
use validator::Validator;

/// All of Calico's kinds.
static CALICO: LazyLock<Validator> = LazyLock::new(|| Validator::new(&definitions(Group::Calico)));

/// The errors of the reader.
fn reader(object: &Value) -> Vec<String> {
    let decoded = read(&object.to_string(), "f");
    assert_eq!(decoded.len(), 1, "one object is one");
    let errors = decoded[0].problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}
