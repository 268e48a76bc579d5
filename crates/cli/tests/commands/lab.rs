//! `margay lab run` and `margay demo`, with real packets. Where namespaces may not be made, each test says that it is skipped.

use super::cyclonus::states;
use super::{file, margay};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

pub(super) fn may_run() -> bool {
    // The commands enter a user namespace where they must, which a test's process, of many threads, can't: so root alone.
    let root = nix::unistd::geteuid().is_root();
    let allowed = root && std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap_or(false);
    if !allowed {
        eprintln!("skipped: this test makes network namespaces; run it as root");
    }
    allowed
}

#[test]
fn every_row_agrees_with_real_packets() {
    if !may_run() {
        return;
    }
    let mut flows = 0;
    for state in states() {
        let run = margay(&format!("margay lab run -f - --flows {}", state.flows.path().display()), &state.objects);
        assert_eq!(run.code, 0, "{}: {}", state.id, run.err);
        for line in run.out.lines() {
            let row: Value = serde_json::from_str(line).expect("a JSON line");
            assert_eq!(row["measured"], row["expect"], "{}: {line}", state.id);
            assert_eq!(row["predicted"], row["expect"], "{}: {line}", state.id);
            flows += 1;
        }
    }
    println!("{flows} flows measured");
}

/// A sample in an ordinary run, a different one for each version; all with `MARGAY_LONG` set.
#[test]
fn rows_agree_on_windows_at_each_version() {
    if !may_run() {
        return;
    }
    let every = if std::env::var_os("MARGAY_LONG").is_some() { 1 } else { 8 };
    let (mut flows, mut closed) = (0, 0);
    for (first, version) in ["7.0", "9.5", "15.4"].into_iter().enumerate() {
        for state in states().iter().skip(first % every).step_by(every) {
            let path = state.flows.path().display();
            let command = format!("margay lab run -f - --flows {path} --os windows --hns-version {version}");
            let run = margay(&command, &state.objects);
            assert_eq!(run.code, 0, "HNS {version}, {}: {}", state.id, run.err);
            for line in run.out.lines() {
                let row: Value = serde_json::from_str(line).expect("a JSON line");
                let unsupported = row["unsupported"] == true;
                let agrees = if unsupported {
                    row["measured"] == "deny" && row["protocol"] == "SCTP"
                } else {
                    row["measured"] == row["expect"]
                };
                assert!(agrees && row["predicted"] == row["expect"], "HNS {version}, {}: {line}", state.id);
                (flows, closed) = (flows + 1, closed + usize::from(unsupported));
            }
        }
    }
    println!("{flows} flows measured on Windows, {closed} of them closed because HNS matches no ports of SCTP");
}

#[test]
fn the_demo_agrees_with_itself() {
    if !may_run() {
        return;
    }
    let run = margay("margay demo", "");
    assert_eq!(run.code, 0, "{run}");
    for expected in [
        "Predicted and measured agree in each of the 36 cells",
        "The Windows node windows-1 has an emulated HNS",
        "3 findings",
        "NetworkPolicy monitoring/prometheus selects nothing",
        "NetworkPolicy shop/database ingress rule 0 matches nobody",
        "Pod shop/orders can't ask DNS",
    ] {
        assert!(run.out.contains(expected), "{expected}\n{run}");
    }
}

#[test]
fn lines_are_answered_in_their_place() {
    if !may_run() {
        return;
    }
    let flows = file(
        r#"{"from":"a/web","to":"a/db","port":5432,"note":"mine"}
nonsense
{"from":"a/web","to":"a/web","port":80}
{"from":"a/db","to":"a/web","protocol":"SCTP","port":80}
"#,
    );
    let yaml = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: a, labels: {app: db}}
spec: {nodeName: node-b}
status: {podIP: 10.0.0.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: a}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"#;
    let run = margay(&format!("margay lab run -f - --flows {}", flows.path().display()), yaml);
    assert_eq!(run.code, 2, "{run}");
    let rows: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let words = |row: &Value| [row["predicted"].clone(), row["measured"].clone()];
    assert_eq!(words(&rows[0]), ["allow", "allow"]);
    assert_eq!(rows[0]["note"], "mine");
    assert!(rows[1]["error"].is_string());
    assert_eq!(words(&rows[2]), [Value::from("allow"), Value::Null], "a pod to itself is not sent");
    assert_eq!(words(&rows[3]), ["deny", "deny"]);
}
