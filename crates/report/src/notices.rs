//! What a person should know of a node.

use crate::{Notice, Regarding};
use margay_agent::{Drift, Status};
use margay_api::{Key, Kind};
use margay_dataplane::Object;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long something may fail before it is told: what passes by itself is nobody's business.
const LASTING: Duration = Duration::from_secs(30);
/// Differences of a drift that are told.
const MOST_FOUND: usize = 3;

/// Finds in the statuses of an agent what a person should know, each time once.
#[derive(Debug, Default)]
pub struct Notices {
    /// What was told to fail, and still does.
    told: BTreeSet<Object>,
    drift: Option<Instant>,
}

impl Notices {
    /// What is new in the present status of this node.
    pub fn look(&mut self, status: &Status, now: Instant) -> Vec<Notice> {
        let node = Regarding {
            api_version: "v1".into(),
            kind: "Node".into(),
            namespace: String::new(),
            name: status.node.to_string(),
        };
        let mut notices = Vec::new();
        let fails: BTreeSet<&Object> = status.failing.iter().map(|failing| &failing.object).collect();
        self.told.retain(|object| {
            let still = fails.contains(object);
            if !still && let Some(regarding) = pod(object) {
                let note = format!("{object} is in force again on node {}", status.node);
                notices.push(Notice {
                    regarding,
                    warning: false,
                    reason: "PolicyInForce",
                    action: "Programming",
                    note,
                });
            }
            still
        });
        for failing in &status.failing {
            let lasts = now.saturating_duration_since(failing.since) >= LASTING;
            if lasts && self.told.insert(failing.object.clone()) {
                let note = format!(
                    "{} can't be put in force on node {} (what was in force before still is): {}",
                    failing.object, status.node, failing.error
                );
                let regarding = pod(&failing.object).unwrap_or_else(|| node.clone());
                notices.push(Notice {
                    regarding,
                    warning: true,
                    reason: "PolicyNotInForce",
                    action: "Programming",
                    note,
                });
            }
        }
        if let Some(drift) = &status.drift
            && self.drift != Some(drift.at)
        {
            self.drift = Some(drift.at);
            let reason = "PolicyMended";
            notices.push(Notice { regarding: node, warning: true, reason, action: "Mending", note: found(drift) });
        }
        notices
    }

    /// When something that fails will have lasted long enough to be told.
    pub fn next(&self, status: &Status) -> Option<Instant> {
        let untold = status.failing.iter().filter(|failing| !self.told.contains(&failing.object));
        untold.map(|failing| failing.since + LASTING).min()
    }
}

/// The pod that something is of.
fn pod(object: &Object) -> Option<Regarding> {
    match object {
        Object::Endpoint(Key { kind: Kind::Pod, namespace, name }) => Some(Regarding {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: namespace.to_string(),
            name: name.to_string(),
        }),
        _ => None,
    }
}

/// A drift in words, without what may be different each time.
fn found(drift: &Drift) -> String {
    let objects: Vec<String> = drift.found.iter().take(MOST_FOUND).map(|(object, _)| object.to_string()).collect();
    let more = drift.found.len().saturating_sub(MOST_FOUND) + drift.more;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "someone else changed {}{more} in the data plane; it is mended: find out who, or policy is open for moments",
        objects.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use margay_agent::Failing;

    #[test]
    fn each_thing_is_told_once_and_what_passes_is_not() {
        let start = Instant::now();
        let pod = |name: &str| Object::Endpoint(Key { kind: Kind::Pod, namespace: "shop".into(), name: name.into() });
        let failing = |object| Failing { object, error: "HNS does not answer".into(), since: start };
        let mut status = Status::unready("n1".into(), failing(Object::All));
        let mut notices = Notices::default();
        let mut look = |status: &Status, seconds: u64| -> Vec<String> {
            let found = notices.look(status, start + Duration::from_secs(seconds));
            found.iter().map(|n| format!("{} {} {}", n.reason, n.regarding.kind, n.regarding.name)).collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(look(&status, 29), none);
        assert_eq!(look(&status, 30), ["PolicyNotInForce Node n1"]);
        assert_eq!(look(&status, 90), none);
        status.failing = vec![failing(pod("web")), failing(pod("db"))];
        assert_eq!(look(&status, 91), ["PolicyNotInForce Pod web", "PolicyNotInForce Pod db"]);
        status.failing.remove(0);
        assert_eq!(look(&status, 92), ["PolicyInForce Pod web"]);
        status.drift = Some(Drift { at: start, found: vec![(pod("web"), "no chain".into())], more: 0 });
        assert_eq!(look(&status, 93), ["PolicyMended Node n1"]);
        assert_eq!(look(&status, 94), none);
    }

    #[test]
    fn it_looks_again_when_a_failure_has_lasted() {
        let start = Instant::now();
        let failing = Failing { object: Object::All, error: String::new(), since: start };
        let status = Status::unready("n1".into(), failing);
        let mut notices = Notices::default();
        assert_eq!(notices.next(&status), Some(start + LASTING));
        notices.look(&status, start + LASTING);
        assert_eq!(notices.next(&status), None);
    }

    #[test]
    fn a_drift_in_words() {
        let object = |n: u8| {
            (
                Object::Endpoint(Key { kind: Kind::Pod, namespace: "a".into(), name: format!("p{n}").into() }),
                String::new(),
            )
        };
        let drift = Drift { at: Instant::now(), found: (0..5).map(object).collect(), more: 2 };
        assert_eq!(
            found(&drift),
            "someone else changed the policy of Pod a/p0, the policy of Pod a/p1, the policy of Pod a/p2 and 4 more in the data plane; it is mended: find out who, or policy is open for moments"
        );
    }
}
