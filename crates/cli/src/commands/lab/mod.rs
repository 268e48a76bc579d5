//! `margay lab`: the resources as network namespaces with the real data plane.

mod hold;
mod run;
mod standing;

use crate::streams::{Exit, Failure, Streams};
use margay_lab::cluster::{Cluster, Measured};
use margay_lab::fabric::{self, Privilege};
use margay_policy::Flow;

/// Make the cluster real: pods and nodes as network namespaces, policies as nftables or the ACLs of an emulated HNS, flows as packets
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Args),
    Up(standing::UpArgs),
    Apply(standing::ApplyArgs),
    Probe(standing::ProbeArgs),
    Down(standing::DownArgs),
    #[command(hide = true)]
    Hold(hold::Args),
}

/// How pods are joined to their nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Wiring {
    /// A veth pair and a host route for each pod: all its packets are routed by its node
    #[default]
    Routed,
    /// A bridge on each node with the pods as ports; needs the kernel's br_netfilter
    Bridge,
}

impl From<Wiring> for fabric::Wiring {
    fn from(wiring: Wiring) -> Self {
        match wiring {
            Wiring::Routed => Self::Routed,
            Wiring::Bridge => Self::Bridge,
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    match &args.command {
        Command::Run(args) => run::run(args, streams),
        Command::Up(args) => standing::up(args, streams),
        Command::Apply(args) => standing::apply(args, streams),
        Command::Probe(args) => standing::probe(args, streams),
        Command::Down(args) => standing::down(args, streams),
        Command::Hold(args) => hold::run(args, streams),
    }
}

/// Gets the rights that namespaces need; first thing of a command, while the process has one thread.
pub(crate) fn privilege() -> Result<Privilege, Failure> {
    fabric::enter_user_namespace().map_err(|error| Failure::usage(error.to_string()))
}

/// Says what the measurement does not reach.
pub(crate) fn caveat(cluster: &Cluster, streams: &mut Streams<'_>) -> Result<(), Failure> {
    match cluster.caveat() {
        Some(text) => Ok(writeln!(streams.stderr, "note: {text}")?),
        None => Ok(()),
    }
}

/// Measures flows; in words where that could not be done.
pub(crate) fn measure(cluster: &mut Cluster, flows: &[Flow]) -> Result<Vec<Measured>, Failure> {
    cluster.measure(flows).map_err(|error| Failure::usage(format!("the flows could not be measured: {error}")))
}
