//! Commands that ask a cluster: one that gives the lists of a real one, as they were recorded.

use crate::cluster::{kubeconfig, lists, serve};
use crate::{Run, margay};
use margay_api::Object;
use margay_cli::World;
use margay_datastore::{Event, Folder, Source};
use margay_engine::Scope;
use margay_kubernetes::{Cluster, Connection};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use tempfile::TempDir;

/// What no snapshot may have.
const SECRET: &str = "s3cr3t-of-the-shop";

/// A folder with a kubeconfig for a server of lists, and the lists as files.
pub(crate) struct Live {
    home: TempDir,
}

impl Live {
    pub(crate) fn of(lists: HashMap<String, String>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("lists")).expect("a folder");
        for (number, list) in lists.values().enumerate() {
            std::fs::write(home.path().join(format!("lists/{number}.json")), list).expect("a file");
        }
        std::fs::write(home.path().join("config"), kubeconfig(&format!("http://{}", serve(lists)))).expect("a file");
        Self { home }
    }

    /// The recorded lists, with things in them that are nobody's business; `None` where there are none.
    fn recorded() -> Option<Self> {
        let mut lists = lists()?;
        for list in lists.values_mut() {
            let mut value: Value = serde_json::from_str(list).expect("JSON");
            for item in value["items"].as_array_mut().expect("a list") {
                item["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = SECRET.into();
                item["status"]["message"] = SECRET.into();
                if let Some(containers) = item["spec"]["containers"].as_array_mut() {
                    containers[0]["env"] = json!([{"name": "PASSWORD", "value": SECRET}]);
                }
            }
            *list = value.to_string();
        }
        Some(Self::of(lists))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Runs a command; `CLUSTER` and `LISTS` stand for what names them.
    pub(crate) fn margay(&self, command: &str) -> Run {
        let command = command.replace("CLUSTER", &format!("--kubeconfig {}", self.path("config")));
        margay(&format!("margay {}", command.replace("LISTS", &format!("-f {}", self.path("lists")))), "")
    }
}

fn objects(folder: &Folder) -> BTreeMap<String, Arc<Object>> {
    folder.objects().map(|object| (object.key().to_string(), object.clone())).collect()
}

/// What a cluster that is followed tells until it is in sync.
fn followed(kubeconfig: &str) -> BTreeMap<String, Arc<Object>> {
    let (wake, woken) = channel();
    let connection = Connection { kubeconfig: Some(kubeconfig.into()), context: None };
    let follow = Cluster::follow(&connection, move || {
        let _ = wake.send(());
    });
    let (mut cluster, mut told) = (follow.expect("a connection"), BTreeMap::new());
    loop {
        for event in cluster.poll() {
            match event {
                Event::InSync => return told,
                Event::Update(update) => {
                    told.extend(update.value.map(|object| (update.key.to_string(), object)));
                }
                Event::Problem(_) => {}
            }
        }
        woken.recv_timeout(Duration::from_secs(30)).expect("it goes on");
    }
}

#[test]
fn a_snapshot_means_what_the_cluster_means() {
    let Some(live) = Live::recorded() else { return };
    let run = live.margay("snapshot CLUSTER");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert_eq!(live.margay("snapshot CLUSTER").out, run.out, "the same cluster gives the same text");
    for word in [SECRET, "managedFields", "uid", "annotations:\n      kubectl"] {
        assert!(!run.out.contains(word), "{word}: {}", run.out);
    }
    let mut folder = Folder::of_text("snapshot", run.out);
    folder.poll();
    let told = followed(&live.path("config"));
    // The agent fills in nothing; a folder adds what is spoken of and not there.
    let mut found = objects(&folder);
    found.retain(|key, _| told.contains_key(key));
    assert_eq!(found, told);
    assert!(told.len() > 20, "{:?}", told.keys());
    assert!(told.keys().all(|key| folder.places().keys().any(|place| place.to_string() == *key)));

    let mut files = Folder::new([live.path("lists")]);
    files.poll();
    let [snapshot, files] = [folder, files].map(|folder| World::of(vec![Arc::new(folder)], Scope::Everything));
    assert_eq!(
        margay_linux::render(snapshot.plan(), &Default::default()),
        margay_linux::render(files.plan(), &Default::default())
    );
}

#[test]
fn a_cluster_is_asked_as_files_are() {
    let Some(live) = Live::recorded() else { return };
    for command in [
        "matrix -o csv",
        "eval --flows /dev/null",
        "render --node node-a",
        "render --node win-1 --dataplane hns -o json",
    ] {
        let [cluster, files] = ["CLUSTER", "LISTS"].map(|input| live.margay(&format!("{command} {input}")));
        assert_eq!((cluster.code, cluster.out), (files.code, files.out), "{command}");
    }
    let validated = live.margay("validate CLUSTER");
    assert!(validated.code == 0 && validated.out.contains("NetworkPolicy"), "{validated}");
}

#[test]
fn files_are_laid_over_a_cluster() {
    let lists = [
        ("namespaces", json!([{"metadata": {"name": "shop"}}])),
        ("pods", json!([pod("web", "10.0.0.1"), pod("db", "10.0.0.2")])),
    ];
    let list = |(plural, items): (&str, Value)| {
        let kind = if plural == "pods" { "PodList" } else { "NamespaceList" };
        let list = json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "7"}, "items": items});
        (format!("/api/v1/{plural}"), list.to_string())
    };
    let live = Live::of(lists.into_iter().map(list).collect());
    let policy = live.path("policy.yaml");
    let deny = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}}\n";
    std::fs::write(&policy, deny).expect("a file");

    let now = live.margay("explain shop/web shop/db:5432 CLUSTER");
    assert!(now.code == 0 && now.out.contains("ALLOWED") && now.err.is_empty(), "{now}");
    let then = live.margay(&format!("explain shop/web shop/db:5432 CLUSTER -f {policy}"));
    assert!(then.out.contains("DENIED") && then.out.contains(&format!("{policy}:1")), "{then}");
    assert_eq!(then.err, format!("what-if: the cluster as it would be with {policy} applied\n"));
    let with = live.margay(&format!("matrix CLUSTER --with {policy} --fail-on-change"));
    assert_eq!(with.code, 1, "{with}");
    let validated = live.margay(&format!("validate CLUSTER -f {policy}"));
    assert!(validated.out.contains("4 objects (1 Namespace, 1 NetworkPolicy, 2 Pod)"), "{validated}");
    assert!(!validated.out.contains("not there, and taken as plain ones with"), "{validated}");
}

fn pod(name: &str, address: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "labels": {"app": name}}, "status": {"podIP": address}})
}

#[test]
fn a_cluster_that_can_not_be_asked_is_told() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = home.path().join("config");
    std::fs::write(&config, kubeconfig("http://127.0.0.1:1")).expect("a file");
    let (config, nowhere) = (config.display(), home.path().join("nowhere"));
    for (command, said) in [
        (format!("snapshot --kubeconfig {config}"), "the API server does not answer /api"),
        (format!("matrix --kubeconfig {config} --context other"), "can't be used"),
        (format!("validate --kubeconfig {}", nowhere.display()), "can't be used"),
    ] {
        let run = margay(&format!("margay {command}"), "");
        assert!(run.code == 2 && run.out.is_empty() && run.err.contains(said), "{command}: {run}");
    }
}
