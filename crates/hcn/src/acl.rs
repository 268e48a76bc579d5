//! Access control rules of an endpoint, in the one form that both doors' spellings turn into.

use margay_net::{PortSet, Prefix, Protocol};
use smol_str::SmolStr;
use std::fmt;

/// A rule with the number that orders it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acl {
    /// Lower is asked first. Switch rules work from 100 to 65500 \[SRC, FIELD\]; which of two equal ones is asked first is \[UNK\].
    pub priority: u16,
    /// What it matches and does.
    pub rule: AclRule,
}

/// A rule without its number: everything that is there must match; the first that does decides \[MS\].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AclRule {
    /// Free text, which VFP shows as the rule's friendly name; empty before HNS 7.2, and where there is none.
    pub id: SmolStr,
    /// Where it is enforced.
    pub rule_type: RuleType,
    /// Which way the packet goes.
    pub direction: Direction,
    /// What happens to it.
    pub action: Action,
    /// Its protocol; `None` is any.
    pub protocol: Option<Protocol>,
    /// The endpoint's own end; empty is any. One family alone \[FIELD\].
    pub local_addresses: Vec<Prefix>,
    /// The other end; empty is any. One family alone \[FIELD\].
    pub remote_addresses: Vec<Prefix>,
    /// The endpoint's own port; `None` is any. Only with TCP or UDP \[SRC\].
    pub local_ports: Option<PortSet>,
    /// The other end's port; `None` is any. Only with TCP or UDP \[SRC\].
    pub remote_ports: Option<PortSet>,
}

/// Where an ACL is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleType {
    /// By VFP, in the virtual switch.
    Switch,
    /// By WFP, the host's firewall.
    Host,
}

/// Which way a packet goes, seen from the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To it: its own end is the destination.
    In,
    /// From it: its own end is the source.
    Out,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];
}

/// What an ACL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Lets the packet through.
    Allow,
    /// Drops it.
    Block,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::In => "In",
            Direction::Out => "Out",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Allow => "Allow",
            Action::Block => "Block",
        })
    }
}

impl fmt::Display for RuleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleType::Switch => "Switch",
            RuleType::Host => "Host",
        })
    }
}
