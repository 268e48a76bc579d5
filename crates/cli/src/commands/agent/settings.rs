//! The settings as flags, and from wherever else they are.

use crate::streams::{Exit, Failure, Streams};
use crate::table;
use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use margay_agent::settings::{
    Field, Given, Origin, Reads, Resolved, Setting, SettingError, Settings, environment, file, table as settings,
};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The environment variable that names the configuration file.
const CONFIG: &str = "MARGAY_CONFIG";

/// The flags of the settings, as the table has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags(Vec<Given>);

impl Flags {
    /// The same, with whole paths.
    #[cfg(windows)]
    pub(super) fn whole(&self) -> Result<Vec<Given>, Failure> {
        let whole = |given: &Given| {
            let text = &given.text;
            let is_path = given.setting.may_be_off()
                && !matches!(given.setting.field, Field::Address(_))
                && !matches!(text.as_str(), "off" | "-");
            let text = match is_path {
                true => std::path::absolute(text)
                    .map_err(|error| Failure::usage(format!("{text} can't be found: {error}")))?
                    .display()
                    .to_string(),
                false => text.clone(),
            };
            Ok(Given { text, ..given.clone() })
        };
        self.0.iter().map(whole).collect()
    }
}

fn here() -> impl Iterator<Item = &'static Setting> {
    settings().iter().filter(|setting| setting.is_here())
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(here().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let parse = |text: &str| setting.read(text, &mut Settings::default()).map(|()| text.to_owned());
    let mut help = setting.about.to_owned();
    let default = setting.default(Reads::Cluster);
    match default {
        "" | "off" | "false" => {}
        _ if default == setting.default(Reads::Files) => help.push_str(&format!(" [default: {default}]")),
        _ => help.push_str(&format!(" [default: {default} in a cluster]")),
    }
    let arg = Arg::new(setting.name).long(setting.flag()).help(help).value_name(setting.placeholder());
    let arg = arg.value_parser(ValueParser::new(parse)).help_heading("Settings");
    match setting.field {
        Field::Bool(_) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = here().filter(|setting| matches.value_source(setting.name) == Some(ValueSource::CommandLine));
        let given = given.filter_map(|setting| {
            let text = matches.get_one::<String>(setting.name)?.clone();
            Some(Given { setting, text, origin: Origin::Flag })
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What flags, environment and the configuration file say.
pub(super) fn given(flags: &Flags, config: Option<&Path>) -> Result<Vec<Given>, Failure> {
    let mut given = match config.map(Path::to_owned).or_else(|| std::env::var_os(CONFIG).map(PathBuf::from)) {
        Some(path) => {
            read(&path)?.ok_or_else(|| Failure::usage(format!("there is no configuration file {}", path.display())))?
        }
        None => read(&super::platform::config_file())?.unwrap_or_default(),
    };
    given.extend(environment(|name| std::env::var(name).ok()));
    given.extend(flags.0.iter().cloned());
    Ok(given)
}

/// What a configuration file says; `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<Given>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("the configuration file {} can't be read: {error}", path.display()))
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mut text = String::new();
    file.take(file::LONGEST as u64 + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    file::read(&text, &path.display().to_string()).map(Some).map_err(|errors| wrong(&errors))
}

/// The settings that all of it comes to.
pub(super) fn resolve(reads: Reads, given: &[Given]) -> Result<Resolved, Failure> {
    Resolved::of(reads, given).map_err(|errors| wrong(&errors))
}

fn wrong(errors: &[SettingError]) -> Failure {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Failure::usage(format!("the settings can't be used; what is in force stays in force\n  {}", lines.join("\n  ")))
}

/// Prints every setting with its value, and where it is from.
pub(super) fn print(resolved: &Resolved, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let row = |given: &Given| vec![given.setting.name.into(), given.text.as_str().into(), given.from().into()];
    let rows: Vec<_> = resolved.effective().iter().map(row).collect();
    table::print(&["SETTING", "VALUE", "FROM"], &rows, streams.paint(), streams.stdout)?;
    Ok(Exit::Fine)
}
