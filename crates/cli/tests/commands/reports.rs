//! What the agents report of a cluster: status and flows.

use crate::live::Live;
use crate::{margay, margay_at};
use expect_test::expect;
use margay_cli::Terminal;
use serde_json::{Value, json};

const OWN: &str = "/apis/margay.io/v1alpha1";
const AGENTS: &str = "/api/v1/namespaces/margay-system/pods";

fn list(kind: &str, items: Value) -> String {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "7"}, "items": items}).to_string()
}

fn policy(name: &str, generation: i64) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "generation": generation}, "spec": {"podSelector": {}}})
}

fn status(name: &str, seen: i64, realized: &str, nodes: &str) -> Value {
    let reason = if realized == "True" { "InForce" } else { "Pending" };
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": seen,
               "lastTransitionTime": "2026-11-24T10:00:00Z"})
    };
    json!({
        "metadata": {"name": format!("networkpolicy.{name}"), "namespace": "shop"},
        "policy": {"group": "networking.k8s.io", "kind": "NetworkPolicy", "name": name, "generation": seen},
        "status": {"nodes": nodes, "conditions": [
            condition("Realized", realized, reason, if realized == "True" { nodes } else { "win-1 is behind" }),
            condition("SelectsNothing", "False", "Applies", "it applies to endpoints"),
        ]},
    })
}

/// A cluster with these policies and statuses.
fn cluster(policies: Value, statuses: Value) -> Live {
    let reports = json!([
        {"metadata": {"name": "win-1"}, "report": {"os": "windows", "version": "0.1.0", "inSync": true, "endpoints": 2, "waiting": 1,
            "failing": [{"object": "endpoint shop/web", "error": "HNS says no", "since": "2026-11-24T10:00:00Z"}], "moreFailing": 2}},
        {"metadata": {"name": "node-a"}, "report": {"os": "linux", "version": "0.1.0", "inSync": true, "endpoints": 3}},
    ]);
    let lists = [
        (format!("{OWN}/nodereports"), list("NodeReportList", reports)),
        (format!("{OWN}/policystatuses"), list("PolicyStatusList", statuses)),
        (format!("{OWN}/clusterpolicystatuses"), list("ClusterPolicyStatusList", json!([]))),
        (
            "/apis/networking.k8s.io/v1/networkpolicies".to_owned(),
            list("NetworkPolicyList", policies).replace("\"v1\"", "\"networking.k8s.io/v1\""),
        ),
    ];
    Live::of(lists.into())
}

#[test]
fn a_table_of_nodes_and_policies() {
    let statuses = json!([status("web", 2, "True", "linux 1/1"), status("db", 1, "False", "linux 1/1, windows 0/1")]);
    let live = cluster(json!([policy("web", 2), policy("db", 1), policy("new", 1)]), statuses);
    expect![[r#"
        NODE    OS       VERSION  IN SYNC  ENDPOINTS  WAITING  FAILING
        node-a  linux    0.1.0    yes      3          0        0
        win-1   windows  0.1.0    yes      2          1        3
        win-1: endpoint shop/web fails since 2026-11-24T10:00:00Z: HNS says no

        POLICY                  GENERATION  NODES                   REALIZED  NOTE
        NetworkPolicy shop/web  2           linux 1/1               yes
        NetworkPolicy shop/db   1           linux 1/1, windows 0/1  not yet   win-1 is behind
        NetworkPolicy shop/new  1           -                       not yet   no status yet (does margay-controller run?)
    "#]]
    .assert_eq(&live.margay("status CLUSTER").out);
    expect![[r#"
        POLICY                 GENERATION  NODES                   REALIZED  NOTE
        NetworkPolicy shop/db  1           linux 1/1, windows 0/1  not yet   win-1 is behind

        CONDITION       STATUS  REASON   SINCE                 MESSAGE
        Realized        False   Pending  2026-11-24T10:00:00Z  win-1 is behind
        SelectsNothing  False   Applies  2026-11-24T10:00:00Z  it applies to endpoints
    "#]]
    .assert_eq(&live.margay("status shop/db CLUSTER").out);
    for (command, code, said) in [
        ("status networkpolicy/shop/web --wait CLUSTER", 0, "linux 1/1"),
        ("status web -o yaml CLUSTER", 0, "nodes: linux 1/1"),
        ("status web -o json CLUSTER", 0, "\"generation\": 2"),
        ("status shop/nowhere CLUSTER", 2, "there is no policy shop/nowhere"),
        ("status networkpolicy.projectcalico.org/shop/web CLUSTER", 2, "there is no policy"),
    ] {
        let run = live.margay(command.trim());
        assert!(run.code == code && (run.out + &run.err).contains(said), "{command}");
    }
}

#[test]
fn who_waits_is_told_what_is_missing() {
    for (policies, statuses, missing) in [
        (json!([policy("web", 1)]), json!([]), "NetworkPolicy shop/web: no status yet (does margay-controller run?)"),
        (
            json!([policy("web", 2)]),
            json!([status("web", 1, "True", "linux 1/1")]),
            "NetworkPolicy shop/web: generation 2 is not seen yet, 1 is",
        ),
        (
            json!([policy("web", 1), policy("db", 1)]),
            json!([status("web", 1, "True", "linux 1/1"), status("db", 1, "False", "linux 0/1")]),
            "NetworkPolicy shop/db: win-1 is behind",
        ),
    ] {
        let run = cluster(policies, statuses).margay("status --wait --timeout 10ms CLUSTER");
        assert_eq!((run.code, run.err), (1, format!("not all is in force after 10ms:\n  {missing}\n")));
    }
    let none = Live::of([(format!("{OWN}/other"), list("OtherList", json!([])))].into());
    let run = none.margay("status CLUSTER");
    assert!(run.code == 2 && run.err.contains("it has no nodereports.margay.io"), "{run}");
}

#[test]
fn a_node_without_a_cluster() {
    let file = crate::file(
        r#"{"node": "worker-1", "version": "0.1.0", "at": "2026-11-24T10:00:00Z", "inSync": true, "endpoints": 2, "policies": 1, "waiting": 1,
           "failing": [], "unsupported": [{"rule": "NetworkPolicy shop/web ingress rule 0", "field": "ports", "done": "denies"}]}"#,
    );
    let run = margay(&format!("margay status --wait --timeout 10ms --status-file {}", file.path().display()), "");
    expect![[r#"
        NODE      VERSION  AT                    IN SYNC  POLICIES  ENDPOINTS  WAITING  FAILING
        worker-1  0.1.0    2026-11-24T10:00:00Z  yes      1         2          1        0
        NetworkPolicy shop/web ingress rule 0: ports can't be expressed: denies
        [standard error]
        not all is in force after 10ms:
          1 endpoints are waited for
        [exit code 1]"#]]
    .assert_eq(&run.to_string());
}

const FLOWS: &str = r#"INFO margay 0.1.0 on node node-a
{"time":"2026-11-24T10:00:02Z","node":"node-a","verdict":"deny","direction":"ingress","policy":"NetworkPolicy shop/db","rule":null,"tier":null,"src":{"namespace":"front","pod":"web","ip":"10.0.0.1","port":4711},"dst":{"namespace":"shop","pod":"db","ip":"10.0.0.2","port":5432},"protocol":"TCP","count":3}
{"time":"2026-11-24T10:00:01Z","node":"node-b","verdict":"log","direction":"egress","policy":"GlobalNetworkPolicy all","rule":2,"tier":"default","src":{"namespace":"shop","pod":"db","ip":"10.0.0.2"},"dst":{"namespace":null,"pod":null,"ip":"fd00::1"},"protocol":"ICMPv6","count":1}
{"level":"info","message":"no flow"}
"#;

#[test]
fn flows_of_a_file() {
    expect![[r#"
        TIME                      VERDICT  COUNT  PROTO  FLOW
        2026-11-24T10:00:02Z      deny     3      TCP    front/web:4711 → shop/db:5432  ingress, NetworkPolicy shop/db
        2026-11-24T10:00:01Z      log      1      ICMPv6  shop/db → [fd00::1]  egress rule 2 of GlobalNetworkPolicy all
    "#]]
    .assert_eq(&margay("margay flows --file -", FLOWS).out);
    for (filter, lines) in [
        ("--verdict deny", 1),
        ("--verdict log", 1),
        ("-n shop", 2),
        ("-n front", 1),
        ("--pod db", 2),
        ("--pod front/web", 1),
        ("--pod shop/web", 0),
        ("--node node-b", 1),
        ("-n front --node node-b", 0),
    ] {
        let run = margay(&format!("margay flows --file - -o json {filter}"), FLOWS);
        assert_eq!((run.out.lines().count(), run.code), (lines, 0), "{filter}: {run}");
    }
    let person = Terminal { stdout: true, stderr: true, color: true };
    assert!(margay_at("margay flows --file -", FLOWS, person).out.contains("\x1b[31mdeny   \x1b[0m"));
    assert_eq!(margay("margay flows --file /nowhere", "").code, 2);
}

#[test]
fn flows_of_a_cluster_are_merged() {
    let pod = |name: &str, node: &str| json!({"metadata": {"name": name}, "spec": {"nodeName": node}});
    let pods = json!([pod("agent-a", "node-a"), pod("agent-b", "node-b"), pod("agent-c", "node-c")]);
    let (first, second) = FLOWS.split_once("{\"time\":\"2026-11-24T10:00:01Z\"").expect("two flows");
    let live = Live::of(
        [
            (AGENTS.to_owned(), list("PodList", pods)),
            (format!("{AGENTS}/agent-a/log"), first.to_owned()),
            (format!("{AGENTS}/agent-b/log"), format!("{{\"time\":\"2026-11-24T10:00:01Z\"{second}")),
        ]
        .into(),
    );
    for follow in ["", " -f"] {
        let run = live.margay(&format!("flows -o json{follow} CLUSTER"));
        let mut times: Vec<_> = run.out.lines().filter_map(|line| line.get(27..29)).collect();
        if !follow.is_empty() {
            // As they came.
            times.sort_unstable();
        }
        assert_eq!((times, run.code), (vec!["1Z", "2Z"], 0), "{run}");
        // One agent's log can't be had.
        assert!(run.err.starts_with("left out: ") && run.err.contains("agent-c/log"), "{run}");
    }
    assert_eq!(live.margay("flows --node node-b CLUSTER").out.lines().count(), 2);
    let run = live.margay("flows --node node-d CLUSTER");
    assert!(run.code == 2 && run.err.contains("no agent runs in namespace margay-system on node node-d"), "{run}");
}

/// The files of an archive, as tar lists them with their text.
fn unpacked(archive: &std::path::Path, into: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    let tar = std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into).output().expect("tar");
    assert!(tar.status.success() && tar.stderr.is_empty(), "{tar:?}");
    let mut files = std::collections::BTreeMap::new();
    for folder in [into.join("margay-diags"), into.join("margay-diags/logs")] {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().map_while(Result::ok) {
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                files.insert(entry.file_name().to_string_lossy().into_owned(), text);
            }
        }
    }
    files
}

#[test]
fn diags_of_a_cluster_have_no_secrets() {
    let secret = "s3cr3t";
    let pods = json!([{
        "metadata": {"name": "agent-a", "annotations": {"x": secret}, "managedFields": [{"x": secret}]},
        "spec": {"nodeName": "node-a", "containers": [{"name": "agent", "env": [{"name": "API_TOKEN", "value": secret}]}]},
    }]);
    let log = format!(
        "started\nAuthorization: Bearer {secret}\n-----BEGIN CERTIFICATE-----\n{secret}\n-----END CERTIFICATE-----\nstopped\n"
    );
    let live = Live::of([(AGENTS.to_owned(), list("PodList", pods)), (format!("{AGENTS}/agent-a/log"), log)].into());
    let (home, archive) = (tempfile::tempdir().expect("a folder"), live.path("diags.tar.gz"));
    let run = live.margay(&format!("diags -o {archive} CLUSTER"));
    assert!(run.code == 0 && run.out.contains("diags.tar.gz: 2 files of the cluster at http://127.0.0.1"), "{run}");
    assert!(run.err.contains("left out: nodereports.json: "), "{run}");
    let files = unpacked(archive.as_ref(), home.path());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["agent-a.agent.log", "manifest.json", "pods.json"]);
    assert_eq!(files["agent-a.agent.log"], "started\nAuthorization: (removed) (removed)\n(removed)\nstopped\n");
    assert!(files.values().all(|text| !text.contains(secret)), "{files:?}");
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).expect("JSON");
    assert_eq!(manifest["files"][0]["name"], "pods.json");
    assert_eq!(
        manifest["files"][1],
        json!({"name": "logs/agent-a.agent.log", "bytes": files["agent-a.agent.log"].len()})
    );
    assert!(
        manifest["missing"].as_array().is_some_and(|missing| missing.iter().any(|one| one["name"] == "version.json"))
    );
}

#[test]
fn diags_of_a_node() {
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(path("status.json"), r#"{"node": "worker-1", "inSync": true}"#).expect("a file");
    std::fs::write(path("config.yaml"), "node: worker-1\ntoken: abc\n").expect("a file");
    let [status, config, archive] = ["status.json", "config.yaml", "diags.tar.gz"].map(path);
    let run = margay(&format!("margay diags --local --status-file {status} --config {config} -o {archive}"), "");
    assert!(run.code == 0 && run.err.contains("left out: agent.log: --log-file does not name it"), "{run}");
    let files = unpacked(archive.as_ref(), home.path());
    assert_eq!(files["config.yaml"], "node: worker-1\ntoken: (removed)\n");
    assert!(files["status.json"].contains("worker-1") && files["version.json"].contains("margay"), "{files:?}");
    assert!(files["kernel.txt"].starts_with("Linux version"), "{files:?}");
}
