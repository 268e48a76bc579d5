//! What a setting is, and how its text is read.

use super::{Output, Reads, Settings};
use smol_str::SmolStr;
use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The text that turns off what a setting turns on.
const OFF: &str = "off";

/// One row of the table.
pub struct Setting {
    /// Its name, as in the configuration file: `statusFile`.
    pub name: &'static str,
    /// What it is, and the field of [`Settings`] that has it.
    pub field: Field,
    /// The default where files are read, and where a cluster is; empty where there is none.
    pub(super) default: [&'static str; 2],
    /// Where it makes a difference.
    pub platform: Platform,
    /// The fields of `FelixConfiguration` that mean the same.
    pub felix: &'static [&'static str],
    /// What it does, in a line that has no full stop at its end.
    pub about: &'static str,
    /// What there is to know beside that, in sentences; may be empty.
    pub more: &'static str,
}

/// Where a setting makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Platform {
    Any,
    Linux,
    Windows,
}

/// What values a setting has, and the field of [`Settings`] that takes them.
pub enum Field {
    /// A name.
    Name(fn(&mut Settings) -> &mut SmolStr),
    /// A time within bounds.
    Time(fn(&mut Settings) -> &mut Duration, RangeInclusive<Duration>),
    /// A file, or `off`.
    File(fn(&mut Settings) -> &mut Option<PathBuf>),
    /// An address to listen at, or `off`.
    Address(fn(&mut Settings) -> &mut Option<SocketAddr>),
    /// A file, `-` for standard output, or `off`.
    Output(fn(&mut Settings) -> &mut Option<Output>),
    /// A number within bounds, and its unit.
    Count(fn(&mut Settings) -> &mut u32, RangeInclusive<u32>, &'static str),
    /// Yes or no.
    Bool(fn(&mut Settings) -> &mut bool),
    /// One of some words.
    Choice(&'static [Word]),
}

/// A word that a setting may be, and what it sets.
pub type Word = (&'static str, fn(&mut Settings));

impl Setting {
    /// As a flag, without its dashes: `status-file`.
    pub fn flag(&self) -> String {
        self.name.chars().fold(String::new(), |mut flag, c| {
            if c.is_ascii_uppercase() {
                flag.push('-');
            }
            flag.push(c.to_ascii_lowercase());
            flag
        })
    }

    /// As an environment variable: `MARGAY_STATUS_FILE`. The node's name is where manifests put `spec.nodeName`: `MARGAY_NODE_NAME`.
    pub fn variable(&self) -> String {
        let name = if self.name == "node" { "node-name".to_owned() } else { self.flag() };
        format!("MARGAY_{}", name.to_ascii_uppercase().replace('-', "_"))
    }

    /// What stands for its value where it is described: `TIME`.
    pub fn placeholder(&self) -> String {
        match &self.field {
            Field::Name(_) => "NAME".into(),
            Field::Time(..) => "TIME".into(),
            Field::File(_) => "FILE".into(),
            Field::Address(_) => "ADDRESS".into(),
            Field::Output(_) => "FILE|-".into(),
            Field::Count(..) => "NUMBER".into(),
            Field::Bool(_) => "true|false".into(),
            Field::Choice(words) => words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join("|"),
        }
    }

    /// What it may be, in words.
    pub fn allowed(&self) -> String {
        let time = |duration: &Duration| humantime::format_duration(*duration).to_string();
        match &self.field {
            Field::Name(_) => "a name".into(),
            Field::Time(_, bounds) => {
                format!("a time between {} and {}, like 500ms, 1s or 2m", time(bounds.start()), time(bounds.end()))
            }
            Field::File(_) => "the path of a file, or off".into(),
            Field::Address(_) => "an IP address and a port, like 127.0.0.1:9099 or [::1]:9099, or off".into(),
            Field::Output(_) => "the path of a file, - for standard output, or off".into(),
            Field::Count(_, bounds, unit) => format!("a number of {unit}, {} to {}", bounds.start(), bounds.end()),
            Field::Bool(_) => "true or false".into(),
            Field::Choice(words) => words.iter().enumerate().fold(String::new(), |mut text, (index, (word, _))| {
                let between = if index == 0 {
                    ""
                } else if index + 1 == words.len() {
                    " or "
                } else {
                    ", "
                };
                let _ = write!(text, "{between}{word}");
                text
            }),
        }
    }

    /// The text of the default; empty where there is none.
    pub fn default(&self, reads: Reads) -> &'static str {
        self.default[usize::from(reads == Reads::Cluster)]
    }

    /// Whether it makes a difference on the system that this is built for.
    pub fn is_here(&self) -> bool {
        match self.platform {
            Platform::Any => true,
            Platform::Linux => cfg!(target_os = "linux"),
            Platform::Windows => cfg!(windows),
        }
    }

    /// Whether it can be turned off by the word `off`.
    pub fn may_be_off(&self) -> bool {
        matches!(self.field, Field::File(_) | Field::Address(_) | Field::Output(_))
    }

    /// Reads a value.
    ///
    /// # Errors
    /// It is none of those that are allowed: which are.
    pub fn read(&self, text: &str, settings: &mut Settings) -> Result<(), String> {
        self.set(text.trim(), settings).ok_or_else(|| format!("it is {}", self.allowed()))
    }

    fn set(&self, text: &str, settings: &mut Settings) -> Option<()> {
        match &self.field {
            Field::Name(field) => *field(settings) = (!text.is_empty() && text.len() <= 253).then(|| text.into())?,
            Field::Time(field, bounds) => {
                *field(settings) = humantime::parse_duration(text).ok().filter(|time| bounds.contains(time))?;
            }
            Field::File(field) => *field(settings) = unless_off(text, path)?,
            Field::Address(field) => *field(settings) = unless_off(text, |text| text.parse().ok())?,
            Field::Output(field) => {
                let output = |text: &str| if text == "-" { Some(Output::Stdout) } else { path(text).map(Output::File) };
                *field(settings) = unless_off(text, output)?;
            }
            Field::Count(field, bounds, _) => {
                *field(settings) = text.parse().ok().filter(|count| bounds.contains(count))?;
            }
            Field::Bool(field) => *field(settings) = text.parse().ok()?,
            Field::Choice(words) => words.iter().find(|(word, _)| *word == text)?.1(settings),
        }
        Some(())
    }
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

/// `None` where it can't be read, `Some(None)` where it is turned off.
fn unless_off<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text == OFF { Some(None) } else { read(text).map(Some) }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
