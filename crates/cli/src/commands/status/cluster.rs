//! What the agents and the controller report, put beside the policies that there are.

use super::word;
use crate::streams::Failure;
use margay_api::{Key, Kind, read};
use margay_kubernetes::{Api, AskError, Resource, slim, yaml};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where Margay's own kinds are.
const OWN: &str = "/apis/margay.io/v1alpha1";

/// How a cluster is doing. What is written by others is kept as it is: another version may say more.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    pub(super) policies: Vec<Policy>,
}

#[derive(Debug, Serialize)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) report: Value,
}

#[derive(Debug, Serialize)]
pub(super) struct Policy {
    pub(super) kind: &'static str,
    pub(super) group: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    pub(super) name: String,
    /// Of the policy itself.
    pub(super) generation: i64,
    /// `linux 3/3, windows 1/2`; nothing where no status is written yet.
    pub(super) nodes: Option<String>,
    pub(super) conditions: Vec<Value>,
}

impl Cluster {
    /// Reads them; with a name, the policies of that name alone, of which there must be one.
    pub(super) fn read(api: &Api, wanted: Option<&str>) -> Result<Self, Failure> {
        let own = |plural: &str| match api.list(&format!("{OWN}/{plural}")) {
            Err(AskError::Refused { status: 404, .. }) => Err(Failure::usage(format!(
                "nothing reports in this cluster: it has no {plural}.margay.io (are Margay's definitions installed?)"
            ))),
            listed => Ok(listed?),
        };
        let name = |object: &Value| word(&object["metadata"]["name"]).to_owned();
        let nodes = own("nodereports")?.into_iter();
        let mut nodes: Vec<Node> =
            nodes.map(|mut object| Node { name: name(&object), report: object["report"].take() }).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));

        let mut statuses = BTreeMap::new();
        for plural in ["policystatuses", "clusterpolicystatuses"] {
            statuses.extend(own(plural)?.into_iter().map(|object| (of_status(&object), object)));
        }
        let mut policies = Vec::new();
        for (resource, objects) in api.everything(Kind::is_enforced, |_, _| {})? {
            let of = |object| Some(Policy::of(key(&resource, object)?, object, &statuses));
            policies.extend(objects.iter().filter_map(of));
        }
        policies.retain(|policy| wanted.is_none_or(|wanted| policy.is_called(wanted)));
        if let (Some(wanted), true) = (wanted, policies.is_empty()) {
            return Err(Failure::usage(format!("there is no policy {wanted} in the cluster")));
        }
        Ok(Self { nodes, policies })
    }

    /// What is not in force yet, in words.
    pub(super) fn missing(&self) -> Vec<String> {
        self.policies.iter().filter_map(|policy| Some(format!("{}: {}", policy.title(), policy.missing()?))).collect()
    }
}

type Of = (String, String, String, String);

/// The policy that a status is of: group, kind, namespace, name.
fn of_status(object: &Value) -> Of {
    let field = |name: &str| word(&object["policy"][name]).to_owned();
    (field("group"), field("kind"), word(&object["metadata"]["namespace"]).to_owned(), field("name"))
}

/// What names a policy: not always what its object is called.
fn key(resource: &Resource, object: &Value) -> Option<Key> {
    read(&yaml(&slim(resource, object)), "").into_iter().next()?.key
}

impl Policy {
    fn of(key: Key, object: &Value, statuses: &BTreeMap<Of, Value>) -> Self {
        let (kind, group) = (key.kind.name(), key.kind.group());
        let (namespace, name) = (key.namespace.to_string(), key.name.to_string());
        // Where no status is kept beside it, its own may have the conditions.
        let status = statuses.get(&(group.to_owned(), kind.to_owned(), namespace.clone(), name.clone()));
        let status = &status.unwrap_or(object)["status"];
        Self {
            kind,
            group,
            namespace,
            name,
            generation: object["metadata"]["generation"].as_i64().unwrap_or_default(),
            nodes: status["nodes"].as_str().map(str::to_owned),
            conditions: status["conditions"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// As a person names it.
    pub(super) fn title(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {namespace}/{}", self.kind, self.name),
        }
    }

    fn is_called(&self, wanted: &str) -> bool {
        let is_kind = |word: &str| {
            let (kind, group) = word.split_once('.').unwrap_or((word, self.group));
            kind.eq_ignore_ascii_case(self.kind) && group == self.group
        };
        match wanted.split('/').collect::<Vec<_>>().as_slice() {
            [name] => *name == self.name,
            [first, name] => *name == self.name && (*first == self.namespace || is_kind(first)),
            [kind, namespace, name] => *name == self.name && *namespace == self.namespace && is_kind(kind),
            _ => false,
        }
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&Value> {
        self.conditions.iter().find(|condition| condition["type"] == kind)
    }

    /// What is missing to its being in force everywhere, as it is written now.
    pub(super) fn missing(&self) -> Option<String> {
        let Some(realized) = self.condition("Realized") else {
            return Some("no status yet (does margay-controller run?)".into());
        };
        let seen = realized["observedGeneration"].as_i64().unwrap_or_default();
        if seen < self.generation {
            return Some(format!("generation {} is not seen yet, {seen} is", self.generation));
        }
        (realized["status"] != "True").then(|| word(&realized["message"]).to_owned())
    }
}
