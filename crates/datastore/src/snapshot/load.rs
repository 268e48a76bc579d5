//! Reading a snapshot.

use crate::stream::{Reader, Step, StreamError};
use margay_api::{Key, Object};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A state that was.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its resources.
    pub objects: HashMap<Key, Arc<Object>>,
    /// When it was written.
    pub at: SystemTime,
    /// What was written later and can't be read: why not, and where a copy of the file is.
    pub damage: Option<String>,
}

/// Why a snapshot is of no use; it was set aside where that could be done.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot {} is of no use: {why}; {}", .path.display(), .aside.as_ref().map_or_else(|error| format!("it can't be set aside: {error}"), |aside| format!("it is set aside as {}", aside.display())))]
pub struct SnapshotError {
    path: PathBuf,
    why: String,
    aside: Result<PathBuf, io::Error>,
}

/// Reads the snapshot of a node; `None` where there is no file.
///
/// # Errors
/// There is no whole state in it, or it is another node's.
pub fn load(path: &Path, node: &str) -> Result<Option<Loaded>, SnapshotError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file,
    };
    let read = file.map_err(StreamError::from).and_then(|file| Reader::open(BufReader::new(file)));
    let read = read.map_err(|error| error.to_string()).and_then(|reader| state(reader, node));
    match read {
        Ok((mut loaded, error)) => {
            loaded.damage = match error {
                // What a crash leaves.
                None | Some(StreamError::Torn { .. }) => None,
                Some(error) => Some(format!("{error}; {}", copied(path))),
            };
            Ok(Some(loaded))
        }
        Err(why) => {
            let aside = bad(path);
            let aside = fs::rename(path, &aside).map(|()| aside);
            Err(SnapshotError { path: path.to_owned(), why, aside })
        }
    }
}

/// The state at the last mark, and what ended the reading.
fn state<R: io::Read>(mut reader: Reader<R>, node: &str) -> Result<(Loaded, Option<StreamError>), String> {
    let header = reader.header().clone();
    if header.node != node {
        return Err(format!("it is that of node {}, and this is node {node}", header.node));
    }
    let (mut objects, mut pending, mut at, mut ended) = (HashMap::new(), Vec::new(), None, None);
    for record in &mut reader {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                ended = Some(error);
                break;
            }
        };
        match record.step {
            Step::Mark => {
                at = Some(record.at);
                for step in pending.drain(..) {
                    match step {
                        Step::Put(object) => drop(objects.insert(object.key().clone(), Arc::new(*object))),
                        Step::Gone(key) => drop(objects.remove(&key)),
                        Step::InSync | Step::Mark => {}
                    }
                }
            }
            step => pending.push(step),
        }
    }
    match (at, ended) {
        (Some(at), ended) => Ok((Loaded { objects, at: header.time(at), damage: None }, ended)),
        (None, Some(error)) => Err(error.to_string()),
        (None, None) => Err("there is no whole state in it".into()),
    }
}

fn copied(path: &Path) -> String {
    let copy = bad(path);
    match fs::copy(path, &copy) {
        Ok(_) => format!("a copy is {}", copy.display()),
        Err(error) => format!("no copy of it could be made: {error}"),
    }
}

fn bad(path: &Path) -> PathBuf {
    named(path, ".bad")
}

/// The path with something at its end.
pub(super) fn named(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}
