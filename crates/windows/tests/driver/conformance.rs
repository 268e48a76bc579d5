//! The suite that every driver runs, through both doors and under every reading of what is not established.

use crate::support::{LONG, Node};
use margay_dataplane::conformance::{self, Subject};
use margay_dataplane::{Driver, Event, Object};
use margay_engine::{Engine, Scope};
use margay_generator::{Shape, decode, updates};
use margay_hcn::{ErrorCode, Policy, RuleType, Version};
use margay_policy::{Changes, Plan};
use margay_vfp::{Config, Effect, Fault, Operation};
use margay_windows::driver::{HnsDriver, Options};
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

/// The driver, whose events come when it is done, with the means to disturb it.
struct Windows {
    node: Node,
    driver: Settled,
    options: Options,
    before: u64,
}

struct Settled {
    inner: HnsDriver,
    fail: Option<std::sync::Arc<margay_vfp::Emulator>>,
    /// Addresses of the Plan's pods.
    pods: Vec<IpAddr>,
}

impl Settled {
    fn settle(&self) {
        assert!(self.inner.settle(LONG), "the driver is not done");
    }
}

impl Driver for Settled {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        let fault = self.fail.take();
        let refused = Fault::always(Operation::Modify, Effect::Fail(ErrorCode::INVALID_POLICY));
        fault.iter().for_each(|emulator| emulator.add_fault(refused));
        self.inner.submit(plan, changes);
        self.settle();
        fault.iter().for_each(|emulator| emulator.clear_faults());
        self.pods = plan.pods.keys().copied().collect();
    }

    fn resync(&mut self, plan: &Plan, object: Option<&Object>) {
        self.inner.resync(plan, object);
        self.settle();
    }

    fn observe(&mut self, plan: &Plan) {
        self.inner.observe(plan);
        self.settle();
    }

    fn events(&mut self) -> Vec<Event> {
        self.inner.events()
    }

    fn cleanup(&mut self) -> Result<(), String> {
        self.inner.cleanup()
    }
}

impl Windows {
    fn new(node: Node, options: Options) -> Self {
        let driver = Settled { inner: node.driver_with(&options), fail: None, pods: Vec::new() };
        Self { node, driver, options, before: 0 }
    }
}

impl Subject for Windows {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn restart(&mut self) {
        self.before += self.driver.inner.writes();
        self.driver.inner = self.node.driver_with(&self.options);
    }

    fn writes(&mut self) -> u64 {
        self.node.emulator.counters().writes
    }

    fn fail_next(&mut self) {
        self.driver.fail = Some(self.node.emulator.clone());
    }

    fn tamper(&mut self) {
        let served = self.driver.pods.iter().find_map(|address| self.node.endpoints.get(address));
        if let Some(id) = served {
            let hns = self.node.hns();
            let is_host = |policy: &&Policy| policy.acl().is_some_and(|acl| acl.rule.rule_type == RuleType::Host);
            let endpoint = hns.endpoint(*id).expect("an endpoint");
            // No more than a call may bring, or the stranger's call would be counted as misuse.
            let acls: Vec<Policy> = endpoint
                .acls()
                .filter(|policy| !is_host(policy))
                .take(margay_windows::driver::BATCH)
                .cloned()
                .collect();
            hns.replace_acls(*id, &acls).expect("a stranger's change");
        }
    }

    fn is_clean(&mut self) -> bool {
        let endpoints = self.node.hns().endpoints().expect("a list");
        endpoints.objects.iter().all(|endpoint| endpoint.acls().next().is_none())
    }
}

fn conforms(version: Version, force_v1: bool, knobs: &[&str], cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in updates(Shape { host_endpoints: false, ..Shape::default() }, 3))| {
        let mut engine = Engine::new(Scope::Everything);
        engine.in_sync();
        let mut config = Config::new(version);
        knobs.iter().for_each(|knob| config.knobs.set(knob).expect("a knob"));
        let mut node = Node::new(config);
        let mut steps = Vec::new();
        for object in history.start.objects() {
            engine.update(object.key(), Some(&object));
        }
        let changes = engine.flush();
        steps.push((engine.plan().clone(), changes));
        for step in &history.steps {
            for (key, document) in step {
                engine.update(key, document.as_ref().and_then(decode).as_ref());
            }
            let changes = engine.flush();
            steps.push((engine.plan().clone(), changes));
        }
        steps.iter().for_each(|(plan, _)| node.serve(plan));
        let hns = margay_hcn::Options { force_v1, ..margay_hcn::Options::default() };
        let options = Options { gather: Duration::ZERO, hns, ..Options::default() };
        let mut subject = Windows::new(node, options);
        conformance::run(&mut subject, &steps);
        let misuses = subject.node.emulator.misuses();
        prop_assert!(misuses.is_empty(), "{misuses:?}");
    });
}

#[test]
fn conforms_through_v2() {
    conforms(Version::new(15, 4), false, &[], 8);
}

#[test]
fn conforms_through_v1() {
    conforms(Version::new(13, 3), true, &[], 8);
}

#[test]
fn conforms_under_other_readings() {
    for knobs in [
        ["update=same-type", "remove=missing-ignored", "readback=rewritten"],
        ["duplicates=refused", "missing=element-not-found", "calls=serial"],
        ["duplicates=ignored", "notifications=unavailable", "v1-errors=result"],
    ] {
        conforms(Version::new(15, 4), false, &knobs, 3);
        conforms(Version::new(15, 4), true, &knobs, 2);
    }
}
