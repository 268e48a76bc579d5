//! What goes wrong between a client and a server: certificates, tokens, bytes that come slowly, lies, refusals. The clocks are decades apart throughout.

use crate::cluster::{Follower, anywhere, connection};
use crate::http::{Server, Store};
use crate::tls::Authority;
use margay_api::Kind;
use margay_kubernetes::Api;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

/// A store of eight namespaces, whose server speaks TLS.
fn store(authority: &Authority) -> Arc<Store> {
    let store = Arc::new(Store::default());
    store.page.store(3, Ordering::SeqCst);
    store.change(|model| {
        (model.version, model.initial_events) = (10, true);
        (0..8).for_each(|number| model.put(&format!("n{number}"), 0));
    });
    store.faults().tls = Some(authority.serves("127.0.0.1"));
    store
}

/// A folder with the certificate of an authority and a token.
fn home(authority: &Authority, token: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(home.path().join("ca.crt"), authority.pem()).expect("a file");
    std::fs::write(home.path().join("token"), token).expect("a file");
    home
}

/// Where a server is and who we are, by the files of a folder, as a pod has them of its service account.
fn by_files(server: &Server, home: &TempDir) -> [String; 2] {
    let path = |name: &str| home.path().join(name).display().to_string();
    let cluster = format!("server: \"https://{}\", certificate-authority: \"{}\"", server.address, path("ca.crt"));
    [cluster, format!("tokenFile: \"{}\"", path("token"))]
}

fn follow(server: &Server, home: TempDir) -> Follower {
    let [cluster, user] = by_files(server, &home);
    Follower::with(&cluster, &user, home)
}

/// Writes a file as kubelet does: whoever reads it finds the one before or this one.
fn replace(follower: &Follower, name: &str, text: &str) {
    let (new, file) = (follower.home.path().join("new"), follower.home.path().join(name));
    std::fs::write(&new, text).expect("a file");
    std::fs::rename(new, file).expect("a file");
}

/// The follower knows what the store has, and will know what changes.
fn keeps_up(follower: &mut Follower, store: &Store, name: &str) {
    follower.until("what there is", |follower| follower.in_sync && follower.told.names() == store.model().names());
    store.change(|model| model.put(name, 1));
    follower.until("what changes", |follower| follower.told.names() == store.model().names());
}

#[test]
fn the_authority_of_the_kubeconfig_alone_is_believed() {
    let (ours, others) = (Authority::new(), Authority::new());
    for (serves, name, said) in [
        (&ours, "127.0.0.1", None),
        (&others, "127.0.0.1", Some("UnknownIssuer: the certificate authority")),
        (&ours, "other.example", Some("not valid for name")),
    ] {
        let store = store(&ours);
        store.faults().tls = Some(serves.serves(name));
        let server = Server::start(&store, anywhere());
        let mut follower = follow(&server, home(&ours, "t"));
        match said {
            None => keeps_up(&mut follower, &store, "more"),
            Some(said) => {
                follower.until("saying so", |follower| !follower.problems.is_empty());
                assert!(follower.problems[0].contains(said), "{:?}", follower.problems);
                assert!(!follower.in_sync && follower.told.0.is_empty());
            }
        }
    }
}

#[test]
fn a_token_that_rotates_is_read_again() {
    let authority = Authority::new();
    let store = store(&authority);
    store.faults().token = Some("first".into());
    let server = Server::start(&store, anywhere());
    // With a line feed behind it, as editors leave it.
    let mut follower = follow(&server, home(&authority, "first\n"));
    keeps_up(&mut follower, &store, "more");
    let there = follower.told.0.len();
    follower.fewest = there;
    for token in ["second", "third"] {
        follower.problems.clear();
        // The server knows of it before the file does.
        store.faults().token = Some(token.into());
        server.cut();
        store.change(|model| model.put(token, 1));
        follower.until("a refusal", |follower| follower.problems.iter().any(|problem| problem.contains("401")));
        replace(&follower, "token", token);
        follower.until("the new token", |follower| follower.told.names() == store.model().names());
    }
    assert_eq!(follower.fewest, there, "nothing went while we were refused");
}

#[test]
fn certificates_that_rotate_are_read_again() {
    let (before, after) = (Authority::new(), Authority::new());
    let store = store(&before);
    let server = Server::start(&store, anywhere());
    let mut follower = follow(&server, home(&before, "t"));
    keeps_up(&mut follower, &store, "first");
    // Another certificate of the same authority: nobody notices.
    store.faults().tls = Some(before.serves("127.0.0.1"));
    server.cut();
    keeps_up(&mut follower, &store, "second");
    // Another authority: refused until the file has it.
    store.faults().tls = Some(after.serves("127.0.0.1"));
    server.cut();
    store.change(|model| model.put("third", 1));
    let is_refused = |problem: &String| problem.contains("certificate");
    follower.until("the refusal of it", |follower| follower.problems.iter().any(is_refused));
    replace(&follower, "ca.crt", &after.pem());
    keeps_up(&mut follower, &store, "fourth");
}

#[test]
fn bytes_may_come_one_by_one() {
    for initial_events in [true, false] {
        let authority = Authority::new();
        let store = store(&authority);
        store.faults().dribbles = true;
        store.change(|model| model.initial_events = initial_events);
        let server = Server::start(&store, anywhere());
        keeps_up(&mut follow(&server, home(&authority, "t")), &store, "more");
    }
}

#[test]
fn a_server_of_the_past_takes_nothing_away() {
    for initial_events in [true, false] {
        let authority = Authority::new();
        let store = store(&authority);
        store.change(|model| model.initial_events = initial_events);
        let server = Server::start(&store, anywhere());
        let mut follower = follow(&server, home(&authority, "t"));
        keeps_up(&mut follower, &store, "more");
        store.change(|model| model.remove("n0"));
        follower.until("a removal", |follower| follower.told.names() == store.model().names());
        // What was watched is forgotten, and another server answers, which is behind: it has n0 yet, and not what came last.
        let now = follower.told.names();
        follower.fewest = now.len();
        follower.problems.clear();
        store.faults().behind = 4;
        store.change(|model| model.compacted = model.version);
        let asked = store.faults().asked;
        server.cut();
        let so = |follower: &Follower| follower.problems.iter().any(|problem| problem.contains("before"));
        follower.until("a lag", so);
        assert_eq!(follower.told.names(), now);
        assert!(store.faults().asked - asked < 20, "it asks with patience");
        // It catches up.
        store.faults().behind = 0;
        store.change(|model| model.put("last", 1));
        follower.until("what is now", |follower| follower.told.names() == store.model().names());
        assert_eq!(follower.fewest, now.len());
    }
}

#[test]
fn a_server_that_is_busy_is_given_time() {
    for status in [403, 429, 503] {
        let authority = Authority::new();
        let store = store(&authority);
        store.faults().busy = Some((20, status, 1));
        let server = Server::start(&store, anywhere());
        let mut follower = follow(&server, home(&authority, "t"));
        keeps_up(&mut follower, &store, "more");
        let said = format!("with {status}");
        assert!(follower.problems.iter().any(|problem| problem.contains(&said)), "{:?}", follower.problems);
    }
}

#[test]
fn who_asks_once_gets_an_answer_or_a_reason() {
    let (ours, others) = (Authority::new(), Authority::new());
    type Case<'a> = (&'a str, fn(&Store), &'a Authority, Result<usize, &'a str>);
    let cases: [Case<'_>; 7] = [
        ("pages", |_| {}, &ours, Ok(8)),
        ("bytes one by one", |store| store.faults().dribbles = true, &ours, Ok(8)),
        ("a busy server", |store| store.faults().busy = Some((2, 429, 1)), &ours, Ok(8)),
        ("one that starts", |store| store.faults().busy = Some((1, 503, 0)), &ours, Ok(8)),
        ("who may not", |store| store.faults().busy = Some((9, 403, 0)), &ours, Err("403 (the user may not read it")),
        ("another token", |store| store.faults().token = Some("x".into()), &ours, Err("401 (the token or certificate")),
        ("another authority", |_| {}, &others, Err("did not sign it")),
    ];
    for (what, fault, believed, expected) in cases {
        let store = store(&ours);
        fault(&store);
        let server = Server::start(&store, anywhere());
        let home = home(believed, "t");
        let [cluster, user] = by_files(&server, &home);
        let api = Api::connect(&connection(&cluster, &user, &home), Duration::from_secs(30)).expect("a connection");
        let listed = api.everything(|kind| kind == Kind::Namespace, |_, _| {});
        let found = listed.map(|listed| listed[0].1.len()).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{what}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{what}: {said}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}
