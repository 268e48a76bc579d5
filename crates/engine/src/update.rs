//! Updates: from resources to compact form.

use crate::Engine;
use crate::index::{Kind as ThingKind, ParentKind};
use crate::policy::Effects;
use crate::service::Effect;
use crate::thing::{Addresses, Body, Host, Thing, distinct};
use margay_api::{HostEndpoint, Key, Kind, NamedPort, NetworkSet, Node, Object, Pod, Profile, Update};
use margay_policy::convert;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// A thing that is to be what a key names.
struct New<'a> {
    kind: ThingKind,
    parents: Vec<u32>,
    own: Vec<u32>,
    node: &'a str,
    ports: &'a [NamedPort],
    body: Body,
}

impl Engine {
    /// Takes an update in: the value of a key, or that it is gone. Values may be repeated; of one key the last counts. An object under the key of
    /// another kind is as if it were gone.
    pub fn update(&mut self, key: &Key, value: Option<&Object>) {
        let value = value.filter(|object| object.key() == key);
        macro_rules! value {
            ($kind:ident) => {
                match value {
                    Some(Object::$kind(object)) => Some(object),
                    _ => None,
                }
            };
        }
        match key.kind {
            Kind::Namespace => self.set_namespace(&key.name, value!(Namespace).map(|o| labels(&o.meta.labels))),
            Kind::ServiceAccount => {
                let labels = value!(ServiceAccount).map(|o| labels(&o.meta.labels));
                self.cluster.index.set_account(&key.namespace, &key.name, labels);
                self.take_events();
            }
            Kind::Pod => self.set_pod(key, value!(Pod)),
            Kind::HostEndpoint => self.set_host(key, value!(HostEndpoint)),
            Kind::NetworkSet | Kind::GlobalNetworkSet => self.set_network_set(key, value!(NetworkSet)),
            Kind::Node => self.set_node(key, value!(Node)),
            Kind::Service => {
                let effects = self.cluster.services.set_service(key, value!(Service).is_some());
                self.tell(effects);
            }
            Kind::EndpointSlice => {
                let effects = self.cluster.services.set_slice(key, value!(EndpointSlice));
                self.tell(effects);
            }
            Kind::Tier => {
                let entries = self.policies.set_tier(&self.cluster, &key.name, value!(Tier));
                self.stacked_anew(Effects { restack: entries, ..Effects::default() });
            }
            Kind::Profile => self.set_profile(key, value!(Profile)),
            Kind::NetworkPolicy
            | Kind::ClusterNetworkPolicy
            | Kind::AdminNetworkPolicy
            | Kind::BaselineAdminNetworkPolicy
            | Kind::CalicoNetworkPolicy
            | Kind::GlobalNetworkPolicy
            | Kind::StagedNetworkPolicy
            | Kind::StagedGlobalNetworkPolicy
            | Kind::StagedKubernetesNetworkPolicy => {
                let policy = value.and_then(convert::policy);
                let effects = self.policies.set(&mut self.cluster, key, policy.as_ref());
                self.stacked_anew(effects);
            }
        }
    }

    /// Takes an update of a source in: see [`Engine::update`].
    pub fn take(&mut self, update: &Update) {
        self.update(&update.key, update.value.as_deref());
    }

    fn set_namespace<'a>(&mut self, name: &str, labels: Option<impl Iterator<Item = (&'a str, &'a str)>>) {
        let flipped = self.cluster.index.set_namespace(name, labels);
        self.take_events();
        if flipped {
            // What is behind the last tier of its pods, and a profile of host endpoints.
            self.restack_children(ParentKind::Namespace, name);
            self.restack_children(ParentKind::Profile, &format_smolstr!("kns.{name}"));
        }
    }

    fn set_profile(&mut self, key: &Key, profile: Option<&Profile>) {
        if crate::policy::exists_by_itself(&key.name) {
            return;
        }
        self.cluster.index.set_profile(&key.name, profile.map(|profile| labels(&profile.labels)));
        self.take_events();
        let rules = profile.map(convert::profile);
        if self.policies.set_profile(&mut self.cluster, key, rules.as_ref()) {
            self.restack_children(ParentKind::Profile, &key.name);
        }
    }

    fn restack_children(&mut self, kind: ParentKind, name: &str) {
        let index = &self.cluster.index;
        let Some(parent) = index.find_parent(kind, name) else { return };
        let local = index.children(parent).filter(|class| index.kind(*class).is_local());
        local.for_each(|class| self.stacks.restack_class(class));
    }

    fn stacked_anew(&mut self, effects: Effects) {
        for entry in effects.restack {
            self.stacks.restack(&self.cluster.index.ids, entry);
        }
        effects.classes.into_iter().for_each(|class| self.stacks.rematch(class));
    }

    fn tell(&mut self, effects: Vec<Effect>) {
        for Effect { set, member, add } in effects {
            self.policies.sets.tell(&mut self.plan, set, member, add);
        }
    }

    /// Brings what changed between classes and entries into sets and stacks.
    fn take_events(&mut self) {
        for event in std::mem::take(&mut self.cluster.index.events) {
            let index = &self.cluster.index;
            for thing in index.things(event.class) {
                self.policies.sets.tell_entry(&self.cluster, &mut self.plan, event.entry, thing, event.matches);
            }
            if index.is_subject(event.entry) {
                self.stacks.rematch(event.class);
            }
        }
    }

    fn set_pod(&mut self, key: &Key, pod: Option<&Pod>) {
        // A pod without an address is like none; one that is over, or in its node's network, never has one of its own (8).
        let pod = pod.filter(|pod| !(pod.terminal || pod.host_network || pod.addresses.is_empty()));
        let new = pod.map(|pod| {
            let mut own = self.own_labels(&pod.meta.labels, true);
            own.extend(self.cluster.index.pod_labels(&pod.service_account));
            let kind = if self.scope.has(&pod.node) { ThingKind::LocalPod } else { ThingKind::RemotePod };
            New {
                kind,
                parents: vec![self.cluster.index.parent(ParentKind::Namespace, &key.namespace)],
                own,
                node: &pod.node,
                ports: &pod.ports,
                body: Body::Pod { addresses: Addresses::new(&pod.addresses), created: pod.meta.created },
            }
        });
        self.set_thing(key, new);
    }

    fn set_host(&mut self, key: &Key, host: Option<&HostEndpoint>) {
        let new = host.map(|host| {
            let kind = if self.scope.has(&host.node) { ThingKind::LocalHost } else { ThingKind::RemoteHost };
            let mut parents: Vec<u32> = Vec::new();
            for profile in host.profiles.iter().take(usize::from(u16::MAX)) {
                let parent = self.cluster.index.parent(ParentKind::Profile, profile);
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
            let addresses = distinct(&host.expected_ips);
            New {
                kind,
                parents,
                own: self.own_labels(&host.meta.labels, false),
                node: &host.node,
                ports: &host.ports,
                body: Body::Host(Box::new(Host { addresses, interface: host.interface.clone() })),
            }
        });
        self.set_thing(key, new);
    }

    fn set_network_set(&mut self, key: &Key, set: Option<&NetworkSet>) {
        let new = set.map(|set| {
            let namespaced = key.kind == Kind::NetworkSet;
            let namespace = namespaced.then(|| self.cluster.index.parent(ParentKind::Namespace, &key.namespace));
            New {
                kind: ThingKind::NetworkSet,
                parents: namespace.into_iter().collect(),
                own: self.own_labels(&set.meta.labels, namespaced),
                node: "",
                ports: &[],
                body: Body::NetworkSet(set.nets.as_slice().into()),
            }
        });
        self.set_thing(key, new);
    }

    fn set_node(&mut self, key: &Key, node: Option<&Node>) {
        self.nodes.set(&key.name, node);
        self.routes.set(&key.name, node);
        let new = node.map(|node| New {
            kind: ThingKind::Node,
            parents: Vec::new(),
            own: self.own_labels(&node.meta.labels, false),
            node: "",
            ports: &[],
            body: Body::Node(distinct(&node.addresses)),
        });
        self.set_thing(key, new);
    }

    /// A thing's own labels as pairs; those that only the system gives are left out where they would be believed (1).
    fn own_labels(&mut self, labels: &[(SmolStr, SmolStr)], namespaced: bool) -> Vec<u32> {
        let believed = labels.iter().filter(|(key, _)| !(namespaced && convert::is_reserved(key)));
        believed.map(|(key, value)| self.cluster.index.labels.pair(key, value)).collect()
    }

    fn set_thing(&mut self, key: &Key, new: Option<New<'_>>) {
        let Some(new) = new else {
            return self.cluster.names.find(key).into_iter().for_each(|id| self.remove_thing(key, id));
        };
        let (name, old) = self.cluster.names.enter(key);
        let thing = Thing { name, ..self.thing(new) };
        let Some(id) = old else {
            let id = self.cluster.things.list.insert(thing);
            self.cluster.names.set_place(name, id);
            self.settle(key, id);
            return self.note_host(id);
        };
        let old = self.cluster.things.get(id);
        if (&old.body, old.ports, old.node) == (&thing.body, thing.ports, thing.node) {
            self.move_thing(key, id, thing);
        } else {
            self.replace_thing(key, id, thing);
        }
    }

    /// A thing in compact form. It holds its ports and node; its class is there, but it is not in it yet.
    fn thing(&mut self, new: New<'_>) -> Thing {
        let index = &mut self.cluster.index;
        let own = index.labels.sort(new.own);
        let class = index.class(new.kind, &new.parents, own);
        let ports = self.cluster.things.ports.intern(new.ports);
        Thing { name: 0, class, node: self.cluster.nodes.intern(0, new.node), ports, body: new.body }
    }

    /// A thing whose labels alone may have changed.
    fn move_thing(&mut self, key: &Key, id: u32, new: Thing) {
        self.cluster.things.ports.release(new.ports);
        self.cluster.nodes.release(new.node);
        let before = self.cluster.things.get(id).class;
        if before == new.class {
            return;
        }
        let index = &self.cluster.index;
        let (mut old, mut now) = (index.matches(before).peekable(), index.matches(new.class).peekable());
        loop {
            let (entry, add) = match (old.peek(), now.peek()) {
                (Some(a), Some(b)) if a == b => {
                    old.next();
                    now.next();
                    continue;
                }
                (Some(a), Some(b)) if a > b => (*b, true),
                (Some(a), _) => (*a, false),
                (None, Some(b)) => (*b, true),
                (None, None) => break,
            };
            if add {
                now.next()
            } else {
                old.next()
            };
            self.policies.sets.tell_entry(&self.cluster, &mut self.plan, entry, id, add);
        }
        drop((old, now));
        self.cluster.things.list.get_mut(id).expect("a thing that is there").class = new.class;
        self.join(key, id);
        self.leave(key, before, id);
    }

    fn replace_thing(&mut self, key: &Key, id: u32, new: Thing) {
        self.unsettle(id);
        let old = self.cluster.things.list.get_mut(id).expect("a thing that is there");
        let old = std::mem::replace(old, new);
        // The new class first: it may be the old one.
        self.settle(key, id);
        self.note_host(id);
        self.cluster.things.ports.release(old.ports);
        self.cluster.nodes.release(old.node);
        if old.class != self.cluster.things.get(id).class {
            self.leave(key, old.class, id);
        }
    }

    fn remove_thing(&mut self, key: &Key, id: u32) {
        self.unsettle(id);
        let Some(thing) = self.cluster.things.list.remove(id) else { return };
        self.leave(key, thing.class, id);
        self.nodes.set_host(id, None);
        self.cluster.names.remove(thing.name);
        self.cluster.things.ports.release(thing.ports);
        self.cluster.nodes.release(thing.node);
    }

    /// Tells the nodes of a host endpoint that is new, or has another node, interface or addresses.
    fn note_host(&mut self, id: u32) {
        let thing = self.cluster.things.get(id);
        let node = (self.cluster.index.kind(thing.class) == ThingKind::LocalHost).then_some(thing.node);
        self.nodes.set_host(id, node.map(|node| self.cluster.nodes.text(node)));
    }

    /// Gives a thing its addresses, and puts it in its class and its class's sets.
    fn settle(&mut self, key: &Key, id: u32) {
        for address in self.pod_addresses(id).iter().flat_map(Addresses::iter) {
            if self.cluster.claim(id, address) {
                self.nodes.touch(address);
            } else if self.cluster.owner(address) == Some(id)
                && let Some(loser) = self.cluster.owner_but(address, id)
            {
                self.tell_address(loser, address, false);
            }
        }
        self.join(key, id);
        self.tell_thing(id, true);
    }

    /// Takes a thing out of its sets, and its addresses from it.
    fn unsettle(&mut self, id: u32) {
        self.tell_thing(id, false);
        for address in self.pod_addresses(id).iter().flat_map(Addresses::iter) {
            let was_its = self.cluster.owner(address) == Some(id);
            if self.cluster.unclaim(id, address) {
                self.nodes.touch(address);
            } else if was_its && let Some(heir) = self.cluster.owner(address) {
                self.tell_address(heir, address, true);
            }
        }
    }

    fn pod_addresses(&self, id: u32) -> Option<Addresses> {
        match &self.cluster.things.get(id).body {
            Body::Pod { addresses, .. } => Some(addresses.clone()),
            Body::Host(_) | Body::NetworkSet(_) | Body::Node(_) => None,
        }
    }

    fn tell_thing(&mut self, id: u32, add: bool) {
        for entry in self.cluster.index.matches(self.cluster.things.get(id).class) {
            self.policies.sets.tell_entry(&self.cluster, &mut self.plan, entry, id, add);
        }
    }

    /// A pod got an address from another that claims it too, or lost it to that.
    fn tell_address(&mut self, pod: u32, address: IpAddr, add: bool) {
        self.policies.sets.tell_address(&self.cluster, &mut self.plan, pod, address, add);
        let thing = self.cluster.things.get(pod);
        if self.cluster.index.kind(thing.class).is_local() {
            self.endpoints.dirty.insert(self.cluster.names.key(thing.name));
        }
    }

    fn join(&mut self, key: &Key, id: u32) {
        let thing = self.cluster.things.get(id);
        let kind = self.cluster.index.kind(thing.class);
        self.cluster.index.join(thing.class, id);
        if kind.is_local() {
            self.endpoints.dirty.insert(key.clone());
            if self.stacks.recipe(thing.class).is_none() {
                self.stacks.rematch(thing.class);
            }
        }
    }

    fn leave(&mut self, key: &Key, class: u32, id: u32) {
        let kind = self.cluster.index.kind(class);
        if kind.is_local() {
            self.endpoints.dirty.insert(key.clone());
        }
        if self.cluster.index.leave(class, id) && kind.is_local() {
            self.stacks.drop_class(&mut self.cluster, class);
        }
    }
}

fn labels(labels: &[(SmolStr, SmolStr)]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}
