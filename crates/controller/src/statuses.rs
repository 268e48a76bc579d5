//! Where a policy's status is written, and as what.

use crate::conditions::TYPES;
use margay_api::{Key, Kind};
use margay_kubernetes::Resource;
use margay_report::{API_VERSION, Condition, PolicyRef, PolicyStatus, status_name};
use serde_json::{Value, json};

/// The field manager of what the controller applies.
pub(crate) const MANAGER: &str = "margay-controller";

/// Whether the kind's own API has conditions, for whoever enforces it.
pub(crate) fn has_conditions(kind: Kind) -> bool {
    matches!(kind, Kind::ClusterNetworkPolicy | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy)
}

/// Where a policy may be, in the order to look: its kind may be served at several versions, and what Calico stores may have its tier before its name.
pub(crate) fn policy_paths(key: &Key) -> Vec<String> {
    let versions = Kind::readable().find(|(kind, _)| *kind == key.kind).map(|(_, versions)| versions);
    let mut paths = Vec::new();
    for version in versions.unwrap_or_default() {
        let root = format!("/apis/{version}");
        let place = if key.kind.namespaced() { format!("/namespaces/{}", key.namespace) } else { String::new() };
        let plural = Resource::of(key.kind, version).plural();
        paths.push(format!("{root}{place}/{plural}/{}", key.name));
        if version.starts_with("crd.projectcalico.org/") {
            paths.push(format!("{root}{place}/{plural}/default.{}", key.name));
        }
    }
    paths
}

/// Where a policy is that was read: its kind has one name for all versions.
pub(crate) fn own_path(key: &Key, policy: &Value) -> String {
    let version = policy["apiVersion"].as_str().unwrap_or_default();
    format!("{}/{}", Resource::of(key.kind, version).path(), key.name)
}

/// Where the PolicyStatuses of a kind are: those of all namespaces.
pub(crate) fn all_statuses(namespaced: bool) -> String {
    format!("/apis/{API_VERSION}/{}", if namespaced { "policystatuses" } else { "clusterpolicystatuses" })
}

/// Where the PolicyStatus or ClusterPolicyStatus of a policy is.
pub(crate) fn status_path(key: &Key) -> String {
    let name = status_name(key.kind, &key.name);
    match key.kind.namespaced() {
        true => format!("/apis/{API_VERSION}/namespaces/{}/policystatuses/{name}", key.namespace),
        false => format!("/apis/{API_VERSION}/clusterpolicystatuses/{name}"),
    }
}

/// The policy that a PolicyStatus or a ClusterPolicyStatus is of, and what it says.
pub(crate) fn read_status(object: &Value) -> Option<(Key, i64, PolicyStatus)> {
    let policy: PolicyRef = serde_json::from_value(object["policy"].clone()).ok()?;
    let kind = crate::kind_of(&policy.group, &policy.kind)?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().into();
    let status = serde_json::from_value(object["status"].clone()).unwrap_or_default();
    Some((Key { kind, namespace, name: policy.name.into() }, policy.generation, status))
}

/// A PolicyStatus or ClusterPolicyStatus as it is applied, of a policy as it was read: it is gone with the policy.
pub(crate) fn status_object(key: &Key, policy: &Value, generation: i64, status: &PolicyStatus) -> Value {
    let mut metadata = json!({
        "name": status_name(key.kind, &key.name),
        "ownerReferences": [{
            "apiVersion": policy["apiVersion"],
            "kind": policy["kind"],
            "name": policy["metadata"]["name"],
            "uid": policy["metadata"]["uid"],
        }],
    });
    if key.kind.namespaced() {
        metadata["namespace"] = json!(key.namespace);
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": if key.kind.namespaced() { "PolicyStatus" } else { "ClusterPolicyStatus" },
        "metadata": metadata,
        "policy": PolicyRef::of(key.kind, &key.name, generation),
        "status": status,
    })
}

/// The status of a policy whose own API has conditions, as it is applied.
pub(crate) fn conditions_object(policy: &Value, conditions: &[Condition]) -> Value {
    json!({
        "apiVersion": policy["apiVersion"],
        "kind": policy["kind"],
        "metadata": {"name": policy["metadata"]["name"]},
        "status": {"conditions": conditions},
    })
}

/// The conditions of ours that a policy has.
pub(crate) fn own_conditions(policy: &Value) -> Vec<Condition> {
    let all = policy["status"]["conditions"].as_array().into_iter().flatten();
    let read = all.filter_map(|condition| serde_json::from_value::<Condition>(condition.clone()).ok());
    let mut own: Vec<Condition> = read.filter(|condition| TYPES.contains(&condition.kind.as_str())).collect();
    own.sort_by_key(|condition| TYPES.iter().position(|kind| *kind == condition.kind));
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, namespace: &str) -> Key {
        Key { kind, namespace: namespace.into(), name: "web".into() }
    }

    #[test]
    fn where_policies_and_their_statuses_are() {
        for (key, policy, status) in [
            (
                key(Kind::NetworkPolicy, "shop"),
                vec!["/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/web"],
                "/apis/margay.io/v1alpha1/namespaces/shop/policystatuses/networkpolicy.web",
            ),
            (
                key(Kind::CalicoNetworkPolicy, "shop"),
                vec![
                    "/apis/projectcalico.org/v3/namespaces/shop/networkpolicies/web",
                    "/apis/crd.projectcalico.org/v1/namespaces/shop/networkpolicies/web",
                    "/apis/crd.projectcalico.org/v1/namespaces/shop/networkpolicies/default.web",
                ],
                "/apis/margay.io/v1alpha1/namespaces/shop/policystatuses/caliconetworkpolicy.web",
            ),
            (
                key(Kind::ClusterNetworkPolicy, ""),
                vec![
                    "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/web",
                    "/apis/policy.networking.k8s.io/v1beta1/clusternetworkpolicies/web",
                ],
                "/apis/margay.io/v1alpha1/clusterpolicystatuses/clusternetworkpolicy.web",
            ),
        ] {
            assert_eq!(
                (policy_paths(&key), status_path(&key).as_str()),
                (policy.into_iter().map(Into::into).collect(), status)
            );
        }
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web", "uid": "u"}});
        let condition = Condition { kind: "Valid".into(), status: "True".into(), ..Condition::default() };
        let status = PolicyStatus { nodes: "linux 1/1".into(), conditions: vec![condition] };
        for key in [key(Kind::NetworkPolicy, "shop"), key(Kind::GlobalNetworkPolicy, "")] {
            let object = status_object(&key, &policy, 3, &status);
            assert_eq!(read_status(&object), Some((key, 3, status.clone())));
        }
    }

    #[test]
    fn conditions_of_others_are_not_ours() {
        let policy =
            json!({"status": {"conditions": [{"type": "SelectsNothing"}, {"type": "Theirs"}, {"type": "Valid"}]}});
        let kinds: Vec<String> = own_conditions(&policy).into_iter().map(|condition| condition.kind).collect();
        assert_eq!(kinds, ["Valid", "SelectsNothing"]);
    }
}
