//! How a node's pods are reached from other nodes: what network plugins say in annotations of the Node.
//!
//! Each pod CIDR is taken by the annotations of its family. flannel's \[SRC pkg/subnet/kube\] come first, since Canal has Calico's beside them:
//!
//! | annotation `flannel.alpha.coreos.com/…` | is |
//! |---|---|
//! | `backend-type` | `vxlan` or `host-gw`; of any other backend nothing is known here, and flannel routes |
//! | `public-ip`, `public-ipv6` | the node's address |
//! | `backend-data`, `backend-v6-data` | of `vxlan`: JSON with `VtepMAC` and, from flannel 0.12 on, `VNI` |
//!
//! | annotation `projectcalico.org/…` \[SRC libcalico-go k8s/resources/node.go\] | is |
//! |---|---|
//! | `IPv4Address`, `IPv6Address` | the node's address, with or without a length |
//! | `VXLANTunnelMACAddr`, `VXLANTunnelMACAddrV6` | the tunnel's MAC address |
//! | `IPv4VXLANTunnelAddr`, `IPv6VXLANTunnelAddr` | the tunnel's address, which comes from where those of pods come from |
//!
//! Calico has all three only where Kubernetes is its datastore, and often no MAC address of a Linux node. Its own IPAM gives pods addresses of blocks that have
//! nothing to do with pod CIDRs, and no annotation says which IPAM it is; but if the tunnel's address isn't in the pod CIDR, pods' are not either, and a
//! route would be a guess.

use super::at::{At, Fields, Unknown};
use super::report::Report;
use crate::document::{Limits, Node, Value, documents};
use crate::{Family, Mac, Prefix, Via, Vtep};
use std::net::IpAddr;

const BACKEND: &str = "flannel.alpha.coreos.com/backend-type";

/// flannel's annotations of a family.
struct Flannel {
    address: &'static str,
    data: &'static str,
}

/// Calico's.
struct Calico {
    address: &'static str,
    mac: &'static str,
    tunnel: &'static str,
}

const FLANNEL_V4: Flannel =
    Flannel { address: "flannel.alpha.coreos.com/public-ip", data: "flannel.alpha.coreos.com/backend-data" };
const FLANNEL_V6: Flannel =
    Flannel { address: "flannel.alpha.coreos.com/public-ipv6", data: "flannel.alpha.coreos.com/backend-v6-data" };
const CALICO_V4: Calico = Calico {
    address: "projectcalico.org/IPv4Address",
    mac: "projectcalico.org/VXLANTunnelMACAddr",
    tunnel: "projectcalico.org/IPv4VXLANTunnelAddr",
};
const CALICO_V6: Calico = Calico {
    address: "projectcalico.org/IPv6Address",
    mac: "projectcalico.org/VXLANTunnelMACAddrV6",
    tunnel: "projectcalico.org/IPv6VXLANTunnelAddr",
};

/// What this module reads, but for Calico's tunnel addresses, which are read as addresses of the node as well.
const KNOWN: &[&str] = &[
    BACKEND,
    FLANNEL_V4.address,
    FLANNEL_V4.data,
    FLANNEL_V6.address,
    FLANNEL_V6.data,
    CALICO_V4.address,
    CALICO_V4.mac,
    CALICO_V6.address,
    CALICO_V6.mac,
];

/// Bounds on flannel's data, which is short.
const DATA: Limits = Limits { bytes: 4096, depth: 8, expansion: 0 };
const LARGEST_VNI: i64 = (1 << 24) - 1;

/// How other nodes reach these pod CIDRs: of each family at most one, of a family whose annotations are wrong none.
pub(super) fn read(annotations: At<'_>, cidrs: &[Prefix], report: &mut Report) -> Vec<Via> {
    let annotations = annotations.fields(report, KNOWN, Unknown::Skip);
    let backend = annotations.text(report, BACKEND);
    let mut found = Vec::new();
    for family in [Family::V4, Family::V6] {
        let Some(cidr) = cidrs.iter().find(|cidr| cidr.family() == family) else { continue };
        let (of_flannel, of_calico) = match family {
            Family::V4 => (FLANNEL_V4, CALICO_V4),
            Family::V6 => (FLANNEL_V6, CALICO_V6),
        };
        found.extend(match backend {
            Some("vxlan") => flannel_vxlan(&annotations, &of_flannel, cidr, report),
            Some("host-gw") => {
                let next_hop = annotations.get(of_flannel.address).and_then(|at| address(at, cidr, report));
                next_hop.map(|next_hop| Via::Direct { next_hop })
            }
            Some(_) => None,
            None => calico(&annotations, &of_calico, cidr, report),
        });
    }
    found
}

fn flannel_vxlan(annotations: &Fields<'_>, of: &Flannel, cidr: &Prefix, report: &mut Report) -> Option<Via> {
    // flannel writes `null` for a family that it has no tunnel for.
    let data = annotations.get(of.data).filter(|at| at.node.as_text() != Some("null"));
    let (at, data) = match (annotations.get(of.address), data) {
        (Some(at), Some(data)) => (at, data),
        (Some(at), None) => {
            report.error(at, format!("is the end of no tunnel, since {} says nothing", of.data), "");
            return None;
        }
        (None, Some(data)) => {
            report.error(data, format!("is of no tunnel, since {} says nothing", of.address), "");
            return None;
        }
        (None, None) => return None,
    };
    let address = address(at, cidr, report);
    let (mac, vni) = flannel_data(data, report)?;
    Some(Via::Tunnel(Vtep { address: address?, mac, vni }))
}

/// `{"VNI":4096,"VtepMAC":"02:11:22:33:44:55"}`.
fn flannel_data(at: At<'_>, report: &mut Report) -> Option<(Mac, Option<u32>)> {
    let document = match documents(at.text(report)?, &DATA).next() {
        Some(Ok(document)) if matches!(document.value, Value::Map(_)) => document,
        Some(Err(error)) => {
            report.error(at, format!("is no JSON: {error}"), "");
            return None;
        }
        _ => {
            report.error(at, "is no JSON object such as {\"VNI\":4096,\"VtepMAC\":\"02:11:22:33:44:55\"}", "");
            return None;
        }
    };
    let Some(mac) = document.get("VtepMAC").and_then(Node::as_text) else {
        report.error(at, "has no VtepMAC, which is needed", "");
        return None;
    };
    let mac = mac_of(at, mac, report);
    let vni = match document.get("VNI").map(|vni| &vni.value) {
        None | Some(Value::Null) => None,
        Some(Value::Int(vni)) if (1..=LARGEST_VNI).contains(vni) => u32::try_from(*vni).ok(),
        Some(_) => {
            report.error(at, format!("has a VNI that is none: those are whole numbers from 1 to {LARGEST_VNI}"), "");
            return None;
        }
    };
    Some((mac?, vni))
}

fn calico(annotations: &Fields<'_>, of: &Calico, cidr: &Prefix, report: &mut Report) -> Option<Via> {
    let tunnel: IpAddr = annotations.get(of.tunnel)?.node.as_text()?.parse().ok()?;
    let (at, mac) = (annotations.get(of.address)?, annotations.get(of.mac)?);
    if !cidr.contains(tunnel) {
        return None;
    }
    let mac = mac_of(mac, mac.text(report)?, report);
    let address = address(at, cidr, report);
    Some(Via::Tunnel(Vtep { address: address?, mac: mac?, vni: None }))
}

/// An address of a node, maybe with a length: of the family of its pods, and not in their CIDR, since the way there would lead through itself.
fn address(at: At<'_>, cidr: &Prefix, report: &mut Report) -> Option<IpAddr> {
    let text = at.text(report)?;
    let (bare, length) = text.split_once('/').map_or((text, None), |(bare, length)| (bare, Some(length)));
    let family = cidr.family();
    let wrong = |address: &IpAddr| {
        let fits = length.is_none_or(|length| length.parse().is_ok_and(|length: u8| length <= family.bits()));
        !fits
            || Family::of(*address) != family
            || address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
    };
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) if wrong(&address) => {
            report.error(at, format!("{text:?} is no {family} address that a node can have"), "");
            None
        }
        Ok(address) if cidr.contains(address) => {
            report.error(at, format!("{address} is in {cidr}, the pod CIDR that it is to be the way to"), "");
            None
        }
        Ok(address) => Some(address),
        Err(_) => {
            report.error(at, format!("{text:?} is no IP address"), "");
            None
        }
    }
}

fn mac_of(at: At<'_>, text: &str, report: &mut Report) -> Option<Mac> {
    match text.parse::<Mac>() {
        Ok(mac) if mac.is_unicast() => Some(mac),
        Ok(mac) => {
            report.error(at, format!("{mac} is the MAC address of no interface"), "");
            None
        }
        Err(error) => {
            report.error(at, error.to_string(), "");
            None
        }
    }
}
