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
    /// The interface behind which each address is, where it is known: serves against spoofing.
    pub interfaces: BTreeMap<IpAddr, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { drop_invalid: true, cut_established: false, nflog_group: 2, interfaces: BTreeMap::new() }
    }
}
