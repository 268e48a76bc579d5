//! Verdicts on a Plan, compared with the specification's and with those of another Plan.

use margay_generator::Cluster;
use margay_policy::{Cause, Decision, Direction, Flow, Key, Kind, Layer, Plan, TierSlice, verdict_in};
use margay_spec::{Attribution, End, World};

fn flow(flow: &margay_spec::Flow) -> Flow {
    Flow {
        src: flow.src.to_canonical(),
        dst: flow.dst.to_canonical(),
        protocol: margay_api::Protocol(flow.protocol),
        source_port: flow.source_port,
        port: flow.port,
        icmp: (flow.icmp_type, flow.icmp_code),
    }
}

/// Whether the Plan of a cluster decides every flow as the specification does, for the same reason, in both layers. Gives the specification's verdicts of
/// the enforced one.
pub(crate) fn check(
    plan: &Plan,
    cluster: &Cluster,
    flows: &[margay_spec::Flow],
) -> Result<Vec<margay_spec::Verdict>, String> {
    let objects = cluster.objects();
    let mut enforced = Vec::with_capacity(flows.len());
    for (layer, staged) in [(Layer::Enforced, false), (Layer::Staged, true)] {
        let world = World::new(&objects, margay_spec::Settings { staged, ..Default::default() });
        for spec_flow in flows {
            let flow = flow(spec_flow);
            let (got, expected) = (verdict_in(plan, layer, &flow), world.verdict(spec_flow));
            let ends = [
                (Direction::Egress, &got.egress, &expected.egress),
                (Direction::Ingress, &got.ingress, &expected.ingress),
            ];
            let pods = ends.iter().all(|(direction, got, expected)| match (got, expected) {
                (Some(got), Some(expected)) => agree(plan, *direction, got, expected),
                (got, expected) => got.is_none() && expected.is_none(),
            });
            let hosts = got.hosts.len() == expected.host.len()
                && got.hosts.iter().zip(&expected.host).all(|(got, expected)| {
                    got.node == expected.node && agree(plan, got.direction, &got.decision, &expected.end)
                });
            if !(pods && hosts && got.allow == expected.allow) {
                return Err(format!("{layer:?} {spec_flow}\nthe Plan says {got:#?}\nthe specification {expected:#?}"));
            }
            if !staged {
                enforced.push(expected);
            }
        }
    }
    Ok(enforced)
}

/// Whether the ends that a Plan knows are decided as in another Plan, for the same reason.
pub(crate) fn compare(part: &Plan, whole: &Plan, flows: &[margay_spec::Flow]) -> Result<(), String> {
    for spec_flow in flows {
        let flow = flow(spec_flow);
        for layer in [Layer::Enforced, Layer::Staged] {
            let (got, expected) = (verdict_in(part, layer, &flow), verdict_in(whole, layer, &flow));
            let ends =
                [(Direction::Egress, got.egress, expected.egress), (Direction::Ingress, got.ingress, expected.ingress)];
            let told = |plan: &Plan, direction, decision: Option<Decision>| decision.map(|d| tell(plan, direction, &d));
            let pods = ends.iter().all(|(direction, got, expected)| {
                got.is_none() || told(part, *direction, *got) == told(whole, *direction, *expected)
            });
            let hosts = got.hosts.iter().all(|host| {
                expected.hosts.iter().any(|other| {
                    (&host.node, host.direction, host.local) == (&other.node, other.direction, other.local)
                        && tell(part, host.direction, &host.decision) == tell(whole, host.direction, &other.decision)
                })
            });
            if !(pods && hosts) {
                return Err(format!("{layer:?} {spec_flow}\na node's Plan says {got:#?}\nthe cluster's {expected:#?}"));
            }
        }
    }
    Ok(())
}

/// What decided, in names.
#[derive(Debug, PartialEq)]
enum Told {
    Rule(Key, u16),
    TierEnd(String, Vec<Key>),
    StackEnd,
    Always(String),
}

fn slice(plan: &Plan, direction: Direction, cause: Cause) -> Option<&TierSlice> {
    match cause {
        Cause::TierEnd { stack, slice } => plan.stacks[stack].tiers(direction).get(slice),
        _ => None,
    }
}

fn tell(plan: &Plan, direction: Direction, decision: &Decision) -> (bool, Told) {
    let key = |id: &margay_policy::PolicyId| plan.policies[*id].key.clone();
    let told = match decision.cause {
        Cause::Rule { policy, index } => Told::Rule(key(&policy), index),
        Cause::StackEnd(_) => Told::StackEnd,
        Cause::Always(always) => Told::Always(format!("{always:?}")),
        cause @ Cause::TierEnd { .. } => {
            let slice = slice(plan, direction, cause).expect("the slice that decided");
            Told::TierEnd(slice.tier.to_string(), slice.policies.iter().map(key).collect())
        }
    };
    (decision.allow, told)
}

/// Whether a decision is the specification's, for the same reason.
fn agree(plan: &Plan, direction: Direction, got: &Decision, expected: &End) -> bool {
    let (allow, told) = tell(plan, direction, got);
    let same = match (&told, &expected.by) {
        (Told::Rule(key, index), Attribution::Rule { policy, index: place }) => {
            key == policy && usize::from(*index) == *place
        }
        (Told::Rule(key, _), Attribution::Profile { name, .. }) => key.kind == Kind::Profile && key.name == name,
        (Told::TierEnd(tier, keys), Attribution::TierDefault { tier: name, policies }) => {
            tier == name && keys == policies
        }
        (Told::StackEnd, Attribution::Profile { .. } | Attribution::NoProfile | Attribution::Forwarded) => true,
        (Told::Always(_), Attribution::Always(_) | Attribution::EndpointToHost) => true,
        _ => false,
    };
    allow == expected.allow && same
}
