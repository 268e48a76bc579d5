//! `margay controller`: one in a cluster, which tells of each policy what all nodes make of it.

use crate::streams::{Exit, Failure, Streams};
use margay_controller::{Certificate, Controller, Options, Webhook};
use margay_kubernetes::Connection;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use tracing::info;

/// Fold what the nodes' agents report into the status of each policy, and review policies when they are written
///
/// Of several controllers one acts, by a Lease; the others wait for it to end. Policy is in force without a controller, and only its status is old.
///
/// The status of a policy is in its own conditions where its kind has them, and else in a PolicyStatus (of a namespace) or ClusterPolicyStatus by the name of its
/// kind and its own: `kubectl get policystatuses`. Reports of nodes that are gone are removed.
///
/// With a certificate, an admission webhook is served at /validate: what can't be read is refused, and what is doubtful is let through with a warning.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The kubeconfig file that tells of the cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, in the place of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace of the Lease; by default that of the environment's MARGAY_NAMESPACE, or margay-system
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The name of the Lease
    #[arg(long, value_name = "NAME", default_value = "margay-controller")]
    lease: String,
    /// What no other controller is called; by default MARGAY_POD_NAME, or the host's name, and the number of the process
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// Where the admission webhook is served
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9443")]
    webhook_address: SocketAddr,
    /// The webhook's certificate, PEM; it is read again when it changes. Without one there is no webhook
    #[arg(long, value_name = "FILE", requires = "webhook_key")]
    webhook_certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "webhook_certificate")]
    webhook_key: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  margay controller --kubeconfig ~/.kube/config
  margay controller --webhook-certificate /etc/margay/webhook/tls.crt --webhook-key /etc/margay/webhook/tls.key";

pub(crate) fn run(args: &Args, _streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    tracing::subscriber::with_default(lines.finish(), || control(args))
}

/// Runs until it is to stop.
fn control(args: &Args) -> Result<Exit, Failure> {
    let (stop, stopped) = channel();
    let caught = ctrlc::set_handler(move || {
        // Nobody is there to be told when it has stopped already.
        let _ = stop.send(());
    });
    caught.map_err(|error| Failure::usage(format!("signals can't be caught: {error}")))?;
    let options = Options {
        connection: Connection { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() },
        namespace: args.namespace.clone().unwrap_or_else(|| from_environment("MARGAY_NAMESPACE", "margay-system")),
        lease: args.lease.clone(),
        identity: args.identity.clone().unwrap_or_else(identity),
    };
    info!("margay {} controller {}", env!("CARGO_PKG_VERSION"), options.identity);
    let _webhook = match (&args.webhook_certificate, &args.webhook_key) {
        (Some(certificate), Some(key)) => {
            let certificate = Certificate { certificate: certificate.clone(), key: key.clone() };
            let webhook = Webhook::start(args.webhook_address, certificate);
            Some(webhook.map_err(|error| Failure::usage(error.to_string()))?)
        }
        _ => None,
    };
    let controller = Controller::start(&options).map_err(|error| Failure::usage(error.to_string()))?;
    let _ = stopped.recv();
    drop(controller);
    info!("stopped: policy stays in force");
    Ok(Exit::Fine)
}

/// The pod's name, or the host's, and the number of the process: of two processes of one pod only one may act, too.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "controller".into());
    let name = from_environment("MARGAY_POD_NAME", host.trim());
    format!("{name}_{}", std::process::id())
}

fn from_environment(name: &str, otherwise: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}
