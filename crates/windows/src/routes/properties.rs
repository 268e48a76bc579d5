//! Steps done lead to where nothing is to be done, and touch nothing of others.

use super::*;
use margay_hcn::setting::{RemoteSubnetRoute, Vsid, VxlanPort};
use margay_hcn::{Door, Guid, IpRoute, Mac, Network, NetworkMode, Policy, Setting, Subnet};
use margay_policy::Vtep;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::net::IpAddr;

fn destination() -> impl Strategy<Value = Prefix> {
    (0..4u8).prop_map(|n| Prefix::new([10, 244, n, 0].into(), 24).expect("a length of IPv4"))
}

/// A node's address: on the link of interface 4, of 5, or of none.
fn node() -> impl Strategy<Value = IpAddr> {
    (0..3u8, 1..3u8).prop_map(|(net, host)| [192, 0, net, host].into())
}

fn vtep() -> impl Strategy<Value = Vtep> {
    let vni = option::of(4095..4098u32);
    (node(), 0..2u8, vni).prop_map(|(address, mac, vni)| Vtep { address, mac: Mac([2, 0, 0, 0, 0, mac]), vni })
}

fn via() -> impl Strategy<Value = Via> {
    prop_oneof![node().prop_map(|next_hop| Via::Direct { next_hop }), vtep().prop_map(Via::Tunnel)]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    btree_map(destination(), via(), 0..4)
}

fn former() -> impl Strategy<Value = Former> {
    btree_set((destination(), via()), 0..3)
}

fn policy() -> impl Strategy<Value = Policy> {
    let route = (destination(), vtep()).prop_map(|(destination_prefix, vtep)| {
        let route = RemoteSubnetRoute {
            destination_prefix,
            isolation_id: vtep.vni.unwrap_or(4096),
            provider_address: vtep.address,
            distributed_router_mac_address: vtep.mac,
        };
        route.policy(Door::V2).expect("V2 has it")
    });
    let port = prop_oneof![Just(VXLAN_PORT), Just(8472)];
    let port = port.prop_map(|port| VxlanPort { port }.policy(Door::V2).expect("V2 has it"));
    prop_oneof![8 => route, 1 => port]
}

fn network(number: u128) -> impl Strategy<Value = Network> {
    (vec(policy(), 0..6), 4095..4098u32, any::<bool>()).prop_map(move |(policies, isolation_id, overlay)| {
        let vsid = Vsid { isolation_id }.policy(Door::V2).expect("V2 has it");
        let prefix = "10.244.9.0/24".parse().expect("a prefix");
        Network {
            id: Guid(number),
            name: format!("n{number}").into(),
            mode: if overlay { NetworkMode::Overlay } else { NetworkMode::L2Bridge },
            subnets: vec![Subnet { prefix, gateway: None, policies: vec![vsid] }],
            management_address: None,
            policies,
            door: Door::V2,
        }
    })
}

fn ip_route() -> impl Strategy<Value = IpRoute> {
    (destination(), node(), 4..6u32, prop_oneof![3 => Just(IpRoute::MANAGEMENT), 1 => Just(14)]).prop_map(
        |(destination, next_hop, interface, protocol)| IpRoute {
            destination,
            next_hop,
            interface,
            metric: 1,
            protocol,
        },
    )
}

fn links() -> Vec<IpRoute> {
    let link = |(interface, net): (u32, u8)| IpRoute {
        destination: Prefix::new([192, 0, net, 0].into(), 24).expect("a length of IPv4"),
        next_hop: [0, 0, 0, 0].into(),
        interface,
        metric: 256,
        protocol: 2,
    };
    [(4, 0), (5, 1)].map(link).into()
}

fn route_of(policy: &Policy) -> Option<RemoteSubnetRoute> {
    policy.setting()?.ok()
}

proptest! {
    #[test]
    fn of_tunnels(wanted in wanted(), former in former(), first in network(1), second in network(2)) {
        let before = [first, second];
        let steps = overlay(&wanted, &former, &before);
        let mut after = before.clone();
        for (to, (id, policy)) in &steps.remove {
            let policies = &mut after.iter_mut().find(|network| network.id == *id).expect("a network").policies;
            let at = policies.iter().position(|there| there == policy);
            policies.remove(at.expect("what is to go is there"));
            // It is of a destination of ours, now or formerly.
            prop_assert_eq!(route_of(policy).map(|route| route.destination_prefix), Some(*to));
            prop_assert!(wanted.contains_key(to) || former.iter().any(|(was, _)| was == to));
        }
        for (_, (id, policy)) in &steps.add {
            after.iter_mut().find(|network| network.id == *id).expect("a network").policies.push(policy.clone());
        }
        let again = overlay(&wanted, &former, &after);
        prop_assert!(again.remove.is_empty() && again.add.is_empty(), "{again:?}");
        prop_assert_eq!(&again.problems, &steps.problems);
        // Each is there, in a network that Windows has tunnels of, or has its problem; then all that was there still is.
        let routes = |networks: &[Network], to: &Prefix| -> Vec<RemoteSubnetRoute> {
            let policies = networks.iter().flat_map(|network| &network.policies);
            policies.filter_map(route_of).filter(|route| route.destination_prefix == *to).collect()
        };
        for (to, via) in &wanted {
            let Via::Tunnel(vtep) = via else { continue };
            let there = routes(&after, to);
            if steps.problems.iter().any(|(of, _)| of == to) {
                prop_assert_eq!(there, routes(&before, to));
            } else {
                let right = |route: &RemoteSubnetRoute| {
                    (route.provider_address, route.distributed_router_mac_address) == (vtep.address, vtep.mac)
                        && route.isolation_id >= SMALLEST_VNI
                        && vtep.vni.is_none_or(|vni| vni == route.isolation_id)
                };
                prop_assert!(there.iter().any(right), "{to} {via}: {there:?}");
            }
        }
    }

    #[test]
    fn of_gateways(wanted in wanted(), former in former(), others in vec(ip_route(), 0..6)) {
        let mut table = links();
        for route in others {
            let key = |route: &IpRoute| (route.destination, route.next_hop, route.interface);
            if !table.iter().any(|there| key(there) == key(&route)) {
                table.push(route);
            }
        }
        let steps = gateway(&wanted, &former, &table);
        let mut after = table.clone();
        let hops: BTreeSet<IpAddr> =
            wanted.values().copied().chain(former.iter().map(|(_, via)| *via)).map(|via| via.address()).collect();
        for (to, route) in &steps.remove {
            let at = after.iter().position(|there| there == route);
            after.remove(at.expect("what is to go is there"));
            prop_assert!(route.protocol == IpRoute::MANAGEMENT && hops.contains(&route.next_hop), "{route} is not ours");
            prop_assert!(wanted.contains_key(to) || former.iter().any(|(was, _)| was == to));
        }
        after.extend(steps.add.iter().map(|(_, route)| *route));
        let again = gateway(&wanted, &former, &after);
        prop_assert!(again.remove.is_empty() && again.add.is_empty(), "{again:?}");
        prop_assert_eq!(&again.problems, &steps.problems);
        for (to, via) in &wanted {
            let Via::Direct { next_hop } = via else { continue };
            let hops: Vec<IpAddr> =
                after.iter().filter(|route| route.destination == *to).map(|route| route.next_hop).collect();
            if !steps.problems.iter().any(|(of, _)| of == to) {
                prop_assert_eq!(hops, [*next_hop]);
            }
        }
    }
}
