//! `margay eval`: a verdict for each flow of a list.

use crate::answer::Answer;
use crate::flows::{Question, Resolved};
use crate::input::Input;
use crate::lines::{Lines, write_answered, write_error};
use crate::streams::{Exit, Failure, Streams};
use crate::{Party, World};
use margay_policy::Layer;
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Say of each flow of a list whether it is allowed, and by what
///
/// Flows are JSON objects, one a line: {"from":"shop/web","to":"shop/db","protocol":"TCP","port":5432}. `from` and `to` are namespace/pod,
/// node/NAME or an address; a service's address is answered for each of its backends. `protocol` (TCP where absent) is TCP, UDP, SCTP, ICMP,
/// ICMPv6, UDPLite or a number; TCP, UDP and SCTP need a `port`. There may be `sourcePort` (40000), `icmpType`, `icmpCode` and `family` (4 or 6).
///
/// Each line of the output is its line of the input with the answer added. A line that can't be answered gives {"error", "line"} in its
/// place, and exit code 2 at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay eval -f cluster/ --flows flows.jsonl
  echo '{\"from\":\"shop/web\",\"to\":\"shop/db\",\"port\":5432}' | margay eval -f cluster/ --flows -
  margay eval -f cluster/ --flows flows.jsonl | jq -r 'select(.verdict == \"deny\") | \"\\(.from) \\(.to)\"'")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// The file of flows, or - for standard input
    #[arg(long, value_name = "FILE")]
    flows: String,
    /// Answer as if the staged policies were in force
    #[arg(long)]
    staged: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Jsonl)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// The lines with the answers added
    Jsonl,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let Output::Jsonl = args.output;
    if args.flows == "-" && args.input.reads_stdin() {
        return Err(Failure::usage("standard input can't be both the resources (-f -) and the flows (--flows -)"));
    }
    let world = args.input.world(streams)?;
    let layer = if args.staged { Layer::Staged } else { Layer::Enforced };
    let (stdin, out) = (&mut *streams.stdin, &mut *streams.stdout);
    let mut answers = Answers { world: &world, layer, parties: FxHashMap::default(), bad: false };
    if args.flows == "-" {
        answers.write_all(BufReader::new(stdin), out)?;
    } else {
        let file = File::open(&args.flows)
            .map_err(|error| Failure::usage(format!("{} can't be opened: {error}", args.flows)))?;
        answers.write_all(BufReader::with_capacity(1 << 16, file), out)?;
    }
    Ok(if answers.bad { Exit::BadInput } else { Exit::Fine })
}

struct Answers<'w> {
    world: &'w World,
    layer: Layer,
    /// Ends that were found before: flows name the same ones over and over.
    parties: FxHashMap<String, Result<Party, String>>,
    bad: bool,
}

/// Ends that are kept.
const MOST_PARTIES: usize = 1 << 16;

impl Answers<'_> {
    fn write_all(&mut self, flows: impl BufRead, out: &mut dyn std::io::Write) -> Result<(), Failure> {
        let mut lines = Lines::new(flows);
        loop {
            let next = lines.next().map_err(|error| Failure::usage(format!("the flows can't be read: {error}")))?;
            let Some((number, line)) = next else { return Ok(()) };
            let asked = line.and_then(|line| Ok((line, self.resolve(line)?)));
            match asked {
                Ok((line, asked)) => write_answered(out, line, &Answer::of(self.world.plan(), self.layer, &asked))?,
                Err(error) => {
                    self.bad = true;
                    write_error(out, number, &error)?;
                }
            }
        }
    }

    fn resolve(&mut self, line: &str) -> Result<Resolved, String> {
        let question = Question::parse(line)?;
        if self.parties.len() >= MOST_PARTIES {
            self.parties.clear();
        }
        for text in [&question.from, &question.to] {
            if !self.parties.contains_key(&**text) {
                self.parties.insert(text.to_string(), Party::find(self.world, text, None));
            }
        }
        let found = |text: &str| self.parties[text].as_ref().map_err(Clone::clone);
        let (from, to) = (found(&question.from)?, found(&question.to)?);
        question.resolve(self.world, from, to)
    }
}
