//! Tiers of ACLs, from HNS 14.0 on: in schema and test values \[SRC\], used by nobody seen.

use crate::Direction;
use crate::acl::Action;
use crate::acl::read::{Condition, Judge, direction};
use crate::document::{Answer, Members, Refusal};

/// A tier of an endpoint, of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tier {
    /// Tiers are asked in ascending order \[INF\].
    pub(crate) order: u16,
    pub(crate) direction: Direction,
    pub(crate) rules: Vec<TierRule>,
}

/// A rule of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TierRule {
    pub(crate) id: String,
    pub(crate) action: Action,
    pub(crate) priority: u16,
    pub(crate) condition: Condition,
}

const MEMBERS: [&str; 8] = [
    "Id",
    "Protocols",
    "TierAclRuleAction",
    "LocalAddresses",
    "RemoteAddresses",
    "LocalPorts",
    "RemotePorts",
    "Priority",
];

impl Judge<'_> {
    /// Reads the settings of a TierAcl.
    pub(crate) fn tier(&self, settings: Members<'_>) -> Answer<Tier> {
        let rules = settings.list("TierAclRules")?.iter();
        Ok(Tier {
            order: settings.port("Order")?.unwrap_or(0),
            direction: direction(settings)?,
            rules: rules
                .map(|rule| self.tier_rule(Members::strict(rule, "TierAclRules", &MEMBERS)?))
                .collect::<Answer<_>>()?,
        })
    }

    fn tier_rule(&self, settings: Members<'_>) -> Answer<TierRule> {
        let action = match settings.text("TierAclRuleAction")? {
            Some("Allow") => Action::Allow,
            Some("Block") => Action::Block,
            Some("Pass") => Action::Pass,
            other => return Err(Refusal::policy(format!("TierAclRuleAction {other:?}"))),
        };
        Ok(TierRule {
            id: settings.text("Id")?.unwrap_or_default().to_owned(),
            action,
            priority: settings.port("Priority")?.unwrap_or(0),
            condition: self.condition(settings)?,
        })
    }
}

/// The members that the settings of a TierAcl have.
pub(crate) const TIER_MEMBERS: [&str; 4] = ["Name", "Direction", "Order", "TierAclRules"];
