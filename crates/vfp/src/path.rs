//! The whole way of a packet: out of one port, into another.
//!
//! Out: LB_DSR → ACLs → encapsulation. In: decapsulation → ACLs → the service's address back. Whether ACLs come before or after load balancing is a
//! knob \[UNK, the default INF\]; layers are traversed in opposite order in the two directions \[MS: the VFP paper\].

use crate::emulator::{Emulator, NO_PORT};
use crate::knobs::LayerOrder;
use crate::object::{Endpoint, State};
use crate::{Decision, Direction, Packet};
use margay_hcn::Guid;
use margay_net::Prefix;
use std::net::IpAddr;
use std::time::Duration;

/// What became of a packet at the port that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What its rules said.
    pub decision: Decision,
    /// As it leaves the port, load balancing done.
    pub packet: Packet,
    /// Where it goes, unless it was dropped.
    pub exit: Option<Exit>,
}

/// Where a packet goes that has left its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// To another endpoint of this host.
    Local(Guid),
    /// To another host, in a packet of its own.
    Encapsulated(Encapsulation),
    /// Onto the wire as it is; or with the host's address, where OutBoundNAT says so.
    Wire {
        /// Whether its source becomes the host's.
        source_nat: bool,
    },
}

/// What is put around a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encapsulation {
    /// The host that it goes to.
    pub provider_address: Option<IpAddr>,
    /// The virtual subnet (VNI).
    pub isolation_id: Option<u64>,
    /// The MAC address of the distributed router there.
    pub mac: Option<String>,
}

/// What became of a packet on its whole way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// At the port that sent it.
    pub sent: Sent,
    /// At the port that it came to, on this host: which, what its rules said, and the packet as the container sees it.
    pub received: Option<(Guid, Decision, Packet)>,
}

impl Delivery {
    /// Whether it left its port, and entered the other if that is on this host.
    pub fn arrived(&self) -> bool {
        self.sent.decision.allowed() && self.received.as_ref().is_none_or(|(_, decision, _)| decision.allowed())
    }
}

impl Emulator {
    /// An endpoint sends a packet.
    pub fn send(&self, from: Guid, packet: &Packet) -> Sent {
        let now = self.clock().now();
        self.state().send(from, packet, now)
    }

    /// A packet comes to an endpoint, decapsulated. Gives what its rules say, and the packet as the container sees it.
    pub fn receive(&self, to: Guid, packet: &Packet) -> (Decision, Packet) {
        let now = self.clock().now();
        self.state().receive(to, packet, now)
    }

    /// An endpoint sends a packet, and where it goes to another endpoint of this host, that receives it.
    pub fn deliver(&self, from: Guid, packet: &Packet) -> Delivery {
        let now = self.clock().now();
        let mut state = self.state();
        let sent = state.send(from, packet, now);
        let received = match sent.exit {
            Some(Exit::Local(to)) => {
                let (decision, packet) = state.receive(to, &sent.packet, now);
                Some((to, decision, packet))
            }
            _ => None,
        };
        Delivery { sent, received }
    }
}

impl State {
    fn send(&mut self, from: Guid, packet: &Packet, now: Duration) -> Sent {
        let choice = if self.is_attached(from) { self.balance(from, packet, now) } else { None };
        let (balanced, direct) = choice.map_or((*packet, true), |choice| (choice.packet, choice.direct));
        let seen = match self.knobs().layer_order {
            LayerOrder::BalanceFirst => &balanced,
            LayerOrder::AclFirst => packet,
        };
        let decision = self.process(from, Direction::Out, seen, 0, now);
        let exit = decision.allowed().then(|| self.exit(from, &balanced));
        let source = if direct { None } else { self.config.management };
        let same_family = source.filter(|source| source.is_ipv4() == balanced.source.is_ipv4());
        Sent { decision, packet: Packet { source: same_family.unwrap_or(balanced.source), ..balanced }, exit }
    }

    fn receive(&mut self, to: Guid, packet: &Packet, now: Duration) -> (Decision, Packet) {
        let Some(port) = self.ports.get_mut(&to) else { return (NO_PORT, *packet) };
        let restored = port.balanced.restore(packet, now);
        let seen = match self.knobs().layer_order {
            LayerOrder::BalanceFirst => packet,
            LayerOrder::AclFirst => &restored,
        };
        (self.process(to, Direction::In, seen, 0, now), restored)
    }

    /// Where a packet goes: to an endpoint here, by a remote endpoint, by a route to its subnet, by a route of the endpoint, onto the wire.
    fn exit(&self, from: Guid, packet: &Packet) -> Exit {
        let to = packet.destination;
        let mut here = self.endpoints.values().filter(|endpoint| endpoint.has(to));
        if let Some(local) = here.clone().find(|endpoint| !endpoint.is_remote() && endpoint.state.is_attached()) {
            return Exit::Local(local.id);
        }
        let remote = here.find_map(Endpoint::provider_address);
        let sender = self.endpoints.get(&from);
        let subnet = sender.and_then(|sender| self.networks.get(&sender.network)?.remote_subnet(to));
        if let Some(route) = subnet {
            return Exit::Encapsulated(Encapsulation {
                provider_address: remote.or(route.text("ProviderAddress").and_then(|text| text.parse().ok())),
                isolation_id: route.number("IsolationId"),
                mac: route.text("DistributedRouterMacAddress").map(str::to_owned),
            });
        }
        if let Some(provider_address) = remote.or_else(|| sender.and_then(|sender| encapsulating_route(sender, to))) {
            return Exit::Encapsulated(Encapsulation {
                provider_address: Some(provider_address),
                ..Default::default()
            });
        }
        Exit::Wire { source_nat: sender.is_some_and(|sender| has_source_nat(sender, to)) }
    }
}

/// The next hop of an endpoint's route (SDNRoute) that encapsulates, where one holds the address.
fn encapsulating_route(endpoint: &Endpoint, to: IpAddr) -> Option<IpAddr> {
    let routes = endpoint.policies.iter().filter(|policy| policy.kind == "SDNRoute");
    let holds = |text: &str| text.parse::<Prefix>().is_ok_and(|prefix| prefix.contains(to));
    let mut holding = routes.filter(|route| route.text("DestinationPrefix").is_some_and(holds));
    let encapsulates = |route: &&crate::object::Policy| route.settings.get("NeedEncap") == Some(&true.into());
    holding.find(encapsulates)?.text("NextHop")?.parse().ok()
}

/// Whether OutBoundNAT gives a packet the host's address: its destination is in no exception.
fn has_source_nat(endpoint: &Endpoint, to: IpAddr) -> bool {
    let Some(nat) = endpoint.policies.iter().find(|policy| policy.kind == "OutBoundNAT") else { return false };
    let exceptions = nat.settings.get("Exceptions").and_then(serde_json::Value::as_array).into_iter().flatten();
    let prefixes = exceptions.filter_map(|text| text.as_str()?.parse::<Prefix>().ok());
    to.is_ipv4() && !prefixes.into_iter().any(|prefix| prefix.contains(to))
}
