//! Why a flow is decided as it is, step by step.

use crate::verdict::walk;
use crate::*;

/// A part of a rule that a flow does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Mismatch {
    Family,
    Protocol,
    Icmp,
    SourceAddress,
    SourcePort,
    DestinationAddress,
    DestinationPort,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Mismatch::Family => "IP version",
            Mismatch::Protocol => "protocol",
            Mismatch::Icmp => "ICMP type and code",
            Mismatch::SourceAddress => "source address",
            Mismatch::SourcePort => "source port",
            Mismatch::DestinationAddress => "destination address",
            Mismatch::DestinationPort => "destination port",
        })
    }
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A tier is entered.
    Tier {
        /// The stack.
        stack: StackId,
        /// The index of the slice.
        slice: usize,
    },
    /// A rule is compared. A rule of a resource that became several is compared as often.
    Rule {
        /// Its policy.
        policy: PolicyId,
        /// Its index in the policy's direction.
        index: u16,
        /// What it does where it matches.
        action: Action,
        /// The parts that the flow does not match; empty where it matches.
        missed: Vec<Mismatch>,
    },
    /// The tier's default drops the packet.
    TierEnd {
        /// The stack.
        stack: StackId,
        /// The index of the slice.
        slice: usize,
    },
    /// The packet is past the last tier.
    StackEnd(StackId),
}

/// The Allow rule that came closest to letting a dropped flow through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closest {
    /// Its policy.
    pub policy: PolicyId,
    /// Its index in the policy's direction.
    pub index: u16,
    /// The parts that did not match.
    pub missed: Vec<Mismatch>,
}

/// One end's decision with all that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Which way, seen from the endpoint.
    pub direction: Direction,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What was decided.
    pub decision: Decision,
    /// What policy was asked; empty where it was not a matter of policy.
    pub steps: Vec<Step>,
    /// Where a tier's default denied: the Allow rule with the fewest parts that did not match.
    pub closest: Option<Closest>,
}

/// Explains what a layer of the Plan does with a flow, in the order that the packet meets it: egress of the source, host endpoints on the way, ingress of
/// the destination. An end out of scope has no explanation.
pub fn explain(plan: &Plan, layer: Layer, flow: &Flow) -> Vec<Explanation> {
    let verdict = verdict_in(plan, layer, flow);
    let egress = at_pod(plan, layer, flow, Direction::Egress, verdict.egress);
    let hosts = verdict.hosts.iter().map(|host| at_host_endpoint(plan, layer, flow, host));
    let ingress = at_pod(plan, layer, flow, Direction::Ingress, verdict.ingress);
    egress.into_iter().chain(hosts).chain(ingress).collect()
}

fn at_pod(
    plan: &Plan,
    layer: Layer,
    flow: &Flow,
    direction: Direction,
    decision: Option<Decision>,
) -> Option<Explanation> {
    let address = if direction == Direction::Egress { flow.src } else { flow.dst };
    let (endpoint, pod) = plan.pod_at(address)?;
    let decision = decision?;
    let mut steps = Vec::new();
    if !matches!(decision.cause, Cause::Always(cause) if cause != Always::EndpointToHost) {
        for stack in pod.stacks(layer).iter() {
            walk(plan, stack, direction, flow, |step| steps.push(step));
        }
    }
    Some(Explanation::new(direction, endpoint, decision, steps))
}

/// The stages up to the one that decides: doNotTrack and preDNAT, unless the port is a failsafe one, then those of the node's own traffic or of
/// forwarded traffic.
fn at_host_endpoint(plan: &Plan, layer: Layer, flow: &Flow, host: &HostDecision) -> Explanation {
    let HostDecision { endpoint, direction, local, decision, .. } = *host;
    let mut steps = Vec::new();
    let asks = !matches!(decision.cause, Cause::Always(_));
    if let (true, EndpointStacks::Host { untracked, pre_dnat, normal, forward }) =
        (asks, plan.endpoints[endpoint].stacks(layer))
    {
        let early = !plan.settings.is_failsafe(direction, flow);
        let pre_dnat = (early && direction == Direction::Ingress).then_some((pre_dnat, false));
        let stages = [early.then_some((untracked, true)), pre_dnat, Some((if local { normal } else { forward }, true))];
        for (stack, allow_is_final) in stages.into_iter().flatten() {
            walk(plan, stack, direction, flow, |step| steps.push(step));
            let decided = matches!(
                steps.last(),
                Some(Step::Rule { action, missed, .. })
                    if missed.is_empty() && (*action == Action::Deny || *action == Action::Allow && allow_is_final)
            );
            if decided {
                break;
            }
        }
    }
    Explanation::new(direction, endpoint, decision, steps)
}

impl Explanation {
    fn new(direction: Direction, endpoint: EndpointId, decision: Decision, steps: Vec<Step>) -> Self {
        let closest = if decision.allow { None } else { closest(&steps) };
        Self { direction, endpoint, decision, steps, closest }
    }
}

fn closest(steps: &[Step]) -> Option<Closest> {
    let allows = steps.iter().filter_map(|step| match step {
        Step::Rule { policy, index, action: Action::Allow, missed } => {
            Some(Closest { policy: *policy, index: *index, missed: missed.clone() })
        }
        _ => None,
    });
    allows.min_by_key(|rule| rule.missed.len())
}
