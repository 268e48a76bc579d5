//! The programs to start.

#![allow(clippy::print_stderr, reason = "a test says that it is skipped, and why")]

use std::path::PathBuf;

/// The variable that names their folder, as Kubernetes' own tests have it.
const VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// A folder with `kube-apiserver` and `etcd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets(PathBuf);

impl Assets {
    /// The folder that `KUBEBUILDER_ASSETS` names. None where it names none, which is said on standard error.
    ///
    /// # Panics
    /// Where it names a folder without them: who sets it wants the tests run.
    pub fn find() -> Option<Self> {
        let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            eprintln!("skipped: {VARIABLE} names no folder with kube-apiserver and etcd");
            return None;
        };
        let found = Self(folder);
        for program in [found.api_server(), found.etcd()] {
            assert!(program.is_file(), "{VARIABLE} is set, and yet there is no {}", program.display());
        }
        Some(found)
    }

    pub(crate) fn api_server(&self) -> PathBuf {
        self.0.join("kube-apiserver")
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.0.join("etcd")
    }
}
