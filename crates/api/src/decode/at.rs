//! Reading a tree field by field, with the path of where one is.

use super::report::Report;
use super::suggest::suggestion;
use crate::Severity;
use crate::document::{Entry, Node, Span, Value};
use std::fmt;
use std::ops::RangeInclusive;

/// A value, and the path to it. Paths are chains on the stack: they cost nothing until something is wrong.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: Path<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => {
                let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                if plain { write!(f, "{parent}.{name}") } else { write!(f, "{parent}[{name:?}]") }
            }
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What a mapping does with keys that it doesn't know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Objects of the cluster carry a lot that policy never asks for.
    Skip,
    /// It has no effect, which may not be meant.
    Warn,
    /// It may narrow what the rest means, so that the rest can't stand without it.
    Refuse,
}

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, path: Path::Root }
    }

    /// A value of this mapping under its key.
    pub(crate) fn under<'b>(&'b self, entry: &'b Entry) -> At<'b> {
        At { node: &entry.value, path: Path::Field(&self.path, &entry.key) }
    }

    fn expected(self, report: &mut Report, what: &str) {
        let found = self.node.value.describe();
        let help = match self.node.value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if what == "a string" => {
                "put it in quotes: without them YAML reads it as something else"
            }
            _ => "",
        };
        report.error(self, format!("is {found}; {what} is needed"), help);
    }

    /// The fields of a mapping. One that is written twice is an error; the first counts.
    pub(crate) fn fields(self, report: &mut Report, known: &'static [&'static str], unknown: Unknown) -> Fields<'a> {
        let Value::Map(entries) = &self.node.value else {
            self.expected(report, "a mapping");
            return Fields { at: self, entries: &[] };
        };
        debug_assert!(known.len() <= 64, "one bit for each known field");
        let mut seen = 0u64;
        for entry in entries {
            if let Some(index) = known.iter().position(|name| *name == entry.key) {
                if seen & (1 << index) != 0 {
                    self.problem(report, Severity::Error, entry, "is written twice; only one can be meant", "");
                }
                seen |= 1 << index;
            } else if unknown != Unknown::Skip {
                let help = if report.is_full() { String::new() } else { suggestion(&entry.key, known) };
                if unknown == Unknown::Refuse {
                    self.problem(report, Severity::Error, entry, "is not a field that this may have", help);
                } else {
                    self.problem(report, Severity::Warning, entry, "is not a known field, and has no effect", help);
                }
            }
        }
        Fields { at: self, entries }
    }

    /// A problem with a key of this mapping, at the key.
    pub(crate) fn problem(
        self,
        report: &mut Report,
        severity: Severity,
        entry: &Entry,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let path = Path::Field(&self.path, &entry.key).to_string();
        report.add(severity, path, entry.span, message.into(), help.into());
    }

    /// The entries of a mapping whose keys are data (labels), each key once.
    pub(crate) fn entries(self, report: &mut Report) -> &'a [Entry] {
        let Value::Map(entries) = &self.node.value else {
            self.expected(report, "a mapping");
            return &[];
        };
        let mut keys: Vec<&Entry> = entries.iter().collect();
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        for pair in keys.windows(2) {
            if pair[0].key == pair[1].key {
                self.problem(report, Severity::Error, pair[1], "is written twice; only one can be meant", "");
            }
        }
        entries
    }

    /// The items of a list.
    pub(crate) fn items<'b>(&'b self, report: &mut Report) -> impl ExactSizeIterator<Item = At<'b>> + use<'a, 'b> {
        let items: &[Node] = match &self.node.value {
            Value::List(items) => items,
            _ => {
                self.expected(report, "a list");
                &[]
            }
        };
        items.iter().enumerate().map(|(index, node)| At { node, path: Path::Index(&self.path, index) })
    }

    pub(crate) fn text(self, report: &mut Report) -> Option<&'a str> {
        if let Value::Text(text) = &self.node.value {
            return Some(text);
        }
        self.expected(report, "a string");
        None
    }

    pub(crate) fn boolean(self, report: &mut Report) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.expected(report, "true or false");
        None
    }

    pub(crate) fn float(self, report: &mut Report) -> Option<f64> {
        match self.node.value {
            // An order of that size has no exact meaning anyway.
            #[allow(clippy::cast_precision_loss)]
            Value::Int(value) => Some(value as f64),
            Value::Float(value) if value.is_finite() => Some(value),
            Value::Float(_) => {
                report.error(self, "is not a finite number", "leave it out to come last");
                None
            }
            _ => {
                self.expected(report, "a number");
                None
            }
        }
    }

    pub(crate) fn integer(self, report: &mut Report, range: RangeInclusive<i64>, what: &str) -> Option<i64> {
        match self.node.value {
            Value::Int(value) if range.contains(&value) => Some(value),
            Value::Int(_) | Value::Float(_) => {
                let (first, last) = range.into_inner();
                report.error(self, format!("is no {what}: those are whole numbers from {first} to {last}"), "");
                None
            }
            _ => {
                self.expected(report, "a number");
                None
            }
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.node.value == Value::Null
    }

    /// Where it is.
    pub(crate) fn span(self) -> Span {
        self.node.span
    }
}

/// The fields of a mapping. A null one is absent, as Kubernetes has it.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) at: At<'a>,
    entries: &'a [Entry],
}

impl Fields<'_> {
    pub(crate) fn get<'b>(&'b self, name: &'b str) -> Option<At<'b>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        let at = At { node: &entry.value, path: Path::Field(&self.at.path, name) };
        if at.is_null() { None } else { Some(at) }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A field that must be there.
    pub(crate) fn need<'b>(&'b self, report: &mut Report, name: &'b str) -> Option<At<'b>> {
        let found = self.get(name);
        if found.is_none() {
            report.error(self.at, format!("has no {name}, which is needed"), "");
        }
        found
    }

    /// A string; empty is absent.
    pub(crate) fn text<'b>(&'b self, report: &mut Report, name: &'b str) -> Option<&'b str> {
        self.get(name)?.text(report).filter(|text| !text.is_empty())
    }

    /// A boolean; absent is false.
    pub(crate) fn flag(&self, report: &mut Report, name: &str) -> bool {
        self.get(name).is_some_and(|at| at.boolean(report).unwrap_or(false))
    }
}
