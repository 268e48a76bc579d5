//! A reflector beside a server that forgets, breaks off, lags, pages and refuses: in the end both know the same, and nothing went that was there.

use margay_api::{Key, Kind, Object};
use margay_datastore::Event;
use margay_kubernetes::{Flow, Reflector, Request, Resource};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Namespaces by name, each with the value of its label, as a server has them.
#[derive(Default)]
struct Server {
    version: u64,
    objects: BTreeMap<String, (u64, u8)>,
    /// What happened, by version: a name, and its label or that it went.
    log: Vec<(u64, String, Option<u8>)>,
    /// Versions up to this one are forgotten.
    compacted: u64,
    /// Whether it has watches with initial events.
    initial_events: bool,
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    Compact,
    /// The reflector asks, and is answered: wholly, or as far as so many lines or with so small pages.
    Ask(u8),
    /// The same, with a refusal.
    Refuse(u16),
    /// There is no answer.
    Silence,
    /// A line that nobody can read.
    Garble,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..6, 0u8..3).prop_map(|(name, label)| Step::Put(name, label)),
        2 => (0u8..6).prop_map(Step::Remove),
        1 => Just(Step::Compact),
        5 => (0u8..9).prop_map(Step::Ask),
        1 => prop_oneof![Just(401), Just(403), Just(404), Just(410), Just(429), Just(500), Just(504)].prop_map(Step::Refuse),
        1 => Just(Step::Silence),
        1 => Just(Step::Garble),
    ];
    proptest::collection::vec(step, 0..60)
}

fn namespace(name: &str, version: u64, label: u8) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
           "metadata": {"name": name, "resourceVersion": version.to_string(), "labels": {"l": label.to_string()}}})
}

fn line(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

fn gone(code: u16) -> String {
    line("ERROR", &json!({"kind": "Status", "code": code, "message": "too old"}))
}

impl Server {
    fn put(&mut self, name: &str, label: u8) {
        self.version += 1;
        self.objects.insert(name.into(), (self.version, label));
        self.log.push((self.version, name.into(), Some(label)));
    }

    fn remove(&mut self, name: &str) {
        if self.objects.remove(name).is_some() {
            self.version += 1;
            self.log.push((self.version, name.into(), None));
        }
    }

    /// The lines of a watch; an answer of 422 where there is none such.
    fn watch(&self, request: &Request) -> Result<Vec<String>, u16> {
        let from: Option<u64> = request.parameter("resourceVersion").map(|version| version.parse().expect("a number"));
        if request.parameter("sendInitialEvents").is_some() {
            if !self.initial_events {
                return Err(422);
            }
            let objects = self.objects.iter();
            let mut lines: Vec<String> =
                objects.map(|(name, (version, label))| line("ADDED", &namespace(name, *version, *label))).collect();
            let mark = json!({"kind": "Namespace", "metadata": {"resourceVersion": self.version.to_string(),
                              "annotations": {"k8s.io/initial-events-end": "true"}}});
            lines.push(line("BOOKMARK", &mark));
            return Ok(lines);
        }
        let from = from.expect("a version to go on from");
        if from < self.compacted {
            return Ok(vec![gone(410)]);
        }
        let later = self.log.iter().filter(|(version, ..)| *version > from);
        Ok(later
            .map(|(version, name, label)| match label {
                Some(label) => line("MODIFIED", &namespace(name, *version, *label)),
                None => line("DELETED", &namespace(name, *version, 0)),
            })
            .collect())
    }

    /// A page of at most so many; its token is a version and the last name. A token older than what is kept is too old.
    fn page(&self, request: &Request, most: usize) -> Result<String, u16> {
        let token = request.parameter("continue").map(|token| token.split_once('/').expect("our token"));
        // What pages go on from is what was, at the version of the first.
        let at: u64 = token.map_or(self.version, |(version, _)| version.parse().expect("a number"));
        if at < self.compacted {
            return Err(410);
        }
        let mut then: BTreeMap<&str, (u64, u8)> = BTreeMap::new();
        for (version, name, label) in self.log.iter().filter(|(version, ..)| *version <= at) {
            match label {
                Some(label) => drop(then.insert(name, (*version, *label))),
                None => drop(then.remove(name.as_str())),
            }
        }
        let after = token.map_or("", |(_, name)| name);
        let rest: Vec<_> = then.iter().filter(|(name, _)| **name > after).collect();
        let items: Vec<Value> = rest.iter().take(most).map(|(name, (v, l))| namespace(name, *v, *l)).collect();
        let next = rest.get(most).and(rest.get(most.wrapping_sub(1))).map(|(name, _)| format!("{at}/{name}"));
        let list = json!({"kind": "NamespaceList", "apiVersion": "v1", "items": items,
                          "metadata": {"resourceVersion": at.to_string(), "continue": next.unwrap_or_default()}});
        Ok(list.to_string())
    }
}

/// What was told so far.
#[derive(Default)]
struct Told(BTreeMap<Key, String>);

impl Told {
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let Event::Update(update) = event else { panic!("{event:?}") };
            match update.value.as_deref() {
                Some(Object::Namespace(namespace)) => {
                    let mut labels = namespace.meta.labels.iter();
                    let (_, label) = labels.find(|(name, _)| *name == "l").expect("its label");
                    self.0.insert(update.key, label.to_string());
                }
                Some(other) => panic!("{other:?}"),
                None => drop(self.0.remove(&update.key).expect("only what is there goes")),
            }
        }
    }
}

/// The reflector asks, and is answered as far as so many lines, or in pages of so many.
fn ask(server: &Server, reflector: &mut Reflector, told: &mut Told, most: usize) {
    let (request, mut events) = (reflector.request(), Vec::new());
    if request.is_watch() {
        match server.watch(&request) {
            Err(status) => reflector.refused(status, None, "no"),
            Ok(lines) => {
                reflector.answered();
                let mut lines = lines.iter().take(most);
                if lines.all(|line| reflector.line(line, &mut events) == Flow::On) {
                    reflector.ended();
                }
            }
        }
    } else {
        match server.page(&request, most.max(1)) {
            Err(status) => reflector.refused(status, None, "no"),
            Ok(body) => reflector.page(&body, &mut events),
        }
    }
    told.take(events);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_both_know_the_same_in_the_end(steps in steps(), initial_events in any::<bool>()) {
        let mut server = Server { version: 10, initial_events, ..Server::default() };
        let mut reflector = Reflector::new(Resource::of(Kind::Namespace, "v1"), 7);
        let mut told = Told::default();
        for step in steps {
            match step {
                Step::Put(name, label) => server.put(&format!("n{name}"), label),
                Step::Remove(name) => server.remove(&format!("n{name}")),
                Step::Compact => server.compacted = server.version,
                Step::Ask(most) => ask(&server, &mut reflector, &mut told, most.into()),
                Step::Refuse(status) => reflector.refused(status, None, "not now"),
                Step::Silence => reflector.unreachable("connection refused"),
                Step::Garble if reflector.request().is_watch() => {
                    prop_assert_eq!(reflector.line("{\"type\":", &mut Vec::new()), Flow::Over);
                }
                Step::Garble => reflector.page("<html>", &mut Vec::new()),
            }
            prop_assert_eq!(told.0.len(), reflector.len());
            prop_assert!(reflector.wait() <= std::time::Duration::from_secs(30));
        }
        // A server that answers wholly is enough a few times: a refusal, a list, a watch, one that was too old before.
        for _ in 0..4 {
            ask(&server, &mut reflector, &mut told, usize::MAX);
        }
        let there: Vec<(String, String)> =
            server.objects.iter().map(|(name, (_, label))| (name.clone(), label.to_string())).collect();
        let known: Vec<(String, String)> =
            told.0.iter().map(|(key, label)| (key.name.to_string(), label.clone())).collect();
        prop_assert_eq!(known, there);
        prop_assert!(reflector.is_in_sync() && reflector.trouble().is_none() && !reflector.is_absent());
    }
}
