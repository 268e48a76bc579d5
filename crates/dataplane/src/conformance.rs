//! What every driver must do, as a suite that every driver's tests run.
//!
//! A driver's tests implement [`Subject`] and call [`run`] with the steps of some history: each a Plan and the changes that led to it, the first from
//! nothing. They come from the engine, so that the suite checks drivers against what they will really be told.

use crate::{Driver, Event, Object};
use margay_policy::{Changes, Plan};

/// A driver under test, with the means to disturb it.
pub trait Subject {
    /// The driver.
    fn driver(&mut self) -> &mut dyn Driver;
    /// Ends the driver and starts a new one over what it left.
    fn restart(&mut self);
    /// How many objects were written to the data plane so far; counts on over restarts.
    fn writes(&mut self) -> u64;
    /// Makes the next write fail.
    fn fail_next(&mut self);
    /// Changes something of ours in the data plane behind the driver's back.
    fn tamper(&mut self);
    /// Takes a route of ours away behind the driver's back; false where there is none, or the driver leaves routes to others.
    fn tamper_route(&mut self) -> bool {
        false
    }
    /// Whether nothing of ours is in the data plane.
    fn is_clean(&mut self) -> bool;
}

/// Runs the suite.
///
/// # Panics
/// With the promise that was broken, and at which step.
pub fn run(subject: &mut impl Subject, steps: &[(Plan, Changes)]) {
    assert!(subject.is_clean(), "the data plane is not clean before the first step");
    subject.driver().resync(&Plan::default(), None);
    subject.driver().events();
    for (step, (plan, changes)) in steps.iter().enumerate() {
        fails_closed(subject, steps, step);
        subject.driver().submit(plan, changes);
        applied(subject, plan.revision, step);
        as_planned(subject, plan, step, "after the changes");
        idle(subject, step, "the same changes again", |subject| {
            subject.driver().submit(plan, &Changes { revision: plan.revision, deltas: Vec::new() });
        });
        subject.restart();
        idle(subject, step, "a restart over the same Plan", |subject| subject.driver().resync(plan, None));
        mends(subject, plan, step);
        mends_routes(subject, plan, step);
    }
    subject.driver().cleanup().unwrap_or_else(|error| panic!("clean-up failed: {error}"));
    assert!(subject.is_clean(), "clean-up left something behind");
}

/// A failed write leaves the old state in force, says so, and can be made good by a resync.
fn fails_closed(subject: &mut impl Subject, steps: &[(Plan, Changes)], step: usize) {
    let (plan, changes) = &steps[step];
    if changes.is_empty() {
        return;
    }
    subject.fail_next();
    let writes = subject.writes();
    subject.driver().submit(plan, changes);
    let events = subject.driver().events();
    if !events.iter().any(|event| matches!(event, Event::Failed { .. })) {
        // Not every change of the Plan is one of the data plane: then there was nothing to write, and nothing to fail.
        assert_eq!(subject.writes(), writes, "step {step}: a failed write was not reported: {events:?}");
        as_planned(subject, plan, step, "after changes that need no write");
        return;
    }
    let empty = Plan::default();
    let before = step.checked_sub(1).map_or(&empty, |before| &steps[before].0);
    subject.restart();
    idle(subject, step, "the old Plan after a failed write", |subject| subject.driver().resync(before, None));
}

fn applied(subject: &mut impl Subject, revision: u64, step: usize) {
    for event in subject.driver().events() {
        match event {
            Event::Applied { revision: applied, .. } => assert_eq!(applied, revision, "step {step}"),
            Event::Failed { object, error, .. } => panic!("step {step}: {object} failed: {error}"),
            Event::Drift { object, found } => panic!("step {step}: {object} drifted: {found}"),
            Event::Unsupported { .. } => {}
        }
    }
}

fn as_planned(subject: &mut impl Subject, plan: &Plan, step: usize, when: &str) {
    subject.driver().observe(plan);
    let events = subject.driver().events();
    let drift = events.iter().find(|event| matches!(event, Event::Drift { .. } | Event::Failed { .. }));
    assert_eq!(drift, None, "step {step}, {when}: what is there is not what should be");
}

fn idle<S: Subject>(subject: &mut S, step: usize, what: &str, act: impl FnOnce(&mut S)) {
    let before = subject.writes();
    act(subject);
    let events = subject.driver().events();
    let failed = events.iter().find(|event| matches!(event, Event::Failed { .. }));
    assert_eq!(failed, None, "step {step}: {what}");
    assert_eq!(subject.writes(), before, "step {step}: {what} wrote something");
}

/// A stranger's change is found, said, and mended.
fn mends(subject: &mut impl Subject, plan: &Plan, step: usize) {
    if plan.endpoints.is_empty() {
        return;
    }
    subject.tamper();
    is_mended(subject, plan, step);
}

fn mends_routes(subject: &mut impl Subject, plan: &Plan, step: usize) {
    if subject.tamper_route() {
        let object = is_mended(subject, plan, step);
        assert!(matches!(object, Object::Route(_) | Object::All), "step {step}: a route was taken away, not {object}");
    }
}

/// Gives the object that was found to differ, and is mended.
fn is_mended(subject: &mut impl Subject, plan: &Plan, step: usize) -> Object {
    subject.driver().observe(plan);
    let events = subject.driver().events();
    let drift = events.iter().find_map(|event| match event {
        Event::Drift { object, .. } => Some(object.clone()),
        _ => None,
    });
    let Some(object) = drift else { panic!("step {step}: a foreign change was not found: {events:?}") };
    subject.driver().resync(plan, Some(&object));
    let events = subject.driver().events();
    let mended = |event: &Event| matches!(event, Event::Applied { object: o, .. } if *o == object || *o == Object::All);
    assert!(events.iter().any(mended), "step {step}: {object} was not mended: {events:?}");
    as_planned(subject, plan, step, "after mending");
    object
}
