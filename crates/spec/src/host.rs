//! Host endpoints: where they stand, and the stages of one.

use crate::policy::Policy;
use crate::rule::Scene;
use crate::thing::{Thing, What};
use crate::walk::{ActiveTier, profiles, tiers};
use crate::{Always, Attribution, Direction, End, World};
use margay_api::{HostEndpoint, Node, Protocol};

/// Decision 23, TCP then UDP.
const FAILSAFE_IN: (&[u16], &[u16]) = (&[22, 179, 2379, 2380, 5473, 6443, 6666, 6667], &[68]);
const FAILSAFE_OUT: (&[u16], &[u16]) = (&[179, 2379, 2380, 5473, 6443, 6666, 6667], &[53, 67]);

/// How well a host endpoint covers the node's uplink (decision 20): named, then by its addresses, then `*`; `None` when it doesn't.
fn cover(host: &HostEndpoint, node: &Node) -> Option<u8> {
    match host.interface.as_deref() {
        _ if host.node != node.meta.key.name || node.windows => None,
        Some(UPLINK) => Some(0),
        Some("*") => Some(2),
        Some(_) => None,
        None => node.own_addresses().any(|address| host.expected_ips.contains(&address)).then_some(1),
    }
}

/// The interface that joins a node to others (decision 20).
const UPLINK: &str = "eth0";

/// The host endpoint on the node's uplink (decision 20).
pub(crate) fn on_uplink<'w>(node: &Node, things: &'w [Thing]) -> Option<(&'w Thing, &'w HostEndpoint)> {
    let hosts = things.iter().filter_map(|thing| match &thing.what {
        What::HostEndpoint(host) => cover(host, node).map(|cover| (cover, thing, host)),
        _ => None,
    });
    hosts.min_by_key(|(cover, thing, _)| (*cover, thing.key.name.clone())).map(|(_, thing, host)| (thing, host))
}

/// What the host endpoint on the node's uplink says (decisions 22 and 23); `None` when there is none. `local` is traffic of the node itself.
pub(crate) fn host_end(world: &World, node: &Node, local: bool, scene: &Scene<'_>) -> Option<End> {
    let (thing, host) = on_uplink(node, world.things())?;
    let stage = |keep: fn(&Policy) -> bool| world.active(thing, scene.direction, keep);
    if scene.is_neighbour_discovery() {
        return Some(End::allow(Attribution::Always(Always::NeighbourDiscovery)));
    }
    if is_failsafe(scene) {
        if local {
            return Some(End::allow(Attribution::Always(Always::Failsafe)));
        }
    } else if let Some(end) = before_tracking(&stage(Policy::is_untracked), &stage(Policy::is_pre_dnat), scene) {
        return Some(end);
    }
    Some(if local {
        let active = stage(|policy| !policy.is_untracked() && !policy.is_pre_dnat());
        let names = host.profiles.iter().map(|name| name.as_str());
        tiers(&active, true, scene).unwrap_or_else(|| profiles(names, scene))
    } else {
        let active = stage(Policy::is_forward);
        tiers(&active, true, scene).unwrap_or_else(|| End::allow(Attribution::Forwarded))
    })
}

/// The first two stages, which have no deny at the end of a tier (decision 22).
fn before_tracking(untracked: &[ActiveTier<'_>], pre_dnat: &[ActiveTier<'_>], scene: &Scene<'_>) -> Option<End> {
    // doNotTrack: Deny is final, Allow lets the packet pass this host endpoint.
    if let Some(end) = tiers(untracked, false, scene) {
        return Some(end);
    }
    // preDNAT: Deny is final, anything else goes on.
    match scene.direction {
        Direction::Ingress => tiers(pre_dnat, false, scene).filter(|end| !end.allow),
        Direction::Egress => None,
    }
}

fn is_failsafe(scene: &Scene<'_>) -> bool {
    let (tcp, udp) = match scene.direction {
        Direction::Ingress => FAILSAFE_IN,
        Direction::Egress => FAILSAFE_OUT,
    };
    match scene.flow.protocol() {
        Protocol::TCP => tcp.contains(&scene.flow.port),
        Protocol::UDP => udp.contains(&scene.flow.port),
        _ => false,
    }
}

impl Policy {
    fn is_untracked(&self) -> bool {
        matches!(self, Self::Calico(policy) if policy.do_not_track)
    }

    fn is_pre_dnat(&self) -> bool {
        matches!(self, Self::Calico(policy) if policy.pre_dnat)
    }

    /// applyOnForward, of the policies of the last stage.
    fn is_forward(&self) -> bool {
        matches!(self, Self::Calico(policy) if policy.apply_on_forward && !policy.do_not_track && !policy.pre_dnat)
    }
}
