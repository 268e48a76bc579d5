//! JSON as people read it.

use serde_json::Value;
use std::fmt::Write;

/// Words that YAML, of one version or another, takes for something else than text.
const WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A value as a YAML document in block style, which ends with a line feed. Reading it gives the value again.
///
/// ```
/// let value = serde_json::json!({"kind": "Pod", "metadata": {"labels": {"on": "yes", "app": "web"}}, "ports": [80, {"name": "http"}], "none": []});
/// let text = "kind: Pod\nmetadata:\n  labels:\n    \"on\": \"yes\"\n    app: web\nports:\n- 80\n- name: http\nnone: []\n";
/// assert_eq!(margay_kubernetes::yaml(&value), text);
/// ```
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match flat(value) {
        Some(flat) => text = flat + "\n",
        None => block(value, 0, false, &mut text),
    }
    text
}

/// A value that needs no block.
fn flat(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) if !items.is_empty() => None,
        Value::Object(fields) if !fields.is_empty() => None,
        Value::String(text) => Some(scalar(text)),
        other => Some(other.to_string()),
    }
}

/// The lines of a list or a mapping; `begun`: the first of them is begun already, behind the dash of a list.
fn block(value: &Value, depth: usize, begun: bool, text: &mut String) {
    let indent = |text: &mut String, first: bool| {
        if !(first && begun) {
            text.extend(std::iter::repeat_n(' ', depth));
        }
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                indent(text, index == 0);
                text.push_str("- ");
                match flat(item) {
                    Some(flat) => text.extend([&flat, "\n"]),
                    None => block(item, depth + 2, true, text),
                }
            }
        }
        Value::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                indent(text, index == 0);
                let _ = write!(text, "{}:", scalar(name));
                match flat(value) {
                    Some(flat) => text.extend([" ", &flat, "\n"]),
                    // As kubectl does, a list is no deeper than its name.
                    None => {
                        text.push('\n');
                        block(value, if value.is_array() { depth } else { depth + 2 }, false, text);
                    }
                }
            }
        }
        _ => {}
    }
}

/// A text, in quotes where it could be taken for something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./- ".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(plain)
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    // A string of JSON is one of YAML, but for characters that YAML wants to be escaped.
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in Value::from(text).to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted
}
