//! The agent on a cluster, under Wine: a server with TLS, whose authority is of the kubeconfig, and a token that rotates.

use crate::http::{Server, Store};
use crate::tls::Authority;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use xtask::windows::Wine;

/// An agent, and what it says.
struct Agent {
    process: Child,
    lines: BufReader<ChildStderr>,
    said: String,
}

impl Agent {
    fn start(wine: &Wine, home: &Path) -> Self {
        let mut command = wine.margay();
        command.args("agent --kubeconfig config --node win-1 --dry-run".split(' ')).current_dir(home);
        let mut process = command.stderr(Stdio::piped()).spawn().expect("Wine starts");
        let lines = BufReader::new(process.stderr.take().expect("a pipe was asked for"));
        Self { process, lines, said: String::new() }
    }

    /// Listens until it says this.
    fn until(&mut self, what: &str) {
        self.said.clear();
        while !self.said.contains(what) {
            assert_ne!(self.lines.read_line(&mut self.said).expect("a pipe can be read"), 0, "it ended: {}", self.said);
        }
    }

    /// Stops it, as Ctrl-C does.
    fn stop(mut self) -> String {
        kill(Pid::from_raw(self.process.id().try_into().expect("a process id")), Signal::SIGINT).expect("our process");
        self.lines.read_to_string(&mut self.said).expect("a pipe can be read");
        assert_eq!(self.process.wait().expect("our own process ends").code(), Some(0), "{}", self.said);
        self.said
    }
}

/// A server that takes one token, and a folder with what leads there.
fn cluster(believed: &Authority, serves: &Authority) -> (Arc<Store>, Server, TempDir) {
    let store = Arc::new(Store::default());
    store.change(|model| {
        model.version = 10;
        model.put("shop", 0);
    });
    store.faults().tls = Some(serves.serves("127.0.0.1"));
    store.faults().token = Some("first".into());
    let server = Server::start(&store, ([127, 0, 0, 1], 0).into());
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: \"https://{}\", certificate-authority: ca.crt}}}}], \
         users: [{{name: u, user: {{tokenFile: token}}}}]}}",
        server.address
    );
    for (file, text) in [("config", config.as_str()), ("ca.crt", &believed.pem()), ("token", "first")] {
        std::fs::write(home.path().join(file), text).expect("a file");
    }
    (store, server, home)
}

#[test]
fn a_token_that_rotates_is_read_again() {
    let Some(wine) = Wine::ready() else { return };
    let authority = Authority::new();
    let (store, server, home) = cluster(&authority, &authority);
    let mut agent = Agent::start(&wine, home.path());
    agent.until("changes passed on");
    store.faults().token = Some("second".into());
    server.cut();
    agent.until("401");
    std::fs::write(home.path().join("new"), "second").expect("a file");
    std::fs::rename(home.path().join("new"), home.path().join("token")).expect("a file");
    agent.until("the API server answers again");
    agent.stop();
}

#[test]
fn another_authority_is_not_believed() {
    let Some(wine) = Wine::ready() else { return };
    let (_store, _server, home) = cluster(&Authority::new(), &Authority::new());
    let mut agent = Agent::start(&wine, home.path());
    agent.until("did not sign it");
    let said = agent.stop();
    assert!(!said.contains("passed on"), "{said}");
}
