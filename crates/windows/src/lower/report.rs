//! Rules that HNS can't express as they are.

use super::Origin;
use super::project::nameless;
use margay_hcn::Version;
use margay_net::Protocol;
use margay_policy::{Action, Direction, Plan, Rule, RuleId, SetId, StackId};

/// A rule that HNS can't express, and what is done instead: never more is let through than the rule means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsupported {
    /// Which.
    pub rule: RuleId,
    /// The field of it.
    pub field: &'static str,
    /// What is done.
    pub done: &'static str,
}

/// The rules of a pod's policies that this version can't express.
pub(super) fn unsupported(plan: &Plan, stack: StackId, version: Version) -> Vec<Unsupported> {
    let mut found = Vec::new();
    for direction in Direction::ALL {
        let tiers = plan.stacks.get(stack).into_iter().flat_map(|stack| stack.tiers(direction));
        let policies = tiers.flat_map(|tier| &tier.policies).filter_map(|id| plan.policies.get(*id));
        for (policy, rule) in policies.flat_map(|p| p.rules(direction).iter().map(move |rule| (p, rule))) {
            for (field, done) in fields(&rule.rule, version) {
                let rule = RuleId { policy: policy.key.clone(), direction, index: rule.index };
                found.push(Unsupported { rule, field, done });
            }
        }
    }
    found
}

/// The rules among what was cut off.
pub(super) fn cut<'a>(origins: impl Iterator<Item = &'a Origin>) -> impl Iterator<Item = Unsupported> {
    let done = "the endpoint has too many ACLs: what this rule and those behind it would decide is blocked";
    rules(origins).map(|rule| Unsupported { rule, field: "budget", done })
}

/// The rules among what is closed because a protocol can't be named.
pub(super) fn protocol<'a>(origins: impl Iterator<Item = &'a Origin>) -> impl Iterator<Item = Unsupported> {
    let done = "protocols that HNS has no name for are not let through, and others may be blocked with them";
    rules(origins).map(|rule| Unsupported { rule, field: "protocol", done })
}

/// The rules among what is closed because port 0 can't be named by itself.
pub(super) fn port_zero<'a>(origins: impl Iterator<Item = &'a Origin>) -> impl Iterator<Item = Unsupported> {
    let done = "port 0 is not let through, and others may be blocked with it";
    rules(origins).map(|rule| Unsupported { rule, field: "port 0", done })
}

fn rules<'a>(origins: impl Iterator<Item = &'a Origin>) -> impl Iterator<Item = RuleId> {
    origins.filter_map(|origin| match origin {
        Origin::Rule(policy, direction, index) => {
            Some(RuleId { policy: policy.clone(), direction: *direction, index: *index })
        }
        _ => None,
    })
}

fn fields(rule: &Rule<SetId>, version: Version) -> Vec<(&'static str, &'static str)> {
    if rule.action == Action::Log {
        return vec![("log", "nothing is logged; what is let through is the same")];
    }
    let narrowed = |wide: &'static str, narrow: &'static str| if rule.action == Action::Allow { narrow } else { wide };
    let mut found = Vec::new();
    if rule.icmp.is_some() || rule.not_icmp.is_some() {
        let narrow = "ICMP is let through only where all its types and codes are";
        found.push(("icmp", narrowed("ICMP of every type and code is blocked where it is of one", narrow)));
    }
    let sides = [&rule.source, &rule.destination];
    let has_ports = sides.iter().any(|side| side.ports.is_some() || !side.without_ports.is_empty());
    if has_ports && rule.protocol.is_none_or(|protocol| ![Protocol::TCP, Protocol::UDP].contains(&protocol)) {
        let narrow = "other protocols than TCP and UDP are let through only where all their ports are";
        found.push(("ports", narrowed("other protocols than TCP and UDP are blocked on every port", narrow)));
    }
    let nameless = nameless(version);
    if [rule.protocol, rule.not_protocol].into_iter().flatten().any(|protocol| nameless.contains(protocol)) {
        let narrow =
            "it is let through only of ICMP, TCP, UDP, ICMPv6 and SCTP, and not at all where it is of that protocol";
        found.push(("protocol", narrowed("every protocol is blocked", narrow)));
    }
    found
}
