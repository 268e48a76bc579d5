//! What the tests of this crate share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use margay_api::Update;
use margay_generator::{Change, History, decode};
use nix::sched::{CloneFlags, unshare};
use std::sync::Arc;

/// Runs a test in a network namespace of its own; says that it is skipped where there may be none.
pub(crate) fn in_namespace(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
                eprintln!("skipped: cannot make a network namespace ({error}); run as root");
                return;
            }
            test();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// The resources of a text, as updates.
pub(crate) fn read(text: &str) -> Vec<Update> {
    margay_api::read(text, "test.yaml")
        .into_iter()
        .map(|decoded| {
            let object = decoded.object.unwrap_or_else(|| panic!("{:?}", decoded.problems));
            Update { key: object.key().clone(), value: Some(Arc::new(object)) }
        })
        .collect()
}

/// A history as updates, step by step.
pub(crate) struct Steps;

impl Steps {
    pub(crate) fn of(history: &History) -> Vec<Vec<Update>> {
        let objects = history.start.objects().into_iter();
        let start = objects.map(|object| Update { key: object.key().clone(), value: Some(Arc::new(object)) }).collect();
        let step = |changes: &Vec<Change>| changes.iter().map(update).collect();
        std::iter::once(start).chain(history.steps.iter().map(step)).collect()
    }
}

fn update((key, document): &Change) -> Update {
    Update { key: key.clone(), value: document.as_ref().and_then(decode).map(Arc::new) }
}
