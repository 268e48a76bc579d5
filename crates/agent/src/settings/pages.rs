//! What is made of the table for people and for editors.

use super::{Field, Platform, Reads, Setting, table};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// docs/settings.md.
pub fn reference() -> String {
    let mut page = include_str!("reference.md").to_owned();
    let _ = writeln!(
        page,
        "## Table\n\n| in the file | flag | environment | value | default | on |\n|---|---|---|---|---|---|"
    );
    for setting in table() {
        let Setting { name, platform, .. } = setting;
        let (flag, variable, value) = (setting.flag(), setting.variable(), setting.allowed());
        let on = if *platform == Platform::Any { String::new() } else { format!("{platform:?}") };
        let default = default(setting);
        let _ = writeln!(
            page,
            "| [`{name}`](#{}) | `--{flag}` | `{variable}` | {value} | {default} | {on} |",
            name.to_lowercase()
        );
    }
    page.push_str("\n## Each of them\n");
    for setting in table() {
        let _ = writeln!(page, "\n### {}\n\n{}.", setting.name, setting.about);
        if !setting.more.is_empty() {
            let _ = writeln!(page, "{}", setting.more);
        }
        if !setting.felix.is_empty() {
            let fields: Vec<String> = setting.felix.iter().map(|field| format!("`{field}`")).collect();
            let _ = writeln!(page, "\nThe same in FelixConfiguration: {}.", fields.join(", "));
        }
    }
    page
}

fn default(setting: &Setting) -> String {
    match (setting.default(Reads::Files), setting.default(Reads::Cluster)) {
        ("", _) => "none".into(),
        (files, cluster) if files == cluster => format!("`{files}`"),
        (files, cluster) => format!("`{cluster}` in a cluster, `{files}` on files"),
    }
}

/// The JSON Schema (2020-12) of the configuration file.
pub fn schema() -> Value {
    let properties: Map<String, Value> =
        table().iter().map(|setting| (setting.name.to_owned(), property(setting))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of margay agent",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn property(setting: &Setting) -> Value {
    let mut property = match &setting.field {
        Field::Name(_) => json!({"type": "string", "minLength": 1, "maxLength": 253}),
        Field::Time(..) => json!({"type": "string", "minLength": 1}),
        // A bare `off` is a boolean in YAML.
        Field::File(_) | Field::Address(_) | Field::Output(_) => {
            json!({"anyOf": [{"type": "string", "minLength": 1}, {"const": false}]})
        }
        Field::Count(_, bounds, _) => json!({"type": "integer", "minimum": bounds.start(), "maximum": bounds.end()}),
        Field::Bool(_) => json!({"type": "boolean"}),
        Field::Choice(words) => json!({"enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>()}),
    };
    let default = setting.default(Reads::Cluster);
    let default = match &setting.field {
        _ if default.is_empty() => None,
        Field::Count(..) | Field::Bool(_) => serde_json::from_str(default).ok(),
        _ => Some(Value::from(default)),
    };
    property["description"] = format!("{}: {}", setting.about, setting.allowed()).into();
    if let Some(default) = default {
        property["default"] = default;
    }
    property
}
