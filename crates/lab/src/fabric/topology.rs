//! The shape of the cluster to be made: plain values, nothing of policy.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::error::{Error, Result};

/// How the pods of one node are joined to it and to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wiring {
    /// A veth pair for each pod and a host route to it: every packet of a pod is routed by its node, so that it passes the
    /// node's `forward`, `input` or `output` hook even between two pods of one node. (Calico's way.)
    #[default]
    Routed,
    /// A bridge on each node with the pods as its ports: packets between two pods of one node are switched, and pass the
    /// node's `inet` hooks only by the kernel's br_netfilter, with the bridge, not the pods' own interfaces, as input and
    /// output interface. (The way of the reference `bridge` plugin.)
    Bridge,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The node's name, unique in the topology.
    pub name: String,
    /// The node's own addresses, of either family or both. May be empty.
    pub addresses: Vec<IpAddr>,
    /// With [`Wiring::Bridge`], the addresses that the node's bridge carries (often the first of its pod CIDR). They are the
    /// pods' gateways; a family without one has a link-local gateway. [`Wiring::Routed`] takes no notice of them.
    pub gateways: Vec<IpAddr>,
    /// The name of the interface towards the other nodes, at most 15 bytes, for instance `eth0`.
    pub uplink: String,
    /// Whether a virtual switch stands between the node and each of its pods: see [`Switch`](super::Switch).
    pub switched: bool,
}

/// A pod with a network namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The pod's identity, unique in the topology, for instance `default/web-0`. Names its host-side interface.
    pub id: String,
    /// Which node it is on: an index into [`Topology::nodes`].
    pub node: usize,
    /// Its addresses, of either family or both, in any net: the fabric routes each alone, never by a CIDR.
    pub addresses: Vec<IpAddr>,
}

/// A whole cluster: what [`Fabric::build`](super::Fabric::build) and [`Fabric::update`](super::Fabric::update) make real.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// How pods are joined to their nodes.
    pub wiring: Wiring,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The pods, in any order.
    pub pods: Vec<Pod>,
}

/// The name of the host side of a pod's veth pair: `mg` and 11 hexadecimal digits of a stable hash of the pod's id, so that
/// rules about the interface (against spoofed source addresses) can be written before it exists.
///
/// ```
/// let name = margay_lab::fabric::host_interface("default/web-0");
/// assert_eq!(name.len(), 13);
/// assert_eq!(name, margay_lab::fabric::host_interface("default/web-0"));
/// ```
pub fn host_interface(pod_id: &str) -> String {
    format!("mg{:011x}", stable_hash(pod_id) >> 20)
}

/// A hash that is the same on every machine and in every run.
pub(super) fn stable_hash(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl Topology {
    /// Checks what the kernel would refuse, or worse, take: names and addresses used twice, indices out of range, addresses
    /// that no interface may own.
    ///
    /// # Errors
    /// [`Error::Topology`] with a sentence that names the object.
    pub fn validate(&self) -> Result<()> {
        let mut names = HashSet::new();
        let mut owners = HashMap::new();
        let mut interfaces = HashMap::new();
        for node in &self.nodes {
            if !names.insert(&node.name) {
                return wrong(format!("two nodes are named {:?}", node.name));
            }
            if let Some(other) = interfaces.insert(super::layout::wire_interface(&node.name), &node.name) {
                return wrong(format!("nodes {other:?} and {:?} have the same interface name; rename one", node.name));
            }
            check_interface_name(&node.uplink, &node.name)?;
            for &address in node.addresses.iter().chain(self.bridge_addresses(node)) {
                claim(&mut owners, address, &node.name)?;
            }
        }
        let mut ids = HashSet::new();
        for pod in &self.pods {
            if !ids.insert(&pod.id) {
                return wrong(format!("two pods have the id {:?}", pod.id));
            }
            if pod.node >= self.nodes.len() {
                return wrong(format!("pod {:?} is on node {}, but there are {}", pod.id, pod.node, self.nodes.len()));
            }
            if let Some(other) = interfaces.insert(host_interface(&pod.id), &pod.id) {
                return wrong(format!("pods {other:?} and {:?} have the same interface name; rename one", pod.id));
            }
            for &address in &pod.addresses {
                claim(&mut owners, address, &pod.id)?;
            }
        }
        Ok(())
    }

    /// The addresses of a node's bridge, which only a bridged node has.
    pub(super) fn bridge_addresses<'a>(&self, node: &'a Node) -> &'a [IpAddr] {
        match self.wiring {
            Wiring::Routed => &[],
            Wiring::Bridge => &node.gateways,
        }
    }
}

fn wrong<T>(sentence: String) -> Result<T> {
    Err(Error::Topology(sentence))
}

fn check_interface_name(name: &str, node: &str) -> Result<()> {
    // dev_valid_name() in the kernel's net/core/dev.c, the % of a name that the kernel would fill in, and the names that the
    // lab itself gives out on a node.
    let valid = !name.is_empty()
        && name.len() <= 15
        && name != "."
        && name != ".."
        && !name.contains(|c: char| matches!(c, '/' | ':' | '%' | '\0') || c.is_whitespace());
    if !valid {
        return wrong(format!(
            "{name:?} of node {node:?} can't be the name of an interface (1 to 15 bytes, no / : % or space)"
        ));
    }
    if name == "lo" || name == super::layout::BRIDGE || name.starts_with("mg") {
        return wrong(format!("the uplink of node {node:?} can't be named {name:?}: the lab uses that name itself"));
    }
    Ok(())
}

fn claim<'a>(owners: &mut HashMap<IpAddr, &'a str>, address: IpAddr, owner: &'a str) -> Result<()> {
    let unusable = address.is_unspecified()
        || address.is_multicast()
        || address.is_loopback()
        || matches!(address, IpAddr::V4(a) if a.is_broadcast() || a.octets()[0] == 0)
        || matches!(address, IpAddr::V6(a) if a.to_ipv4_mapped().is_some());
    if unusable {
        return wrong(format!("{owner:?} can't have the address {address}: no interface may own it"));
    }
    match owners.insert(address, owner) {
        Some(other) => wrong(format!("{address} belongs to both {other:?} and {owner:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, address: &str) -> Node {
        Node {
            name: name.into(),
            addresses: vec![address.parse().unwrap()],
            gateways: vec![],
            uplink: "eth0".into(),
            switched: false,
        }
    }

    fn pod(id: &str, node: usize, address: &str) -> Pod {
        Pod { id: id.into(), node, addresses: vec![address.parse().unwrap()] }
    }

    #[test]
    fn wrong_topologies_are_refused_with_the_object_named() {
        let two = || vec![node("a", "192.0.2.1"), node("b", "192.0.2.2")];
        let uplink = |name: &str| vec![Node { uplink: name.into(), ..node("a", "192.0.2.1") }];
        let table: &[(Vec<Node>, Vec<Pod>, &str)] = &[
            (two(), vec![pod("x", 1, "10.0.0.1")], ""),
            (vec![node("a", "192.0.2.1"), node("a", "192.0.2.2")], vec![], "two nodes are named \"a\""),
            (two(), vec![pod("x", 0, "10.0.0.1"), pod("x", 1, "10.0.0.2")], "two pods have the id \"x\""),
            (two(), vec![pod("x", 2, "10.0.0.1")], "pod \"x\" is on node 2, but there are 2"),
            (two(), vec![pod("x", 0, "10.0.0.1"), pod("y", 1, "10.0.0.1")], "10.0.0.1 belongs to both \"x\" and \"y\""),
            (two(), vec![pod("x", 0, "192.0.2.2")], "192.0.2.2 belongs to both \"b\" and \"x\""),
            (two(), vec![pod("x", 0, "127.0.0.1")], "\"x\" can't have the address 127.0.0.1"),
            (two(), vec![pod("x", 0, "::")], "\"x\" can't have the address ::"),
            (two(), vec![pod("x", 0, "ff02::1")], "\"x\" can't have the address ff02::1"),
            (two(), vec![pod("x", 0, "::ffff:10.0.0.1")], "\"x\" can't have the address"),
            (two(), vec![pod("x", 0, "0.1.2.3")], "\"x\" can't have the address 0.1.2.3"),
            (uplink("a-name-of-16byte"), vec![], "can't be the name of an interface"),
            (uplink("eth%d"), vec![], "can't be the name of an interface"),
            (uplink("a/b"), vec![], "can't be the name of an interface"),
            (uplink(""), vec![], "can't be the name of an interface"),
            (uplink("lo"), vec![], "the lab uses that name itself"),
        ];
        for (nodes, pods, expected) in table {
            let topology = Topology { wiring: Wiring::Routed, nodes: nodes.clone(), pods: pods.clone() };
            match topology.validate() {
                Ok(()) => assert_eq!(*expected, "", "{topology:?} was taken"),
                Err(error) => assert!(
                    !expected.is_empty() && error.to_string().contains(expected),
                    "{error} does not say {expected:?}"
                ),
            }
        }
    }
}
