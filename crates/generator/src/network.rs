//! What network plugins say in annotations of nodes: how pods of theirs are reached.

use crate::address::{node_address, tunnel_address};
use margay_api::Family;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// The plugin of a node, which the other nodes need not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Network {
    /// Another, or none.
    Silent,
    /// flannel with VXLAN: a network identifier, or none, and the last byte of the tunnel's MAC address.
    Vxlan(Option<u32>, u8),
    /// flannel's host gateway.
    HostGateway,
    /// flannel with a backend that says nothing to others.
    WireGuard,
    /// Calico with VXLAN, which is of use only where its tunnel address is in the pod CIDR.
    Calico(u8),
    /// flannel with VXLAN, and a MAC address that is none.
    Broken,
}

/// A plugin.
pub(crate) fn network() -> BoxedStrategy<Network> {
    prop_oneof![
        3 => Just(Network::Silent),
        4 => (prop::option::of(4095..4098_u32), 0..3_u8).prop_map(|(vni, mac)| Network::Vxlan(vni, mac)),
        3 => Just(Network::HostGateway),
        1 => Just(Network::WireGuard),
        2 => (0..3_u8).prop_map(Network::Calico),
        1 => Just(Network::Broken),
    ]
    .boxed()
}

impl Network {
    /// Its annotations of a node.
    pub(crate) fn annotations(self, node: usize, families: &[Family]) -> Map<String, Value> {
        let mut annotations = Map::new();
        let mut put = |name: String, value: String| drop(annotations.insert(name, value.into()));
        let flannel = |name: &str| format!("flannel.alpha.coreos.com/{name}");
        let backend = match self {
            Network::Vxlan(..) | Network::Broken => Some("vxlan"),
            Network::HostGateway => Some("host-gw"),
            Network::WireGuard => Some("wireguard"),
            Network::Silent | Network::Calico(_) => None,
        };
        backend.into_iter().for_each(|backend| put(flannel("backend-type"), backend.into()));
        for family in families {
            let (address, data) = match family {
                Family::V4 => ("public-ip", "backend-data"),
                Family::V6 => ("public-ipv6", "backend-v6-data"),
            };
            if backend.is_some() {
                put(flannel(address), node_address(node, *family).to_string());
            }
            match self {
                Network::Vxlan(vni, mac) => {
                    let vni = vni.map(|vni| format!("\"VNI\":{vni},")).unwrap_or_default();
                    put(flannel(data), format!("{{{vni}\"VtepMAC\":\"02:00:00:00:{node:02x}:{mac:02x}\"}}"));
                }
                Network::Broken => put(flannel(data), "{\"VtepMAC\":\"02:00\"}".into()),
                Network::HostGateway => put(flannel(data), "null".into()),
                Network::Calico(mac) => {
                    let six = if *family == Family::V6 { "V6" } else { "" };
                    let calico = |name: &str| format!("projectcalico.org/{name}");
                    put(calico(&format!("{family}Address")), format!("{}/24", node_address(node, *family)));
                    put(calico(&format!("VXLANTunnelMACAddr{six}")), format!("02:00:00:01:{node:02x}:{mac:02x}"));
                    // As an address of the pod CIDR, or as one of a block elsewhere.
                    let tunnel = match mac {
                        0 => tunnel_address(node, *family).to_string(),
                        _ if *family == Family::V4 => format!("10.244.{}.250", node + 1),
                        _ => format!("fd00:10:244:{}::fa", node + 1),
                    };
                    put(calico(&format!("{family}VXLANTunnelAddr")), tunnel);
                }
                Network::Silent | Network::WireGuard => {}
            }
        }
        annotations
    }
}
