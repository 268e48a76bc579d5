//! A rule of a Plan as rules of nf_tables, of one family.

use crate::names::{self, Tracking};
use margay_net::{AddressSet, Family, PortSet, Prefix};
use margay_nftables::expr::{
    Bitwise, CmpOp, InlineSet, Load, Log, MetaKey, Notrack, PayloadField, Range, RangeOp, Reg,
};
use margay_nftables::{Data, Element, FieldType, Rule as NftRule, Verdict};
use margay_policy::{Action, AnyOf, AnyPort, IcmpMatch, Plan, Rule, SetId, Side};

/// The most rules that one rule becomes: alternatives multiply where several lists stand side by side.
const MOST_ALTERNATIVES: usize = 4096;

/// What the actions of a rule become.
pub(crate) struct Outcome<'a> {
    /// What Allow does.
    pub(crate) tracking: Tracking,
    /// NFLOG group of Log rules.
    pub(crate) log_group: u16,
    /// What Log rules write before the packet.
    pub(crate) log_prefix: &'a str,
    /// What is written before a packet that is denied; `None` where that is not logged.
    pub(crate) deny_prefix: Option<&'a str>,
    /// Whether rules count.
    pub(crate) count: bool,
    /// The comment of each rule.
    pub(crate) comment: &'a str,
}

impl Outcome<'_> {
    fn of(&self, action: Action, rule: NftRule) -> NftRule {
        let rule = if self.count { rule.counter() } else { rule };
        let rule = match (action, self.deny_prefix) {
            (Action::Deny, Some(prefix)) => rule.with(Log::nflog(self.log_group, prefix)),
            _ => rule,
        };
        let rule = match (action, self.tracking) {
            (Action::Allow, Tracking::Tracked) => rule.verdict(Verdict::Accept),
            (Action::Allow, Tracking::Untracked) => rule.with(Notrack).verdict(Verdict::Accept),
            (Action::Deny, _) => rule.verdict(Verdict::Drop),
            (Action::Pass, _) => rule.verdict(Verdict::Return),
            (Action::Log, _) => rule.with(Log::nflog(self.log_group, self.log_prefix)),
        };
        rule.with_comment(self.comment)
    }
}

/// The rules, in order; none where the rule can match no packet of the family. Pass becomes `return`: such a rule stands in a tier's chain itself.
///
/// A list of alternatives (sets, nets, ports) becomes one rule each, since nf_tables has no "or" between different lookups; all have the same verdict,
/// so their order does not matter.
pub(crate) fn lower(plan: &Plan, rule: &Rule<SetId>, family: Family, outcome: &Outcome<'_>) -> Vec<NftRule> {
    let implied = rule.protocol.and_then(margay_net::Protocol::family);
    if rule.family.is_some_and(|f| f != family) || implied.is_some_and(|f| f != family) {
        return Vec::new();
    }
    let mut lists: Vec<Vec<Part>> = Vec::new();
    for (side, end) in [(&rule.source, End::Source), (&rule.destination, End::Destination)] {
        if let Some(ports) = &side.ports {
            lists.push(port_alternatives(plan, ports, family, end));
        }
        for any in &side.within {
            match address_alternatives(plan, any, family, end) {
                Alternatives::Every => {}
                Alternatives::OneOf(parts) => lists.push(parts),
            }
        }
    }
    let total = lists.iter().try_fold(1usize, |total, list| total.checked_mul(list.len()));
    if total.is_none_or(|total| total > MOST_ALTERNATIVES) {
        // Closed: an Allow that can't be written matches nothing, everything else matches everything. Validation keeps lists far from this.
        let closed = if rule.action == Action::Deny || rule.action == Action::Pass { Some(Action::Deny) } else { None };
        return closed.map(|action| outcome.of(action, NftRule::new())).into_iter().collect();
    }
    let mut combined = vec![protocol_part(rule)];
    for list in &lists {
        combined = combined.iter().flat_map(|before| list.iter().map(|part| before.clone().and(part))).collect();
    }
    let exclusions = [(&rule.source, End::Source), (&rule.destination, End::Destination)]
        .map(|(side, end)| exclusions(plan, side, family, end));
    combined
        .into_iter()
        .map(|part| {
            let whole = exclusions.iter().flatten().fold(part, Part::and);
            outcome.of(rule.action, whole.0)
        })
        .collect()
}

/// Conditions of a rule: it goes on where all hold.
#[derive(Clone, Default)]
struct Part(NftRule);

impl Part {
    fn and(mut self, other: &Part) -> Part {
        self.0.expressions.extend(other.0.expressions.iter().cloned());
        self
    }
}

enum Alternatives {
    Every,
    OneOf(Vec<Part>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

fn address_field(family: Family, end: End) -> PayloadField {
    match (family, end) {
        (Family::V4, End::Source) => PayloadField::IP_SADDR,
        (Family::V4, End::Destination) => PayloadField::IP_DADDR,
        (Family::V6, End::Source) => PayloadField::IP6_SADDR,
        (Family::V6, End::Destination) => PayloadField::IP6_DADDR,
    }
}

pub(crate) fn address_type(family: Family) -> FieldType {
    match family {
        Family::V4 => FieldType::IPV4_ADDR,
        Family::V6 => FieldType::IPV6_ADDR,
    }
}

fn port_field(end: End) -> PayloadField {
    match end {
        End::Source => PayloadField::SPORT,
        End::Destination => PayloadField::DPORT,
    }
}

fn protocol_part(rule: &Rule<SetId>) -> Part {
    let mut part = NftRule::new();
    if let Some(protocol) = rule.protocol {
        part = part.meta(MetaKey::L4Proto).eq(protocol.0);
    }
    if let Some(protocol) = rule.not_protocol {
        part = part.meta(MetaKey::L4Proto).ne(protocol.0);
    }
    for (icmp, op) in [(rule.icmp, CmpOp::Eq), (rule.not_icmp, CmpOp::Ne)] {
        match icmp {
            Some(IcmpMatch { kind, code: Some(code) }) => {
                part = part.payload(PayloadField::ICMP_TYPE_AND_CODE).cmp(op, Data::new(&[kind, code]));
            }
            Some(IcmpMatch { kind, code: None }) => {
                part = part.payload(PayloadField::ICMP_TYPE).cmp(op, Data::new(&[kind]))
            }
            None => {}
        }
    }
    Part(part)
}

fn set_lookup(plan: &Plan, set: SetId, family: Family) -> String {
    names::set(plan.sets[set].name, family)
}

fn address_alternatives(plan: &Plan, any: &AnyOf<SetId>, family: Family, end: End) -> Alternatives {
    if any.nets.is_full_in(family) {
        return Alternatives::Every;
    }
    let field = address_field(family, end);
    let in_set = |set: &SetId| Part(NftRule::new().payload(field).lookup(set_lookup(plan, *set, family)));
    let mut parts: Vec<_> = any.sets.iter().map(in_set).collect();
    if !any.nets.is_empty_in(family) {
        parts.push(Part(in_nets(&any.nets, family, field, true)));
    }
    Alternatives::OneOf(parts)
}

/// The address in this field is one of the nets, or (with `inside` false) none of them.
fn in_nets(nets: &AddressSet, family: Family, field: PayloadField, inside: bool) -> NftRule {
    let prefixes: Vec<Prefix> = nets.restricted(family).prefixes().collect();
    let op = if inside { CmpOp::Eq } else { CmpOp::Ne };
    let rule = NftRule::new().payload(field);
    match prefixes.as_slice() {
        [one] if one.is_host() => rule.cmp(op, Data::from(one.first())),
        [one] => rule.with(Bitwise::mask(Reg::R0, mask(one))).cmp(op, Data::from(one.first())),
        many => {
            let set = InlineSet::new(address_type(family), many.iter().flat_map(interval)).interval();
            if inside { rule.lookup(set) } else { rule.lookup_missing(set) }
        }
    }
}

/// The elements of an interval set that stand for a prefix.
pub(crate) fn interval(prefix: &Prefix) -> impl Iterator<Item = Element> + use<> {
    Element::interval(prefix.first(), prefix.last())
}

fn mask(prefix: &Prefix) -> Data {
    let length = u32::from(prefix.length());
    match prefix.family() {
        Family::V4 => Data::be32(u32::MAX.checked_shl(32 - length).unwrap_or(0)),
        Family::V6 => Data::new(&u128::MAX.checked_shl(128 - length).unwrap_or(0).to_be_bytes()),
    }
}

fn port_alternatives(plan: &Plan, any: &AnyPort<SetId>, family: Family, end: End) -> Vec<Part> {
    let named = any.named.iter().map(|set| Part(named_port(family, end).lookup(set_lookup(plan, *set, family))));
    let numbers = (!any.numbers.is_empty()).then(|| Part(in_ports(&any.numbers, end, true)));
    numbers.into_iter().chain(named).collect()
}

/// Loads (address, protocol, port) of an end.
fn named_port(family: Family, end: End) -> NftRule {
    NftRule::new().load(&[
        Load::Payload(address_field(family, end)),
        Load::Meta(MetaKey::L4Proto),
        Load::Payload(port_field(end)),
    ])
}

fn in_ports(ports: &PortSet, end: End, inside: bool) -> NftRule {
    let rule = NftRule::new().payload(port_field(end));
    let ranges: Vec<_> = ports.ranges().collect();
    match ranges.as_slice() {
        [one] if one.start() == one.end() => {
            rule.cmp(if inside { CmpOp::Eq } else { CmpOp::Ne }, Data::be16(*one.start()))
        }
        [one] => {
            let op = if inside { RangeOp::Inside } else { RangeOp::Outside };
            rule.with(Range { sreg: Reg::R0, op, from: Data::be16(*one.start()), to: Data::be16(*one.end()) })
        }
        many => {
            let elements = many.iter().flat_map(|r| Element::interval(Data::be16(*r.start()), Data::be16(*r.end())));
            let set = InlineSet::new(FieldType::INET_SERVICE, elements).interval();
            if inside { rule.lookup(set) } else { rule.lookup_missing(set) }
        }
    }
}

/// What must not hold of an end.
fn exclusions(plan: &Plan, side: &Side<SetId>, family: Family, end: End) -> Vec<Part> {
    let field = address_field(family, end);
    let mut parts = Vec::new();
    if !side.without.nets.is_empty_in(family) {
        parts.push(Part(in_nets(&side.without.nets, family, field, false)));
    }
    for set in &side.without.sets {
        parts.push(Part(NftRule::new().payload(field).lookup_missing(set_lookup(plan, *set, family))));
    }
    if !side.without_ports.numbers.is_empty() {
        parts.push(Part(in_ports(&side.without_ports.numbers, end, false)));
    }
    for set in &side.without_ports.named {
        parts.push(Part(named_port(family, end).lookup_missing(set_lookup(plan, *set, family))));
    }
    parts
}
