//! What is known of the cluster.

use crate::index::Index;
use crate::names::Names;
use crate::service::Services;
use crate::text::Texts;
use crate::thing::Things;
use std::net::IpAddr;

/// The inputs in compact form.
pub(crate) struct Cluster {
    pub(crate) names: Names,
    pub(crate) index: Index,
    pub(crate) things: Things,
    pub(crate) services: Services,
    /// Names of nodes that pods and host endpoints are on.
    pub(crate) nodes: Texts<()>,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::new(),
            index: Index::new(),
            things: Things::default(),
            services: Services::default(),
            nodes: Texts::new(),
        }
    }

    /// The addresses that a thing has.
    pub(crate) fn addresses(&self, thing: u32) -> impl Iterator<Item = IpAddr> + '_ {
        self.things.addresses(&self.index.ids, &self.names, thing)
    }

    /// The pod that has an address.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<u32> {
        self.things.owner(&self.index.ids, &self.names, address)
    }

    /// The pod that would have an address without one that claims it.
    pub(crate) fn owner_but(&self, address: IpAddr, without: u32) -> Option<u32> {
        self.things.owner_but(&self.index.ids, &self.names, address, Some(without))
    }

    /// True when no other pod claims the address.
    pub(crate) fn claim(&mut self, pod: u32, address: IpAddr) -> bool {
        self.things.claim(&mut self.index.ids, pod, address)
    }

    /// True when no other pod claims the address.
    pub(crate) fn unclaim(&mut self, pod: u32, address: IpAddr) -> bool {
        self.things.unclaim(&mut self.index.ids, pod, address)
    }
}
