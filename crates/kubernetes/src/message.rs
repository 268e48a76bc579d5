//! What the API server says, read: untrusted, bounded, and no more kept of it than is needed.

use margay_api::document::{Limits, Node, Value, documents};
use margay_api::{Decoded, decode, decode_as};
use smol_str::SmolStr;
use std::sync::Arc;

/// The annotation of the bookmark behind the initial events.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// An object as it came: what it is read as, and its version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Versioned {
    pub(crate) decoded: Decoded,
    pub(crate) version: SmolStr,
}

/// One line of a watch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// `ADDED`, `MODIFIED`: which of them makes no difference.
    Put(Box<Versioned>),
    /// `DELETED`, with the last state.
    Gone(Box<Versioned>),
    /// `BOOKMARK`: nothing before this version is to come; and whether the initial events are complete.
    Bookmark { version: SmolStr, is_initial_end: bool },
    /// `ERROR`: an HTTP status code, and what is said.
    Error { code: u16, message: String },
    /// A line that is none of these; what is wrong with it.
    Unreadable(String),
}

/// Reads a line of a watch. `file` is what problems name.
pub(crate) fn line(text: &str, file: &Arc<str>) -> Line {
    let node = match documents(text, &Limits::default()).next() {
        Some(Ok(node)) => node,
        Some(Err(error)) => return Line::Unreadable(error.to_string()),
        None => return Line::Unreadable("it is empty".into()),
    };
    let (Some(kind), Some(object)) = (text_of(&node, "type"), node.get("object")) else {
        return Line::Unreadable("it has no `type` and `object`".into());
    };
    match kind {
        "ADDED" | "MODIFIED" | "DELETED" => {
            let version = version_of(object).unwrap_or_default();
            let Some(decoded) = decode(object, file) else {
                return Line::Unreadable("its object is of a kind that was not asked for".into());
            };
            let versioned = Box::new(Versioned { decoded, version });
            if kind == "DELETED" { Line::Gone(versioned) } else { Line::Put(versioned) }
        }
        "BOOKMARK" => {
            let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
            let end = annotations.and_then(|annotations| text_of(annotations, INITIAL_END));
            match version_of(object) {
                Some(version) => Line::Bookmark { version, is_initial_end: end == Some("true") },
                None => Line::Unreadable("a bookmark without a version".into()),
            }
        }
        "ERROR" => {
            let (code, message) = status(object);
            Line::Error { code, message }
        }
        other => Line::Unreadable(format!("its type is {:?}", shortened(other))),
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    pub(crate) items: Vec<Versioned>,
    /// The version that all pages are of.
    pub(crate) version: SmolStr,
    /// What names the next page; none behind the last.
    pub(crate) token: Option<SmolStr>,
}

/// Reads a page. `file` is what problems name.
///
/// # Errors
/// What is wrong with it: then nothing of it may be taken, or what is missing would be taken for gone.
pub(crate) fn page(text: &str, file: &Arc<str>) -> Result<Page, String> {
    let node = match documents(text, &Limits::default()).next() {
        Some(Ok(node)) => node,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("it is empty".into()),
    };
    let items = match node.get("items").map(|items| &items.value) {
        Some(Value::List(items)) => items.as_slice(),
        Some(Value::Null) => &[],
        _ => return Err("it has no list of items".into()),
    };
    // Items of built-in kinds don't say what they are: the list does.
    let api = text_of(&node, "apiVersion").unwrap_or_default();
    let kind = text_of(&node, "kind").and_then(|kind| kind.strip_suffix("List")).ok_or("it is no list")?;
    let read = items.iter().map(|item| {
        let decoded = decode_as(item, file, api, kind)?;
        Some(Versioned { decoded, version: version_of(item).unwrap_or_default() })
    });
    let token = node.get("metadata").and_then(|metadata| text_of(metadata, "continue"));
    Ok(Page {
        items: read.collect::<Option<_>>().ok_or("its items are of a kind that was not asked for")?,
        version: version_of(&node).ok_or("it has no version")?,
        token: token.filter(|token| !token.is_empty()).map(SmolStr::from),
    })
}

/// What a refusal says: its `message` where it is a `Status`, else its text.
pub(crate) fn refusal(body: &str) -> String {
    let status_of = |node: &Node| text_of(node, "message").map(shortened);
    let said = documents(body, &Limits::default()).next().and_then(Result::ok).as_ref().and_then(status_of);
    said.unwrap_or_else(|| shortened(body.trim()))
}

/// Code and message of a `Status`.
fn status(node: &Node) -> (u16, String) {
    let code = match node.get("code").map(|code| &code.value) {
        Some(Value::Int(code)) => u16::try_from(*code).unwrap_or(500),
        _ => 500,
    };
    (code, text_of(node, "message").map(shortened).unwrap_or_default())
}

fn version_of(node: &Node) -> Option<SmolStr> {
    let version = text_of(node.get("metadata")?, "resourceVersion")?;
    (!version.is_empty() && version.len() <= 64).then(|| version.into())
}

fn text_of<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::as_text)
}

/// As much as a person reads.
fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
