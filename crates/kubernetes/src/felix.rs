//! The FelixConfigurations of a cluster, of which a start asks once.

use crate::connection::{Connection, ConnectionError};
use crate::follow::text;
use kube::Client;
use kube::client::Body;
use margay_api::document::{Limits, Node, documents};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// How long all of it may take: what they say matters less than that policy is in force.
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

/// The cluster's FelixConfiguration (`default`) and the node's own (`node.` and its name), those that are there. Waits for them, two seconds at most; a server that is away by then, or refuses,
/// is asked no more, and has none.
///
/// # Errors
/// Where the configuration can't be used.
pub fn felix_configurations(connection: &Connection, node: &str) -> Result<Vec<FelixConfiguration>, ConnectionError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::try_from(connection.config().await?)?;
        let mut found = Vec::new();
        let asked = async {
            for (of_node, name) in [(false, "default".to_owned()), (true, format!("node.{node}"))] {
                let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.'));
                for version in VERSIONS.iter().filter(|_| is_name) {
                    let path = format!("/apis/{version}/felixconfigurations/{name}");
                    if let Some(spec) = spec(&client, &path).await {
                        found.push(FelixConfiguration { of_node, spec });
                        break;
                    }
                }
            }
        };
        let _ = timeout(LONGEST, asked).await;
        Ok(found)
    })
}

async fn spec(client: &Client, path: &str) -> Option<Node> {
    let request = http::Request::get(path).body(Body::empty()).ok()?;
    let answer = client.send(request).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body = text(answer.into_body()).await.ok()?;
    documents(&body, &Limits::default()).next()?.ok()?.get("spec").cloned()
}
