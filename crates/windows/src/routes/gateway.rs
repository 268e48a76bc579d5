//! Direct routes: those of the operating system.

use super::{Former, Problem, Steps, Wanted};
use margay_hcn::IpRoute;
use margay_net::Prefix;
use margay_policy::Via;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// As `New-NetRoute` has it, by which flannel makes them \[SRC\].
const METRIC: u32 = 256;

/// What is to be done so that the system has the direct routes. Those in tunnels are passed over.
///
/// Ours is a route to a destination of the Plan, made by a program (`MIB_IPPROTO_NETMGMT`), whose next hop is the address of a node, or was. Another route
/// to such a destination stays and is a [`Problem::Foreign`], since two of them would share the packets. A route that is as it should be counts, whoever made it.
pub fn gateway(wanted: &Wanted, former: &Former, table: &[IpRoute]) -> Steps<IpRoute> {
    let direct = |via: &Via| match via {
        Via::Direct { next_hop } => Some(*next_hop),
        Via::Tunnel(_) => None,
    };
    let nodes: HashSet<IpAddr> = wanted.values().filter_map(direct).collect();
    let was: HashSet<(Prefix, IpAddr)> = former.iter().filter_map(|(to, via)| Some((*to, direct(via)?))).collect();
    let mut there: HashMap<Prefix, Vec<&IpRoute>> = HashMap::new();
    for route in table {
        there.entry(route.destination).or_default().push(route);
    }
    let at = |destination: &Prefix| there.get(destination).into_iter().flatten().copied();
    let made = |route: &IpRoute| route.protocol == IpRoute::MANAGEMENT;
    let is_ours = |route: &IpRoute| {
        made(route) && (nodes.contains(&route.next_hop) || was.contains(&(route.destination, route.next_hop)))
    };
    let mut steps = Steps::default();
    for (destination, via) in wanted {
        let Some(next_hop) = direct(via) else { continue };
        let Some(interface) = link(next_hop, table) else {
            steps.problems.push((*destination, Problem::NotOnLink(next_hop)));
            continue;
        };
        let is_right = |route: &IpRoute| (route.next_hop, route.interface) == (next_hop, interface);
        let (ours, foreign): (Vec<&IpRoute>, Vec<&IpRoute>) =
            at(destination).filter(|route| !is_right(route)).partition(|r| is_ours(r));
        if let Some(route) = foreign.first() {
            steps.problems.push((*destination, Problem::Foreign(**route)));
            continue;
        }
        steps.remove.extend(ours.into_iter().map(|route| (*destination, *route)));
        if !at(destination).any(is_right) {
            let (destination, protocol) = (*destination, IpRoute::MANAGEMENT);
            steps.add.push((destination, IpRoute { destination, next_hop, interface, metric: METRIC, protocol }));
        }
    }
    for (destination, next_hop) in &was {
        if wanted.get(destination).is_none_or(|via| direct(via).is_none()) {
            let gone = at(destination).filter(|route| made(route) && route.next_hop == *next_hop);
            steps.remove.extend(gone.map(|route| (*destination, *route)));
        }
    }
    steps.remove.sort_unstable();
    steps
}

/// The interface whose link an address is on: that of the longest prefix, then of the least metric.
fn link(address: IpAddr, table: &[IpRoute]) -> Option<u32> {
    let links = table.iter().filter(|route| route.is_on_link() && route.destination.contains(address));
    let nearest =
        links.max_by_key(|route| (route.destination.length(), Reverse(route.metric), Reverse(route.interface)));
    nearest.map(|route| route.interface)
}
