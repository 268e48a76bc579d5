//! `cargo xtask bench`.

use crate::run::{cargo, step};
use anyhow::Result;

/// Builds the benches for speed and runs them; the arguments are theirs.
pub fn run(args: &[String]) -> Result<()> {
    step("build", &mut cargo(&["build", "--release", "--quiet", "--package", "margay-bench"]))?;
    let mut bench = cargo(&["run", "--release", "--quiet", "--package", "margay-bench", "--"]);
    bench.args(args);
    step("bench", &mut bench)
}
