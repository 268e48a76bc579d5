//! `margay status`: how the nodes are doing, and how far each policy is.

mod cluster;
mod print;

use crate::live::Live;
use crate::streams::{Exit, Failure, Streams};
use cluster::Cluster;
use margay_kubernetes::yaml;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked again.
const AGAIN: Duration = Duration::from_millis(500);

/// Show how each node is doing and how far each policy is
///
/// In a cluster it is what the agents and the controller report; with --status-file what the agent of this node says, without a cluster. With --wait it ends when every policy is
/// realized, at its newest generation, on every node that has endpoints of it: exit code 1 where that takes longer than --timeout.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay status
  margay status shop/web
  kubectl apply -f policies/ && margay status --wait --timeout 30s
  margay status --status-file /run/margay/status.json -o yaml")]
pub(crate) struct Args {
    /// This policy alone: NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME
    #[arg(conflicts_with = "status_file")]
    policy: Option<String>,
    #[command(flatten)]
    live: Live,
    /// Of this node alone, from the file that its agent keeps (agent --status-file)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kubeconfig", "context"])]
    status_file: Option<PathBuf>,
    /// Wait until all is in force
    #[arg(long)]
    wait: bool,
    /// How long to wait: 30s, 2m
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration, requires = "wait")]
    timeout: Duration,
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
    /// The same as YAML
    Yaml,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    match &args.status_file {
        Some(file) => of_node(args, file, streams),
        None => of_cluster(args, streams),
    }
}

fn of_cluster(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let api = args.live.api()?;
    let read = || Cluster::read(&api, args.policy.as_deref());
    let (cluster, missing) = waited(args, read, Cluster::missing)?;
    match args.output {
        Output::Table => print::cluster(&cluster, args.policy.is_some(), streams)?,
        form => write(&cluster, form, streams)?,
    }
    ended(args, &missing, streams)
}

fn of_node(args: &Args, file: &Path, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let failed = |why: String| Failure::usage(format!("{} can't be read: {why}", file.display()));
    let read = || {
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str::<Value>(&text).map_err(|error| failed(error.to_string()))
    };
    let missing = |status: &Value| {
        let mut missing = Vec::new();
        if status["inSync"] != json!(true) {
            missing.push("the agent has not read the cluster yet".to_owned());
        }
        if let Some(waiting) = status["waiting"].as_u64().filter(|waiting| *waiting > 0) {
            missing.push(format!("{waiting} endpoints are waited for"));
        }
        let failing = status["failing"].as_array().into_iter().flatten();
        missing.extend(failing.map(|one| format!("{}: {}", word(&one["object"]), word(&one["error"]))));
        missing
    };
    let (status, missing) = waited(args, read, missing)?;
    match args.output {
        Output::Table => print::node(&status, streams)?,
        form => write(&status, form, streams)?,
    }
    ended(args, &missing, streams)
}

/// What is read, and what is missing of it; with --wait, when nothing is, or the time is over.
fn waited<T>(
    args: &Args,
    mut read: impl FnMut() -> Result<T, Failure>,
    missing: impl Fn(&T) -> Vec<String>,
) -> Result<(T, Vec<String>), Failure> {
    let until = Instant::now() + args.timeout;
    loop {
        let found = read()?;
        let missing = missing(&found);
        if !args.wait || missing.is_empty() || Instant::now() + AGAIN > until {
            return Ok((found, missing));
        }
        std::thread::sleep(AGAIN);
    }
}

fn ended(args: &Args, missing: &[String], streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    if !args.wait || missing.is_empty() {
        return Ok(Exit::Fine);
    }
    streams.stdout.flush()?;
    let timeout = humantime::format_duration(args.timeout);
    writeln!(streams.stderr, "not all is in force after {timeout}:")?;
    for one in missing {
        writeln!(streams.stderr, "  {}", crate::streams::clean(one))?;
    }
    Ok(Exit::Findings)
}

fn write(value: &impl Serialize, form: Output, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let value = serde_json::to_value(value).map_err(std::io::Error::from)?;
    match form {
        Output::Yaml => write!(streams.stdout, "{}", yaml(&value))?,
        _ => writeln!(streams.stdout, "{value:#}")?,
    }
    Ok(())
}

/// A text, or nothing.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
