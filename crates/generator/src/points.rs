//! Where a cluster's policies change their mind: the addresses, ports, protocols and ICMP types that its documents name, and their neighbours.

use crate::address::{EXTERNAL_V4, EXTERNAL_V6};
use crate::port::PORTS;
use crate::{Cluster, Shape};
use margay_api::{Family, Kind, Prefix, Protocol};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The values worth trying.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    /// Addresses that pods claim.
    pub(crate) pods: BTreeSet<IpAddr>,
    /// `status.addresses` of nodes.
    pub(crate) nodes: BTreeSet<IpAddr>,
    /// Addresses of a node's tunnels and gateways.
    pub(crate) node_internal: BTreeSet<IpAddr>,
    /// Addresses that are in no document.
    pub(crate) outside: BTreeSet<IpAddr>,
    /// First and last address of each net, and those before and after.
    pub(crate) edges: BTreeSet<IpAddr>,
    /// Ports, and those before and after.
    pub(crate) ports: BTreeSet<u16>,
    /// Protocols by number.
    pub(crate) protocols: BTreeSet<u8>,
    /// ICMP types and codes.
    pub(crate) icmp: BTreeSet<(u8, u8)>,
}

impl Points {
    /// Those of all states of a cluster.
    pub(crate) fn of<'c>(states: impl IntoIterator<Item = &'c Cluster>, shape: Shape) -> Self {
        let mut points = Self::default();
        points.outside.extend(EXTERNAL_V4.iter().chain(EXTERNAL_V6).filter_map(|a| a.parse::<IpAddr>().ok()));
        points.ports.extend(PORTS);
        points.protocols.extend([47, 136, 255, 2]);
        points.icmp.extend([(8, 0), (128, 0), (135, 0), (143, 0), (13, 1)]);
        if shape.host_endpoints {
            // Some failsafe ports.
            points.ports.extend([22, 179, 67, 68, 6443]);
        }
        for cluster in states {
            for (key, document) in cluster.documents() {
                match key.kind {
                    Kind::Pod => points.read_pod(document),
                    Kind::Node => points.read_node(document),
                    _ => {}
                }
                points.walk("", document);
            }
        }
        points
    }

    fn read_pod(&mut self, pod: &Value) {
        self.pods.extend(addresses(&pod["status"]["podIPs"], "ip"));
        self.pods.extend(pod["status"]["podIP"].as_str().and_then(|a| a.parse::<IpAddr>().ok()));
    }

    fn read_node(&mut self, node: &Value) {
        self.nodes.extend(addresses(&node["status"]["addresses"], "address"));
        let annotations = node["metadata"]["annotations"].as_object().into_iter().flatten();
        self.node_internal.extend(annotations.filter_map(|(_, value)| value.as_str()?.parse::<IpAddr>().ok()));
        let cidrs = node["spec"]["podCIDRs"].as_array().into_iter().flatten();
        let gateways = cidrs.filter_map(|cidr| after(cidr.as_str()?.parse::<Prefix>().ok()?.first()));
        self.node_internal.extend(gateways);
    }

    /// Reads whatever value stands under `key`.
    fn walk(&mut self, key: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                if matches!(key, "icmp" | "notICMP") {
                    self.read_icmp(value);
                }
                fields.iter().for_each(|(key, value)| self.walk(key, value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.walk(key, value)),
            Value::Number(number) => {
                let number = number.as_u64().unwrap_or_default();
                match key {
                    "port" | "endPort" | "ports" | "notPorts" | "containerPort" | "number" | "start" | "end" => {
                        self.add_port(number);
                    }
                    "protocol" | "notProtocol" => self.protocols.extend(u8::try_from(number).ok()),
                    _ => {}
                }
            }
            Value::String(text) => self.read_text(key, text),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn read_text(&mut self, key: &str, text: &str) {
        match key {
            "ports" | "notPorts" => {
                text.split(':').filter_map(|port| port.parse().ok()).for_each(|port| self.add_port(port));
            }
            "protocol" | "notProtocol" => self.protocols.extend(text.parse::<Protocol>().ok().map(|p| p.0)),
            _ => {
                if let Ok(prefix) = text.parse::<Prefix>() {
                    let (first, last) = (prefix.first(), prefix.last());
                    self.edges.extend([Some(first), Some(last), before(first), after(last)].into_iter().flatten());
                }
            }
        }
    }

    fn add_port(&mut self, port: u64) {
        let around = [port.saturating_sub(1), port, port + 1];
        self.ports.extend(around.into_iter().filter_map(|p| u16::try_from(p).ok()));
    }

    fn read_icmp(&mut self, value: &Value) {
        let field = |name: &str| value[name].as_u64().and_then(|v| u8::try_from(v).ok());
        if let Some(kind) = field("type") {
            let code = field("code").unwrap_or_default();
            self.icmp.extend([(kind, code), (kind, code.saturating_add(1)), (kind.saturating_add(1), code)]);
        }
    }
}

fn addresses(list: &Value, field: &str) -> Vec<IpAddr> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry[field].as_str()?.parse().ok()).collect()
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_sub(1).map(|a| Ipv4Addr::from(a).into()),
        IpAddr::V6(a) => u128::from(a).checked_sub(1).map(|a| Ipv6Addr::from(a).into()),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_add(1).map(|a| Ipv4Addr::from(a).into()),
        IpAddr::V6(a) => u128::from(a).checked_add(1).map(|a| Ipv6Addr::from(a).into()),
    }
}

/// Those of a family.
pub(crate) fn of_family(addresses: &BTreeSet<IpAddr>, family: Family) -> Vec<IpAddr> {
    addresses.iter().copied().filter(|address| Family::of(*address) == family).collect()
}
