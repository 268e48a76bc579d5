//! `margay lab run`: every flow of a list as a real packet.

use super::{Wiring, caveat, measure, privilege};
use crate::answer::{Answer, Word};
use crate::commands::render::version;
use crate::flows::{Question, Resolved};
use crate::input::Files;
use crate::lines::{Lines, write_answered, write_error};
use crate::streams::{Exit, Failure, Streams};
use crate::words::counted;
use crate::{Party, World};
use margay_hcn::Version;
use margay_lab::cluster::{self, Cluster, HNS_VERSION, Measured, Options};
use margay_policy::{Flow, Layer};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Send every flow of a list as a real packet through the real data plane, and compare with the prediction
///
/// The cluster becomes network namespaces on this machine for as long as it takes; nothing else on it is touched. The flows are those of
/// `margay eval`, and each line of the output has its answer with `predicted` and `measured` added: `measured` is allow where the first packet
/// reached the far end and, for TCP, the answer came back. Where a flow can't be sent (from an end to itself, say) it is null, and `unmeasured` says why.
///
/// A node labelled kubernetes.io/os: windows is one: its pods' packets pass an emulated VFP, programmed as a real one would be. What is denied there because
/// HNS can't express the rule that allows it (an ICMP type, an SCTP port) has `unsupported` true, and is no disagreement.
///
/// Exit code 1 where a measurement is not as predicted; 2 where a line was bad.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay lab run -f cluster/ --flows flows.jsonl -o jsonl
  echo '{\"from\":\"shop/web\",\"to\":\"shop/db\",\"port\":5432}' | margay lab run -f cluster/ --flows -")]
pub(super) struct Args {
    #[command(flatten)]
    input: Files,
    /// The file of flows, or - for standard input
    #[arg(long, value_name = "FILE")]
    flows: String,
    /// How pods are joined to their nodes
    #[arg(long, value_enum, default_value_t)]
    wiring: Wiring,
    /// What every node runs; without it, what each node's label kubernetes.io/os says
    #[arg(long, value_enum)]
    os: Option<Os>,
    /// The HNS of Windows nodes, which are emulated: 7.0 (Windows Server 1709), 9.5 (2019), 13.3 (2022), 15.4 (2025)
    #[arg(long, value_name = "VERSION", default_value_t = HNS_VERSION, value_parser = version)]
    hns_version: Version,
    /// Drop packets that belong to no connection and can begin none, as a node's agent does by default
    #[arg(long)]
    drop_invalid: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Jsonl)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// The lines with the answers added
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Os {
    /// nftables
    Linux,
    /// HNS and VFP, emulated
    Windows,
}

impl From<Os> for cluster::Os {
    fn from(os: Os) -> Self {
        match os {
            Os::Linux => Self::Linux,
            Os::Windows => Self::Windows,
        }
    }
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    answer: Answer,
    predicted: Word,
    measured: Option<Word>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmeasured: Option<String>,
    /// It is denied on a Windows node because HNS can't express the rule that allows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsupported: bool,
}

pub(super) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let Output::Jsonl = args.output;
    if args.flows == "-" && args.input.reads_stdin() {
        return Err(Failure::usage("standard input can't be both the resources (-f -) and the flows (--flows -)"));
    }
    privilege()?;
    let world = args.input.world(streams)?;
    let asked = read(&args.flows, &world, streams)?;
    let options = Options {
        wiring: args.wiring.into(),
        drop_invalid: args.drop_invalid,
        os: args.os.map(Into::into),
        hns_version: Some(args.hns_version),
        ..Options::default()
    };
    let mut cluster = Cluster::up(&world.updates(), options).map_err(|error| Failure::usage(error.to_string()))?;
    caveat(&cluster, streams)?;

    let of = |asked: &Resolved| asked.backends.clone().unwrap_or_else(|| vec![asked.flow]);
    let flows: Vec<Flow> = asked.iter().filter_map(|(_, asked)| asked.as_ref().ok()).flat_map(|(_, a)| of(a)).collect();
    let mut measured = measure(&mut cluster, &flows)?.into_iter();
    let (mut bad, mut wrong, mut unsent) = (false, 0, 0);
    for (number, asked) in &asked {
        match asked {
            Err(error) => {
                bad = true;
                write_error(streams.stdout, *number, error)?;
            }
            Ok((line, asked)) => {
                let outcomes: Vec<Measured> = measured.by_ref().take(of(asked).len()).collect();
                let mut row = row(&world, asked, &outcomes);
                let differs = row.measured.is_some_and(|word| word != row.predicted);
                row.unsupported = differs
                    && row.predicted == Word::Allow
                    && of(asked).iter().any(|flow| cluster.is_unsupported(flow));
                wrong += usize::from(differs && !row.unsupported);
                unsent += usize::from(row.measured.is_none());
                write_answered(streams.stdout, line, &row)?;
            }
        }
    }
    streams.stdout.flush()?;
    if unsent > 0 {
        writeln!(streams.stderr, "{} could not be sent: `unmeasured` says why", counted(unsent, "flow"))?;
    }
    if wrong > 0 {
        writeln!(streams.stderr, "{} measured otherwise than predicted", counted(wrong, "flow"))?;
    }
    Ok(match (bad, wrong) {
        (true, _) => Exit::BadInput,
        (false, 0) => Exit::Fine,
        (false, _) => Exit::Findings,
    })
}

/// Of several backends, all must let the flow through, as in the prediction; a service without any lets nothing through.
fn row(world: &World, asked: &Resolved, outcomes: &[Measured]) -> Row {
    let answer = Answer::of(world.plan(), Layer::Enforced, asked);
    let predicted = answer.verdict;
    let words: Option<Vec<bool>> = outcomes.iter().map(|outcome| outcome.allowed()).collect();
    let unmeasured = outcomes.iter().find_map(|outcome| match outcome {
        Measured::Not(why) => Some(why.to_string()),
        Measured::Sent { .. } => None,
    });
    let (measured, unmeasured) = match words {
        Some(words) if words.is_empty() => (None, Some("the service has no backend to send to".to_owned())),
        Some(words) => (Some(words.into_iter().all(|allowed| allowed).into()), None),
        None => (None, unmeasured),
    };
    Row { answer, predicted, measured, unmeasured, unsupported: false }
}

type Asked = Vec<(u64, Result<(String, Resolved), String>)>;

fn read(path: &str, world: &World, streams: &mut Streams<'_>) -> Result<Asked, Failure> {
    let from: Box<dyn Read + '_> = if path == "-" {
        Box::new(&mut *streams.stdin)
    } else {
        Box::new(File::open(path).map_err(|error| Failure::usage(format!("{path} can't be opened: {error}")))?)
    };
    read_lines(BufReader::new(from), world)
}

fn read_lines(from: impl BufRead, world: &World) -> Result<Asked, Failure> {
    let mut lines = Lines::new(from);
    let mut asked = Vec::new();
    loop {
        let next = lines.next().map_err(|error| Failure::usage(format!("the flows can't be read: {error}")))?;
        let Some((number, line)) = next else { return Ok(asked) };
        let resolved = line.and_then(|line| {
            let question = Question::parse(line)?;
            let from = Party::find(world, &question.from, None)?;
            let to = Party::find(world, &question.to, None)?;
            Ok((line.to_owned(), question.resolve(world, &from, &to)?))
        });
        asked.push((number, resolved));
    }
}
