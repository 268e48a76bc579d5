//! Routes: which pod CIDR is whose, and by which way.

use margay_api::{Node, Prefix, Via};
use margay_policy::{Plan, Route};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// The pod CIDRs of every node.
#[derive(Default)]
pub(crate) struct Routes {
    /// The nodes that say that a CIDR is theirs, and the way to each, where it says one.
    claims: FxHashMap<Prefix, BTreeMap<SmolStr, Option<Via>>>,
    cidrs: FxHashMap<SmolStr, Box<[Prefix]>>,
    dirty: BTreeSet<Prefix>,
}

impl Routes {
    /// A node came, changed or went.
    pub(crate) fn set(&mut self, name: &SmolStr, node: Option<&Node>) {
        for cidr in self.cidrs.remove(name).into_iter().flatten() {
            if let Some(nodes) = self.claims.get_mut(&cidr) {
                nodes.remove(name);
                if nodes.is_empty() {
                    self.claims.remove(&cidr);
                }
            }
            self.dirty.insert(cidr);
        }
        let Some(node) = node.filter(|node| !node.pod_cidrs.is_empty()) else { return };
        let ways: FxHashMap<Prefix, Via> = node.routes().collect();
        for cidr in &node.pod_cidrs {
            self.claims.entry(*cidr).or_default().insert(name.clone(), ways.get(cidr).copied());
            self.dirty.insert(*cidr);
        }
        self.cidrs.insert(name.clone(), node.pod_cidrs.as_slice().into());
    }

    /// Brings the routes that may have changed into the Plan. Gives what it had and has no longer, and where there is a new one; both in order.
    pub(crate) fn flush(&mut self, plan: &mut Plan) -> (Vec<Route>, Vec<Prefix>) {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for destination in std::mem::take(&mut self.dirty) {
            let route = self.route(destination);
            if plan.routes.get(&destination) == route.as_ref() {
                continue;
            }
            removed.extend(plan.routes.remove(&destination));
            if let Some(route) = route {
                plan.routes.insert(destination, route);
                added.push(destination);
            }
        }
        (removed, added)
    }

    /// Of a CIDR that several nodes say is theirs, the first of them is right, as with addresses.
    fn route(&self, destination: Prefix) -> Option<Route> {
        let (node, via) = self.claims.get(&destination)?.first_key_value()?;
        Some(Route { destination, node: node.clone(), via: (*via)? })
    }
}
