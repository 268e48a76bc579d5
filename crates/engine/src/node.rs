//! Nodes: which address is whose own, and the host endpoint on the uplink of each in scope.

use crate::Scope;
use crate::cluster::Cluster;
use crate::thing::{Body, Host};
use margay_api::{Node, Prefix};
use margay_policy::{EndpointId, NodeInfo, Plan};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The interface that joins a node to others (decision 20).
const UPLINK: &str = "eth0";

/// Every node. Those that are not in scope matter for the addresses that they share with one that is.
#[derive(Default)]
pub(crate) struct Nodes {
    list: BTreeMap<SmolStr, Record>,
    /// The nodes that say that an address is theirs.
    claims: FxHashMap<IpAddr, BTreeSet<SmolStr>>,
    /// Host endpoints in scope by node, and the node of each.
    hosts: FxHashMap<SmolStr, BTreeSet<u32>>,
    node_of: FxHashMap<u32, SmolStr>,
    dirty: BTreeSet<SmolStr>,
}

struct Record {
    /// Sorted.
    own: Vec<IpAddr>,
    pod_cidrs: Box<[Prefix]>,
    windows: bool,
}

impl Nodes {
    /// A node came, changed or went.
    pub(crate) fn set(&mut self, name: &SmolStr, node: Option<&Node>) {
        let mut own: Vec<IpAddr> = node.into_iter().flat_map(Node::own_addresses).map(|a| a.to_canonical()).collect();
        own.sort_unstable();
        own.dedup();
        if let Some(before) = self.list.remove(name) {
            for address in before.own {
                if let Some(nodes) = self.claims.get_mut(&address) {
                    nodes.remove(name);
                    self.dirty.extend(nodes.iter().cloned());
                    if nodes.is_empty() {
                        self.claims.remove(&address);
                    }
                }
            }
        }
        for address in &own {
            let nodes = self.claims.entry(*address).or_default();
            nodes.insert(name.clone());
            self.dirty.extend(nodes.iter().cloned());
        }
        if let Some(node) = node {
            let pod_cidrs = node.pod_cidrs.as_slice().into();
            self.list.insert(name.clone(), Record { own, pod_cidrs, windows: node.windows });
        }
        self.dirty.insert(name.clone());
    }

    /// A pod came to have this address, or no pod has it any more.
    pub(crate) fn touch(&mut self, address: IpAddr) {
        self.dirty.extend(self.claims.get(&address).into_iter().flatten().cloned());
    }

    /// A host endpoint came, may cover another interface, or went (or out of scope).
    pub(crate) fn set_host(&mut self, host: u32, node: Option<&str>) {
        let before = match node.map(SmolStr::from) {
            Some(node) => {
                self.dirty.insert(node.clone());
                self.hosts.entry(node.clone()).or_default().insert(host);
                self.node_of.insert(host, node.clone()).filter(|before| *before != node)
            }
            None => self.node_of.remove(&host),
        };
        before.into_iter().for_each(|node| self.drop_host(&node, host));
    }

    fn drop_host(&mut self, node: &SmolStr, host: u32) {
        self.dirty.insert(node.clone());
        if let Some(hosts) = self.hosts.get_mut(node) {
            hosts.remove(&host);
            if hosts.is_empty() {
                self.hosts.remove(node);
            }
        }
    }

    /// Brings the nodes in scope that may have changed into the Plan. Gives those that did. `endpoint` is where a host endpoint is in the Plan.
    pub(crate) fn flush(
        &mut self,
        scope: &Scope,
        cluster: &Cluster,
        plan: &mut Plan,
        endpoint: impl Fn(u32) -> Option<EndpointId>,
    ) -> Vec<SmolStr> {
        let (mut changed, mut settled) = (Vec::new(), Vec::new());
        for name in std::mem::take(&mut self.dirty).into_iter().filter(|name| scope.has(name)) {
            let is_own = |address: &IpAddr| {
                // Of an address that several nodes say is theirs, the first of them is right.
                let first = self.claims.get(address).and_then(BTreeSet::first);
                first == Some(&name) && !cluster.things.is_pods(*address)
            };
            let info = self.list.get(&name).map(|record| NodeInfo {
                name: name.clone(),
                addresses: record.own.iter().filter(|address| is_own(address)).copied().collect(),
                pod_cidrs: record.pod_cidrs.to_vec(),
                uplink: UPLINK.into(),
                windows: record.windows,
            });
            let uplink = self.uplink(cluster, &name).and_then(&endpoint);
            if plan.nodes.get(&name) == info.as_ref() && plan.uplinks.get(&name) == uplink.as_ref() {
                continue;
            }
            match uplink {
                Some(endpoint) => plan.uplinks.insert(name.clone(), endpoint),
                None => plan.uplinks.remove(&name),
            };
            settled.extend(info.iter().flat_map(|info| &info.addresses).map(|address| (*address, name.clone())));
            let before = match info {
                Some(info) => plan.nodes.insert(name.clone(), info),
                None => plan.nodes.remove(&name),
            };
            for address in before.into_iter().flat_map(|info| info.addresses) {
                if plan.node_addresses.get(&address) == Some(&name) {
                    plan.node_addresses.remove(&address);
                }
            }
            changed.push(name);
        }
        plan.node_addresses.extend(settled);
        changed
    }

    /// The host endpoint on a node's uplink (decision 20).
    fn uplink(&self, cluster: &Cluster, node: &SmolStr) -> Option<u32> {
        let record = self.list.get(node).filter(|record| !record.windows)?;
        let cover = |host: &Host| match host.interface.as_deref() {
            Some(UPLINK) => Some(0),
            Some("*") => Some(2),
            Some(_) => None,
            None => host.addresses.iter().any(|address| record.own.contains(address)).then_some(1),
        };
        let hosts = self.hosts.get(node)?.iter().filter_map(|id| {
            let thing = cluster.things.get(*id);
            let Body::Host(host) = &thing.body else { return None };
            Some((cover(host)?, cluster.names.name(thing.name), *id))
        });
        hosts.min().map(|(.., id)| id)
    }
}
