//! `margay render`: what a node's data plane is programmed with.

mod hns;

use crate::input::Input;
use crate::streams::{Exit, Failure, Streams};
use crate::words;
use margay_api::Kind;
use margay_engine::Scope;
use margay_hcn::Version;

/// Print the exact rules that a node is programmed with, each with the policy it is from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay render --node worker-1
  margay render --node worker-1 -f cluster/
  margay render --node win-1 --dataplane hns --hns-version 9.5 -f cluster/ -o json
  margay render --node worker-1 -f cluster/ > before; edit; margay render --node worker-1 -f cluster/ | diff before -")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// The node
    #[arg(long)]
    node: String,
    /// The data plane
    #[arg(long, value_enum, default_value_t)]
    dataplane: Dataplane,
    /// The version of HNS: 7.0 (Windows Server 1709), 7.2 (1803), 9.5 (2019), 13.3 (2022), 15.4 (2025), or any between
    #[arg(long, value_name = "VERSION", default_value = "9.5", value_parser = version)]
    hns_version: Version,
    /// The form of ACLs; rules of nftables have one form
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// As they are sent to HNS, with the policies that each is from
    Json,
}

/// A version of HNS as an argument.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|error: margay_hcn::VersionError| error.to_string())
}

/// A data plane; by default that of the system it is asked on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Dataplane {
    /// nftables, in the words of nft
    #[cfg(target_os = "linux")]
    #[default]
    Nft,
    /// ACLs of the Windows Host Networking Service
    #[cfg_attr(not(target_os = "linux"), default)]
    Hns,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let world = args.input.world_of(Scope::Node(args.node.as_str().into()), streams)?;
    let plan = world.plan();
    if plan.nodes.is_empty() && plan.endpoints.is_empty() {
        let nodes = world.objects().filter(|object| object.key().kind == Kind::Node);
        let nodes = words::list(nodes.map(|node| node.key().name.to_string()), "and");
        return Err(Failure::usage(format!("nothing is on a node {}; there is {nodes}", args.node)));
    }
    match (args.dataplane, args.output) {
        #[cfg(target_os = "linux")]
        (Dataplane::Nft, _) => {
            streams.stdout.write_all(margay_linux::render(plan, &margay_linux::Options::default()).as_bytes())?;
            streams.hint("Next: `nft list table inet margay` on the node shows what is really there.")?;
        }
        (Dataplane::Hns, Output::Json) => hns::json(plan, &args.node, args.hns_version, streams)?,
        (Dataplane::Hns, Output::Table) => {
            hns::print(plan, args.hns_version, streams)?;
            streams.hint("Next: `vfpctrl /port PORT /list-rule` on the node shows what is really there, by the ids that -o json prints.")?;
        }
    }
    Ok(Exit::Fine)
}
