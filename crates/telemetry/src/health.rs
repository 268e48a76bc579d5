//! How health is judged.

use margay_agent::Status;
use margay_dataplane::Object;
use std::fmt;
use std::time::{Duration, Instant};

/// How long one step of the loop may take, or a sleep last beyond its end.
const STUCK: Duration = Duration::from_secs(60);

/// What was found, check by check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health(Vec<Check>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    name: &'static str,
    /// What is wrong.
    problem: Option<String>,
    /// What else is to be said.
    note: String,
}

impl Health {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.0.iter().all(|check| check.problem.is_none())
    }

    /// Every check with its outcome, a line each.
    pub fn verbose(&self) -> String {
        let line = |check: &Check| match (&check.problem, check.note.as_str()) {
            (Some(problem), _) => format!("[-] {}: {problem}\n", check.name),
            (None, "") => format!("[+] {}: ok\n", check.name),
            (None, note) => format!("[+] {}: ok ({note})\n", check.name),
        };
        self.0.iter().map(line).collect()
    }
}

/// `ok`, or everything that is wrong.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<&str> = self.0.iter().filter_map(|check| check.problem.as_deref()).collect();
        f.write_str(if problems.is_empty() { "ok".to_owned() } else { problems.join("; ") }.as_str())
    }
}

/// What the loop does, and since or until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Works(Instant),
    Sleeps(Instant),
}

impl Beat {
    pub(crate) fn health(self, now: Instant) -> Health {
        let problem = match self {
            Beat::Works(since) if now.saturating_duration_since(since) > STUCK => {
                Some(format!("the agent has been at one step for {} s", now.saturating_duration_since(since).as_secs()))
            }
            Beat::Sleeps(until) if now.saturating_duration_since(until) > STUCK => {
                Some(format!("the agent should have woken {} s ago", now.saturating_duration_since(until).as_secs()))
            }
            _ => None,
        };
        Health(vec![Check { name: "loop", problem, note: String::new() }])
    }
}

/// Whether the agent does its work, by what it said last.
pub(crate) fn ready(status: Option<&Status>) -> Health {
    let Some(status) = status else {
        let problem = Some("nothing is known yet: the agent has only just started".to_owned());
        return Health(vec![Check { name: "source", problem, note: String::new() }]);
    };
    let all_fails = status.failing.iter().find(|failing| failing.object == Object::All);
    let source = match status.in_sync {
        true => None,
        false => Some("the source has not been read in full yet: nothing new is programmed until it is".to_owned()),
    };
    let plane = match all_fails {
        Some(failing) => Some(format!("nothing new is programmed: {}", failing.error)),
        None if status.in_sync && status.endpoints > 0 && status.metrics.applied == 0 => {
            Some("nothing is programmed yet: the data plane has confirmed none of it".to_owned())
        }
        None => None,
    };
    let endpoints = format!(
        "{} endpoints, {} policies, {} waiting, {} failing",
        status.endpoints,
        status.policies,
        status.waiting,
        status.failing.len()
    );
    Health(vec![
        Check { name: "source", problem: source, note: String::new() },
        Check { name: "data plane", problem: plane, note: endpoints },
    ])
}

#[cfg(test)]
mod tests {
    use super::{Beat, STUCK, ready};
    use margay_agent::{Failing, Status};
    use margay_dataplane::{Metrics, Object};
    use margay_policy::{Key, Kind};
    use std::time::{Duration, Instant};

    #[test]
    fn a_loop_that_does_not_turn_is_not_live() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        for (what, beat, after, said) in [
            ("it works", Beat::Works(start), STUCK, "ok"),
            ("it works for too long", Beat::Works(start), STUCK + second, "the agent has been at one step for 61 s"),
            ("it sleeps for long", Beat::Sleeps(start + 100 * STUCK), 100 * STUCK, "ok"),
            (
                "it does not wake",
                Beat::Sleeps(start + second),
                STUCK + 2 * second,
                "the agent should have woken 61 s ago",
            ),
        ] {
            assert_eq!(beat.health(start + after).to_string(), said, "{what}");
        }
    }

    #[test]
    fn what_is_not_ready_says_why() {
        let fails = |object| vec![Failing { object, error: "no memory".into(), since: Instant::now() }];
        let pod = Object::Endpoint(Key { kind: Kind::Pod, namespace: "shop".into(), name: "web".into() });
        for (in_sync, endpoints, applied, failing, said) in [
            (false, 0, 0, vec![], "the source has not been read in full yet: nothing new is programmed until it is"),
            (true, 0, 0, vec![], "ok"),
            (true, 2, 0, vec![], "nothing is programmed yet: the data plane has confirmed none of it"),
            (true, 2, 1, vec![], "ok"),
            (true, 2, 1, fails(pod), "ok"),
            (true, 2, 1, fails(Object::All), "nothing new is programmed: no memory"),
        ] {
            let unready = Status::unready("node-1".into(), fails(Object::All).remove(0));
            let metrics = Metrics { applied, ..Metrics::default() };
            let status = Status { in_sync, endpoints, failing, metrics, ..unready };
            let health = ready(Some(&status));
            assert_eq!((health.to_string().as_str(), health.is_ok()), (said, said == "ok"), "{status:?}");
        }
    }
}
