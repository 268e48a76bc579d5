//! The FelixConfigurations of a cluster, of which a start asks once.

use crate::connection::{Connection, ConnectionError};
use crate::{Api, AskError};
use margay_api::document::{Limits, Node, documents};
use std::time::Duration;

/// How long each may take: what they say matters less than that policy is in force.
const LONGEST: Duration = Duration::from_secs(2);
/// Where they are served, the first that is.
const VERSIONS: [&str; 2] = ["projectcalico.org/v3", "crd.projectcalico.org/v1"];

/// A FelixConfiguration that a node reads.
#[derive(Clone, Debug)]
pub struct FelixConfiguration {
    /// Whether it is the node's own; else it is the cluster's.
    pub of_node: bool,
    /// Its `spec`.
    pub spec: Node,
}

/// The cluster's FelixConfiguration (`default`) and the node's own (`node.` and its name), those that are there. Each is waited for, two seconds at most; a
/// server that is away by then is asked no more, and has none.
///
/// # Errors
/// Where the configuration can't be used.
pub fn felix_configurations(connection: &Connection, node: &str) -> Result<Vec<FelixConfiguration>, ConnectionError> {
    let api = Api::connect(connection, LONGEST)?;
    let mut found = Vec::new();
    for (of_node, name) in [(false, "default".to_owned()), (true, format!("node.{node}"))] {
        if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.')) {
            continue;
        }
        for version in VERSIONS {
            match api.text(&format!("/apis/{version}/felixconfigurations/{name}")) {
                Ok(text) => {
                    let spec = spec(&text).map(|spec| FelixConfiguration { of_node, spec });
                    found.extend(spec);
                    break;
                }
                Err(AskError::Silent { .. }) => return Ok(found),
                Err(AskError::Refused { .. } | AskError::Unreadable { .. }) => {}
            }
        }
    }
    Ok(found)
}

fn spec(text: &str) -> Option<Node> {
    documents(text, &Limits::default()).next()?.ok()?.get("spec").cloned()
}
