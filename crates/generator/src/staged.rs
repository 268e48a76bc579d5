//! What the three staged kinds have in common.

use proptest::prelude::*;
use serde_json::{Value, json};

/// `stagedAction`; absent is Set.
pub(crate) fn action() -> BoxedStrategy<Option<&'static str>> {
    prop_oneof![
        3 => Just(None),
        3 => Just(Some("Set")),
        3 => Just(Some("Delete")),
        1 => Just(Some("Learn")),
        1 => Just(Some("Ignore")),
    ]
    .boxed()
}

/// The spec with its action. To delete, no more is said than which policy: its name and tier.
pub(crate) fn spec(mut spec: Value, action: Option<&str>) -> Value {
    if action == Some("Delete") {
        let tier = spec.get("tier").cloned();
        spec = json!({});
        if let Some(tier) = tier {
            spec["tier"] = tier;
        }
    }
    if let Some(action) = action {
        spec["stagedAction"] = action.into();
    }
    spec
}
