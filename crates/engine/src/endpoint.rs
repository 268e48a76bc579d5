//! The endpoints of the Plan.

use crate::Engine;
use crate::stack::Made;
use crate::thing::Body;
use margay_api::Key;
use margay_policy::{Endpoint, EndpointId, Plan};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;

/// The endpoints in the Plan, and those that may have changed.
#[derive(Default)]
pub(crate) struct Endpoints {
    list: FxHashMap<Key, Present>,
    /// Keys of pods and host endpoints in scope that came, went, or may be others now.
    pub(crate) dirty: FxHashSet<Key>,
}

/// An endpoint that is in the Plan.
#[derive(Clone, Copy)]
struct Present {
    id: Option<EndpointId>,
    recipe: u32,
}

/// What a flush did to endpoints.
#[derive(Default)]
pub(crate) struct Flushed {
    pub(crate) put: Vec<EndpointId>,
    pub(crate) removed: Vec<(EndpointId, Box<Endpoint>)>,
}

impl Endpoints {
    /// Where an endpoint is in the Plan.
    pub(crate) fn id(&self, key: &Key) -> Option<EndpointId> {
        self.list.get(key)?.id
    }
}

impl Engine {
    /// The thing in scope that a key names, its recipe, and its addresses; `None` of a pod that has no address.
    fn present(&self, key: &Key) -> Option<(u32, u32, Vec<IpAddr>)> {
        let id = self.cluster.names.find(key)?;
        let thing = self.cluster.things.get(id);
        let recipe = self.stacks.recipe(thing.class).filter(|_| self.cluster.index.kind(thing.class).is_local())?;
        let addresses: Vec<IpAddr> = self.cluster.addresses(id).collect();
        let is_pod = matches!(thing.body, Body::Pod { .. });
        (!is_pod || !addresses.is_empty()).then_some((id, recipe, addresses))
    }

    /// Gives every endpoint that may have changed its recipe. Returns the stacks of recipes that none has any more, to be let go of.
    pub(crate) fn assign_recipes(&mut self) -> Vec<Made> {
        let mut before = Vec::new();
        let dirty = std::mem::take(&mut self.endpoints.dirty);
        for key in &dirty {
            let now = self.present(key).map(|(_, recipe, _)| recipe);
            let had = self.endpoints.list.get(key).map(|present| present.recipe);
            if now != had {
                now.into_iter().for_each(|recipe| self.stacks.acquire(recipe));
                before.extend(had);
            }
            if let Some(recipe) = now {
                let id = self.endpoints.id(key);
                self.endpoints.list.insert(key.clone(), Present { id, recipe });
            }
        }
        self.endpoints.dirty = dirty;
        before.into_iter().filter_map(|recipe| self.stacks.release(&mut self.cluster, recipe)).collect()
    }

    /// Marks the endpoints of classes.
    pub(crate) fn mark(&mut self, classes: &[u32]) {
        for class in classes {
            for thing in self.cluster.index.things(*class) {
                let name = self.cluster.things.get(thing).name;
                self.endpoints.dirty.insert(self.cluster.names.key(name));
            }
        }
    }

    /// Brings the endpoints that may have changed into the Plan. The places of those removed are still taken.
    pub(crate) fn flush_endpoints(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        let mut dirty: Vec<Key> = self.endpoints.dirty.drain().collect();
        dirty.sort_unstable();
        let mut settled = Vec::new();
        for key in &dirty {
            let Some((thing, recipe, addresses)) = self.present(key) else {
                let id = self.endpoints.list.remove(key).and_then(|present| present.id);
                if let Some(endpoint) = id.and_then(|id| self.plan.endpoints.get(id)).cloned() {
                    let id = id.expect("just found");
                    release_addresses(&mut self.plan, id, &endpoint.addresses);
                    flushed.removed.push((id, Box::new(endpoint)));
                }
                continue;
            };
            let made = self.stacks.made(recipe);
            let thing = self.cluster.things.get(thing);
            let interface = match &thing.body {
                Body::Host(host) => host.interface.clone(),
                _ => None,
            };
            let endpoint = Endpoint {
                key: key.clone(),
                node: self.cluster.nodes.text(thing.node).into(),
                addresses,
                stacks: made.enforced,
                staged: made.staged,
                interface,
            };
            let id = match self.endpoints.id(key) {
                Some(id) => {
                    let before = self.plan.endpoints.get_mut(id).expect("an endpoint that is in the Plan");
                    if *before == endpoint {
                        continue;
                    }
                    let before = std::mem::replace(before, endpoint);
                    release_addresses(&mut self.plan, id, &before.addresses);
                    id
                }
                None => self.plan.endpoints.insert(endpoint),
            };
            self.endpoints.list.insert(key.clone(), Present { id: Some(id), recipe });
            flushed.put.push(id);
            settled.push((id, matches!(thing.body, Body::Pod { .. })));
        }
        for (id, _) in settled.into_iter().filter(|(_, is_pod)| *is_pod) {
            let addresses = self.plan.endpoints[id].addresses.iter();
            self.plan.pods.extend(addresses.map(|address| (*address, id)));
        }
        flushed
    }
}

/// Takes addresses from the endpoint that had them.
fn release_addresses(plan: &mut Plan, id: EndpointId, addresses: &[IpAddr]) {
    for address in addresses {
        if plan.pods.get(address) == Some(&id) {
            plan.pods.remove(address);
        }
    }
}
