//! What is answered of a flow: the verdict, and what decided it at each end.

use crate::flows::Resolved;
use margay_api::{Key, Kind};
use margay_policy::{
    Always, Cause, Decision, Direction, Endpoint, Flow, Layer, Plan, PolicyId, StackId, TierSlice, Verdict, verdict_in,
};
use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// Whether a flow, or one end of it, goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Word {
    Allow,
    Deny,
}

impl From<bool> for Word {
    fn from(allow: bool) -> Self {
        if allow { Self::Allow } else { Self::Deny }
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// The members that are added to a line of flows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Of the flow; of a service, allow where there are backends and each may be reached.
    pub verdict: Word,
    /// Of the source; null where it is no endpoint. Of a service, deny where any backend's is.
    pub egress: Option<Word>,
    /// Of the destination; null where it is no endpoint. Of a service, deny where any backend's is.
    pub ingress: Option<Word>,
    /// What decided: ends that deny first, otherwise in the order that the packet meets them. Of a service, those of the first backend that
    /// can't be reached, or else of the first.
    pub by: Vec<By>,
    /// Where the destination is a service: the same for each of its backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<Vec<Backend>>,
}

/// The answer for one backend of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Backend {
    pub address: IpAddr,
    pub port: u16,
    pub verdict: Word,
    pub egress: Option<Word>,
    pub ingress: Option<Word>,
    pub by: Vec<By>,
}

/// What decided at one end: a rule; or, where there is a default instead, what it is the default of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct By {
    /// Which end.
    pub end: End,
    /// The node, of an end that is a host endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<SmolStr>,
    /// The kind of the policy, as in YAML; null where no policy was asked.
    pub kind: Option<&'static str>,
    /// Its API group: Kubernetes' NetworkPolicy and Calico's share their kind.
    pub group: Option<&'static str>,
    /// Its namespace; empty where it is in none.
    pub namespace: Option<SmolStr>,
    /// Its name.
    pub name: Option<SmolStr>,
    /// Its tier; null of a profile.
    pub tier: Option<SmolStr>,
    /// The zero-based index of the rule in its `ingress` or `egress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<u16>,
    /// What happened since no rule decided. Each policy of the tier whose default denied is listed: together they isolate the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Word>,
    /// Why, where it is neither a rule nor a tier's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// An end of a flow, or a host endpoint on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum End {
    Egress,
    Ingress,
    HostEgress,
    HostIngress,
    /// A service that has no backend for the port.
    Service,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
            Self::HostEgress => "host-egress",
            Self::HostIngress => "host-ingress",
            Self::Service => "service",
        })
    }
}

impl Answer {
    /// What a layer of the Plan says.
    pub fn of(plan: &Plan, layer: Layer, asked: &Resolved) -> Self {
        let Some(flows) = &asked.backends else {
            let verdict = verdict_in(plan, layer, &asked.flow);
            let by = by(plan, &asked.flow, &verdict);
            let [egress, ingress] = ends(&verdict);
            return Self { verdict: verdict.allow.into(), egress, ingress, by, backends: None };
        };
        let backend = |flow: &Flow| {
            let verdict = verdict_in(plan, layer, flow);
            let by = by(plan, flow, &verdict);
            let [egress, ingress] = ends(&verdict);
            Backend { address: flow.dst, port: flow.port, verdict: verdict.allow.into(), egress, ingress, by }
        };
        let backends: Vec<_> = flows.iter().map(backend).collect();
        let all = |end: fn(&Backend) -> Option<Word>| {
            let words = || backends.iter().filter_map(end);
            words().find(|word| *word == Word::Deny).or_else(|| words().next())
        };
        let deciding = backends.iter().find(|backend| backend.verdict == Word::Deny).or(backends.first());
        Self {
            verdict: deciding.map_or(Word::Deny, |backend| backend.verdict),
            egress: all(|backend| backend.egress),
            ingress: all(|backend| backend.ingress),
            by: deciding.map_or_else(|| vec![no_backend()], |backend| backend.by.clone()),
            backends: Some(backends),
        }
    }
}

fn ends(verdict: &Verdict) -> [Option<Word>; 2] {
    [verdict.egress, verdict.ingress].map(|decision| decision.map(|decision| decision.allow.into()))
}

fn no_backend() -> By {
    By {
        default: Some(Word::Deny),
        reason: Some("the service has no backend for this port"),
        ..By::nothing(End::Service)
    }
}

/// What decided a verdict, at each end: those that deny first.
pub fn by(plan: &Plan, flow: &Flow, verdict: &Verdict) -> Vec<By> {
    let ends = At::all(plan, flow, verdict);
    let with = |allow: bool| ends.iter().filter(move |(_, decision)| decision.allow == allow);
    with(false).chain(with(true)).flat_map(|(at, decision)| at.by(*decision)).collect()
}

/// An end of a flow, or a host endpoint on its way, where something was decided.
pub(crate) struct At<'a> {
    plan: &'a Plan,
    pub(crate) end: End,
    pub(crate) node: Option<SmolStr>,
    pub(crate) endpoint: &'a Endpoint,
    /// Of a host endpoint: the packet neither starts nor ends on its node.
    forwarded: bool,
}

impl<'a> At<'a> {
    /// Every end that decided, in the order that the packet meets them.
    pub(crate) fn all(plan: &'a Plan, flow: &Flow, verdict: &Verdict) -> Vec<(Self, Decision)> {
        let pod = |end, address, decision: Option<Decision>| {
            let (_, endpoint) = plan.pod_at(address)?;
            Some((Self { plan, end, node: None, endpoint, forwarded: false }, decision?))
        };
        let hosts = verdict.hosts.iter().map(|host| {
            let end = if host.direction == Direction::Egress { End::HostEgress } else { End::HostIngress };
            let endpoint = &plan.endpoints[host.endpoint];
            (Self { plan, end, node: Some(host.node.clone()), endpoint, forwarded: !host.local }, host.decision)
        });
        let egress = pod(End::Egress, flow.src, verdict.egress);
        let ingress = pod(End::Ingress, flow.dst, verdict.ingress);
        egress.into_iter().chain(hosts).chain(ingress).collect()
    }

    /// Which way the packet goes, seen from the endpoint.
    pub(crate) fn direction(&self) -> Direction {
        if matches!(self.end, End::Egress | End::HostEgress) { Direction::Egress } else { Direction::Ingress }
    }

    /// The tier whose default decided.
    pub(crate) fn slice(&self, stack: StackId, slice: usize) -> &'a TierSlice {
        &self.plan.stacks[stack].tiers(self.direction())[slice]
    }

    /// What decided, as printed.
    pub(crate) fn by(&self, decision: Decision) -> Vec<By> {
        let default = Some(Word::from(decision.allow));
        let policy = |policy: PolicyId| {
            let policy = &self.plan.policies[policy];
            self.named(&policy.key, &policy.tier)
        };
        match decision.cause {
            Cause::Rule { policy: id, index } => vec![By { rule: Some(index), ..policy(id) }],
            Cause::TierEnd { stack, slice } => {
                let policies = self.slice(stack, slice).policies.iter();
                policies.map(|id| By { default, ..policy(*id) }).collect()
            }
            Cause::StackEnd(_) => vec![By { default, ..self.behind_tiers(decision.allow) }],
            Cause::Always(always) => vec![By { default, reason: Some(reason(always)), ..self.nothing() }],
        }
    }

    /// Behind the last tier: a pod has its namespace's profile, a host endpoint has no more to say.
    fn behind_tiers(&self, allow: bool) -> By {
        let key = &self.endpoint.key;
        if key.kind == Kind::Pod {
            let name = format_smolstr!("kns.{}", key.namespace);
            let profile = Key { kind: Kind::Profile, namespace: SmolStr::default(), name };
            let reason = (!allow).then_some("the pod's namespace does not exist, so no profile allows");
            return By { reason, ..self.named(&profile, "") };
        }
        let reason = match (allow, self.forwarded) {
            (true, true) => "no policy with applyOnForward speaks of forwarded traffic",
            (true, false) => "nothing denies",
            (false, _) => "no policy or profile of the host endpoint allows",
        };
        By { reason: Some(reason), ..self.named(key, "") }
    }

    fn named(&self, key: &Key, tier: &str) -> By {
        By {
            kind: Some(key.kind.name()),
            group: Some(key.kind.group()),
            namespace: Some(key.namespace.clone()),
            name: Some(key.name.clone()),
            tier: (!tier.is_empty()).then(|| tier.into()),
            ..self.nothing()
        }
    }

    fn nothing(&self) -> By {
        By { node: self.node.clone(), ..By::nothing(self.end) }
    }
}

impl By {
    fn nothing(end: End) -> Self {
        Self {
            end,
            node: None,
            kind: None,
            group: None,
            namespace: None,
            name: None,
            tier: None,
            rule: None,
            default: None,
            reason: None,
        }
    }
}

/// What is not a matter of policy, in words.
pub(crate) fn reason(always: Always) -> &'static str {
    match always {
        Always::Itself => "itself",
        Always::OwnNode => "own node",
        Always::NeighbourDiscovery => "neighbour discovery",
        Always::EndpointToHost => "endpointToHostAction is Drop",
        Always::Failsafe => "failsafe port",
    }
}
