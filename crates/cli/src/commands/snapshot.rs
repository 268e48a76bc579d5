//! `margay snapshot`: a cluster as a file.

use crate::live::Live;
use crate::streams::{Exit, Failure, Streams};
use crate::words::counted;
use std::path::PathBuf;

/// Write all that policy speaks of in a cluster to one YAML: to ask it later, elsewhere, or before and after a change
///
/// Only the kinds and the fields that Margay reads are in it: no secrets, no annotations but those that say how nodes are reached, and of a pod no more than its
/// labels, its node, its addresses, its service account and its ports. The same cluster gives the same text. Nothing in the cluster is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay snapshot > cluster.yaml
  margay snapshot --context production -o production.yaml
  margay snapshot | margay matrix -f -")]
pub(crate) struct Args {
    #[command(flatten)]
    live: Live,
    /// Write to this file rather than to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let text = args.live.snapshot(streams)?;
    let Some(file) = &args.output else {
        streams.stdout.write_all(text.as_bytes())?;
        return Ok(Exit::Fine);
    };
    let written = std::fs::write(file, &text);
    written.map_err(|error| Failure::usage(format!("{} can't be written: {error}", file.display())))?;
    let objects = text.lines().filter(|line| *line == "---").count();
    writeln!(streams.stderr, "{} in {}", counted(objects, "object"), file.display())?;
    Ok(Exit::Fine)
}
