//! The agent's data plane on Windows: the Host Networking Service.

use crate::streams::Failure;
use margay_agent::Waker;
use margay_dataplane::Driver;
use margay_hcn::{Dll, Version};
use margay_windows::driver::{HnsDriver, Options, Program};
use std::path::PathBuf;
use std::sync::Arc;

/// HNS may be started after the agent, or be down just then.
pub(super) const MAY_COME_LATER: bool = true;
/// The oldest HNS that takes ACLs as they are written here: Windows Server 1709.
const OLDEST: Version = Version::KNOWN[0];

/// What is particular to Windows.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct PlatformArgs {
    /// Program endpoints on networks of any type, NAT too, where Windows may take ACLs and enforce none: policy then counts as in force only
    /// where vfpctrl shows it
    #[arg(long)]
    any_network: bool,
    /// Remove ACLs of others that are asked before Margay's, rather than report them
    #[arg(long)]
    remove_foreign: bool,
}

impl PlatformArgs {
    /// The same, as they are written on a command line.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let set = [(self.any_network, "--any-network"), (self.remove_foreign, "--remove-foreign")];
        set.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
    }
}

/// The driver, which wakes the agent when HNS has something to say.
pub(super) fn driver(args: &PlatformArgs, waker: &Waker) -> Result<Box<dyn Driver>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the Host Networking Service (HNS) can't be reached: {error}; the agent needs a Windows Server node with containers, and an administrator's rights"
        ))
    };
    let service = Arc::new(Dll::load().map_err(|error| failed(&error))?);
    let PlatformArgs { any_network, remove_foreign } = *args;
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

/// The lock of the machine, which has one HNS.
pub(super) fn lock_name() -> Result<String, Failure> {
    Ok("agent.lock".to_owned())
}

/// `%ProgramData%\margay`: the same for a service and for a user, as the folder for temporary files is not.
pub(super) fn lock_folder() -> PathBuf {
    std::env::var_os("ProgramData").map_or_else(std::env::temp_dir, PathBuf::from).join("margay")
}
