//! margay.exe under Wine: what it answers is what margay answers here. `cargo xtask windows` builds it and runs this.

#![cfg(target_os = "linux")]

mod agent;
mod cluster;
mod hns;
#[allow(dead_code, reason = "the client's own tests do more with it")]
#[path = "../../../kubernetes/tests/api/http.rs"]
mod http;
mod lab;
#[allow(dead_code, reason = "the client's own tests do more with it")]
#[path = "../../../kubernetes/tests/api/model.rs"]
mod model;
#[path = "../../../kubernetes/tests/api/tls.rs"]
mod tls;

use std::process::Command;
use tempfile::TempDir;
use xtask::windows::Wine;

/// What a command printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    out: String,
    err: String,
    code: i32,
}

/// A folder of resources, and flows beside it.
fn shop() -> TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| home.path().join(name);
    std::fs::create_dir(path("cluster")).expect("a folder");
    let (cluster, policies) = include_str!("../commands/shop.yaml").split_once("\n---\n").expect("documents");
    std::fs::write(path("cluster/first.yaml"), cluster).expect("a file");
    std::fs::write(path("cluster/rest.yaml"), policies).expect("a file");
    let flows = r#"{"from":"front/web","to":"shop/db-0","port":5432}
{"from":"shop/api-7d9f8c6b5d-x2x4z","to":"shop/db-0","port":5432}
{"from":"front/web","to":"10.96.0.1","port":80}
{"from":"nobody","to":"front/web","port":80}
"#;
    std::fs::write(path("flows.jsonl"), flows).expect("a file");
    home
}

fn ran(command: &mut Command) -> Run {
    let output = command.output().expect("Wine starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { out: text(output.stdout), err: text(output.stderr), code: output.status.code().expect("it was not killed") }
}

#[test]
fn it_answers_as_here() {
    let Some(wine) = Wine::ready() else { return };
    let shop = shop();
    for command in [
        "--version",
        "validate -f cluster",
        "eval -f cluster --flows flows.jsonl",
        "explain -f cluster front/web shop/db-0:5432",
        "explain -f cluster shop/api-7d9f8c6b5d-x2x4z shop/db-0:5432 -o json",
        "matrix -f cluster -o csv",
        "policies -f cluster shop/db-0",
        "selects -f cluster networkpolicy/shop/db",
        "render -f cluster --node node-2 --dataplane hns",
        "render -f cluster --node node-2 --dataplane hns --hns-version 7.0 -o json",
        "agent -f cluster --node node-2 --dry-run --once --log-file agent.log",
        "explain -f cluster front/nobody shop/db-0:5432",
    ] {
        let here = Command::new(env!("CARGO_BIN_EXE_margay"));
        let [expected, mut found] =
            [here, wine.margay()].map(|mut margay| ran(margay.args(command.split(' ')).current_dir(shop.path())));
        // Paths are written as each system writes them, in JSON with an escape.
        found.out = found.out.replace("\\\\", "\\").replace("cluster\\", "cluster/");
        assert_eq!(found, expected, "{command}");
    }
}
