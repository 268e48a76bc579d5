//! The recording driver against the suite that every driver runs, over histories of the engine; and the reconciler, with a clock of its own.

use margay_api::Object;
use margay_dataplane::conformance::{self, Subject};
use margay_dataplane::{Driver, Event, Object as Programmed, Reconciler, Recorder};
use margay_engine::{Engine, Scope};
use margay_generator::{Shape, decode, updates};
use margay_policy::{Changes, Plan};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// A recorder over what an earlier one left.
#[derive(Default)]
struct Recording {
    recorder: Recorder,
    writes: u64,
}

impl Subject for Recording {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.recorder
    }

    fn restart(&mut self) {
        self.writes += self.recorder.writes();
        self.recorder = Recorder::over(self.recorder.state().clone());
    }

    fn writes(&mut self) -> u64 {
        self.writes + self.recorder.writes()
    }

    fn fail_next(&mut self) {
        self.recorder.fail_next();
    }

    fn tamper(&mut self) {
        assert!(self.recorder.state().tamper(), "there is an endpoint to forget");
    }

    fn tamper_route(&mut self) -> bool {
        self.recorder.state().tamper_route()
    }

    fn is_clean(&mut self) -> bool {
        self.recorder.state().is_empty()
    }
}

#[test]
fn the_recorder_conforms() {
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in updates(Shape::default(), 4))| {
        let mut engine = Engine::new(Scope::Everything);
        engine.in_sync();
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
        conformance::run(&mut Recording::default(), &steps);
    });
}

const PODS: &str = r#"
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
---
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "a"}, "status": {"podIP": "10.0.0.1"}}
---
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "two", "namespace": "a"}, "status": {"podIP": "10.0.0.2"}}
"#;

/// A Plan of two pods, the changes that lead to it, and the pods' resources.
fn two_pods() -> (Plan, Changes, Vec<Object>) {
    let objects: Vec<Object> =
        margay_api::read(PODS, "test").into_iter().filter_map(|decoded| decoded.object).collect();
    let mut engine = Engine::new(Scope::Everything);
    engine.in_sync();
    for object in &objects {
        engine.update(object.key(), Some(object));
    }
    let changes = engine.flush();
    (engine.plan().clone(), changes, objects)
}

#[test]
fn failures_are_tried_again_with_growing_waits() {
    let (plan, changes, _) = two_pods();
    let start = Instant::now();
    let mut reconciler = Reconciler::new(Recorder::default(), start);
    let mut now = start;
    reconciler.driver().fail_next();
    reconciler.submit(&plan, &changes, now);
    for wait in [100, 200, 400, 800] {
        assert_eq!(reconciler.failing().count(), 1);
        let due = reconciler.next_wake();
        assert_eq!(due - now, Duration::from_millis(wait));
        let early = due - Duration::from_millis(1);
        assert!(reconciler.poll(&plan, early).is_empty(), "nothing is tried before its time");
        reconciler.driver().fail_next();
        reconciler.poll(&plan, due);
        now = due;
    }
    let due = reconciler.next_wake();
    reconciler.poll(&plan, due);
    assert_eq!(reconciler.failing().count(), 0, "it went through at last");
    assert_eq!(reconciler.metrics().retries, 5);
}

#[test]
fn a_hanging_endpoint_delays_no_other() {
    let (plan, changes, objects) = two_pods();
    let [one, two] = [objects[1].key(), objects[2].key()];
    let now = Instant::now();
    let mut reconciler = Reconciler::new(Recorder::default(), now);
    reconciler.submit(&Plan::default(), &Changes::default(), now);
    reconciler.driver().hang(one.clone());
    reconciler.submit(&plan, &changes, now);
    assert_eq!([reconciler.in_force(one), reconciler.in_force(two)], [Some(0), Some(plan.revision)]);
    reconciler.driver().release();
    reconciler.poll(&plan, now);
    assert_eq!(reconciler.in_force(one), Some(plan.revision));
}

#[test]
fn drift_is_found_when_it_is_time_to_look_and_mended() {
    let (plan, changes, _) = two_pods();
    let now = Instant::now();
    let mut reconciler = Reconciler::new(Recorder::default(), now);
    reconciler.submit(&plan, &changes, now);
    assert!(reconciler.driver().state().tamper());
    let events = reconciler.poll(&plan, reconciler.next_wake());
    assert!(matches!(events.first(), Some(Event::Drift { object: Programmed::All, .. })), "{events:?}");
    assert!(matches!(events.last(), Some(Event::Applied { object: Programmed::All, .. })), "{events:?}");
    assert_eq!(reconciler.metrics().drifted, 1);
}

#[test]
fn drift_that_a_driver_says_at_any_time_is_mended() {
    let (plan, changes, _) = two_pods();
    let now = Instant::now();
    let mut reconciler = Reconciler::new(Recorder::default(), now);
    reconciler.submit(&plan, &changes, now);
    assert!(reconciler.driver().state().tamper());
    reconciler.driver().observe(&plan);
    let events = reconciler.poll(&plan, now);
    assert!(matches!(events.last(), Some(Event::Applied { object: Programmed::All, .. })), "{events:?}");
    assert!(reconciler.poll(&plan, now).is_empty(), "it is mended once");
}

#[test]
fn a_disturbed_driver_is_looked_at_soon_but_not_all_the_time() {
    let (plan, changes, _) = two_pods();
    let start = Instant::now();
    let mut reconciler = Reconciler::new(Recorder::default(), start);
    reconciler.submit(&plan, &changes, start);
    let disturbed_at = |milliseconds, reconciler: &mut Reconciler<Recorder>| {
        assert!(reconciler.driver().disturb(), "there is an endpoint to forget");
        reconciler.poll(&plan, start + Duration::from_millis(milliseconds));
        (reconciler.metrics().drifted, (reconciler.next_wake() - start).as_millis())
    };
    assert_eq!(disturbed_at(10, &mut reconciler), (1, 90_010), "looked at, and mended, at once");
    assert_eq!(disturbed_at(20, &mut reconciler), (1, 1_010), "but no sooner than a second after");
    assert_eq!(reconciler.poll(&plan, start + Duration::from_millis(1_010)).len(), 2, "drift, and its end");
    assert_eq!(reconciler.metrics().drifted, 2);
}
