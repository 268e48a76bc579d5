//! What an endpoint has: our ACLs, and those of others.

use margay_hcn::{Acl, AclRule, Endpoint, Feature, Policy, RuleType, Version};

use super::{FIRST, HOST_BEFORE_1803, LAST};
use crate::lower::ID_PREFIX;

/// The ACLs of an endpoint, by whose they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Our ACLs, in the order in which HNS asks them; one that is there twice, once.
    pub(super) ours: Vec<Acl>,
    /// Those of ours that don't read as we write any.
    pub(super) garbled: Vec<Policy>,
    /// ACLs of others, which we keep.
    pub(super) foreign: Vec<Policy>,
    /// How many policies there are beside ours, of whatever type.
    pub(super) beside: usize,
}

impl Found {
    pub(super) fn of(endpoint: &Endpoint, version: Version) -> Self {
        let (ours, foreign): (Vec<&Policy>, Vec<&Policy>) = endpoint.acls().partition(|policy| match policy {
            Policy::Acl(acl) => is_ours(acl, version),
            Policy::Other(raw) => raw.acl_id().is_some_and(|id| id.starts_with(ID_PREFIX)),
        });
        let beside = endpoint.policies.len() - ours.len();
        let (ours, garbled): (Vec<&Policy>, Vec<&Policy>) = ours.into_iter().partition(|policy| policy.acl().is_some());
        let mut ours: Vec<Acl> = ours.into_iter().filter_map(Policy::acl).cloned().collect();
        sort(&mut ours);
        ours.dedup();
        let owned = |policies: Vec<&Policy>| policies.into_iter().cloned().collect();
        Self { ours, garbled: owned(garbled), foreign: owned(foreign), beside }
    }

    /// Whether it has ACLs of exactly the ids of these: HNS took them, however it shows them. An id names all that its rule says.
    pub(super) fn has_ids_of(&self, rules: &[AclRule]) -> bool {
        let garbled = self.garbled.iter().filter_map(|policy| match policy {
            Policy::Acl(_) => None,
            Policy::Other(raw) => raw.acl_id(),
        });
        let mut there: Vec<&str> = self.ours.iter().map(|acl| acl.rule.id.as_str()).chain(garbled).collect();
        let mut wanted: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        there == wanted && wanted.iter().all(|id| !id.is_empty())
    }

    /// How many of these ACLs are missing, and how many of ours are there beside them.
    pub(super) fn differs(&self, target: &[Acl]) -> (usize, usize) {
        let missing = target.iter().filter(|acl| !self.ours.contains(acl)).count();
        let more = self.ours.iter().filter(|acl| !target.contains(acl)).count();
        (missing, more + self.garbled.len())
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
