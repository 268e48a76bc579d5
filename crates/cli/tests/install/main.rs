//! The Helm chart and the manifests rendered from it, as far as they can be judged without Helm (`cargo xtask chart` has the rest): that they say of
//! Margay what is so, and ask for no more than is used.

#![allow(clippy::print_stderr, reason = "a test says that it is skipped")]

mod crds;
mod manifests;
mod rights;
mod values;

use margay_api::document::{Limits, Node, Value, documents};
use std::path::{Path, PathBuf};

/// `deploy`, in the repository.
fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// A file below `deploy`, as JSON.
fn read(file: &str) -> Vec<serde_json::Value> {
    let path = deploy().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    documents(&text, &Limits::default())
        .map(|node| json(&node.unwrap_or_else(|error| panic!("{file}: {error}"))))
        .collect()
}

/// Every object of the plain manifests.
fn objects() -> Vec<serde_json::Value> {
    let mut files: Vec<_> = std::fs::read_dir(deploy().join("manifests")).expect("deploy/manifests").collect();
    files.sort_by_key(|file| file.as_ref().map(std::fs::DirEntry::file_name).ok());
    let names = files.into_iter().map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned());
    names.flat_map(|name| read(&format!("manifests/{name}"))).collect()
}

/// The one object of a kind and a name.
fn object(kind: &str, name: &str) -> serde_json::Value {
    let mut found: Vec<_> =
        objects().into_iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name).collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found.remove(0)
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.to_string(), json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// The strings of a list.
fn strings(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
}
