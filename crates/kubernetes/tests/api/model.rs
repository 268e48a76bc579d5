//! What an API server knows of one kind, and says of it.

use margay_api::{Key, Object};
use margay_datastore::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Namespaces by name, each with the value of its label, as a server has them.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) version: u64,
    pub(crate) objects: BTreeMap<String, (u64, u8)>,
    /// What happened, by version: a name, and its label or that it went.
    pub(crate) log: Vec<(u64, String, Option<u8>)>,
    /// Versions up to this one are forgotten.
    pub(crate) compacted: u64,
    /// Whether it has watches with initial events.
    pub(crate) initial_events: bool,
}

fn namespace(name: &str, version: u64, label: u8) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
           "metadata": {"name": name, "resourceVersion": version.to_string(), "labels": {"l": label.to_string()}}})
}

pub(crate) fn line(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

fn gone(code: u16) -> String {
    line("ERROR", &json!({"kind": "Status", "code": code, "message": "too old"}))
}

impl Model {
    pub(crate) fn put(&mut self, name: &str, label: u8) {
        self.version += 1;
        self.objects.insert(name.into(), (self.version, label));
        self.log.push((self.version, name.into(), Some(label)));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if self.objects.remove(name).is_some() {
            self.version += 1;
            self.log.push((self.version, name.into(), None));
        }
    }

    /// The lines of a watch; an answer of 422 where there is none such.
    pub(crate) fn watch<'a>(&self, parameter: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<String>, u16> {
        let from: Option<u64> = parameter("resourceVersion").map(|version| version.parse().expect("a number"));
        if parameter("sendInitialEvents").is_some() {
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
    pub(crate) fn page<'a>(&self, parameter: impl Fn(&str) -> Option<&'a str>, most: usize) -> Result<String, u16> {
        let token = parameter("continue").map(|token| token.split_once('/').expect("our token"));
        // What pages go on from is what was, at the version of the first.
        let at: u64 = token.map_or(self.version, |(version, _)| version.parse().expect("a number"));
        if at < self.compacted || at > self.version {
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

    /// As it was so many changes ago.
    pub(crate) fn before(&self, changes: u64) -> Self {
        let version = self.version.saturating_sub(changes).max(self.log.first().map_or(self.version, |first| first.0));
        let (compacted, initial_events) = (self.compacted.min(version), self.initial_events);
        let mut then = Self { version, compacted, initial_events, ..Self::default() };
        for (at, name, label) in self.log.iter().filter(|(at, ..)| *at <= version) {
            match label {
                Some(label) => drop(then.objects.insert(name.clone(), (*at, *label))),
                None => drop(then.objects.remove(name)),
            }
            then.log.push((*at, name.clone(), *label));
        }
        then
    }

    /// Names and labels.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        self.objects.iter().map(|(name, (_, label))| (name.clone(), label.to_string())).collect()
    }
}

/// What was told so far.
#[derive(Default)]
pub(crate) struct Told(pub(crate) BTreeMap<Key, String>);

impl Told {
    pub(crate) fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let Event::Update(update) = event else { continue };
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

    /// Names and labels.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(key, label)| (key.name.to_string(), label.clone())).collect()
    }
}
