//! Where the agent's lines go.

use crate::streams::Failure;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of a file of lines, from which on it is begun anew.
const MOST: u64 = 10 << 20;

/// Does something whose lines, those of this thread, go to a file, or to standard error.
pub(super) fn with<R>(file: Option<&Path>, act: impl FnOnce() -> R) -> Result<R, Failure> {
    let Some(path) = file else { return Ok(with_lines(io::stderr, act)) };
    let log = LogFile::open(path, MOST)
        .map_err(|error| Failure::usage(format!("{} can't be written: {error}", path.display())))?;
    Ok(with_lines(Mutex::new(log), act))
}

fn with_lines<R>(to: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, act: impl FnOnce() -> R) -> R {
    let lines = tracing_subscriber::fmt().with_writer(to).with_target(false).with_ansi(false);
    tracing::subscriber::with_default(lines.finish(), act)
}

/// A file of lines that is bounded: when it is full it becomes `FILE.old`, in the place of the one before, and a new one is begun.
struct LogFile {
    path: PathBuf,
    most: u64,
    /// `None` where it could not be begun anew: then it is tried again with the next line.
    file: Option<File>,
    written: u64,
}

impl LogFile {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let mut log = Self { path: path.to_owned(), most, file: None, written: 0 };
        log.begin()?;
        Ok(log)
    }

    fn begin(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.written = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    fn old(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".old");
        name.into()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written >= self.most {
            // Closed first: Windows does not rename what is open.
            self.file = None;
            fs::rename(&self.path, self.old())?;
        }
        if self.file.is_none() {
            self.begin()?;
        }
        let written = self.file.as_mut().map_or(Ok(0), |file| file.write(line))?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::LogFile;
    use std::io::Write;

    #[test]
    fn a_full_file_becomes_the_old_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("margay.log");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let mut log = LogFile::open(&path, 8).expect("a log");
        for (line, now, old) in
            [("one\n", "one\n", ""), ("two\n", "one\ntwo\n", ""), ("three\n", "three\n", "one\ntwo\n")]
        {
            log.write_all(line.as_bytes()).expect("a line");
            assert_eq!((read("margay.log").as_str(), read("margay.log.old").as_str()), (now, old));
        }
        drop(log);
        let mut again = LogFile::open(&path, 8).expect("a log");
        again.write_all(b"four\n").expect("a line");
        again.write_all(b"five\n").expect("a line");
        assert_eq!(read("margay.log"), "five\n");
        assert_eq!(read("margay.log.old"), "three\nfour\n");
    }
}
