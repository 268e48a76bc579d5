//! `cargo xtask faults`: seeded faults, each of which a test must catch.
//!
//! A fault is a patch in `faults/` whose first lines say, after `# tests:`, what to run: the arguments of one `cargo test`. It is applied to a copy of
//! the sources under `target/faults`, so that the work tree is never touched; copies share one target folder, so that only what a patch touches is built.
//!
//! A test that fails anyway catches nothing: the same tests must pass on the copy as it is.

use crate::run::{cargo, root};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Applies each fault in turn. Fails where one is not caught, or no longer applies or builds.
pub fn run(names: &[String]) -> Result<()> {
    let faults = list(names)?;
    let copy = root().join("target/faults/source");
    let mut missed = Vec::new();
    let mut sound: BTreeMap<String, bool> = BTreeMap::new();
    for fault in &faults {
        let started = Instant::now();
        let name = stem(fault);
        let text = std::fs::read_to_string(fault)?;
        println!("── fault {name}: {}", line(&text, "# what:").unwrap_or_default());
        let outcome = match line(&text, "# tests:") {
            None => Outcome::Broken("the patch has no line `# tests: ARGUMENTS OF CARGO TEST`".into()),
            Some(tests) => {
                if !sound.contains_key(tests) {
                    refresh(&copy)?;
                    sound.insert(tests.to_owned(), matches!(test(tests, &copy)?, Outcome::Missed));
                }
                match sound[tests] {
                    true => catch(fault, tests, &copy)?,
                    false => Outcome::Broken(format!("without the fault, `cargo test {tests}` does not pass")),
                }
            }
        };
        match outcome {
            Outcome::Caught => println!("   caught, {:.0} s", started.elapsed().as_secs_f32()),
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

/// What stands behind a word at the beginning of one of the first lines.
fn line<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim)
}

/// Which patches no longer apply, and so seed nothing: the code that they change has become another.
pub fn stale() -> Result<Vec<String>> {
    let mut stale = Vec::new();
    for fault in list(&[])? {
        let check = Command::new("git").args(["apply", "--check"]).arg(&fault).current_dir(root()).output()?;
        if !check.status.success() {
            stale.push(format!("{}: does not apply: {}", stem(&fault), String::from_utf8_lossy(&check.stderr).trim()));
        }
    }
    Ok(stale)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn list(names: &[String]) -> Result<Vec<PathBuf>> {
    let folder = root().join("faults");
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let chosen = names.is_empty() || names.contains(&stem(&path));
        if chosen && path.extension().is_some_and(|extension| extension == "patch") {
            faults.push(path);
        }
    }
    if let Some(name) = names.iter().find(|name| faults.iter().all(|fault| stem(fault) != **name)) {
        bail!("no fault {name} in {}", folder.display());
    }
    if faults.is_empty() {
        bail!("no faults in {}", folder.display());
    }
    faults.sort();
    Ok(faults)
}

/// Makes the copy equal to the work tree, writing only files that differ, so that little is built again. What is not of the work tree goes: a test that
/// was caught failing may leave its case behind, which would catch the next fault for the wrong reason.
fn refresh(copy: &Path) -> Result<()> {
    std::fs::create_dir_all(copy)?;
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output()?;
    let mut kept = BTreeSet::new();
    for file in String::from_utf8(listed.stdout)?.lines() {
        let (from, to) = (root().join(file), copy.join(file));
        let Ok(text) = std::fs::read(&from) else { continue };
        if std::fs::read(&to).ok().as_ref() != Some(&text) {
            std::fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            std::fs::write(&to, text)?;
        }
        kept.insert(to);
    }
    prune(copy, &kept)
}

fn prune(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune(&path, kept)?;
        } else if !kept.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn catch(fault: &Path, tests: &str, copy: &Path) -> Result<Outcome> {
    refresh(copy)?;
    let mut patch = Command::new("patch");
    patch.args(["-p1", "--silent", "--force", "--no-backup-if-mismatch", "-i"]).arg(fault).current_dir(copy);
    if !patch.status()?.success() {
        return Ok(Outcome::Broken("the patch does not apply".into()));
    }
    test(tests, copy)
}

fn test(tests: &str, copy: &Path) -> Result<Outcome> {
    let arguments: Vec<&str> = tests.split_whitespace().collect();
    let (build, rest) = match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => arguments.split_at(at),
        None => (arguments.as_slice(), [].as_slice()),
    };
    let cargo_test = |more: &[&str]| {
        let mut command = cargo(&["test", "--quiet"]);
        command.args(build).args(more).current_dir(copy).env("CARGO_TARGET_DIR", root().join("target/faults/target"));
        // That a test fails is enough: nobody reads the smallest case, nor a backtrace.
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("CARGO_PROFILE_DEV_DEBUG", "false");
        command
    };
    let built = cargo_test(&["--no-run"]).output()?;
    if !built.status.success() {
        return Ok(Outcome::Broken(format!("it does not build:\n{}", String::from_utf8_lossy(&built.stderr))));
    }
    let output = cargo_test(rest).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    // A filter that names no test, and a test that can't run here, must not look like one that passed.
    if output.status.success() && !told.lines().any(|line| line.starts_with("running") && line != "running 0 tests") {
        return Ok(Outcome::Broken(format!("`cargo test {tests}` runs no test")));
    }
    Ok(if output.status.success() { Outcome::Missed } else { Outcome::Caught })
}
