//! Policies, tiers and stacks as chains.
//!
//! A stack's chain jumps to the chain of each tier in turn; a tier's chain jumps to the chain of each of its policies. Allow accepts, which ends this
//! base chain alone: the other end of the packet has another. A rule with Pass must leave its tier, and `return` leaves one chain: so the rules of a
//! policy that has one stand in its tiers' chains themselves, and need no packet mark, which others may use.

use crate::Options;
use crate::attribution::{finish, prefix, rule_comment};
use crate::names::{self, Lane};
use crate::rule::{Outcome, lower};
use margay_dataplane::{Reason, Verdict as Said};
use margay_nftables::{Chain, Rule, Verdict};
use margay_policy::{Action, Direction, End, Name, Plan, PlanPolicy, PolicyId, Stack, TierEnd, TierSlice};

/// How a policy stands in its tiers' chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Not at all: it has no rules in this direction.
    Absent,
    /// Jumped to.
    Chain,
    /// Its rules stand there.
    Inline,
}

impl Form {
    pub(crate) fn of(policy: &PlanPolicy, direction: Direction) -> Self {
        let rules = policy.rules(direction);
        if rules.is_empty() {
            Form::Absent
        } else if rules.iter().any(|rule| rule.rule.action == Action::Pass) {
            Form::Inline
        } else {
            Form::Chain
        }
    }
}

fn title(policy: &PlanPolicy) -> String {
    let group = match policy.key.kind.group() {
        "projectcalico.org" => "Calico ",
        _ => "",
    };
    format!("{group}{}", policy.key)
}

/// The rules of a policy.
pub(crate) fn policy_rules(plan: &Plan, id: PolicyId, lane: Lane, options: &Options) -> Vec<Rule> {
    let policy = &plan.policies[id];
    let title = title(policy);
    let mut rules = Vec::new();
    for rule in policy.rules(lane.direction) {
        let comment = rule_comment(&title, lane.direction, rule.index);
        let reason = Reason::Rule { policy: policy.name.to_string(), index: rule.index };
        let said = |verdict| prefix(verdict, lane.direction, &reason);
        let (log, deny) = (said(Said::Log), said(Said::Deny));
        let outcome = Outcome {
            tracking: lane.tracking,
            log_group: options.nflog_group,
            log_prefix: &log,
            deny_prefix: options.log_denied.then_some(deny.as_str()),
            count: options.count,
            comment: &comment,
        };
        rules.extend(lower(plan, &rule.rule, lane.family, &outcome));
    }
    rules
}

/// The chain of a policy.
pub(crate) fn policy_chain(plan: &Plan, id: PolicyId, lane: Lane, options: &Options) -> (Chain, Vec<Rule>) {
    let policy = &plan.policies[id];
    let chain = Chain::regular(names::policy(policy.name, lane)).with_comment(&title(policy));
    (chain, policy_rules(plan, id, lane, options))
}

/// What identifies the chains of a tier's slice.
pub(crate) fn tier_name(plan: &Plan, slice: &TierSlice) -> Name {
    let policies: Vec<Name> = slice.policies.iter().map(|id| plan.policies[*id].name).collect();
    Name::of(&(slice.tier.as_str(), policies, slice.end == TierEnd::Deny))
}

/// The rules of a tier's slice.
pub(crate) fn tier_rules(plan: &Plan, slice: &TierSlice, lane: Lane, options: &Options) -> Vec<Rule> {
    let mut rules = Vec::new();
    for id in &slice.policies {
        let policy = &plan.policies[*id];
        match Form::of(policy, lane.direction) {
            Form::Absent => {}
            Form::Chain => rules.push(Rule::new().verdict(Verdict::jump(names::policy(policy.name, lane)))),
            Form::Inline => rules.extend(policy_rules(plan, *id, lane, options)),
        }
    }
    if slice.end == TierEnd::Deny {
        let reason = Reason::TierEnd { tier: slice.tier.to_string() };
        rules.push(finish(Rule::new(), lane.direction, &reason, options));
    }
    rules
}

/// The chain of a tier's slice.
pub(crate) fn tier_chain(
    plan: &Plan,
    name: Name,
    slice: &TierSlice,
    lane: Lane,
    options: &Options,
) -> (Chain, Vec<Rule>) {
    let title = if slice.tier.is_empty() { "profile".into() } else { format!("tier {}", slice.tier) };
    (Chain::regular(names::tier(name, lane)).with_comment(&title), tier_rules(plan, slice, lane, options))
}

/// The chain of a stack, whose tiers' chains have these names.
pub(crate) fn stack_chain(stack: &Stack, tiers: &[Name], lane: Lane, options: &Options) -> (Chain, Vec<Rule>) {
    let mut rules: Vec<Rule> =
        tiers.iter().map(|tier| Rule::new().verdict(Verdict::jump(names::tier(*tier, lane)))).collect();
    match stack.end {
        End::Deny => rules.push(finish(Rule::new(), lane.direction, &Reason::NoProfile, options)),
        End::Allow => rules.push(Rule::new().verdict(Verdict::Accept)),
        End::Next => {}
    }
    (Chain::regular(names::stack(stack.name, lane)), rules)
}

/// Whether a stack has a chain in this direction: without one, its packets go through.
pub(crate) fn has_chain(stack: &Stack, direction: Direction) -> bool {
    !stack.is_empty(direction) || stack.end == End::Deny
}
