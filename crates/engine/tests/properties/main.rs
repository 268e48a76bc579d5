//! The engine on random clusters: the Plan is a function of the inputs of now, its deltas are complete, and its verdicts are the specification's.

mod mirror;
mod oracle;

use margay_api::{Key, Object};
use margay_engine::{Engine, Scope};
use margay_generator::{Case, Change, Cluster, Coverage, History, Shape, decode, strategy, updates};
use margay_policy::{Dump, Member, Plan};
use mirror::Mirror;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

type Step = (Key, Option<Object>);

fn steps(changes: &[Change]) -> Vec<Step> {
    changes.iter().map(|(key, value)| (key.clone(), value.as_ref().and_then(decode))).collect()
}

fn objects(cluster: &Cluster) -> Vec<Step> {
    cluster.objects().into_iter().map(|object| (object.key().clone(), Some(object))).collect()
}

fn feed(engine: &mut Engine, steps: &[Step]) {
    steps.iter().for_each(|(key, value)| engine.update(key, value.as_ref()));
}

fn synced(scope: Scope) -> Engine {
    let mut engine = Engine::new(scope);
    engine.in_sync();
    engine
}

/// The Plan of a cluster, made at once.
fn fresh(scope: &Scope, cluster: &Cluster) -> Plan {
    let mut engine = synced(scope.clone());
    feed(&mut engine, &objects(cluster));
    engine.flush();
    engine.plan().clone()
}

/// Every name of a node that anything is on.
fn scopes(objects: &[Step]) -> Vec<Scope> {
    let node = |(key, object): &Step| match object.as_ref()? {
        Object::Pod(pod) => Some(pod.node.clone()),
        Object::HostEndpoint(host) => Some(host.node.clone()),
        Object::Node(_) => Some(key.name.clone()),
        _ => None,
    };
    let nodes: BTreeSet<_> = objects.iter().filter_map(node).collect();
    nodes.into_iter().map(Scope::Node).collect()
}

/// Whether an endpoint of the Plan has a member's address.
fn is_of(plan: &Plan, member: &Member) -> bool {
    let address = match member {
        Member::Address(address) | Member::AddressPort(address, ..) => *address,
        Member::Prefix(prefix) => prefix.first(),
    };
    plan.endpoints.iter().any(|(_, endpoint)| endpoint.addresses.contains(&address))
}

/// Whether endpoints of several nodes have a member's address.
fn is_of_several(plan: &Plan, member: &Member) -> bool {
    let address = match member {
        Member::Address(address) | Member::AddressPort(address, ..) => *address,
        Member::Prefix(_) => return false,
    };
    let having = plan.endpoints.iter().filter(|(_, endpoint)| endpoint.addresses.contains(&address));
    having.map(|(_, endpoint)| &endpoint.node).collect::<BTreeSet<_>>().len() > 1
}

/// A case as text, for a failure's message.
fn told(error: impl std::fmt::Display, cluster: &Cluster) -> TestCaseError {
    TestCaseError::fail(format!("{error}\n{cluster}"))
}

/// Ten times as many with `MARGAY_LONG` set.
fn cases(ordinary: u32) -> ProptestConfig {
    let long = std::env::var_os("MARGAY_LONG").is_some();
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(if long { 10 * ordinary } else { ordinary })
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_order_the_batches_and_repetition_of_updates_do_not_matter(
        history in updates(Shape::default(), 6),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        let all: Vec<Step> =
            objects(&history.start).into_iter().chain(history.steps.iter().flat_map(|step| steps(step))).collect();
        let scope = Scope::Node("node-1".into());
        let expected = {
            let mut engine = synced(scope.clone());
            feed(&mut engine, &all);
            engine.flush();
            engine.plan().dump()
        };
        let check = |how: &str, order: &[Step], every: usize| {
            let mut engine = synced(scope.clone());
            for batch in order.chunks(every) {
                feed(&mut engine, batch);
                engine.flush();
            }
            same(how, &engine.plan().dump(), &expected)
        };
        check("one by one", &all, 1)?;
        check("three by three", &all, 3)?;
        check("with the keys in reverse", &by_key(&all, true), usize::MAX)?;
        check("with the keys in reverse, one by one", &by_key(&all, true), 1)?;
        check("key by key", &by_key(&all, false), 2)?;
        check("interleaved", &interleaved(&all, &picks), 2)?;
        check("each twice", &all.iter().flat_map(|step| [step.clone(), step.clone()]).collect::<Vec<_>>(), 5)?;
        check("the last of each key alone", &last_of_each(&all), usize::MAX)?;
    }

    #[test]
    fn after_any_history_the_plan_is_that_of_the_last_state(history in updates(Shape::default(), 8)) {
        for scope in [Scope::Everything, Scope::Node("node-1".into())] {
            let mut engine = synced(scope.clone());
            feed(&mut engine, &objects(&history.start));
            for (step, state) in history.steps.iter().zip(&history.states()[1..]) {
                engine.flush();
                feed(&mut engine, &steps(step));
                engine.flush();
                same("after a step", &engine.plan().dump(), &fresh(&scope, state).dump())?;
                prop_assert!(engine.flush().is_empty(), "a flush without updates gave something");
            }
        }
    }

    #[test]
    fn deltas_are_complete_and_in_a_safe_order(history in updates(Shape::default(), 8)) {
        for scope in [Scope::Everything, Scope::Node("node-1".into())] {
            let mut engine = synced(scope);
            let mut mirror = Mirror::default();
            feed(&mut engine, &objects(&history.start));
            for step in history.steps.iter().map(|step| steps(step)).chain([Vec::new()]) {
                let changes = engine.flush();
                mirror.apply(engine.plan(), &changes).map_err(TestCaseError::fail)?;
                feed(&mut engine, &step);
            }
            // And back to nothing.
            let keys: Vec<Step> = history.states().iter().flat_map(objects).map(|(key, _)| (key, None)).collect();
            feed(&mut engine, &keys);
            let changes = engine.flush();
            mirror.apply(engine.plan(), &changes).map_err(TestCaseError::fail)?;
            same("of nothing", &engine.plan().dump(), &Dump::default())?;
        }
    }

    #[test]
    fn the_plans_of_all_nodes_are_that_of_the_cluster(case in strategy(Shape::default())) {
        let whole = fresh(&Scope::Everything, &case.cluster);
        let (mut joined, mut expected) = (Dump::default(), whole.dump());
        // A set about a rule's own end has a node's endpoints where some policy of that node names it.
        expected.sets.iter_mut().filter(|(key, _)| key.own).for_each(|(_, (_, members))| members.clear());
        for scope in scopes(&objects(&case.cluster)) {
            let part = fresh(&scope, &case.cluster);
            for (key, set) in expected.sets.iter_mut().filter(|(key, _)| key.own) {
                let named = part.sets.iter().any(|(_, set)| set.key == *key);
                let of_whole = whole.sets.iter().filter(|(_, set)| named && set.key == *key);
                let members = of_whole.flat_map(|(_, set)| set.members.iter());
                set.1.extend(members.filter(|member| is_of(&part, member)));
            }
            joined.join(part.dump());
        }
        // Of an address that endpoints of several nodes have, a set does not tell whose it is in it.
        for (_, (_, members)) in joined.sets.iter_mut().chain(&mut expected.sets).filter(|(key, _)| key.own) {
            members.retain(|member| !is_of_several(&whole, member));
        }
        same("of all nodes", &joined, &expected)?;
    }
}

/// Says past the test runner, which keeps back what a passing test prints, what the generators covered.
#[test]
fn verdicts_are_those_of_the_specification() {
    let tally = Mutex::new((Coverage::default(), 0));
    let config = cases(1_800);
    let run = TestRunner::new(config).run(&strategy(Shape::default()), |case| {
        let Case { cluster, flows } = &case;
        let checked = oracle::check(&fresh(&Scope::Everything, cluster), cluster, flows);
        let verdicts = checked.map_err(|error| told(error, cluster))?;
        let (coverage, count) = &mut *tally.lock().expect("nobody panics with it");
        coverage.observe(cluster, flows, &verdicts);
        *count += 2 * verdicts.len(); // in two layers
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    let (coverage, verdicts) = tally.into_inner().expect("nobody panics with it");
    let _ = writeln!(std::io::stderr(), "{verdicts} verdicts compared\n{coverage}");
    assert!(verdicts >= 100_000, "only {verdicts} verdicts");
    assert!((30.0..=70.0).contains(&coverage.allowed_percent()), "{}% allowed", coverage.allowed_percent());
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn verdicts_of_a_node_are_those_of_the_cluster(case in strategy(Shape::default())) {
        let Case { cluster, flows } = &case;
        let whole = fresh(&Scope::Everything, cluster);
        for scope in scopes(&objects(cluster)) {
            oracle::compare(&fresh(&scope, cluster), &whole, flows).map_err(|error| told(error, cluster))?;
        }
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn verdicts_after_updates_are_those_of_the_specification(history in updates(Shape::default(), 5)) {
        let History { start, steps: changes, flows } = &history;
        let mut engine = synced(Scope::Everything);
        feed(&mut engine, &objects(start));
        for (step, state) in changes.iter().zip(&history.states()[1..]) {
            feed(&mut engine, &steps(step));
            engine.flush();
            oracle::check(engine.plan(), state, flows).map_err(|error| told(error, state))?;
        }
    }
}

/// Every key's steps together, in their order.
fn by_key(all: &[Step], reverse: bool) -> Vec<Step> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|(a, _), (b, _)| if reverse { b.cmp(a) } else { a.cmp(b) });
    sorted
}

fn last_of_each(all: &[Step]) -> Vec<Step> {
    let mut last = by_key(all, true);
    last.reverse();
    last.dedup_by(|(a, _), (b, _)| a == b);
    last
}

/// Steps of one key in their order, of several in any.
fn interleaved(all: &[Step], picks: &[prop::sample::Index]) -> Vec<Step> {
    let mut queues: Vec<Vec<Step>> = Vec::new();
    for step in all {
        match queues.iter_mut().find(|queue| queue[0].0 == step.0) {
            Some(queue) => queue.push(step.clone()),
            None => queues.push(vec![step.clone()]),
        }
    }
    queues.iter_mut().for_each(|queue| queue.reverse());
    let mut order = Vec::new();
    for pick in picks.iter().cycle() {
        queues.retain(|queue| !queue.is_empty());
        if queues.is_empty() {
            break;
        }
        let at = pick.index(queues.len());
        order.extend(queues[at].pop());
    }
    order
}

/// Compares part by part, so that a failure says which.
fn same(how: &str, got: &Dump, expected: &Dump) -> Result<(), TestCaseError> {
    prop_assert_eq!(&got.endpoints, &expected.endpoints, "endpoints {}", how);
    prop_assert_eq!(&got.stacks, &expected.stacks, "stacks {}", how);
    prop_assert_eq!(&got.policies, &expected.policies, "policies {}", how);
    prop_assert_eq!(&got.sets, &expected.sets, "sets {}", how);
    prop_assert_eq!(&got.nodes, &expected.nodes, "nodes {}", how);
    prop_assert_eq!(&got.uplinks, &expected.uplinks, "uplinks {}", how);
    prop_assert_eq!(&got.routes, &expected.routes, "routes {}", how);
    prop_assert_eq!(got, expected, "{}", how);
    Ok(())
}
