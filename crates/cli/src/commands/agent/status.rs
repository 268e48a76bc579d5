//! The status as a file.

use margay_agent::{Latency, Status};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What a status file says; times are UTC.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    node: &'a str,
    version: &'static str,
    /// When this was so.
    at: String,
    in_sync: bool,
    revision: u64,
    endpoints: usize,
    policies: usize,
    waiting: usize,
    failing: Vec<Failing<'a>>,
    unsupported: Vec<Unsupported<'a>>,
    drift: Option<Drift<'a>>,
    counters: Counters,
    commits: Commits,
}

#[derive(Debug, Serialize)]
struct Failing<'a> {
    object: String,
    error: &'a str,
    since: String,
}

#[derive(Debug, Serialize)]
struct Unsupported<'a> {
    rule: String,
    place: Option<&'a str>,
    field: &'static str,
    done: &'static str,
}

#[derive(Debug, Serialize)]
struct Drift<'a> {
    at: String,
    found: Vec<Difference<'a>>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct Difference<'a> {
    object: String,
    found: &'a str,
}

#[derive(Debug, Serialize)]
struct Counters {
    applied: u64,
    failed: u64,
    drifted: u64,
    retries: u64,
}

/// How long changes took, from the API server's word to the data plane's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Commits {
    count: u64,
    mean_ms: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Commits {
    fn of(latency: &Latency) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let quantile = |share| latency.quantile(share).map(ms);
        let mean_ms = (latency.count() > 0).then(|| ms(latency.sum()) / latency.count() as f64);
        Self { count: latency.count(), mean_ms, p50_ms: quantile(0.5), p99_ms: quantile(0.99) }
    }
}

/// This moment, by both clocks.
#[derive(Clone, Copy)]
struct Now(Instant, SystemTime);

impl Now {
    /// A moment that has passed, in UTC to the second.
    fn utc(self, moment: Instant) -> String {
        let time = self.1.checked_sub(self.0.saturating_duration_since(moment)).unwrap_or(SystemTime::UNIX_EPOCH);
        humantime::format_rfc3339_seconds(time).to_string()
    }
}

impl<'a> Document<'a> {
    fn of(status: &'a Status, now: Now) -> Self {
        let failing = status.failing.iter().map(|failing| Failing {
            object: failing.object.to_string(),
            error: &failing.error,
            since: now.utc(failing.since),
        });
        let unsupported = status.unsupported.iter().map(|unsupported| Unsupported {
            rule: rule(unsupported),
            place: unsupported.place.as_deref(),
            field: unsupported.field,
            done: unsupported.done,
        });
        let drift = status.drift.as_ref().map(|drift| Drift {
            at: now.utc(drift.at),
            found: drift.found.iter().map(|(o, found)| Difference { object: o.to_string(), found }).collect(),
            more: drift.more,
        });
        let metrics = status.metrics;
        Self {
            node: &status.node,
            version: env!("CARGO_PKG_VERSION"),
            at: now.utc(now.0),
            in_sync: status.in_sync,
            revision: status.revision,
            endpoints: status.endpoints,
            policies: status.policies,
            waiting: status.waiting,
            failing: failing.collect(),
            unsupported: unsupported.collect(),
            drift,
            counters: Counters {
                applied: metrics.applied,
                failed: metrics.failed,
                drifted: metrics.drifted,
                retries: metrics.retries,
            },
            commits: Commits::of(&status.commits),
        }
    }
}

fn rule(unsupported: &margay_agent::Unsupported) -> String {
    let rule = &unsupported.rule;
    format!("{} {} rule {}", rule.policy, rule.direction, rule.index)
}

/// Rules that can't be expressed, a line each.
pub(super) fn unsupported(status: &Status) -> impl Iterator<Item = String> {
    status.unsupported.iter().map(|unsupported| {
        let place = unsupported.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        format!("{}{place}: {} can't be expressed: {}", rule(unsupported), unsupported.field, unsupported.done)
    })
}

/// Writes the status to a file: whoever reads it finds the one before or this one, never a part.
pub(super) fn write(status: &Status, file: &Path) -> io::Result<()> {
    let document = Document::of(status, Now(Instant::now(), SystemTime::now()));
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    let beside = beside(file);
    let mut new = fs::File::create(&beside)?;
    new.write_all(&text)?;
    drop(new);
    fs::rename(&beside, file)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{Document, Now};
    use expect_test::expect;
    use margay_agent::{Drift, Failing, Latency, Status, Unsupported};
    use margay_dataplane::{Metrics, Object};
    use margay_policy::{Direction, Key, Kind, RuleId};
    use std::sync::Arc;
    use std::time::{Duration, Instant, SystemTime};

    #[test]
    fn everything_that_is_wrong_is_said_with_its_time() {
        let policy = Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: "db".into() };
        let pod = Object::Endpoint(Key { kind: Kind::Pod, namespace: "shop".into(), name: "web".into() });
        let start = Instant::now();
        let mut commits = Latency::default();
        [1, 2].into_iter().for_each(|ms| commits.add(Duration::from_millis(ms)));
        let status = Status {
            node: "win-1".into(),
            in_sync: true,
            revision: 7,
            endpoints: 3,
            policies: 2,
            waiting: 1,
            failing: vec![Failing { object: pod.clone(), error: "HNS does not answer".into(), since: start }],
            unsupported: vec![Unsupported {
                rule: RuleId { policy, direction: Direction::Ingress, index: 1 },
                place: Some("policies.yaml:12".into()),
                field: "icmp.type",
                done: "denied",
            }],
            applied: Arc::default(),
            drift: Some(Drift { at: start + Duration::from_secs(5), found: vec![(pod, "no ACLs".into())], more: 2 }),
            oldest: None,
            metrics: Metrics { applied: 4, failed: 3, drifted: 1, retries: 2 },
            commits,
        };
        let now = Now(start + Duration::from_secs(65), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_065));
        let text = serde_json::to_string_pretty(&Document::of(&status, now)).expect("JSON");
        expect![[r#"
            {
              "node": "win-1",
              "version": "0.1.0",
              "at": "2027-01-15T08:01:05Z",
              "inSync": true,
              "revision": 7,
              "endpoints": 3,
              "policies": 2,
              "waiting": 1,
              "failing": [
                {
                  "object": "the policy of Pod shop/web",
                  "error": "HNS does not answer",
                  "since": "2027-01-15T08:00:00Z"
                }
              ],
              "unsupported": [
                {
                  "rule": "NetworkPolicy shop/db ingress rule 1",
                  "place": "policies.yaml:12",
                  "field": "icmp.type",
                  "done": "denied"
                }
              ],
              "drift": {
                "at": "2027-01-15T08:00:05Z",
                "found": [
                  {
                    "object": "the policy of Pod shop/web",
                    "found": "no ACLs"
                  }
                ],
                "more": 2
              },
              "counters": {
                "applied": 4,
                "failed": 3,
                "drifted": 1,
                "retries": 2
              },
              "commits": {
                "count": 2,
                "meanMs": 1.5,
                "p50Ms": 1.0,
                "p99Ms": 2.0
              }
            }"#]]
        .assert_eq(&text);
    }
}
