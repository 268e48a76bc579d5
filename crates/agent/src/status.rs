//! How an agent is doing.

use crate::Latency;
use margay_api::Key;
use margay_dataplane::{Metrics, Object};
use margay_policy::RuleId;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Instant;

/// How an agent is doing, as a value: for whoever prints it, writes it to a file or serves it. Points in time are of the clock of
/// [`Agent::step`](crate::Agent::step).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node.
    pub node: SmolStr,
    /// The source has told all that it knew at the start. Before that nothing is programmed.
    pub in_sync: bool,
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
    /// Each policy that is enforced on endpoints of the node, sorted.
    pub applied: Arc<[Applied]>,
    /// The last time that something in the data plane was not as it should be. It is mended, where nothing fails.
    pub drift: Option<Drift>,
    /// Since when an endpoint has waited for its policy, or has had it fail: that of them which is worst off.
    pub oldest: Option<Instant>,
    /// What was done since the start, counted.
    pub metrics: Metrics,
    /// From when the source heard of a change until the data plane said that it is in force; of sources that know when they hear.
    pub commits: Latency,
}

impl Status {
    /// Of an agent that has no data plane yet, and knows nothing.
    pub fn unready(node: SmolStr, failing: Failing) -> Self {
        Self {
            node,
            in_sync: false,
            revision: 0,
            endpoints: 0,
            policies: 0,
            waiting: 0,
            failing: vec![failing],
            unsupported: Vec::new(),
            applied: Arc::default(),
            drift: None,
            oldest: None,
            metrics: Metrics::default(),
            commits: Latency::default(),
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

/// A policy that endpoints of the node have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which.
    pub policy: Key,
    /// `metadata.generation` of what is enforced of it, or is to be; 0 where its source has none.
    pub generation: i64,
    /// How far it is.
    pub progress: Progress,
}

/// How far a policy is on the node's endpoints that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of them enforce it.
    Realized,
    /// The data plane has not said so of all of them yet.
    Pending,
    /// One of them fails: which, and why.
    Failed(String),
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
