//! A cluster as a source.

use crate::Counters;
use crate::Resource;
use crate::connection::{Connection, ConnectionError};
use crate::door::Door;
use crate::follow::{Heard, follow};
use margay_api::document::{Position, Span};
use margay_api::{Key, Kind, Place, Problem, Severity};
use margay_datastore::{Event, Source};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// The resources of a cluster, followed on a thread of its own until this is dropped.
///
/// A server that is away, or won't, changes nothing: what was told stays as it is, and is brought up to date when the server is back. The thread ends with
/// the next thing that it hears after this is dropped.
pub struct Cluster {
    heard: Receiver<Heard>,
    states: Vec<State>,
    told_sync: bool,
    counters: Counters,
    places: HashMap<Key, Place>,
    first_heard: Option<Instant>,
}

/// How it stands with a kind.
struct State {
    /// What it is called.
    name: String,
    in_sync: bool,
    trouble: Option<String>,
}

impl State {
    fn of((kind, versions): (Kind, Vec<&'static str>)) -> Self {
        Self { name: Resource::of(kind, versions[0]).to_string(), in_sync: false, trouble: None }
    }
}

impl Cluster {
    /// Follows every kind that Margay reads; `wake` is called whenever there is something for [`Source::poll`]. Kinds that are not served are waited for,
    /// and keep nothing back.
    ///
    /// # Errors
    /// Where the configuration can't be used. A server that does not answer is no error.
    pub fn follow(connection: &Connection, wake: impl Fn() + Send + Clone + 'static) -> Result<Self, ConnectionError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = connection.clone();
        let (tell, heard) = channel();
        let (ready, made) = channel();
        let counters = Counters::default();
        let counted = counters.clone();
        thread::Builder::new().name("kubernetes".into()).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, async move {
                let door = match Door::of(&connection).await {
                    Ok(door) => Rc::new(door),
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let _ = ready.send(Ok(()));
                let followed = Kind::readable().enumerate().map(|(index, candidate)| {
                    let tell = teller(tell.clone(), wake.clone());
                    let followed = follow(Rc::clone(&door), candidate, index, counted.clone(), tell);
                    tokio::task::spawn_local(followed)
                });
                let followed: Vec<_> = followed.collect();
                drop(tell);
                for one in followed {
                    let _ = one.await;
                }
            });
        })?;
        made.recv().unwrap_or(Ok(()))?;
        let states: Vec<State> = Kind::readable().map(State::of).collect();
        Ok(Self { heard, states, told_sync: false, counters, places: HashMap::new(), first_heard: None })
    }

    /// What was asked of the API server; it goes on counting.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

fn teller(tell: Sender<Heard>, wake: impl Fn()) -> impl Fn(Heard) -> bool {
    move |heard| {
        let listened = tell.send(heard).is_ok();
        wake();
        listened
    }
}

impl Source for Cluster {
    fn poll(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.first_heard = None;
        for Heard { index, at, events: more, in_sync, trouble } in self.heard.try_iter() {
            if !more.is_empty() {
                self.first_heard.get_or_insert(at);
            }
            events.extend(more);
            let known = trouble.is_none() || self.states.iter().any(|state| state.trouble == trouble);
            let before = std::mem::replace(&mut self.states[index].trouble, trouble);
            self.states[index].in_sync |= in_sync;
            let trouble = self.states[index].trouble.as_deref();
            match (trouble, before) {
                // What goes wrong with all kinds alike is said once.
                (Some(trouble), _) if !known => {
                    events.push(Event::Problem(problem(
                        &self.states[index].name,
                        Severity::Warning,
                        trouble,
                        "what is known stays in force; it is tried again",
                    )));
                }
                (None, Some(_)) if self.states.iter().all(|state| state.trouble.is_none()) => {
                    events.push(Event::Problem(problem(
                        &self.states[index].name,
                        Severity::Note,
                        "the API server answers again",
                        "",
                    )));
                }
                _ => {}
            }
        }
        if !self.told_sync && self.states.iter().all(|state| state.in_sync) {
            self.told_sync = true;
            events.push(Event::InSync);
        }
        events
    }

    fn heard(&self) -> Option<Instant> {
        self.first_heard
    }

    fn places(&self) -> &HashMap<Key, Place> {
        &self.places
    }
}

/// What is to be said of a kind, for whoever reads the log.
fn problem(kind: &str, severity: Severity, message: &str, help: &str) -> Problem {
    let nowhere = Position { line: 0, column: 0 };
    Problem {
        severity,
        file: kind.into(),
        span: Span { start: nowhere, end: nowhere },
        key: None,
        object: Default::default(),
        path: String::new(),
        message: message.to_owned(),
        help: help.to_owned(),
    }
}
