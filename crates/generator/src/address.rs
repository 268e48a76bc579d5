//! Which addresses there are: those of pods and nodes follow from their names, so that whoever draws a name can name the address too.

use crate::alphabet::{NAMESPACES, NODES, PODS};
use margay_api::Family;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A pod's place in the alphabets: namespace, name, node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PodPlace {
    pub(crate) namespace: usize,
    pub(crate) name: usize,
    pub(crate) node: usize,
}

impl PodPlace {
    /// The pod's address: its node's pod CIDR, and a host part of its own.
    pub(crate) fn address(self, family: Family) -> IpAddr {
        let host = 16 * (self.namespace + 1) + self.name;
        match family {
            Family::V4 => Ipv4Addr::new(10, 244, self.node as u8 + 1, host as u8).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x244, self.node as u16 + 1, 0, 0, 0, host as u16).into(),
        }
    }
}

/// A pod's place. Two of three times its node follows from its name, so that those who name the pod alone guess its address.
pub(crate) fn pod_place() -> BoxedStrategy<PodPlace> {
    (0..NAMESPACES.len(), 0..PODS.len(), prop::option::weighted(0.3, 0..NODES.len()))
        .prop_map(|(namespace, name, elsewhere)| {
            let home = (namespace + name) % NODES.len();
            PodPlace { namespace, name, node: elsewhere.unwrap_or(home) }
        })
        .boxed()
}

/// A node's address.
pub(crate) fn node_address(node: usize, family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(172, 20, 0, node as u8 + 1).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0x20, 0, 0, 0, 0, 0, node as u16 + 1).into(),
    }
}

/// The address of a node's tunnel device.
pub(crate) fn tunnel_address(node: usize, family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 245, 0, node as u8 + 1).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x245, 0, 0, 0, 0, node as u16 + 1).into(),
    }
}

/// A node's pod CIDR; its first address is the gateway.
pub(crate) fn pod_cidr(node: usize, family: Family) -> String {
    match family {
        Family::V4 => format!("10.244.{}.0/24", node + 1),
        Family::V6 => format!("fd00:10:244:{}::/64", node + 1),
    }
}

/// Addresses that more than one pod may claim; the last is also the gateway of the first node's pod CIDR.
pub(crate) const CONTESTED: [[IpAddr; 2]; 3] = [
    [IpAddr::V4(Ipv4Addr::new(10, 244, 1, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0x244, 1, 0, 0, 0, 0x200))],
    [IpAddr::V4(Ipv4Addr::new(10, 244, 2, 201)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0x244, 2, 0, 0, 0, 0x201))],
    [IpAddr::V4(Ipv4Addr::new(10, 244, 1, 1)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0x244, 1, 0, 0, 0, 1))],
];

/// Addresses outside of the cluster.
pub(crate) const EXTERNAL_V4: &[&str] = &["192.0.2.1", "192.0.2.130", "198.51.100.7", "203.0.113.9", "10.1.2.3"];
/// The same in IPv6.
pub(crate) const EXTERNAL_V6: &[&str] = &["2001:db8::1", "2001:db8:0:1::9", "2001:db8:ffff::7", "fd00:99::3"];

const NETS_V4: &[&str] = &[
    "10.0.0.0/8",
    "10.244.0.0/16",
    "10.244.1.0/24",
    "10.244.1.16/29",
    "10.244.2.0/25",
    "10.244.3.32/27",
    "172.20.0.0/30",
    "172.20.0.2",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "198.51.100.7/32",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "192.0.0.0/3",
    "10.244.1.18",
];
const NETS_V6: &[&str] = &[
    "fd00::/8",
    "fd00:10:244::/48",
    "fd00:10:244:1::/64",
    "fd00:10:244:2::10/125",
    "fd00:20::/126",
    "fd00:20::2",
    "2001:db8::/32",
    "2001:db8::/33",
    "2001:db8::1/128",
    "::/1",
    "8000::/1",
    "fd00:10:244:3::20/123",
];

/// Every address of a family.
pub(crate) fn everything(family: Family) -> &'static str {
    match family {
        Family::V4 => "0.0.0.0/0",
        Family::V6 => "::/0",
    }
}

/// A net of the family that isn't everything: of few, which overlap, or a pod's address.
pub(crate) fn net(family: Family) -> BoxedStrategy<String> {
    let few = match family {
        Family::V4 => NETS_V4,
        Family::V6 => NETS_V6,
    };
    prop_oneof![
        5 => prop::sample::select(few).prop_map(str::to_owned),
        1 => pod_place().prop_map(move |place| place.address(family).to_string()),
    ]
    .boxed()
}

/// A net as `ipBlock.cidr`, `networks` and the like have it: with its length.
pub(crate) fn cidr(family: Family) -> BoxedStrategy<String> {
    net(family).prop_map(move |net| if net.contains('/') { net } else { format!("{net}/{}", family.bits()) }).boxed()
}

/// A family.
pub(crate) fn family() -> BoxedStrategy<Family> {
    prop_oneof![3 => Just(Family::V4), 2 => Just(Family::V6)].boxed()
}
