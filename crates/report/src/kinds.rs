//! The kinds of `margay.io/v1alpha1` that carry status.

use margay_api::Kind;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// The API version of Margay's own kinds.
pub const API_VERSION: &str = "margay.io/v1alpha1";
/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// How a node is doing: the `report` of a NodeReport, which has the name of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeReport {
    /// `linux` or `windows`.
    pub os: String,
    /// Of the agent.
    pub version: String,
    /// The agent has read all that there is; before that it changes nothing.
    pub in_sync: bool,
    /// What is enforced is from the node's disk, since the API server has not been heard since the start.
    pub from_snapshot: bool,
    /// When the agent was started.
    pub started_at: String,
    /// Pods and host endpoints of the node.
    pub endpoints: u64,
    /// Those of which the data plane has not said yet that their policy is in force, nor that it failed.
    pub waiting: u64,
    /// What can't be put in force.
    pub failing: Vec<Failing>,
    /// How many more there are.
    pub more_failing: u64,
    /// Policies that endpoints of the node have.
    pub policies: Vec<PolicyReport>,
    /// How many more there are.
    pub more_policies: u64,
}

/// Something that can't be put in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failing {
    /// What, in words.
    pub object: String,
    /// What went wrong, and what to do.
    pub error: String,
    /// Since when.
    pub since: String,
}

/// How a policy is on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyReport {
    /// API group.
    pub group: String,
    /// The word under `kind:`.
    pub kind: String,
    /// Empty for kinds without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Of the policy.
    pub name: String,
    /// What the state is of.
    pub generation: i64,
    /// How far it is.
    pub state: PolicyState,
    /// Why it fails; empty where it does not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Rules that the node's data plane can't express.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<Unsupported>,
}

/// How far a policy is on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyState {
    /// All endpoints of the node that have it enforce it.
    Realized,
    /// Not yet all.
    #[default]
    Pending,
    /// One can't.
    Failed,
}

/// A rule that a data plane can't express.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Unsupported {
    /// Direction and number, from 0.
    pub rule: String,
    /// The field.
    pub field: String,
    /// What is done instead.
    pub done: String,
}

/// Which policy a PolicyStatus or a ClusterPolicyStatus is of: its `policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRef {
    /// API group.
    pub group: String,
    /// The word under `kind:`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The generation that the status is of.
    pub generation: i64,
}

impl PolicyRef {
    /// Of a policy.
    pub fn of(kind: Kind, name: &str, generation: i64) -> Self {
        Self { group: kind.group().into(), kind: kind.name().into(), name: name.into(), generation }
    }
}

/// How a policy is in the cluster: the `status` of a PolicyStatus or a ClusterPolicyStatus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyStatus {
    /// `linux 3/3, windows 1/2`: nodes that enforce its last generation, of those that have endpoints of it.
    pub nodes: String,
    /// By type.
    pub conditions: Vec<Condition>,
}

/// A `metav1.Condition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// `Valid`, `Realized`, `PartiallySupported` or `SelectsNothing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The generation that it is of.
    pub observed_generation: i64,
    /// When the status changed last.
    pub last_transition_time: String,
    /// One word.
    pub reason: String,
    /// For a person.
    pub message: String,
}

/// The name of a policy's PolicyStatus or ClusterPolicyStatus: its kind (Calico's NetworkPolicy apart from Kubernetes') and its name. One that is too
/// long for a name is cut, with a hash of the whole.
pub fn status_name(kind: Kind, name: &str) -> String {
    let kind = match kind {
        Kind::CalicoNetworkPolicy => "caliconetworkpolicy".to_owned(),
        kind => kind.name().to_lowercase(),
    };
    let whole = format!("{kind}.{name}");
    if whole.len() <= LONGEST_NAME {
        return whole;
    }
    let cut: String = whole.chars().take(LONGEST_NAME - 17).collect();
    format!("{}-{:016x}", cut.trim_end_matches(['.', '-']), SipHasher13::new().hash(whole.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_statuses() {
        for (kind, name, expected) in [
            (Kind::NetworkPolicy, "web", "networkpolicy.web"),
            (Kind::CalicoNetworkPolicy, "web", "caliconetworkpolicy.web"),
            (Kind::GlobalNetworkPolicy, "a.b", "globalnetworkpolicy.a.b"),
        ] {
            assert_eq!(status_name(kind, name), expected);
        }
        let long = |last: &str| status_name(Kind::NetworkPolicy, &format!("{}{last}", "x".repeat(252)));
        assert!(long("a").len() <= 253 && long("b").len() <= 253 && long("a") != long("b"));
        assert_eq!(long("a"), long("a"));
    }

    #[test]
    fn what_another_version_wrote_is_read() {
        let text = r#"{"os": "linux", "tomorrow": 1, "policies": [{"name": "web", "state": "Failed"}]}"#;
        let report: NodeReport = serde_json::from_str(text).expect("a report");
        assert_eq!((report.os.as_str(), report.policies[0].state), ("linux", PolicyState::Failed));
    }
}
