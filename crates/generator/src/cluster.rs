//! All resources of a cluster.

use crate::alphabet::NODES;
use crate::{Document, Shape, calico_policy, cluster_policy, infrastructure, network_policy, service, workload};
use margay_api::{Key, Kind, Object};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

/// A cluster as its resources: JSON documents, each with its key, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    documents: BTreeMap<Key, Value>,
}

/// A change of one resource: its new document, or `None` when it is gone.
pub type Change = (Key, Option<Value>);

impl Cluster {
    /// Every resource.
    pub fn documents(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.documents.iter()
    }

    /// The document of a resource.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.documents.get(key)
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Makes changes, in order.
    pub fn apply(&mut self, changes: &[Change]) {
        for (key, value) in changes {
            match value {
                Some(value) => self.documents.insert(key.clone(), value.clone()),
                None => self.documents.remove(key),
            };
        }
    }

    /// Every resource as `margay-api` decodes it. Rules that can't be read are in their places; an object that can't be read at all is left
    /// out, as a source that never saw a valid value of it does.
    pub fn objects(&self) -> Vec<Object> {
        self.documents.values().flat_map(decode).collect()
    }

    /// Writes each resource as a JSON file into a folder that is there, so that a case can be looked at with any tool.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (i, (key, value)) in self.documents.iter().enumerate() {
            let namespace = if key.namespace.is_empty() { String::new() } else { format!("{}-", key.namespace) };
            fs::write(folder.join(format!("{i:03}-{:?}-{namespace}{}.json", key.kind, key.name)), pretty(value))?;
        }
        Ok(())
    }

    /// Whether a case of that shape may have this cluster.
    pub(crate) fn fits(&self, shape: Shape) -> bool {
        !shape.lab || self.clone().fit_for_lab() == *self
    }

    /// Leaves out what no lab can build: pods beyond eight, or on a node that isn't there.
    fn fit_for_lab(mut self) -> Self {
        let nodes: Vec<String> =
            self.documents.keys().filter(|key| key.kind == Kind::Node).map(|key| key.name.to_string()).collect();
        let on_node =
            |pod: &Value| pod["spec"]["nodeName"].as_str().is_some_and(|name| nodes.iter().any(|n| n == name));
        let mut pods = 0;
        self.documents.retain(|key, value| {
            let is_pod = key.kind == Kind::Pod;
            pods += usize::from(is_pod && on_node(value));
            !is_pod || on_node(value) && pods <= 8
        });
        self
    }
}

impl FromIterator<Document> for Cluster {
    /// Of a key that comes twice, the later value.
    fn from_iter<I: IntoIterator<Item = Document>>(documents: I) -> Self {
        Self { documents: documents.into_iter().map(|d| (d.key, d.json)).collect() }
    }
}

impl fmt::Display for Cluster {
    /// One YAML stream: JSON documents between `---`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.documents.values().try_for_each(|value| writeln!(f, "---\n{}", pretty(value)))
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Decodes one document, as any source does.
pub fn decode(document: &Value) -> Option<Object> {
    margay_api::read(&document.to_string(), "generated").into_iter().find_map(|decoded| decoded.object)
}

/// How many of which documents a cluster has.
pub(crate) fn parts(shape: Shape) -> Vec<(usize, usize, BoxedStrategy<Document>)> {
    let mut parts = vec![
        // Drawn more often than there are names, so that nearly all are there, and now and then one is missing.
        (6, 8, workload::namespace_object()),
        (0, 8, workload::service_account()),
        (2 * NODES.len(), 3 * NODES.len(), workload::node(shape)),
        (1, 2 * shape.pods, workload::pod(shape)),
        (0, 4, service::service()),
        (0, 4, service::endpoint_slice()),
        (0, 4, infrastructure::network_set()),
        (0, 4, infrastructure::tier()),
        (0, shape.policies, policy(shape)),
    ];
    if shape.host_endpoints {
        parts.push((0, 4, infrastructure::profile()));
        parts.push((0, 4, infrastructure::host_endpoint()));
    }
    parts
}

/// A policy of any kind.
fn policy(shape: Shape) -> BoxedStrategy<Document> {
    prop_oneof![
        10 => network_policy::network_policy(),
        5 => cluster_policy::cluster_network_policy(),
        2 => cluster_policy::admin_network_policy(),
        2 => cluster_policy::baseline_admin_network_policy(),
        10 => calico_policy::calico_network_policy(),
        10 => calico_policy::global_network_policy(shape),
        1 => network_policy::staged_network_policy(),
        1 => calico_policy::staged_network_policy(),
        1 => calico_policy::staged_global_network_policy(shape),
    ]
    .boxed()
}

/// A cluster of this shape.
pub(crate) fn cluster(shape: Shape) -> BoxedStrategy<Cluster> {
    let vectors: Vec<_> =
        parts(shape).into_iter().map(|(low, high, part)| prop::collection::vec(part, low..=high)).collect();
    vectors
        .prop_map(move |drawn| {
            let cluster: Cluster = drawn.into_iter().flatten().collect();
            if shape.lab { cluster.fit_for_lab() } else { cluster }
        })
        .boxed()
}
