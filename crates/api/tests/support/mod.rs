//! What the tables of problems share.

use margay_api::{Decoded, Object, read};
use std::fmt::Write;

/// Every resource of a text on a line, with what could be read of it, and its problems below.
pub(crate) fn report(text: &str) -> String {
    let mut out = String::new();
    for decoded in read(text, "f") {
        let key = decoded.key.as_ref().map_or("?".into(), ToString::to_string);
        let read = if decoded.object.is_some() { "read" } else { "not read" };
        writeln!(out, "{key}: {read}").unwrap();
        for problem in &decoded.problems {
            let (line, path) = (problem.span.start.line, &problem.path);
            write!(out, "  {line} {} {path}: {}", problem.severity, problem.message).unwrap();
            writeln!(out, "{}", if problem.help.is_empty() { String::new() } else { format!(" [{}]", problem.help) })
                .unwrap();
        }
    }
    out
}

/// The one resource of a text, which must be without a problem.
#[allow(dead_code)]
pub(crate) fn object(text: &str) -> Object {
    let mut decoded = read(text, "f");
    assert_eq!(decoded.len(), 1, "{text}");
    let Decoded { object, problems, .. } = decoded.remove(0);
    assert_eq!(problems, [], "{text}");
    object.expect("an object without problems is read")
}
