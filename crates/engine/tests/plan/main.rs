//! Small clusters: what is in the Plan, and what each update changes. Every test is a list of steps, YAML or removals, each with the deltas of its
//! flush.

mod hosts;
mod labels;
mod order;
mod routes;
mod sets;
mod show;
mod staged;

use expect_test::Expect;
use margay_api::{Key, Kind};
use margay_engine::{Engine, Scope};

/// An engine for `node-1`, in sync.
fn engine() -> Engine {
    let mut engine = Engine::new(Scope::Node("node-1".into()));
    engine.in_sync();
    engine
}

/// One batch of updates.
enum Step<'a> {
    /// Resources come or change.
    Put(&'a str),
    /// A resource goes: kind, namespace, name.
    Gone(Kind, &'a str, &'a str),
    /// The steps of one flush.
    Together(Vec<Step<'a>>),
}
use Step::{Gone, Put, Together};

fn take(engine: &mut Engine, step: &Step<'_>) {
    match step {
        Put(yaml) => {
            for decoded in margay_api::read(yaml, "test") {
                let object = decoded.object.unwrap_or_else(|| panic!("{yaml}: {:?}", decoded.problems));
                engine.update(object.key(), Some(&object));
            }
        }
        Gone(kind, namespace, name) => {
            let key = Key { kind: *kind, namespace: (*namespace).into(), name: (*name).into() };
            engine.update(&key, None);
        }
        Together(steps) => steps.iter().for_each(|step| take(engine, step)),
    }
}

/// Takes steps one by one, a flush after each, and compares all that changed.
fn check(steps: &[Step<'_>], expected: &Expect) {
    let mut engine = engine();
    let mut told = String::new();
    for (at, step) in steps.iter().enumerate() {
        take(&mut engine, step);
        let changes = engine.flush();
        told += &format!("{}.\n{}", at + 1, show::deltas(engine.plan(), &changes));
    }
    expected.assert_eq(&told);
}

/// A pod of namespace `red` on this node.
fn pod(name: &str, address: &str, labels: &str) -> String {
    pod_of("red", name, "node-1", address, labels)
}

fn pod_of(namespace: &str, name: &str, node: &str, address: &str, labels: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: {namespace}, name: {name}, labels: {{{labels}}}}}, \
         spec: {{nodeName: {node}}}, status: {{phase: Running, podIPs: [{{ip: {address}}}]}}}}\n"
    )
}

fn namespace(name: &str, labels: &str) -> String {
    format!("---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{{labels}}}}}}}\n")
}

/// A Calico policy of `kind` (with its namespace as `namespace/name`), its spec in YAML flow style.
fn policy(kind: &str, name: &str, spec: &str) -> String {
    let meta = match name.split_once('/') {
        Some((namespace, name)) => format!("namespace: {namespace}, name: {name}"),
        None => format!("name: {name}"),
    };
    format!("---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{{meta}}}, spec: {{{spec}}}}}\n")
}

#[test]
fn nothing_is_told_before_the_source_is_in_sync() {
    let mut engine = Engine::new(Scope::Everything);
    take(&mut engine, &Put(&pod("a", "10.0.0.1", "")));
    assert!(engine.flush().is_empty() && engine.plan().endpoints.is_empty());
    engine.in_sync();
    assert_eq!(engine.flush().deltas.len(), 2);
}

#[test]
fn what_comes_and_goes_between_flushes_is_never_told() {
    let mut engine = engine();
    take(&mut engine, &Put(&(namespace("red", "") + &pod("a", "10.0.0.1", "app: web"))));
    take(
        &mut engine,
        &Put(&policy("GlobalNetworkPolicy", "p", "ingress: [{action: Allow, source: {selector: app == 'db'}}]")),
    );
    let revision = engine.flush().revision;
    for (there, back) in [
        (Put(&pod("b", "10.0.0.2", "app: db")), Gone(Kind::Pod, "red", "b")),
        (Gone(Kind::Pod, "red", "a"), Put(&pod("a", "10.0.0.1", "app: web"))),
        (Put(&pod("a", "10.0.0.1", "app: db")), Put(&pod("a", "10.0.0.1", "app: web"))),
        (Gone(Kind::Namespace, "", "red"), Put(&namespace("red", ""))),
        (
            Gone(Kind::GlobalNetworkPolicy, "", "p"),
            Put(&policy("GlobalNetworkPolicy", "p", "ingress: [{action: Allow, source: {selector: app == 'db'}}]")),
        ),
        (
            Put(&policy("GlobalNetworkPolicy", "p", "ingress: [{action: Deny}]")),
            Put(&policy("GlobalNetworkPolicy", "p", "ingress: [{action: Allow, source: {selector: app == 'db'}}]")),
        ),
    ] {
        take(&mut engine, &Together(vec![there, back]));
        let changes = engine.flush();
        assert!(changes.is_empty() && changes.revision == revision, "{changes:?}");
    }
}
