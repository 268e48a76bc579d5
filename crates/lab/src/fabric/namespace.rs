//! Network namespaces: made, entered, and if wanted named.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use super::error::{Error, Result};

/// Where named namespaces stand, so that `ip netns exec NAME` finds them.
const NAMED: &str = "/run/netns";

/// A network namespace, held by a file descriptor.
///
/// An unnamed one goes with the last descriptor, socket and thread in it: dropping this value leaves nothing behind. A named
/// one stays under `/run/netns` until [`Namespace::remove_named`].
///
/// ```no_run
/// use margay_lab::fabric::Namespace;
/// let namespace = Namespace::create("scratch")?;
/// // A socket opened inside stays inside, whoever uses it later.
/// let socket = namespace.enter(|| std::net::UdpSocket::bind("127.0.0.1:0"))?;
/// # Ok::<(), margay_lab::fabric::Error>(())
/// ```
#[derive(Debug)]
pub struct Namespace {
    descriptor: OwnedFd,
    label: String,
    serial: u64,
}

impl Namespace {
    /// Makes an unnamed namespace. The label appears in error messages alone.
    ///
    /// # Errors
    /// [`Error::Privilege`] where the process may not.
    pub fn create(label: &str) -> Result<Namespace> {
        on_own_thread(|| Self::create_here(label))
    }

    /// Makes a namespace and leaves the calling thread in it: for threads that end soon.
    pub(super) fn create_here(label: &str) -> Result<Namespace> {
        const REMEDY: &str = "Run the lab as root, or call enter_user_namespace first";
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| Error::Privilege {
            doing: "making a network namespace",
            errno,
            remedy: REMEDY,
        })?;
        Self::open(Path::new("/proc/thread-self/ns/net"), label)
    }

    /// Opens a namespace that was given a name.
    ///
    /// # Errors
    /// [`Error::File`] where there is none of that name.
    pub fn open_named(name: &str) -> Result<Namespace> {
        Self::open(&named_path(name)?, name)
    }

    fn open(path: &Path, label: &str) -> Result<Namespace> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let file = File::open(path).map_err(file_error("opening the network namespace", path))?;
        Ok(Namespace { descriptor: file.into(), label: label.into(), serial: SERIAL.fetch_add(1, Ordering::Relaxed) })
    }

    /// Another hold on the same namespace.
    ///
    /// # Errors
    /// [`Error::File`] where the process has too many files open.
    pub fn try_clone(&self) -> Result<Namespace> {
        let descriptor = self.descriptor.try_clone();
        let descriptor = descriptor.map_err(file_error("holding the network namespace", Path::new(&self.label)))?;
        Ok(Namespace { descriptor, label: self.label.clone(), serial: self.serial })
    }

    /// Gives the namespace a name under `/run/netns`, where it stays after this process has ended.
    ///
    /// # Errors
    /// [`Error::File`] where the name is taken or can't be a file's; [`Error::Namespace`] where the process may not mount
    /// (it needs root outside any user namespace).
    pub fn persist(&self, name: &str) -> Result<()> {
        let path = named_path(name)?;
        fs::create_dir_all(NAMED).map_err(file_error("making the folder", Path::new(NAMED)))?;
        File::create_new(&path).map_err(file_error("naming a network namespace", &path))?;
        let source = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.descriptor));
        mount(Some(source.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|errno| {
            let _ = fs::remove_file(&path);
            Error::Namespace { doing: "giving it a name by a bind mount", namespace: name.into(), errno }
        })
    }

    /// Removes a name that [`Namespace::persist`] gave; the namespace goes when nothing else holds it. Removing a name that
    /// is not there is no error.
    ///
    /// # Errors
    /// [`Error::Namespace`] or [`Error::File`] where the process may not.
    pub fn remove_named(name: &str) -> Result<()> {
        let path = named_path(name)?;
        match umount2(&path, MntFlags::MNT_DETACH) {
            // EINVAL: a plain file, left by a process that ended between making the file and mounting.
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
            Err(errno) => {
                return Err(Error::Namespace { doing: "removing its name", namespace: name.into(), errno });
            }
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error("removing", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Every name under `/run/netns` that starts so, sorted.
    ///
    /// # Errors
    /// [`Error::File`] where the folder can't be read.
    pub fn named(prefix: &str) -> Result<Vec<String>> {
        let entries = match fs::read_dir(NAMED) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(file_error("reading the folder", Path::new(NAMED)))?,
        };
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Runs `work` on a thread of its own inside the namespace and gives its result. Sockets opened there stay bound to the
    /// namespace for good, `/proc/sys/net` and `/proc/thread-self/net` show its files; the calling thread stays where it is.
    ///
    /// # Errors
    /// [`Error::Namespace`] where the thread can't be started or may not enter.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        on_own_thread(|| {
            self.join()?;
            Ok(work())
        })
    }

    /// Moves the calling thread into the namespace, for good: for threads that end soon.
    pub(crate) fn join(&self) -> Result<()> {
        setns(&self.descriptor, CloneFlags::CLONE_NEWNET).map_err(|errno| Error::Namespace {
            doing: "entering it",
            namespace: self.label.clone(),
            errno,
        })
    }

    /// What it is called in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A number that no other namespace opened by this process has had or will have.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Runs `work` on a thread that ends with it, so that the namespace and the CPU it moves to stay its own affair.
pub(crate) fn on_own_thread<T: Send, E: From<Error> + Send>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send,
) -> std::result::Result<T, E> {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().name("lab".into()).spawn_scoped(scope, work);
        let handle = spawned.map_err(|source| Error::File {
            doing: "starting a thread, counted in",
            path: PathBuf::from("/proc/self/task"),
            source,
        })?;
        handle.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn named_path(name: &str) -> Result<PathBuf> {
    if name.is_empty() || name.len() > 255 || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(Error::Topology(format!("{name:?} can't be the name of a network namespace")));
    }
    Ok(Path::new(NAMED).join(name))
}

pub(super) fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}
