//! The command line: which commands there are, and how one is run.

#[cfg(any(target_os = "linux", windows))]
use crate::commands::{agent, cleanup};
#[cfg(target_os = "linux")]
use crate::commands::{controller, demo, lab, replay};
use crate::commands::{
    crds, diags, eval, explain, flows, matrix, migrate, pages, policies, render, selects, snapshot, status, validate,
};
use crate::streams::{Exit, Failure, Paint, Streams, Tone};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Network policy for Kubernetes clusters of Linux and Windows nodes: what it means, why, and what would change.
#[derive(Debug, Parser)]
#[command(
    name = "margay",
    version,
    after_help = "\
Exit codes: 0 fine; 1 findings, or something is not as expected; 2 bad usage or input.
Colours are left out where NO_COLOR is set, and wherever the output is no terminal."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(target_os = "linux")]
    Demo(demo::Args),
    Explain(explain::Args),
    Matrix(matrix::Args),
    Eval(eval::Args),
    Policies(policies::Args),
    Selects(selects::Args),
    Validate(validate::Args),
    Render(render::Args),
    Status(status::Args),
    Flows(flows::Args),
    Snapshot(snapshot::Args),
    Diags(diags::Args),
    #[cfg(target_os = "linux")]
    Lab(lab::Args),
    #[cfg(any(target_os = "linux", windows))]
    Agent(agent::Args),
    #[cfg(target_os = "linux")]
    Replay(replay::Args),
    #[cfg(any(target_os = "linux", windows))]
    Cleanup(cleanup::Args),
    #[cfg(target_os = "linux")]
    Controller(controller::Args),
    Crds(crds::Args),
    Migrate(migrate::Args),
    Completions(pages::CompletionsArgs),
    Man(pages::ManArgs),
}

/// The definition that help, man pages and completions come from.
///
/// ```
/// assert!(margay_cli::command().find_subcommand("explain").is_some());
/// ```
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments name, the first of which is the program's own name, and gives its exit code.
///
/// Called as `kubectl-margay`, as kubectl does for `kubectl margay`, help speaks of `kubectl margay`.
pub fn run<A: Into<OsString>>(args: impl IntoIterator<Item = A>, streams: &mut Streams<'_>) -> u8 {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let ended = dispatch(args, streams);
    // What can't be written is no answer; and the answer comes before what is said about it.
    let ended = streams.stdout.flush().map_err(Failure::from).and(ended);
    match ended {
        Ok(exit) => exit.code(),
        Err(failure) if failure.is_broken_pipe() => Exit::Fine.code(),
        Err(failure) => {
            let paint = Paint(streams.terminal.stderr && streams.terminal.color);
            // Where standard error is gone too, the exit code says it alone.
            let _ = writeln!(streams.stderr, "{}: {failure}", paint.apply(Tone::Bad, "error"));
            Exit::BadInput.code()
        }
    }
}

fn dispatch(args: Vec<OsString>, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let matches = match invoked_as(&args).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return Ok(usage(&error, streams)?),
    };
    let command = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => return Ok(usage(&error, streams)?),
    };
    match command {
        #[cfg(target_os = "linux")]
        Command::Demo(args) => demo::run(&args, streams),
        Command::Explain(args) => explain::run(&args, streams),
        Command::Matrix(args) => matrix::run(&args, streams),
        Command::Eval(args) => eval::run(&args, streams),
        Command::Policies(args) => policies::run(&args, streams),
        Command::Selects(args) => selects::run(&args, streams),
        Command::Validate(args) => validate::run(&args, streams),
        Command::Render(args) => render::run(&args, streams),
        Command::Status(args) => status::run(&args, streams),
        Command::Flows(args) => flows::run(&args, streams),
        Command::Diags(args) => diags::run(&args, streams),
        Command::Snapshot(args) => snapshot::run(&args, streams),
        #[cfg(target_os = "linux")]
        Command::Lab(args) => lab::run(&args, streams),
        #[cfg(any(target_os = "linux", windows))]
        Command::Agent(args) => agent::run(&args, streams),
        #[cfg(target_os = "linux")]
        Command::Replay(args) => replay::run(&args, streams),
        #[cfg(any(target_os = "linux", windows))]
        Command::Cleanup(args) => cleanup::run(&args, streams),
        #[cfg(target_os = "linux")]
        Command::Controller(args) => controller::run(&args, streams),
        Command::Crds(args) => crds::run(&args, streams),
        Command::Migrate(args) => migrate::run(&args, streams),
        Command::Completions(args) => pages::completions(&args, streams),
        Command::Man(args) => pages::man(&args, streams),
    }
}

/// The definition under the name that it was invoked by.
fn invoked_as(args: &[OsString]) -> clap::Command {
    let program = args.first().map(std::path::Path::new).and_then(|path| path.file_stem());
    let by_kubectl =
        program.and_then(|name| name.to_str()).is_some_and(|name| matches!(name, "kubectl-margay" | "kubectl_margay"));
    if !by_kubectl {
        return command();
    }
    named_examples(command().bin_name("kubectl margay"))
}

/// The examples of a command and those below it, as kubectl runs them.
fn named_examples(command: clap::Command) -> clap::Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(
            ["  margay ", "| margay ", "&& margay "]
                .iter()
                .fold(text, |text, from| text.replace(from, &from.replace("margay", "kubectl margay"))),
        ),
        None => command,
    };
    command.mut_subcommands(named_examples)
}

/// What clap has to say: help and version on standard output, errors on standard error.
fn usage(error: &clap::Error, streams: &mut Streams<'_>) -> std::io::Result<Exit> {
    let text = error.render();
    let (terminal, out) = if error.use_stderr() {
        (streams.terminal.stderr, &mut streams.stderr)
    } else {
        (streams.terminal.stdout, &mut streams.stdout)
    };
    if terminal && streams.terminal.color {
        write!(out, "{}", text.ansi())?
    } else {
        write!(out, "{text}")?
    }
    Ok(if error.use_stderr() { Exit::BadInput } else { Exit::Fine })
}
