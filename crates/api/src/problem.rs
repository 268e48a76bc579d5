use crate::document::Span;
use crate::{Key, render};
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;

/// Something to tell the author of a resource: where it is, what is wrong, which rule it breaks and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the caller of [`read`](crate::read()) named it.
    pub file: Arc<str>,
    /// Where it is in the file; line 0 where that is not known.
    pub span: Span,
    /// The resource, where so much could be read.
    pub key: Option<Key>,
    /// The resource in words (`NetworkPolicy default/web`), as far as it could be read; empty for a text that is no resource.
    pub object: SmolStr,
    /// The field, `spec.ingress[0].from[1].ipBlock.cidr`; empty for the resource as a whole.
    pub path: String,
    /// What is wrong, and the rule that it breaks.
    pub message: String,
    /// How to mend it; empty where the message says it.
    pub help: String,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Part of a resource, or all of it, is not in force as it is written.
    Error,
    /// It is in force as it is written, which may not be what is meant.
    Warning,
    /// Something was filled in.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

impl Problem {
    /// The problem as people read it: the message, the place, and the line of the source with the text underlined.
    ///
    /// `source` is the text of the file; where it has no such line (the file has changed since) the rest is printed without it.
    /// `color` adds ANSI colours. Control characters of the source and of names are replaced, whatever they are.
    ///
    /// ```
    /// let source = "apiVersion: v1\nkind: Node\nmetadata:\n  name: a\nspec: {podCIDR: 10.0.0.0/33}\n";
    /// let problem = &margay_api::read(source, "node.yaml")[0].problems[0];
    /// let printed = problem.render(source, false);
    /// assert!(printed.contains("--> node.yaml:5:17"), "{printed}");
    /// assert!(printed.contains("5 | spec: {podCIDR: 10.0.0.0/33}\n  |                 ^^^^^^^^^^^"), "{printed}");
    /// ```
    pub fn render(&self, source: &str, color: bool) -> String {
        render::render(self, source, color)
    }
}

/// On one line: `web.yaml:12:19: error: NetworkPolicy default/web: spec.ingress[0]: …`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.span.start.line > 0 {
            write!(f, ":{}:{}", self.span.start.line, self.span.start.column)?;
        }
        write!(f, ": {}", self.severity)?;
        for part in [self.object.as_str(), &self.path, &self.message].into_iter().filter(|part| !part.is_empty()) {
            write!(f, ": {part}")?;
        }
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}
