//! `margay replay`: what an agent recorded, run again.

use crate::streams::{Exit, Failure, Streams};
use crate::words::counted;
use margay_api::{Key, Object};
use margay_datastore::Event;
use margay_datastore::stream::{Reader, Step};
use margay_engine::{Engine, Scope};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Run again what an agent recorded (--record) or kept (its snapshot), and say what it comes to
///
/// The recording is given to a fresh engine step by step, as the agent had it, and its last state to another at once: both must come to the same. With
/// --rules, what they come to is printed as the rules of nftables, to be compared with another's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay replay /var/lib/margay/recording
  margay replay recording --rules > again; sudo nft list table inet margay
  margay replay /var/lib/margay/snapshot --node worker-2")]
pub(crate) struct Args {
    /// The recording, or the snapshot
    file: PathBuf,
    /// A node, in the place of the one whose agent recorded it
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Print the rules of nftables
    #[arg(long)]
    rules: bool,
}

/// A recording, run.
struct Run {
    engine: Engine,
    objects: BTreeMap<Key, Arc<Object>>,
    node: String,
    steps: usize,
    ended: Option<String>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let mut run = replay(&args.file, args.node.as_deref())?;
    let mut at_once = Engine::new(Scope::Node(run.node.as_str().into()));
    for (key, object) in &run.objects {
        at_once.update(key, Some(object));
    }
    at_once.in_sync();
    at_once.flush();
    run.engine.flush();
    let plan = run.engine.plan();
    let same = rules(plan) == rules(at_once.plan());
    if args.rules {
        streams.stdout.write_all(rules(plan).as_bytes())?;
        return told(&run, same, streams.stderr);
    }
    let policies = plan.policies.iter().filter(|(_, policy)| policy.enforced).count();
    let (endpoints, resources) =
        (counted(plan.endpoints.iter().count(), "endpoint"), counted(run.objects.len(), "resource"));
    let policies = if policies == 1 { "1 policy".to_owned() } else { format!("{policies} policies") };
    writeln!(
        streams.stdout,
        "Node {}: {} come to {resources}: {policies}, on {endpoints}.",
        run.node,
        counted(run.steps, "step")
    )?;
    told(&run, same, streams.stdout)
}

/// What there is to say of it beside what it comes to.
fn told(run: &Run, same: bool, out: &mut dyn std::io::Write) -> Result<Exit, Failure> {
    if let Some(ended) = &run.ended {
        writeln!(out, "What comes after these is not read: {ended}.")?;
    }
    if !same {
        writeln!(
            out,
            "The steps one by one come to something else than their last state at once: that is a fault of Margay's."
        )?;
    }
    Ok(if same && run.ended.is_none() { Exit::Fine } else { Exit::Findings })
}

/// What a plan comes to, as text that is the same for the same.
fn rules(plan: &margay_policy::Plan) -> String {
    margay_linux::render(plan, &margay_linux::Options::default())
}

fn replay(path: &Path, node: Option<&str>) -> Result<Run, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::usage(format!("{} can't be replayed: {error}", path.display()));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut reader = Reader::open(BufReader::new(file)).map_err(|error| failed(&error))?;
    let node = node.unwrap_or(&reader.header().node).to_owned();
    let engine = Engine::new(Scope::Node(node.as_str().into()));
    let mut run = Run { engine, objects: BTreeMap::new(), node, steps: 0, ended: None };
    let mut in_sync = false;
    for record in &mut reader {
        let step = match record {
            Ok(record) => record.step,
            Err(error) => {
                run.ended = Some(error.to_string());
                break;
            }
        };
        run.steps += usize::from(step != Step::Mark);
        match step.into_event() {
            Some(Event::Update(update)) => {
                run.engine.take(&update);
                match update.value {
                    Some(object) => drop(run.objects.insert(update.key, object)),
                    None => drop(run.objects.remove(&update.key)),
                }
            }
            Some(_) => {
                in_sync = true;
                run.engine.in_sync();
            }
            // The agent worked out what was told together at once.
            None if in_sync => drop(run.engine.flush()),
            None => {}
        }
    }
    Ok(run)
}
