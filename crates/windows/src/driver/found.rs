//! What an endpoint has: our ACLs, and those of others.

use margay_hcn::{Acl, Endpoint, Feature, Policy, RuleType, Version};

use super::{FIRST, HOST_BEFORE_1803, LAST};
use crate::lower::ID_PREFIX;

/// The ACLs of an endpoint, by whose they are.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    /// Our ACLs, in the order in which HNS asks them.
    pub(super) ours: Vec<Acl>,
    /// ACLs of others, which we keep.
    pub(super) foreign: Vec<Policy>,
    /// How many policies there are beside ours, of whatever type.
    pub(super) beside: usize,
}

impl Found {
    pub(super) fn of(endpoint: &Endpoint, version: Version) -> Self {
        let (ours, foreign): (Vec<&Policy>, Vec<&Policy>) =
            endpoint.acls().partition(|policy| policy.acl().is_some_and(|acl| is_ours(acl, version)));
        let mut ours: Vec<Acl> = ours.into_iter().filter_map(Policy::acl).cloned().collect();
        sort(&mut ours);
        let beside = endpoint.policies.len() - ours.len();
        Self { ours, foreign: foreign.into_iter().cloned().collect(), beside }
    }

    /// ACLs of others that are asked before our last ones, so that what is in force is not what we mean; those that can't be read too, for nobody knows.
    pub(super) fn intruders(&self) -> impl Iterator<Item = &Policy> {
        self.foreign.iter().filter(|policy| {
            policy.acl().is_none_or(|acl| acl.rule.rule_type == RuleType::Switch && acl.priority <= LAST)
        })
    }
}

/// In the order in which HNS asks; equal numbers only where the order is nobody's business.
pub(super) fn sort(acls: &mut [Acl]) {
    acls.sort_by_key(|acl| (acl.priority, acl.rule.direction));
}

/// By its id; before HNS 7.2, which has none, by its number.
fn is_ours(acl: &Acl, version: Version) -> bool {
    if version.has(Feature::AclRuleId) {
        return acl.rule.id.starts_with(ID_PREFIX);
    }
    match acl.rule.rule_type {
        RuleType::Switch => (FIRST..=LAST).contains(&acl.priority),
        RuleType::Host => acl.priority == HOST_BEFORE_1803,
    }
}
