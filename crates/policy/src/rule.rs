//! Policies and their rules, over whatever names an IP set: a [`SetKey`] as converted, a [`SetId`] in a Plan.

use crate::{Name, SetId, SetKey};
use margay_api::{Action, IcmpMatch, Key, StagedAction};
use margay_net::{AddressSet, Family, PortSet, Protocol};
use margay_selector::Selector;
use smol_str::SmolStr;
use std::sync::Arc;

/// A policy as converted from its resource: not yet bound to any cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which resource it is.
    pub key: Key,
    /// Its tier.
    pub tier: SmolStr,
    /// Its order in the tier; infinite where absent.
    pub order: f64,
    /// What it selects.
    pub subject: Subject,
    /// Whether it takes part in ingress, and its rules.
    pub ingress: Option<Arc<[PlanRule<SetKey>]>>,
    /// Whether it takes part in egress, and its rules.
    pub egress: Option<Arc<[PlanRule<SetKey>]>>,
    /// Where on a host endpoint it stands.
    pub stage: Stage,
    /// Set where it is staged: evaluated beside, never enforced.
    pub staged: Option<StagedAction>,
}

/// What a policy selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Over the labels of endpoints.
    pub selector: Selector,
    /// Pods can be selected.
    pub pods: bool,
    /// Host endpoints can be selected.
    pub hosts: bool,
}

/// Where on a host endpoint a policy stands (for pods it makes no difference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Traffic of the node itself.
    Normal,
    /// `applyOnForward`: traffic of the node itself, and forwarded traffic.
    Forward,
    /// `preDNAT`: all that arrives, before destination NAT.
    PreDnat,
    /// `doNotTrack`: all traffic, before connection tracking.
    Untracked,
}

/// A policy of a Plan: its set references resolved.
#[derive(Clone, Debug)]
pub struct PlanPolicy {
    /// Which resource it is. Profiles of host endpoints are here too, under their own kind.
    pub key: Key,
    /// Its tier; empty for a profile.
    pub tier: SmolStr,
    /// The stable name: the hash of the key.
    pub name: Name,
    /// Rules for ingress; empty where it takes no part.
    pub ingress: Arc<[PlanRule<SetId>]>,
    /// Rules for egress; empty where it takes no part.
    pub egress: Arc<[PlanRule<SetId>]>,
    /// Whether an enforced stack has it (and not merely a staged one); drivers leave the others out.
    pub enforced: bool,
}

impl PlanPolicy {
    /// The rules of one direction.
    pub fn rules(&self, direction: crate::Direction) -> &[PlanRule<SetId>] {
        match direction {
            crate::Direction::Ingress => &self.ingress,
            crate::Direction::Egress => &self.egress,
        }
    }
}

/// One rule of the model with the place it came from. A rule of a resource may become several in a row, all of one index and action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlanRule<S> {
    /// Index in the resource's `ingress` or `egress`.
    pub index: u16,
    /// What it matches and does.
    pub rule: Rule<S>,
}

/// What names a rule everywhere: in counters, log prefixes, traces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId {
    /// The policy.
    pub policy: Key,
    /// The direction.
    pub direction: crate::Direction,
    /// Index in the resource's `ingress` or `egress`.
    pub index: u16,
}

/// What a rule matches, and does. Everything that is there must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule<S> {
    /// What it does with a packet that it matches.
    pub action: Action,
    /// The family of the packet.
    pub family: Option<Family>,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// Any protocol but this.
    pub not_protocol: Option<Protocol>,
    /// ICMP type and code. The rule's `protocol` says of which of the two.
    pub icmp: Option<IcmpMatch>,
    /// Any other ICMP type and code. The rule's `protocol` says of which of the two.
    pub not_icmp: Option<IcmpMatch>,
    /// The packet's source. Many rules have the same side, so it can be shared.
    pub source: Arc<Side<S>>,
    /// The packet's destination.
    pub destination: Arc<Side<S>>,
}

impl<S> Rule<S> {
    /// A rule that matches every packet.
    pub fn every(action: Action) -> Self {
        Self::between(action, Side::default(), Side::default())
    }

    /// A rule that matches every packet from one side to another.
    pub fn between(action: Action, source: Side<S>, destination: Side<S>) -> Self {
        Self {
            action,
            family: None,
            protocol: None,
            not_protocol: None,
            icmp: None,
            not_icmp: None,
            source: Arc::new(source),
            destination: Arc::new(destination),
        }
    }

    /// The same rule with each set reference turned into another.
    pub fn map<T>(&self, mut f: impl FnMut(&S) -> T) -> Rule<T> {
        Rule {
            action: self.action,
            family: self.family,
            protocol: self.protocol,
            not_protocol: self.not_protocol,
            icmp: self.icmp,
            not_icmp: self.not_icmp,
            source: Arc::new(self.source.map(&mut f)),
            destination: Arc::new(self.destination.map(&mut f)),
        }
    }

    /// The source, to be changed in this rule alone.
    pub fn source_mut(&mut self) -> &mut Side<S>
    where
        S: Clone,
    {
        Arc::make_mut(&mut self.source)
    }

    /// The destination, to be changed in this rule alone.
    pub fn destination_mut(&mut self) -> &mut Side<S>
    where
        S: Clone,
    {
        Arc::make_mut(&mut self.destination)
    }

    /// Every set reference in it.
    pub fn sets(&self) -> impl Iterator<Item = &S> {
        self.source.sets().chain(self.destination.sets())
    }
}

/// One end of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Side<S> {
    /// The address is in each of these.
    pub within: Vec<AnyOf<S>>,
    /// The address is in none of these.
    pub without: AnyOf<S>,
    /// The port is one of these; `None` is every port, and protocols without ports.
    pub ports: Option<AnyPort<S>>,
    /// The port is none of these.
    pub without_ports: AnyPort<S>,
}

impl<S> Default for Side<S> {
    fn default() -> Self {
        Self { within: Vec::new(), without: AnyOf::default(), ports: None, without_ports: AnyPort::default() }
    }
}

impl<S> Side<S> {
    /// Whether it says nothing.
    pub fn is_any(&self) -> bool {
        self.within.is_empty() && self.without.is_empty() && self.ports.is_none() && self.without_ports.is_empty()
    }

    /// The same side with each set reference turned into another.
    pub fn map<T>(&self, f: &mut impl FnMut(&S) -> T) -> Side<T> {
        Side {
            within: self.within.iter().map(|any| any.map(f)).collect(),
            without: self.without.map(f),
            ports: self.ports.as_ref().map(|ports| ports.map(f)),
            without_ports: self.without_ports.map(f),
        }
    }

    /// Every set reference in it.
    pub fn sets(&self) -> impl Iterator<Item = &S> {
        let ports = self.ports.iter().flat_map(|ports| &ports.named);
        let within = self.within.iter().flat_map(|any| &any.sets);
        within.chain(&self.without.sets).chain(ports).chain(&self.without_ports.named)
    }
}

/// Addresses: those in any of the sets, and those in the nets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnyOf<S> {
    /// Sets of addresses or prefixes.
    pub sets: Vec<S>,
    /// Addresses written in the rule itself.
    pub nets: AddressSet,
}

impl<S> Default for AnyOf<S> {
    fn default() -> Self {
        Self { sets: Vec::new(), nets: AddressSet::empty() }
    }
}

impl<S> AnyOf<S> {
    /// Whether it holds for no address, whatever is in any set.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.nets.is_empty()
    }

    fn map<T>(&self, f: &mut impl FnMut(&S) -> T) -> AnyOf<T> {
        AnyOf { sets: self.sets.iter().map(f).collect(), nets: self.nets.clone() }
    }
}

/// Ports: numbers, of the packet's protocol; and members of sets of (address, protocol, port).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnyPort<S> {
    /// Numbers. The rule's `protocol` is one that has ports.
    pub numbers: PortSet,
    /// Sets of (address, protocol, port): named ports, services.
    pub named: Vec<S>,
}

impl<S> Default for AnyPort<S> {
    fn default() -> Self {
        Self { numbers: PortSet::empty(), named: Vec::new() }
    }
}

impl<S> AnyPort<S> {
    /// Whether it holds for no port, whatever is in any set.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.named.is_empty()
    }

    fn map<T>(&self, f: &mut impl FnMut(&S) -> T) -> AnyPort<T> {
        AnyPort { numbers: self.numbers.clone(), named: self.named.iter().map(f).collect() }
    }
}
