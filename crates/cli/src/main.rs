//! The `margay` command.

use margay_cli::{Streams, Terminal, run};
use std::io::{BufWriter, stderr, stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let terminal = Terminal::of_process();
    let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
    let mut streams = Streams { stdin: &mut stdin().lock(), stdout: &mut out, stderr: &mut stderr().lock(), terminal };
    ExitCode::from(run(std::env::args_os(), &mut streams))
}
