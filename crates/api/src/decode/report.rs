use super::at::At;
use crate::document::Span;
use crate::{Key, Problem, Severity};
use smol_str::SmolStr;
use std::sync::Arc;

/// Problems of one object that are told; those beyond are counted.
const MOST: usize = 64;

/// Collects what is wrong with one object.
///
/// An error inside something makes that something unreadable: its reader takes a [`mark`](Report::mark), reads all of it so that every
/// error is found, and then asks whether it was [`clean_since`](Report::clean_since).
pub(crate) struct Report {
    pub(crate) file: Arc<str>,
    pub(crate) key: Option<Key>,
    pub(crate) object: SmolStr,
    problems: Vec<Problem>,
    errors: usize,
    untold: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Report {
    pub(crate) fn new(file: &Arc<str>, object: SmolStr) -> Self {
        Self { file: file.clone(), key: None, object, problems: Vec::new(), errors: 0, untold: 0 }
    }

    /// An error at a value: what is wrong and the rule broken, and how to mend it (or nothing, where the message says it).
    pub(crate) fn error(&mut self, at: At<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Error, at.path.to_string(), at.node.span, message.into(), help.into());
    }

    /// Something that is in force, but may not be meant.
    pub(crate) fn warning(&mut self, at: At<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Warning, at.path.to_string(), at.node.span, message.into(), help.into());
    }

    pub(crate) fn add(&mut self, severity: Severity, path: String, span: Span, message: String, help: String) {
        self.errors += usize::from(severity == Severity::Error);
        if self.is_full() {
            self.untold += 1;
            return;
        }
        let (file, key, object) = (self.file.clone(), self.key.clone(), self.object.clone());
        self.problems.push(Problem { severity, file, span, key, object, path, message, help });
    }

    /// Whether further problems are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() == MOST
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.errors)
    }

    pub(crate) fn clean_since(&self, mark: Mark) -> bool {
        self.errors == mark.0
    }

    /// Whether reading so far found no error.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors == 0
    }

    /// The problems, in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.span.start, problem.severity));
        if self.untold > 0
            && let Some(last) = self.problems.last()
        {
            let message = format!("{} more problems in this object are not listed", self.untold);
            let severity = if self.is_clean() { Severity::Warning } else { Severity::Error };
            self.problems.push(Problem { severity, message, help: String::new(), path: String::new(), ..last.clone() });
        }
        self.problems
    }
}
