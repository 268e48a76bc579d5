//! The driver against the suite that every driver runs, and what is particular to it, each test in a network namespace of its own.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it compared, or that it is skipped")]

mod support;

use margay_dataplane::conformance::{self, Subject};
use margay_dataplane::{Driver, Event};
use margay_engine::{Engine, Scope};
use margay_generator::{Shape, updates};
use margay_linux::{LinuxDriver, Options};
use margay_nftables::{Batch, Connection, Family, MessageKind, Table, TableId};
use margay_policy::{Changes, Plan};
use proptest::prelude::*;
use support::{Steps, in_namespace, read};

/// The driver, and the means to disturb it.
struct Linux {
    driver: Faulty,
    writes: u64,
}

/// The driver on a send buffer so small, when told, that no transaction fits: a failure of the kernel's making.
struct Faulty {
    inner: LinuxDriver,
    fail_next: bool,
}

impl Driver for Faulty {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        let fail = std::mem::take(&mut self.fail_next);
        self.inner.limit_transactions(fail.then_some(0));
        self.inner.submit(plan, changes);
        self.inner.limit_transactions(None);
    }

    fn resync(&mut self, plan: &Plan, object: Option<&margay_dataplane::Object>) {
        self.inner.resync(plan, object);
    }

    fn observe(&mut self, plan: &Plan) {
        self.inner.observe(plan);
    }

    fn events(&mut self) -> Vec<Event> {
        self.inner.events()
    }

    fn cleanup(&mut self) -> Result<(), String> {
        self.inner.cleanup()
    }
}

fn start() -> Faulty {
    Faulty { inner: LinuxDriver::new(Options::default()).expect("netlink"), fail_next: false }
}

impl Subject for Linux {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn restart(&mut self) {
        self.writes += self.driver.inner.written().1;
        self.driver = start();
    }

    fn writes(&mut self) -> u64 {
        self.writes + self.driver.inner.written().1
    }

    fn fail_next(&mut self) {
        self.driver.fail_next = true;
    }

    fn tamper(&mut self) {
        let mut connection = Connection::open().expect("netlink");
        let table = TableId::new(Family::Inet, "margay");
        let mut batch = Batch::new();
        batch.add_chain(&table, &margay_nftables::Chain::regular("intruder"));
        connection.commit(&mut batch).expect("a foreign change");
    }

    fn is_clean(&mut self) -> bool {
        let tables = Connection::open().expect("netlink").tables().expect("listing tables");
        tables.iter().all(|table| table.id.name != "margay")
    }
}

#[test]
fn conforms() {
    in_namespace(|| {
        let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(history in updates(Shape { host_endpoints: true, ..Shape::default() }, 3))| {
            let mut engine = Engine::new(Scope::Everything);
            let mut steps = Vec::new();
            for step in Steps::of(&history) {
                for update in &step {
                    engine.update(&update.key, update.value.as_deref());
                }
                engine.in_sync();
                let changes = engine.flush();
                steps.push((engine.plan().clone(), changes));
            }
            margay_linux::cleanup().expect("a clean start"); // of what a failed case left
            conformance::run(&mut Linux { driver: start(), writes: 0 }, &steps);
        });
    });
}

const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}
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
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
"#;

fn programmed(text: &str) -> (Engine, LinuxDriver) {
    let mut engine = Engine::new(Scope::Node("node-a".into()));
    for update in read(text) {
        engine.update(&update.key, update.value.as_deref());
    }
    engine.in_sync();
    engine.flush();
    let mut driver = LinuxDriver::new(Options::default()).expect("netlink");
    driver.resync(engine.plan(), None);
    (engine, driver)
}

#[test]
fn a_label_change_touches_no_rule() {
    in_namespace(|| {
        let (mut engine, mut driver) = programmed(CLUSTER);
        for (labels, added, deleted) in
            [("{app: other}", 0, 1), ("{app: client}", 1, 0), ("{app: client, tier: web}", 0, 0)]
        {
            let before = driver.written().1;
            for update in
                read(&CLUSTER.replace("{app: client}}\nspec: {nodeName", &format!("{labels}}}\nspec: {{nodeName")))
            {
                engine.update(&update.key, update.value.as_deref());
            }
            let changes = engine.flush();
            driver.submit(engine.plan(), &changes);
            let (counts, transactions) = driver.written();
            let wrote = if transactions == before { 0 } else { counts.total() };
            assert_eq!(wrote, added + deleted, "{labels}: messages: {counts}");
            if wrote > 0 {
                assert_eq!(counts.of(MessageKind::NewSetElem), added, "{labels}: {counts}");
                assert_eq!(counts.of(MessageKind::DelSetElem), deleted, "{labels}: {counts}");
            }
        }
    });
}

#[test]
fn lives_beside_other_tables() {
    in_namespace(|| {
        let other = TableId::new(Family::Inet, "kube-proxy");
        let mut connection = Connection::open().expect("netlink");
        let mut batch = Batch::new();
        batch.add_table(&other, &Table::default());
        connection.commit(&mut batch).expect("another table");
        let (_, mut driver) = programmed(CLUSTER);
        driver.cleanup().expect("clean-up");
        let names: Vec<_> = connection.tables().expect("listing").into_iter().map(|table| table.id.name).collect();
        assert_eq!(names, ["kube-proxy"]);
        assert_eq!(margay_linux::cleanup(), Ok(false), "there is nothing left to remove");
    });
}

#[test]
fn sees_foreign_changes_and_not_its_own() {
    in_namespace(|| {
        let (engine, mut driver) = programmed(CLUSTER);
        assert!(!driver.disturbed(), "its own transaction");
        let mut batch = Batch::new();
        batch.flush_chain(&TableId::new(Family::Inet, "margay"), "forward-to-pods");
        Connection::open().expect("netlink").commit(&mut batch).expect("a foreign change");
        assert!(driver.disturbed(), "a stranger's transaction");
        driver.observe(engine.plan());
        assert!(matches!(driver.events().last(), Some(Event::Drift { .. })));
    });
}

/// A pod, two policies, and nets that cover each other.
const NESTED: &str = r#"
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
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: partners, labels: {kind: partner}}
spec: {nets: [192.0.2.0/24, 192.0.2.128/25, 192.0.2.200/32, 198.51.100.0/24]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: web}
spec: {selector: app == 'web', ingress: [{action: Allow, source: {selector: kind == 'partner'}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: db}
spec: {selector: app == 'db', ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]}
"#;

/// There and back again, each as a change of what is in force: the kernel has what a fresh start would have given it.
#[test]
fn a_change_gives_what_a_fresh_start_gives() {
    let changes: &[(&str, &[(&str, &str)])] = &[
        ("a net that covers two others goes", &[("192.0.2.0/24, ", "")]),
        ("two of three nested nets go", &[("192.0.2.0/24, 192.0.2.128/25, ", "")]),
        ("a covered net goes", &[("192.0.2.128/25, ", "")]),
        ("a net comes that covers others", &[("192.0.2.0/24, ", "192.0.0.0/16, ")]),
        ("a pod has another policy", &[("app: web}", "app: db}")]),
        ("a pod has another address", &[("podIP: 10.0.0.1", "podIP: 10.0.0.2")]),
        (
            "an address goes to another pod",
            &[("name: web, namespace: shop, labels: {app: web}", "name: a, namespace: shop, labels: {app: db}")],
        ),
        ("a rule allows more", &[("source: {selector: kind == 'partner'}", "protocol: UDP")]),
        ("a rule passes", &[("{action: Allow, source", "{action: Pass, source")]),
        (
            "a policy has two rules",
            &[("ingress: [{action: Allow", "ingress: [{action: Deny, protocol: SCTP}, {action: Allow")],
        ),
        (
            "a policy is for both directions",
            &[("selector: app == 'web',", "selector: app == 'web', egress: [{action: Allow}],")],
        ),
        (
            "IPv6 comes",
            &[("status: {podIP: 10.0.0.1}", "status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}")],
        ),
    ];
    in_namespace(|| {
        for (what, edits) in changes {
            let after = edits.iter().fold(NESTED.to_owned(), |text, (from, to)| text.replace(from, to));
            assert_ne!(after, NESTED, "{what}: the change changes nothing");
            // There and back again, each as a change of what is in force.
            let mut engine = Engine::new(Scope::Node("node-a".into()));
            engine.in_sync();
            let mut driver = LinuxDriver::new(Options::default()).expect("netlink");
            driver.resync(engine.plan(), None);
            for (from, to) in [("", NESTED), (NESTED, &after), (&after, NESTED), (NESTED, "")] {
                let (before, now) = (read(from), read(to));
                let gone = before.iter().filter(|old| now.iter().all(|new| new.key != old.key));
                gone.for_each(|old| engine.update(&old.key, None));
                now.iter().for_each(|new| engine.update(&new.key, new.value.as_deref()));
                let changes = engine.flush();
                driver.submit(engine.plan(), &changes);
                driver.observe(engine.plan());
                let wrong = |event: &Event| !matches!(event, Event::Applied { .. });
                assert_eq!(driver.events().into_iter().find(wrong), None, "{what}: {changes:#?}");
            }
            driver.cleanup().expect("clean-up");
        }
    });
}
