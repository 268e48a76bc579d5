//! An ACL as HNS takes it, or not.

use crate::Direction;
use crate::acl::{Action, RuleType};
use crate::document::{Answer, Members, Refusal};
use crate::knobs::{AbsentRuleType, Knobs, ProtocolLists, SctpPorts};
use margay_hcn::{ErrorCode, Feature, Version};
use margay_net::{Family, Prefix, Protocol};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Named sets of addresses of a network, their members as prefixes.
pub(crate) type Sets = BTreeMap<String, Vec<Prefix>>;

/// Whoever judges ACLs: what HNS can do, how it is read, which sets the network has, and how much it takes.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) version: Version,
    pub(crate) knobs: Knobs,
    pub(crate) sets: &'a Sets,
    /// The longest list of addresses or ports.
    pub(crate) longest_list: usize,
}

/// An ACL that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acl {
    pub(crate) id: String,
    pub(crate) rule_type: RuleType,
    pub(crate) direction: Direction,
    pub(crate) action: Action,
    pub(crate) priority: u16,
    pub(crate) condition: Condition,
    /// Whether the document named a type and a protocol.
    pub(crate) explicit: bool,
}

/// What a packet must be for a rule to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Any of them; empty is any.
    pub(crate) protocols: Vec<u8>,
    pub(crate) local: Addresses,
    pub(crate) remote: Addresses,
    /// First and last of each range; empty is any.
    pub(crate) local_ports: Vec<(u16, u16)>,
    pub(crate) remote_ports: Vec<(u16, u16)>,
}

/// A list of addresses, or of names of sets; empty is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) prefixes: Vec<Prefix>,
    pub(crate) sets: Vec<String>,
}

impl Addresses {
    pub(crate) fn len(&self) -> usize {
        self.prefixes.len() + self.sets.len()
    }

    /// The family of its prefixes, of which no two differ.
    pub(crate) fn family(&self) -> Option<Family> {
        self.prefixes.first().map(Prefix::family)
    }
}

impl Judge<'_> {
    /// Reads the settings of an ACL, in the form of V2.
    pub(crate) fn acl(&self, settings: Members<'_>) -> Answer<Acl> {
        let rule_type = match settings.text("RuleType")? {
            Some("Switch") => RuleType::Switch,
            Some("Host") => RuleType::Host,
            Some(other) => return Err(Refusal::policy(format!("RuleType {other:?}"))),
            None if self.knobs.absent_rule_type == AbsentRuleType::Host => RuleType::Host,
            None => RuleType::Switch,
        };
        let action = match settings.text("Action")? {
            Some("Allow") => Action::Allow,
            Some("Block") => Action::Block,
            other => return Err(Refusal::policy(format!("Action {other:?}"))),
        };
        let priority = settings.port("Priority")?.unwrap_or(0);
        // Before 1803, Felix numbers its Host rules 100 in the place of 0 [SRC].
        let numbered = self.version.has(Feature::AclNoHostRulePriority) || priority > 0;
        if rule_type == RuleType::Host && !numbered {
            return Err(Refusal::policy("before HNS 7.2 a Host ACL needs a Priority"));
        }
        Ok(Acl {
            id: settings.text("Id")?.unwrap_or_default().to_owned(),
            rule_type,
            direction: direction(settings)?,
            action,
            priority,
            condition: self.condition(settings)?,
            explicit: settings.text("RuleType")?.is_some() && settings.text("Protocols")?.is_some(),
        })
    }

    /// Reads what a rule matches.
    pub(crate) fn condition(&self, settings: Members<'_>) -> Answer<Condition> {
        let condition = Condition {
            protocols: self.protocols(settings.text("Protocols")?.unwrap_or_default())?,
            local: self.addresses("LocalAddresses", settings)?,
            remote: self.addresses("RemoteAddresses", settings)?,
            local_ports: self.ports("LocalPorts", settings)?,
            remote_ports: self.ports("RemotePorts", settings)?,
        };
        let with_ports = !(condition.local_ports.is_empty() && condition.remote_ports.is_empty());
        let takes_ports = |protocol: &u8| match Protocol(*protocol) {
            Protocol::TCP | Protocol::UDP => true,
            Protocol::SCTP => self.knobs.sctp_ports == SctpPorts::Accepted,
            _ => false,
        };
        // [SRC]: ports are taken only where the protocol is given, and has them.
        if with_ports && (condition.protocols.is_empty() || !condition.protocols.iter().all(takes_ports)) {
            return Err(Refusal::policy(format!("ports with Protocols {:?}", settings.text("Protocols")?)));
        }
        Ok(condition)
    }

    /// `256`, and nothing, is any protocol [SRC].
    fn protocols(&self, text: &str) -> Answer<Vec<u8>> {
        if matches!(text, "" | "0" | "256") {
            return Ok(Vec::new());
        }
        let number = |text: &str| {
            let number = plain_number(text).and_then(|number| u8::try_from(number).ok()).filter(|number| *number > 0);
            // VXLAN, in VFP's own numbers [SRC].
            let known = number.filter(|number| *number != 252 || self.version.has(Feature::AclProtocol252));
            known.ok_or_else(|| Refusal::policy(format!("Protocols {text:?}")))
        };
        let numbers: Vec<u8> = text.split(',').map(number).collect::<Answer<_>>()?;
        if numbers.len() > 1 && self.knobs.protocol_lists == ProtocolLists::Refused {
            return Err(Refusal::policy(format!("a list of protocols, {text:?}")));
        }
        Ok(numbers)
    }

    fn addresses(&self, name: &str, settings: Members<'_>) -> Answer<Addresses> {
        let mut addresses = Addresses::default();
        for text in self.list(name, settings, Feature::AclAddressLists)? {
            match prefix(text) {
                Some(prefix) => addresses.prefixes.push(prefix),
                None if self.sets.contains_key(text) => addresses.sets.push(text.to_owned()),
                // Such as "Any", or a range [FIELD].
                None => return Err(Refusal::policy(format!("{name}: {text:?} is no address"))),
            }
        }
        let family = addresses.family();
        // [FIELD]: seen on Server 2022.
        if addresses.prefixes.iter().any(|prefix| Some(prefix.family()) != family) {
            return Err(Refusal::new(ErrorCode::BUFFER_OVERFLOW, format!("{name}: both families in one list")));
        }
        Ok(addresses)
    }

    fn ports(&self, name: &str, settings: Members<'_>) -> Answer<Vec<(u16, u16)>> {
        let ranges = self.version.has(Feature::AclPortRanges);
        let read = |text: &str| {
            let (first, last) = text.split_once('-').filter(|_| ranges).unwrap_or((text, text));
            let port = |text: &str| plain_number(text).and_then(|number| u16::try_from(number).ok());
            let pair = port(first).zip(port(last)).filter(|(first, last)| first <= last);
            pair.ok_or_else(|| Refusal::policy(format!("{name}: {text:?} is no port")))
        };
        self.list(name, settings, Feature::AclPortRanges)?.into_iter().map(read).collect()
    }

    /// The entries of a list, commas between them.
    fn list<'s>(&self, name: &str, settings: Members<'s>, lists: Feature) -> Answer<Vec<&'s str>> {
        let Some(text) = settings.text(name)? else { return Ok(Vec::new()) };
        let entries: Vec<&str> = text.split(',').collect();
        if entries.len() > 1 && !self.version.has(lists) {
            return Err(Refusal::policy(format!("{name}: a list, before HNS 7.2")));
        }
        if entries.len() > self.longest_list {
            return Err(Refusal::new(ErrorCode::BUFFER_OVERFLOW, format!("{name}: {} entries", entries.len())));
        }
        Ok(entries)
    }
}

pub(crate) fn direction(settings: Members<'_>) -> Answer<Direction> {
    match settings.text("Direction")? {
        Some("In") => Ok(Direction::In),
        Some("Out") => Ok(Direction::Out),
        other => Err(Refusal::policy(format!("Direction {other:?}"))),
    }
}

/// An address or a CIDR. What host bits in an ACL do is not known: they are dropped \[INF\].
fn prefix(text: &str) -> Option<Prefix> {
    text.parse().ok()
}

/// An address and a length whose host bits are zero, or an address.
pub(crate) fn exact_prefix(text: &str) -> Option<Prefix> {
    let prefix = prefix(text)?;
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    (prefix.first() == address).then_some(prefix)
}

/// Digits alone.
fn plain_number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
