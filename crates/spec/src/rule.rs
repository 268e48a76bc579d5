//! What a rule matches.

use crate::labels::{NAMESPACE, SERVICE_ACCOUNT, namespace_selector_matches, service_account_selector_matches};
use crate::policy::Policy;
use crate::thing::{Thing, What};
use crate::{Direction, Flow, World};
use margay_api::{
    Action, CalicoRule, ClusterPeer, ClusterPort, ClusterRule, EntityRule, IcmpMatch, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicyRule, PodMatch, PortMatch, Protocol, Readable, ServiceMatch,
};
use std::net::IpAddr;

/// A flow, with the things that have its addresses.
pub(crate) struct Scene<'w> {
    pub(crate) world: &'w World,
    pub(crate) flow: Flow,
    pub(crate) direction: Direction,
    pub(crate) source: Side<'w>,
    pub(crate) destination: Side<'w>,
}

/// One side of a flow.
#[derive(Clone)]
pub(crate) struct Side<'w> {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) things: Vec<&'w Thing>,
}

impl Side<'_> {
    /// Decision 12: some pod or host endpoint at the address has a port of that name, protocol and number.
    fn has_named_port(&self, name: &str, protocol: Protocol) -> bool {
        self.things.iter().any(|thing| thing.has_port(name, protocol.0, self.port))
    }

    /// Decision 12, where only pods count.
    fn of_pods(&self) -> Self {
        let is_pod = |thing: &&Thing| matches!(thing.what, What::Pod { .. });
        Self { things: self.things.iter().copied().filter(is_pod).collect(), ..*self }
    }
}

/// What a policy or profile does with the flow: the place and action of the first rule that matches and isn't Log.
pub(crate) type Hit = Option<(usize, Action)>;

impl Policy {
    /// What the policy does with the flow in the scene's direction.
    pub(crate) fn hit(&self, scene: &Scene<'_>) -> Hit {
        match self {
            Self::Kubernetes(policy) => {
                let namespace = policy.meta.key.namespace.as_str();
                let rules = pick(scene, &policy.ingress, &policy.egress);
                // Decision 15: an unreadable rule of this kind matches nothing.
                rules.iter().enumerate().find_map(|(index, rule)| match rule {
                    Readable::Rule(rule) if scene.kubernetes(rule, namespace) => Some((index, Action::Allow)),
                    _ => None,
                })
            }
            Self::Cluster(policy) => first(pick(scene, &policy.ingress, &policy.egress), |rule| {
                (Readable::Rule(rule.action), scene.cluster(rule))
            }),
            Self::Calico(policy) => {
                calico_hit(pick(scene, &policy.ingress, &policy.egress), &policy.meta.key.namespace, scene)
            }
        }
    }
}

/// What a list of rules of `projectcalico.org/v3` does with the flow; `namespace` is the policy's, empty where it has none.
pub(crate) fn calico_hit(rules: &[Readable<CalicoRule>], namespace: &str, scene: &Scene<'_>) -> Hit {
    first(rules, |rule| {
        // Decision 15: no data plane of today reads `http`.
        let action = if rule.http { Readable::Unreadable(Some(rule.action)) } else { Readable::Rule(rule.action) };
        (action, scene.calico(rule, namespace))
    })
}

/// The rules of the scene's direction.
pub(crate) fn pick<'r, R>(scene: &Scene<'_>, ingress: &'r [R], egress: &'r [R]) -> &'r [R] {
    match scene.direction {
        Direction::Ingress => ingress,
        Direction::Egress => egress,
    }
}

/// The first rule that decides. `read` gives a rule's action, if it can be read after all, and whether it matches.
fn first<R>(rules: &[Readable<R>], read: impl Fn(&R) -> (Readable<Action>, bool)) -> Hit {
    rules.iter().enumerate().find_map(|(index, rule)| {
        let (action, matches) = match rule {
            Readable::Rule(rule) => read(rule),
            Readable::Unreadable(action) => (Readable::Unreadable(*action), false),
        };
        match action {
            Readable::Rule(Action::Log) => None,
            Readable::Rule(action) => matches.then_some((index, action)),
            // Decision 15: Allow matches nothing, Log does nothing, everything else denies all.
            Readable::Unreadable(Some(Action::Allow | Action::Log)) => None,
            Readable::Unreadable(Some(Action::Deny | Action::Pass) | None) => Some((index, Action::Deny)),
        }
    })
}

impl Scene<'_> {
    /// The other end, as seen from the endpoint.
    fn peer(&self) -> &Side<'_> {
        match self.direction {
            Direction::Ingress => &self.source,
            Direction::Egress => &self.destination,
        }
    }

    fn kubernetes(&self, rule: &NetworkPolicyRule, namespace: &str) -> bool {
        let peer = self.peer();
        let peers = rule.peers.is_empty() || rule.peers.iter().any(|p| kubernetes_peer(p, namespace, peer));
        let ports = rule.ports.is_empty() || rule.ports.iter().any(|p| self.kubernetes_port(p));
        peers && ports
    }

    fn kubernetes_port(&self, port: &NetworkPolicyPort) -> bool {
        self.flow.protocol() == port.protocol
            && port
                .port
                .as_ref()
                .is_none_or(|port| port_matches(port, port_protocol(&self.flow), &self.destination.of_pods()))
    }

    fn cluster(&self, rule: &ClusterRule) -> bool {
        let peer = self.peer();
        let peers = rule.peers.iter().any(|p| match p {
            ClusterPeer::Pods(pods) => peer.things.iter().any(|thing| pod_matches(pods, thing)),
            ClusterPeer::Networks(nets) => nets.iter().any(|net| net.contains(peer.address)),
            // Decision 16.
            ClusterPeer::Nodes(selector) => self.world.node_with(selector, peer.address),
        });
        let protocol = self.flow.protocol();
        let ports = rule.ports.is_empty()
            || rule.ports.iter().any(|port| match port {
                ClusterPort::Number(of, low, high) => protocol == *of && (*low..=*high).contains(&self.flow.port),
                ClusterPort::Name(name) => self.destination.of_pods().has_named_port(name, protocol),
            });
        peers && ports
    }

    fn calico(&self, rule: &CalicoRule, namespace: &str) -> bool {
        let protocol = self.flow.protocol();
        // Decision 14: a protocol of one family implies that family.
        rule.family.is_none_or(|family| family == self.flow.family())
            && rule.protocol.is_none_or(|p| p == protocol && p.family().is_none_or(|f| f == self.flow.family()))
            && rule.not_protocol.is_none_or(|p| p != protocol)
            && rule.icmp.is_none_or(|icmp| self.is_icmp() && self.icmp(icmp))
            && rule.not_icmp.is_none_or(|icmp| self.is_icmp() && !self.icmp(icmp))
            && self.entity(&rule.source, &self.source, namespace, false)
            && self.entity(&rule.destination, &self.destination, namespace, true)
    }

    /// Whether the packet has a type and a code: ICMP over IPv4 or ICMPv6 over IPv6.
    pub(crate) fn is_icmp(&self) -> bool {
        self.flow.protocol().family() == Some(self.flow.family())
    }

    /// Decision 14: whether type, and code where given, are those.
    fn icmp(&self, icmp: IcmpMatch) -> bool {
        self.flow.icmp_type == icmp.kind && icmp.code.is_none_or(|code| self.flow.icmp_code == code)
    }

    /// Decisions 11 to 13.
    fn entity(&self, entity: &EntityRule, side: &Side<'_>, namespace: &str, destination: bool) -> bool {
        let protocol = port_protocol(&self.flow);
        let some_net = |nets: &[margay_api::Prefix]| nets.iter().any(|net| net.contains(side.address));
        let some_port = |ports: &[PortMatch]| ports.iter().any(|port| port_matches(port, protocol, side));
        let some_thing = |selector: &margay_api::Selector| side.things.iter().any(|t| selector.matches(&t.labels));

        (entity.nets.is_empty() || some_net(&entity.nets))
            && !some_net(&entity.not_nets)
            && (!is_positive(entity, namespace) || side.things.iter().any(|t| positive(entity, namespace, t)))
            && !entity.not_selector.as_ref().is_some_and(some_thing)
            && (entity.ports.is_empty() || some_port(&entity.ports))
            && !some_port(&entity.not_ports)
            && entity.service.as_ref().is_none_or(|service| self.service(service, side, destination))
    }

    /// Decision 13.
    fn service(&self, service: &ServiceMatch, side: &Side<'_>, destination: bool) -> bool {
        self.world.slices_of(service).any(|slice| {
            let ports = slice.ports.iter().any(|p| {
                p.protocol == self.flow.protocol() && p.protocol.has_ports() && p.port == Some(self.flow.port)
            });
            slice.addresses.contains(&side.address) && (ports || !destination)
        })
    }
}

fn kubernetes_peer(peer: &NetworkPolicyPeer, home: &str, side: &Side<'_>) -> bool {
    match peer {
        NetworkPolicyPeer::Block { cidr, except } => {
            cidr.contains(side.address) && !except.iter().any(|net| net.contains(side.address))
        }
        NetworkPolicyPeer::Pods { namespaces, pods } => side.things.iter().any(|thing| match &thing.what {
            What::Pod { .. } => {
                let in_namespace = match namespaces {
                    Some(selector) => namespace_selector_matches(selector, &thing.labels),
                    None => thing.key.namespace == home,
                };
                in_namespace && pods.as_ref().is_none_or(|selector| selector.matches(&thing.labels))
            }
            _ => false,
        }),
    }
}

/// Decision 4.
fn pod_matches(pods: &PodMatch, thing: &Thing) -> bool {
    match &thing.what {
        What::Pod { .. } => {
            namespace_selector_matches(&pods.namespaces, &thing.labels) && pods.pods.matches(&thing.labels)
        }
        _ => false,
    }
}

/// The flow's protocol, where it is one whose ports rules speak of.
fn port_protocol(flow: &Flow) -> Option<Protocol> {
    Some(flow.protocol()).filter(|protocol| protocol.has_ports())
}

/// Decision 12.
fn port_matches(port: &PortMatch, protocol: Option<Protocol>, side: &Side<'_>) -> bool {
    protocol.is_some_and(|protocol| match port {
        PortMatch::Range(low, high) => (*low..=*high).contains(&side.port),
        PortMatch::Name(name) => side.has_named_port(name, protocol),
    })
}

/// Decision 11: whether a rule's entity is read as within the policy's own namespace.
fn at_home(entity: &EntityRule, namespace: &str) -> bool {
    let selects = entity.selector.is_some() || entity.not_selector.is_some() || entity.service_accounts.is_some();
    !namespace.is_empty() && selects && entity.namespace_selector.is_none()
}

/// Decision 11: whether the address must be that of a thing.
fn is_positive(entity: &EntityRule, namespace: &str) -> bool {
    entity.selector.is_some()
        || entity.namespace_selector.is_some()
        || entity.service_accounts.is_some()
        || at_home(entity, namespace)
}

/// Decision 11: whether the thing is what the positive selector asks for.
fn positive(entity: &EntityRule, namespace: &str, thing: &Thing) -> bool {
    let label = |key: &str| thing.labels.0.get(key).map(String::as_str);
    entity.selector.as_ref().is_none_or(|s| s.matches(&thing.labels))
        && entity.namespace_selector.as_ref().is_none_or(|s| namespace_selector_matches(s, &thing.labels))
        && entity.service_accounts.as_ref().is_none_or(|accounts| {
            let name = label(SERVICE_ACCOUNT);
            name.is_some_and(|name| accounts.names.is_empty() || accounts.names.iter().any(|n| n == name))
                && accounts.selector.as_ref().is_none_or(|s| service_account_selector_matches(s, &thing.labels))
        })
        && (!at_home(entity, namespace) || label(NAMESPACE) == Some(namespace))
}
