//! values.yaml against values.schema.json. Patterns and ranges are Helm's to judge.

use crate::read;
use serde_json::Value;

fn schema() -> Value {
    read("helm/margay/values.schema.json").remove(0)
}

#[test]
fn every_value_is_in_the_schema_and_in_the_file() {
    let (schema, values) = (schema(), read("helm/margay/values.yaml").remove(0));
    let mut complaints = Vec::new();
    compare(&schema, &schema, &values, "", &mut complaints);
    // How often files are read matters to files alone, a snapshot's place depends on the system, Helm itself adds `global`, and Kubernetes has its own
    // defaults of resources.
    let without_default =
        ["agent.config.poll", "agent.config.snapshotFile", "global"].map(|path| format!("{path}: has no default"));
    complaints.retain(|complaint| !without_default.contains(complaint) && !complaint.contains(".resources."));
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn what_is_not_in_the_schema_is_found() {
    let schema = schema();
    for (values, expected) in [
        (r#"{"imag":{}}"#, "imag: is not in the schema"),
        (r#"{"agent":{"config":{"logLevl":"info"}}}"#, "agent.config.logLevl: is not in the schema"),
        (r#"{"agent":{"config":{"logLevel":"loud"}}}"#, "agent.config.logLevel: \"loud\" is not of the schema"),
        (r#"{"rbac":{"create":"yes"}}"#, "rbac.create: \"yes\" is not of the schema"),
        (r#"{"commonLabels":{"team":1}}"#, "commonLabels.team: 1 is not of the schema"),
    ] {
        let mut complaints = Vec::new();
        compare(&schema, &schema, &serde_json::from_str(values).expect("JSON"), "", &mut complaints);
        assert!(complaints.iter().any(|complaint| complaint == expected), "{expected}: {complaints:?}");
    }
}

/// Complains of values that the schema does not have or allow, of schema that the values do not have, and of objects that take anything.
fn compare(root: &Value, schema: &Value, values: &Value, path: &str, complaints: &mut Vec<String>) {
    let schema = resolved(root, schema);
    if !allows(schema, values) {
        return complaints.push(format!("{path}: {values} is not of the schema"));
    }
    let (Some(values), Some(properties)) = (values.as_object(), schema["properties"].as_object()) else {
        let each = &schema["additionalProperties"];
        for (name, value) in values.as_object().into_iter().flatten().filter(|_| each.is_object()) {
            compare(root, each, value, &format!("{path}.{name}"), complaints);
        }
        return;
    };
    if schema["additionalProperties"] != Value::Bool(false) {
        complaints.push(format!("{path}: takes anything"));
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in values {
        match properties.get(name) {
            Some(schema) => compare(root, schema, value, &below(name), complaints),
            None => complaints.push(format!("{}: is not in the schema", below(name))),
        }
    }
    for name in properties.keys().filter(|name| !values.contains_key(*name)) {
        complaints.push(format!("{}: has no default", below(name)));
    }
}

/// What a schema refers to.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    match reference.and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is in the schema")),
        None => schema,
    }
}

/// By its type and its enumeration.
fn allows(schema: &Value, value: &Value) -> bool {
    if let Some(any) = schema["oneOf"].as_array() {
        return any.iter().any(|schema| allows(schema, value));
    }
    if let Some(any) = schema["enum"].as_array() {
        return any.contains(value);
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("{other} is a type of the schema"),
    };
    match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => panic!("has no type: {schema}"),
    }
}
