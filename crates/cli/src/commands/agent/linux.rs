//! The agent's data plane on Linux: nftables, in the network namespace that the agent is started in.

use crate::streams::Failure;
use margay_agent::Waker;
use margay_agent::settings::{Settings, UnknownPods as Unknown};
use margay_dataplane::Driver;
use margay_linux::{LinuxDriver, Options, TableReader, UnknownPods};
use margay_telemetry::{Figures, Platform, RuleCount, Telemetry};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The kernel is there before any program, and an agent without rights gets none by waiting.
pub(super) const MAY_COME_LATER: bool = false;

/// The driver, which wakes the agent when the ruleset changes.
pub(super) fn driver(settings: &Settings, telemetry: &Telemetry, waker: &Waker) -> Result<Box<dyn Driver>, Failure> {
    let options = Options {
        count: settings.metrics_address.is_some(),
        log_denied: settings.flow_log.is_some(),
        unknown_pods: match settings.unknown_pods {
            Unknown::Allow => UnknownPods::Allow,
            Unknown::Deny => UnknownPods::Deny,
        },
        ..Options::default()
    };
    let driver = LinuxDriver::new(options)
        .map_err(|error| Failure::usage(format!("nf_tables can't be reached: {error}; the agent needs root")))?;
    let listening =
        driver.notifications().try_clone_to_owned().and_then(|notifications| listen(notifications, waker.clone()));
    listening.map_err(|error| Failure::usage(format!("changes of nftables can't be listened to: {error}")))?;
    if settings.metrics_address.is_some()
        && let Ok(table) = TableReader::new()
    {
        telemetry.set_platform(Box::new(Table(table)));
    }
    Ok(Box::new(driver))
}

/// Rules that are given with what they counted, those that were met most.
const MOST_RULES: usize = 1000;

/// What our table counts.
struct Table(TableReader);

impl Platform for Table {
    fn figures(&mut self) -> Figures {
        let Ok(mut table) = self.0.read() else { return Figures::default() };
        table.hits.sort_by_key(|hits| std::cmp::Reverse(hits.packets));
        let more_rules = table.hits.len().saturating_sub(MOST_RULES) as u64;
        let rules = table.hits.into_iter().take(MOST_RULES).map(|hits| RuleCount {
            policy: hits.policy,
            direction: hits.direction,
            rule: hits.rule,
            connections: hits.packets,
        });
        Figures {
            objects: vec![("nftables_chains", table.chains as u64), ("nftables_rules", table.rules as u64)],
            rules: rules.collect(),
            more_rules,
            unknown_pods: table.unknown_pods,
            calls: Vec::new(),
        }
    }
}

/// Wakes the agent whenever something arrives, on a thread that ends with the process. It is the driver that reads: so what is told is each arrival (the
/// edge), not that something is there.
fn listen(notifications: OwnedFd, waker: Waker) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(notifications.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0))?;
    let wait = move || {
        let _open = notifications;
        loop {
            match epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE) {
                Ok(_) => waker.driver(),
                Err(Errno::EINTR) => {}
                // The reconciler looks from time to time anyway.
                Err(_) => return,
            }
        }
    };
    std::thread::Builder::new().name("nftables".into()).spawn(wait).map(drop)
}

/// The file of settings that is read where none is named.
pub(super) fn config_file() -> PathBuf {
    "/etc/margay/config.yaml".into()
}

/// The lock of the network namespace: each has its own tables, and may have its own agent.
pub(super) fn lock_name() -> Result<String, Failure> {
    let namespace = std::fs::metadata("/proc/thread-self/ns/net")
        .map_err(|error| Failure::usage(format!("it can't be told which network namespace this is: {error}")))?;
    Ok(format!("agent-{}.lock", namespace.ino()))
}

/// `/run/margay`, or where that can't be written (in a user namespace) a folder of the user's own.
pub(super) fn lock_folder() -> PathBuf {
    let run = PathBuf::from("/run/margay");
    let made =
        std::fs::create_dir_all(&run).is_ok() && nix::unistd::access(&run, nix::unistd::AccessFlags::W_OK).is_ok();
    if made { run } else { std::env::temp_dir().join(format!("margay-{}", nix::unistd::getuid())) }
}
