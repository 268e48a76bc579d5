//! The agent's data plane on Windows: the Host Networking Service.

use crate::streams::Failure;
use margay_agent::Waker;
use margay_agent::settings::Settings;
use margay_dataplane::Driver;
use margay_hcn::{Dll, Version};
use margay_windows::driver::{HnsDriver, Options, Program};
use std::path::PathBuf;
use std::sync::Arc;

/// HNS may be started after the agent, or be down just then.
pub(super) const MAY_COME_LATER: bool = true;
/// The oldest HNS that takes ACLs as they are written here: Windows Server 1709.
const OLDEST: Version = Version::KNOWN[0];

/// The driver, which wakes the agent when HNS has something to say.
pub(super) fn driver(settings: &Settings, waker: &Waker) -> Result<Box<dyn Driver>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the Host Networking Service (HNS) can't be reached: {error}; the agent needs a Windows Server node with containers, and an administrator's rights"
        ))
    };
    let service = Arc::new(Dll::load().map_err(|error| failed(&error))?);
    let Settings { any_network, remove_foreign, .. } = *settings;
    let options = Options { any_network, remove_foreign, ..Options::default() };
    let mut driver = HnsDriver::new(service, &options).map_err(|error| failed(&error))?;
    let version = driver.version();
    if version < OLDEST {
        return Err(Failure::usage(format!(
            "the Host Networking Service (HNS) is {version}, which is too old: {OLDEST} (Windows Server 1709) is the oldest that can be programmed"
        )));
    }
    let waker = waker.clone();
    driver.set_waker(move || waker.driver());
    driver.set_vfpctrl(Program::of_the_system());
    Ok(Box::new(driver))
}

/// The file of settings that is read where none is named.
pub(super) fn config_file() -> PathBuf {
    lock_folder().join("config.yaml")
}

/// The lock of the machine, which has one HNS.
pub(super) fn lock_name() -> Result<String, Failure> {
    Ok("agent.lock".to_owned())
}

/// `%ProgramData%\margay`: the same for a service and for a user, as the folder for temporary files is not.
pub(super) fn lock_folder() -> PathBuf {
    std::env::var_os("ProgramData").map_or_else(std::env::temp_dir, PathBuf::from).join("margay")
}
