//! Whoever watches an agent at work.

use crate::Status;
use margay_api::{Problem, Update};
use margay_policy::{Changes, Plan};
use std::time::{Duration, Instant};

/// Watches an agent at work, on its thread and between its steps: what takes long here keeps policy waiting. Each method does nothing until it is written.
pub trait Observer {
    /// It sleeps, at most until then.
    fn sleeps(&mut self, _until: Instant) {}

    /// It is awake.
    fn wakes(&mut self) {}

    /// A resource that the source told of.
    fn updated(&mut self, _update: &Update) {}

    /// Something that the source complained of.
    fn complained(&mut self, _problem: &Problem) {}

    /// Updates were read and made into a Plan, which took this long. The driver has not heard of it yet.
    fn planned(&mut self, _plan: &Plan, _changes: &Changes, _took: Duration) {}

    /// The driver was told, which took this long: until all is in force, where it puts all in force at once.
    fn submitted(&mut self, _plan: &Plan, _changes: &Changes, _took: Duration) {}

    /// How it is doing, whenever that has changed.
    fn status(&mut self, _status: &Status) {}
}
