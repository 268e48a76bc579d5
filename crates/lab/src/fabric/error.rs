//! What can go wrong while the fabric is made.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// Why the fabric could not be made, changed or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topology contradicts itself; nothing was changed.
    #[error("the lab's topology is wrong: {0}")]
    Topology(String),
    /// The process may not make network namespaces.
    #[error("{doing}: {errno}. {remedy}")]
    Privilege {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        errno: Errno,
        /// What the person can do about it.
        remedy: &'static str,
    },
    /// A system call on a network namespace failed.
    #[error("{doing} (network namespace {namespace}): {errno}")]
    Namespace {
        /// What was being done.
        doing: &'static str,
        /// Which namespace.
        namespace: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// A file of the system could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel refused an interface, address, route or neighbour.
    #[error("{doing} in network namespace {namespace}: {source}")]
    Netlink {
        /// What was being done, to which object.
        doing: String,
        /// In which namespace.
        namespace: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Interfaces and addresses were made, but the kernel did not bring them into use.
    #[error("{} of network namespace {namespace} not ready after {seconds} s; is the machine overloaded?", missing.join(", "))]
    NotReady {
        /// Interfaces that are not up, and addresses that take nothing in.
        missing: Vec<String>,
        /// In which namespace.
        namespace: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A named lab is not there, or is not the one that the topology describes.
    #[error("the lab {lab:?} has no {missing}; make it again with the topology at hand")]
    NotStanding {
        /// The name the lab was given.
        lab: String,
        /// Which namespace or interface is missing.
        missing: String,
    },
}

/// A result of making or changing the fabric.
pub type Result<T> = std::result::Result<T, Error>;
