//! ACLs against the verdict: over random clusters, at every version of HNS, for packets of every kind at every pod's port.

mod behaviours;
mod check;

use check::{Tally, compare, plan_of};
use margay_generator::{Coverage, Shape, strategy};
use margay_hcn::Version;
use margay_spec::{Settings, World};
use margay_windows::lower::{Budget, Lowering, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use std::sync::Mutex;

/// Verdicts of an ordinary run at least; of a long one.
const VERDICTS: [u64; 2] = [50_000, 1_000_000];

fn is_long() -> bool {
    std::env::var_os("MARGAY_LONG").is_some()
}

fn config(ordinary: u32) -> Config {
    let cases = if is_long() { 16 * ordinary } else { ordinary };
    Config { cases, failure_persistence: None, ..Config::default() }
}

#[test]
fn acls_decide_as_the_verdict_does() {
    let tally = Mutex::new((Tally::default(), Coverage::default()));
    let run = TestRunner::new(config(60)).run(&strategy(Shape::default()), |case| {
        let plan = plan_of(&case.cluster);
        let mut tally = tally.lock().expect("no case panics with it");
        let flows: Vec<_> = case.flows.iter().map(check::flow).collect();
        for version in Version::KNOWN {
            let pods: Vec<_> = Lowering::new(&plan, &Target::new(version)).pods().collect();
            compare(&plan, &pods, version, &flows, &mut tally.0)
                .map_err(|error| TestCaseError::fail(format!("HNS {version}: {error}\n{}", case.cluster)))?;
        }
        let world = World::new(&case.cluster.objects(), Settings::default());
        let verdicts: Vec<_> = case.flows.iter().map(|flow| world.verdict(flow)).collect();
        tally.1.observe(&case.cluster, &case.flows, &verdicts);
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    let (tally, coverage) = tally.into_inner().expect("no case panics with it");
    let _ = writeln!(std::io::stderr(), "{tally}\n{coverage}");
    assert!(tally.verdicts() >= VERDICTS[usize::from(is_long())], "{tally}");
    assert!((30.0..=70.0).contains(&tally.allowed_percent()), "{tally}");
}

#[test]
fn whatever_the_budget_nothing_opens_and_it_is_kept() {
    let budgets = (2usize..80, 0usize..200, 1usize..20);
    let run = TestRunner::new(config(40)).run(
        &(strategy(Shape::default()), budgets, 0..7usize),
        |(case, budget, version)| {
            let (acls, entries, list) = budget;
            let (plan, version) = (plan_of(&case.cluster), Version::KNOWN[version]);
            let target = Target { version, budget: Budget { acls, entries, list } };
            let pods: Vec<_> = Lowering::new(&plan, &target).pods().collect();
            // The host's own firewall and the last rule of each direction are always there.
            for (_, pod) in &pods {
                prop_assert!(pod.rules.len() <= acls.max(4), "{} ACLs", pod.rules.len());
            }
            let flows: Vec<_> = case.flows.iter().map(check::flow).collect();
            compare(&plan, &pods, version, &flows, &mut Tally::default())
                .map_err(|error| TestCaseError::fail(format!("HNS {version}: {error}\n{}", case.cluster)))
        },
    );
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
