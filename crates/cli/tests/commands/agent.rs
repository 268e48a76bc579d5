//! `margay agent` as it is run: the program itself, on a folder, in a network namespace of the test's own.

use crate::{SHOP, file, margay};
use margay_cli::World;
use margay_dataplane::Driver;
use margay_datastore::Folder;
use margay_engine::Scope;
use margay_linux::{LinuxDriver, Options};
use margay_nftables::{Batch, Connection, Family, Monitor, TableId};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A policy more for the shop.
const CLOSED: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_folder_is_in_force_as_it_is_edited_and_stays_so() {
    in_namespace(|| {
        let node = Node::new();
        node.write("shop.yaml", SHOP);
        let agent = node.start();
        node.until_in_force(&[SHOP], "at the start");

        node.write("closed.yaml", CLOSED);
        node.until_in_force(&[SHOP, CLOSED], "after an edit");

        let refused = node.once();
        let expected = format!("error: another agent (process {}) runs on this node already", agent.0.id());
        assert!(refused.code == 2 && refused.err.contains(&expected), "{refused}");

        node.tamper();
        node.until_in_force(&[SHOP, CLOSED], "after a stranger's change");

        let generation = node.generation();
        let lines = agent.stop(Signal::SIGTERM);
        assert!(lines.ends_with("stopped: what is in force stays in force\n"), "{lines}");
        assert!(lines.contains("was changed by someone else, and is mended"), "{lines}");
        let status: Value = serde_json::from_str(&node.read("status.json")).expect("the status file is JSON");
        let said = |name: &str| status[name].to_string();
        assert_eq!(["inSync", "endpoints", "waiting", "failing"].map(said), ["true", "2", "0", "[]"], "{status}");
        assert!(status["drift"]["found"][0]["found"].is_string(), "{status}");

        let mut again = node.start();
        let lines = again.lines_until("changes passed on");
        let more = again.stop(Signal::SIGINT);
        assert!(more.ends_with("stopped: what is in force stays in force\n"), "{lines}{more}");
        let once = node.once();
        assert_eq!((once.code, once.out.as_str()), (0, "In force on node node-2: 4 policies, on 2 endpoints.\n"));
        assert_eq!(node.generation(), generation, "stopping and starting writes nothing");
        node.until_in_force(&[SHOP, CLOSED], "at the end");
    });
}

#[test]
fn nothing_is_touched_where_the_folder_is_not_there() {
    in_namespace(|| {
        let node = Node::new();
        node.write("shop.yaml", SHOP);
        assert_eq!(node.once().code, 0);
        let generation = node.generation();
        std::fs::rename(node.folder(), node.home.path().join("elsewhere")).expect("a folder can be moved");
        let run = node.once();
        assert!(run.code == 2 && run.err.contains("what is in force stays in force"), "{run}");
        assert_eq!(node.generation(), generation);
    });
}

#[test]
fn a_dry_run_needs_no_rights_and_programs_nothing() {
    let shop = file(SHOP);
    let path = shop.path().display();
    let run = margay(&format!("margay agent --dry-run --once --node node-2 -f {path}"), "");
    assert_eq!(run.to_string(), "Would be in force on node node-2: 3 policies, on 2 endpoints.\n[exit code 0]");
    for (arguments, expected) in [
        ("--poll 1", "it is a time between 10ms and 1h, like 500ms, 1s or 2m"),
        ("--poll 1ms", "it is a time between 10ms and 1h"),
        ("--status-file", "a value is required"),
    ] {
        let run = margay(&format!("margay agent --dry-run --once --node node-2 -f {path} {arguments}"), "");
        assert!(run.code == 2 && run.err.contains(expected), "{run}");
    }
}

/// Runs a test in a network namespace of its own; says that it is skipped where there may be none.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => test(),
        Err(error) => eprintln!("skipped: no network namespace can be made ({error}); run as root"),
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A node with a folder of YAML.
struct Node {
    home: TempDir,
    monitor: std::cell::RefCell<Monitor>,
}

impl Node {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("cluster")).expect("a folder");
        Self { home, monitor: Monitor::open().expect("netlink").into() }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("cluster")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).expect("a file")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
        command.args(["agent", "--node", "node-2", "--poll", "10ms", "--status-file"]);
        command.arg(self.home.path().join("status.json")).arg("-f").arg(self.folder());
        command
    }

    fn start(&self) -> Agent {
        let mut process = self.command().stderr(Stdio::piped()).spawn().expect("the agent starts");
        let stderr = BufReader::new(process.stderr.take().expect("a pipe was asked for"));
        Agent(process, stderr)
    }

    fn once(&self) -> crate::Run {
        let output = self.command().arg("--once").output().expect("the agent starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it was not killed");
        crate::Run { out: text(output.stdout), err: text(output.stderr), code }
    }

    /// Waits until what these resources mean for the node is in force: each change of the ruleset is told of, so there is nothing to sleep for.
    fn until_in_force(&self, texts: &[&str], when: &str) {
        let mut folder = Folder::of_text("cluster.yaml", texts.join("---"));
        folder.rescan();
        let world = World::of(vec![folder.into()], Scope::Node("node-2".into()));
        let mut driver = LinuxDriver::new(Options::default()).expect("netlink");
        loop {
            driver.observe(world.plan());
            let events = driver.events();
            if events.is_empty() {
                return;
            }
            let read = self.monitor.borrow_mut().read(&mut Vec::new(), Some(PATIENCE)).expect("netlink");
            assert_ne!(read, 0, "{when}: nothing happened for {PATIENCE:?}, and yet {events:?}");
        }
    }

    /// Takes the rules out of a chain, as a stranger's hand might.
    fn tamper(&self) {
        let mut batch = Batch::new();
        batch.flush_chain(&TableId::new(Family::Inet, "margay"), "forward-to-pods");
        Connection::open().and_then(|mut connection| connection.commit(&mut batch)).expect("a foreign change");
    }

    fn generation(&self) -> u32 {
        Connection::open().and_then(|mut connection| connection.generation()).expect("netlink")
    }
}

impl Drop for Node {
    /// The lock's file stays where it is, but its name is the namespace's, which goes.
    fn drop(&mut self) {
        if let Ok(namespace) = std::fs::metadata("/proc/thread-self/ns/net") {
            let _ = std::fs::remove_file(format!("/run/margay/agent-{}.lock", namespace.ino()));
        }
    }
}

/// A running agent, and what it says.
struct Agent(Child, BufReader<ChildStderr>);

impl Agent {
    /// What it says, until a line has this in it.
    fn lines_until(&mut self, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) || !text.ends_with('\n') {
            assert_ne!(self.1.read_line(&mut text).expect("a pipe can be read"), 0, "it ended: {text}");
        }
        text
    }

    /// Ends it by a signal, and gives what it has said.
    fn stop(mut self, signal: Signal) -> String {
        let process = Pid::from_raw(self.0.id().try_into().expect("a process id"));
        kill(process, signal).expect("our own process may be told");
        let mut text = String::new();
        self.1.read_to_string(&mut text).expect("a pipe can be read");
        let status = self.0.wait().expect("our own process ends");
        assert_eq!(status.code(), Some(0), "{text}");
        text
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
