//! What a cluster says of itself and of Margay.

use super::archive::Archive;
use crate::streams::{Progress, Streams};
use margay_kubernetes::{Api, escaped};
use serde_json::{Value, json};

/// Lines of each log.
const LINES: u32 = 10_000;
/// Lists of Margay's own kinds.
const OWN: [&str; 3] = ["nodereports", "policystatuses", "clusterpolicystatuses"];

/// Collects it; what can't be had is said in the archive.
pub(super) fn collect(api: &Api, namespace: &str, archive: &mut Archive, streams: &mut Streams<'_>) {
    let mut progress = Progress::new("asking the cluster", streams);
    archive.json("version.json", api.get("/version"));
    archive.json("nodes.json", api.list("/api/v1/nodes").map(|nodes| nodes.iter().map(node).collect()));
    for plural in OWN {
        let listed = api.list(&format!("/apis/margay.io/v1alpha1/{plural}"));
        archive.json(&format!("{plural}.json"), listed.map(Value::from));
    }
    let within = format!("/api/v1/namespaces/{}", escaped(namespace));
    archive.json("config.json", api.get(&format!("{within}/configmaps/margay-config")));
    archive.json("events.json", api.list(&format!("{within}/events")).map(Value::from));
    let pods = api.list(&format!("{within}/pods?labelSelector={}", escaped("app.kubernetes.io/name=margay")));
    let names: Vec<String> =
        pods.iter().flatten().filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned())).collect();
    let containers: Vec<Vec<String>> = pods.iter().flatten().map(containers).collect();
    archive.json("pods.json", pods.map(Value::from));
    for (index, (name, containers)) in names.iter().zip(containers).enumerate() {
        progress.tell(index, names.len());
        for container in containers {
            let log =
                format!("{within}/pods/{}/log?container={}&tailLines={LINES}", escaped(name), escaped(&container));
            archive.text(&format!("logs/{name}.{container}.log"), api.text(&log));
        }
    }
}

fn containers(pod: &Value) -> Vec<String> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
}

/// Of a node: its name and its system, with the conditions that it is in.
fn node(node: &Value) -> Value {
    json!({
        "name": node["metadata"]["name"],
        "info": node["status"]["nodeInfo"],
        "addresses": node["status"]["addresses"],
        "podCIDRs": node["spec"]["podCIDRs"],
        "conditions": node["status"]["conditions"],
    })
}
