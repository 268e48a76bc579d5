//! The file of a snapshot, as it is written.

use super::load::named;
use crate::stream::{Encoder, Header, Reader, Step, Told, write_all};
use margay_api::Key;
use smol_str::SmolStr;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How much is kept in memory of what can't be written.
const MOST_PENDING: usize = 64 << 20;
/// Bytes by which a file may grow whatever its size, before it is written anew.
const SLACK: u64 = 256 << 10;

/// A snapshot that is written: the steps since the last write, and the file that has those before.
pub(super) struct Journal {
    path: PathBuf,
    header: Header,
    begun: Instant,
    encoder: Encoder,
    /// What is not written yet, with the beginning of the stream where there is no file yet.
    pending: Vec<u8>,
    in_sync: bool,
    /// Whether more than can be kept could not be written: the file then stays as it is until the next start.
    lost: bool,
    /// The bytes of the file that count, and how many there were when it was written whole; `None` before that.
    written: Option<(u64, u64)>,
}

impl Journal {
    pub(super) fn new(path: &Path, node: SmolStr) -> Self {
        let (header, mut pending) = (Header::now(node), Vec::new());
        let encoder = Encoder::begin(&header, &mut pending);
        let (path, begun) = (path.to_owned(), Instant::now());
        Self { path, header, begun, encoder, pending, in_sync: false, lost: false, written: None }
    }

    /// Takes a step, to be written later.
    pub(super) fn take(&mut self, step: Told<'_>) {
        self.in_sync |= matches!(step, Told::InSync);
        if self.pending.len() > MOST_PENDING {
            (self.lost, self.pending) = (true, Vec::new());
        }
        if !self.lost {
            self.encoder.record(self.begun.elapsed(), step, &mut self.pending);
        }
    }

    /// Whether there is something to write that makes a whole state.
    pub(super) fn is_due(&self) -> bool {
        self.in_sync && (self.lost || !self.pending.is_empty())
    }

    /// Writes what was taken. After an error it can be tried again.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.lost {
            return Err(io::Error::other(
                "more has changed than could be kept meanwhile, so that it is begun anew at the next start",
            ));
        }
        let before = self.pending.len();
        let chain = self.encoder.chain();
        self.encoder.record(self.begun.elapsed(), Told::Mark, &mut self.pending);
        let written = match self.written {
            None => replace(&self.path, |file| write_all(file, &self.pending)).map(|size| (size, size)),
            Some((size, whole)) => append(&self.path, size, &self.pending).map(|size| (size, whole)),
        };
        match written {
            Ok((size, whole)) => {
                self.written = Some((size, whole));
                // What a whole state needed is not needed again.
                self.pending = Vec::new();
                if size > whole.saturating_mul(2).saturating_add(SLACK) { self.compact() } else { Ok(()) }
            }
            Err(error) => {
                self.pending.truncate(before);
                self.encoder.set_chain(chain);
                Err(error)
            }
        }
    }

    /// Writes the file anew without what does not count any more. Of each key only where its last value is stands in memory.
    fn compact(&mut self) -> io::Result<()> {
        let mut last: HashMap<Key, usize> = HashMap::new();
        for (number, record) in self.records()?.enumerate() {
            match record? {
                Step::Put(object) => drop(last.insert(object.key().clone(), number)),
                Step::Gone(key) => drop(last.remove(&key)),
                Step::InSync | Step::Mark => {}
            }
        }
        let (now, mut bytes) = (self.begun.elapsed(), Vec::new());
        let mut encoder = Encoder::begin(&self.header, &mut bytes);
        let records = self.records()?;
        let size = replace(&self.path, |file| {
            let mut file = BufWriter::new(file);
            for (number, record) in records.enumerate() {
                match record? {
                    Step::Put(object) if last.get(object.key()) == Some(&number) => {
                        encoder.record(now, Told::Put(&object), &mut bytes);
                    }
                    _ => continue,
                }
                file.write_all(&bytes)?;
                bytes.clear();
            }
            encoder.record(now, Told::InSync, &mut bytes);
            encoder.record(now, Told::Mark, &mut bytes);
            write_all(file, &bytes)
        })?;
        (self.encoder, self.written) = (encoder, Some((size, size)));
        Ok(())
    }

    fn records(&self) -> io::Result<impl Iterator<Item = io::Result<Step>> + use<>> {
        let reader = Reader::open(BufReader::new(File::open(&self.path)?)).map_err(io::Error::other)?;
        Ok(reader.map(|record| record.map(|record| record.step).map_err(io::Error::other)))
    }
}

/// Puts a file in the place of one: whoever reads it, after whatever crash, finds the one or the other. How long it is.
fn replace(path: &Path, fill: impl FnOnce(&File) -> io::Result<()>) -> io::Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = named(path, ".new");
    let file = File::create(&beside)?;
    fill(&file)?;
    file.sync_all()?;
    let size = file.metadata()?.len();
    drop(file);
    fs::rename(&beside, path)?;
    // So that the new name outlives a crash too; Windows has no such call for folders.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(size)
}

/// Appends to what counts of a file. How long it is then.
fn append(path: &Path, size: u64, bytes: &[u8]) -> io::Result<u64> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    if file.metadata()?.len() < size {
        return Err(io::Error::other("it was cut by someone else"));
    }
    // What an attempt that failed has left.
    file.set_len(size)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    Ok(size + bytes.len() as u64)
}
