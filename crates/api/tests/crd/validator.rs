//! An API server's validation of custom resources, as far as our definitions use it: structural schemas with strict fields, and rules of CEL.

use cel::{Context, Program, objects::Value as Cel};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Definitions, by the group, the version and the kind of their objects.
pub(crate) struct Validator {
    schemas: HashMap<(String, String), Value>,
    rules: HashMap<String, Program>,
    patterns: HashMap<String, Regex>,
}

impl Validator {
    pub(crate) fn new(definitions: &[Value]) -> Self {
        let mut validator = Self { schemas: HashMap::new(), rules: HashMap::new(), patterns: HashMap::new() };
        for definition in definitions {
            let (spec, version) = (&definition["spec"], &definition["spec"]["versions"][0]);
            let api = format!("{}/{}", text(&spec["group"]), text(&version["name"]));
            let schema = version["schema"]["openAPIV3Schema"].clone();
            validator.compile(&schema);
            validator.schemas.insert((api, text(&spec["names"]["kind"])), schema);
        }
        validator
    }

    /// Every rule and every pattern below a schema.
    fn compile(&mut self, schema: &Value) {
        match schema {
            Value::Object(fields) => {
                if let Some(Value::String(pattern)) = fields.get("pattern") {
                    self.patterns.entry(pattern.clone()).or_insert_with(|| Regex::new(pattern).expect("a pattern"));
                }
                for check in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                    let rule = text(&check["rule"]);
                    let compiled = Program::compile(&rule).unwrap_or_else(|error| panic!("{rule}: {error}"));
                    self.rules.insert(rule, compiled);
                }
                fields.values().for_each(|value| self.compile(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.compile(item)),
            _ => {}
        }
    }

    /// What is wrong with an object.
    pub(crate) fn errors(&self, object: &Value) -> Vec<String> {
        let kind = (text(&object["apiVersion"]), text(&object["kind"]));
        let schema = self.schemas.get(&kind).unwrap_or_else(|| panic!("no definition of {kind:?}"));
        let mut errors = Vec::new();
        self.check(schema, object, "", &mut errors);
        errors
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let before = errors.len();
        if !is_of_type(schema, value) {
            errors.push(format!("{path}: is {value}, of the wrong type"));
            return;
        }
        self.check_value(schema, value, path, errors);
        match value {
            Value::Object(fields) => self.check_fields(schema, fields, path, errors),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{path}[{index}]"), errors);
                }
            }
            _ => {}
        }
        // What the schema refuses, rules don't see.
        if errors.len() == before {
            self.check_rules(schema, value, path, errors);
        }
    }

    fn check_fields(&self, schema: &Value, fields: &Map<String, Value>, path: &str, errors: &mut Vec<String>) {
        // Metadata is the API server's own.
        if path == ".metadata" {
            return;
        }
        for (name, value) in fields {
            let below = format!("{path}.{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => self.check(schema, value, &below, errors),
                (None, None) if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
                (None, None) => errors.push(format!("{below}: unknown field")),
            }
        }
    }

    /// What holds of one value by itself, its type aside.
    fn check_value(&self, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
        let mut require = |holds: bool, what: &str| {
            if !holds {
                errors.push(format!("{path}: {what}"));
            }
        };
        let bound = |name: &str| schema[name].as_f64();
        if let Some(words) = schema["enum"].as_array() {
            require(words.contains(value), "unsupported value");
        }
        if let Some(number) = value.as_f64() {
            require(bound("minimum").is_none_or(|least| number >= least), "too small");
            require(bound("maximum").is_none_or(|most| number <= most), "too large");
        }
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        #[allow(clippy::cast_precision_loss, reason = "lengths of test data")]
        let within = |most: &str| bound(most).is_none_or(|most| length as f64 <= most);
        match value {
            Value::String(text) => {
                require(within("maxLength"), "too long");
                require(
                    schema["pattern"].as_str().is_none_or(|pattern| self.patterns[pattern].is_match(text)),
                    "does not match",
                );
            }
            Value::Array(_) => {
                require(within("maxItems"), "too many");
                #[allow(clippy::cast_precision_loss, reason = "lengths of test data")]
                let enough = bound("minItems").is_none_or(|least| length as f64 >= least);
                require(enough, "too few");
            }
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    require(fields.contains_key(&text(name)), &format!("needs {name}"));
                }
            }
            _ => {}
        }
        if let (Some(narrower), None) = (schema["anyOf"].as_array(), schema.get("x-kubernetes-int-or-string")) {
            require(narrower.iter().any(|narrower| self.holds(narrower, value)), "none of its alternatives");
        }
    }

    /// Whether a schema that only narrows holds.
    fn holds(&self, narrower: &Value, value: &Value) -> bool {
        let mut errors = Vec::new();
        self.check_value(narrower, value, "", &mut errors);
        let fields = narrower["properties"].as_object().into_iter().flatten();
        let mut given = fields.filter_map(|(name, schema)| Some((schema, value.get(name)?)));
        errors.is_empty() && given.all(|(schema, value)| self.holds(schema, value))
    }

    fn check_rules(&self, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
        for check in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let mut context = Context::default();
            context.add_variable_from_value("self", cel(value));
            match self.rules[check["rule"].as_str().expect("a rule")].execute(&context) {
                Ok(Cel::Bool(true)) => {}
                Ok(Cel::Bool(false)) => errors.push(format!("{path}: {}", text(&check["message"]))),
                other => errors.push(format!("{path}: {} gives {other:?}", check["rule"])),
            }
        }
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_i64() || value.is_string();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        other => panic!("{other:?} is no type of a schema"),
    }
}

/// JSON as an API server gives it to CEL: whole numbers are signed.
fn cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Cel::Float(number.as_f64().expect("a number")), Cel::Int)
        }
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Cel::from(items.iter().map(cel).collect::<Vec<_>>()),
        Value::Object(fields) => {
            Cel::from(fields.iter().map(|(name, value)| (name.clone(), cel(value))).collect::<HashMap<_, _>>())
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
