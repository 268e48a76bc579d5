//! Which HNS is emulated, and how.

use crate::{Clock, Fault, Knobs, Latency};
use margay_hcn::Version;
use std::net::IpAddr;

/// Which HNS is emulated, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it can do: one of [`Version::KNOWN`], or any other.
    pub version: Version,
    /// How what is not established is read.
    pub knobs: Knobs,
    /// How much it takes.
    pub limits: Limits,
    /// The address of the host, which networks show as their `ManagementIP` and overlay networks as their provider address.
    pub management: Option<IpAddr>,
    /// Its time.
    pub clock: Clock,
    /// How long calls take, from the start.
    pub latency: Latency,
    /// What goes wrong, from the start.
    pub faults: Vec<Fault>,
}

/// How much HNS takes: not known \[UNK\], so there is no limit unless one is set. Beyond it is 0x6f.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// ACLs and tiers of an endpoint.
    pub acls: usize,
    /// Entries of a list of addresses or ports.
    pub list_entries: usize,
    /// Policies in one call.
    pub policies_in_call: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { acls: usize::MAX, list_entries: usize::MAX, policies_in_call: usize::MAX }
    }
}

impl Config {
    /// Of a version; all else as it is by default, on a clock that stands.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            knobs: Knobs::default(),
            limits: Limits::default(),
            management: None,
            clock: Clock::manual(),
            latency: Latency::default(),
            faults: Vec::new(),
        }
    }
}

/// HNS 9.5, of Windows Server 2019.
impl Default for Config {
    fn default() -> Self {
        Self::new(Version::new(9, 5))
    }
}
