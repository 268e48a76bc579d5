//! `margay flows`: what the agents say of flows that are denied.

use crate::live::Live;
use crate::streams::{Exit, Failure, Streams, Tone, clean};
use margay_kubernetes::{Api, escaped};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

/// The pods of agents, and the container in them.
const AGENTS: &str = "app.kubernetes.io/name=margay,app.kubernetes.io/component=agent";
/// Lines of each agent that are read of what was before.
const BEFORE: u32 = 10_000;

/// List the flows that are denied, each with the policy that denies it
///
/// They are what the agents write to their standard output where the setting flowLog is `-`: the log of their pods is read. With --file it is a file: what flowLog names on a node, or - for
/// standard input. An agent tells of a flow at once, then once in ten seconds with how many packets there were.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay flows -n shop
  margay flows -f --verdict deny --pod shop/web
  margay flows --node worker-1 -o json | jq -r .policy | sort | uniq -c
  margay flows --file /var/log/margay/flows.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    live: Live,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long, conflicts_with = "file")]
    follow: bool,
    /// This verdict alone
    #[arg(long, value_enum)]
    verdict: Option<Verdict>,
    /// Flows from or to pods of this namespace alone
    #[arg(short, long)]
    namespace: Option<String>,
    /// Flows from or to this pod alone: NAME or NAMESPACE/NAME
    #[arg(long)]
    pod: Option<String>,
    /// What this node's agent says alone
    #[arg(long)]
    node: Option<String>,
    /// Read this file, or - for standard input, rather than a cluster
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kubeconfig", "context"])]
    file: Option<PathBuf>,
    /// The namespace of the agents
    #[arg(long, value_name = "NAME", default_value = "margay-system")]
    agents: String,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Verdict {
    /// A rule, or the end of a tier, dropped it
    Deny,
    /// A Log rule told of it
    Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people: one line each
    Table,
    /// The lines as the agents wrote them
    Json,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    match &args.file {
        Some(file) if file.as_os_str() == "-" => {
            let Streams { stdin, stdout, terminal, .. } = streams;
            let painted = terminal.stdout && terminal.color;
            let mut printer = Printer { args, painted, out: *stdout, header: false };
            each_line(BufReader::new(stdin), |line| printer.line(line))?;
        }
        Some(file) => {
            let opened = File::open(file);
            let opened =
                opened.map_err(|error| Failure::usage(format!("{} can't be opened: {error}", file.display())))?;
            let mut printer = Printer::of(args, streams);
            each_line(BufReader::new(opened), |line| printer.line(line))?;
        }
        None => of_cluster(args, streams)?,
    }
    Ok(Exit::Fine)
}

/// What is no text in UTF-8 is no line of ours.
fn each_line(mut from: impl BufRead, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        take(&String::from_utf8_lossy(&line))?;
        line.clear();
    }
    Ok(())
}

fn of_cluster(args: &Args, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let api = args.live.api()?;
    let paths = logs(args, &api)?;
    let follow = if args.follow { "&follow=true" } else { "" };
    let paths: Vec<String> = paths.iter().map(|path| format!("{path}&tailLines={BEFORE}{follow}")).collect();
    let (mut before, mut silent, mut written) = (Vec::new(), Vec::new(), Ok(()));
    let mut printer = Printer::of(args, streams);
    api.lines(&paths, |_, line| match line {
        Err(error) => {
            silent.push(error.to_string());
            true
        }
        Ok(line) if args.follow => {
            written = printer.line(&line).and_then(|()| printer.out.flush());
            written.is_ok()
        }
        Ok(line) => {
            before.extend(flow(&line, args).map(|flow| (flow["time"].as_str().map(str::to_owned), line)));
            true
        }
    });
    written?;
    before.sort();
    for (_, line) in &before {
        printer.line(line)?;
    }
    for error in silent {
        writeln!(streams.stderr, "left out: {error}")?;
    }
    if before.is_empty() && !args.follow {
        streams.hint("Nothing is told of where the agents' setting flowLog is off: it is to be `-`.")?;
    }
    Ok(())
}

/// Where the logs of the agents are.
fn logs(args: &Args, api: &Api) -> Result<Vec<String>, Failure> {
    let namespace = &args.agents;
    let pods =
        api.list(&format!("/api/v1/namespaces/{}/pods?labelSelector={}", escaped(namespace), escaped(AGENTS)))?;
    let wanted = pods.iter().filter(|pod| args.node.as_ref().is_none_or(|node| pod["spec"]["nodeName"] == **node));
    let names = wanted.filter_map(|pod| pod["metadata"]["name"].as_str());
    let paths: Vec<String> = names
        .map(|name| format!("/api/v1/namespaces/{}/pods/{}/log?container=agent", escaped(namespace), escaped(name)))
        .collect();
    if paths.is_empty() {
        let node = args.node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
        return Err(Failure::usage(format!("no agent runs in namespace {namespace}{node} (--agents names another)")));
    }
    Ok(paths)
}

/// A line that is of a flow, and of one that is asked for; others are of something else.
fn flow(line: &str, args: &Args) -> Option<Value> {
    let flow: Value = serde_json::from_str(line.trim()).ok()?;
    let verdict = flow["verdict"].as_str()?;
    let is_wanted = args.verdict.is_none_or(|wanted| verdict == if wanted == Verdict::Deny { "deny" } else { "log" });
    let ends = [&flow["src"], &flow["dst"]];
    let any = |member: &str, wanted: &str| ends.iter().any(|end| end[member] == *wanted);
    let is_pod = |wanted: &String| match wanted.split_once('/') {
        Some((namespace, name)) => ends.iter().any(|end| end["namespace"] == *namespace && end["pod"] == *name),
        None => any("pod", wanted),
    };
    let is_wanted = is_wanted
        && args.namespace.as_ref().is_none_or(|namespace| any("namespace", namespace))
        && args.pod.as_ref().is_none_or(is_pod)
        && args.node.as_ref().is_none_or(|node| flow["node"] == **node);
    is_wanted.then_some(flow)
}

/// Prints lines as they come: columns of a width that most need.
struct Printer<'a> {
    args: &'a Args,
    painted: bool,
    out: &'a mut dyn io::Write,
    header: bool,
}

impl<'a> Printer<'a> {
    fn of(args: &'a Args, streams: &'a mut Streams<'_>) -> Self {
        let painted = streams.terminal.stdout && streams.terminal.color;
        Self { args, painted, out: &mut *streams.stdout, header: false }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let Some(flow) = flow(line, self.args) else { return Ok(()) };
        if self.args.output == Output::Json {
            return writeln!(self.out, "{flow}");
        }
        let paint = crate::streams::Paint(self.painted);
        if !std::mem::replace(&mut self.header, true) {
            let header = format!("{:24}  {:7}  {:5}  {:5}  FLOW", "TIME", "VERDICT", "COUNT", "PROTO");
            writeln!(self.out, "{}", paint.apply(Tone::Bold, &header))?;
        }
        let word = |name: &str| clean(flow[name].as_str().unwrap_or_default());
        let verdict = word("verdict");
        let tone = if verdict == "deny" { Tone::Bad } else { Tone::Plain };
        let [src, dst] = [end(&flow["src"]), end(&flow["dst"])];
        let count = flow["count"].as_u64().unwrap_or(1);
        let verdict = paint.apply(tone, &format!("{verdict:7}"));
        let before = format!("{:24}  {verdict}  {count:<5}  {:5}", word("time"), word("protocol"));
        writeln!(self.out, "{before}  {src} → {dst}  {}", paint.apply(Tone::Dim, &cause(&flow)))
    }
}

/// `namespace/pod:port` of what is a pod, else its address.
fn end(end: &Value) -> String {
    let word = |name: &str| end[name].as_str().filter(|word| !word.is_empty());
    let name = match (word("namespace"), word("pod"), word("ip")) {
        (Some(namespace), Some(pod), _) => format!("{namespace}/{pod}"),
        (_, _, Some(ip)) if ip.contains(':') => format!("[{ip}]"),
        (_, _, ip) => ip.unwrap_or("?").to_owned(),
    };
    let port = end["port"].as_u64().map(|port| format!(":{port}")).unwrap_or_default();
    clean(&(name + &port))
}

/// What decided: in the agent's words, where it has any.
fn cause(flow: &Value) -> String {
    let word = |name: &str| flow[name].as_str().filter(|word| !word.is_empty());
    let direction = word("direction").unwrap_or_default();
    let text = match (word("why"), word("policy"), flow["rule"].as_u64(), word("tier")) {
        (Some(why), ..) => why.to_owned(),
        (_, Some(policy), Some(rule), _) => format!("{direction} rule {rule} of {policy}"),
        (_, Some(policy), None, _) => format!("{direction}, {policy}"),
        (_, None, _, Some(tier)) => format!("{direction}, the end of tier {tier}"),
        _ => direction.to_owned(),
    };
    clean(&text)
}
