//! `margay cleanup`, in network namespaces of the tests' own: nothing of the machine's is touched.

use crate::{Run, SHOP, margay};
use margay_cli::World;
use margay_dataplane::{Driver, Event};
use margay_datastore::Folder;
use margay_engine::Scope;
use margay_linux::{LinuxDriver, Options};
use nix::sched::{CloneFlags, unshare};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Whether the test has a namespace; where not, it says that it is left out.
fn has_namespace() -> bool {
    unshare(CloneFlags::CLONE_NEWNET)
        .inspect_err(|error| eprintln!("left out: no network namespace can be made: {error}"))
        .is_ok()
}

fn program() {
    let mut folder = Folder::of_text("shop.yaml", SHOP);
    folder.rescan();
    let shop = World::of(vec![folder.into()], Scope::Node("node-2".into()));
    let mut driver = LinuxDriver::new(Options::default()).expect("nf_tables");
    driver.resync(shop.plan(), None);
    assert!(driver.events().iter().all(|event| matches!(event, Event::Applied { .. })));
}

/// A folder as an agent leaves it, and something of somebody else's in it.
fn state(others: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["snapshot", "snapshot.bad"].iter().chain(others) {
        std::fs::write(folder.path().join(name), "state").expect("a file");
    }
    folder
}

fn cleanup(state: &TempDir, more: &str) -> Run {
    margay(format!("margay cleanup --state {} {more}", state.path().display()).trim_end(), "")
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path()).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").file_name().into()).collect();
    files.sort();
    files
}

#[test]
fn everything_is_removed_once() {
    if !has_namespace() {
        return;
    }
    program();
    let (state, others) = (state(&[]), state(&["notes"]));
    let path = state.path().display().to_string();
    for (more, table, file) in [
        (
            "--dry-run",
            "Would remove the nftables table inet margay: no policy would be in force on this node.",
            "Would remove",
        ),
        ("", "Removed the nftables table inet margay: no policy is in force on this node.", "Removed"),
    ] {
        let expected = format!("{table}\n{file} {path}/snapshot.\n{file} {path}/snapshot.bad.\n[exit code 0]");
        assert_eq!(cleanup(&state, more).to_string(), expected);
        assert_eq!(state.path().exists(), more == "--dry-run", "an empty folder goes");
    }
    for more in ["--dry-run", ""] {
        let run = cleanup(&state, more);
        assert_eq!(run.to_string(), "Nothing to remove: there is no nftables table inet margay.\n[exit code 0]");
    }
    assert_eq!(cleanup(&others, "").code, 0);
    assert_eq!(files(&others), [PathBuf::from("notes")], "what is not Margay's stays");
}

#[test]
fn it_refuses_while_an_agent_runs() {
    if !has_namespace() {
        return;
    }
    let (folder, state) = (tempfile::tempdir().expect("a temporary folder"), state(&[]));
    std::fs::write(folder.path().join("shop.yaml"), SHOP).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.args(["agent", "--node", "node-2", "-f"]).arg(folder.path()).stderr(Stdio::piped());
    let mut agent = command.spawn().expect("the agent starts");
    let mut lines = BufReader::new(agent.stderr.take().expect("a pipe was asked for"));
    let mut said = String::new();
    while !said.contains("changes passed on") && lines.read_line(&mut said).is_ok_and(|read| read > 0) {}
    let refused = ["--dry-run", ""].map(|more| cleanup(&state, more));
    agent.kill().expect("our own process");
    agent.wait().expect("our own process ends");
    for run in refused {
        let expected = format!("error: another agent (process {}) runs on this node already", agent.id());
        assert!(run.code == 2 && run.err.starts_with(&expected), "{run}\n{said}");
    }
    assert_eq!(files(&state).len(), 2);
    let run = cleanup(&state, "");
    assert!(run.code == 0 && run.out.starts_with("Removed the nftables table"), "what a killed agent left: {run}");
}
