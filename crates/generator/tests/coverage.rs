//! What the generated cases contain, and that they are what they are meant to be.

use margay_api::{Family, Object};
use margay_generator::{Case, Coverage, History, Shape, decode, strategy, updates};
use margay_spec::{Settings, World};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The same cases in each run.
fn draw<T: std::fmt::Debug>(strategy: BoxedStrategy<T>, cases: usize) -> Vec<T> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..cases).map(|_| strategy.new_tree(&mut runner).expect("a case").current()).collect()
}

fn observe(coverage: &mut Coverage, case: &Case) {
    let world = World::new(&case.cluster.objects(), Settings::default());
    let verdicts: Vec<_> = case.flows.iter().map(|flow| world.verdict(flow)).collect();
    coverage.observe(&case.cluster, &case.flows, &verdicts);
}

#[test]
fn everything_occurs_and_about_half_is_allowed() {
    let mut coverage = Coverage::default();
    for case in draw(strategy(Shape::default()), 400) {
        observe(&mut coverage, &case);
    }
    assert!((30.0..=70.0).contains(&coverage.allowed_percent()), "{coverage}");
    assert!(coverage.missing().is_empty(), "{:?} never occurred:\n{coverage}", coverage.missing());
}

#[test]
fn every_document_decodes_and_most_rules_can_be_read() {
    let (mut objects, mut problems) = (0, 0);
    for case in draw(strategy(Shape::default()), 100) {
        for (key, document) in case.cluster.documents() {
            let decoded = margay_api::read(&document.to_string(), "case");
            assert!(
                decode(document).is_some_and(|object| object.key() == key),
                "{document:#}\n{:?}",
                decoded[0].problems
            );
            objects += 1;
            problems += decoded.iter().filter(|d| !d.problems.is_empty()).count();
        }
    }
    assert!(problems * 10 < objects, "{problems} of {objects} objects have problems");
}

#[test]
fn a_lab_can_act_out_its_cases() {
    let mut coverage = Coverage::default();
    for case in draw(strategy(Shape::lab()), 200) {
        observe(&mut coverage, &case);
        let objects = case.cluster.objects();
        let nodes: Vec<_> =
            objects.iter().filter_map(|o| if let Object::Node(n) = o { Some(n) } else { None }).collect();
        let pods: Vec<_> = objects.iter().filter_map(|o| if let Object::Pod(p) = o { Some(p) } else { None }).collect();
        assert!(nodes.len() <= 3 && pods.len() <= 8);
        let mut addresses: Vec<_> = pods.iter().flat_map(|pod| &pod.addresses).collect();
        assert!(
            pods.iter().all(|pod| nodes.iter().any(|node| node.meta.key.name == pod.node) && !pod.addresses.is_empty())
        );
        let claims = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(claims, addresses.len(), "each pod has addresses of its own");
        for flow in &case.flows {
            assert!(flow.src != flow.dst && Family::of(flow.src) == Family::of(flow.dst), "{flow}");
            let ours =
                |address| addresses.contains(&&address) || nodes.iter().any(|node| node.addresses.contains(&address));
            assert!(ours(flow.src) || ours(flow.dst), "{flow}");
        }
    }
    assert!((30.0..=70.0).contains(&coverage.allowed_percent()), "{coverage}");
}

#[test]
fn histories_change_verdicts() {
    let (mut steps, mut changed) = (0, 0);
    for history in draw(updates(Shape::default(), 8), 50) {
        let verdicts = |history: &History| {
            let worlds = history.states().into_iter().map(|c| World::new(&c.objects(), Settings::default()));
            worlds.map(|w| history.flows.iter().map(|f| w.verdict(f).allow).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let verdicts = verdicts(&history);
        assert_eq!(verdicts.len(), history.steps.len() + 1);
        steps += history.steps.len();
        changed += verdicts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    }
    assert!(changed * 4 > steps, "{changed} of {steps} steps changed a verdict");
}

#[test]
fn a_flow_stays_the_same_while_the_cluster_shrinks() {
    // The property "no TCP flow from 10.244.1.16 is denied" fails; its smallest case has no more than what it takes.
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let failure = runner.run(&strategy(Shape::default()), |case| {
        let world = World::new(&case.cluster.objects(), Settings::default());
        let denied = case
            .flows
            .iter()
            .any(|flow| flow.protocol == 6 && world.verdict(flow).ingress.is_some_and(|end| !end.allow));
        prop_assert!(!denied);
        Ok(())
    });
    let Err(proptest::test_runner::TestError::Fail(_, case)) = failure else { panic!("no case failed") };
    assert_eq!(case.flows.len(), 1, "{case}");
    assert!(case.cluster.len() <= 16, "{} resources are left:\n{case}", case.cluster.len());
}
