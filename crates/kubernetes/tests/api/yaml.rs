//! What is written as YAML is read as what it was.

use margay_api::document::{Limits, Node, Value as Read, documents};
use margay_kubernetes::yaml;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Texts that YAML has other ideas of, and any others.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "~",
        "null",
        "True",
        "yes",
        "No",
        "off",
        "1",
        "0x1f",
        "1e3",
        ".inf",
        "2026-11-24",
        "- a",
        "a: b",
        "a #b",
        "#",
        "?",
        "|",
        ">",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "---",
        "...",
        "=",
        "<<",
        " a",
        "a ",
        "a\nb\n",
        "\t",
        "\"",
        "'",
        "\\",
        "{",
        "[",
        "a,b",
        "\u{85}\u{2028}\u{feff}",
        "projectcalico.org/metadata",
    ];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(str::to_owned), any::<String>(), "[a-zA-Z0-9_./-]{0,12}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 48, 5, |inner| {
        let fields = prop::collection::btree_map(text(), inner.clone(), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            fields.prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn same(read: &Node, value: &Value) -> bool {
    match (&read.value, value) {
        (Read::Null, Value::Null) => true,
        (Read::Bool(read), Value::Bool(value)) => read == value,
        (Read::Int(read), Value::Number(value)) => value.as_i64() == Some(*read),
        (Read::Text(read), Value::String(value)) => read == value,
        (Read::List(read), Value::Array(items)) => {
            read.len() == items.len() && read.iter().zip(items).all(|(read, value)| same(read, value))
        }
        (Read::Map(read), Value::Object(fields)) => {
            let each = |(read, (name, value)): (&margay_api::document::Entry, (&String, &Value))| {
                read.key == *name && same(&read.value, value)
            };
            read.len() == fields.len() && read.iter().zip(fields).all(each)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn it_is_read_as_it_was(value in value()) {
        let text = format!("---\n{}", yaml(&Value::from_iter([("it", value.clone())])));
        let read: Vec<_> = documents(&text, &Limits::default()).collect();
        prop_assert_eq!(read.len(), 1, "{}", text);
        let it = read[0].as_ref().ok().and_then(|node| node.get("it"));
        prop_assert!(it.is_some_and(|it| same(it, &value)), "{:?} {}", read, text);
    }
}
