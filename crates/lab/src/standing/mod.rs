//! Labs that stay: the process that holds one, and how others find it, ask it and end it.
//!
//! nftables is kept by the kernel, but neither VFP nor the switch before it is: so a named lab is held by a process, which carries the frames of Windows
//! pods past their VFP as they come. It has nothing to tidy up: however it ends, its packet sockets close, and from then on no frame of these pods goes
//! anywhere. What the kernel keeps stays until [`Lab::remove`].
//!
//! ```text
//! /run/margay/lab-NAME/process   its number; locked for as long as it lives
//! /run/margay/lab-NAME/socket    where it is asked: a line of JSON to it, a line back
//! ```
//!
//! Each Windows node's HNS listens in that node's own namespace, at [`HNS_PORT`] of loopback, where only who may enter the namespace reaches it.

mod error;
mod host;
mod message;

pub use error::{Error, Result};
pub use host::{Host, detach};
pub use message::{Asked, Request, Resources, Response, Sample, read, write};

use crate::fabric::Fabric;
use error::failed;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where a Windows node's HNS listens, on loopback of the node's namespace.
pub const HNS_PORT: u16 = 4711;

/// Where the folders of labs are.
const FOLDER: &str = "/run/margay";
/// Longer than a large lab takes to be changed or measured.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than the kernel takes to end a process.
const LAST: Duration = Duration::from_secs(10);

/// The name of a lab, and where its process is found.
#[derive(Clone, Debug)]
pub struct Lab {
    name: String,
    folder: PathBuf,
}

/// What the process has that holds a lab: its lock and its socket. Dropping it gives both up.
#[derive(Debug)]
pub struct Held {
    lab: Lab,
    listener: UnixListener,
    #[expect(dead_code, reason = "it is unlocked when it is closed")]
    lock: File,
}

impl Lab {
    /// The lab of this name, whether it stands or not.
    ///
    /// # Errors
    /// [`Error::Name`] for what can't be part of a file's name.
    pub fn named(name: &str) -> Result<Self> {
        if name.is_empty() || name.len() > 64 || name.contains(['/', '\0']) {
            return Err(Error::Name(name.into()));
        }
        Ok(Self { name: name.into(), folder: format!("{FOLDER}/lab-{name}").into() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether anything of it is there.
    ///
    /// # Errors
    /// Where that can't be read.
    pub fn is_standing(&self) -> Result<bool> {
        Ok(self.folder.exists() || Fabric::is_standing(&self.name)?)
    }

    /// The process that holds it; `None` where none lives.
    ///
    /// # Errors
    /// Where its folder can't be read.
    pub fn holder(&self) -> Result<Option<Pid>> {
        let path = self.folder.join("process");
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed("opening", &path))?,
        };
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed("locking", &path)(error)),
        }
        let mut number = String::new();
        file.take(20).read_to_string(&mut number).map_err(failed("reading", &path))?;
        match number.trim().parse() {
            Ok(number) if number > 1 => Ok(Some(Pid::from_raw(number))),
            _ => Err(failed("reading the number of a process in", &path)(ErrorKind::InvalidData.into())),
        }
    }

    /// Makes the calling process the one that holds it.
    ///
    /// # Errors
    /// [`Error::Standing`] where there was one; where its folder can't be made.
    pub fn take(&self) -> Result<Held> {
        let made = fs::create_dir_all(FOLDER).and_then(|()| DirBuilder::new().mode(0o700).create(&self.folder));
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Standing(self.name.clone()),
            _ => failed("making the folder", &self.folder)(error),
        })?;
        self.settle_in().inspect_err(|_| self.forget())
    }

    fn settle_in(&self) -> Result<Held> {
        let path = self.folder.join("process");
        let mut lock = File::create_new(&path).map_err(failed("making", &path))?;
        let written = lock.lock().and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(failed("writing", &path))?;
        let path = self.folder.join("socket");
        let listener = UnixListener::bind(&path).map_err(failed("listening at", &path))?;
        listener.set_nonblocking(true).map_err(failed("listening at", &path))?;
        Ok(Held { lab: self.clone(), listener, lock })
    }

    /// Asks the process that holds it.
    ///
    /// # Errors
    /// [`Error::Silent`] where it does not answer; [`Error::Refused`] where it could not do it.
    pub fn ask(&self, request: &Request) -> Result<Response> {
        let asked = || {
            let mut stream = UnixStream::connect(self.folder.join("socket"))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            write(&mut stream, request)?;
            read(&mut BufReader::new(stream))
        };
        match asked().map_err(|source| Error::Silent { lab: self.name.clone(), source })? {
            Response::Refused(why) => Err(Error::Refused(why)),
            answer => Ok(answer),
        }
    }

    /// Ends the process that holds it and removes all there is of it. The network namespaces that were there; removing what is not there is no error.
    ///
    /// # Errors
    /// Where something could not be removed; what is left can be removed again.
    pub fn remove(&self) -> Result<Vec<String>> {
        self.end()?;
        let namespaces = Fabric::remove_named(&self.name)?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("removing", &self.folder)(error)),
            _ => Ok(namespaces),
        }
    }

    /// Ends the process, and returns when it has ended. That the number is still its own is known by the lock, which it alone holds, and to its end.
    fn end(&self) -> Result<()> {
        let start = Instant::now();
        while let Some(process) = self.holder()? {
            match kill(process, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) if start.elapsed() < LAST => std::thread::sleep(Duration::from_millis(1)),
                ended => return Err(Error::Alive { process, errno: ended.err().unwrap_or(Errno::ETIMEDOUT) }),
            }
        }
        Ok(())
    }

    /// Removes its folder.
    fn forget(&self) {
        // What is left is told of by whoever comes upon it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.lab.forget();
    }
}
