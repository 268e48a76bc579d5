//! `margay completions` and `margay man`: what is made from the definition of the command line.

use crate::args::command;
use crate::streams::{Exit, Failure, Streams};
use clap_complete::Shell;
use std::path::PathBuf;

/// Print a script that completes the command line, for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay completions bash > /etc/bash_completion.d/margay
  margay completions zsh > \"${fpath[1]}/_margay\"
  margay completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "margay", &mut script);
    streams.stdout.write_all(&script)?;
    Ok(Exit::Fine)
}

/// Print the manual page, or write one for each command into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay man | man -l -
  margay man --dir /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// A folder to write margay.1, margay-explain.1 and so on into; it must exist
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn man(args: &ManArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    match &args.dir {
        None => clap_mangen::Man::new(command()).render(&mut streams.stdout)?,
        Some(dir) => clap_mangen::generate_to(command(), dir).map_err(|error| {
            Failure::usage(format!("the manual pages can't be written into {}: {error}", dir.display()))
        })?,
    }
    Ok(Exit::Fine)
}
