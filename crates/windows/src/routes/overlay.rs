//! Routes in tunnels: RemoteSubnetRoute policies of an Overlay network.

use super::{Former, Problem, Steps, Wanted};
use margay_hcn::setting::{DrMacAddress, RemoteSubnetRoute, VxlanPort};
use margay_hcn::{Door, Guid, Network, NetworkMode, Policy, Setting};
use margay_net::Prefix;
use margay_policy::{Via, Vtep};
use std::collections::HashMap;

/// The smallest VXLAN network identifier that Windows has tunnels of \[SRC\].
pub const SMALLEST_VNI: u32 = 4096;
/// The UDP port of tunnels, without a policy that says another \[SRC\].
pub const VXLAN_PORT: u16 = 4789;

/// An Overlay network, as far as routes go.
struct Overlay<'a> {
    network: &'a Network,
    vnis: Vec<u32>,
    /// 0 where it can't be read.
    port: u16,
    routes: HashMap<Prefix, Vec<(&'a Policy, RemoteSubnetRoute)>>,
}

/// What is to be done so that Overlay networks have the routes in tunnels; each step with the network's id. Direct routes are passed over, and so are
/// policies that are no routes, or can't be read as such.
pub fn overlay(wanted: &Wanted, former: &Former, networks: &[Network]) -> Steps<(Guid, Policy)> {
    let overlays: Vec<Overlay<'_>> =
        networks.iter().filter(|network| network.mode == NetworkMode::Overlay).map(Overlay::of).collect();
    let mut steps = Steps::default();
    for (destination, via) in wanted {
        let Via::Tunnel(vtep) = via else { continue };
        match place(vtep, &overlays) {
            Ok((overlay, vni)) => overlay.settle(*destination, vtep, vni, &mut steps),
            Err(problem) => steps.problems.push((*destination, problem)),
        }
    }
    for (destination, via) in former {
        let Via::Tunnel(vtep) = via else { continue };
        if matches!(wanted.get(destination), Some(Via::Tunnel(_))) {
            continue;
        }
        for overlay in &overlays {
            let was_ours = |route: &RemoteSubnetRoute| is(route, vtep, vtep.vni.unwrap_or(route.isolation_id));
            let there = overlay.at(destination).filter(|(_, route)| was_ours(route));
            steps.remove.extend(there.map(|(policy, _)| (*destination, (overlay.network.id, (*policy).clone()))));
        }
    }
    steps
}

/// What is wrong with what other nodes are told of this one's end of the tunnel: HNS chose its MAC address, anew with each network.
///
/// # Errors
/// Where they are told another. What else is wrong is so with every route, too.
pub fn check_own(vtep: &Vtep, networks: &[Network]) -> Result<(), Problem> {
    let overlays: Vec<Overlay<'_>> =
        networks.iter().filter(|network| network.mode == NetworkMode::Overlay).map(Overlay::of).collect();
    let Ok((overlay, _)) = place(vtep, &overlays) else { return Ok(()) };
    match overlay.network.policies.iter().find_map(Policy::setting::<DrMacAddress>) {
        Some(Ok(here)) if here.address != vtep.mac => Err(Problem::OwnMac { told: vtep.mac, here: here.address }),
        _ => Ok(()),
    }
}

impl<'a> Overlay<'a> {
    fn of(network: &'a Network) -> Self {
        let mut vnis: Vec<u32> = network.subnets.iter().filter_map(margay_hcn::Subnet::vni).collect();
        vnis.sort_unstable();
        vnis.dedup();
        let port = network.policies.iter().find_map(Policy::setting::<VxlanPort>);
        let port = port.map_or(VXLAN_PORT, |port| port.map_or(0, |setting| setting.port));
        let mut routes: HashMap<Prefix, Vec<_>> = HashMap::new();
        for policy in &network.policies {
            if let Some(Ok(route)) = policy.setting::<RemoteSubnetRoute>() {
                routes.entry(route.destination_prefix).or_default().push((policy, route));
            }
        }
        Self { network, vnis, port, routes }
    }

    fn at(&self, destination: &Prefix) -> impl Iterator<Item = &(&'a Policy, RemoteSubnetRoute)> {
        self.routes.get(destination).into_iter().flatten()
    }

    /// Whatever else leads to the destination goes, and the route comes where it is not there.
    fn settle(&self, destination: Prefix, vtep: &Vtep, vni: u32, steps: &mut Steps<(Guid, Policy)>) {
        let id = self.network.id;
        let others = self.at(&destination).filter(|(_, route)| !is(route, vtep, vni));
        steps.remove.extend(others.map(|(policy, _)| (destination, (id, (*policy).clone()))));
        if !self.at(&destination).any(|(_, route)| is(route, vtep, vni)) {
            let route = RemoteSubnetRoute {
                destination_prefix: destination,
                isolation_id: vni,
                provider_address: vtep.address,
                distributed_router_mac_address: vtep.mac,
            };
            steps.add.extend(route.policy(Door::V2).map(|policy| (destination, (id, policy))));
        }
    }
}

/// Whether a route leads into this tunnel.
fn is(route: &RemoteSubnetRoute, vtep: &Vtep, vni: u32) -> bool {
    (route.isolation_id, route.provider_address, route.distributed_router_mac_address) == (vni, vtep.address, vtep.mac)
}

/// The network that a tunnel belongs to, and its identifier.
fn place<'o, 'a>(vtep: &Vtep, overlays: &'o [Overlay<'a>]) -> Result<(&'o Overlay<'a>, u32), Problem> {
    let (overlay, vni) = match (vtep.vni, overlays) {
        (_, []) => return Err(Problem::NoNetwork),
        (Some(vni), _) if vni < SMALLEST_VNI => return Err(Problem::VniTooSmall(vni)),
        (Some(vni), _) => {
            let found = overlays.iter().find(|overlay| overlay.vnis.contains(&vni));
            let here = || overlays.iter().flat_map(|overlay| overlay.vnis.iter().copied()).collect();
            (found.ok_or_else(|| Problem::OtherVni { vni, here: here() })?, vni)
        }
        (None, [overlay]) => match overlay.vnis[..] {
            [vni] => (overlay, vni),
            _ => return Err(Problem::NoVni(overlay.network.name.clone())),
        },
        (None, _) => return Err(Problem::WhichNetwork(vtep.address)),
    };
    if vni < SMALLEST_VNI {
        return Err(Problem::VniTooSmall(vni));
    }
    if overlay.network.door == Door::V1 {
        // V1 shows no routes in tunnels: what is not shown can't be compared.
        return Err(Problem::NeedsV2);
    }
    if overlay.port != VXLAN_PORT {
        return Err(Problem::Port { network: overlay.network.name.clone(), port: overlay.port });
    }
    Ok((overlay, vni))
}
