//! Where a command reads and writes, and how it ends.

use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

/// What a command reads from and writes to, so that tests need no process.
pub struct Streams<'a> {
    /// Standard input.
    pub stdin: &'a mut dyn Read,
    /// Standard output: the answer.
    pub stdout: &'a mut dyn Write,
    /// Standard error: problems and hints.
    pub stderr: &'a mut dyn Write,
    /// Who is reading.
    pub terminal: Terminal,
}

/// Whether a person is reading, and how to print for them. The default is a program that reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Colours are wanted where there is a terminal.
    pub color: bool,
}

impl Terminal {
    /// That of this process. Colours are left out where `NO_COLOR` is set to anything but nothing (no-color.org), or `TERM` is `dumb`.
    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            color: !set("NO_COLOR") && !dumb,
        }
    }
}

impl Streams<'_> {
    /// How to paint on standard output.
    pub(crate) fn paint(&self) -> Paint {
        Paint(self.terminal.stdout && self.terminal.color)
    }

    /// Tells a person what to do next; nobody else.
    pub(crate) fn hint(&mut self, text: &str) -> io::Result<()> {
        if !(self.terminal.stdout && self.terminal.stderr) {
            return Ok(());
        }
        self.stdout.flush()?;
        let text = Paint(self.terminal.color).apply(Tone::Dim, text);
        writeln!(self.stderr, "\n{text}")
    }
}

/// How far a long work has come, told to a person on standard error from its second second on.
pub(crate) struct Progress<'a> {
    to: Option<&'a mut dyn Write>,
    what: &'static str,
    started: Instant,
    told: Option<usize>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(what: &'static str, streams: &'a mut Streams<'_>) -> Self {
        let to: Option<&mut dyn Write> = if streams.terminal.stderr { Some(&mut *streams.stderr) } else { None };
        Self { to, what, started: Instant::now(), told: None }
    }

    /// So much is done. That it can't be told stops nothing.
    pub(crate) fn tell(&mut self, done: usize, of: usize) {
        let percent = done * 100 / of.max(1);
        if let Some(to) = &mut self.to
            && self.told != Some(percent)
            && self.started.elapsed() > Duration::from_secs(1)
        {
            let _ = write!(to, "\r{}: {percent} %", self.what).and_then(|()| to.flush());
            self.told = Some(percent);
        }
    }
}

/// Leaves no trace of it.
impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let (Some(to), Some(_)) = (&mut self.to, self.told) {
            let _ = write!(to, "\r{:1$}\r", "", self.what.chars().count() + 8).and_then(|()| to.flush());
        }
    }
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Mixed,
}

/// Colours, or none.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// The text in a tone.
    pub(crate) fn apply(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.0 => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Bold => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Mixed => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// How a command ended, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: fine.
    Fine,
    /// 1: findings, or something is not as expected.
    Findings,
    /// 2: part of the input was bad; the answer says which.
    BadInput,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::BadInput => 2,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Bad usage or input: what is wrong, and what to do.
    #[error("{0}")]
    Usage(String),
    /// The answer could not be written.
    #[error("the answer can't be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Whoever was reading has read enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// A text with a replacement for every control character, so that no file can steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    let visible = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(visible).collect()
}
