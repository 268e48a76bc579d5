//! `margay validate`: everything that is wrong with what is written.

use crate::input::Input;
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::words::counted;
use margay_api::{Problem, Severity};
use margay_datastore::{Folder, Source};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Check resources: every object, every error, with its place and how to mend it
///
/// The exit code is 1 where there are errors. Warnings and notes leave it 0, unless --strict.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay validate -f cluster/
  margay validate                          # what is in the cluster
  margay validate --context test -f new/   # as it would be with these applied
  kubectl get netpol,pods -A -o yaml | margay validate -f -
  margay validate -f cluster/ --strict -o json")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// Exit with 1 for warnings too
    #[arg(long)]
    strict: bool,
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
    /// One line for each problem, as compilers print them
    Lines,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    objects: usize,
    kinds: BTreeMap<&'static str, usize>,
    errors: usize,
    warnings: usize,
    problems: Vec<ProblemReport<'a>>,
}

#[derive(Debug, Serialize)]
struct ProblemReport<'a> {
    severity: String,
    file: &'a str,
    line: u32,
    column: u32,
    object: &'a str,
    path: &'a str,
    message: &'a str,
    help: &'a str,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let folders = args.input.read(streams)?;
    // What files laid over a cluster leave out may be in the cluster.
    let is_note_of_file = |index: usize, problem: &Problem| index > 0 && problem.file.is_empty();
    let problems = folders
        .iter()
        .enumerate()
        .flat_map(|(index, folder)| folder.problems().iter().filter(move |problem| !is_note_of_file(index, problem)));
    let problems: Vec<&Problem> = problems.collect();
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut kinds = BTreeMap::new();
    for key in folders.iter().flat_map(|folder| folder.places().keys()).collect::<BTreeSet<_>>() {
        *kinds.entry(key.kind.name()).or_insert(0) += 1;
    }
    let report = Report {
        objects: kinds.values().sum(),
        kinds,
        errors,
        warnings,
        problems: problems.iter().map(|problem| ProblemReport::of(problem)).collect(),
    };
    match args.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut *streams.stdout, &report).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
        Output::Lines => {
            for problem in &problems {
                writeln!(streams.stdout, "{}", crate::streams::clean(&problem.to_string()))?;
            }
        }
        Output::Text => {
            print(&report, &problems, &folders, streams)?;
        }
    }
    let found = errors > 0 || args.strict && warnings > 0;
    Ok(if found { Exit::Findings } else { Exit::Fine })
}

impl<'a> ProblemReport<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self {
            severity: problem.severity.to_string(),
            file: &problem.file,
            line: problem.span.start.line,
            column: problem.span.start.column,
            object: &problem.object,
            path: &problem.path,
            message: &problem.message,
            help: &problem.help,
        }
    }
}

fn print(
    report: &Report<'_>,
    problems: &[&Problem],
    folders: &[Arc<Folder>],
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let paint = streams.paint();
    let mut last: Option<(&str, String)> = None;
    for problem in problems {
        let text = match last.take() {
            Some((file, text)) if *file == *problem.file => text,
            _ => folders.iter().find_map(|folder| folder.text_of(&problem.file)).unwrap_or_default(),
        };
        writeln!(streams.stdout, "{}", problem.render(&text, paint.0))?;
        last = Some((&problem.file, text));
    }
    let kinds: Vec<_> = report.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let tone = match (report.errors, report.warnings) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Mixed,
        _ => Tone::Bad,
    };
    let found = format!("{}, {}", counted(report.errors, "error"), counted(report.warnings, "warning"));
    writeln!(streams.stdout, "{}{kinds}: {}", counted(report.objects, "object"), paint.apply(tone, &found))?;
    let next = if report.errors > 0 {
        "What an invalid rule does: an Allow allows nothing, a Deny denies everything; all other rules and objects are in force."
    } else {
        "Next: `margay matrix` with the same -f shows who may reach whom."
    };
    streams.hint(next)?;
    Ok(())
}
