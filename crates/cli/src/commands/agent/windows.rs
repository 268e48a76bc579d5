//! The agent's data plane on Windows: the Host Networking Service.

use crate::streams::Failure;
use margay_agent::Waker;
use margay_agent::settings::Settings;
use margay_dataplane::Driver;
use margay_hcn::{Dll, Version};
use margay_telemetry::{Calls, Figures, Platform, Telemetry};
use margay_windows::driver::{HnsCounts, HnsDriver, Options, Program};
use std::path::PathBuf;
use std::sync::Arc;

/// HNS may be started after the agent, or be down just then.
pub(super) const MAY_COME_LATER: bool = true;
/// The oldest HNS that takes ACLs as they are written here: Windows Server 1709.
const OLDEST: Version = Version::KNOWN[0];

/// The driver, which wakes the agent when HNS has something to say.
pub(super) fn driver(settings: &Settings, telemetry: &Telemetry, waker: &Waker) -> Result<Box<dyn Driver>, Failure> {
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
    telemetry.set_platform(Box::new(Counts(driver.counts())));
    Ok(Box::new(driver))
}

/// What the driver counts.
struct Counts(HnsCounts);

impl Platform for Counts {
    fn figures(&mut self) -> Figures {
        let figures = self.0.read();
        let calls = figures.calls.into_iter().map(|(measured, latency)| Calls {
            operation: measured.operation.name(),
            kind: measured.kind.map(|kind| kind.to_string()).unwrap_or_default(),
            count: latency.count,
            sum: latency.sum,
            failed: latency.failed,
            timed_out: latency.timed_out,
        });
        Figures {
            objects: vec![("hns_acls", figures.acls), ("hns_lost_threads", figures.lost_threads)],
            calls: calls.collect(),
            ..Figures::default()
        }
    }
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
