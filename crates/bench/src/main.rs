//! Measurements of the engine and of the Linux data plane beside the figures to beat. `cargo xtask bench` runs them.
//!
//! It owns the workloads and how they are measured. It must never know how what it measures works inside.
//!
//! Each row runs in a process of its own, so that its memory and CPU are its alone. The figures to beat are those of Felix (Go) on the same work on
//! a two-core machine; user CPU includes making the data, in both. Absolute times swing from machine to machine: compare ratios.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod beat;
mod measure;
mod report;
mod work;

use anyhow::{Context, Result, bail};
use cap::Cap;
use measure::Measured;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::process::Command;

/// Counts allocations under what counts bytes.
#[global_allocator]
static ALLOCATOR: Cap<&StatsAlloc<System>> = Cap::new(&INSTRUMENTED_SYSTEM, usize::MAX);

/// Of the arguments: run one row here, and print its measurements as JSON.
const HERE: &str = "--here";

const HELP: &str = "\
margay-bench [NAME…] [--json] [--list]

  NAME    only the rows whose name begins with it
  --json  one JSON object for each row
  --list  the names of the rows
";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [HERE, name] = [args.first(), args.get(1)].map(|arg| arg.map_or("", String::as_str)) {
        let row = work::ROWS.iter().find(|row| row.name == name).context("no such row")?;
        println!("{}", serde_json::to_string(&(row.run)())?);
        return Ok(());
    }
    let (flags, names): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|given| *given == flag);
    if let Some(unknown) = flags.iter().find(|flag| !["--json", "--list"].contains(&flag.as_str())) {
        bail!("{unknown} is unknown\n\n{HELP}");
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|start| name.starts_with(start.as_str()));
    let rows: Vec<_> = work::ROWS.iter().filter(|row| wanted(row.name)).collect();
    if rows.is_empty() {
        bail!("no row begins with {names:?}\n\n{HELP}");
    }
    for row in rows {
        if has("--list") {
            println!("{}", row.name);
            continue;
        }
        let measured = elsewhere(row.name).with_context(|| format!("row {}", row.name))?;
        if has("--json") {
            println!("{}", report::json(row.name, &measured, beat::of(row.name))?);
        } else {
            println!("{}", report::line(row.name, &measured, beat::of(row.name)));
        }
    }
    Ok(())
}

/// Runs a row in a process of its own.
fn elsewhere(name: &str) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?).args([HERE, name]).output()?;
    if !output.status.success() {
        bail!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
