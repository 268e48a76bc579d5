//! `vfpctrl.exe` as a program.

use super::Vfpctrl;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of its text that are read.
const LONGEST: u64 = 16 << 20;

/// A program that speaks vfpctrl's language: that of the system, or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
}

impl Program {
    /// That of the system, `%SystemRoot%\System32\vfpctrl.exe`, which comes with the virtual switch.
    pub fn of_the_system() -> Self {
        let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from("C:\\Windows"), PathBuf::from);
        Self { path: root.join("System32").join("vfpctrl.exe") }
    }
}

impl Vfpctrl for Program {
    fn run(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let text = read(&mut child);
        // Its exit code tells nothing \[FIELD\], but it must not stay.
        let _ = child.kill();
        child.wait()?;
        text
    }
}

/// What it prints until it ends.
fn read(child: &mut Child) -> io::Result<String> {
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (done, ended) = channel();
    thread::Builder::new().name("vfpctrl".into()).spawn(move || {
        let mut text = Vec::new();
        let read = output.take(LONGEST).read_to_end(&mut text);
        // Whoever asked may have given up.
        let _ = done.send(read.map(|_| String::from_utf8_lossy(&text).into_owned()));
    })?;
    match ended.recv_timeout(PATIENCE) {
        Ok(text) => text,
        Err(RecvTimeoutError::Timeout) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("it took longer than {PATIENCE:?}")))
        }
        Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
    }
}
