//! A source that has something to say before it is there.

use crate::{Event, Source};
use margay_api::{Key, Object, Place, Update};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A source whose last good state is given where it is not in sync soon.
///
/// What is in force at a start was in force before it, or, after the machine was started, nothing is. A snapshot may lag a little behind what was in force, so a source that
/// is there is waited for, for [`Remembered::GRACE`]. After that the snapshot is given whole; what the source says meanwhile is held back until it is in sync,
/// since half of it beside what was is no state that ever was, and is then given at once, with what is gone.
pub struct Remembered<S> {
    source: S,
    state: State,
    /// What the source has said, of each key the last.
    held: BTreeMap<Key, Option<Arc<Object>>>,
}

enum State {
    /// The source is waited for.
    Waiting { until: Instant, objects: HashMap<Key, Arc<Object>> },
    /// The snapshot is in force: what is in it.
    Given(HashSet<Key>),
    /// The source is in sync.
    Over,
}

impl<S: Source> Remembered<S> {
    /// How long a source is waited for.
    pub const GRACE: Duration = Duration::from_secs(2);

    /// A source of which this was the last state. It is given from `until` on; a state with nothing in it never.
    pub fn new(source: S, objects: HashMap<Key, Arc<Object>>, until: Instant) -> Self {
        let state = if objects.is_empty() { State::Over } else { State::Waiting { until, objects } };
        Self { source, state, held: BTreeMap::new() }
    }
}

impl<S: Source> Source for Remembered<S> {
    fn poll(&mut self) -> Vec<Event> {
        let said = self.source.poll();
        if matches!(self.state, State::Over) {
            return said;
        }
        let (mut events, mut in_sync) = (Vec::new(), false);
        for event in said {
            match event {
                Event::Update(Update { key, value }) => drop(self.held.insert(key, value)),
                Event::InSync => in_sync = true,
                problem => events.push(problem),
            }
        }
        if in_sync {
            let gone = match std::mem::replace(&mut self.state, State::Over) {
                State::Given(keys) => keys,
                _ => HashSet::new(),
            };
            let mut held = std::mem::take(&mut self.held);
            for key in gone {
                held.entry(key).or_insert(None);
            }
            events.extend(held.into_iter().map(|(key, value)| Event::Update(Update { key, value })));
            events.push(Event::InSync);
        } else if let State::Waiting { until, objects } = &mut self.state
            && *until <= Instant::now()
        {
            let objects = std::mem::take(objects);
            self.state = State::Given(objects.keys().cloned().collect());
            let updates = objects.into_iter().map(|(key, object)| Update { key, value: Some(object) });
            events.extend(updates.map(Event::Update));
            events.push(Event::InSync);
        }
        events
    }

    fn heard(&self) -> Option<Instant> {
        self.source.heard()
    }

    fn places(&self) -> &HashMap<Key, Place> {
        self.source.places()
    }

    fn is_from_snapshot(&self) -> bool {
        matches!(self.state, State::Given(_))
    }
}
