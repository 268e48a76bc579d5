//! From a topology to what each namespace must hold. Pure: no kernel here.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::object::{Destination, Family, LOOPBACK, Mac, Object, Peer, Place};
use super::topology::{Node, Topology, Wiring, host_interface, stable_hash};

/// The name of a bridged node's bridge.
pub(super) const BRIDGE: &str = "cni0";
/// Interface indices are chosen, not asked for, so that a whole batch can be written without waiting for answers. They stand
/// clear of the low ones that the kernel gives to what comes with a namespace.
const UPLINK_INDEX: u32 = 100;
const BRIDGE_INDEX: u32 = 101;
const FIRST_PORT_INDEX: u32 = 1000;

/// The gateway of a routed pod, the same everywhere and owned by nobody, as in Calico.
const GATEWAY_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
/// The same for IPv6: the link-local address that belongs to [`GATEWAY_MAC`].
const GATEWAY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0xecee, 0xeeff, 0xfeee, 0xeeee));
/// The Ethernet address of the node's side towards its pods.
const GATEWAY_MAC: Mac = [0xee; 6];

/// What each namespace must hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) wire: BTreeSet<Object>,
    pub(super) external: BTreeSet<Object>,
    pub(super) nodes: Vec<BTreeSet<Object>>,
    pub(super) pods: Vec<BTreeSet<Object>>,
}

/// A number for each node and pod, which it keeps through all updates whatever its place in the topology; interface indices
/// and Ethernet addresses follow from it. Number 0 is the external namespace's.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) nodes: Vec<u32>,
    pub(super) pods: Vec<u32>,
}

/// The index of the interface whose far end has this number.
pub(super) fn port_index(number: u32) -> u32 {
    FIRST_PORT_INDEX + number
}

/// The number whose interface has this index.
pub(super) fn port_number(index: u32) -> Option<u32> {
    index.checked_sub(FIRST_PORT_INDEX)
}

/// The wire's interface towards a node.
pub(super) fn wire_interface(node: &str) -> String {
    format!("wn{:011x}", stable_hash(node) >> 20)
}

/// Works out what must be in every namespace.
pub(super) fn layout(topology: &Topology, numbers: &Numbers) -> Layout {
    let mut layout = Layout {
        nodes: vec![BTreeSet::new(); topology.nodes.len()],
        pods: vec![BTreeSet::new(); topology.pods.len()],
        ..Layout::default()
    };
    lay_wire(topology, numbers, &mut layout);
    for (index, node) in topology.nodes.iter().enumerate() {
        lay_node(topology, numbers, index, node, &mut layout);
    }
    for index in 0..topology.pods.len() {
        lay_pod(topology, numbers, index, &mut layout);
    }
    if topology.wiring == Wiring::Bridge {
        lay_switched_peers(topology, numbers, &mut layout);
    }
    layout
}

/// The bridge that joins the nodes and the external namespace.
fn lay_wire(topology: &Topology, numbers: &Numbers, layout: &mut Layout) {
    layout.wire.insert(Object::Up { device: LOOPBACK });
    layout.wire.insert(Object::Bridge { index: BRIDGE_INDEX, name: "wire".into(), mac: mac(Role::WireBridge, 0) });
    let external = (0, Place::External, "eth0", "external".to_owned());
    let nodes = topology.nodes.iter().zip(&numbers.nodes);
    let nodes = nodes.map(|(n, &number)| (number, Place::Node(number), n.uplink.as_str(), wire_interface(&n.name)));
    for (number, place, uplink, name) in nodes.chain([external]) {
        let (index, far) = (port_index(number), mac(Role::Uplink, number));
        let peer = Peer { place, index: UPLINK_INDEX, name: uplink.into(), mac: far };
        layout.wire.insert(Object::Veth {
            index,
            name,
            mac: mac(Role::WirePort, number),
            bridge: Some(BRIDGE_INDEX),
            peer,
        });
        layout.wire.insert(Object::Forwarding { port: index, mac: far });
    }
    // The external namespace owns every address that no node and no pod has.
    layout.external.extend([Object::Up { device: LOOPBACK }, Object::Up { device: UPLINK_INDEX }]);
    for family in [Family::V4, Family::V6] {
        layout.external.insert(Object::Everything { family });
    }
}

fn lay_node(topology: &Topology, numbers: &Numbers, index: usize, node: &Node, layout: &mut Layout) {
    let here = &mut layout.nodes[index];
    here.extend([Object::Up { device: LOOPBACK }, Object::Up { device: UPLINK_INDEX }]);
    here.extend(node.addresses.iter().map(|&address| Object::Address { device: UPLINK_INDEX, address }));
    if topology.wiring == Wiring::Bridge {
        here.insert(Object::Bridge { index: BRIDGE_INDEX, name: BRIDGE.into(), mac: GATEWAY_MAC });
        here.extend(node.gateways.iter().map(|&address| Object::Address { device: BRIDGE_INDEX, address }));
    }
    // What is nobody's is outside.
    for family in [Family::V4, Family::V6] {
        let gateway = reserved_next_hop(0, family);
        here.insert(Object::Neighbour { device: UPLINK_INDEX, address: gateway, mac: mac(Role::Uplink, 0) });
        here.insert(Object::Route {
            device: UPLINK_INDEX,
            destination: Destination::Default(family),
            gateway: Some(gateway),
        });
    }
    // Every other place on the wire learns the way to this node, and to its pods by it.
    let number = numbers.nodes[index];
    let pods: Vec<IpAddr> =
        topology.pods.iter().filter(|pod| pod.node == index).flat_map(|p| p.addresses.clone()).collect();
    let others = layout.nodes.iter_mut().enumerate().filter(|(other, _)| *other != index).map(|(_, set)| set);
    for other in others.chain([&mut layout.external]) {
        lay_way_to_node(topology, number, node, &pods, other);
    }
}

/// The way over the wire to a node's own addresses and to those of its pods.
fn lay_way_to_node(topology: &Topology, number: u32, node: &Node, pods: &[IpAddr], from: &mut BTreeSet<Object>) {
    let device = UPLINK_INDEX;
    for &address in &node.addresses {
        from.insert(Object::Neighbour { device, address, mac: mac(Role::Uplink, number) });
        from.insert(Object::Route { device, destination: Destination::Host(address), gateway: None });
    }
    for &address in pods.iter().chain(topology.bridge_addresses(node)) {
        let gateway = next_hop(node, number, Family::of(address));
        from.insert(Object::Neighbour { device, address: gateway, mac: mac(Role::Uplink, number) });
        from.insert(Object::Route { device, destination: Destination::Host(address), gateway: Some(gateway) });
    }
}

/// A pod and its node's side of it.
fn lay_pod(topology: &Topology, numbers: &Numbers, index: usize, layout: &mut Layout) {
    let (pod, number) = (&topology.pods[index], numbers.pods[index]);
    let node = &topology.nodes[pod.node];
    let (node_side, pod_side) = (&mut layout.nodes[pod.node], &mut layout.pods[index]);
    let port = port_index(number);
    let pod_mac = mac(Role::Pod, number);
    let (bridge, port_mac, towards_pod) = match topology.wiring {
        Wiring::Routed => (None, GATEWAY_MAC, port),
        Wiring::Bridge => (Some(BRIDGE_INDEX), mac(Role::PodPort, number), BRIDGE_INDEX),
    };
    let peer = Peer { place: Place::Pod(number), index: UPLINK_INDEX, name: "eth0".into(), mac: pod_mac };
    node_side.insert(Object::Veth { index: port, name: host_interface(&pod.id), mac: port_mac, bridge, peer });
    if bridge.is_some() {
        node_side.insert(Object::Forwarding { port, mac: pod_mac });
    }
    pod_side.extend([Object::Up { device: LOOPBACK }, Object::Up { device: UPLINK_INDEX }]);
    for &address in &pod.addresses {
        node_side.insert(Object::Neighbour { device: towards_pod, address, mac: pod_mac });
        node_side.insert(Object::Route { device: towards_pod, destination: Destination::Host(address), gateway: None });
        pod_side.insert(Object::Address { device: UPLINK_INDEX, address });
        let family = Family::of(address);
        let gateway = pod_gateway(topology, node, family);
        pod_side.insert(Object::Neighbour { device: UPLINK_INDEX, address: gateway, mac: GATEWAY_MAC });
        pod_side.insert(Object::Route {
            device: UPLINK_INDEX,
            destination: Destination::Default(family),
            gateway: Some(gateway),
        });
    }
}

/// Pods on one bridge reach each other directly, whatever their addresses.
fn lay_switched_peers(topology: &Topology, numbers: &Numbers, layout: &mut Layout) {
    let mut on_node = vec![Vec::new(); topology.nodes.len()];
    for (index, pod) in topology.pods.iter().enumerate() {
        on_node[pod.node].push(index);
    }
    let pairs = on_node.iter().flat_map(|pods| pods.iter().flat_map(move |&a| pods.iter().map(move |&b| (a, b))));
    for (from, to) in pairs.filter(|(from, to)| from != to) {
        let device = UPLINK_INDEX;
        for &address in &topology.pods[to].addresses {
            let here = &mut layout.pods[from];
            here.insert(Object::Neighbour { device, address, mac: mac(Role::Pod, numbers.pods[to]) });
            here.insert(Object::Route { device, destination: Destination::Host(address), gateway: None });
        }
    }
}

/// Where a pod sends what is not on its link.
fn pod_gateway(topology: &Topology, node: &Node, family: Family) -> IpAddr {
    let own = topology.bridge_addresses(node).iter().copied().find(|&address| Family::of(address) == family);
    own.unwrap_or(match family {
        Family::V4 => GATEWAY_V4,
        Family::V6 => GATEWAY_V6,
    })
}

/// The address by which others route to a node's pods: its own, if it has one of that family.
fn next_hop(node: &Node, number: u32, family: Family) -> IpAddr {
    let own = node.addresses.iter().copied().find(|&address| Family::of(address) == family);
    own.unwrap_or_else(|| reserved_next_hop(number, family))
}

/// A link-local address that stands for a place on the wire which has no address of that family. Nobody owns it: neighbours
/// are static, so a gateway is no more than the name of an Ethernet address.
fn reserved_next_hop(number: u32, family: Family) -> IpAddr {
    let [_, _, high, low] = number.to_be_bytes();
    match family {
        // 169.254.128.0/17, clear of the pods' gateway.
        Family::V4 => IpAddr::V4(Ipv4Addr::new(169, 254, 128 | high, low)),
        Family::V6 => {
            let bits = (0xfe80_u128 << 112) | (0x4d67_u128 << 48) | u128::from(number);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }
}

/// Whose Ethernet address it is.
#[derive(Debug, Clone, Copy)]
enum Role {
    WireBridge = 1,
    WirePort = 2,
    Uplink = 3,
    Pod = 4,
    PodPort = 5,
}

/// A locally administered Ethernet address, different for each role and number.
fn mac(role: Role, number: u32) -> Mac {
    let [_, a, b, c] = number.to_be_bytes();
    [0x02, 0x4d, role as u8, a, b, c]
}
