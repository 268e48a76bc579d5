//! The commands as they are run: arguments and standard input in, output and exit code out.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it compared, or that it is skipped")]

#[cfg(target_os = "linux")]
mod agent;
#[cfg(target_os = "linux")]
mod cleanup;
mod cluster;
mod crds;
mod cyclonus;
mod eval;
mod explain;
mod host;
#[cfg(target_os = "linux")]
mod lab;
#[cfg(target_os = "linux")]
mod lab_standing;
#[cfg(target_os = "linux")]
mod live;
mod load;
mod matrix;
mod migrate;
#[cfg(target_os = "linux")]
mod observe;
mod policies;
mod properties;
#[cfg(target_os = "linux")]
mod render;
#[cfg(target_os = "linux")]
mod reports;
mod settings;
mod usage;
mod validate;

use margay_cli::{Streams, Terminal, run};

/// Two namespaces, two nodes, a service, and policies of each kind.
const SHOP: &str = include_str!("shop.yaml");

/// What a command printed, and how it ended.
struct Run {
    out: String,
    err: String,
    code: u8,
}

/// Runs a command of words divided by spaces.
fn margay(command: &str, stdin: &str) -> Run {
    margay_at(command, stdin, Terminal::default())
}

fn margay_at(command: &str, stdin: &str, terminal: Terminal) -> Run {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = stdin.as_bytes();
    let mut streams = Streams { stdin: &mut input, stdout: &mut out, stderr: &mut err, terminal };
    let code = run(command.split(' '), &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { out: text(out), err: text(err), code }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.out)?;
        if !self.err.is_empty() {
            write!(f, "[standard error]\n{}", self.err)?;
        }
        write!(f, "[exit code {}]", self.code)
    }
}

/// A file that is gone when the test ends.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("a temporary file");
    file
}
