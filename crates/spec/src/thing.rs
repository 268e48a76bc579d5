//! Pods, host endpoints and network sets: their labels, and which addresses are theirs.

use crate::labels::{LabelMap, host_endpoint_labels, network_set_labels, pod_labels};
use margay_api::{HostEndpoint, Key, NamedPort, NetworkSet, Object, Pod, Prefix};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Something with labels and addresses, that a selector of a rule can match.
pub(crate) struct Thing {
    /// Which resource it is.
    pub(crate) key: Key,
    /// What Calico's selectors see (decisions 1 to 3).
    pub(crate) labels: LabelMap,
    /// Its addresses, or a network set's nets.
    pub(crate) nets: Vec<Prefix>,
    /// Named ports; a network set has none.
    pub(crate) ports: Vec<NamedPort>,
    /// What only its kind has.
    pub(crate) what: What,
}

/// The kinds of things.
pub(crate) enum What {
    /// A pod that has an address.
    Pod {
        /// `spec.nodeName`.
        node: String,
    },
    /// A host endpoint.
    HostEndpoint(HostEndpoint),
    /// A NetworkSet or GlobalNetworkSet.
    NetworkSet,
}

impl Thing {
    /// Whether the address is one of its.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(address))
    }

    /// Whether it is a pod.
    pub(crate) fn is_pod(&self) -> bool {
        matches!(self.what, What::Pod { .. })
    }

    /// Whether it has a port of that name, protocol and number.
    pub(crate) fn has_port(&self, name: &str, protocol: u8, number: u16) -> bool {
        self.ports.iter().any(|p| p.name == name && p.protocol.0 == protocol && p.port == number)
    }
}

/// Every pod that has an address, host endpoint and network set.
pub(crate) fn things(objects: &BTreeMap<Key, Object>) -> Vec<Thing> {
    let owners = owners(objects);
    let mut things = Vec::new();
    for object in objects.values() {
        match object {
            // Decision 8: a pod without an address left is no endpoint.
            Object::Pod(pod) => {
                let mine = |address: &&IpAddr| owners.get(*address).is_some_and(|owner| *owner == pod.meta.key);
                let nets: Vec<Prefix> = pod.addresses.iter().filter(mine).map(|a| Prefix::host(*a)).collect();
                if !nets.is_empty() {
                    things.push(pod_thing(pod, nets, objects));
                }
            }
            Object::HostEndpoint(host) => things.push(Thing {
                key: host.meta.key.clone(),
                labels: host_endpoint_labels(host, objects),
                nets: host.expected_ips.iter().map(|a| Prefix::host(*a)).collect(),
                ports: host.ports.clone(),
                what: What::HostEndpoint(host.clone()),
            }),
            Object::NetworkSet(set) => things.push(set_thing(set, objects)),
            _ => {}
        }
    }
    things
}

fn pod_thing(pod: &Pod, nets: Vec<Prefix>, objects: &BTreeMap<Key, Object>) -> Thing {
    Thing {
        key: pod.meta.key.clone(),
        labels: pod_labels(pod, objects),
        nets,
        ports: pod.ports.clone(),
        what: What::Pod { node: pod.node.to_string() },
    }
}

fn set_thing(set: &NetworkSet, objects: &BTreeMap<Key, Object>) -> Thing {
    Thing {
        key: set.meta.key.clone(),
        labels: network_set_labels(set, objects),
        nets: set.nets.clone(),
        ports: Vec::new(),
        what: What::NetworkSet,
    }
}

/// Which pod has an address (decision 8): of those that claim it, are not terminal and have a network of their own, the one created last;
/// where no time is given, earliest of all; then the one of the greater namespace, then name.
fn owners(objects: &BTreeMap<Key, Object>) -> BTreeMap<IpAddr, Key> {
    let mut owners: BTreeMap<IpAddr, &Pod> = BTreeMap::new();
    for object in objects.values() {
        let Object::Pod(pod) = object else { continue };
        if pod.terminal || pod.host_network {
            continue;
        }
        for address in &pod.addresses {
            let age = |p: &Pod| (p.meta.created, p.meta.key.namespace.clone(), p.meta.key.name.clone());
            match owners.get(address) {
                Some(other) if age(other) > age(pod) => {}
                _ => {
                    owners.insert(*address, pod);
                }
            }
        }
    }
    owners.into_iter().map(|(address, pod)| (address, pod.meta.key.clone())).collect()
}
