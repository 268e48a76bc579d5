//! The agent's data plane on Windows: the Host Networking Service.

use crate::streams::Failure;
use margay_agent::Waker;
use margay_dataplane::Driver;
use std::path::PathBuf;

/// The driver, which wakes the agent when HNS has something to say.
pub(super) fn driver(_waker: &Waker) -> Result<Box<dyn Driver>, Failure> {
    Err(Failure::usage(
        "this margay has no driver for the Host Networking Service (HNS) linked in yet: `margay agent --dry-run` follows the files and programs nothing",
    ))
}

/// The lock of the machine, which has one HNS.
pub(super) fn lock_name() -> Result<String, Failure> {
    Ok("agent.lock".to_owned())
}

/// `%ProgramData%\margay`: the same for a service and for a user, as the folder for temporary files is not.
pub(super) fn lock_folder() -> PathBuf {
    std::env::var_os("ProgramData").map_or_else(std::env::temp_dir, PathBuf::from).join("margay")
}
