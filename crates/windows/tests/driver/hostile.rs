//! HNS in the way of what is written: another spelling, another's ACLs, calls that are refused.

use crate::support::*;
use margay_dataplane::{Driver, Event};
use margay_hcn::{ErrorCode, Failure, Guid, Hns, Kind, Notification, Service, Subscription};
use margay_vfp::{Config, Direction, Emulator, Packet};
use margay_windows::driver::{HnsDriver, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is done to an endpoint's document before it is shown.
type Respell = fn(&mut serde_json::Value, u64);

/// An HNS that shows endpoints otherwise than they are, and refuses changes that have a word in them.
struct Between {
    emulator: Arc<Emulator>,
    respell: Option<Respell>,
    refused: Option<&'static str>,
    shown: AtomicU64,
}

impl Service for Between {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        self.emulator.call(method, path, body)
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        self.emulator.enumerate(kind, query)
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        let text = self.emulator.query(kind, id, query)?;
        let Some(respell) = self.respell else { return Ok(text) };
        let mut document: serde_json::Value = serde_json::from_str(&text).expect("a document");
        for policy in document["Policies"].as_array_mut().into_iter().flatten() {
            respell(&mut policy["Settings"], self.shown.fetch_add(1, Ordering::Relaxed));
        }
        Ok(document.to_string())
    }

    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        self.emulator.create(kind, network, id, settings)
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        match self.refused {
            Some(word) if settings.contains(word) => Err(Failure::new(ErrorCode::POLICY_NOT_FOUND)),
            _ => self.emulator.modify(kind, id, settings),
        }
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        self.emulator.delete(kind, id)
    }

    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        self.emulator.subscribe(tell)
    }
}

fn driver(node: &Node, respell: Option<Respell>, refused: Option<&'static str>) -> HnsDriver {
    let service = Between { emulator: Arc::clone(&node.emulator), respell, refused, shown: AtomicU64::new(0) };
    HnsDriver::new(Arc::new(service), &Options { gather: std::time::Duration::ZERO, ..Options::default() })
        .expect("an HNS that answers")
}

/// A node of HNS 9.5 with one pod, which one source may reach; the source.
fn one_pod(more: &str) -> (Node, Source) {
    let mut source = Source::new();
    source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80) + more));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    (node, source)
}

fn add(hns: &Hns, id: Guid, policies: &[margay_hcn::Policy]) {
    hns.add_policies(id, policies).expect("it is taken");
}

#[test]
fn acls_of_ours_that_read_otherwise_do_not_pile_up() {
    let unknown: Respell = |acl, _| acl["Novelty"] = 1.into();
    let mut config = Config::new("9.5".parse().unwrap());
    config.knobs.set("settings=lenient").unwrap();
    let mut source = Source::new();
    source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::new(config);
    node.serve(source.plan());
    let mut driver = driver(&node, Some(unknown), None);
    let mut writes = None;
    for _ in 0..4 {
        resync(&mut driver, source.plan());
        let failed = failures(&outcome(&mut driver));
        assert!(failed.len() == 1 && failed[0].1.contains("shows 0 of 8"), "{failed:?}");
        assert_eq!(node.acls("10.0.0.1"), 8);
        let so_far = node.emulator.counters().writes;
        assert_eq!(*writes.get_or_insert(so_far), so_far, "what was in vain was written again");
    }
    let changes = source.put(&allow("a", "10.2.0.0/16", 80));
    driver.submit(source.plan(), &changes);
    outcome(&mut driver);
    let admits = |from: &str| {
        let packet = Packet::new(margay_net::Protocol::TCP, from.parse().unwrap(), "10.0.0.1".parse().unwrap());
        let id = node.endpoint_of("10.0.0.1");
        node.emulator.match_tuple(id, Direction::In, &packet.ports(40_000, 80)).allowed()
    };
    assert_eq!(["10.1.0.1", "10.2.0.1"].map(admits), [false, true], "what is new is written");
}

#[test]
fn what_never_reads_the_same_is_given_up() {
    let ever_new: Respell = |acl, count| acl["Priority"] = (1000 + count % 60_000).into();
    let (node, source) = one_pod("");
    let mut driver = driver(&node, Some(ever_new), None);
    resync(&mut driver, source.plan());
    assert_eq!(failures(&outcome(&mut driver)).len(), 1);
}

#[test]
fn where_a_remove_is_refused_the_whole_list_is_sent() {
    let many: String = (0..40).map(|n| allow(&format!("p{n}"), &format!("10.2.{n}.0/24"), 100 + n)).collect();
    let (node, mut source) = one_pod(&many);
    let mut driver = driver(&node, None, Some(r#""Remove""#));
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let changes = source.put(&allow("a", "10.3.0.0/16", 80));
    driver.submit(source.plan(), &changes);
    applied(&mut driver);
    let id = node.endpoint_of("10.0.0.1");
    let texts: Vec<String> = node.hns().endpoint(id).unwrap().acls().map(|acl| format!("{acl:?}")).collect();
    assert!(!texts.iter().any(|text| text.contains("10.1.0.0")), "{texts:#?}");
}

#[test]
fn an_acl_that_is_there_twice_is_no_drift_for_ever() {
    let (node, source) = one_pod("");
    let mut driver = driver(&node, None, None);
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let id = node.endpoint_of("10.0.0.1");
    let twice: Vec<_> = node.hns().endpoint(id).unwrap().acls().take(2).cloned().collect();
    add(&node.hns(), id, &twice);
    for _ in 0..3 {
        driver.observe(source.plan());
        let drifted = outcome(&mut driver).iter().any(|event| matches!(event, Event::Drift { .. }));
        if !drifted {
            return;
        }
        resync(&mut driver, source.plan());
        applied(&mut driver);
    }
    panic!("it drifts for ever");
}

#[test]
fn an_acl_of_others_that_comes_later_is_said() {
    let (node, source) = one_pod("");
    let mut driver = driver(&node, None, None);
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let id = node.endpoint_of("10.0.0.1");
    let mut acl = node.hns().endpoint(id).unwrap().acls().last().unwrap().acl().unwrap().clone();
    acl.rule.id = "stranger".into();
    acl.rule.action = margay_hcn::Action::Allow;
    acl.priority = 200;
    add(&node.hns(), id, &[acl.into()]);
    driver.observe(source.plan());
    let said = outcome(&mut driver);
    assert!(!said.is_empty(), "nothing is said");
    resync(&mut driver, source.plan());
    assert!(failures(&outcome(&mut driver))[0].1.contains("asked before"));
}
