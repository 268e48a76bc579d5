//! How an agent is doing.

use margay_dataplane::{Metrics, Object};
use margay_policy::RuleId;
use smol_str::SmolStr;
use std::time::Instant;

/// How an agent is doing, as a value: for whoever prints it, writes it to a file or serves it. Points in time are of the clock of
/// [`Agent::step`](crate::Agent::step).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node.
    pub node: SmolStr,
    /// The source has told all that it knew at the start. Before that nothing is programmed.
    pub in_sync: bool,
    /// What is in force is a state that was kept, since the source can't be asked yet.
    pub from_snapshot: bool,
    /// The revision of the Plan.
    pub revision: u64,
    /// Pods and host endpoints of the node.
    pub endpoints: usize,
    /// Policies that they have.
    pub policies: usize,
    /// Endpoints of which the driver has not said yet that their policy is in force, nor that it failed.
    pub waiting: usize,
    /// What fails now, by object.
    pub failing: Vec<Failing>,
    /// Rules that the data plane can't express, by rule.
    pub unsupported: Vec<Unsupported>,
    /// The last time that something in the data plane was not as it should be. It is mended, where nothing fails.
    pub drift: Option<Drift>,
    /// What was done since the start, counted.
    pub metrics: Metrics,
}

impl Status {
    /// Of an agent that has no data plane yet, and knows nothing.
    pub fn unready(node: SmolStr, failing: Failing) -> Self {
        Self {
            node,
            in_sync: false,
            from_snapshot: false,
            revision: 0,
            endpoints: 0,
            policies: 0,
            waiting: 0,
            failing: vec![failing],
            unsupported: Vec::new(),
            drift: None,
            metrics: Metrics::default(),
        }
    }

    /// Whether everything that could be put in force is: what is left fails.
    pub fn is_settled(&self) -> bool {
        self.in_sync && self.waiting == 0
    }
}

/// Something that can't be put in force; what was there before is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// What.
    pub object: Object,
    /// What was tried last, what went wrong, and what to do.
    pub error: String,
    /// When it failed first, since when it has not succeeded.
    pub since: Instant,
}

/// A rule that the data plane can't express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Which.
    pub rule: RuleId,
    /// Where it is written, `file:line`, where that is known.
    pub place: Option<String>,
    /// The field that can't be expressed.
    pub field: &'static str,
    /// What was done instead.
    pub done: &'static str,
}

/// Something in the data plane was not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// When it was found.
    pub at: Instant,
    /// What was found, at most [`Drift::MOST`] of it, long texts cut.
    pub found: Vec<(Object, String)>,
    /// How much more there was.
    pub more: usize,
}

impl Drift {
    /// Differences that are kept.
    pub const MOST: usize = 16;
}
