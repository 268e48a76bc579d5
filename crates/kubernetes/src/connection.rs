//! Where the API server is, and who we are to it.

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;
use std::time::Duration;

/// How long it may take to reach the API server.
const CONNECT: Duration = Duration::from_secs(10);

/// Where the API server is. By default as `kubectl` finds it: by `KUBECONFIG`, by `~/.kube/config`, and in a pod by its service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it, in the place of its current one.
    pub context: Option<String>,
}

/// Why there is no connection: nothing of this passes by itself.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A kubeconfig file that can't be used.
    #[error("the kubeconfig{} can't be used: {source}", .path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        /// Which; none where it was found by itself.
        path: Option<PathBuf>,
        /// What is wrong.
        source: kube::config::KubeconfigError,
    },
    /// Nothing tells of a cluster.
    #[error("there is no cluster to connect to: {0}; name a kubeconfig file, or run in a pod with a service account")]
    Nowhere(#[from] kube::config::InferConfigError),
    /// What the configuration says can't be used.
    #[error("the API server can't be asked: {0}")]
    Client(#[from] kube::Error),
    /// The system gives no thread, or no clock and sockets.
    #[error("the client can't be started: {0}")]
    System(#[from] std::io::Error),
}

impl Connection {
    pub(crate) async fn config(&self) -> Result<Config, ConnectionError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let failed = |source| ConnectionError::Kubeconfig { path: self.kubeconfig.clone(), source };
        let mut config = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let read = Kubeconfig::read_from(path).map_err(failed)?;
                Config::from_custom_kubeconfig(read, &options).await.map_err(failed)?
            }
            (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(failed)?,
            (None, None) => Config::infer().await?,
        };
        if let Some(token) = config.auth_info.token_file.as_ref().and_then(untrimmed) {
            (config.auth_info.token_file, config.auth_info.token) = (None, Some(token.into()));
        }
        config.connect_timeout = Some(CONNECT);
        // A watch is quiet for long: that one is dead is seen otherwise.
        config.read_timeout = None;
        // What passes is tried again here, with the patience that the server asks for.
        config.default_retry = false;
        Ok(config)
    }
}

/// The token of a file that has more in it: a line feed, as editors leave it, is none of a token's, and can't be sent. Others the client reads by itself, again and again.
fn untrimmed(file: &String) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let token = text.trim();
    (token != text).then(|| token.to_owned())
}
