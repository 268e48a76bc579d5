//! The agent on a cluster: on a server that gives the lists of a real one, as they were recorded.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

/// The lists by their paths; `None`, which is said, where the recordings are not there.
pub(crate) fn lists() -> Option<HashMap<String, String>> {
    let mut lists = HashMap::new();
    for file in ["09-restart.jsonl", "10-list-all-kinds.jsonl"] {
        let path = format!("{}/../../../shared/fixtures/kube-api/{file}", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("left out: there is no {path}");
            return None;
        };
        for exchange in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
            let body = &exchange["response"]["body"];
            if exchange["request"]["query"] == "" && body["items"].is_array() {
                lists.insert(exchange["request"]["path"].as_str().expect("a path").to_owned(), body.to_string());
            }
        }
    }
    Some(lists)
}

/// Serves lists, each kind's watch without an event, and of every other kind nothing; for as long as the test runs.
pub(crate) fn serve(lists: HashMap<String, String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let lists = Arc::new(lists);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let lists = Arc::clone(&lists);
            thread::spawn(move || answer(stream, &lists));
        }
    });
    address
}

fn answer(mut stream: TcpStream, lists: &HashMap<String, String>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let first = lines.next()?;
    let _ = lines.take_while(|line| !line.is_empty()).count();
    let (path, query) = first.split(' ').nth(1)?.split_once('?').unwrap_or((first.split(' ').nth(1)?, ""));
    let in_group = |group: &str| {
        let names = lists.keys().filter_map(|path| path.strip_prefix(group)?.strip_prefix('/'));
        names.map(|name| json!({"name": name})).collect::<Vec<Value>>()
    };
    let (code, body) = match lists.get(path) {
        None if path.starts_with("/apis/") && !in_group(path).is_empty() => {
            (200, json!({"resources": in_group(path)}).to_string())
        }
        None => (404, "404 page not found".to_owned()),
        Some(_) if query.contains("sendInitialEvents") => (422, json!({"message": "no such watch"}).to_string()),
        Some(_) if query.contains("watch=true") => {
            write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
            // Until the other end goes.
            return std::io::Read::read(&mut stream, &mut [0]).map(drop).ok();
        }
        Some(list) => (200, list.clone()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").ok()
}

pub(crate) fn kubeconfig(server: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}], users: [{{name: u, user: {{token: t}}}}]}}"
    )
}

fn agent(home: &std::path::Path, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.arg("agent").args(arguments.split(' ')).current_dir(home).env_remove("KUBECONFIG").env("HOME", home);
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("it was not killed"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_lists_of_a_real_server_are_put_in_force() {
    let Some(lists) = lists() else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(home.path().join("lists")).expect("a folder");
    for (number, list) in lists.values().enumerate() {
        std::fs::write(home.path().join(format!("lists/{number}.json")), list).expect("a file");
    }
    std::fs::write(home.path().join("config"), kubeconfig(&format!("http://{}", serve(lists)))).expect("a file");
    for node in ["node-a", "node-b", "win-1"] {
        let agent = |from: &str| agent(home.path(), &format!("{from} --node {node} --dry-run --once"));
        let ((code, out, err), (_, expected, _)) = (agent("--kubeconfig config"), agent("-f lists"));
        // As from files that say the same.
        assert_eq!((code, &out), (0, &expected), "{err}");
        assert!(out.contains("policies, on") && !out.contains("0 policies"), "{out}");
    }
}

#[test]
fn what_is_wrong_with_the_connection_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(home.path().join("config"), kubeconfig("http://127.0.0.1:1")).expect("a file");
    for (arguments, said) in [
        ("--node n --dry-run --once", "there is no cluster to connect to"),
        ("--node n --dry-run --once --kubeconfig nowhere", "the kubeconfig nowhere can't be used"),
        ("--node n --dry-run --once --kubeconfig config --context other", "the kubeconfig config can't be used"),
        ("--node n --dry-run --once --kubeconfig config -f .", "cannot be used with"),
    ] {
        let (code, _, err) = agent(home.path(), arguments);
        assert!(code == 2 && err.contains(said), "{arguments}: {code} {err}");
    }
}

/// A folder with these lists as files, `lists`.
fn folder_of(lists: &HashMap<String, String>) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(home.path().join("lists")).expect("a folder");
    for (number, list) in lists.values().enumerate() {
        std::fs::write(home.path().join(format!("lists/{number}.json")), list).expect("a file");
    }
    home
}

#[test]
fn a_snapshot_is_enforced_where_the_api_server_is_away() {
    let Some(lists) = lists() else { return };
    let home = folder_of(&lists);
    std::fs::write(home.path().join("config"), kubeconfig("http://127.0.0.1:1")).expect("a file");
    let agent = |arguments: &str| agent(home.path(), &format!("--node node-a --dry-run --once {arguments}"));
    // A recording has the form of a snapshot.
    let (_, expected, err) = agent("-f lists --record snapshot");
    assert!(expected.contains("policies, on"), "{expected}{err}");
    let (code, out, err) = agent("--kubeconfig config --snapshot-file snapshot --status-file status.json");
    assert_eq!((code, &out), (0, &expected), "{err}");
    assert!(err.contains("the source can't be read yet: what its snapshot says is put in force"), "{err}");
    let status = std::fs::read_to_string(home.path().join("status.json")).expect("the status");
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!((&status["inSync"], &status["fromSnapshot"]), (&true.into(), &true.into()));

    // What it is of and comes to is the same, however it is read.
    #[cfg(target_os = "linux")]
    {
        let at = |name: &str| home.path().join(name).display().to_string();
        let replayed = crate::margay(&format!("margay replay {}", at("snapshot")), "");
        assert!(replayed.code == 0 && replayed.out.starts_with("Node node-a: "), "{replayed}");
        let rules = crate::margay(&format!("margay replay {} --rules", at("snapshot")), "");
        let rendered = crate::margay(&format!("margay render --node node-a -f {}", at("lists")), "");
        assert_eq!(rules.out, rendered.out);
        assert!(rules.out.contains("table inet margay"), "{rules}");
    }

    // One that is broken is set aside, and the agent is as one without.
    std::fs::write(home.path().join("broken"), "margay?").expect("a file");
    let listening = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let gone = listening.local_addr().expect("it is bound");
    drop(listening);
    std::fs::write(home.path().join("config"), kubeconfig(&format!("http://{gone}"))).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.args("agent --node node-a --dry-run --kubeconfig config --snapshot-file broken".split(' '));
    let mut agent = command.current_dir(home.path()).stderr(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(agent.stderr.take().expect("a pipe was asked for")).lines().map_while(Result::ok);
    let said = lines.find(|line| line.contains("is of no use"));
    agent.kill().and_then(|()| agent.wait()).expect("our own process ends");
    assert!(said.is_some_and(|line| line.contains("it is set aside as broken.bad")));
    assert!(home.path().join("broken.bad").exists() && !home.path().join("broken").exists());
}

#[test]
fn what_felix_is_configured_with_counts_where_nothing_else_is_said() {
    let of = |name: &str, spec: Value| {
        let path = format!("/apis/crd.projectcalico.org/v1/felixconfigurations/{name}");
        (path, json!({"metadata": {"name": name}, "spec": spec}).to_string())
    };
    let lists = [
        of("default", json!({"logSeverityScreen": "Error", "healthPort": 9199, "prometheusMetricsEnabled": false})),
        of("node.node-a", json!({"logSeverityScreen": "Debug"})),
    ];
    let home = tempfile::tempdir().expect("a temporary folder");
    let server = format!("http://{}", serve(lists.into()));
    std::fs::write(home.path().join("config"), kubeconfig(&server)).expect("a file");
    let (code, out, err) =
        agent(home.path(), "--kubeconfig config --node node-a --print-settings --metrics-address 127.0.0.1:1");
    assert_eq!(code, 0, "{err}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = out.lines().map(words).collect();
    for expected in [
        "logLevel debug the node's FelixConfiguration, logSeverityScreen",
        "healthAddress 127.0.0.1:9199 FelixConfiguration default, healthEnabled",
        "metricsAddress 127.0.0.1:1 --metrics-address",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {out}");
    }
}
