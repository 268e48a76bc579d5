//! The `margay` command: it prints, and never thinks.
//!
//! Each command is a thin module: it reads resources (a [`World`]), asks the rooms that know (`margay-policy` for verdicts,
//! `margay-datastore` and `margay-api` for what is written and where), and prints the answer for people or for programs. What a policy means
//! must never be decided here.
//!
//! | module | owns |
//! |---|---|
//! | [`flows`], [`lines`] | flows as JSON lines: reading them, finding their ends, writing the answers |
//! | [`answer`] | the verdict of a flow and what decided it, as printed |
//! | `commands` | one module for each command |
//!
//! Exit codes: 0 fine; 1 findings, or something is not as expected; 2 bad usage or input.
//!
//! ```
//! use margay_cli::{Streams, Terminal, run};
//!
//! let yaml = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, status: {podIP: 10.0.0.1}}";
//! let flow = tempfile::NamedTempFile::new()?;
//! std::fs::write(flow.path(), r#"{"from":"203.0.113.9","to":"shop/web","port":80}"#)?;
//!
//! let (mut out, mut err) = (Vec::new(), Vec::new());
//! let mut streams = Streams {
//!     stdin: &mut yaml.as_bytes(),
//!     stdout: &mut out,
//!     stderr: &mut err,
//!     terminal: Terminal::default(),
//! };
//! let flows = flow.path().to_str().unwrap();
//! assert_eq!(run(["margay", "eval", "-f", "-", "--flows", flows], &mut streams), 0);
//! assert!(String::from_utf8(out)?.contains(r#""verdict":"allow","egress":null,"ingress":"allow""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answer;
mod args;
mod commands;
mod fix;
pub mod flows;
mod input;
pub mod lines;
mod live;
mod party;
mod policy_name;
mod probes;
mod reach;
mod streams;
mod table;
mod words;
mod world;

pub use args::{command, run};
pub use party::{Party, PartyName};
pub use streams::{Streams, Terminal};
pub use world::World;
