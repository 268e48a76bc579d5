//! Members of an ACL as HNS spells them, in both directions. What is read is exactly what would be written but for order, repetition and lengths of host
//! prefixes; anything else is unreadable.

use super::{AclError, AclRule, AclUnreadable, Action, Direction, RuleType};
use crate::{Feature, Version};
use margay_net::{PortSet, Prefix, Protocol};
use smol_str::SmolStr;
use std::net::IpAddr;

/// What stands for any protocol.
pub(super) const ANY_PROTOCOL: u32 = 256;
/// VXLAN, to VFP.
const VXLAN: Protocol = Protocol(252);

pub(super) type Read<T> = Result<T, AclUnreadable>;

/// A member that may be absent or, which is the same in what HNS prints, empty.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// A member that says nothing where it is absent, empty or zero, and can't be read where it is anything else.
pub(super) fn nothing<T: Default + PartialEq + ToString>(member: &str, value: Option<&T>) -> Read<()> {
    match value {
        Some(value) if *value != T::default() => Err(AclUnreadable::new(member, value.to_string())),
        _ => Ok(()),
    }
}

/// Members that nobody knows may be conditions.
pub(super) fn no_others(others: &crate::Members) -> Read<()> {
    match others.iter().next() {
        Some((member, value)) => Err(AclUnreadable::new(member, value)),
        None => Ok(()),
    }
}

pub(super) fn action(text: Option<&String>) -> Read<Action> {
    match filled(text) {
        Some("Allow") => Ok(Action::Allow),
        Some("Block") => Ok(Action::Block),
        other => Err(AclUnreadable::new("Action", other.unwrap_or("(none)"))),
    }
}

pub(super) fn direction(text: Option<&String>) -> Read<Direction> {
    match filled(text) {
        Some("In") => Ok(Direction::In),
        Some("Out") => Ok(Direction::Out),
        other => Err(AclUnreadable::new("Direction", other.unwrap_or("(none)"))),
    }
}

/// An absent type is taken for `Switch` \[INF\].
pub(super) fn rule_type(text: Option<&String>) -> Read<RuleType> {
    match filled(text) {
        Some("Switch") | None => Ok(RuleType::Switch),
        Some("Host") => Ok(RuleType::Host),
        Some(other) => Err(AclUnreadable::new("RuleType", other)),
    }
}

/// Host rules need no priority \[SRC\]; what an absent one means for a switch rule is \[UNK\].
pub(super) fn priority(rule_type: RuleType, number: Option<u32>) -> Read<u16> {
    match (rule_type, number) {
        (RuleType::Host, None) => Ok(0),
        (RuleType::Switch, None) => Err(AclUnreadable::new("Priority", "(none)")),
        (_, Some(number)) => u16::try_from(number).map_err(|_| AclUnreadable::new("Priority", number)),
    }
}

/// The priority to write; a host rule's zero is left out.
pub(super) fn written_priority(rule: &AclRule, priority: u16, version: Version) -> Result<Option<u32>, AclError> {
    if (rule.rule_type, priority) != (RuleType::Host, 0) {
        return Ok(Some(priority.into()));
    }
    if version.has(Feature::AclNoHostRulePriority) { Ok(None) } else { Err(AclError::HostPriority { version }) }
}

pub(super) fn protocol_number(member: &str, number: u32) -> Read<Option<Protocol>> {
    match number {
        ANY_PROTOCOL => Ok(None),
        1..=255 => Ok(Some(Protocol(number as u8))),
        _ => Err(AclUnreadable::new(member, number)),
    }
}

/// One number; what a list of them means is \[UNK\].
pub(super) fn protocol_text(text: &str) -> Read<Option<Protocol>> {
    let number = plain_number(text).ok_or_else(|| AclUnreadable::new("Protocols", text))?;
    protocol_number("Protocols", number)
}

pub(super) fn written_protocol(protocol: Option<Protocol>, version: Version) -> Result<u32, AclError> {
    match protocol {
        None => Ok(ANY_PROTOCOL),
        Some(Protocol(0)) => Err(AclError::ProtocolZero),
        Some(VXLAN) if !version.has(Feature::AclProtocol252) => Err(AclError::Protocol252 { version }),
        Some(Protocol(number)) => Ok(number.into()),
    }
}

pub(super) fn written_id(id: &SmolStr, version: Version) -> Result<Option<String>, AclError> {
    if id.is_empty() {
        return Ok(None);
    }
    if version.has(Feature::AclRuleId) {
        Ok(Some(id.to_string()))
    } else {
        Err(AclError::Id { id: id.to_string(), version })
    }
}

/// Addresses and prefixes with commas between them, sorted and each once. Host bits and IPv4-mapped addresses are unreadable: whether HNS drops them or
/// refuses them is \[UNK\].
pub(super) fn addresses(member: &str, text: Option<&String>) -> Read<Vec<Prefix>> {
    let Some(text) = filled(text) else { return Ok(Vec::new()) };
    let mut list = Vec::new();
    for part in text.split(',') {
        let unreadable = || AclUnreadable::new(member, part);
        let prefix: Prefix = part.parse().map_err(|_| unreadable())?;
        let address = part.split('/').next().unwrap_or_default().parse::<IpAddr>();
        if address != Ok(prefix.first()) {
            return Err(unreadable());
        }
        list.push(prefix);
    }
    sort(&mut list);
    Ok(list)
}

fn sort(list: &mut Vec<Prefix>) {
    list.sort_unstable();
    list.dedup();
}

/// Both ends' addresses are of one family.
pub(super) fn one_family(local: &[Prefix], remote: &[Prefix]) -> bool {
    let mut families = local.iter().chain(remote).map(Prefix::family);
    families.next().is_none_or(|first| families.all(|family| family == first))
}

pub(super) fn written_addresses(
    member: &'static str,
    list: &[Prefix],
    version: Version,
) -> Result<Option<String>, AclError> {
    let mut list = list.to_vec();
    sort(&mut list);
    if list.len() > 1 && !version.has(Feature::AclAddressLists) {
        return Err(AclError::AddressList { member, count: list.len(), version });
    }
    let texts: Vec<String> = list.iter().map(Prefix::to_string).collect();
    Ok(if texts.is_empty() { None } else { Some(texts.join(",")) })
}

/// Ports and `first-last` ranges with commas between them. A lone 0 may mean any port \[UNK\]: unreadable.
pub(super) fn ports(member: &str, text: Option<&String>) -> Read<Option<PortSet>> {
    let Some(text) = filled(text) else { return Ok(None) };
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let unreadable = || AclUnreadable::new(member, part);
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text| plain_number(text).and_then(|number| u16::try_from(number).ok()).ok_or_else(unreadable);
        let (first, last) = (number(first)?, number(last)?);
        if first > last || last == 0 {
            return Err(unreadable());
        }
        ranges.push(first..=last);
    }
    Ok(Some(ranges.into_iter().collect()))
}

/// Only with TCP and UDP \[SRC\].
pub(super) fn may_have_ports(protocol: Option<Protocol>) -> bool {
    matches!(protocol, Some(Protocol::TCP | Protocol::UDP))
}

/// Refuses ports that no version takes.
pub(super) fn check_ports(member: &'static str, rule: &AclRule, ports: Option<&PortSet>) -> Result<(), AclError> {
    let Some(ports) = ports else { return Ok(()) };
    if !may_have_ports(rule.protocol) {
        return Err(AclError::PortsWithoutProtocol { member });
    }
    match ports.ranges().next() {
        None => Err(AclError::NoPorts { member }),
        Some(range) if *range.end() == 0 => Err(AclError::PortZero { member }),
        Some(_) => Ok(()),
    }
}

/// Ports as a list of ranges.
pub(super) fn written_ports(ports: Option<&PortSet>) -> Option<String> {
    let texts: Vec<String> = ports?
        .ranges()
        .map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        })
        .collect();
    Some(texts.join(","))
}

/// The one port of a set, for versions without lists.
pub(super) fn written_port(
    member: &'static str,
    ports: Option<&PortSet>,
    version: Version,
) -> Result<Option<u32>, AclError> {
    let Some(ports) = ports else { return Ok(None) };
    match ports.ranges().next() {
        Some(range) if ports.len() == 1 => Ok(Some((*range.start()).into())),
        _ => Err(AclError::PortList { member, ports: ports.to_string(), version }),
    }
}

/// Digits without sign or leading zeros.
fn plain_number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
