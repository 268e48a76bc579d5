//! `cargo xtask test`.

use crate::run::{cargo, step};
use anyhow::{Result, bail};

/// Set-up, then formatting, lints, tidiness and every test.
pub fn run(args: &[String]) -> Result<()> {
    let long = match args {
        [] => false,
        [flag] if flag == "--long" => true,
        _ => bail!("cargo xtask test takes --long or nothing"),
    };
    crate::setup::run()?;
    step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    crate::tidy::run()?;
    step("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    // A workspace of its own, with a lock file of its own, that nothing else would miss.
    let fuzz =
        ["check", "--quiet", "--locked", "--bins", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    step("fuzz targets compile", &mut cargo(&fuzz))?;
    let mut tests = cargo(&["test", "--workspace", "--all-targets"]);
    let mut docs = cargo(&["test", "--workspace", "--doc", "--quiet"]);
    if long {
        tests.env("MARGAY_LONG", "1");
    }
    step("tests", &mut tests)?;
    step("examples in documentation", &mut docs)?;
    crate::chart::run(&[])?;
    crate::windows::run()?;
    if long {
        crate::faults::run(&[])?;
        crate::fuzz::run(&[])?;
    }
    Ok(())
}
