//! A cluster as a source, on a real connection.

use crate::http::{Server, Store};
use crate::model::Told;
use margay_datastore::{Event, Source};
use margay_kubernetes::{Cluster, Connection, ConnectionError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster that is followed, and what was told of it.
pub(crate) struct Follower {
    cluster: Cluster,
    woken: Receiver<()>,
    pub(crate) told: Told,
    pub(crate) in_sync: bool,
    pub(crate) problems: Vec<String>,
    /// The fewest that were known at a time, since this was set.
    pub(crate) fewest: usize,
    pub(crate) home: TempDir,
}

impl Follower {
    fn of(address: SocketAddr) -> Self {
        Self::with(
            &format!("server: \"http://{address}\""),
            "token: t",
            tempfile::tempdir().expect("a temporary folder"),
        )
    }

    /// Follows the cluster of a kubeconfig in a folder.
    pub(crate) fn with(cluster: &str, user: &str, home: TempDir) -> Self {
        let connection = connection(cluster, user, &home);
        let (wake, woken) = channel();
        let cluster = Cluster::follow(&connection, move || {
            let _ = wake.send(());
        })
        .expect("a connection");
        Self { cluster, woken, told: Told::default(), in_sync: false, problems: Vec::new(), fewest: 0, home }
    }

    /// Listens until it is so.
    pub(crate) fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            for event in self.cluster.poll() {
                match event {
                    Event::InSync => self.in_sync = true,
                    Event::Problem(problem) => self.problems.push(problem.message),
                    update => self.told.take(vec![update]),
                }
                self.fewest = self.fewest.min(self.told.0.len());
            }
            if so(self) {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: {:?}, {:?}", self.told.names(), self.problems);
            let _ = self.woken.recv_timeout(left);
        }
    }
}

/// What leads to a cluster, as a kubeconfig in a folder says it.
pub(crate) fn connection(cluster: &str, user: &str, home: &TempDir) -> Connection {
    let path = home.path().join("config");
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{{cluster}}}}}], users: [{{name: u, user: {{{user}}}}}]}}"
    );
    std::fs::write(&path, config).expect("a file");
    Connection { kubeconfig: Some(path), context: None }
}

pub(crate) fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[test]
fn it_follows_over_restarts_of_the_server() {
    for initial_events in [true, false] {
        let store = Arc::new(Store::default());
        store.page.store(3, Ordering::SeqCst);
        store.change(|model| {
            (model.version, model.initial_events) = (10, initial_events);
            (0..8).for_each(|number| model.put(&format!("n{number}"), 0));
        });
        // A server that starts does not know who may ask.
        store.refusals.store(5, Ordering::SeqCst);
        let server = Server::start(&store, anywhere());
        let mut follower = Follower::of(server.address);
        follower.until("the start", |follower| follower.in_sync);
        assert_eq!(follower.told.names(), store.model().names());
        assert!(follower.problems.iter().any(|problem| problem.contains("403")), "{:?}", follower.problems);

        store.change(|model| model.put("n9", 1));
        store.change(|model| model.remove("n0"));
        follower.until("a change", |follower| follower.told.names() == store.model().names());

        // It is killed, things change, and it comes back and remembers no version before.
        let mut server = Some(server);
        for number in 0..3 {
            let there = follower.told.0.len();
            follower.fewest = there;
            let address = server.take().map(|server| server.address).expect("it runs");
            store.change(|model| model.put(&format!("while-away-{number}"), 1));
            store.change(|model| model.remove(&format!("n{}", number + 1)));
            store.change(|model| model.compacted = model.version);
            server = Some(Server::start(&store, address));
            follower.until("the server is back", |follower| follower.told.names() == store.model().names());
            assert!(follower.fewest + 1 >= there, "only {} of {there} were known at a time", follower.fewest);
        }
        drop(server);
    }
}

#[test]
fn a_server_that_is_away_keeps_the_source_from_being_in_sync() {
    let server = Server::start(&Arc::default(), anywhere());
    let address = server.address;
    drop(server);
    let mut follower = Follower::of(address);
    follower.until("saying so", |follower| !follower.problems.is_empty());
    assert!(!follower.in_sync && follower.problems[0].contains("does not answer"), "{:?}", follower.problems);
}

#[test]
fn what_can_not_be_used_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("config");
    let connect = |context: Option<&str>| {
        let connection = Connection { kubeconfig: Some(path.clone()), context: context.map(Into::into) };
        Cluster::follow(&connection, || {}).err()
    };
    let is_kubeconfig = |error: Option<ConnectionError>| matches!(error, Some(ConnectionError::Kubeconfig { .. }));
    assert!(is_kubeconfig(connect(None)), "it is not there");
    std::fs::write(&path, "{apiVersion: v1, kind: Config, contexts: [], clusters: [], users: []}").expect("a file");
    assert!(is_kubeconfig(connect(Some("nowhere"))), "there is no such context");
    std::fs::write(&path, "clusters: {").expect("a file");
    let said = connect(None).map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains(&path.display().to_string()), "{said}");
}
