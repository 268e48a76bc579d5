//! `margay crds`.

use crate::cluster::{kubeconfig, serve};
use crate::{Run, margay};
use margay_api::document::{Limits, documents};
use serde_json::{Value, json};
use std::collections::HashMap;

const APISERVICE: &str = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";
const TIERS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tiers.projectcalico.org";

/// The kinds that a run printed, as JSON.
fn kinds(run: &Run) -> Vec<String> {
    let list: Value = serde_json::from_str(&run.out).unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn definitions_are_chosen_by_group() {
    let own = ["nodereports.margay.io", "policystatuses.margay.io", "clusterpolicystatuses.margay.io"];
    assert_eq!(kinds(&margay("margay crds --group margay -o json", "")), own);
    assert_eq!(kinds(&margay("margay crds --group calico -o json", "")).len(), 11);
    let all = margay("margay crds -o json", "");
    assert_eq!((kinds(&all).len(), all.code), (14, 0));
    assert_eq!(margay("margay crds --group felix", "").code, 2);
}

#[test]
fn yaml_is_the_same_as_json() {
    for arguments in ["", " --admission-policy"] {
        let yaml = margay(&format!("margay crds{arguments}"), "").out;
        let json: Value =
            serde_json::from_str(&margay(&format!("margay crds{arguments} -o json"), "").out).expect("JSON");
        let read: Vec<_> = documents(&yaml, &Limits::default()).map(|document| document.expect("YAML")).collect();
        let items = json["items"].as_array().expect("a list");
        assert_eq!(read.len(), items.len());
        for (document, item) in read.iter().zip(items) {
            let again = documents(&item.to_string(), &Limits::default()).next().expect("a document").expect("JSON");
            assert_eq!(bare(document), bare(&again));
        }
    }
}

/// A tree without its places.
fn bare(node: &margay_api::document::Node) -> Value {
    use margay_api::document::Value as Read;
    match &node.value {
        Read::Map(entries) => entries.iter().map(|entry| (entry.key.to_string(), bare(&entry.value))).collect(),
        Read::List(items) => items.iter().map(bare).collect(),
        other => format!("{other:?}").into(),
    }
}

/// Asks a server that has these objects and no others.
fn check(objects: &[(&str, Value)], arguments: &str) -> Run {
    let objects: HashMap<String, String> =
        objects.iter().map(|(path, object)| ((*path).to_owned(), object.to_string())).collect();
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = home.path().join("config");
    std::fs::write(&config, kubeconfig(&format!("http://{}", serve(objects)))).expect("a file");
    margay(&format!("margay crds -o json --kubeconfig {}{arguments}", config.display()), "")
}

fn calico_node(nodes: u32) -> Value {
    json!({"status": {"desiredNumberScheduled": nodes}})
}

#[test]
fn a_cluster_is_asked_whether_someone_else_serves_them() {
    let aggregated = json!({"spec": {"service": {"namespace": "calico-system", "name": "calico-api"}}});
    let ours = json!({"metadata": {"labels": {"app.kubernetes.io/part-of": "margay"}}});
    let node = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node";
    for (objects, arguments, printed, code, said) in [
        (vec![], "", 14, 0, ""),
        (vec![(APISERVICE, json!({"spec": {}}))], "", 14, 0, ""),
        (vec![(APISERVICE, aggregated.clone())], "", 0, 1, "service calico-system/calico-api"),
        (vec![(APISERVICE, aggregated.clone())], " --group calico", 0, 1, "refused: projectcalico.org/v3 is served"),
        (vec![(APISERVICE, aggregated)], " --group margay", 3, 0, ""),
        (vec![(TIERS, ours)], "", 14, 0, ""),
        (vec![(TIERS, json!({"metadata": {}}))], "", 0, 1, "refused: tiers.projectcalico.org: defined by someone else"),
        (
            vec![(node, calico_node(3))],
            "",
            14,
            0,
            "warning: Felix enforces policy too, on 3 nodes (DaemonSet kube-system/calico-node)",
        ),
        (vec![(node, calico_node(0))], "", 14, 0, ""),
    ] {
        let run = check(&objects, arguments);
        assert_eq!((kinds(&run).len(), run.code), (printed, code), "{objects:?}{arguments}: {}", run.err);
        assert!(run.err.contains(said) && run.err.is_empty() == said.is_empty(), "{objects:?}{arguments}: {}", run.err);
    }
}
