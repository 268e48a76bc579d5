//! Access control rules of an endpoint, in the one form that both doors' spellings turn into.

use crate::document::{Members, members, read_value};
use crate::{Door, Feature, Version, v1 as documents_v1, v2 as documents_v2};
use margay_net::{PortSet, Prefix, Protocol};
use serde_json::Value;
use smol_str::SmolStr;
use std::fmt;

mod error;
mod text;
mod v1;
mod v2;

pub use error::{AclError, AclUnreadable};

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

impl Acl {
    /// The policy that says this, as a door takes it at a version: addresses and ports sorted, each once, so that equal rules are equal texts. Every prefix has
    /// its length.
    ///
    /// Before HNS 7.2 there are one address, one port (a number) and no id; from then on lists, ranges and ids \[SRC\].
    ///
    /// # Errors
    /// What the version can't express, and what HNS takes in no version. Nothing is ever left out.
    pub fn write(&self, door: Door, version: Version) -> Result<Members, AclError> {
        let rule = &self.rule;
        if !text::one_family(&rule.local_addresses, &rule.remote_addresses) {
            return Err(AclError::Families);
        }
        text::check_ports("LocalPorts", rule, rule.local_ports.as_ref())?;
        text::check_ports("RemotePorts", rule, rule.remote_ports.as_ref())?;
        match door {
            Door::V1 => Ok(members(&v1::write(self, version)?)),
            Door::V2 if !version.has(Feature::ApiV2) => Err(AclError::Door { door, version }),
            Door::V2 => Ok(members(&documents_v2::Policy {
                kind: Some("ACL".into()),
                settings: Some(members(&v2::write(self, version)?)),
                other: Members::new(),
            })),
        }
    }

    /// Reads a policy of type `ACL` as a door gives it, of any version. Absent texts come back empty, absent ports as 0, `Scope` as 0 \[FIELD\].
    ///
    /// # Errors
    /// What can't be read without loss: names of sets, `Any`, mixed families, host bits, odd text, members that aren't known.
    pub fn read(door: Door, policy: &Members) -> Result<Self, AclUnreadable> {
        let unreadable = |error: crate::DocumentError| AclUnreadable::new("document", error);
        let acl = match door {
            Door::V1 => {
                let document: documents_v1::Acl = read_value(Value::Object(policy.clone())).map_err(unreadable)?;
                v1::read(&document)?
            }
            Door::V2 => {
                let policy: documents_v2::Policy = read_value(Value::Object(policy.clone())).map_err(unreadable)?;
                text::no_others(&policy.other)?;
                let settings = Value::Object(policy.settings.unwrap_or_default());
                v2::read(&read_value(settings).map_err(unreadable)?)?
            }
        };
        let rule = &acl.rule;
        if !text::one_family(&rule.local_addresses, &rule.remote_addresses) {
            return Err(AclUnreadable::new("RemoteAddresses", "of another family than LocalAddresses, or of both"));
        }
        let ports = rule.local_ports.is_some() || rule.remote_ports.is_some();
        if ports && !text::may_have_ports(rule.protocol) {
            return Err(AclUnreadable::new("Protocol", "without ports, beside ports"));
        }
        Ok(acl)
    }
}

impl AclRule {
    /// The same rule as it comes back from HNS: addresses sorted, each once.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for list in [&mut self.local_addresses, &mut self.remote_addresses] {
            list.sort_unstable();
            list.dedup();
        }
        self
    }
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
