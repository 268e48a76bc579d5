//! Routes to the pods of other nodes: what HNS and the system should have of them. Pure: what is there comes in, what is to be done comes out.
//!
//! | the Plan's route leads | on Windows |
//! |---|---|
//! | in VXLAN | a RemoteSubnetRoute policy of the Overlay network that has the tunnel's identifier (VNI): [`overlay()`] |
//! | by the node itself | a route of the system, on the interface whose link the node is on: [`gateway()`] |
//!
//! A route to a destination of the Plan is ours, whoever made it: one that is as it should be is left alone, another is replaced. What else is there is of
//! others, and stays; but what we know to have been ours goes. Neither HNS nor the system keeps a name of who made a route, so that what was left by an
//! agent that did not hear of the end of a node stays too.

mod gateway;
mod overlay;
mod problem;
#[cfg(test)]
mod properties;

pub use gateway::gateway;
pub use overlay::{SMALLEST_VNI, VXLAN_PORT, check_own, overlay};
pub use problem::Problem;

use margay_net::{Family, Prefix};
use margay_policy::{Plan, Via, Vtep};
use std::collections::{BTreeMap, BTreeSet};

/// The routes that a node should have, by destination.
pub type Wanted = BTreeMap<Prefix, Via>;

/// Routes that were ours, and are to go.
pub type Former = BTreeSet<(Prefix, Via)>;

/// All that a node's routes are to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aim {
    /// What should be there.
    pub wanted: Wanted,
    /// What should not be there any more.
    pub former: Former,
    /// The tunnel in which other nodes reach this one's pods.
    pub own: Option<(Prefix, Vtep)>,
}

/// What is to be done, each with the destination that it is for, and what can't be.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps<T> {
    /// What goes first.
    pub remove: Vec<(Prefix, T)>,
    /// What comes then.
    pub add: Vec<(Prefix, T)>,
    /// Why a destination's route can't be had. What is there of it stays.
    pub problems: Vec<(Prefix, Problem)>,
}

impl<T> Default for Steps<T> {
    fn default() -> Self {
        Self { remove: Vec::new(), add: Vec::new(), problems: Vec::new() }
    }
}

/// The tunnel in which other nodes reach the pods of the node that a Plan is of; none of a Plan of several nodes.
pub fn own(plan: &Plan) -> Option<(Prefix, Vtep)> {
    let (name, _) = plan.nodes.first_key_value().filter(|_| plan.nodes.len() == 1)?;
    plan.routes.values().find_map(|route| match route.via {
        Via::Tunnel(vtep) if route.node == *name && route.destination.family() == Family::V4 => {
            Some((route.destination, vtep))
        }
        _ => None,
    })
}

/// The routes away from the node that a Plan is of. Those in tunnels to IPv6 addresses are none: Overlay networks have no IPv6 \[MS\], and so no pod of theirs has.
pub fn wanted(plan: &Plan) -> Wanted {
    let here = |destination: &Prefix, via: &Via| match via {
        Via::Direct { .. } => true,
        Via::Tunnel(_) => destination.family() == Family::V4,
    };
    let routes = plan.remote_routes().map(|route| (route.destination, route.via));
    routes.filter(|(destination, via)| here(destination, via)).collect()
}
