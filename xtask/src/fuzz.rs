//! `cargo xtask fuzz`.

use crate::run::{has, root, step};
use anyhow::{Context, Result};
use std::process::Command;

/// Runs each fuzz target for a while.
pub fn run(args: &[String]) -> Result<()> {
    let mut seconds = "60".to_owned();
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            seconds.clone_from(args.next().context("--seconds takes a number")?);
        } else {
            names.push(arg.clone());
        }
    }
    if !has("cargo", &["+nightly", "fuzz", "--version"]) {
        println!("note: fuzzing is left out: it needs a nightly toolchain and `cargo install cargo-fuzz`.");
        return Ok(());
    }
    if names.is_empty() {
        let targets = root().join("fuzz/fuzz_targets");
        for entry in std::fs::read_dir(&targets).with_context(|| format!("cannot list {}", targets.display()))? {
            names.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
        names.sort();
    }
    for name in names {
        let limit = format!("-max_total_time={seconds}");
        let mut fuzz = Command::new("cargo");
        fuzz.args(["+nightly", "fuzz", "run", &name, "--", &limit, "-max_len=4096"]).current_dir(root());
        step(&format!("fuzz {name}, {seconds} s"), &mut fuzz)?;
    }
    Ok(())
}
