//! A source whose state is kept on disk.

use super::journal::Journal;
use crate::stream::Told;
use crate::{Event, Source, told};
use margay_api::{Key, Place, Severity};
use smol_str::SmolStr;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long after a change it is written, with what came meanwhile.
const DEBOUNCE: Duration = Duration::from_secs(2);
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// A source as it is, and its state in a file. Writing is done by a thread of its own, for a disk may be slow, and is waited for when this is dropped. That it can't be done is
/// told once, and stops nothing.
pub struct Kept<S> {
    source: S,
    path: PathBuf,
    tell: Option<Sender<Event>>,
    writer: Option<JoinHandle<()>>,
    trouble: Arc<Mutex<Option<String>>>,
    told: bool,
}

impl<S: Source> Kept<S> {
    /// Keeps the state of a source for this node. The file stays as it is until the source is in sync.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(source: S, path: &Path, node: SmolStr) -> io::Result<Self> {
        let (tell, said) = channel();
        let trouble = Arc::new(Mutex::new(None));
        let (journal, troubles) = (Journal::new(path, node), trouble.clone());
        let writer = thread::Builder::new().name("snapshot".into()).spawn(move || write(journal, &said, &troubles))?;
        let path = path.to_owned();
        Ok(Self { source, path, tell: Some(tell), writer: Some(writer), trouble, told: false })
    }
}

/// Takes what is said until nobody says anything more, and writes it from time to time.
fn write(mut journal: Journal, said: &Receiver<Event>, trouble: &Mutex<Option<String>>) {
    let mut due: Option<Instant> = None;
    loop {
        let next = match due {
            // However much is said.
            Some(due) if due <= Instant::now() => Err(RecvTimeoutError::Timeout),
            Some(due) => said.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => said.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(event) => {
                if let Some(step) = Told::of(&event) {
                    journal.take(step);
                }
                if journal.is_due() && due.is_none() {
                    due = Some(Instant::now() + DEBOUNCE);
                }
            }
            Err(end) => {
                let written = if journal.is_due() { journal.write() } else { Ok(()) };
                let error = written.err().map(|error| error.to_string());
                due = error.as_ref().map(|_| Instant::now() + AGAIN);
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = error;
                if end == RecvTimeoutError::Disconnected {
                    return;
                }
            }
        }
    }
}

impl<S: Source> Source for Kept<S> {
    fn poll(&mut self) -> Vec<Event> {
        let mut events = self.source.poll();
        if let Some(tell) = &self.tell {
            for event in &events {
                // Where nobody listens any more there is no snapshot, which is no reason to stop.
                let _ = tell.send(event.clone());
            }
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let was_told = std::mem::replace(&mut self.told, trouble.is_some());
        match trouble {
            Some(error) if !was_told => {
                let message = format!("the snapshot can't be written: {error}");
                events.push(told(
                    &self.path,
                    Severity::Warning,
                    message,
                    "it is tried again; what is in force is not touched by it",
                ));
            }
            None if was_told => {
                events.push(told(&self.path, Severity::Note, "the snapshot is written again".into(), ""));
            }
            _ => {}
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
        self.source.is_from_snapshot()
    }
}

impl<S> Drop for Kept<S> {
    fn drop(&mut self) {
        self.tell = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
