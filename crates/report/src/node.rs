//! An agent's status as its node's report.

use crate::{Clock, Failing, NodeReport, PolicyReport, PolicyState, Unsupported};
use margay_agent::{Applied, Progress, Status};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::time::Instant;

/// Failures that are listed.
const MOST_FAILING: usize = 64;
/// Policies that are listed.
const MOST_POLICIES: usize = 500;
/// Rules that can't be expressed, of one policy.
const MOST_UNSUPPORTED: usize = 16;
/// The same of all policies.
const MOST_UNSUPPORTED_OF_ALL: usize = 512;
/// Characters of a text: with all of these bounds a report stays well under what an object may have (1.5 MiB).
const LONGEST: usize = 300;

/// What a node runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Os {
    Linux,
    Windows,
}

impl Os {
    /// That this was built for.
    pub const HERE: Self = if cfg!(windows) { Self::Windows } else { Self::Linux };

    /// As `kubernetes.io/os` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
        }
    }
}

/// Who reports.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The node.
    pub node: SmolStr,
    /// What it runs on.
    pub os: Os,
    /// The agent's version.
    pub version: &'static str,
    /// When the agent was started.
    pub started: Instant,
}

/// The report that a status comes to: the same for the same, whenever it is made.
pub fn report_of(identity: &Identity, status: &Status, clock: Clock) -> NodeReport {
    let failing = status.failing.iter().take(MOST_FAILING).map(|failing| Failing {
        object: failing.object.to_string(),
        error: shortened(&failing.error),
        since: clock.time(failing.since),
    });
    let mut unsupported: BTreeMap<_, Vec<Unsupported>> = BTreeMap::new();
    for one in status.unsupported.iter().take(MOST_UNSUPPORTED_OF_ALL) {
        let of_policy = unsupported.entry(&one.rule.policy).or_default();
        if of_policy.len() < MOST_UNSUPPORTED {
            of_policy.push(Unsupported {
                rule: format!("{} rule {}", one.rule.direction, one.rule.index),
                field: one.field.into(),
                done: one.done.into(),
            });
        }
    }
    let policies = status.applied.iter().take(MOST_POLICIES).map(|applied| PolicyReport {
        unsupported: unsupported.remove(&applied.policy).unwrap_or_default(),
        ..policy(applied)
    });
    NodeReport {
        os: identity.os.name().into(),
        version: identity.version.into(),
        in_sync: status.in_sync,
        from_snapshot: status.from_snapshot,
        started_at: clock.time(identity.started),
        endpoints: status.endpoints as u64,
        waiting: status.waiting as u64,
        failing: failing.collect(),
        more_failing: status.failing.len().saturating_sub(MOST_FAILING) as u64,
        policies: policies.collect(),
        more_policies: status.applied.len().saturating_sub(MOST_POLICIES) as u64,
    }
}

fn policy(applied: &Applied) -> PolicyReport {
    let (state, message) = match &applied.progress {
        Progress::Realized => (PolicyState::Realized, String::new()),
        Progress::Pending => (PolicyState::Pending, String::new()),
        Progress::Failed(error) => (PolicyState::Failed, shortened(error)),
    };
    PolicyReport {
        group: applied.policy.kind.group().into(),
        kind: applied.policy.kind.name().into(),
        namespace: applied.policy.namespace.to_string(),
        name: applied.policy.name.to_string(),
        generation: applied.generation,
        state,
        message,
        unsupported: Vec::new(),
    }
}

/// As much as a person reads.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
