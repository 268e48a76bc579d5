//! The configuration file: a YAML mapping of settings by their names.

use super::resolve::shortened;
use super::{Field, Given, Origin, Setting, SettingError, setting, table};
use margay_api::document::{Entry, Limits, Node, Value, documents};
use margay_api::suggestion;

/// The most bytes of a configuration file.
pub const LONGEST: usize = 1 << 20;
/// How deep anything in it nests: it is flat.
const DEPTH: usize = 8;

/// What a file says. `file` is its name, for origins and errors. An empty file says nothing, and neither does a setting that is null.
///
/// # Errors
/// What is wrong with it, all of it: its syntax, keys that are no setting, values that are no scalars.
pub fn read(text: &str, file: &str) -> Result<Vec<Given>, Vec<SettingError>> {
    let limits = Limits { bytes: LONGEST, depth: DEPTH, expansion: 0 };
    let mut found = documents(text, &limits);
    let node = match found.next() {
        None => return Ok(Vec::new()),
        Some(Ok(node)) => node,
        Some(Err(error)) => return Err(vec![wrong("the file is no YAML", file, error.to_string())]),
    };
    if found.next().is_some() {
        return Err(vec![wrong("the file has several documents", file, "it is one mapping of settings".into())]);
    }
    let entries = match &node.value {
        Value::Null => return Ok(Vec::new()),
        Value::Map(entries) => entries,
        other => {
            return Err(vec![wrong(
                &format!("the file is {}", other.describe()),
                file,
                "it is a mapping of settings".into(),
            )]);
        }
    };
    let (mut given, mut errors): (Vec<Given>, Vec<SettingError>) = Default::default();
    for entry in entries {
        match one(entry, file) {
            Ok(Some(one)) if given.iter().any(|other| other.setting.name == one.setting.name) => {
                errors.push(wrong(&format!("{} is written twice", entry.key), &one.from(), "leave one out".into()));
            }
            Ok(one) => given.extend(one),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(given) } else { Err(errors) }
}

fn wrong(what: &str, from: &str, help: String) -> SettingError {
    SettingError::new(what.to_owned(), from.to_owned(), help)
}

fn one(entry: &Entry, file: &str) -> Result<Option<Given>, SettingError> {
    let place = format!("{file}:{}", entry.span.start.line);
    let Some(setting) = setting(&entry.key) else {
        let names: Vec<&str> = table().iter().map(|setting| setting.name).collect();
        let near = suggestion(&entry.key, &names);
        let help = if near.is_empty() { format!("the settings are {}", names.join(", ")) } else { near };
        return Err(wrong(&format!("there is no setting {:?}", shortened(&entry.key)), &place, help));
    };
    let text = scalar(setting, &entry.value).map_err(|is| {
        wrong(&format!("{} can't be {is}", setting.name), &place, format!("it is {}", setting.allowed()))
    })?;
    Ok(text.map(|text| Given { setting, text, origin: Origin::File(place.into()) }))
}

/// The text of a value, or what it is in words. YAML takes a bare `off` for a boolean.
fn scalar(setting: &Setting, node: &Node) -> Result<Option<String>, &'static str> {
    Ok(Some(match &node.value {
        Value::Null => return Ok(None),
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(is) if matches!(setting.field, Field::Bool(_)) => is.to_string(),
        Value::Bool(false) if setting.may_be_off() => "off".to_owned(),
        other => return Err(other.describe()),
    }))
}
