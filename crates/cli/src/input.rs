//! The resources that a command is about.

use crate::World;
use crate::live::Live;
use crate::streams::{Failure, Paint, Streams, Tone};
use crate::words::{self, counted};
use margay_api::Severity;
use margay_datastore::{Folder, Source};
use margay_engine::Scope;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name that standard input has as a file.
const STDIN: &str = "<stdin>";

/// Where the resources are: in a cluster, in files, or in a cluster with files laid over it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Input {
    /// YAML or JSON: a file, a folder with all below it, or - for standard input; may be repeated. Without it, the cluster is asked; together with --context or --kubeconfig the
    /// files are laid over the cluster: what if they were applied?
    #[arg(short, long = "filename", value_name = "FILE|DIR")]
    filename: Vec<PathBuf>,
    #[command(flatten)]
    live: Live,
}

impl Input {
    /// Whether standard input is among them.
    pub(crate) fn reads_stdin(&self) -> bool {
        reads_stdin(&self.filename)
    }

    /// Reads them, the cluster first. What is wrong with a resource stops nothing: [`Folder::problems`] has it.
    pub(crate) fn read(&self, streams: &mut Streams<'_>) -> Result<Vec<Arc<Folder>>, Failure> {
        let asks = self.live.is_named() || self.filename.is_empty();
        // A path that is wrong is told before a cluster is asked for nothing.
        let files = if self.filename.is_empty() { None } else { Some(read(&self.filename, streams)?) };
        let mut folders = Vec::new();
        if asks {
            let mut cluster = self.live.folder(streams).map_err(|failure| self.or_files(failure))?;
            cluster.poll();
            folders.push(Arc::new(cluster));
        }
        folders.extend(files);
        if folders.len() > 1 {
            let files = &self.filename;
            let names = words::list(
                files
                    .iter()
                    .map(|path| if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }),
                "and",
            );
            writeln!(streams.stderr, "what-if: the cluster as it would be with {names} applied")?;
        }
        Ok(folders)
    }

    /// Reads them, and puts together what they mean for the whole cluster.
    pub(crate) fn world(&self, streams: &mut Streams<'_>) -> Result<World, Failure> {
        self.world_of(Scope::Everything, streams)
    }

    /// Reads them, and puts together what they mean for a scope.
    pub(crate) fn world_of(&self, scope: Scope, streams: &mut Streams<'_>) -> Result<World, Failure> {
        let folders = self.read(streams)?;
        tell_problems(&folders, &self.arguments(), streams)?;
        Ok(World::of(folders, scope))
    }

    /// Two worlds: as they are, and with more resources, which take the place of those of the same name.
    pub(crate) fn worlds(&self, with: &[PathBuf], streams: &mut Streams<'_>) -> Result<(World, World), Failure> {
        if self.reads_stdin() && reads_stdin(with) {
            return Err(Failure::usage(
                "standard input can't be both the resources (-f -) and what is added (--with -)",
            ));
        }
        let (before, more) = (self.read(streams)?, read(with, streams)?);
        let all: Vec<_> = before.iter().cloned().chain([more]).collect();
        tell_problems(&all, &(self.arguments() + &arguments(with)), streams)?;
        let after = World::of(all, Scope::Everything);
        Ok((World::of(before, Scope::Everything), after))
    }

    /// What names them on the command line.
    fn arguments(&self) -> String {
        arguments(&self.filename) + &self.live.arguments()
    }

    /// Who named no cluster may not want one.
    fn or_files(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Usage(text) if !self.live.is_named() => {
                Failure::Usage(format!("{text} (with --filename <FILE|DIR>, files take the place of a cluster)"))
            }
            failure => failure,
        }
    }
}

/// Resources in files, which another process is to read, too.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Files {
    /// YAML or JSON: a file, a folder with all below it, or - for standard input; may be repeated
    #[arg(short, long = "filename", value_name = "FILE|DIR", required = true)]
    filename: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
impl Files {
    /// Those of these paths.
    pub(crate) fn of(filename: Vec<PathBuf>) -> Self {
        Self { filename }
    }

    /// Whether standard input is among them.
    pub(crate) fn reads_stdin(&self) -> bool {
        reads_stdin(&self.filename)
    }

    /// The paths, relative to nothing.
    pub(crate) fn absolute(&self) -> Result<Vec<PathBuf>, Failure> {
        let absolute = |path: &PathBuf| if is_stdin(path) { Ok(path.clone()) } else { std::path::absolute(path) };
        let paths: io::Result<Vec<PathBuf>> = self.filename.iter().map(absolute).collect();
        paths.map_err(|error| Failure::usage(format!("the current folder can't be told: {error}")))
    }

    /// Reads them, and puts together what they mean for the whole cluster.
    pub(crate) fn world(&self, streams: &mut Streams<'_>) -> Result<World, Failure> {
        self.world_and_text(streams).map(|(world, _)| world)
    }

    /// As [`world`](Self::world), with what was on standard input.
    pub(crate) fn world_and_text(&self, streams: &mut Streams<'_>) -> Result<(World, String), Failure> {
        let folder = read(&self.filename, streams)?;
        tell_problems(std::slice::from_ref(&folder), &arguments(&self.filename), streams)?;
        let text = if self.reads_stdin() { folder.text_of(STDIN) } else { None };
        Ok((World::of(vec![folder], Scope::Everything), text.unwrap_or_default()))
    }
}

fn reads_stdin(paths: &[PathBuf]) -> bool {
    paths.iter().any(|path| is_stdin(path))
}

fn arguments(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!(" -f {}", path.display())).collect()
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads files and folders, and standard input.
pub(crate) fn read(paths: &[PathBuf], streams: &mut Streams<'_>) -> Result<Arc<Folder>, Failure> {
    let files = || paths.iter().filter(|path| !is_stdin(path));
    for path in files() {
        let opened = std::fs::metadata(path);
        opened.map_err(|error| Failure::usage(format!("{} can't be read: {error}", path.display())))?;
    }
    let mut folder = Folder::new(files());
    if paths.iter().any(|path| is_stdin(path)) {
        let mut text = String::new();
        let read = streams.stdin.read_to_string(&mut text);
        read.map_err(|error| Failure::usage(format!("standard input can't be read: {error}")))?;
        folder = folder.with_text(STDIN, text);
    }
    folder.poll();
    Ok(Arc::new(folder))
}

/// Says in one line that there are errors, and how to see them.
fn tell_problems(folders: &[Arc<Folder>], arguments: &str, streams: &mut Streams<'_>) -> io::Result<()> {
    let problems = folders.iter().flat_map(|folder| folder.problems());
    let errors: Vec<_> = problems.filter(|problem| problem.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let files: HashSet<_> = errors.iter().map(|problem| &problem.file).collect();
    let paint = Paint(streams.terminal.stderr && streams.terminal.color);
    let count = paint.apply(Tone::Bad, &counted(errors.len(), "error"));
    writeln!(streams.stderr, "{count} in {}: run `margay validate{arguments}`", counted(files.len(), "file"))
}
