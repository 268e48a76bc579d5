//! A process that ends with the value that holds it.

use crate::{Error, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Lines of a log that an error quotes.
const QUOTED: usize = 20;

/// A server, or an agent, with a log of its own. Ended by `SIGKILL` when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program in the network namespace of the calling thread; what it prints is appended to a file.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log).map_err(Error::system("opening", log))?;
        let errors = file.try_clone().map_err(Error::system("opening", log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(Error::system("starting", command.get_program()))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end by `SIGTERM`, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let told = kill(id, Signal::SIGTERM).map_err(std::io::Error::from);
        told.and_then(|()| self.child.wait()).map_err(Error::system("ending", self.name)).map(drop)
    }

    /// An error where it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.error(format!("ended by itself ({status})"))),
            Err(error) => Err(self.error(format!("can't be looked at: {error}"))),
        }
    }

    pub(crate) fn error(&self, what: String) -> Error {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        Error::Server { name: self.name, what, log: lines[lines.len().saturating_sub(QUOTED)..].join("\n") }
    }

    /// All that it has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
