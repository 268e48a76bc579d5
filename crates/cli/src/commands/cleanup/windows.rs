//! What there is to remove on Windows: ACLs, and the service.

use crate::commands::agent;
use crate::streams::{Failure, Streams};
use crate::words::counted;
use margay_dataplane::Driver;
use margay_hcn::Dll;
use margay_windows::driver::{HnsDriver, Options};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const AFTER_HELP: &str = "\
Examples:
  margay cleanup --dry-run
  margay cleanup";

/// Where the chart has agents keep their last good state.
pub(super) fn state_folder() -> PathBuf {
    std::env::var_os("ProgramData").map_or_else(std::env::temp_dir, PathBuf::from).join("margay")
}

/// The service would run the agent again.
pub(super) fn before(streams: &mut Streams<'_>) -> Result<(), Failure> {
    agent::uninstall_service(streams).map(drop)
}

pub(super) fn data_plane(dry_run: bool, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("the Host Networking Service (HNS) can't be asked: {error}; it takes an administrator"))
    };
    let service = Arc::new(Dll::load().map_err(|error| failed(&error))?);
    let mut driver = HnsDriver::new(service, &Options::default()).map_err(|error| failed(&error))?;
    let programmed = driver.programmed().map_err(|error| failed(&error))?.len();
    if programmed == 0 {
        writeln!(streams.stdout, "Nothing to remove: no endpoint has ACLs of Margay.")?;
        return Ok(());
    }
    let endpoints = counted(programmed, "endpoint");
    if dry_run {
        writeln!(streams.stdout, "Would remove the ACLs of {endpoints}: no policy would be in force on this node.")?;
        return Ok(());
    }
    driver.cleanup().map_err(|error| Failure::usage(format!("not every ACL could be removed: {error}")))?;
    writeln!(streams.stdout, "Removed the ACLs of {endpoints}: no policy is in force on this node.")?;
    Ok(())
}
