//! Routes to the pods of nodes.

use crate::Plan;
use margay_api::{Prefix, Via};
use smol_str::SmolStr;

/// How packets from other nodes get to the pods of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The node's pod CIDR.
    pub destination: Prefix,
    /// The node.
    pub node: SmolStr,
    /// By which way.
    pub via: Via,
}

impl Plan {
    /// The routes that lead away from the nodes in scope: what the driver of a node, whose Plan has that node alone in scope, programs. None of a Plan of the
    /// whole cluster.
    ///
    /// A route into a pod CIDR of a node in scope is none of them, whoever says that it is his: it would lead its own pods' packets away.
    pub fn remote_routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values().filter(|route| {
            let mut cidrs = self.nodes.values().flat_map(|node| &node.pod_cidrs);
            !self.nodes.contains_key(&route.node) && !cidrs.any(|cidr| cidr.covers(&route.destination))
        })
    }
}
