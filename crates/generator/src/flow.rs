//! Flows through a cluster.

use crate::Shape;
use crate::address::family;
use crate::points::{Points, of_family};
use margay_api::{Family, Protocol};
use margay_spec::Flow;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// A flow not yet bound to a cluster: what kind of address and so on it takes, and by which number it chooses among those there are.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    family: Family,
    source: Site,
    destination: Site,
    transport: Transport,
    choice: u64,
}

/// What kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Pod,
    Node,
    NodeInternal,
    Outside,
    Edge,
    /// The same as the source.
    Source,
}

/// What kind of protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
    Sctp,
    Icmp,
    /// Any that a rule names, and some that none does.
    Other,
}

/// A flow not yet bound to a cluster.
pub(crate) fn seed() -> BoxedStrategy<Seed> {
    let source = prop_oneof![
        12 => Just(Site::Pod),
        2 => Just(Site::Outside),
        2 => Just(Site::Edge),
        2 => Just(Site::Node),
        1 => Just(Site::NodeInternal),
    ];
    let destination = prop_oneof![
        12 => Just(Site::Pod),
        2 => Just(Site::Outside),
        2 => Just(Site::Edge),
        2 => Just(Site::Node),
        1 => Just(Site::NodeInternal),
        1 => Just(Site::Source),
    ];
    let transport = prop_oneof![
        8 => Just(Transport::Tcp),
        4 => Just(Transport::Udp),
        2 => Just(Transport::Sctp),
        3 => Just(Transport::Icmp),
        2 => Just(Transport::Other),
    ];
    (family(), source, destination, transport, any::<u64>().no_shrink())
        .prop_map(|(family, source, destination, transport, choice)| Seed {
            family,
            source,
            destination,
            transport,
            choice,
        })
        .boxed()
}

impl Seed {
    /// The flow in a cluster with these points; `None` where there is no such flow, or the shape has none.
    pub(crate) fn bind(&self, points: &Points, shape: Shape) -> Option<Flow> {
        let src = self.choose("source", self.addresses(points, self.source))?;
        let others = self.addresses(points, self.destination).into_iter().filter(|address| *address != src);
        let dst = if self.destination == Site::Source { src } else { self.choose("destination", others)? };
        let protocol = match self.transport {
            Transport::Tcp => Protocol::TCP,
            Transport::Udp => Protocol::UDP,
            Transport::Sctp => Protocol::SCTP,
            Transport::Icmp if self.family == Family::V4 => Protocol::ICMP,
            Transport::Icmp => Protocol::ICMPV6,
            Transport::Other => Protocol(self.choose("protocol", points.protocols.iter().copied())?),
        };
        let mut flow = Flow::new(src, dst, protocol, 0, 0);
        if protocol.has_ports() {
            let ports = || points.ports.iter().copied().filter(|port| !shape.lab || *port > 0);
            flow.port = self.choose("port", ports())?;
            flow.source_port = self.choose("source port", ports().chain([40000]))?;
        }
        if matches!(protocol, Protocol::ICMP | Protocol::ICMPV6) {
            let requests = points.icmp.iter().copied().filter(|(kind, _)| !shape.lab || is_request(protocol, *kind));
            (flow.icmp_type, flow.icmp_code) = self.choose("icmp", requests)?;
        }
        (!shape.lab || is_real(&flow, points)).then_some(flow)
    }

    fn addresses(&self, points: &Points, site: Site) -> Vec<IpAddr> {
        of_family(
            match site {
                Site::Pod => &points.pods,
                Site::Node => &points.nodes,
                Site::NodeInternal => &points.node_internal,
                Site::Outside | Site::Source => &points.outside,
                Site::Edge => &points.edges,
            },
            self.family,
        )
    }

    /// The candidate of the least hash. The choice stays as long as the chosen one does, whatever else comes or goes: so a failing flow
    /// stays the same while the cluster around it shrinks.
    fn choose<T: Hash>(&self, salt: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
        candidates.into_iter().min_by_key(|candidate| {
            let mut hasher = DefaultHasher::new();
            (self.choice, salt, candidate).hash(&mut hasher);
            hasher.finish()
        })
    }
}

/// Whether connection tracking takes an ICMP packet of this type as the start of something: an echo, timestamp or node information request.
fn is_request(protocol: Protocol, kind: u8) -> bool {
    match protocol {
        Protocol::ICMP => matches!(kind, 8 | 13),
        _ => matches!(kind, 128 | 139),
    }
}

/// Whether network namespaces can carry it: two different addresses, one of a pod or node, each such that a host may send from it.
fn is_real(flow: &Flow, points: &Points) -> bool {
    let is_node = |address| points.nodes.contains(&address);
    let is_ours = |address| is_node(address) || points.pods.contains(&address);
    let both: BTreeSet<IpAddr> = [flow.src, flow.dst].into();
    both.len() == 2
        && both.iter().any(|address| is_ours(*address))
        && both
            .iter()
            .all(|address| is_ours(*address) || is_routable(*address) && !points.node_internal.contains(address))
        && flow.protocol().family().is_none_or(|family| family == flow.family())
        && flow.protocol > 0
}

/// Whether the address can be that of a host beyond the nodes' own link (which is 172.20.0.0/16 and fd00:20::/32).
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let [first, second, ..] = a.octets();
            !matches!(first, 0 | 127 | 224..) && (first, second) != (169, 254) && (first, second) != (172, 20)
        }
        IpAddr::V6(a) => {
            let global_or_local = matches!(a.segments()[0], 0x2000..=0x3fff | 0xfd00);
            global_or_local && a.segments()[..2] != [0xfd00, 0x20]
        }
    }
}
