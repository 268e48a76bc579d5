//! A source whose stream is written to a file as it passes.

use crate::stream::{Encoder, Header, Told};
use crate::{Event, Source, told};
use margay_api::{Key, Place, Severity};
use smol_str::SmolStr;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A source as it is, and a recording of what it says ([`stream`](crate::stream)). Where the recording can't be written any more, that is told once, and the source goes on.
pub struct Recorded<S> {
    source: S,
    path: PathBuf,
    file: Option<File>,
    encoder: Encoder,
    begun: Instant,
}

impl<S: Source> Recorded<S> {
    /// Begins a recording, in the place of one that is there.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn begin(source: S, path: &Path, node: SmolStr) -> io::Result<Self> {
        let (mut file, mut bytes) = (File::create(path)?, Vec::new());
        let encoder = Encoder::begin(&Header::now(node), &mut bytes);
        file.write_all(&bytes)?;
        Ok(Self { source, path: path.to_owned(), file: Some(file), encoder, begun: Instant::now() })
    }
}

impl<S: Source> Source for Recorded<S> {
    fn poll(&mut self) -> Vec<Event> {
        let mut events = self.source.poll();
        let Some(file) = &mut self.file else { return events };
        let (at, mut bytes) = (self.begun.elapsed(), Vec::new());
        for step in events.iter().filter_map(Told::of) {
            self.encoder.record(at, step, &mut bytes);
        }
        if bytes.is_empty() {
            return events;
        }
        self.encoder.record(at, Told::Mark, &mut bytes);
        if let Err(error) = file.write_all(&bytes) {
            self.file = None;
            let message = format!("the recording can't be written any more: {error}");
            events.push(told(&self.path, Severity::Warning, message, "the agent goes on without it"));
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
