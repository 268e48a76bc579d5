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
    pub(super) switch: BTreeSet<Object>,
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

/// A loose end of the wire between a node and a pod, in the switch's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Node,
    Pod,
}

/// The index of the switch's interface towards the pod of this number, or towards its node.
pub(super) fn switch_index(side: Side, number: u32) -> u32 {
    FIRST_PORT_INDEX + 2 * number + u32::from(side == Side::Pod)
}

/// The name of that interface.
fn switch_interface(side: Side, pod: &str) -> String {
    let letter = if side == Side::Node { 'n' } else { 'p' };
    format!("s{letter}{:011x}", stable_hash(pod) >> 20)
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
        let peer = Peer { place, index: UPLINK_INDEX, name: uplink.into(), mac: far, cut: false };
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
    let mut on_link = |address: IpAddr| {
        from.insert(Object::Neighbour { device, address, mac: mac(Role::Uplink, number) });
        // A gateway needs it too where everything else is local: the kernel takes no gateway that it owns.
        from.insert(Object::Route { device, destination: Destination::Host(address), gateway: None });
    };
    node.addresses.iter().for_each(|&address| on_link(address));
    let beyond = || pods.iter().chain(topology.bridge_addresses(node));
    beyond().for_each(|&address| on_link(next_hop(node, number, Family::of(address))));
    for &address in beyond() {
        let gateway = Some(next_hop(node, number, Family::of(address)));
        from.insert(Object::Route { device, destination: Destination::Host(address), gateway });
    }
}

/// A pod and its node's side of it.
fn lay_pod(topology: &Topology, numbers: &Numbers, index: usize, layout: &mut Layout) {
    let (pod, number) = (&topology.pods[index], numbers.pods[index]);
    let node = &topology.nodes[pod.node];
    let (switch, node_side, pod_side) = (&mut layout.switch, &mut layout.nodes[pod.node], &mut layout.pods[index]);
    let port = port_index(number);
    let pod_mac = mac(Role::Pod, number);
    let (bridge, port_mac, towards_pod) = match topology.wiring {
        Wiring::Routed => (None, GATEWAY_MAC, port),
        Wiring::Bridge => (Some(BRIDGE_INDEX), mac(Role::PodPort, number), BRIDGE_INDEX),
    };
    let mut peer =
        Peer { place: Place::Pod(number), index: UPLINK_INDEX, name: "eth0".into(), mac: pod_mac, cut: node.switched };
    if node.switched {
        // The wire between node and pod is cut in two, with a port of the switch at each loose end.
        let [to_node, to_pod] = [Side::Node, Side::Pod].map(|side| (switch_index(side, number), side));
        let (index, name) = (to_pod.0, switch_interface(to_pod.1, &pod.id));
        let mac_of = |side: Side| mac(if side == Side::Node { Role::SwitchToNode } else { Role::SwitchToPod }, number);
        switch.insert(Object::Veth { index, name, mac: mac_of(Side::Pod), bridge: None, peer });
        switch.insert(Object::FarEnd { index: to_node.0 });
        let name = switch_interface(Side::Node, &pod.id);
        peer = Peer { place: Place::Switch, index: to_node.0, name, mac: mac_of(Side::Node), cut: true };
    }
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
    SwitchToNode = 6,
    SwitchToPod = 7,
}

/// A locally administered Ethernet address, different for each role and number.
fn mac(role: Role, number: u32) -> Mac {
    let [_, a, b, c] = number.to_be_bytes();
    [0x02, 0x4d, role as u8, a, b, c]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::topology::Pod;
    use super::*;

    fn cluster(wiring: Wiring, nodes: usize, pods: usize) -> (Topology, Numbers) {
        let node = |i: usize| Node {
            name: format!("n{i}"),
            addresses: vec![IpAddr::from([192, 0, 2, i as u8 + 1])],
            gateways: vec![],
            uplink: "eth0".into(),
            switched: false,
        };
        let pod = |i: usize| {
            let [high, low] = (i as u16 + 1).to_be_bytes();
            let addresses =
                vec![IpAddr::from([10, 0, high, low]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, i as u16 + 1])];
            Pod { id: format!("p{i}"), node: i % nodes, addresses }
        };
        let topology = Topology { wiring, nodes: (0..nodes).map(node).collect(), pods: (0..pods).map(pod).collect() };
        (topology, Numbers { nodes: (1..=nodes as u32).collect(), pods: (1..=pods as u32).collect() })
    }

    fn sizes(wiring: Wiring, nodes: usize, pods: usize) -> [usize; 4] {
        let (topology, numbers) = cluster(wiring, nodes, pods);
        let layout = layout(&topology, &numbers);
        let total = |sets: &[BTreeSet<Object>]| sets.iter().map(BTreeSet::len).sum();
        [layout.wire.len(), layout.external.len(), total(&layout.nodes), total(&layout.pods)]
    }

    #[test]
    fn each_thing_stands_on_an_interface_of_its_own_namespace() {
        for wiring in [Wiring::Routed, Wiring::Bridge] {
            let (topology, numbers) = cluster(wiring, 3, 7);
            let layout = layout(&topology, &numbers);
            let made_here = |set: &BTreeSet<Object>| -> HashSet<u32> {
                set.iter().filter(|object| object.is_link()).filter_map(Object::device).collect()
            };
            let all = [&layout.wire, &layout.external].into_iter().chain(&layout.nodes).chain(&layout.pods);
            for (index, set) in all.enumerate() {
                let mut devices = made_here(set);
                devices.insert(LOOPBACK);
                if index > 0 {
                    devices.insert(UPLINK_INDEX);
                }
                for object in set {
                    assert!(
                        object.device().is_none_or(|device| devices.contains(&device)),
                        "{wiring:?} {index} {object}"
                    );
                }
            }
            // Every far end of a pair is set up where it is.
            let far: usize =
                layout.nodes.iter().chain(&layout.pods).filter(|s| s.contains(&Object::Up { device: 100 })).count();
            assert_eq!(far, 10);
        }
    }

    #[test]
    fn ethernet_addresses_and_gateways_are_never_shared() {
        let (topology, numbers) = cluster(Wiring::Bridge, 3, 7);
        let layout = layout(&topology, &numbers);
        let (mut macs, mut bridges) = (HashSet::new(), 0);
        for object in layout.nodes.iter().chain([&layout.wire]).flatten() {
            match object {
                Object::Veth { mac, peer, .. } => assert!(macs.insert(*mac) && macs.insert(peer.mac), "{object}"),
                Object::Bridge { .. } => bridges += 1,
                _ => {}
            }
        }
        // Two for each node, the external namespace and each pod.
        assert_eq!((macs.len(), bridges), (2 * (3 + 1 + 7), 4));
        for number in [1, 2, 255, 256, 32767] {
            for family in [Family::V4, Family::V6] {
                assert_ne!(reserved_next_hop(number, family), reserved_next_hop(number - 1, family));
                assert_ne!(reserved_next_hop(number, family), GATEWAY_V4);
                assert_ne!(reserved_next_hop(number, family), GATEWAY_V6);
            }
        }
    }

    #[test]
    fn the_size_of_a_layout() {
        // [wire, external, nodes, pods]. A routed pod costs its node a pair, two neighbours and two routes.
        let table = [
            (Wiring::Routed, 1, 0, [6, 6, 7, 0]),
            (Wiring::Routed, 1, 1, [6, 10, 12, 8]),
            (Wiring::Routed, 1, 2, [6, 12, 17, 16]),
            (Wiring::Routed, 2, 0, [8, 8, 18, 0]),
            // On the node a bridge and an entry for each port; in each pod a neighbour and a route for each address of another.
            (Wiring::Bridge, 1, 1, [6, 10, 14, 8]),
            (Wiring::Bridge, 1, 2, [6, 12, 20, 24]),
        ];
        for (wiring, nodes, pods, expected) in table {
            assert_eq!(sizes(wiring, nodes, pods), expected, "{wiring:?} {nodes} {pods}");
        }
    }

    #[test]
    fn the_other_family_goes_by_link_local_gateways() {
        // The node has only an IPv4 address, its pod both families: others reach the pod's IPv6 address all the same.
        let (topology, numbers) = cluster(Wiring::Routed, 2, 1);
        let layout = layout(&topology, &numbers);
        let gateways: Vec<String> = layout.nodes[1]
            .iter()
            .filter_map(|object| match object {
                Object::Route { destination: Destination::Host(to), gateway: Some(by), .. } => {
                    Some(format!("{to} by {by}"))
                }
                _ => None,
            })
            .collect();
        assert_eq!(gateways, ["10.0.0.1 by 192.0.2.1", "fd00::1 by fe80::4d67:0:0:1"]);
    }
}
