//! What a person should know of a policy: told once in the cluster, not once on each node.

use margay_api::Key;
use margay_report::{Condition, Notice, Regarding};
use serde_json::Value;

/// What is new between two states of a policy's conditions: that it can't be read, or that a rule can't be expressed.
pub(crate) fn notices(key: &Key, policy: &Value, before: &[Condition], now: &[Condition]) -> Vec<Notice> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let regarding = Regarding {
        api_version: text(&policy["apiVersion"]),
        kind: text(&policy["kind"]),
        namespace: key.namespace.to_string(),
        name: text(&policy["metadata"]["name"]),
    };
    let bad = [
        ("Valid", "False", "PolicyInvalid", "Reading"),
        ("PartiallySupported", "True", "PolicyNotExpressible", "Programming"),
    ];
    let new = bad.into_iter().filter_map(|(kind, status, reason, action)| {
        let is_bad = |condition: &&Condition| condition.kind == kind && condition.status == status;
        let condition = now.iter().find(is_bad)?;
        let known = before.iter().find(is_bad).is_some_and(|old| old.message == condition.message);
        let note = condition.message.clone();
        (!known).then(|| Notice { regarding: regarding.clone(), warning: true, reason, action, note })
    });
    new.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use margay_api::Kind;
    use serde_json::json;

    #[test]
    fn what_is_new_and_wrong_is_told() {
        let key = Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: "web".into() };
        let policy =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}});
        let condition = |kind: &str, status: &str, message: &str| Condition {
            kind: kind.into(),
            status: status.into(),
            message: message.into(),
            ..Condition::default()
        };
        let told = |before: &[Condition], now: &[Condition]| -> Vec<String> {
            notices(&key, &policy, before, now).iter().map(|n| format!("{} {}", n.reason, n.note)).collect()
        };
        let fine = [condition("Valid", "True", ""), condition("PartiallySupported", "False", "")];
        let bad = [condition("Valid", "False", "a"), condition("PartiallySupported", "True", "b")];
        let worse = [condition("Valid", "False", "c"), condition("PartiallySupported", "True", "b")];
        for (before, now, expected) in [
            (&[][..], &fine[..], vec![]),
            (&[][..], &bad[..], vec!["PolicyInvalid a", "PolicyNotExpressible b"]),
            (&fine, &bad, vec!["PolicyInvalid a", "PolicyNotExpressible b"]),
            (&bad, &bad, vec![]),
            (&bad, &worse, vec!["PolicyInvalid c"]),
            (&bad, &fine, vec![]),
        ] {
            assert_eq!(told(before, now), expected);
        }
    }
}
