//! One meaning: the specification, the verdict and real packets through nftables agree, flow by flow, over random clusters.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it compared, or that it is skipped")]

use margay_api::{Object, Update};
use margay_generator::{Coverage, Shape, strategy, updates};
use margay_hcn::Version;
use margay_lab::cluster::{Cluster, Measured, Options, Os};
use margay_lab::fabric::Wiring;
use margay_policy::Flow;
use margay_spec::{Settings, World};
use nix::sched::{CloneFlags, unshare};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Probes of a run at least.
const PROBES: usize = 2_000;

fn update(object: Object) -> Update {
    Update { key: object.key().clone(), value: Some(Arc::new(object)) }
}

fn flow(flow: &margay_spec::Flow) -> Flow {
    Flow {
        src: flow.src,
        dst: flow.dst,
        protocol: flow.protocol(),
        source_port: flow.source_port,
        port: flow.port,
        icmp: (flow.icmp_type, flow.icmp_code),
    }
}

/// Runs a test where it may make namespaces; says that it is skipped where it may not.
fn may_run() -> bool {
    let allowed = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap_or(false);
    if !allowed {
        eprintln!("skipped: cannot make network namespaces; run as root");
    }
    allowed
}

/// What was compared so far.
#[derive(Default)]
struct Tally {
    coverage: Coverage,
    probes: usize,
    /// Probes that were stopped on a Windows node because HNS can't express what would let them through.
    closed: usize,
    cases: usize,
}

/// Every flow of a state: specified, predicted, measured.
fn compare(
    cluster: &mut Cluster,
    state: &margay_generator::Cluster,
    flows: &[margay_spec::Flow],
    tally: &Mutex<Tally>,
) -> Result<(), TestCaseError> {
    let world = World::new(&state.objects(), Settings::default());
    let specified: Vec<_> = flows.iter().map(|flow| world.verdict(flow)).collect();
    let asked: Vec<Flow> = flows.iter().map(flow).collect();
    let measured = cluster.measure(&asked).map_err(|error| TestCaseError::fail(format!("{error}\n{state}")))?;
    let mut sent = 0;
    for ((flow, specified), measured) in asked.iter().zip(&specified).zip(&measured) {
        let predicted = cluster.predict(flow);
        prop_assert_eq!(predicted, specified.allow, "verdict, {:?}: {:?}\n{}", flow, specified, state);
        if let Measured::Sent { arrived, .. } = measured {
            sent += 1;
            // What HNS can't express is closed, and nothing else.
            let closed = specified.allow && cluster.is_unsupported(flow);
            tally.lock().expect("no test panics with it").closed += usize::from(closed);
            prop_assert_eq!(*arrived, specified.allow && !closed, "packet, {:?}: {:?}\n{}", flow, specified, state);
        }
    }
    let mut tally = tally.lock().expect("no test panics with it");
    tally.coverage.observe(state, flows, &specified);
    tally.probes += sent;
    tally.cases += 1;
    Ok(())
}

/// Says what was covered, past the test runner, which keeps back what a passing test prints.
fn report(tally: &Tally) {
    let _ = writeln!(
        std::io::stderr(),
        "{} cases, {} probes, {} closed on Windows\n{}",
        tally.cases,
        tally.probes,
        tally.closed,
        tally.coverage
    );
}

fn cases(ordinary: u32) -> u32 {
    if std::env::var_os("MARGAY_LONG").is_some() { ordinary * 10 } else { ordinary }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// With Windows nodes where labels say so; or, of a version of HNS, all of them.
fn agree(wiring: Wiring, windows: Option<Version>, count: u32) -> Tally {
    let tally = Mutex::new(Tally::default());
    runner(cases(count))
        .run(&strategy(Shape { host_endpoints: windows.is_none(), ..Shape::lab() }), |case| {
            let updates: Vec<Update> = case.cluster.objects().into_iter().map(update).collect();
            let os = windows.map(|_| Os::Windows);
            let options = Options { wiring, os, hns_version: windows, ..Options::default() };
            let mut cluster = Cluster::up(&updates, options)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{}", case.cluster)))?;
            if cluster.caveat().is_some() {
                return Ok(());
            }
            compare(&mut cluster, &case.cluster, &case.flows, &tally)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.into_inner().expect("no test panics with it")
}

#[test]
fn packets_agree_with_the_specification() {
    if !may_run() {
        return;
    }
    let tally = agree(Wiring::Routed, None, 60);
    report(&tally);
    assert!(tally.probes >= PROBES, "only {} probes were sent", tally.probes);
}

#[test]
fn packets_agree_on_a_bridge() {
    if !may_run() {
        return;
    }
    let tally = agree(Wiring::Bridge, None, 20);
    report(&tally);
}

#[test]
fn packets_agree_on_windows_nodes_alone() {
    if !may_run() {
        return;
    }
    let tally = agree(Wiring::Routed, Some(Version::new(16, 0)), 20);
    report(&tally);
    assert!(tally.closed * 4 < tally.probes, "{} of {} probes were closed", tally.closed, tally.probes);
}

#[test]
fn packets_agree_after_every_change() {
    if !may_run() {
        return;
    }
    let tally = Mutex::new(Tally::default());
    runner(cases(10))
        .run(&updates(Shape { host_endpoints: true, ..Shape::lab() }, 4), |history| {
            let mut cluster =
                Cluster::up(&Vec::new(), Options::default()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut before = margay_generator::Cluster::default();
            for state in history.states() {
                let gone = before.documents().filter(|(key, _)| state.get(key).is_none());
                let gone: Vec<Update> = gone.map(|(key, _)| Update { key: key.clone(), value: None }).collect();
                let updates: Vec<Update> = gone.into_iter().chain(state.objects().into_iter().map(update)).collect();
                cluster.apply(&updates).map_err(|error| TestCaseError::fail(format!("{error}\n{state}")))?;
                compare(&mut cluster, &state, &history.flows, &tally)?;
                before = state;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
