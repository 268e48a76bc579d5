//! `margay cleanup`: leaves no trace on this node.

use crate::streams::{Exit, Failure, Streams};

/// Remove everything that Margay programmed on this node: its nftables table, in the network namespace it runs in
///
/// Afterwards no policy is in force here. Stop the agent first: it would program the table again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo margay cleanup
  sudo ip netns exec blue margay cleanup")]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let removed = margay_linux::cleanup().map_err(Failure::Usage)?;
    let text = if removed {
        "Removed the nftables table inet margay: no policy is in force on this node."
    } else {
        "Nothing to remove: there is no nftables table inet margay."
    };
    writeln!(streams.stdout, "{text}")?;
    Ok(Exit::Fine)
}
