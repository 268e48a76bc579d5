//! A port of the virtual switch: rules, flows, fragments, counters.

use crate::acl::{Decision, Rules, Verdict, Why};
use crate::balance::Balanced;
use crate::flow::{Flow, FlowKey, FlowTable, TTL};
use crate::knobs::{AclChange, Knobs, State};
use crate::packet::Fragment;
use crate::{Direction, Packet};
use margay_net::Protocol;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long the way of a first fragment is remembered, as IP waits for the rest of a datagram (RFC 791) \[INF\].
const FRAGMENT_TTL: Duration = Duration::from_secs(30);

/// The most datagrams whose fragments are under way.
const MOST_FRAGMENTED: usize = 1000;

/// What passed a port, by direction: in, out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Packets that went on.
    pub packets: [u64; 2],
    /// Their bytes, where they came as frames.
    pub bytes: [u64; 2],
    /// Packets that ended here.
    pub dropped: [u64; 2],
}

/// A port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) rules: Arc<Rules>,
    /// Counts writes of rules.
    pub(crate) generation: u64,
    pub(crate) flows: FlowTable,
    fragments: FxHashMap<FragmentKey, (Verdict, Duration)>,
    /// Connections to services.
    pub(crate) balanced: Balanced,
    pub(crate) counters: PortCounters,
    /// How often each rule decided.
    pub(crate) hits: Vec<u64>,
    knobs: Knobs,
}

type FragmentKey = (Direction, Protocol, IpAddr, IpAddr, u32);

impl Port {
    pub(crate) fn new(rules: Arc<Rules>, knobs: Knobs) -> Self {
        let hits = vec![0; rules.rules().len()];
        Self {
            rules,
            generation: 1,
            flows: FlowTable::default(),
            fragments: FxHashMap::default(),
            balanced: Balanced::default(),
            counters: PortCounters::default(),
            hits,
            knobs,
        }
    }

    /// Takes new rules. Gives how many flows were forgotten.
    pub(crate) fn program(&mut self, rules: Arc<Rules>) -> usize {
        self.hits = vec![0; rules.rules().len()];
        self.rules = rules;
        self.generation += 1;
        match self.knobs.acl_change {
            AclChange::Reevaluate => 0,
            AclChange::Reset => self.forget_flows(),
        }
    }

    /// Forgets all flows, and gives how many.
    pub(crate) fn forget_flows(&mut self) -> usize {
        let flows = self.flows.len();
        self.flows.clear();
        self.fragments.clear();
        flows
    }

    /// A packet passes, or not. Its length in bytes is for the counters alone.
    pub(crate) fn process(&mut self, direction: Direction, packet: &Packet, length: usize, now: Duration) -> Decision {
        let decision = match packet.fragment {
            Fragment::Whole => self.whole(direction, packet, now),
            Fragment::First(id) => {
                let decision = self.whole(direction, packet, now);
                self.remember(fragment_key(direction, packet, id), decision.verdict, now);
                decision
            }
            Fragment::Later(id) => self.later(fragment_key(direction, packet, id), now),
        };
        self.count(direction, &decision, length);
        decision
    }

    /// A frame that is not IP, or can't be read.
    pub(crate) fn other(&mut self, direction: Direction, readable: bool, length: usize) -> Decision {
        let decision = match readable {
            true => self.rules.other_than_ip(),
            false => Decision::of(Verdict::Drop, Why::Malformed),
        };
        self.count(direction, &decision, length);
        decision
    }

    fn count(&mut self, direction: Direction, decision: &Decision, length: usize) {
        let way = direction as usize;
        match decision.verdict {
            Verdict::Allow => {
                self.counters.packets[way] += 1;
                self.counters.bytes[way] += length as u64;
            }
            Verdict::Drop => self.counters.dropped[way] += 1,
        }
        if let Some(hits) = decision.rule.and_then(|rule| self.hits.get_mut(rule as usize)) {
            *hits += 1;
        }
    }

    fn whole(&mut self, direction: Direction, packet: &Packet, now: Duration) -> Decision {
        let key = FlowKey::of(direction, packet);
        let opens = packet.protocol == Protocol::TCP && packet.tcp.opens();
        if let Some(decision) = self.of_flow(&key, opens, now) {
            return decision;
        }
        let tracked = self.rules.has_layers();
        let mid_stream = packet.protocol == Protocol::TCP && !opens;
        if tracked && mid_stream && self.knobs.acl_change == AclChange::Reset {
            return Decision::of(Verdict::Drop, Why::MidStream);
        }
        let decision = self.rules.decide(direction, packet);
        // What was let through before there were rules is a flow too: it is evaluated anew when they come [INF].
        if decision.allowed() && !matches!(decision.why, Why::Exempt | Why::NotEnforced) {
            let paired = self.pairs(direction, packet);
            let packet = Packet { fragment: Fragment::Whole, ..*packet };
            let (generation, expires) = (self.generation, now + TTL);
            self.flows.insert(Flow { direction, packet, decision, generation, expires, packets: 1, paired }, now);
        }
        decision
    }

    /// What becomes of a packet because of a flow. One of an older generation is evaluated anew.
    fn of_flow(&mut self, key: &FlowKey, opens: bool, now: Duration) -> Option<Decision> {
        let generation = self.generation;
        let (at, flow) = self.flows.find(key, now)?;
        if flow.generation != generation {
            flow.decision = self.rules.decide(flow.direction, &flow.packet);
            flow.generation = generation;
        }
        let tcp = flow.packet.protocol == Protocol::TCP;
        match flow.decision.verdict {
            Verdict::Allow => {
                flow.expires = now + TTL;
                flow.packets += 1;
                Some(Decision { why: Why::Flow, ..flow.decision })
            }
            // A connection that is no longer allowed stays cut from both sides, until it is opened anew.
            Verdict::Drop if tcp && !opens => Some(flow.decision),
            Verdict::Drop => {
                self.flows.remove(at);
                None
            }
        }
    }

    /// Whether answers to a packet become part of its flow.
    fn pairs(&self, direction: Direction, packet: &Packet) -> bool {
        let family = packet.family();
        let empty = family.is_some_and(|family| self.rules.has_closed_empty_group(direction.reverse(), family));
        match self.knobs.state {
            State::Stateful => true,
            State::ReplyGroupNeedsRule => !empty,
        }
    }

    /// A later fragment has no ports, and goes the way of the first; where that was not seen, it is dropped \[INF\].
    fn later(&mut self, key: FragmentKey, now: Duration) -> Decision {
        match self.rules.gate() {
            Some(decision) => decision,
            None => match self.fragments.get(&key) {
                Some((verdict, expires)) if *expires > now => Decision::of(*verdict, Why::Fragment),
                _ => Decision::of(Verdict::Drop, Why::LoneFragment),
            },
        }
    }

    fn remember(&mut self, key: FragmentKey, verdict: Verdict, now: Duration) {
        if self.fragments.len() >= MOST_FRAGMENTED {
            self.fragments.retain(|_, (_, expires)| *expires > now);
        }
        if self.fragments.len() < MOST_FRAGMENTED {
            self.fragments.insert(key, (verdict, now + FRAGMENT_TTL));
        }
    }
}

fn fragment_key(direction: Direction, packet: &Packet, id: u32) -> FragmentKey {
    (direction, packet.protocol, packet.source, packet.destination, id)
}
