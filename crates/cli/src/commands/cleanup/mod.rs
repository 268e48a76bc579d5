//! `margay cleanup`: leaves no trace on this node.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use crate::commands::agent;
use crate::streams::{Exit, Failure, Streams};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Remove everything that Margay programmed on this node, and the files that its agent keeps
///
/// On Linux that is its nftables table, in the network namespace it runs in; on Windows its ACLs on the endpoints of HNS, and its service. Afterwards no
/// policy is in force here. It refuses while an agent runs, which would program the node again. Routes on Windows stay, since nothing tells there who
/// made one; on Linux there are none.
#[derive(Debug, clap::Args)]
#[command(after_help = platform::AFTER_HELP)]
pub(crate) struct Args {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder of the last good state, which an agent enforces while the API server is away; of it, `snapshot` and what is kept beside it is removed
    #[arg(long, value_name = "DIR", default_value_os_t = platform::state_folder())]
    state: PathBuf,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    if !args.dry_run {
        platform::before(streams)?;
    }
    let lock_file = agent::lock_file()?;
    let was_there = lock_file.exists();
    let _lock = agent::lock()?;
    platform::data_plane(args.dry_run, streams)?;
    for file in kept(&args.state)? {
        if args.dry_run {
            writeln!(streams.stdout, "Would remove {}.", file.display())?;
        } else {
            remove(&file)?;
            writeln!(streams.stdout, "Removed {}.", file.display())?;
        }
    }
    if !args.dry_run || !was_there {
        remove(&lock_file)?;
    }
    for folder in lock_file.parent().into_iter().chain((!args.dry_run).then_some(args.state.as_path())) {
        // One that is not empty is somebody's.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(Exit::Fine)
}

/// What an agent has in the folder of the last good state: files named `snapshot`, with whatever ending.
fn kept(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: io::Error| Failure::usage(format!("{} can't be listed: {error}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_ours = Path::new(&entry.file_name()).file_stem().is_some_and(|stem| stem == "snapshot");
        if is_ours && entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Removes what may be gone already.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::usage(format!("{} can't be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
