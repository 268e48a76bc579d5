//! `margay matrix`: who may reach whom, and what would change.

mod cells;
mod print;

use crate::Party;
use crate::input::Input;
use crate::probes::{PortChoice, Probes};
use crate::streams::{Exit, Failure, Progress, Streams};
use cells::Matrix;
use margay_policy::Layer;
use std::path::PathBuf;

/// Show who may reach whom, and over which ports; with --with or --staged, what would change
///
/// The answer is exact for every port of TCP, UDP and SCTP and for ICMP echo, from source port 40000. Pods of one workload that policy can't
/// tell apart are one row, unless --pods asks for each.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay matrix --context production
  margay matrix -f cluster/
  margay matrix -f cluster/ -n shop -n billing --port 443 --port udp/53
  margay matrix -f cluster/ --with proposed/        # what would change
  margay matrix -f cluster/ --staged                # what the staged policies would change
  margay matrix -f cluster/ --also 8.8.8.8 -o csv")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// Pods of this namespace alone; may be repeated
    #[arg(short, long)]
    namespace: Vec<String>,
    /// Ask about this port alone: 80, udp/53, tcp/8000-8010 or icmp; may be repeated
    #[arg(short, long, value_name = "PORT")]
    port: Vec<PortChoice>,
    /// A row and a column for this too: an address, node/NAME or namespace/pod; may be repeated
    #[arg(long, value_name = "END")]
    also: Vec<String>,
    /// A row for each pod
    #[arg(long)]
    pods: bool,
    /// Show what would change if this file or folder were added; an object that is in both is the one in here
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "staged")]
    with: Vec<PathBuf>,
    /// Show what would change if the staged policies were in force
    #[arg(long)]
    staged: bool,
    /// Exit with 1 where something would change
    #[arg(long)]
    fail_on_change: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// One line for each pair: from, to, allowed (and after)
    Csv,
}

/// Pairs of classes times packets; beyond it would take minutes.
const MOST_VERDICTS: usize = 200_000_000;

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let (before, after) = if args.with.is_empty() {
        (args.input.world(streams)?, None)
    } else {
        let (before, after) = args.input.worlds(&args.with, streams)?;
        (before, Some(after))
    };
    let plans: Vec<_> = [Some(&before), after.as_ref()].into_iter().flatten().map(crate::World::plan).collect();
    let probes = Probes::of(&plans, &args.port);
    let sides = match (&after, args.staged) {
        (Some(after), _) => vec![(&before, Layer::Enforced), (after, Layer::Enforced)],
        (None, true) => vec![(&before, Layer::Enforced), (&before, Layer::Staged)],
        (None, false) => vec![(&before, Layer::Enforced)],
    };
    let also = |world, text: &String| Party::find(world, text, None).map_err(Failure::Usage);
    for text in &args.also {
        also(&before, text)?;
    }
    let progress = Progress::new("asking who may reach whom", streams);
    let matrix = Matrix::of(&sides, &probes, &args.namespace, &args.also, args.pods, MOST_VERDICTS, progress);
    let matrix = matrix.map_err(Failure::Usage)?;
    match args.output {
        Output::Table => print::table(&matrix, &probes, streams)?,
        Output::Json => print::json(&matrix, &probes, streams.stdout)?,
        Output::Csv => print::csv(&matrix, &probes, streams.stdout)?,
    }
    let changed = args.fail_on_change && matrix.changed();
    Ok(if changed { Exit::Findings } else { Exit::Fine })
}
