//! Load balancing with direct server return, as a layer of the sender's port: LB_DSR.

use crate::flow::{FlowKey, TTL};
use crate::object::{LoadBalancer, PortMapping, State};
use crate::{Direction, Packet};
use margay_hcn::Guid;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

/// An address and a port.
type End = (IpAddr, u16);

/// Connections that were sent to a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balanced {
    /// Where packets to a service go, and until when that holds.
    there: FxHashMap<FlowKey, (End, Duration)>,
    /// Which service packets of a backend come from.
    back: FxHashMap<FlowKey, (End, Duration)>,
}

/// The most connections that are remembered.
const MOST: usize = 100_000;

/// What load balancing makes of a packet that is sent.
pub(crate) struct Choice {
    pub(crate) packet: Packet,
    /// Whether the source is the sender's own: without direct server return it is the host's \[FIELD\].
    pub(crate) direct: bool,
}

impl Balanced {
    /// What comes from a backend gets the address of the service back.
    pub(crate) fn restore(&mut self, packet: &Packet, now: Duration) -> Packet {
        match self.back.get_mut(&FlowKey::of(Direction::In, packet)) {
            Some((service, expires)) if *expires > now => {
                *expires = now + TTL;
                Packet { source: service.0, source_port: service.1, ..*packet }
            }
            _ => *packet,
        }
    }

    /// Where the connection of a packet went before.
    fn known(&self, packet: &Packet, now: Duration) -> Option<End> {
        let (end, expires) = self.there.get(&FlowKey::of(Direction::Out, packet))?;
        (*expires > now).then_some(*end)
    }

    fn remember(&mut self, packet: &Packet, sent: &Packet, now: Duration) {
        if self.there.len() >= MOST {
            self.there.retain(|_, (_, expires)| *expires > now);
            self.back.retain(|_, (_, expires)| *expires > now);
        }
        if self.there.len() < MOST {
            let (backend, service) =
                ((sent.destination, sent.destination_port), (packet.destination, packet.destination_port));
            self.there.insert(FlowKey::of(Direction::Out, packet), (backend, now + TTL));
            self.back.insert(FlowKey::of(Direction::In, &sent.reply()), (service, now + TTL));
        }
    }
}

impl State {
    /// What a packet becomes that an endpoint sends; `None` where it goes to no service. A service without backends leaves it as it is.
    pub(crate) fn balance(&mut self, from: Guid, packet: &Packet, now: Duration) -> Option<Choice> {
        let (balancer, mapping) = self.balancer_of(packet)?;
        let direct = balancer.flags & 1 != 0;
        let backends: Vec<IpAddr> = balancer.endpoints.iter().filter_map(|id| self.backend(*id, packet)).collect();
        let mapping = mapping.clone();
        let balanced = &mut self.ports.get_mut(&from)?.balanced;
        let still_there = |end: &End| backends.contains(&end.0);
        let (address, port) = match balanced.known(packet, now).filter(still_there) {
            Some(end) => end,
            None if backends.is_empty() => return None,
            None => (backends[spread(packet, mapping.distribution) as usize % backends.len()], mapping.internal),
        };
        let sent = Packet { destination: address, destination_port: port, ..*packet };
        balanced.remember(packet, &sent, now);
        Some(Choice { packet: sent, direct })
    }

    fn balancer_of(&self, packet: &Packet) -> Option<(&LoadBalancer, &PortMapping)> {
        self.balancers.values().filter(|balancer| balancer.vips.contains(&packet.destination)).find_map(|balancer| {
            let is = |m: &&PortMapping| m.protocol == packet.protocol.0 && m.external == packet.destination_port;
            Some((balancer, balancer.mappings.iter().find(is)?))
        })
    }

    /// The address of a backend in the family of a packet.
    fn backend(&self, endpoint: Guid, packet: &Packet) -> Option<IpAddr> {
        let addresses = self.endpoints.get(&endpoint)?.addresses.iter().map(|configuration| configuration.address);
        addresses.into_iter().find(|address| address.is_ipv4() == packet.destination.is_ipv4())
    }
}

/// A number that is the same for packets that go to the same backend: by five-tuple, by source and protocol, by source \[MS\].
fn spread(packet: &Packet, distribution: u64) -> u64 {
    let mut hasher = FxHasher::default();
    packet.source.hash(&mut hasher);
    if distribution < 2 {
        packet.protocol.hash(&mut hasher);
    }
    if distribution == 0 {
        (packet.destination, packet.source_port, packet.destination_port).hash(&mut hasher);
    }
    hasher.finish() >> 16
}
