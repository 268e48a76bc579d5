//! `margay migrate`: what will be different when Margay enforces policy in Calico's place.

mod felix;
mod kinds;
mod policy;

use crate::input::read;
use crate::streams::{Exit, Failure, Streams, Tone, clean};
use crate::words::counted;
use margay_api::document::{Limits, Node};
use margay_api::{Written, decode_as, each_written};
use margay_datastore::Folder;
use serde::Serialize;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Places of one difference that are printed; the rest are counted.
const MOST: usize = 5;
/// Groups whose objects are Calico's.
const CALICO: [&str; 3] = ["projectcalico.org", "crd.projectcalico.org", "operator.tigera.io"];

/// Say what will be different when Margay takes Calico's place, before anything is changed
///
/// Reads the resources of a cluster that Calico enforces policy in, the kinds too that Margay does not read, and names every object and field that
/// ends with Calico's agent, lets less through, or means something else; and what has to go on running. What it does not name means the same. The exit
/// code is 1 where something will be different.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl get nodes,tiers.crd.projectcalico.org,globalnetworkpolicies.crd.projectcalico.org,felixconfigurations.crd.projectcalico.org -A -o yaml | margay migrate -f -
  margay migrate -f cluster/
  margay migrate -f cluster.yaml -o json")]
pub(crate) struct Args {
    /// YAML or JSON: a file, a folder with all below it, or - for standard input; may be repeated
    #[arg(short, long = "filename", value_name = "FILE|DIR", required = true)]
    filename: Vec<PathBuf>,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// What becomes of something that Calico does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
enum Effect {
    /// It ends with Calico's agent.
    Ends,
    /// Less is let through.
    Closes,
    /// It is done otherwise.
    Differs,
    /// It goes on as long as what does it goes on.
    Stays,
    /// Nothing comes of it any more, and nothing is lost.
    Idle,
}

impl Effect {
    fn heading(self) -> (Tone, &'static str) {
        match self {
            Self::Ends => (Tone::Bad, "Ends with Calico's agent, and Margay does not do it"),
            Self::Closes => (Tone::Bad, "Lets less through"),
            Self::Differs => (Tone::Mixed, "Is done otherwise"),
            Self::Stays => (Tone::Plain, "Is not Margay's, and needs what does it now to go on running"),
            Self::Idle => (Tone::Dim, "Has no effect any more, and nothing is lost"),
        }
    }
}

/// Something that will be different.
#[derive(Debug, Serialize)]
struct Difference {
    effect: Effect,
    file: SmolStr,
    line: u32,
    object: String,
    /// The path in the object; empty for all of it.
    path: String,
    text: String,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Objects that are read and mean the same.
    same: usize,
    /// Objects of which something is said.
    different: usize,
    differences: Vec<Difference>,
}

/// An object that is looked at.
struct Subject<'a> {
    node: &'a Node,
    file: &'a Arc<str>,
    name: String,
}

impl Subject<'_> {
    fn difference(&self, effect: Effect, line: u32, path: impl Into<String>, text: impl Into<String>) -> Difference {
        let (file, object) = (SmolStr::new(self.file), self.name.clone());
        Difference { effect, file, line, object, path: path.into(), text: text.into() }
    }

    /// Of the whole object.
    fn whole(&self, effect: Effect, text: impl Into<String>) -> Difference {
        self.difference(effect, self.node.span.start.line, "", text)
    }

    /// A value by the names of the fields that lead to it.
    fn field(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self.node, |node, name| node.get(name))
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let folder = read(&args.filename, streams)?;
    let report = compare(&folder);
    match args.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut *streams.stdout, &report).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
        Output::Text => print(&report, streams)?,
    }
    let different = report.differences.iter().any(|difference| difference.effect <= Effect::Differs);
    Ok(if different { Exit::Findings } else { Exit::Fine })
}

fn compare(folder: &Folder) -> Report {
    let mut report = Report::default();
    for file in folder.files() {
        each_written(&folder.text_of(file).unwrap_or_default(), &Limits::default(), |written| match written {
            Ok(written) => object(written, file, &mut report),
            Err((span, message)) => report.differences.push(Difference {
                effect: Effect::Ends,
                file: SmolStr::new(file),
                line: span.start.line,
                object: String::new(),
                path: String::new(),
                text: format!("can't be read, so that nothing is known of it: {message}"),
            }),
        });
    }
    report
}

fn object(written: Written<'_>, file: &Arc<str>, report: &mut Report) {
    let Written { node, api_version, kind } = written;
    let metadata = |name: &str| node.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Node::as_text);
    let name = match (metadata("namespace"), metadata("name").unwrap_or_default()) {
        (Some(namespace), name) => format!("{kind} {namespace}/{name}"),
        (None, name) => format!("{kind} {name}"),
    };
    let subject = Subject { node, file, name };
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let found = match decode_as(node, file, api_version, kind) {
        Some(decoded) => policy::differences(&subject, &decoded),
        None if kind == "FelixConfiguration" && CALICO.contains(&group) => felix::differences(&subject),
        None if CALICO.contains(&group) => kinds::differences(&subject, kind),
        // Nothing of Calico's, and nothing that policy speaks of.
        None => return,
    };
    if found.is_empty() {
        report.same += 1;
    } else {
        report.different += 1;
    }
    report.differences.extend(found);
}

/// By what becomes of them; the same said of many objects of a kind is said once.
fn print(report: &Report, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let paint = streams.paint();
    let mut groups: BTreeMap<Effect, Vec<(&str, Vec<&Difference>)>> = BTreeMap::new();
    for difference in &report.differences {
        let group = groups.entry(difference.effect).or_default();
        match group.iter_mut().find(|(text, _)| *text == difference.text) {
            Some((_, places)) => places.push(difference),
            None => group.push((&difference.text, vec![difference])),
        }
    }
    for (effect, group) in &groups {
        let (tone, heading) = effect.heading();
        writeln!(streams.stdout, "{}:", paint.apply(tone, heading))?;
        for (text, places) in group {
            writeln!(streams.stdout, "  {}", clean(text))?;
            for place in places.iter().take(MOST) {
                writeln!(streams.stdout, "    {}", clean(&place.place()))?;
            }
            if places.len() > MOST {
                writeln!(streams.stdout, "    and {} more", places.len() - MOST)?;
            }
        }
        writeln!(streams.stdout)?;
    }
    let [same, different] = [report.same, report.different].map(|count| counted(count, "object"));
    writeln!(streams.stdout, "Unchanged: {same}. Above: {different}.")?;
    streams.hint("Next: docs/migrate-from-calico.md has the steps; `margay matrix` with the same -f shows who may reach whom; `margay render --dataplane hns --node NAME` what a Windows node can't enforce.")?;
    Ok(())
}

impl Difference {
    fn place(&self) -> String {
        let Self { file, line, object, path, .. } = self;
        [format!("{file}:{line}"), object.clone(), path.clone()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ")
    }
}
