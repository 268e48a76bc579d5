//! The cluster that a command asks.

use crate::streams::{Failure, Progress, Streams};
use margay_datastore::Folder;
use margay_kubernetes::{Api, AskError, Connection, snapshot};
use std::path::PathBuf;
use std::time::Duration;

/// How long a cluster has for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which cluster: by default the one that kubectl would ask.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Live {
    /// The kubeconfig file that tells of the cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, in the place of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Live {
    /// Whether the user named one.
    pub(crate) fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// What names it on the command line.
    pub(crate) fn arguments(&self) -> String {
        let kubeconfig = self.kubeconfig.as_ref().map(|path| format!(" --kubeconfig {}", path.display()));
        let context = self.context.as_ref().map(|name| format!(" --context {name}"));
        kubeconfig.into_iter().chain(context).collect()
    }

    /// Its API server.
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        let connection = Connection { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        Api::connect(&connection, PATIENCE).map_err(|error| Failure::usage(error.to_string()))
    }

    /// All that Margay reads of it, as the text that `margay snapshot` prints.
    pub(crate) fn snapshot(&self, streams: &mut Streams<'_>) -> Result<String, Failure> {
        let api = self.api()?;
        let mut progress = Progress::new("reading the cluster", streams);
        Ok(snapshot(&api.everything(|_| true, |done, of| progress.tell(done, of))?))
    }

    /// The same as resources; places name the lines of the snapshot.
    pub(crate) fn folder(&self, streams: &mut Streams<'_>) -> Result<Folder, Failure> {
        let name = self.context.as_ref().map_or("<cluster>".to_owned(), |name| format!("<cluster {name}>"));
        Ok(Folder::of_text(&name, self.snapshot(streams)?))
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::usage(error.to_string())
    }
}
