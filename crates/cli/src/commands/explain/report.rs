//! What is to say about a flow, before it is printed: the same for people and for programs.

use crate::answer::{Answer, At, Backend, By, End, Word, reason};
use crate::fix::{Fix, fixes, whose};
use crate::flows::Resolved;
use crate::party::PartyName;
use crate::words;
use crate::world::{RulePlace, World};
use margay_policy::{
    Action, Always, Cause, Decision, Direction, Explanation, Flow, Key, Layer, PolicyId, RuleId, Step, TierEnd,
    verdict_in,
};
use serde::Serialize;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

/// A flow, its verdict, and all that led to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) from: PartyReport,
    pub(super) to: PartyReport,
    pub(super) protocol: String,
    pub(super) port: u16,
    pub(super) source_port: u16,
    #[serde(skip)]
    pub(super) traffic: String,
    /// `enforced`, or `staged`: as if the staged policies were in force.
    pub(super) layer: &'static str,
    pub(super) verdict: Word,
    /// The verdict of the other layer, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<Word>,
    /// Of a service: the address and port that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<SocketAddr>,
    /// Of a service: its backends. The rest is about the first that can't be reached, or else about the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backends: Option<Vec<Backend>>,
    pub(super) ends: Vec<EndReport>,
    pub(super) by: Vec<By>,
}

#[derive(Debug, Serialize)]
pub(super) struct PartyReport {
    pub(super) name: String,
    pub(super) address: IpAddr,
    /// Whose the address is: `10.0.0.1 (pod shop/web)`.
    #[serde(skip)]
    pub(super) whose: String,
    pub(super) node: Option<SmolStr>,
}

/// An end of the flow, or a host endpoint on its way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndReport {
    pub(super) end: End,
    pub(super) endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<SmolStr>,
    pub(super) verdict: Word,
    /// In one sentence.
    pub(super) because: String,
    pub(super) tiers: Vec<TierReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decided_by: Option<RuleName>,
    /// The policies whose tier denies by default.
    pub(super) isolated_by: Vec<PolicyName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closest: Option<ClosestReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct TierReport {
    /// Null of a profile.
    pub(super) tier: Option<SmolStr>,
    pub(super) policies: Vec<PolicyReport>,
    /// `allow`, `deny` or `pass` by a rule; `default deny`, `default pass`.
    pub(super) outcome: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct PolicyReport {
    #[serde(flatten)]
    pub(super) name: PolicyName,
    pub(super) rules: Vec<RuleReport>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct PolicyName {
    kind: &'static str,
    group: &'static str,
    namespace: SmolStr,
    name: SmolStr,
    /// `file:line`.
    pub(super) place: Option<String>,
    #[serde(skip)]
    pub(super) words: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct RuleReport {
    pub(super) rule: u16,
    pub(super) action: &'static str,
    pub(super) place: Option<String>,
    pub(super) matched: bool,
    /// It has an error: an Allow then matches nothing, anything else denies everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) unreadable: bool,
    /// The parts that the flow does not match.
    pub(super) missed: Vec<Fix>,
}

/// A rule, with its text.
#[derive(Debug, Serialize)]
pub(super) struct RuleName {
    #[serde(flatten)]
    pub(super) policy: PolicyName,
    #[serde(skip)]
    pub(super) direction: Direction,
    pub(super) rule: u16,
    #[serde(rename = "rulePlace")]
    pub(super) rule_place: Option<String>,
    #[serde(rename = "yaml", serialize_with = "joined")]
    pub(super) lines: Vec<(u32, String)>,
}

/// The Allow rule that came closest.
#[derive(Debug, Serialize)]
pub(super) struct ClosestReport {
    #[serde(flatten)]
    pub(super) rule: RuleName,
    #[serde(rename = "wouldMatchIf")]
    pub(super) would_match_if: Vec<Fix>,
}

fn joined<S: serde::Serializer>(lines: &[(u32, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let text: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    serializer.serialize_str(&text.join("\n"))
}

impl Report {
    pub(super) fn of(world: &World, layer: Layer, names: [&PartyName; 2], asked: &Resolved) -> Self {
        let plan = world.plan();
        let answer = Answer::of(plan, layer, asked);
        let other = if layer == Layer::Enforced { Layer::Staged } else { Layer::Enforced };
        let otherwise = Some(Answer::of(plan, other, asked).verdict).filter(|word| *word != answer.verdict);
        let flow = deciding(asked, &answer);
        let party = |name: &PartyName, address| PartyReport {
            name: name.to_string(),
            address,
            whose: whose(world, address),
            node: plan.node_of(address).map(|node| node.name.clone()),
        };
        Self {
            from: party(names[0], flow.src),
            to: party(names[1], flow.dst),
            protocol: flow.protocol.to_string(),
            port: flow.port,
            source_port: flow.source_port,
            service: asked.backends.as_ref().map(|_| SocketAddr::new(asked.flow.dst, asked.flow.port)),
            traffic: words::traffic(&asked.flow),
            layer: if layer == Layer::Enforced { "enforced" } else { "staged" },
            verdict: answer.verdict,
            otherwise,
            // Without any backend there is nothing more to explain.
            ends: if answer.backends.as_ref().is_some_and(Vec::is_empty) {
                Vec::new()
            } else {
                ends(world, layer, &flow)
            },
            backends: answer.backends,
            by: answer.by,
        }
    }
}

/// Of a service, the packet to the backend that the answer is about.
fn deciding(asked: &Resolved, answer: &Answer) -> Flow {
    let (Some(flows), Some(backends)) = (&asked.backends, &answer.backends) else { return asked.flow };
    let denied = backends.iter().position(|backend| backend.verdict == Word::Deny);
    flows.get(denied.unwrap_or(0)).copied().unwrap_or(asked.flow)
}

fn ends(world: &World, layer: Layer, flow: &Flow) -> Vec<EndReport> {
    let plan = world.plan();
    let verdict = verdict_in(plan, layer, flow);
    let explained = margay_policy::explain(plan, layer, flow);
    let at = At::all(plan, flow, &verdict);
    at.iter().zip(&explained).map(|((at, _), explanation)| end(world, flow, at, explanation)).collect()
}

fn end(world: &World, flow: &Flow, at: &At<'_>, explanation: &Explanation) -> EndReport {
    let decision = explanation.decision;
    let plan = world.plan();
    let key = &at.endpoint.key;
    let tiers = tiers(world, flow, at.direction(), &explanation.steps);
    let rule = |policy: PolicyId, index| RuleName::of(world, &plan.policies[policy].key, at.direction(), index);
    let decided_by = match decision.cause {
        Cause::Rule { policy, index } => Some(rule(policy, index)),
        _ => None,
    };
    let isolated_by: Vec<_> = match decision.cause {
        Cause::TierEnd { stack, slice } => at.slice(stack, slice).policies.as_slice(),
        _ => &[],
    }
    .iter()
    .map(|policy| PolicyName::of(world, &plan.policies[*policy].key))
    .collect();
    let closest = explanation.closest.as_ref().map(|closest| {
        let name = rule(closest.policy, closest.index);
        let compared =
            tiers.iter().flat_map(|tier| &tier.policies).filter(|policy| policy.name.words == name.policy.words);
        let found = compared.flat_map(|policy| &policy.rules).find(|rule| rule.rule == closest.index);
        ClosestReport { rule: name, would_match_if: found.map_or_else(Vec::new, |rule| rule.missed.clone()) }
    });
    let because = because(at, decision, decided_by.as_ref(), &isolated_by);
    EndReport {
        end: at.end,
        endpoint: if key.namespace.is_empty() {
            key.name.to_string()
        } else {
            format!("{}/{}", key.namespace, key.name)
        },
        node: at.node.clone(),
        verdict: decision.allow.into(),
        because,
        tiers,
        decided_by,
        isolated_by,
        closest,
    }
}

fn because(at: &At<'_>, decision: Decision, rule: Option<&RuleName>, isolated: &[PolicyName]) -> String {
    match decision.cause {
        Cause::Rule { .. } => {
            let Some(rule) = rule else { return String::new() };
            format!("{} rule {} of {}", rule.direction, rule.rule, rule.policy.words)
        }
        Cause::TierEnd { stack, slice } => {
            let tier = &at.slice(stack, slice).tier;
            let names = words::list(isolated.iter().map(|policy| policy.words.clone()), "and");
            format!("isolated by {names}: no rule of tier {tier} matches, and the tier denies by default")
        }
        Cause::StackEnd(_) => match at.by(decision).first() {
            Some(By { reason: Some(reason), .. }) => (*reason).to_owned(),
            Some(By { name: Some(profile), .. }) => format!("no policy decides; profile {profile} allows"),
            _ => String::new(),
        },
        Cause::Always(Always::OwnNode) => format!("always allowed from its own node {}", at.endpoint.node),
        Cause::Always(always) if decision.allow => format!("always allowed: {}", reason(always)),
        Cause::Always(always) => reason(always).to_owned(),
    }
}

/// The tiers that were asked, with every rule that was compared.
fn tiers(world: &World, flow: &Flow, direction: Direction, steps: &[Step]) -> Vec<TierReport> {
    let mut reports = Vec::new();
    let mut rest = steps.iter().peekable();
    while let Some(step) = rest.next() {
        let Step::Tier { stack, slice } = *step else { continue };
        let slice = &world.plan().stacks[stack].tiers(direction)[slice];
        let mut policies = Vec::new();
        let mut decided = None;
        for id in &slice.policies {
            let rules = compared(world, flow, direction, *id, &mut rest);
            decided = rules.iter().find(|rule| rule.matched && rule.action != "log").map(|rule| rule.action);
            policies.push(PolicyReport { name: PolicyName::of(world, &world.plan().policies[*id].key), rules });
            if decided.is_some() {
                break;
            }
        }
        let default = if slice.end == TierEnd::Deny { "default deny" } else { "default pass" };
        let tier = (!slice.tier.is_empty()).then(|| slice.tier.clone());
        reports.push(TierReport { tier, policies, outcome: decided.unwrap_or(default) });
    }
    reports
}

/// The rules of one policy that the steps compare, which they do in order. A rule that became several is reported once, by the one of them that
/// comes closest.
fn compared<'s>(
    world: &World,
    flow: &Flow,
    direction: Direction,
    id: PolicyId,
    steps: &mut std::iter::Peekable<impl Iterator<Item = &'s Step>>,
) -> Vec<RuleReport> {
    let policy = &world.plan().policies[id];
    let report = |index, action| {
        let id = RuleId { policy: policy.key.clone(), direction, index };
        let unreadable = world.unreadable(&id).is_some();
        let place = world.rule_place(&id).map(|place| place.to_string());
        RuleReport { rule: index, action: word(action), place, matched: false, unreadable, missed: Vec::new() }
    };
    let mut reports: Vec<RuleReport> = Vec::new();
    // An unreadable Allow is no rule of the Plan: its place is where its index is.
    let skipped = |reports: &mut Vec<RuleReport>, until: u16| {
        let first = reports.last().map_or(0, |last| last.rule + 1);
        let unreadable = (first..until).filter_map(|index| {
            let id = RuleId { policy: policy.key.clone(), direction, index };
            Some(report(index, world.unreadable(&id)?))
        });
        let unreadable: Vec<_> = unreadable.collect();
        reports.extend(unreadable);
    };
    let mut decided = false;
    for rule in policy.rules(direction) {
        let of_policy = |step: &&Step| matches!(step, Step::Rule { policy, .. } if *policy == id);
        let Some(Step::Rule { index, action, missed, .. }) = steps.next_if(of_policy) else {
            decided = true;
            break;
        };
        let fixes = fixes(world, &rule.rule, flow, missed);
        if let Some(last) = reports.last_mut().filter(|last| last.rule == *index) {
            if missed.len() < last.missed.len() {
                last.missed = fixes;
                last.matched = missed.is_empty();
            }
            continue;
        }
        skipped(&mut reports, *index);
        reports.push(RuleReport { matched: missed.is_empty(), missed: fixes, ..report(*index, *action) });
    }
    if !decided && !reports.iter().any(|rule| rule.matched && rule.action != "log") {
        skipped(&mut reports, world.rules_written(&policy.key, direction));
    }
    reports
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
        Action::Pass => "pass",
        Action::Log => "log",
    }
}

impl PolicyName {
    fn of(world: &World, key: &Key) -> Self {
        Self {
            kind: key.kind.name(),
            group: key.kind.group(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            place: world.place(key),
            words: words::resource(key),
        }
    }
}

impl RuleName {
    fn of(world: &World, key: &Key, direction: Direction, rule: u16) -> Self {
        let place = world.rule_place(&RuleId { policy: key.clone(), direction, index: rule });
        Self {
            policy: PolicyName::of(world, key),
            direction,
            rule,
            lines: place.as_ref().map_or_else(Vec::new, |place| world.excerpt(place)),
            rule_place: place.as_ref().map(RulePlace::to_string),
        }
    }
}
