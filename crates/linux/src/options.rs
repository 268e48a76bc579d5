//! Settings of the Linux data plane.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// How the Plan is programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Packets to or from pods that belong to no connection and can't begin one (`ct state invalid`) are dropped.
    pub drop_invalid: bool,
    /// When a change of the Plan denies what is established, such connections end.
    pub cut_established: bool,
    /// NFLOG group that Log rules write to.
    pub nflog_group: u16,
    /// What is denied is written to that group too, with the rule that did.
    pub log_denied: bool,
    /// Every rule counts the packets that it decides on.
    pub count: bool,
    /// What becomes of packets to or from addresses in the pod CIDRs of the Plan's nodes that no known pod has, and no node itself.
    pub unknown_pods: UnknownPods,
    /// The interface behind which each address is, where it is known: serves against spoofing.
    pub interfaces: BTreeMap<IpAddr, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            drop_invalid: true,
            cut_established: false,
            nflog_group: 2,
            log_denied: false,
            count: false,
            unknown_pods: UnknownPods::Allow,
            interfaces: BTreeMap::new(),
        }
    }
}

/// What becomes of packets of pods that are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPods {
    /// They pass. With [`Options::count`] they are counted, which no rule is needed for otherwise.
    #[default]
    Allow,
    /// They are dropped, but those of established connections: no pod is open before its policy.
    Deny,
}
