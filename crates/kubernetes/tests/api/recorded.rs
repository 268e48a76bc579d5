//! Recorded traffic of a real API server: a reflector that is given the answers asks what was asked, and ends with what a fresh list says.

use margay_api::{Key, Kind, Object};
use margay_datastore::Event;
use margay_kubernetes::{Flow, Reflector, Resource};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

type Objects = BTreeMap<Key, Arc<Object>>;

/// The exchanges of a recording by their numbers; `None`, which is said, where the recordings are not there.
fn recording(file: &str) -> Option<BTreeMap<u64, Value>> {
    let path = format!("{}/../../../shared/fixtures/kube-api/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("left out: there is no {path}");
        return None;
    };
    let exchange = |line: &str| {
        let exchange: Value = serde_json::from_str(line).expect("JSON");
        (exchange["n"].as_u64().expect("a number"), exchange)
    };
    Some(text.lines().map(exchange).collect())
}

/// A reflector, and what was told by it.
struct Told {
    reflector: Reflector,
    objects: Objects,
}

impl Told {
    fn of(kind: Kind, api_version: &str) -> Self {
        Self { reflector: Reflector::new(Resource::of(kind, api_version), 1), objects: Objects::new() }
    }

    /// The same, on a server that has no watches with initial events.
    fn paging(kind: Kind, api_version: &str) -> Self {
        let mut told = Self::of(kind, api_version);
        told.reflector.refused(422, None, "");
        told
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Update(update) => match update.value {
                    Some(object) => drop(self.objects.insert(update.key, object)),
                    None => drop(self.objects.remove(&update.key).expect("only what is there goes")),
                },
                Event::Problem(problem) => assert!(!problem.message.is_empty()),
                Event::InSync => unreachable!("that is for the source to say"),
            }
        }
    }

    /// Gives it the answer to what it asks, and holds that it asks what was asked then.
    fn answer(&mut self, exchange: &Value) {
        let (request, response) = (self.reflector.request(), &exchange["response"]);
        let asked = exchange["request"]["query"].as_str().unwrap_or_default();
        let asked_for = |name: &str| asked.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let what = format!("{}, recorded {asked}", request.path());
        assert_eq!(request.is_watch(), asked_for("watch").is_some(), "{what}");
        if request.is_watch() {
            assert_eq!(request.parameter("resourceVersion"), asked_for("resourceVersion"), "{what}");
        }
        let mut events = Vec::new();
        if let Some(chunks) = response["chunks"].as_array() {
            self.reflector.answered();
            let mut flow = Flow::On;
            for chunk in chunks {
                flow = self.reflector.line(&chunk["json"].to_string(), &mut events);
            }
            if flow == Flow::On {
                self.reflector.ended();
            }
        } else if let Some(status) = response["status"].as_u64() {
            match status {
                200 => self.reflector.page(&response["body"].to_string(), &mut events),
                _ => self.reflector.refused(status.try_into().expect("a status"), None, &response["body"].to_string()),
            }
        } else {
            self.reflector.unreachable(response["transport_error"].as_str().expect("an error"));
        }
        self.take(events);
    }
}

#[test]
fn it_asks_and_ends_as_recorded() {
    let (pods, policies) = ((Kind::Pod, "v1"), (Kind::NetworkPolicy, "networking.k8s.io/v1"));
    let cluster = (Kind::ClusterNetworkPolicy, "policy.networking.k8s.io/v1alpha2");
    for (file, (kind, api), exchanges, fresh) in [
        // A list, a watch that the server ends, another.
        ("03-list-watch.jsonl", pods, &[1u64, 4, 15][..], None),
        ("03-list-watch.jsonl", policies, &[2, 5], None),
        ("03-list-watch.jsonl", cluster, &[3, 6], None),
        // A list, after a compaction.
        ("05-gone.jsonl", pods, &[30, 31], None),
        // A: SIGTERM: refused connections, a token that is not known yet, a version that is too old.
        ("09-restart.jsonl", pods, &[1, 2, 15, 17, 19, 22, 23], Some(24)),
        // B: SIGKILL.
        ("09-restart.jsonl", pods, &[24, 25, 35, 36, 37, 40], Some(40)),
        ("09-restart.jsonl", policies, &[26, 27, 38, 42], Some(42)),
        // C: the connection is cut, and a pod goes meanwhile.
        ("09-restart.jsonl", pods, &[40, 41, 54], Some(57)),
        ("09-restart.jsonl", policies, &[42, 43, 55], Some(59)),
        // D: another server, which had been running.
        ("09-restart.jsonl", pods, &[57, 58, 70], None),
        // E: a server that drains.
        ("09-restart.jsonl", pods, &[73, 74, 81], None),
    ] {
        let Some(recorded) = recording(file) else { return };
        let mut told = Told::paging(kind, api);
        exchanges.iter().for_each(|number| told.answer(&recorded[number]));
        let what = format!("{file} {exchanges:?}");
        assert!(told.reflector.is_in_sync() && told.reflector.trouble().is_none(), "{what}");
        assert!(!told.objects.is_empty() && told.reflector.len() == told.objects.len(), "{what}");
        if let Some(fresh) = fresh {
            let mut other = Told::paging(kind, api);
            other.answer(&recorded[&fresh]);
            assert_eq!(told.objects, other.objects, "{what}");
        }
    }
}

#[test]
fn initial_events_are_complete_at_their_mark() {
    let Some(recorded) = recording("04-watchlist.jsonl") else { return };
    for (number, kind, api, objects) in [
        (1, Kind::Pod, "v1", 6),
        (3, Kind::ClusterNetworkPolicy, "policy.networking.k8s.io/v1alpha2", 2),
        (4, Kind::NetworkSet, "crd.projectcalico.org/v1", 0),
    ] {
        let mut told = Told::of(kind, api);
        let exchange = &recorded[&number];
        let chunks = exchange["response"]["chunks"].as_array().expect("lines");
        let is_mark =
            |chunk: &Value| chunk["json"]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true";
        let mark = chunks.iter().position(is_mark).expect("a mark");
        let mut events = Vec::new();
        for (place, chunk) in chunks.iter().enumerate() {
            assert_eq!(told.reflector.is_in_sync(), place > mark, "exchange {number}, line {place}");
            assert_eq!(told.reflector.line(&chunk["json"].to_string(), &mut events), Flow::On);
            if place == mark {
                assert_eq!(told.reflector.len(), objects, "exchange {number}");
            }
        }
        told.take(events);
        told.reflector.ended();
        let version = chunks.last().expect("lines")["json"]["object"]["metadata"]["resourceVersion"].as_str();
        assert_eq!(told.reflector.request().parameter("resourceVersion"), version, "exchange {number}");
    }
    // Where there are no such watches, or not with these parameters.
    for refused in [9, 11, 12] {
        let mut told = Told::of(Kind::Pod, "v1");
        let response = &recorded[&refused]["response"];
        told.reflector.refused(422, None, &response["body"].to_string());
        assert!(!told.reflector.request().is_watch() && told.reflector.trouble().is_none(), "exchange {refused}");
    }
}

#[test]
fn every_kind_that_was_listed_is_read() {
    let Some(recorded) = recording("10-list-all-kinds.jsonl") else { return };
    let mut read = 0;
    for exchange in recorded.values() {
        let path = exchange["request"]["path"].as_str().expect("a path");
        let candidates = Kind::readable()
            .flat_map(|(kind, versions)| versions.into_iter().map(move |version| Resource::of(kind, version)));
        let Some(resource) = candidates.into_iter().find(|resource| resource.path() == path) else { continue };
        let mut told = Told::paging(resource.kind, &resource.api_version);
        let mut events = Vec::new();
        match exchange["response"]["status"].as_u64() {
            Some(200) if exchange["request"]["query"] == "" => {
                told.reflector.page(&exchange["response"]["body"].to_string(), &mut events);
                let items = exchange["response"]["body"]["items"].as_array().expect("items").len();
                told.take(events);
                assert_eq!((told.objects.len(), told.reflector.is_in_sync()), (items, true), "{path}");
                read += 1;
            }
            Some(429) => {
                told.reflector.refused(429, None, &exchange["response"]["body"].to_string());
                assert!(!told.reflector.is_in_sync());
                assert!(told.reflector.trouble().is_some_and(|trouble| trouble.contains("initializing")), "{path}");
            }
            _ => {}
        }
    }
    assert!(read >= 10, "{read} kinds");
}
