//! What the tests need of the machine, and what can't run without it.

use crate::run::{cargo, has};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Gets what is missing where that is possible, and says what is not here and what that leaves out. Nothing outside the toolchain is needed to
/// build; the network tests need namespaces.
pub fn run() -> Result<()> {
    for component in ["rustfmt", "clippy"] {
        let subcommand = if component == "rustfmt" { "fmt" } else { "clippy" };
        if !cargo(&[subcommand, "--version"]).output().is_ok_and(|output| output.status.success()) {
            crate::run::step(
                &format!("rustup component add {component}"),
                Command::new("rustup").args(["component", "add", component]),
            )?;
        }
    }
    if !has("unshare", &["--net", "true"]) && !has("unshare", &["--user", "--map-root-user", "--net", "true"]) {
        println!(
            "note: neither root nor user namespaces: tests on the real kernel will say that they are skipped.\n      \
             Run as root, or allow user namespaces (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)."
        );
    }
    if !Path::new("/proc/sys/net/bridge").exists() {
        println!(
            "note: br_netfilter is not loaded (modprobe br_netfilter): the bridge wiring of the lab is tested as far as it goes."
        );
    }
    if !crate::run::root().join("../shared/fixtures").exists() {
        println!("note: ../shared/fixtures is not there: the truth tables of Kubernetes NetworkPolicy are left out.");
    }
    Ok(())
}
