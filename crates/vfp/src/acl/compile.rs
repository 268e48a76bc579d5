//! From the ACLs of an endpoint to what is matched.

use crate::Direction;
use crate::acl::decide::{Gate, Group, Layer, LayerName, Rule, Rules, VfpRule};
use crate::acl::ranges::{Bits, Ranges};
use crate::acl::read::{Acl, Addresses, Condition, Sets};
use crate::acl::tier::Tier;
use crate::acl::{Action, RuleType};
use crate::knobs::{DefaultDeny, Exemptions, HostFirewall, Knobs, LowPriority, SetNames, TieBreak};
use margay_hcn::Version;
use std::cmp::Reverse;

/// Priorities of Switch rules that work \[SRC, FIELD\].
pub(crate) const USABLE: std::ops::RangeInclusive<u16> = 100..=65500;

/// What a port has.
pub(crate) struct Contents<'a> {
    /// ACLs of the endpoint, in the order of the document.
    pub(crate) endpoint: Vec<&'a Acl>,
    pub(crate) tiers: Vec<&'a Tier>,
    /// ACLs of its network.
    pub(crate) network: Vec<&'a Acl>,
    /// Named sets of its network.
    pub(crate) sets: &'a Sets,
    /// Whether its network enforces Switch rules.
    pub(crate) enforced: bool,
    /// Whether the host's firewall stands before it.
    pub(crate) behind_host_firewall: bool,
    pub(crate) version: Version,
    pub(crate) knobs: Knobs,
}

/// A rule on its way.
struct Draft<'a> {
    id: &'a str,
    priority: u16,
    action: Action,
    direction: Direction,
    condition: &'a Condition,
}

impl<'a> From<&'a Acl> for Draft<'a> {
    fn from(acl: &'a Acl) -> Self {
        let Acl { id, priority, action, direction, condition, .. } = acl;
        Self { id, priority: *priority, action: *action, direction: *direction, condition }
    }
}

/// Compiles what a port has.
pub(crate) fn compile(contents: &Contents<'_>) -> Rules {
    let mut compiler = Compiler { contents, rules: Vec::new(), layers: Vec::new() };
    compiler.layer(LayerName::Network, &[], &drafts(&contents.network, RuleType::Switch), false);
    compiler.layer(LayerName::Endpoint, &contents.tiers, &drafts(&contents.endpoint, RuleType::Switch), false);
    if contents.behind_host_firewall {
        compiler.host_firewall();
    }
    Rules {
        gate: gate(contents),
        exempt: contents.knobs.exemptions == Exemptions::NeighbourDiscoveryAndDhcp,
        layers: compiler.layers.into(),
        rules: compiler.rules.into(),
    }
}

/// What matters of rules of a type: a Switch rule above 65500 does not work \[SRC\], and is as if it were not there.
fn drafts<'a>(acls: &[&'a Acl], rule_type: RuleType) -> Vec<Draft<'a>> {
    let works =
        |acl: &&&Acl| acl.rule_type == rule_type && (rule_type == RuleType::Host || acl.priority <= *USABLE.end());
    acls.iter().filter(works).map(|acl| Draft::from(*acl)).collect()
}

/// One Switch rule below 100 cuts off the port, in whatever direction it is \[FIELD, Server 2025\].
fn gate(contents: &Contents<'_>) -> Gate {
    let deadly = match contents.knobs.low_priority {
        LowPriority::Server2025 => contents.version >= Version::new(15, 4),
        LowPriority::Always => true,
        LowPriority::Never => false,
    };
    let low = |acl: &&Acl| acl.rule_type == RuleType::Switch && acl.priority < *USABLE.start();
    match contents.enforced {
        false => Gate::Inert,
        true if deadly && contents.endpoint.iter().any(low) => Gate::CutOff,
        true => Gate::Asked,
    }
}

struct Compiler<'c, 'a> {
    contents: &'c Contents<'a>,
    rules: Vec<VfpRule>,
    layers: Vec<Layer>,
}

impl Compiler<'_, '_> {
    /// Adds a layer, unless nothing is in it that could decide.
    fn layer(&mut self, name: LayerName, tiers: &[&Tier], acls: &[Draft<'_>], always_closed: bool) {
        if tiers.is_empty() && acls.is_empty() && !always_closed {
            return;
        }
        let groups = Direction::ALL.map(|direction| {
            let has_rule = tiers.iter().any(|tier| tier.direction == direction)
                || acls.iter().any(|acl| acl.direction == direction);
            let closed = always_closed || has_rule || self.contents.knobs.default_deny == DefaultDeny::Both;
            self.group(name, direction, tiers, acls, closed)
        });
        self.layers.push(Layer { name, groups });
    }

    /// The tiers by their order, then the ACLs \[INF\].
    fn group(&mut self, name: LayerName, way: Direction, tiers: &[&Tier], acls: &[Draft<'_>], closed: bool) -> Group {
        let mut ordered: Vec<_> = tiers.iter().filter(|tier| tier.direction == way).collect();
        ordered.sort_by_key(|tier| tier.order);
        let mut group = Group { closed, ..Group::default() };
        for tier in ordered {
            let rules: Vec<Draft<'_>> = tier.rules.iter().map(|rule| tier_draft(tier, rule)).collect();
            self.tier(name, rules.iter().collect(), &mut group);
        }
        self.tier(name, acls.iter().filter(|acl| acl.direction == way).collect(), &mut group);
        group
    }

    fn tier(&mut self, name: LayerName, rules: Vec<&Draft<'_>>, group: &mut Group) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for rule in self.in_order(rules) {
            let number = self.rules.len() as u32;
            self.rules.push(VfpRule {
                id: rule.id.to_owned(),
                priority: rule.priority,
                action: rule.action,
                direction: rule.direction,
                layer: name,
                condition: rule.condition.clone(),
            });
            v4.extend(self.rule(rule, number));
            v6.extend(self.rule(rule, number));
        }
        group.v4.push(v4.into());
        group.v6.push(v6.into());
    }

    /// By priority; then as the knob says.
    fn in_order<'d, 'r>(&self, mut rules: Vec<&'d Draft<'r>>) -> Vec<&'d Draft<'r>> {
        let rank = |action| match action {
            Action::Block => 0,
            Action::Pass => 1,
            Action::Allow => 2,
        };
        match self.contents.knobs.tie_break {
            TieBreak::BlockFirst => rules.sort_by_key(|rule| (rule.priority, rank(rule.action))),
            TieBreak::AllowFirst => rules.sort_by_key(|rule| (rule.priority, Reverse(rank(rule.action)))),
            TieBreak::Insertion => rules.sort_by_key(|rule| rule.priority),
            TieBreak::Reverse => {
                rules.reverse();
                rules.sort_by_key(|rule| rule.priority);
            }
        }
        rules
    }

    /// A rule in one family, once for each protocol; none where no address of the family can match.
    fn rule<B: Bits>(&self, draft: &Draft<'_>, number: u32) -> Vec<Rule<B>> {
        let condition = draft.condition;
        let ends = Ends::<B>::of(condition, draft.direction, self.contents);
        if ends.source.as_ref().is_some_and(Ranges::is_empty) || ends.destination.as_ref().is_some_and(Ranges::is_empty)
        {
            return Vec::new();
        }
        // Local is the destination of what comes in, and the source of what goes out [SRC].
        let (source_ports, destination_ports) = match draft.direction {
            Direction::In => (&condition.remote_ports, &condition.local_ports),
            Direction::Out => (&condition.local_ports, &condition.remote_ports),
        };
        let one = |protocol: u16| Rule {
            protocol,
            action: draft.action,
            number,
            source: ends.source.clone(),
            destination: ends.destination.clone(),
            source_ports: source_ports.as_slice().into(),
            destination_ports: destination_ports.as_slice().into(),
        };
        match condition.protocols.as_slice() {
            [] => vec![one(256)],
            protocols => protocols.iter().map(|protocol| one(u16::from(*protocol))).collect(),
        }
    }

    /// The host's firewall, which has no layer in VFP.
    fn host_firewall(&mut self) {
        let contents = self.contents;
        match contents.knobs.host_firewall {
            HostFirewall::Ignored => {}
            HostFirewall::Defaults if contents.endpoint.is_empty() => {
                let taken = Condition { protocols: vec![1, 2, 6, 17, 58], ..Condition::default() };
                let any = Condition::default();
                let draft =
                    |direction, condition| Draft { id: "", priority: 0, action: Action::Allow, direction, condition };
                let drafts = [draft(Direction::In, &taken), draft(Direction::Out, &any)];
                self.layer(LayerName::HostFirewall, &[], &drafts, true);
            }
            HostFirewall::Defaults => {}
            HostFirewall::NeedsHostAllow => {
                let drafts = drafts(&contents.endpoint, RuleType::Host);
                self.layer(LayerName::HostFirewall, &[], &drafts, !contents.endpoint.is_empty());
            }
        }
    }
}

fn tier_draft<'a>(tier: &Tier, rule: &'a crate::acl::tier::TierRule) -> Draft<'a> {
    let crate::acl::tier::TierRule { id, priority, action, condition } = rule;
    Draft { id, priority: *priority, action: *action, direction: tier.direction, condition }
}

/// Which addresses a rule matches at both ends; `None` is any.
struct Ends<B> {
    source: Option<Ranges<B>>,
    destination: Option<Ranges<B>>,
}

impl<B: Bits> Ends<B> {
    /// Of addresses, local is the destination of what comes in. Of names of sets, local is the source in both directions \[SRC: as NPM writes them\].
    fn of(condition: &Condition, direction: Direction, contents: &Contents<'_>) -> Self {
        let (local, remote) = (&condition.local, &condition.remote);
        let (at_source, at_destination) = match direction {
            Direction::In => (remote, local),
            Direction::Out => (local, remote),
        };
        Self {
            source: both(prefixes(at_source), named(local, contents)),
            destination: both(prefixes(at_destination), named(remote, contents)),
        }
    }
}

fn prefixes<B: Bits>(addresses: &Addresses) -> Option<Ranges<B>> {
    (!addresses.prefixes.is_empty()).then(|| Ranges::of(&addresses.prefixes))
}

fn named<B: Bits>(addresses: &Addresses, contents: &Contents<'_>) -> Option<Ranges<B>> {
    let members = |name: &String| contents.sets.get(name).map_or(&[][..], Vec::as_slice);
    match contents.knobs.set_names {
        _ if addresses.sets.is_empty() => None,
        SetNames::Any => Some(Ranges::of(addresses.sets.iter().flat_map(members))),
        SetNames::All => addresses.sets.iter().map(|name| Ranges::of(members(name))).reduce(|a, b| a.intersection(&b)),
    }
}

fn both<B: Bits>(a: Option<Ranges<B>>, b: Option<Ranges<B>>) -> Option<Ranges<B>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b)),
        (a, b) => a.or(b),
    }
}
