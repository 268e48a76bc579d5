//! Kinds of Kubernetes that policy speaks of. What policy never asks for is skipped without a word.

use super::at::{At, Fields, Unknown};
use super::meta::Head;
use super::report::Report;
use super::syntax::{address, port_number, port_protocol, prefix};
use crate::{
    EndpointSlice, NamedPort, Namespace, Node, Object, Pod, Prefix, Protocol, Service, ServiceAccount, ServicePort,
    SlicePort,
};
use smol_str::SmolStr;
use std::net::IpAddr;

/// The label that every namespace has, with its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

const TUNNELS: &[&str] = &[
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
];

pub(super) fn namespace(root: &Fields<'_>, head: Head, report: &mut Report) -> Object {
    let mut meta = head.meta;
    let name = meta.key.name.clone();
    match meta.labels.iter_mut().find(|(key, _)| key == NAMESPACE_NAME) {
        None => {
            meta.labels.push((NAMESPACE_NAME.into(), name));
            meta.labels.sort_unstable();
        }
        Some((_, value)) if *value != name => {
            report.warning(
                root.at,
                format!("the label {NAMESPACE_NAME} is the namespace's name, not {value:?}"),
                "leave it out",
            );
            *value = name;
        }
        Some(_) => {}
    }
    Object::Namespace(Namespace { meta })
}

pub(super) fn service_account(head: Head) -> Object {
    Object::ServiceAccount(ServiceAccount { meta: head.meta })
}

/// A mapping of which some fields are wanted and the others skipped.
fn part<'a>(at: At<'a>, report: &mut Report, wanted: &'static [&'static str]) -> Fields<'a> {
    at.fields(report, wanted, Unknown::Skip)
}

/// Adds the addresses of a list, each once. What is no address is reported and left out.
fn add_addresses(list: Option<At<'_>>, addresses: &mut Vec<IpAddr>, report: &mut Report) {
    let Some(list) = list else { return };
    for at in list.items(report) {
        add_address(Some(at), addresses, report);
    }
}

fn add_address(at: Option<At<'_>>, addresses: &mut Vec<IpAddr>, report: &mut Report) {
    // Kubernetes writes an empty string, or None for a service without an address.
    let Some(at) = at.filter(|at| !matches!(at.node.as_text(), Some("" | "None"))) else { return };
    if let Some(address) = address(at, report)
        && !addresses.contains(&address)
    {
        addresses.push(address);
    }
}

pub(super) fn node(root: &Fields<'_>, head: Head, report: &mut Report) -> Object {
    let mut pod_cidrs: Vec<Prefix> = Vec::new();
    if let Some(at) = root.get("spec") {
        let spec = part(at, report, &["podCIDR", "podCIDRs"]);
        if let Some(list) = spec.get("podCIDRs") {
            for at in list.items(report) {
                pod_cidrs.extend(prefix(at, report, false));
            }
        }
        if let Some(at) = spec.get("podCIDR").filter(|at| pod_cidrs.is_empty() && at.node.as_text() != Some("")) {
            pod_cidrs.extend(prefix(at, report, false));
        }
    }
    let mut addresses = Vec::new();
    if let Some(at) = root.get("status") {
        let status = part(at, report, &["addresses"]);
        if let Some(list) = status.get("addresses") {
            for at in list.items(report) {
                let entry = part(at, report, &["type", "address"]);
                if matches!(entry.text(report, "type"), Some("InternalIP" | "ExternalIP")) {
                    add_address(entry.get("address"), &mut addresses, report);
                }
            }
        }
    }
    let (mut tunnel_addresses, mut via) = (Vec::new(), Vec::new());
    if let Some(at) = root.get("metadata") {
        let metadata = part(at, report, &[]);
        if let Some(at) = metadata.get("annotations") {
            let annotations = part(at, report, TUNNELS);
            for name in TUNNELS {
                add_address(annotations.get(name), &mut tunnel_addresses, report);
            }
            via = super::via::read(at, &pod_cidrs, report);
        }
    }
    let windows = head.meta.labels.iter().any(|(key, value)| key == "kubernetes.io/os" && value == "windows");
    Object::Node(Node { meta: head.meta, addresses, pod_cidrs, tunnel_addresses, via, windows })
}

/// `None` where it can't be told whether the pod is an endpoint.
pub(super) fn pod(root: &Fields<'_>, head: Head, report: &mut Report) -> Option<Object> {
    let mut pod = Pod {
        meta: head.meta,
        node: SmolStr::default(),
        host_network: false,
        service_account: "default".into(),
        addresses: Vec::new(),
        terminal: false,
        ports: Vec::new(),
    };
    let mark = report.mark();
    if let Some(at) = root.get("spec") {
        let wanted =
            &["nodeName", "hostNetwork", "serviceAccountName", "serviceAccount", "containers", "initContainers"];
        let spec = part(at, report, wanted);
        pod.node = SmolStr::new(spec.text(report, "nodeName").unwrap_or_default());
        pod.host_network = spec.flag(report, "hostNetwork");
        let account = spec.text(report, "serviceAccountName").or_else(|| spec.text(report, "serviceAccount"));
        if let Some(account) = account {
            pod.service_account = SmolStr::new(account);
        }
    }
    if let Some(at) = root.get("status") {
        pod.terminal = matches!(part(at, report, &["phase"]).text(report, "phase"), Some("Succeeded" | "Failed"));
    }
    let readable = report.clean_since(mark);
    if let Some(at) = root.get("spec") {
        let spec = part(at, report, &[]);
        for (list, sidecars_only) in [("containers", false), ("initContainers", true)] {
            let Some(list) = spec.get(list) else { continue };
            for at in list.items(report) {
                let container = part(at, report, &["ports", "restartPolicy"]);
                if sidecars_only && container.text(report, "restartPolicy") != Some("Always") {
                    continue;
                }
                add_named_ports(&container, &mut pod.ports, report);
            }
        }
    }
    if let Some(at) = root.get("status") {
        let status = part(at, report, &["podIP", "podIPs"]);
        if let Some(list) = status.get("podIPs") {
            for at in list.items(report) {
                add_address(part(at, report, &["ip"]).get("ip"), &mut pod.addresses, report);
            }
        }
        add_address(status.get("podIP"), &mut pod.addresses, report);
    }
    readable.then_some(Object::Pod(pod))
}

fn add_named_ports(container: &Fields<'_>, ports: &mut Vec<NamedPort>, report: &mut Report) {
    let Some(list) = container.get("ports") else { return };
    for at in list.items(report) {
        let fields = part(at, report, &["name", "protocol", "containerPort"]);
        let Some(name) = fields.text(report, "name").map(SmolStr::new) else { continue };
        let protocol = fields.get("protocol").map_or(Some(Protocol::TCP), |at| port_protocol(at, report));
        let port = fields.need(report, "containerPort").and_then(|at| port_number(at, report));
        if let (Some(protocol), Some(port)) = (protocol, port) {
            ports.push(NamedPort { name, protocol, port });
        }
    }
}

pub(super) fn service(root: &Fields<'_>, head: Head, report: &mut Report) -> Object {
    let (mut addresses, mut ports) = (Vec::new(), Vec::new());
    if let Some(at) = root.get("spec") {
        let spec = part(at, report, &["clusterIP", "clusterIPs", "externalIPs", "ports"]);
        add_addresses(spec.get("clusterIPs"), &mut addresses, report);
        add_address(spec.get("clusterIP"), &mut addresses, report);
        add_addresses(spec.get("externalIPs"), &mut addresses, report);
        if let Some(list) = spec.get("ports") {
            for at in list.items(report) {
                let fields = part(at, report, &["name", "protocol", "port"]);
                let name = SmolStr::new(fields.text(report, "name").unwrap_or_default());
                let protocol = fields.get("protocol").map_or(Some(Protocol::TCP), |at| port_protocol(at, report));
                let port = fields.need(report, "port").and_then(|at| port_number(at, report));
                if let (Some(protocol), Some(port)) = (protocol, port) {
                    ports.push(ServicePort { name, protocol, port });
                }
            }
        }
    }
    if let Some(at) = root.get("status") {
        let status = part(at, report, &["loadBalancer"]);
        if let Some(at) = status.get("loadBalancer") {
            let balancer = part(at, report, &["ingress"]);
            if let Some(list) = balancer.get("ingress") {
                for at in list.items(report) {
                    add_address(part(at, report, &["ip"]).get("ip"), &mut addresses, report);
                }
            }
        }
    }
    Object::Service(Service { meta: head.meta, addresses, ports })
}

pub(super) fn endpoint_slice(root: &Fields<'_>, head: Head, report: &mut Report) -> Object {
    let label = head.meta.labels.iter().find(|(key, _)| key == "kubernetes.io/service-name");
    let service = label.map_or_else(SmolStr::default, |(_, value)| value.clone());
    let (mut addresses, mut ports) = (Vec::new(), Vec::new());
    // The addresses of a slice of type FQDN are names.
    let names = root.text(report, "addressType") == Some("FQDN");
    if let Some(list) = root.get("endpoints").filter(|_| !names) {
        for at in list.items(report) {
            add_addresses(part(at, report, &["addresses"]).get("addresses"), &mut addresses, report);
        }
    }
    if let Some(list) = root.get("ports") {
        for at in list.items(report) {
            let fields = part(at, report, &["name", "protocol", "port"]);
            let name = SmolStr::new(fields.text(report, "name").unwrap_or_default());
            let protocol = fields.get("protocol").map_or(Some(Protocol::TCP), |at| port_protocol(at, report));
            let port = match fields.get("port") {
                None => Some(None),
                Some(at) => port_number(at, report).map(Some),
            };
            if let (Some(protocol), Some(port)) = (protocol, port) {
                ports.push(SlicePort { name, protocol, port });
            }
        }
    }
    Object::EndpointSlice(EndpointSlice { meta: head.meta, service, addresses, ports })
}
