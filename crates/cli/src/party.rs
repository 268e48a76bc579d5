//! The ends of a flow as people name them.

use crate::world::key;
use crate::{World, words};
use margay_api::{Family, Key, Kind};
use std::fmt;
use std::net::IpAddr;

/// One end of a flow: what was named, and the addresses that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    /// What it is.
    pub name: PartyName,
    /// Its addresses, the preferred first; at least one.
    pub addresses: Vec<IpAddr>,
}

/// What one end of a flow is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartyName {
    /// A pod, written `namespace/name` or `pod/namespace/name`. A host-network pod has its node's addresses.
    Pod(Key),
    /// A node, written `node/NAME`.
    Node(Key),
    /// A service, written `svc/namespace/name`.
    Service(Key),
    /// An address; whose it is, the Plan knows.
    Address(IpAddr),
}

impl fmt::Display for PartyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(key) => write!(f, "{}/{}", key.namespace, key.name),
            Self::Node(key) => write!(f, "node/{}", key.name),
            Self::Service(key) => write!(f, "svc/{}/{}", key.namespace, key.name),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl Party {
    /// Finds what a text names: `namespace/pod`, `pod/namespace/name`, `node/NAME`, `svc/namespace/name` or an IP address. Where a
    /// `namespace` is given, a text without a slash is a pod of it.
    ///
    /// # Errors
    /// In words: a text of another form, something that does not exist, or that has no address.
    pub fn find(world: &World, text: &str, namespace: Option<&str>) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Self { name: PartyName::Address(address), addresses: vec![address] });
        }
        let parts: Vec<&str> = text.split('/').collect();
        match *parts.as_slice() {
            ["node", name] => node(world, name),
            ["svc" | "service", namespace, name] => service(world, namespace, name),
            ["pod", namespace, name] | [namespace, name] if !name.is_empty() => pod(world, namespace, name),
            [name] if namespace.is_some() && !name.is_empty() => pod(world, namespace.unwrap_or_default(), name),
            _ => Err(format!("{text:?} names no end of a flow: write namespace/pod, node/NAME or an IP address")),
        }
    }

    /// The preferred address of a family.
    pub fn address(&self, family: Family) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| Family::of(*address) == family)
    }
}

fn node(world: &World, name: &str) -> Result<Party, String> {
    let node = world.node(name).ok_or_else(|| format!("there is no node {name}"))?;
    let addresses: Vec<_> = node.own_addresses().map(|address| address.to_canonical()).collect();
    if addresses.is_empty() {
        return Err(format!("node {name} has no address: its status.addresses has none"));
    }
    Ok(Party { name: PartyName::Node(node.meta.key.clone()), addresses })
}

fn service(world: &World, namespace: &str, name: &str) -> Result<Party, String> {
    let service = world.service(namespace, name).ok_or_else(|| format!("there is no service {namespace}/{name}"))?;
    let addresses: Vec<_> = service.addresses.iter().map(IpAddr::to_canonical).collect();
    if addresses.is_empty() {
        return Err(format!(
            "service {namespace}/{name} has no address of its own (it is headless): name one of its pods"
        ));
    }
    Ok(Party { name: PartyName::Service(service.meta.key.clone()), addresses })
}

fn pod(world: &World, namespace: &str, name: &str) -> Result<Party, String> {
    let Some(pod) = world.pod(namespace, name) else { return Err(no_pod(world, namespace, name)) };
    let party = |addresses| Party { name: PartyName::Pod(pod.meta.key.clone()), addresses };
    if pod.terminal {
        return Err(format!(
            "pod {namespace}/{name} has ended (Succeeded or Failed): its addresses are no longer its own"
        ));
    }
    if pod.host_network {
        let of_node = world.node(&pod.node).map(|node| node.addresses.clone()).filter(|list| !list.is_empty());
        let addresses = of_node.unwrap_or_else(|| pod.addresses.clone());
        if addresses.is_empty() {
            let node = &pod.node;
            return Err(format!("pod {namespace}/{name} shares the network of node {node:?}, which has no address"));
        }
        return Ok(party(addresses.iter().map(IpAddr::to_canonical).collect()));
    }
    if let Some(endpoint) = world.endpoint(&pod.meta.key) {
        return Ok(party(endpoint.addresses.clone()));
    }
    let owner = pod.addresses.iter().find_map(|address| Some((address, world.plan().pod_at(*address)?.1)));
    Err(match owner {
        Some((address, owner)) => format!(
            "pod {namespace}/{name} has no address of its own: {address} is that of the newer pod {}/{}",
            owner.key.namespace, owner.key.name
        ),
        None => format!("pod {namespace}/{name} has no address: its status.podIPs is empty"),
    })
}

/// Pods whose name begins with what was written, as those of a Deployment of that name do, are named.
fn no_pod(world: &World, namespace: &str, name: &str) -> String {
    let pods = || world.objects().filter(|object| object.key().kind == Kind::Pod).map(|object| object.key());
    let near = pods().filter(|key| key.namespace == namespace && key.name.starts_with(name));
    let near: Vec<_> = near.map(|key| format!("{namespace}/{}", key.name)).collect();
    let mut text = format!("there is no pod {namespace}/{name}");
    if !near.is_empty() {
        text.push_str(&format!("; did you mean {}?", words::list(near, "or")));
    } else if world.object(&key(Kind::Namespace, "", namespace)).is_none() {
        text.push_str(&format!(", nor a namespace {namespace}"));
    } else if let Some(elsewhere) = pods().find(|key| key.name == name) {
        text.push_str(&format!("; there is one in namespace {}", elsewhere.namespace));
    }
    text
}
