//! One agent on a node: two would undo each other's work.

use crate::streams::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// A locked file; the operating system unlocks it however the process ends. The file itself stays.
pub(crate) struct Lock(#[expect(dead_code, reason = "it is unlocked when it is closed")] File);

impl Lock {
    /// Takes the lock of this name, in this folder, which is made where it is missing.
    pub(super) fn take(name: &str, folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(name);
        let failed = |error: std::io::Error| {
            Failure::usage(format!("{}, by which one agent knows of another, can't be locked: {error}", path.display()))
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
}

/// What holds it, as far as can be said: Windows lets nobody read what is locked.
fn held(file: &mut File) -> Failure {
    let mut process = String::new();
    let read = file.take(20).read_to_string(&mut process);
    let process = match read.ok().and_then(|_| process.parse::<u32>().ok()) {
        Some(process) => format!(" (process {process})"),
        None => String::new(),
    };
    Failure::usage(format!(
        "another agent{process} runs on this node already, and two would undo each other's work: stop it first"
    ))
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_second_one_refuses_until_the_first_has_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let take = || Lock::take("agent.lock", &folder.path().join("margay"));
        let first = take().unwrap_or_else(|error| panic!("{error}"));
        let refused = take().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.starts_with("another agent") && refused.contains("already"), "{refused}");
        let process = format!("(process {})", std::process::id());
        assert!(refused.contains(&process) || cfg!(windows), "Windows may not tell: {refused}");
        drop(first);
        assert!(take().is_ok());
    }
}
