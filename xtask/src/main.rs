//! Set-up, tests, faults, benches and tidiness of the workspace. Run as `cargo xtask COMMAND`.

use anyhow::{Result, bail};
use xtask::{bench, chart, faults, fuzz, test, tidy, windows};

const HELP: &str = "\
cargo xtask COMMAND

  test [--long]              set-up, formatting, lints, tidiness and every test; says what can't run here and why
                             --long: more cases, every fixture state on real packets, the seeded faults, the fuzz targets
  windows                    the Windows part of it alone: margay.exe is built, and tested under Wine
  chart [--write]            the Helm chart: linted, rendered, held against Kubernetes' schemas and deploy/manifests
                             --write: writes deploy/manifests anew
  faults [NAME…]             applies each seeded fault of faults/ in turn and holds that a test catches it
  fuzz [--seconds N] [NAME…] runs the fuzz targets (needs a nightly toolchain and cargo-fuzz)
  bench [NAME…] [--json]     measures, beside the figures to beat
  tidy                       the small promises: file sizes, words that mean unfinished
";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "test" => test::run(rest),
        "windows" => windows::run(),
        "chart" => chart::run(rest),
        "faults" => faults::run(rest),
        "fuzz" => fuzz::run(rest),
        "bench" => bench::run(rest),
        "tidy" => tidy::run(),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no command {other:?}\n\n{HELP}"),
    }
}
