//! What a driver writes that starts over a table which is not quite as it should be, and what it hears of changes.

#![allow(clippy::print_stderr, reason = "a test says that it is skipped")]

mod support;

use margay_dataplane::{Driver, Event};
use margay_engine::{Engine, Scope};
use margay_linux::{LinuxDriver, Options};
use margay_nftables::{Batch, Connection, Family, MessageKind, TableId};
use margay_policy::Plan;
use support::{in_namespace, read};

const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: elsewhere}
status: {podIP: 10.0.0.2}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: offices, namespace: shop, labels: {app: office}}
spec: {nets: [192.0.2.0/24, 198.51.100.0/25, 198.51.100.128/26]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {selector: "app == 'web'", ingress: [{action: Allow, source: {selector: "app in {'client', 'office'}"}}]}
"#;

fn plan(text: &str) -> Plan {
    let mut engine = Engine::new(Scope::Node("node-a".into()));
    for update in read(text) {
        engine.update(&update.key, update.value.as_deref());
    }
    engine.in_sync();
    engine.flush();
    engine.plan().clone()
}

fn start(plan: &Plan) -> LinuxDriver {
    let mut driver = LinuxDriver::new(Options::default()).expect("netlink");
    driver.resync(plan, None);
    let events = driver.events();
    assert!(matches!(events[..], [Event::Applied { .. }]), "{events:?}");
    driver
}

/// The messages that a start over one table writes to make it another: elements added and removed in words, rules, chains.
fn check(what: &str, now: &str, expected: &str) {
    in_namespace(|| {
        start(&plan(CLUSTER));
        let plan = plan(now);
        let mut driver = start(&plan);
        let (counts, transactions) = driver.written();
        let rules = counts.of(MessageKind::NewRule);
        let elements = (counts.elements_added, counts.elements_deleted);
        let wrote = format!("{transactions} transactions, {rules} rules, elements {elements:?}");
        assert_eq!(wrote, expected, "{what}: {counts}");
        driver.observe(&plan);
        assert_eq!(driver.events(), [], "{what}");
        assert_eq!(start(&plan).written().1, 0, "{what}: a further start");
    });
}

#[test]
fn writes_the_difference_alone() {
    let with = |from: &str, to: &str| {
        assert!(CLUSTER.contains(from), "{from}");
        CLUSTER.replace(from, to)
    };
    for (what, now, expected) in [
        ("nothing happened", CLUSTER.to_owned(), "0 transactions, 0 rules, elements (0, 0)"),
        ("a member went", with("{app: client}", "{app: other}"), "1 transactions, 0 rules, elements (0, 1)"),
        ("a prefix went", with("192.0.2.0/24, ", ""), "1 transactions, 0 rules, elements (0, 2)"),
        ("a prefix is shorter now", with("2.0/24", "2.0/23"), "1 transactions, 0 rules, elements (2, 2)"),
        ("a prefix is longer now", with("2.0/24", "2.0/25"), "1 transactions, 0 rules, elements (2, 2)"),
        ("one of two that touch", with("100.128/26", "100.128/25"), "1 transactions, 0 rules, elements (2, 2)"),
        ("the other of two that touch", with("100.0/25", "100.64/26"), "1 transactions, 0 rules, elements (2, 2)"),
        (
            "a rule is another",
            with("{action: Allow", "{action: Allow, protocol: TCP"),
            "1 transactions, 2 rules, elements (0, 0)",
        ),
        ("a pod has another address", with("10.0.0.1", "10.0.0.9"), "1 transactions, 0 rules, elements (4, 4)"),
    ] {
        check(what, &now, expected);
    }
}

#[test]
fn hears_of_foreign_changes_beside_large_ones_of_its_own() {
    in_namespace(|| {
        let foreign = || {
            let mut batch = Batch::new();
            batch.flush_chain(&TableId::new(Family::Inet, "margay"), "forward-to-pods");
            Connection::open().expect("netlink").commit(&mut batch).expect("a foreign change");
        };
        let pods = (0..100).map(|n| {
            format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}, namespace: shop, labels: {{app: web}}}}\nspec: {{nodeName: node-a}}\nstatus: {{podIP: 10.0.1.{n}}}\n")
        });
        let large = plan(&pods.fold(CLUSTER.to_owned(), |all, pod| all + &pod));
        let mut driver = start(&plan(CLUSTER));
        assert!(!driver.disturbed(), "its own, small");
        driver.resync(&large, None);
        assert!(driver.written().0.elements_added >= 400, "{}", driver.written().0);
        assert!(!driver.disturbed(), "its own, large");
        foreign();
        driver.resync(&large, None);
        assert!(driver.disturbed(), "a stranger's before its own");
        assert!(!driver.disturbed(), "said once");
        foreign();
        driver.resync(&plan(CLUSTER), None);
        assert!(driver.disturbed(), "a stranger's before its own, large");
        foreign();
        assert!(driver.disturbed(), "a stranger's");
    });
}
