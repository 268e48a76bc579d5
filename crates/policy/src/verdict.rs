//! The one verdict: what a Plan does with a flow.

use crate::*;
use margay_net::{Family, Protocol};
use smol_str::SmolStr;
use std::net::IpAddr;
use std::ops::ControlFlow;

/// What a Plan does with a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Every end and every host endpoint on the way that is in scope lets it through.
    pub allow: bool,
    /// The source's decision; `None` where the source is no pod in scope.
    pub egress: Option<Decision>,
    /// The destination's decision; `None` where the destination is no pod in scope.
    pub ingress: Option<Decision>,
    /// Host endpoints in scope on the way, in the order the packet meets them.
    pub hosts: Vec<HostDecision>,
}

/// What one end decides, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the packet goes through.
    pub allow: bool,
    /// What decided it.
    pub cause: Cause,
}

/// The decision of a host endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct HostDecision {
    /// Its node.
    pub node: SmolStr,
    /// The host endpoint.
    pub endpoint: EndpointId,
    /// Whether the packet enters or leaves the node.
    pub direction: Direction,
    /// The node itself is the packet's end; otherwise it forwards the packet.
    pub local: bool,
    /// What it decides.
    pub decision: Decision,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A rule.
    Rule {
        /// The policy (or profile) it is in.
        policy: PolicyId,
        /// Its index in the policy's `ingress` or `egress`.
        index: u16,
    },
    /// No rule of a tier matched, and its default is to deny: the policies of that slice isolated the endpoint.
    TierEnd {
        /// The stack.
        stack: StackId,
        /// The index of the slice in the stack's direction.
        slice: usize,
    },
    /// Behind the last tier: [`Stack::end`].
    StackEnd(StackId),
    /// Not a matter of policy.
    Always(Always),
}

/// What is not a matter of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Always {
    /// A pod may reach itself.
    Itself,
    /// A pod may be reached from its own node.
    OwnNode,
    /// Neighbour discovery works.
    NeighbourDiscovery,
    /// The setting `endpointToHostAction` drops what a pod sends to its own node.
    EndpointToHost,
    /// A failsafe port of a host endpoint.
    Failsafe,
}

/// What the Plan enforces for a flow.
pub fn verdict(plan: &Plan, flow: &Flow) -> Verdict {
    verdict_in(plan, Layer::Enforced, flow)
}

/// What a layer of the Plan does with a flow.
pub fn verdict_in(plan: &Plan, layer: Layer, flow: &Flow) -> Verdict {
    let egress = plan.pod_at(flow.src).map(|(_, pod)| pod_egress(plan, layer, pod, flow));
    let ingress = plan.pod_at(flow.dst).map(|(_, pod)| pod_ingress(plan, layer, pod, flow));
    let hosts = host_endpoints(plan, layer, flow);
    let allow = egress.iter().chain(&ingress).all(|end| end.allow) && hosts.iter().all(|host| host.decision.allow);
    Verdict { allow, egress, ingress, hosts }
}

/// What a pod decides of a packet that comes to its port (ingress) or leaves it (egress), whatever the packet's address at its own end is: it may be that of a
/// group, or of nobody. `None` of what is no pod.
pub fn decision_at(plan: &Plan, endpoint: EndpointId, direction: Direction, flow: &Flow) -> Option<Decision> {
    let pod = plan.endpoints.get(endpoint).filter(|endpoint| matches!(endpoint.stacks, EndpointStacks::Pod(_)))?;
    Some(match direction {
        Direction::Ingress => pod_ingress(plan, Layer::Enforced, pod, flow),
        Direction::Egress => pod_egress(plan, Layer::Enforced, pod, flow),
    })
}

/// What needs no policy at a pod, in both directions.
fn always_at_pod(flow: &Flow) -> Option<Decision> {
    let cause = match flow {
        _ if flow.src == flow.dst => Always::Itself,
        _ if flow.is_neighbour_discovery() => Always::NeighbourDiscovery,
        _ => return None,
    };
    Some(Decision { allow: true, cause: Cause::Always(cause) })
}

fn is_of_node(plan: &Plan, node: &SmolStr, address: IpAddr) -> bool {
    plan.node_addresses.get(&address) == Some(node)
}

fn pod_egress(plan: &Plan, layer: Layer, pod: &Endpoint, flow: &Flow) -> Decision {
    let EndpointStacks::Pod(stack) = pod.stacks(layer) else { unreachable!("pods have a pod's stack") };
    let decision = always_at_pod(flow).unwrap_or_else(|| decide(plan, stack, Direction::Egress, flow).0);
    let to_host = plan.settings.endpoint_to_host == ToHost::Drop && is_of_node(plan, &pod.node, flow.dst);
    if decision.allow && to_host && !flow.is_neighbour_discovery() {
        return Decision { allow: false, cause: Cause::Always(Always::EndpointToHost) };
    }
    decision
}

fn pod_ingress(plan: &Plan, layer: Layer, pod: &Endpoint, flow: &Flow) -> Decision {
    let EndpointStacks::Pod(stack) = pod.stacks(layer) else { unreachable!("pods have a pod's stack") };
    always_at_pod(flow).unwrap_or_else(|| {
        if is_of_node(plan, &pod.node, flow.src) {
            Decision { allow: true, cause: Cause::Always(Always::OwnNode) }
        } else {
            decide(plan, stack, Direction::Ingress, flow).0
        }
    })
}

fn host_endpoints(plan: &Plan, layer: Layer, flow: &Flow) -> Vec<HostDecision> {
    let (from, to) = (plan.node_of(flow.src), plan.node_of(flow.dst));
    if from.map(|node| &node.name) == to.map(|node| &node.name) {
        return Vec::new(); // within one node, or none of ours
    }
    let at = |node: Option<&NodeInfo>, direction, address| {
        let node = node?;
        let endpoint = *plan.uplinks.get(&node.name)?;
        let local = !plan.pods.contains_key(&address);
        let decision = at_host_endpoint(plan, layer, &plan.endpoints[endpoint], direction, local, flow);
        Some(HostDecision { node: node.name.clone(), endpoint, direction, local, decision })
    };
    let leaving = at(from, Direction::Egress, flow.src);
    let entering = at(to, Direction::Ingress, flow.dst);
    leaving.into_iter().chain(entering).collect()
}

fn at_host_endpoint(
    plan: &Plan,
    layer: Layer,
    host: &Endpoint,
    direction: Direction,
    local: bool,
    flow: &Flow,
) -> Decision {
    let EndpointStacks::Host { untracked, pre_dnat, normal, forward } = host.stacks(layer) else {
        unreachable!("host endpoints have a host endpoint's stacks")
    };
    if flow.is_neighbour_discovery() {
        return Decision { allow: true, cause: Cause::Always(Always::NeighbourDiscovery) };
    }
    if plan.settings.is_failsafe(direction, flow) {
        if local {
            return Decision { allow: true, cause: Cause::Always(Always::Failsafe) };
        }
    } else {
        if let (decision, true) = decide(plan, untracked, direction, flow) {
            return decision;
        }
        if direction == Direction::Ingress
            && let (decision @ Decision { allow: false, .. }, true) = decide(plan, pre_dnat, direction, flow)
        {
            return decision;
        }
    }
    decide(plan, if local { normal } else { forward }, direction, flow).0
}

/// What a stack decides, and whether something in it did: false where the packet came to an end that leads on to the next stage.
fn decide(plan: &Plan, stack: StackId, direction: Direction, flow: &Flow) -> (Decision, bool) {
    let tiers = &plan.stacks[stack];
    for (slice, tier) in tiers.tiers(direction).iter().enumerate() {
        match in_tier(plan, tier, direction, flow) {
            Some((Action::Pass, ..)) => {}
            Some((action, policy, index)) => {
                let cause = Cause::Rule { policy, index };
                return (Decision { allow: action == Action::Allow, cause }, true);
            }
            None if tier.end == TierEnd::Deny => {
                return (Decision { allow: false, cause: Cause::TierEnd { stack, slice } }, true);
            }
            None => {}
        }
    }
    let cause = Cause::StackEnd(stack);
    (Decision { allow: tiers.end != End::Deny, cause }, tiers.end != End::Next)
}

/// The first rule of a tier that is not Log and matches.
fn in_tier(plan: &Plan, tier: &TierSlice, direction: Direction, flow: &Flow) -> Option<(Action, PolicyId, u16)> {
    tier.policies.iter().find_map(|policy| {
        let rules = plan.policies[*policy].rules(direction);
        let rule = rules.iter().find(|r| r.rule.action != Action::Log && matches(plan, &r.rule, flow))?;
        Some((rule.rule.action, *policy, rule.index))
    })
}

/// Whether a rule matches a flow.
pub(crate) fn matches(plan: &Plan, rule: &Rule<SetId>, flow: &Flow) -> bool {
    check(plan, rule, flow, |_| ControlFlow::Break(())).is_continue()
}

/// Compares a flow with a rule part by part; `miss` is told of each that does not hold, and says whether to go on.
pub(crate) fn check(
    plan: &Plan,
    rule: &Rule<SetId>,
    flow: &Flow,
    mut miss: impl FnMut(Mismatch) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut need = |holds: bool, part| if holds { ControlFlow::Continue(()) } else { miss(part) };
    let family_of = |protocol: Option<Protocol>| protocol.and_then(Protocol::family);
    let is_family = |family: Option<Family>| family.is_none_or(|family| family == flow.family());
    need(is_family(rule.family) && is_family(family_of(rule.protocol)), Mismatch::Family)?;
    need(rule.protocol.is_none_or(|p| p == flow.protocol), Mismatch::Protocol)?;
    need(rule.not_protocol.is_none_or(|p| p != flow.protocol), Mismatch::Protocol)?;
    let is_icmp = |icmp: IcmpMatch| icmp.kind == flow.icmp.0 && icmp.code.is_none_or(|code| code == flow.icmp.1);
    need(rule.icmp.is_none_or(is_icmp), Mismatch::Icmp)?;
    need(!rule.not_icmp.is_some_and(is_icmp), Mismatch::Icmp)?;
    for (side, address, port, [bad_address, bad_port]) in [
        (&*rule.source, flow.src, flow.source_port, [Mismatch::SourceAddress, Mismatch::SourcePort]),
        (&*rule.destination, flow.dst, flow.port, [Mismatch::DestinationAddress, Mismatch::DestinationPort]),
    ] {
        let has_address = |any: &AnyOf<SetId>| {
            any.nets.contains(address) || any.sets.iter().any(|set| plan.sets[*set].members.has_address(address))
        };
        need(side.within.iter().all(has_address), bad_address)?;
        need(!has_address(&side.without), bad_address)?;
        let has_port = |any: &AnyPort<SetId>| {
            flow.protocol.has_ports() && any.numbers.contains(port)
                || any.named.iter().any(|set| plan.sets[*set].members.has_port(address, flow.protocol, port))
        };
        need(side.ports.as_ref().is_none_or(has_port), bad_port)?;
        need(!has_port(&side.without_ports), bad_port)?;
    }
    ControlFlow::Continue(())
}

/// Walks a stack as [`decide`] does, and tells every step: used by [`explain`], so that the explanation is of the same walk.
pub(crate) fn walk(plan: &Plan, stack: StackId, direction: Direction, flow: &Flow, mut step: impl FnMut(Step)) {
    let tiers = &plan.stacks[stack];
    for (slice, tier) in tiers.tiers(direction).iter().enumerate() {
        step(Step::Tier { stack, slice });
        let mut passed = false;
        'tier: for policy in &tier.policies {
            for rule in plan.policies[*policy].rules(direction) {
                let mut missed = Vec::new();
                let _ = check(plan, &rule.rule, flow, |part| {
                    missed.push(part);
                    ControlFlow::Continue(())
                });
                let (action, hit) = (rule.rule.action, missed.is_empty());
                step(Step::Rule { policy: *policy, index: rule.index, action, missed });
                match action {
                    Action::Pass if hit => {
                        passed = true;
                        break 'tier;
                    }
                    Action::Allow | Action::Deny if hit => return,
                    _ => {}
                }
            }
        }
        if !passed && tier.end == TierEnd::Deny {
            return step(Step::TierEnd { stack, slice });
        }
    }
    step(Step::StackEnd(stack));
}
