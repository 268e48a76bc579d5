//! How many ACLs pods take, beside the plain expansion of every rule.

mod cases;
mod plain;

use crate::measure::{Measured, Meter};
use margay_api::Object;
use margay_engine::{Engine, Scope};
use margay_hcn::Version;
use margay_policy::{EndpointId, Kind, Plan};
use margay_windows::lower::{Budget, Lowered, Lowering, Target};
use plain::Size;
use std::ops::Add;

/// Without a limit that matters: what a list takes is to be known, however long it is.
const BUDGET: Budget = Budget { acls: 100_000, entries: 2_000_000, list: 4_000 };
/// The first version with lists of addresses and everything else that shortens a list.
const VERSION: Version = Version::new(13, 3);

/// The states of the truth tables of Kubernetes NetworkPolicy.
pub(crate) fn cyclonus() -> Measured {
    measure(&cases::cyclonus())
}

/// Negation of every kind.
pub(crate) fn negation() -> Measured {
    measure(&texts(cases::NEGATION))
}

/// Tiers and Pass.
pub(crate) fn tiers() -> Measured {
    measure(&texts(cases::TIERS))
}

/// Many rules, many peers.
pub(crate) fn large() -> Measured {
    measure(&texts(cases::LARGE))
}

fn texts(cases: &[cases::Case]) -> Vec<String> {
    cases.iter().map(|(_, text)| text()).collect()
}

/// Lowers the pods of `node-1` of each cluster; the time is of one pod.
fn measure(clusters: &[String]) -> Measured {
    let plans: Vec<Plan> = clusters.iter().map(|text| plan_of(text)).collect();
    let pods: Vec<(&Plan, EndpointId)> = plans.iter().flat_map(|plan| pods(plan).map(move |id| (plan, id))).collect();
    if pods.is_empty() {
        return Measured { note: "left out: there are no fixtures".into(), ..Measured::default() };
    }
    let target = Target { version: VERSION, budget: BUDGET };
    let meter = Meter::start();
    let lowered: Vec<Lowered> = pods.iter().map(|(plan, id)| Lowering::new(plan, &target).of(*id)).collect();
    let measured = meter.stop(0).each(pods.len().try_into().unwrap_or(u32::MAX));
    let ours = lowered.iter().map(size).fold(Size::default(), Size::add);
    let plain = pods.iter().map(|(plan, id)| plain::size(plan, &plan.endpoints[*id])).fold(Size::default(), Size::add);
    let note = format!(
        "[{} pods: {} ACLs of {} entries, plainly {} of {}: {:.2}]",
        pods.len(),
        ours.acls,
        ours.entries,
        plain.acls,
        plain.entries,
        ours.acls as f64 / plain.acls as f64
    );
    Measured { note, ..measured }
}

fn plan_of(text: &str) -> Plan {
    let mut engine = Engine::new(Scope::Everything);
    for decoded in margay_api::read(text, "case") {
        let object: Object = decoded.object.unwrap_or_else(|| panic!("{:?}", decoded.problems));
        engine.update(object.key(), Some(&object));
    }
    engine.in_sync();
    engine.flush();
    engine.plan().clone()
}

fn pods(plan: &Plan) -> impl Iterator<Item = EndpointId> + '_ {
    let on_node = plan.endpoints.iter().filter(|(_, pod)| pod.key.kind == Kind::Pod && pod.node == "node-1");
    on_node.map(|(id, _)| id)
}

fn size(lowered: &Lowered) -> Size {
    assert!(lowered.over_budget.is_none(), "{:?}", lowered.over_budget);
    let rules = lowered.rules.iter().map(|lowered| &lowered.rule);
    let entries = rules.map(|rule| {
        let ports = [&rule.local_ports, &rule.remote_ports].into_iter().flatten().map(|ports| ports.ranges().len());
        rule.local_addresses.len() + rule.remote_addresses.len() + ports.sum::<usize>()
    });
    Size { acls: lowered.rules.len(), entries: entries.sum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use margay_generator::{Shape, strategy};
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    /// What the pods of a Plan take: ours, plainly, and how many take more than plainly.
    fn sizes(plan: &Plan, pods: impl Iterator<Item = EndpointId>) -> (Size, Size, usize) {
        let target = Target { version: VERSION, budget: BUDGET };
        let lowering = Lowering::new(plan, &target);
        pods.fold((Size::default(), Size::default(), 0), |(ours, plainly, more), id| {
            let (here, there) = (size(&lowering.of(id)), plain::size(plan, &plan.endpoints[id]));
            (ours + here, plainly + there, more + usize::from(here.acls > there.acls))
        })
    }

    #[test]
    fn none_takes_more_than_plainly() {
        let named = [cases::NEGATION, cases::TIERS, cases::LARGE].concat();
        let named = named.into_iter().map(|(name, text)| (name, text()));
        for (name, text) in named.chain(cases::cyclonus().into_iter().map(|text| ("cyclonus", text))) {
            let plan = plan_of(&text);
            let (ours, plainly, more) = sizes(&plan, pods(&plan));
            assert_eq!(more, 0, "{name}: {ours:?}, plainly {plainly:?}: {text}");
        }
    }

    #[test]
    fn negation_and_tiers_take_less_than_a_third() {
        for cases in [cases::NEGATION, cases::TIERS] {
            let plans = texts(cases).into_iter().map(|text| plan_of(&text));
            let sizes = plans.map(|plan| sizes(&plan, pods(&plan)));
            let (ours, plainly) =
                sizes.fold((Size::default(), Size::default()), |all, one| (all.0 + one.0, all.1 + one.1));
            assert!(3 * ours.acls < plainly.acls, "{ours:?}, plainly {plainly:?}");
        }
    }

    #[test]
    fn random_clusters_take_less_than_a_third() {
        let mut runner = TestRunner::deterministic();
        let (mut all, mut all_plainly) = (Size::default(), Size::default());
        for _ in 0..100 {
            let case = strategy(Shape::default()).new_tree(&mut runner).expect("a cluster").current();
            let mut engine = Engine::new(Scope::Everything);
            case.cluster.objects().iter().for_each(|object| engine.update(object.key(), Some(object)));
            engine.in_sync();
            engine.flush();
            let plan = engine.plan();
            let pods = plan.endpoints.iter().filter(|(_, pod)| pod.key.kind == Kind::Pod).map(|(id, _)| id);
            let (ours, plainly, _) = sizes(plan, pods);
            (all, all_plainly) = (all + ours, all_plainly + plainly);
        }
        assert!(3 * all.acls < all_plainly.acls, "{all:?}, plainly {all_plainly:?}");
    }
}
