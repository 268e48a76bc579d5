//! Flows that a port has let through.

use crate::acl::Decision;
use crate::{Direction, Packet};
use margay_net::Protocol;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long a flow lives without a packet. Half-open, closed and all other flows have the same \[FIELD: `/set-port-flow-settings "240 15 240 240 …"`\],
/// so that the state of a TCP connection makes no difference.
pub(crate) const TTL: Duration = Duration::from_secs(240);

/// The most flows that a port keeps \[MS: as many as a port was seen to have\]; what comes after is let through without one \[INF\].
const MOST: usize = 500_000;

/// What identifies a flow in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    direction: Direction,
    protocol: Protocol,
    source: IpAddr,
    destination: IpAddr,
    /// Ports; of ICMP, the identifier and the type.
    ports: (u16, u16),
}

impl FlowKey {
    pub(crate) fn of(direction: Direction, packet: &Packet) -> Self {
        let Packet { protocol, source, destination, icmp, .. } = *packet;
        let ports = match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => (icmp.id, u16::from(icmp.kind)),
            _ => (packet.source_port, packet.destination_port),
        };
        Self { direction, protocol, source, destination, ports }
    }

    /// What answers it, where anything does: of ICMP, only what replies to a request \[INF\].
    fn reverse(direction: Direction, packet: &Packet) -> Option<Self> {
        let is_icmp = matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6);
        if is_icmp && packet.icmp.counterpart(packet.protocol).is_none() {
            return None;
        }
        Some(Self::of(direction.reverse(), &packet.reply()))
    }
}

/// A flow: the first packet, and what was decided of it.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) direction: Direction,
    pub(crate) packet: Packet,
    pub(crate) decision: Decision,
    /// Of the port's rules when it was decided.
    pub(crate) generation: u64,
    pub(crate) expires: Duration,
    pub(crate) packets: u64,
    /// Whether answers are part of it.
    pub(crate) paired: bool,
}

/// Flows by the packets of either direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowTable {
    keys: FxHashMap<FlowKey, u32>,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    /// Expired flows are looked for when there are so many.
    sweep_at: usize,
}

impl FlowTable {
    /// The flow of a packet, unless it has expired.
    pub(crate) fn find(&mut self, key: &FlowKey, now: Duration) -> Option<(u32, &mut Flow)> {
        let at = *self.keys.get(key)?;
        if self.flows.get(at as usize)?.as_ref()?.expires <= now {
            self.remove(at);
            return None;
        }
        Some((at, self.flows[at as usize].as_mut()?))
    }

    /// Adds a flow, and takes the place of another of the same packets.
    pub(crate) fn insert(&mut self, flow: Flow, now: Duration) {
        if self.len() >= self.sweep_at.max(1024) {
            self.sweep(now);
            self.sweep_at = 2 * self.len();
        }
        if self.len() >= MOST {
            return;
        }
        let keys = Self::keys_of(&flow);
        let at = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() as u32 - 1
        });
        self.flows[at as usize] = Some(flow);
        for key in keys.into_iter().flatten() {
            if let Some(before) = self.keys.insert(key, at).filter(|before| *before != at) {
                self.release_if_unreachable(before);
            }
        }
    }

    /// A flow of which no key is left can't be found again.
    fn release_if_unreachable(&mut self, at: u32) {
        let Some(flow) = &self.flows[at as usize] else { return };
        if !Self::keys_of(flow).into_iter().flatten().any(|key| self.keys.get(&key) == Some(&at)) {
            self.flows[at as usize] = None;
            self.free.push(at);
        }
    }

    fn keys_of(flow: &Flow) -> [Option<FlowKey>; 2] {
        let reverse = if flow.paired { FlowKey::reverse(flow.direction, &flow.packet) } else { None };
        [Some(FlowKey::of(flow.direction, &flow.packet)), reverse]
    }

    pub(crate) fn remove(&mut self, at: u32) {
        let Some(flow) = self.flows[at as usize].take() else { return };
        self.free.push(at);
        for key in Self::keys_of(&flow).into_iter().flatten() {
            if self.keys.get(&key) == Some(&at) {
                self.keys.remove(&key);
            }
        }
    }

    fn sweep(&mut self, now: Duration) {
        let expired =
            |(at, flow): (usize, &Option<Flow>)| flow.as_ref().filter(|f| f.expires <= now).map(|_| at as u32);
        for at in self.flows.iter().enumerate().filter_map(expired).collect::<Vec<_>>() {
            self.remove(at);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn len(&self) -> usize {
        self.flows.len() - self.free.len()
    }

    /// Those that have not expired.
    pub(crate) fn iter(&self, now: Duration) -> impl Iterator<Item = &Flow> {
        self.flows.iter().flatten().filter(move |flow| flow.expires > now)
    }
}
