//! What can go wrong.

use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused a file, a socket or a process.
    #[error("{doing} {}: {source}", .path.display())]
    System {
        /// What was being done.
        doing: &'static str,
        /// To which file or program.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A server did not come up, or ended.
    #[error("{name} {what}; the end of its log:\n{log}")]
    Server {
        /// Which.
        name: &'static str,
        /// What happened.
        what: String,
        /// Its last lines.
        log: String,
    },
    /// The API server refused something.
    #[error("{request}: the API server refuses it with {status}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// The HTTP status code.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The API server did not answer.
    #[error("{request}: no answer: {message}")]
    Unreachable {
        /// Method and path.
        request: String,
        /// What the client says.
        message: String,
    },
    /// The client can't be made.
    #[error("no client can be made of the kubeconfig {}: {message}", .path.display())]
    Client {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The margay program can't be built.
    #[error("the margay program can't be built: {0}")]
    Build(anyhow::Error),
    /// Something did not come about in time.
    #[error("{what} did not come about within {after:?}")]
    Late {
        /// What.
        what: String,
        /// For how long it was waited.
        after: Duration,
    },
}

/// [`std::result::Result`] with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn system(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { doing, path, source }
    }
}
