//! Which of several values counts.

use super::{Reads, Setting, Settings, table};
use smol_str::SmolStr;
use std::fmt;

/// Where a value is from, the least weighty first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The table.
    Default,
    /// A field of `FelixConfiguration default`.
    Felix(SmolStr),
    /// A field of the node's own `FelixConfiguration`.
    FelixOfNode(SmolStr),
    /// A line of the configuration file, `file:line`.
    File(SmolStr),
    /// The setting's environment variable.
    Environment,
    /// The setting's flag.
    Flag,
}

/// What a source says of a setting.
#[derive(Clone, Debug)]
pub struct Given {
    /// Which.
    pub setting: &'static Setting,
    /// Its value, as it is written.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

impl Given {
    /// Its origin in words.
    pub fn from(&self) -> String {
        from(self.setting, &self.origin)
    }
}

fn from(setting: &Setting, origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".into(),
        Origin::Felix(field) => format!("FelixConfiguration default, {field}"),
        Origin::FelixOfNode(field) => format!("the node's FelixConfiguration, {field}"),
        Origin::File(place) => place.to_string(),
        Origin::Environment => format!("the environment variable {}", setting.variable()),
        Origin::Flag => format!("--{}", setting.flag()),
    }
}

/// A value that a setting can't have, or a setting that there is not. Displayed with where it is written, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    what: String,
    from: String,
    help: String,
}

impl SettingError {
    pub(super) fn new(what: String, from: String, help: String) -> Self {
        Self { what, from, help }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, from, help } = self;
        write!(f, "{what} (from {from})")?;
        if help.is_empty() { Ok(()) } else { write!(f, ": {help}") }
    }
}

impl std::error::Error for SettingError {}

/// Every setting, and where its value is from.
#[derive(Clone, Debug)]
pub struct Resolved {
    settings: Settings,
    effective: Vec<Given>,
}

impl Resolved {
    /// Of what the sources say, in any order, the weightiest for each setting. What is written of no weight is read too, so that an error does not
    /// come up when a flag is left out.
    ///
    /// # Errors
    /// Everything that a setting can't be.
    pub fn of(reads: Reads, given: &[Given]) -> Result<Self, Vec<SettingError>> {
        let (mut settings, mut effective, mut errors) = (Settings::default(), Vec::new(), Vec::new());
        for setting in table() {
            let default = setting.default(reads);
            let default = Given { setting, text: default.into(), origin: Origin::Default };
            let default = (!default.text.is_empty()).then_some(default);
            let said = given.iter().filter(|given| given.setting.name == setting.name).cloned();
            let mut values: Vec<Given> = default.into_iter().chain(said).collect();
            values.sort_by(|a, b| a.origin.cmp(&b.origin));
            for value in &values {
                errors.extend(setting.read(&value.text, &mut settings).err().map(|help| {
                    SettingError::new(
                        format!("{} can't be {:?}", setting.name, shortened(&value.text)),
                        value.from(),
                        help,
                    )
                }));
            }
            effective.extend(values.pop());
        }
        if errors.is_empty() { Ok(Self { settings, effective }) } else { Err(errors) }
    }

    /// The values.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Each setting that has a value, with what was written that counts.
    pub fn effective(&self) -> &[Given] {
        &self.effective
    }
}

/// As much of a value as a person reads.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What the environment says; a variable that is set to nothing says nothing.
pub fn environment(variable: impl Fn(&str) -> Option<String>) -> Vec<Given> {
    let given = table().iter().filter_map(|setting| {
        let text = variable(&setting.variable()).filter(|text| !text.trim().is_empty())?;
        Some(Given { setting, text, origin: Origin::Environment })
    });
    given.collect()
}
