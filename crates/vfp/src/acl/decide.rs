//! What the compiled rules of a port say of a packet.

use crate::acl::Action;
use crate::acl::ranges::{Bits, Ranges};
use crate::acl::read::Condition;
use crate::{Direction, Packet};
use margay_net::Family;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// It ends here.
    Drop,
}

/// What became of a packet at a port, and by what. It takes no allocation; [`Rules::rule`] tells more of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// The last word.
    pub verdict: Verdict,
    /// Why.
    pub why: Why,
    /// The group of rules that had it, where one had.
    pub group: Option<GroupName>,
    /// The rule that had it, a number among [`Rules::rules`].
    pub rule: Option<u32>,
}

/// Why a packet is let through or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Why {
    /// A rule says so.
    Rule,
    /// There are rules, and none matches: dropped \[MS\].
    DefaultDeny,
    /// There are no rules that could say otherwise \[MS\].
    DefaultAllow,
    /// The port's network does not enforce ACLs \[MS, FIELD\].
    NotEnforced,
    /// A priority below 100 cut the port off \[FIELD\].
    CutOff,
    /// It is not IP \[FIELD: ARP resolves under a default deny\].
    NotIp,
    /// It is exempt (knob `exemptions`).
    Exempt,
    /// It belongs to a flow that was allowed.
    Flow,
    /// It is in the middle of a connection that the port does not know (knob `acl-change`).
    MidStream,
    /// It is a later fragment, and goes the way of the first.
    Fragment,
    /// It is a later fragment of a datagram whose first was not seen: dropped.
    LoneFragment,
    /// It can't be read: dropped.
    Malformed,
    /// The port is not there, or not attached.
    NoPort,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule => "a rule",
            Self::DefaultDeny => "the default deny of a port with rules",
            Self::DefaultAllow => "no rule",
            Self::NotEnforced => "its network enforces no rules",
            Self::CutOff => "a rule below priority 100 cut the port off",
            Self::NotIp => "it is not IP",
            Self::Exempt => "it is exempt",
            Self::Flow => "its flow was allowed",
            Self::MidStream => "it belongs to a connection that the port does not know",
            Self::Fragment => "the first fragment",
            Self::LoneFragment => "its first fragment was not seen",
            Self::Malformed => "it can't be read",
            Self::NoPort => "there is no such port",
        })
    }
}

/// A layer of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LayerName {
    /// ACLs of the network.
    Network,
    /// ACLs and tiers of the endpoint.
    Endpoint,
    /// Not VFP's: the host's firewall, WFP.
    HostFirewall,
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "ACL_NETWORK_LAYER",
            Self::Endpoint => "ACL_ENDPOINT_LAYER",
            Self::HostFirewall => "HOST_FIREWALL",
        })
    }
}

/// A group of rules: one direction and family of a layer \[FIELD: names of its kind\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupName {
    /// Whose.
    pub layer: LayerName,
    /// Which way.
    pub direction: Direction,
    /// Of which packets.
    pub family: Family,
}

/// `ACL_ENDPOINT_GROUP_IPV4_IN`.
impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = match self.layer {
            LayerName::Network => "ACL_NETWORK_GROUP",
            LayerName::Endpoint => "ACL_ENDPOINT_GROUP",
            LayerName::HostFirewall => "HOST_FIREWALL_GROUP",
        };
        let family = match self.family {
            Family::V4 => "IPV4",
            Family::V6 => "IPV6",
        };
        let direction = match self.direction {
            Direction::In => "IN",
            Direction::Out => "OUT",
        };
        write!(f, "{start}_{family}_{direction}")
    }
}

/// `drop: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 3)`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.why)?;
        match (self.group, self.rule) {
            (Some(group), Some(rule)) => write!(f, " ({group}, rule {rule})"),
            (Some(group), None) => write!(f, " ({group})"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Drop => "drop",
        })
    }
}

/// A rule as the port holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VfpRule {
    /// The ACL's `Id`, which VFP calls the friendly name.
    pub id: String,
    /// Lower is asked first, within its tier.
    pub priority: u16,
    /// What it does.
    pub action: Action,
    /// Which way.
    pub direction: Direction,
    /// Where it stands.
    pub layer: LayerName,
    pub(crate) condition: Condition,
}

/// The compiled rules of a port. They never change: a write makes new ones.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) gate: Gate,
    pub(crate) exempt: bool,
    pub(crate) layers: Box<[Layer]>,
    pub(crate) rules: Box<[VfpRule]>,
}

/// Whether rules are asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They are.
    Asked,
    /// All passes.
    Inert,
    /// Nothing passes, ARP neither.
    CutOff,
}

/// A layer: two directions, each of two families.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) name: LayerName,
    /// By direction.
    pub(crate) groups: [Group; 2],
}

/// One direction of a layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) v4: Tiers<u32>,
    pub(crate) v6: Tiers<u128>,
    /// Whether what no rule matches is dropped.
    pub(crate) closed: bool,
}

impl Group {
    pub(crate) fn is_empty(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4.iter().all(|tier| tier.is_empty()),
            Family::V6 => self.v6.iter().all(|tier| tier.is_empty()),
        }
    }
}

impl Group {
    /// The rules of a family, by their numbers, in the order they are asked.
    pub(crate) fn numbers(&self, family: Family) -> Vec<u32> {
        let mut numbers: Vec<u32> = match family {
            Family::V4 => self.v4.iter().flatten().map(|rule| rule.number).collect(),
            Family::V6 => self.v6.iter().flatten().map(|rule| rule.number).collect(),
        };
        // A rule of several protocols stands there once for each.
        numbers.dedup();
        numbers
    }
}

/// Tiers in the order they are asked, each with its rules in theirs.
pub(crate) type Tiers<B> = Vec<Box<[Rule<B>]>>;

/// A rule in the form that is matched.
#[derive(Clone, Debug)]
pub(crate) struct Rule<B> {
    /// 256 is any.
    pub(crate) protocol: u16,
    pub(crate) action: Action,
    pub(crate) number: u32,
    pub(crate) source: Option<Ranges<B>>,
    pub(crate) destination: Option<Ranges<B>>,
    pub(crate) source_ports: Box<[(u16, u16)]>,
    pub(crate) destination_ports: Box<[(u16, u16)]>,
}

/// A packet in the form that is matched.
struct Seen<B> {
    protocol: u16,
    source: B,
    destination: B,
    ports: (u16, u16),
}

impl<B: Bits> Rule<B> {
    #[inline]
    fn matches(&self, seen: &Seen<B>) -> bool {
        (self.protocol == seen.protocol || self.protocol == 256)
            && within(&self.destination_ports, seen.ports.1)
            && within(&self.source_ports, seen.ports.0)
            && self.source.as_ref().is_none_or(|ranges| ranges.contains(seen.source))
            && self.destination.as_ref().is_none_or(|ranges| ranges.contains(seen.destination))
    }
}

/// Whether a port is in one of the ranges; none are any port.
#[inline]
fn within(ranges: &[(u16, u16)], port: u16) -> bool {
    ranges.is_empty() || ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
}

/// The first rule that matches and does not pass.
#[inline]
fn ask<B: Bits>(tiers: &[Box<[Rule<B>]>], seen: &Seen<B>) -> Option<(Action, u32)> {
    tiers.iter().find_map(|tier| {
        let first = tier.iter().find(|rule| rule.matches(seen))?;
        (first.action != Action::Pass).then_some((first.action, first.number))
    })
}

impl Decision {
    pub(crate) fn of(verdict: Verdict, why: Why) -> Self {
        Self { verdict, why, group: None, rule: None }
    }

    /// Whether it goes on.
    pub fn allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }
}

impl Rules {
    /// Every rule that is asked, by its number.
    pub fn rules(&self) -> &[VfpRule] {
        &self.rules
    }

    /// The rule of a decision.
    pub fn rule(&self, decision: &Decision) -> Option<&VfpRule> {
        self.rules.get(decision.rule? as usize)
    }

    /// What happens to the first packet of a flow, whatever flows there are. A fragment counts as what its ports say.
    pub fn decide(&self, direction: Direction, packet: &Packet) -> Decision {
        if let Some(decision) = self.gate() {
            return decision;
        }
        if self.exempt && (packet.is_neighbour_discovery() || packet.is_dhcp()) {
            return Decision::of(Verdict::Allow, Why::Exempt);
        }
        let Some(family) = packet.family() else {
            return Decision::of(Verdict::Drop, Why::Malformed);
        };
        let mut last = Decision::of(Verdict::Allow, Why::DefaultAllow);
        for layer in &self.layers {
            last = layer.decide(direction, family, packet);
            if last.verdict == Verdict::Drop {
                break;
            }
        }
        last
    }

    /// What happens to every packet, where rules are not asked.
    pub(crate) fn gate(&self) -> Option<Decision> {
        match self.gate {
            Gate::Asked => None,
            Gate::Inert => Some(Decision::of(Verdict::Allow, Why::NotEnforced)),
            Gate::CutOff => Some(Decision::of(Verdict::Drop, Why::CutOff)),
        }
    }

    /// Whether there is a layer that could drop.
    pub(crate) fn has_layers(&self) -> bool {
        !self.layers.is_empty()
    }

    /// What happens to a frame that is not IP.
    pub(crate) fn other_than_ip(&self) -> Decision {
        match self.gate {
            Gate::CutOff => Decision::of(Verdict::Drop, Why::CutOff),
            Gate::Asked | Gate::Inert => Decision::of(Verdict::Allow, Why::NotIp),
        }
    }

    /// Whether some layer that denies by default has no rule of this direction and family.
    pub(crate) fn has_closed_empty_group(&self, direction: Direction, family: Family) -> bool {
        let groups = self.layers.iter().map(|layer| &layer.groups[direction as usize]);
        groups.into_iter().any(|group| group.closed && group.is_empty(family))
    }
}

impl Layer {
    fn decide(&self, direction: Direction, family: Family, packet: &Packet) -> Decision {
        let group = &self.groups[direction as usize];
        let found = match (packet.source, packet.destination) {
            (std::net::IpAddr::V4(source), std::net::IpAddr::V4(destination)) => {
                ask(&group.v4, &seen(packet, source.to_bits(), destination.to_bits()))
            }
            (std::net::IpAddr::V6(source), std::net::IpAddr::V6(destination)) => {
                ask(&group.v6, &seen(packet, source.to_bits(), destination.to_bits()))
            }
            _ => None,
        };
        let (verdict, why, rule) = match found {
            Some((Action::Allow, number)) => (Verdict::Allow, Why::Rule, Some(number)),
            Some((_, number)) => (Verdict::Drop, Why::Rule, Some(number)),
            None if group.closed => (Verdict::Drop, Why::DefaultDeny, None),
            None => (Verdict::Allow, Why::DefaultAllow, None),
        };
        let group = Some(GroupName { layer: self.name, direction, family });
        Decision { verdict, why, group, rule }
    }
}

#[inline]
fn seen<B>(packet: &Packet, source: B, destination: B) -> Seen<B> {
    let ports = (packet.source_port, packet.destination_port);
    Seen { protocol: u16::from(packet.protocol.0), source, destination, ports }
}
