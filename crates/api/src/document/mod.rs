//! Text into trees: the YAML and JSON that resources are written in, with the place of every value, and bounds on everything.
//!
//! A stream is split at its document markers before it is parsed, so that one broken document does not hide the others. A document that
//! starts with `{` or `[` is read as JSON first (several may follow one another without a marker), since JSON has strings that YAML reads
//! differently; what is no JSON is read as YAML.
//!
//! Scalars are what Kubernetes' own reader makes of them, which follows YAML 1.1: an unquoted `yes`, `no`, `on`, `off`, `y`, `n`, `true` or
//! `false` is a boolean, `~`, `null` and nothing at all are null, `0x1F`, `0o17`, `017`, `0b101` and `1_000` are integers. What stands in
//! quotes is a string. Keys are strings as they are written.
//!
//! Anchors, aliases and merge keys (`<<`) are followed, but all aliases of a document together may not add more than
//! [`Limits::expansion`] values. Tags other than YAML's own for strings, numbers, booleans, null, lists and mappings are refused.

mod chunk;
mod json;
mod node;
mod scalar;
mod yaml;

pub(crate) use node::lines;
pub use node::{Entry, Node, Position, Span, Value};

use chunk::Chunks;
use std::collections::VecDeque;

/// Bounds on what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one text; 64 MiB.
    pub bytes: usize,
    /// How deep lists and mappings nest, at most 255; 128. (Schemas of custom resources, which share folders with policies, reach 60.)
    pub depth: usize,
    /// Values that the aliases of one document may add; 65,536.
    pub expansion: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, depth: 128, expansion: 1 << 16 }
    }
}

/// Why a document is neither YAML nor JSON, or beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong and, where that is known, how to mend it.
    pub message: String,
    /// Where the reader stopped.
    pub position: Position,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at line {} column {}", self.message, self.position.line, self.position.column)
    }
}

impl std::error::Error for SyntaxError {}

/// The documents of a text in order, each parsed when it is asked for; empty ones are left out.
///
/// ```
/// use margay_api::document::{documents, Limits, Value};
///
/// let mut found = documents("kind: Pod\n---\n---\n{\"kind\": \"Node\"}", &Limits::default());
/// assert_eq!(found.next().unwrap()?.get("kind").unwrap().value, Value::Text("Pod".into()));
/// let node = found.next().unwrap()?;
/// assert_eq!(node.get("kind").unwrap().span.start.line, 4);
/// assert!(found.next().is_none());
/// # Ok::<(), margay_api::document::SyntaxError>(())
/// ```
pub fn documents<'a>(text: &'a str, limits: &Limits) -> Documents<'a> {
    let limits = Limits { depth: limits.depth.min(255), ..*limits };
    let start = Position { line: 1, column: 1 };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes, more than the limit of {}; split it", text.len(), limits.bytes);
        let too_long = Err(SyntaxError { message, position: start });
        return Documents { chunks: Chunks::new(""), limits, ready: VecDeque::from([too_long]) };
    }
    Documents { chunks: Chunks::new(text), limits, ready: VecDeque::new() }
}

/// See [`documents`].
#[derive(Debug)]
pub struct Documents<'a> {
    chunks: Chunks<'a>,
    limits: Limits,
    ready: VecDeque<Result<Node, SyntaxError>>,
}

impl Iterator for Documents<'_> {
    type Item = Result<Node, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Some(document);
            }
            let (chunk, line) = self.chunks.next()?;
            parse(chunk, line, &self.limits, &mut self.ready);
        }
    }
}

/// Parses one chunk, which starts on `line`. Of two parsers that both fail, the one that came further is right about the reason.
fn parse(chunk: &str, line: u32, limits: &Limits, found: &mut VecDeque<Result<Node, SyntaxError>>) {
    if chunk.trim_start().starts_with(['{', '[']) {
        let (values, error) = json::parse(chunk, line, limits);
        let Some(error) = error else {
            found.extend(values.into_iter().map(Ok));
            return;
        };
        if !values.is_empty() {
            found.extend(values.into_iter().map(Ok));
            found.push_back(Err(error));
            return;
        }
        yaml::parse(chunk, line, limits, found);
        if let Some(Err(of_yaml)) = found.back_mut()
            && error.position > of_yaml.position
        {
            *of_yaml = error;
        }
        return;
    }
    yaml::parse(chunk, line, limits, found);
}
