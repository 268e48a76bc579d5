//! The agent's settings: one table, from which everything that speaks of them is made.
//!
//! | made of the table | by |
//! |---|---|
//! | the values, each from the weightiest source that gives one | [`Resolved`] |
//! | flags of `margay agent` | `margay-cli`, from [`table()`] |
//! | environment variables | [`environment`] |
//! | the configuration file, and its JSON Schema | [`file::read`], [`pages::schema`] |
//! | what `FelixConfiguration` says that means the same | [`felix::read`] |
//! | docs/settings.md | [`pages::reference`] |
//!
//! Every source gives text, which a [`Setting`] reads: so a value means the same wherever it is written. In order of weight the sources are flag, environment,
//! file, `FelixConfiguration` of the node, that of the cluster, and the default.
//!
//! ```
//! use margay_agent::settings::{Given, Origin, Reads, Resolved, setting};
//! use std::time::Duration;
//!
//! let poll = |text: &str, origin| Given { setting: setting("poll").unwrap(), text: text.into(), origin };
//! let given = [poll("2s", Origin::File("config.yaml:1".into())), poll("3s", Origin::Flag)];
//! let resolved = Resolved::of(Reads::Cluster, &given)?;
//! assert_eq!(resolved.settings().poll, Duration::from_secs(3));
//!
//! let wrong = Resolved::of(Reads::Cluster, &[poll("1ms", Origin::Environment)]).unwrap_err();
//! assert_eq!(wrong[0].to_string(), "poll can't be \"1ms\" (from the environment variable MARGAY_POLL): it is a time between 10ms and 1h, like 500ms, 1s or 2m");
//! # Ok::<(), Vec<margay_agent::settings::SettingError>>(())
//! ```

pub mod felix;
pub mod file;
pub mod pages;
mod resolve;
mod setting;
mod table;

pub use resolve::{Given, Origin, Resolved, SettingError, environment};
pub use setting::{Field, Platform, Setting, Word};
pub use table::{setting, table};

use smol_str::SmolStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What an agent reads: some defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Files (`-f`).
    Files,
    /// A cluster.
    Cluster,
}

/// Every setting, with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The node's name; empty where nothing gives one, with which no agent starts.
    pub node: SmolStr,
    /// How often files are read again.
    pub poll: Duration,
    /// Where the status is kept as JSON.
    pub status_file: Option<PathBuf>,
    /// Where the log goes, in the place of standard error.
    pub log_file: Option<PathBuf>,
    /// What is logged.
    pub log_level: LogLevel,
    /// How it is written.
    pub log_format: LogFormat,
    /// Where the last good state is kept.
    pub snapshot_file: Option<PathBuf>,
    /// Where what is read is recorded.
    pub record: Option<PathBuf>,
    /// Where `/liveness` and `/readiness` are served.
    pub health_address: Option<SocketAddr>,
    /// Where metrics are served.
    pub metrics_address: Option<SocketAddr>,
    /// What becomes of packets of addresses in the node's pod CIDRs that belong to no known pod.
    pub unknown_pods: UnknownPods,
    /// Where denied flows are told.
    pub flow_log: Option<Output>,
    /// The most lines of them in a second.
    pub flow_log_rate: u32,
    /// Whether NodeReport and Events are written.
    pub report: bool,
    /// Windows: networks of any type are programmed.
    pub any_network: bool,
    /// Windows: ACLs of others that are asked first are removed.
    pub remove_foreign: bool,
}

/// The least weighty lines that are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line, with fields of its own for objects, nodes and errors.
    Json,
}

/// What becomes of a packet of an address in the node's pod CIDRs that belongs to no known pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPods {
    /// It is let through and counted: another network plugin may use such addresses.
    #[default]
    Allow,
    /// It is dropped: no pod is open before its policy is in force.
    Deny,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output: `-`.
    Stdout,
    /// A file.
    File(PathBuf),
}
