//! `cargo xtask faults`: seeded faults, each of which a test must catch.
//!
//! A fault is a patch in `faults/` whose first lines say, after `# tests:`, what to run: the arguments of one `cargo test`. It is applied to a copy of
//! the sources under `target/faults`, so that the work tree is never touched; copies share one target folder, so that only what a patch touches is built.

use crate::run::{cargo, root};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Applies each fault in turn. Fails where one is not caught, or no longer applies or builds.
pub fn run(names: &[String]) -> Result<()> {
    let faults = list(names)?;
    let copy = root().join("target/faults/source");
    let mut missed = Vec::new();
    for fault in &faults {
        let name = fault.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("── fault {name}");
        refresh(&copy)?;
        match catch(fault, &copy)? {
            Outcome::Caught => println!("   caught"),
            Outcome::Missed => missed.push(format!("{name}: no test failed")),
            Outcome::Broken(why) => missed.push(format!("{name}: {why}")),
        }
    }
    if !missed.is_empty() {
        bail!("{} of {} faults were not caught:\n{}", missed.len(), faults.len(), missed.join("\n"));
    }
    println!("{} faults, each caught", faults.len());
    Ok(())
}

enum Outcome {
    Caught,
    Missed,
    Broken(String),
}

fn list(names: &[String]) -> Result<Vec<PathBuf>> {
    let folder = root().join("faults");
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "patch") && (names.is_empty() || names.contains(&stem))
        {
            faults.push(path);
        }
    }
    faults.sort();
    if faults.is_empty() {
        bail!("no fault of that name in {}", folder.display());
    }
    Ok(faults)
}

/// Makes the copy equal to the work tree, writing only files that differ, so that little is built again.
fn refresh(copy: &Path) -> Result<()> {
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output()?;
    for file in String::from_utf8(listed.stdout)?.lines() {
        let (from, to) = (root().join(file), copy.join(file));
        let Ok(text) = std::fs::read(&from) else { continue };
        if std::fs::read(&to).ok().as_ref() != Some(&text) {
            std::fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            std::fs::write(&to, text)?;
        }
    }
    Ok(())
}

fn catch(fault: &Path, copy: &Path) -> Result<Outcome> {
    let text = std::fs::read_to_string(fault)?;
    let Some(tests) = text.lines().find_map(|line| line.strip_prefix("# tests:")) else {
        return Ok(Outcome::Broken("the patch has no line `# tests: ARGUMENTS OF CARGO TEST`".into()));
    };
    let applied =
        Command::new("patch").args(["-p1", "--silent", "--force", "-i"]).arg(fault).current_dir(copy).status()?;
    if !applied.success() {
        return Ok(Outcome::Broken("the patch does not apply".into()));
    }
    let arguments: Vec<&str> = tests.split_whitespace().collect();
    let (build, rest) = match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => arguments.split_at(at),
        None => (arguments.as_slice(), [].as_slice()),
    };
    let cargo_test = |more: &[&str]| {
        let mut command = cargo(&["test", "--quiet"]);
        command.args(build).args(more).current_dir(copy).env("CARGO_TARGET_DIR", root().join("target/faults/target"));
        command
    };
    if !cargo_test(&["--no-run"]).output()?.status.success() {
        return Ok(Outcome::Broken("it does not build".into()));
    }
    let output = cargo_test(rest).output()?;
    Ok(if output.status.success() { Outcome::Missed } else { Outcome::Caught })
}
