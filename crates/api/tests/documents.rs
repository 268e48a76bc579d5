//! Texts into trees: what YAML and JSON mean, where everything stands, and that nothing is without bounds.

use margay_api::document::{Limits, Node, Value, documents};
use std::fmt::Write;

/// A tree on one line, with the place of each scalar if asked for.
fn print(node: &Node, places: bool) -> String {
    let text = match &node.value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(value) => format!("{value:?}"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| print(item, places)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|entry| format!("{}: {}", entry.key, print(&entry.value, places))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    };
    let (start, end) = (node.span.start, node.span.end);
    if places { format!("{text}@{}:{}-{}:{}", start.line, start.column, end.line, end.column) } else { text }
}

fn all(text: &str, places: bool) -> String {
    let mut out = String::new();
    for document in documents(text, &Limits { depth: 5, expansion: 40, bytes: 1000 }) {
        match document {
            Ok(node) => writeln!(out, "{}", print(&node, places)).unwrap(),
            Err(error) => writeln!(out, "! {error}").unwrap(),
        }
    }
    out
}

fn check(text: &str, expected: &str) {
    assert_eq!(all(text, false).trim_end(), expected, "{text:?}");
}

fn check_places(text: &str, expected: &str) {
    assert_eq!(all(text, true).trim_end(), expected, "{text:?}");
}

#[test]
fn values() {
    check(
        "a: 80\nb: \"80\"\nc: '80'\nd: yes\ne: \"yes\"\nf:\ng: ~\nh: 80:90",
        r#"{a: 80, b: "80", c: "80", d: true, e: "yes", f: null, g: null, h: "80:90"}"#,
    );
    check(
        "a: !!str 80\nb: !!int \"80\"\nc: ! 80\nd: !!map {}\ne: !!seq []",
        r#"{a: "80", b: 80, c: "80", d: {}, e: []}"#,
    );
    check("a: |\n  one\n  two\nb: >-\n  one\n  two", r#"{a: "one\ntwo\n", b: "one two"}"#);
    check("- a\n- [b, {c: d}]\n-\n  - e", r#"["a", ["b", {c: "d"}], ["e"]]"#);
    check("80: a\nyes: b\n\"c\": d", r#"{80: "a", yes: "b", c: "d"}"#);
    check("a: 1\na: 2", "{a: 1, a: 2}");
    check("a: !secret b", "! the tag !secret means nothing here; leave it out at line 1 column 4");
    check("a: !!int b", "! \"b\" does not fit its tag tag:yaml.org,2002:!int at line 1 column 4");
    check(
        "? [a]\n: b",
        "! a key must be a string, not a list or mapping (are there template braces left?) at line 1 column 3",
    );
}

#[test]
fn json() {
    check("{\"a\": [1, -2.5, 1e3, true, false, null, \"b\"]}", r#"{a: [1, -2.5, 1000.0, true, false, null, "b"]}"#);
    check("{\n\t\"a\":\t1,\n\t\"b\": {}\n}\n", "{a: 1, b: {}}");
    check(r#"{"a": "\u00e4\ud83d\ude00\/\"\\\n"}"#, r#"{a: "ä😀/\"\\\n"}"#);
    check("{\"a\": 1}\n{\"b\": 2} [3]", "{a: 1}\n{b: 2}\n[3]");
    check("{\"a\": 1}\n{\"b\": }", "{a: 1}\n! expected a value here, as JSON has it at line 2 column 7");
    check("{\"a\": \"1\n\"}", "{a: \"1 \"}");
    check("{a: yes, 'b': [c]}", r#"{a: true, b: ["c"]}"#);
    check("{\"a\": \"\\ud83d\"}", "! half of a surrogate pair at line 1 column 14");
    check("{\"a\": 01}", "{a: 1}");
    check("[[[[[[1]]]]]]", "! lists and mappings nest at most 5 deep at line 1 column 6");
}

#[test]
fn streams() {
    check("", "");
    check("\u{feff}a: 1", "{a: 1}");
    check("# nothing\n---\n---\n~\n---\n", "");
    check(
        "a: 1\n---\nb: [\n---\nc: 3",
        "{a: 1}\n! this is no YAML: while parsing a node, did not find expected node content at line 4 column 1\n{c: 3}",
    );
    check("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2", "{a: 1}\n{b: 2}");
    check("---\r\na: 1\r\n---\r\nb: 2\r\n", "{a: 1}\n{b: 2}");
    check(
        "a: 1\n--- \nb: \"x",
        "{a: 1}\n! this is no YAML: while scanning a quoted scalar, found unexpected end of stream at line 3 column 4",
    );
}

#[test]
fn aliases_are_followed_within_bounds() {
    check("a: &x {b: 1}\nc: *x\nd: [*x]", "{a: {b: 1}, c: {b: 1}, d: [{b: 1}]}");
    check("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3", "{a: {b: 1, c: 2}, d: {c: 3, b: 1}}");
    check("a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}", "{a: {b: 1}, c: {b: 2, d: 3}, e: {b: 1, d: 3}}");
    check("a: {\"<<\": 1}", "{a: {<<: 1}}");
    check("a: &x b\n*x : c", r#"{a: "b", b: "c"}"#);
    check("a: {<<: 1}", "! a merge key (<<) needs a mapping, or a list of them at line 1 column 9");
    check("a: &x [*x]", "! the alias stands inside what it stands for at line 1 column 8");
    check("a: *x", "! this is no YAML: while parsing node, found unknown anchor at line 1 column 4");
    check(
        "a: &a [1,1,1,1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b]",
        "! the aliases of one document may add at most 40 values at line 2 column 4",
    );
    check(
        "a: &a [1]\nb: &b [*a]\nc: &c [*b]\nd: &d [*c]\ne: [*d]",
        "! lists and mappings nest at most 5 deep at line 5 column 5",
    );
}

#[test]
fn limits() {
    check("- - - - - 1", "[[[[[1]]]]]");
    check("- - - - - - 1", "! lists and mappings nest at most 5 deep at line 1 column 11");
    check(&"a".repeat(1001), "! the text has 1001 bytes, more than the limit of 1000; split it at line 1 column 1");
}

#[test]
fn everything_has_its_place() {
    check_places("a: b", r#"{a: "b"@1:4-1:5}@1:1-1:5"#);
    check_places("---\nä: 'b c'\nd:\n- e\n\n# end\n", r#"{ä: "b c"@2:4-2:9, d: ["e"@4:3-4:4]@4:3-4:4}@2:1-4:4"#);
    check_places(
        "a:\n  b: 1\n  c: |\n    x\n    y\n\nd: {e: f}\n",
        "{a: {b: 1@2:6-2:7, c: \"x\\ny\\n\"@4:5-7:1}@2:3-7:1, d: {e: \"f\"@7:8-7:9}@7:4-7:10}@1:1-7:10",
    );
    check_places("{\"a\":\n [1, \"ä\", 2]}", r#"{a: [1@2:3-2:4, "ä"@2:6-2:9, 2@2:11-2:12]@2:2-2:13}@1:1-2:14"#);
    check_places("a: 1\n---\nb: 2", "{a: 1@1:4-1:5}@1:1-1:5\n{b: 2@3:4-3:5}@3:1-3:5");
}

#[test]
fn positions_are_found_in_the_text() {
    let text = "a: ä1\r\nb: 2\n\nc: 3";
    for (line, column, expected) in
        [(1, 1, "a: ä1"), (1, 5, "1\r\nb"), (2, 4, "2\n"), (4, 1, "c"), (9, 1, ""), (4, 99, "")]
    {
        let position = margay_api::document::Position { line, column };
        assert!(text[position.offset(text)..].starts_with(expected), "{line}:{column}");
    }
}
