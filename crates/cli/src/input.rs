//! The resources that a command is about.

use crate::World;
use crate::streams::{Failure, Paint, Streams, Tone};
use crate::words::counted;
use margay_api::Severity;
use margay_datastore::{Folder, Source};
use margay_engine::Scope;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name that standard input has as a file.
const STDIN: &str = "<stdin>";

/// Where the resources are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Input {
    /// YAML or JSON: a file, a folder with all below it, or - for standard input; may be repeated
    #[arg(short, long = "filename", value_name = "FILE|DIR", required = true)]
    filename: Vec<PathBuf>,
}

impl Input {
    /// Whether standard input is among them.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.filename.iter().any(|path| is_stdin(path))
    }

    /// Reads them. What is wrong with a resource stops nothing: [`Folder::problems`] has it.
    pub(crate) fn read(&self, streams: &mut Streams<'_>) -> Result<Arc<Folder>, Failure> {
        read(&self.filename, streams)
    }

    /// Reads them, and puts together what they mean for the whole cluster.
    pub(crate) fn world(&self, streams: &mut Streams<'_>) -> Result<World, Failure> {
        self.world_of(Scope::Everything, streams)
    }

    /// Reads them, and puts together what they mean for a scope.
    pub(crate) fn world_of(&self, scope: Scope, streams: &mut Streams<'_>) -> Result<World, Failure> {
        let folder = self.read(streams)?;
        tell_problems(&[&folder], &self.filename, streams)?;
        Ok(World::of(vec![folder], scope))
    }

    /// Two worlds: as they are, and with more resources, which take the place of those of the same name.
    pub(crate) fn worlds(&self, with: &[PathBuf], streams: &mut Streams<'_>) -> Result<(World, World), Failure> {
        if self.reads_stdin() && with.iter().any(|path| is_stdin(path)) {
            return Err(Failure::usage(
                "standard input can't be both the resources (-f -) and what is added (--with -)",
            ));
        }
        let (before, more) = (self.read(streams)?, read(with, streams)?);
        tell_problems(&[&before, &more], self.filename.iter().chain(with), streams)?;
        let after = World::of(vec![before.clone(), more], Scope::Everything);
        Ok((World::of(vec![before], Scope::Everything), after))
    }
}

/// Resources that another process is to read.
#[cfg(target_os = "linux")]
impl Input {
    /// Those of these paths.
    pub(crate) fn of(filename: Vec<PathBuf>) -> Self {
        Self { filename }
    }

    /// The paths, relative to nothing.
    pub(crate) fn absolute(&self) -> Result<Vec<PathBuf>, Failure> {
        let absolute = |path: &PathBuf| if is_stdin(path) { Ok(path.clone()) } else { std::path::absolute(path) };
        let paths: io::Result<Vec<PathBuf>> = self.filename.iter().map(absolute).collect();
        paths.map_err(|error| Failure::usage(format!("the current folder can't be told: {error}")))
    }

    /// As [`world`](Self::world), with what was on standard input.
    pub(crate) fn world_and_text(&self, streams: &mut Streams<'_>) -> Result<(World, String), Failure> {
        let folder = self.read(streams)?;
        tell_problems(&[&folder], &self.filename, streams)?;
        let text = if self.reads_stdin() { folder.text_of(STDIN) } else { None };
        Ok((World::of(vec![folder], Scope::Everything), text.unwrap_or_default()))
    }
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
fn tell_problems<'a>(
    folders: &[&Folder],
    paths: impl IntoIterator<Item = &'a PathBuf>,
    streams: &mut Streams<'_>,
) -> io::Result<()> {
    let problems = folders.iter().flat_map(|folder| folder.problems());
    let errors: Vec<_> = problems.filter(|problem| problem.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let files: HashSet<_> = errors.iter().map(|problem| &problem.file).collect();
    let paths: Vec<_> = paths.into_iter().map(|path| format!(" -f {}", path.display())).collect();
    let paint = Paint(streams.terminal.stderr && streams.terminal.color);
    let count = paint.apply(Tone::Bad, &counted(errors.len(), "error"));
    writeln!(streams.stderr, "{count} in {}: run `margay validate{}`", counted(files.len(), "file"), paths.concat())
}
