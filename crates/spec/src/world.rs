//! A cluster's resources, and the way of a packet through them.

use crate::host::host_end;
use crate::policy::{Policy, Tier};
use crate::rule::{Scene, Side};
use crate::thing::{Thing, What, things};
use crate::walk::{ActiveTier, pod_profile, tiers};
use crate::{Always, Attribution, Direction, End, Flow, HostEnd, Verdict};
use margay_api::{EndpointSlice, Key, Kind, Node, Object, Profile, Protocol, Selector, ServiceMatch};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is set beside the resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What becomes of a pod's traffic to its own node once its egress policy allows it (decision 19).
    pub endpoint_to_host: EndpointToHost,
    /// Evaluate the staged set of policies in the place of the enforced one (decision 24).
    pub staged: bool,
}

/// `endpointToHostAction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointToHost {
    /// Let it through.
    #[default]
    Accept,
    /// Drop it.
    Drop,
}

/// A cluster as its resources say, ready to answer about flows.
pub struct World {
    settings: Settings,
    objects: BTreeMap<Key, Object>,
    things: Vec<Thing>,
    tiers: Vec<Tier>,
    /// For each pod, by key: the places (tier, policy) of the policies that apply to it in each direction.
    selected: BTreeMap<(Key, Direction), Vec<(usize, usize)>>,
}

/// Where an address is.
enum Place<'w> {
    Pod { thing: &'w Thing, node: Option<&'w Node> },
    Node(&'w Node),
    External,
}

impl<'w> Place<'w> {
    /// The node that a packet leaves from or comes to.
    fn node(&self) -> Option<&'w Node> {
        match self {
            Self::Pod { node, .. } => *node,
            Self::Node(node) => Some(node),
            Self::External => None,
        }
    }

    fn is_node(&self) -> bool {
        matches!(self, Self::Node(_))
    }
}

impl World {
    /// The cluster of these resources; of a key that comes twice, the later value.
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o Object>, settings: Settings) -> Self {
        let objects: BTreeMap<Key, Object> = objects.into_iter().map(|o| (o.key().clone(), o.clone())).collect();
        let things = things(&objects);
        let tiers = crate::policy::tiers(&objects, settings.staged);
        let mut selected = BTreeMap::new();
        for thing in &things {
            for direction in [Direction::Ingress, Direction::Egress] {
                let mut places = Vec::new();
                for (t, tier) in tiers.iter().enumerate() {
                    let apply = |(_, policy): &(usize, &Policy)| policy.applies(thing, direction);
                    places.extend(tier.policies.iter().enumerate().filter(apply).map(|(p, _)| (t, p)));
                }
                selected.insert((thing.key.clone(), direction), places);
            }
        }
        Self { settings, objects, things, tiers, selected }
    }

    /// What becomes of the flow (decision 21).
    pub fn verdict(&self, flow: &Flow) -> Verdict {
        let flow = &flow.canonical();
        let (from, to) = (self.place(flow.src), self.place(flow.dst));
        let egress = self.end(flow.src, Direction::Egress, flow);
        let ingress = self.end(flow.dst, Direction::Ingress, flow);
        let mut host = Vec::new();
        let mut meet = |node: &Node, direction, local| {
            if let Some(end) = host_end(self, node, local, &self.scene(flow, direction)) {
                host.push(HostEnd { node: node.meta.key.name.to_string(), direction, end });
            }
        };
        // Out of the sender's node, then into the receiver's, unless they are the same.
        let same = |a: Option<&Node>, b: Option<&Node>| a.zip(b).is_some_and(|(a, b)| a.meta.key == b.meta.key);
        if !same(from.node(), to.node()) {
            if let Some(node) = from.node() {
                meet(node, Direction::Egress, from.is_node());
            }
            if let Some(node) = to.node() {
                meet(node, Direction::Ingress, to.is_node());
            }
        }
        let ends = egress.iter().chain(&ingress).chain(host.iter().map(|h| &h.end));
        let allow = ends.into_iter().all(|end| end.allow);
        Verdict { egress, ingress, host, allow }
    }

    /// What the pod that has the address says of the flow; `None` when no pod has it. The address is the flow's source on egress, and its
    /// destination on ingress.
    pub fn end(&self, address: IpAddr, direction: Direction, flow: &Flow) -> Option<End> {
        let flow = &flow.canonical();
        let Place::Pod { thing, node } = self.place(address.to_canonical()) else { return None };
        let always = |why| Some(End::allow(Attribution::Always(why)));
        let scene = self.scene(flow, direction);
        // Decision 18.
        if flow.src == flow.dst {
            return always(Always::Itself);
        }
        if scene.is_neighbour_discovery() {
            return always(Always::NeighbourDiscovery);
        }
        let of_own_node = |place| match (place, node) {
            (Place::Node(other), Some(node)) => other.meta.key == node.meta.key,
            _ => false,
        };
        if direction == Direction::Ingress && of_own_node(self.place(flow.src)) {
            return always(Always::OwnNode);
        }
        let active = self.active(thing, direction, |_| true);
        let end = tiers(&active, true, &scene).unwrap_or_else(|| pod_profile(&thing.key.namespace, &scene));
        // Decision 19.
        let to_own_node = direction == Direction::Egress && of_own_node(self.place(flow.dst));
        if end.allow && to_own_node && self.settings.endpoint_to_host == EndpointToHost::Drop {
            return Some(End::deny(Attribution::EndpointToHost));
        }
        Some(end)
    }

    /// The tiers that take part for a thing in a direction, when only the policies that `keep` names count.
    pub(crate) fn active(
        &self,
        thing: &Thing,
        direction: Direction,
        keep: impl Fn(&Policy) -> bool,
    ) -> Vec<ActiveTier<'_>> {
        let mut active: Vec<ActiveTier<'_>> = Vec::new();
        let places = self.selected.get(&(thing.key.clone(), direction)).map(Vec::as_slice).unwrap_or_default();
        for (tier, policy) in places.iter().map(|(t, p)| (&self.tiers[*t], &self.tiers[*t].policies[*p])) {
            if !keep(policy) {
                continue;
            }
            match active.last_mut().filter(|last| last.name == tier.name) {
                Some(last) => last.policies.push(policy),
                None => active.push(ActiveTier { name: &tier.name, default: tier.default, policies: vec![policy] }),
            }
        }
        active
    }

    fn scene(&self, flow: &Flow, direction: Direction) -> Scene<'_> {
        let side =
            |address, port| Side { address, port, things: self.things.iter().filter(|t| t.has(address)).collect() };
        Scene {
            world: self,
            flow: *flow,
            direction,
            source: side(flow.src, flow.source_port),
            destination: side(flow.dst, flow.port),
        }
    }

    /// Where an address is: with the pod that has it, else the node that has it, else outside.
    fn place(&self, address: IpAddr) -> Place<'_> {
        for thing in self.things.iter().filter(|thing| thing.has(address)) {
            if let What::Pod { node, .. } = &thing.what {
                return Place::Pod { thing, node: self.nodes().find(|n| n.meta.key.name == *node) };
            }
        }
        match self.nodes().find(|node| node.own_addresses().any(|a| a == address)) {
            Some(node) => Place::Node(node),
            None => Place::External,
        }
    }

    pub(crate) fn things(&self) -> &[Thing] {
        &self.things
    }

    pub(crate) fn exists(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.objects.contains_key(&Key { kind, namespace: namespace.into(), name: name.into() })
    }

    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        match self.objects.get(&Key { kind: Kind::Profile, namespace: "".into(), name: name.into() })? {
            Object::Profile(profile) if !crate::labels::exists_by_itself(name) => Some(profile),
            _ => None,
        }
    }

    /// Decision 16: whether the address is one of `status.addresses` of a node that the selector matches.
    pub(crate) fn node_with(&self, selector: &Selector, address: IpAddr) -> bool {
        self.nodes()
            .any(|node| node.addresses.contains(&address) && selector.matches(&crate::labels::own_labels(&node.meta)))
    }

    /// Decision 13: the slices of a service; none where it doesn't exist.
    pub(crate) fn slices_of(&self, service: &ServiceMatch) -> impl Iterator<Item = &EndpointSlice> {
        let exists = self.exists(Kind::Service, &service.namespace, &service.name);
        self.objects.values().filter(move |_| exists).filter_map(move |object| match object {
            Object::EndpointSlice(slice) => {
                Some(slice).filter(|s| s.meta.key.namespace == service.namespace && s.service == service.name)
            }
            _ => None,
        })
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.objects.values().filter_map(|object| match object {
            Object::Node(node) => Some(node),
            _ => None,
        })
    }
}

impl Scene<'_> {
    /// Decision 18: neighbour discovery and multicast listener messages of ICMPv6.
    pub(crate) fn is_neighbour_discovery(&self) -> bool {
        self.flow.protocol() == Protocol::ICMPV6 && self.is_icmp() && matches!(self.flow.icmp_type, 130..=136 | 143)
    }
}
