//! `margay render`: what a node's data plane is programmed with.

use crate::input::Input;
use crate::streams::{Exit, Failure, Streams};
use crate::words;
use margay_api::Kind;
use margay_engine::Scope;

/// Print the exact rules that a node is programmed with, each with the policy it is from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay render --node worker-1 -f cluster/
  margay render --node worker-1 -f cluster/ > before; edit; margay render --node worker-1 -f cluster/ | diff before -")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// The node
    #[arg(long)]
    node: String,
    /// The data plane
    #[arg(long, value_enum, default_value_t = Dataplane::Nft)]
    dataplane: Dataplane,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Dataplane {
    /// nftables, in the words of nft
    Nft,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let Dataplane::Nft = args.dataplane;
    let world = args.input.world_of(Scope::Node(args.node.as_str().into()), streams)?;
    let plan = world.plan();
    if plan.nodes.is_empty() && plan.endpoints.is_empty() {
        let nodes = world.objects().filter(|object| object.key().kind == Kind::Node);
        let nodes = words::list(nodes.map(|node| node.key().name.to_string()), "and");
        return Err(Failure::usage(format!("nothing is on a node {}; there is {nodes}", args.node)));
    }
    streams.stdout.write_all(margay_linux::render(plan, &margay_linux::Options::default()).as_bytes())?;
    streams.hint("Next: `nft list table inet margay` on the node shows what is really there.")?;
    Ok(Exit::Fine)
}
