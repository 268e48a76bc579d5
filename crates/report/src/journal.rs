//! Events of `events.k8s.io/v1`: what to write of what is noticed.

use crate::Clock;
use crate::node::shortened;
use margay_kubernetes::Write;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a repeat is written.
const SERIES: Duration = Duration::from_secs(60);
/// How long the API server keeps an Event (its default): what comes back later is a new one.
const KEPT: Duration = Duration::from_secs(3600);
/// Different Events that are remembered.
const MOST: usize = 256;
/// Writes that may come at once, and how often one more is allowed.
const BURST: u32 = 20;
const REFILL: Duration = Duration::from_secs(15);
/// Characters of an object's name that are kept in the name of an Event.
const LONGEST_NAME: usize = 200;

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Regarding {
    /// `v1`, `networking.k8s.io/v1`.
    pub api_version: String,
    /// The word under `kind:`.
    pub kind: String,
    /// Empty for kinds without one.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// What it is about.
    pub regarding: Regarding,
    /// Something is wrong; else it is only said.
    pub warning: bool,
    /// One word for it.
    pub reason: &'static str,
    /// What was being done, in one word.
    pub action: &'static str,
    /// What is wrong, and what to do.
    pub note: String,
}

/// A write of an Event.
#[derive(Clone, Debug, PartialEq)]
pub struct Posting {
    /// How.
    pub how: Write,
    /// Where.
    pub path: String,
    /// What.
    pub body: Value,
}

/// Folds repeats of the same Event into a series that is written once a minute, and holds back more than the API server should be bothered with.
#[derive(Debug)]
pub struct Journal {
    controller: &'static str,
    instance: String,
    known: BTreeMap<Notice, Known>,
    tokens: u32,
    refilled: Instant,
    held_back: u64,
}

#[derive(Debug)]
struct Known {
    path: String,
    count: u32,
    written: Instant,
    first: Instant,
}

impl Journal {
    /// Of Events that `controller` (`margay.io/agent`) reports, from this instance of it.
    pub fn new(controller: &'static str, instance: &str, now: Instant) -> Self {
        Self {
            controller,
            instance: instance.chars().take(128).collect(),
            known: BTreeMap::new(),
            tokens: BURST,
            refilled: now,
            held_back: 0,
        }
    }

    /// What to write of something that was noticed, if anything.
    pub fn take(&mut self, notice: Notice, clock: Clock, now: Instant) -> Option<Posting> {
        self.known.retain(|_, known| now.saturating_duration_since(known.first) < KEPT);
        if let Some(known) = self.known.get_mut(&notice) {
            known.count = known.count.saturating_add(1);
            if now.saturating_duration_since(known.written) < SERIES {
                return None;
            }
        }
        if !self.may(now) {
            self.held_back += 1;
            return None;
        }
        if let Some(known) = self.known.get_mut(&notice) {
            known.written = now;
            let series = json!({"series": {"count": known.count, "lastObservedTime": clock.micro_time(now)}});
            return Some(Posting { how: Write::Merge, path: known.path.clone(), body: series });
        }
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.written).map(|(notice, _)| notice.clone());
            oldest.map(|notice| self.known.remove(&notice));
        }
        Some(self.create(notice, clock, now))
    }

    /// How many were held back.
    pub fn held_back(&self) -> u64 {
        self.held_back
    }

    /// The Event that was to be repeated is gone: the next repeat makes a new one.
    pub fn gone(&mut self, posting: &Posting) {
        self.known.retain(|_, known| known.path != posting.path);
    }

    fn create(&mut self, notice: Notice, clock: Clock, now: Instant) -> Posting {
        let Regarding { api_version, kind, namespace, name } = &notice.regarding;
        // Events about what is in no namespace: the one place that every version of the API server takes them in (before 1.21 `default` was refused).
        let place = if namespace.is_empty() { "kube-system" } else { namespace };
        let since = clock.system(now).duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let stem: String = name.chars().take(LONGEST_NAME).collect();
        // The count tells apart what was noticed in the same moment.
        let own = format!("{}.{since:x}{:02x}", stem.trim_end_matches(['.', '-']), self.known.len());
        let mut regarding = json!({"apiVersion": api_version, "kind": kind, "name": name});
        if !namespace.is_empty() {
            regarding["namespace"] = json!(namespace);
        }
        let body = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": own, "namespace": place},
            "eventTime": clock.micro_time(now),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": notice.action,
            "reason": notice.reason,
            "regarding": regarding,
            "note": shortened(&notice.note),
            "type": if notice.warning { "Warning" } else { "Normal" },
        });
        let path = format!("/apis/events.k8s.io/v1/namespaces/{place}/events");
        let known = Known { path: format!("{path}/{own}"), count: 1, written: now, first: now };
        self.known.insert(notice, known);
        Posting { how: Write::Create, path, body }
    }

    /// Whether one more may be written.
    fn may(&mut self, now: Instant) -> bool {
        while self.tokens < BURST && now.saturating_duration_since(self.refilled) >= REFILL {
            self.tokens += 1;
            self.refilled += REFILL;
        }
        if self.tokens == BURST {
            self.refilled = now;
        }
        let may = self.tokens > 0;
        self.tokens -= u32::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::time::SystemTime;

    fn notice(namespace: &str, name: &str) -> Notice {
        let regarding = Regarding {
            api_version: "v1".into(),
            kind: if namespace.is_empty() { "Node" } else { "Pod" }.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let note = "HNS does not answer".into();
        Notice { regarding, warning: true, reason: "PolicyNotInForce", action: "Programming", note }
    }

    fn start() -> (Journal, Clock, Instant) {
        let now = Instant::now();
        let clock = Clock::new(now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        (Journal::new("margay.io/agent", "node-1", now), clock, now)
    }

    #[test]
    fn the_first_is_an_event_and_repeats_are_a_series() {
        let (mut journal, clock, now) = start();
        let posting = journal.take(notice("shop", "web"), clock, now).expect("an event");
        expect![[r#"{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"web.18fae27693b4000000","namespace":"shop"},"eventTime":"2027-01-15T08:00:00.000000Z","reportingController":"margay.io/agent","reportingInstance":"node-1","action":"Programming","reason":"PolicyNotInForce","regarding":{"apiVersion":"v1","kind":"Pod","name":"web","namespace":"shop"},"note":"HNS does not answer","type":"Warning"}"#]]
            .assert_eq(&posting.body.to_string());
        assert_eq!(
            (posting.how, posting.path.as_str()),
            (Write::Create, "/apis/events.k8s.io/v1/namespaces/shop/events")
        );
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(journal.take(notice("shop", "web"), clock, at(10)), None);
        let repeat = journal.take(notice("shop", "web"), clock, at(61)).expect("a series");
        assert_eq!(repeat.how, Write::Merge);
        assert!(repeat.path.ends_with("/events/web.18fae27693b4000000"), "{}", repeat.path);
        assert_eq!(
            repeat.body.to_string(),
            r#"{"series":{"count":3,"lastObservedTime":"2027-01-15T08:01:01.000000Z"}}"#
        );
        journal.gone(&repeat);
        assert_eq!(journal.take(notice("shop", "web"), clock, at(62)).map(|new| new.how), Some(Write::Create));
        assert_eq!(journal.take(notice("shop", "web"), clock, at(62 + 3600)).map(|new| new.how), Some(Write::Create));
    }

    #[test]
    fn what_is_in_no_namespace_has_its_events_in_default() {
        let (mut journal, clock, now) = start();
        let posting = journal.take(notice("", "node-1"), clock, now).expect("an event");
        assert_eq!(posting.path, "/apis/events.k8s.io/v1/namespaces/kube-system/events");
        assert_eq!(posting.body["regarding"].get("namespace"), None);
    }

    #[test]
    fn more_than_the_server_should_be_bothered_with_is_held_back() {
        let (mut journal, clock, now) = start();
        let written = |journal: &mut Journal, seconds: u64, count: u32| -> u32 {
            let at = now + Duration::from_secs(seconds);
            (0..count)
                .map(|n| u32::from(journal.take(notice("shop", &format!("p{seconds}-{n}")), clock, at).is_some()))
                .sum()
        };
        assert_eq!(written(&mut journal, 0, 1000), BURST);
        assert_eq!(journal.held_back(), 980);
        assert_eq!(written(&mut journal, 30, 1000), 2);
        assert_eq!(written(&mut journal, 3000, 1000), BURST, "what was not used is not saved up");
        assert!(journal.known.len() <= MOST);
    }

    #[test]
    fn names_are_no_longer_than_names_may_be() {
        let (mut journal, clock, now) = start();
        let posting = journal.take(notice("shop", &"x".repeat(253)), clock, now).expect("an event");
        assert!(posting.body["metadata"]["name"].as_str().expect("a name").len() <= 253);
    }
}
