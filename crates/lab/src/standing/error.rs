//! What can go wrong with a lab that stays.

use nix::errno::Errno;
use nix::unistd::Pid;
use std::io;
use std::path::{Path, PathBuf};

/// Why a lab could not be held, asked or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is one of this name.
    #[error("the lab {0:?} is standing already; remove it first: `margay lab down --name {0}`")]
    Standing(String),
    /// It can't be part of the names of files.
    #[error("{0:?} can't be the name of a lab: it is 1 to 64 bytes without a slash")]
    Name(String),
    /// A file of the lab.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The process that holds it does not answer.
    #[error(
        "the process that holds the lab {lab:?} does not answer: {source}; `margay lab down --name {lab}` removes the lab"
    )]
    Silent {
        /// The lab.
        lab: String,
        /// What happened.
        source: io::Error,
    },
    /// The process that holds it could not do what was asked.
    #[error("{0}")]
    Refused(String),
    /// The process that holds it does not end.
    #[error("ending process {process}, which holds the lab: {errno}")]
    Alive {
        /// Its number.
        process: Pid,
        /// What the kernel said.
        errno: Errno,
    },
    /// The namespaces.
    #[error(transparent)]
    Fabric(#[from] crate::fabric::Error),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] crate::cluster::Error),
}

/// A result about a lab that stays.
pub type Result<T> = std::result::Result<T, Error>;

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}
