//! `kill -9` at random moments under churn leaves the table in the old state or the new, never in a mix, never open for a moment; and a restart
//! writes nothing that is not needed.
//!
//! An agent, a process of its own, programs one state after another and is killed over and over, mostly within a step. After each kill the table
//! must be that of the last state it finished or of the one it had begun, and the ruleset's generation must have grown by one for each state and by no
//! more: so whatever was in force at any moment was some state in full. Meanwhile packets are sent that no state lets through, and some that every
//! state does.
//!
//! Without the test harness, since the program starts itself as the agent.

#![expect(clippy::print_stdout, reason = "what was tested is for a person to read")]

mod agent;
mod states;
mod traffic;

use agent::{Agent, Report};
use margay_dataplane::Driver;
use margay_lab::fabric::{Error, Fabric, Node, Pod, Topology, Wiring};
use margay_linux::{LinuxDriver, Options};
use margay_net::Protocol;
use margay_nftables::Connection;
use margay_policy::{Flow, Plan, verdict};
use states::{ATTACKER, CLOSED, NODE, OPEN, STATES, VICTIM};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Kills in an ordinary run.
const KILLS: u32 = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, state] if role == agent::ROLE => agent::run(state.parse().expect("a state")),
        // `cargo nextest` asks for a list first.
        list if list.iter().any(|argument| argument == "--list") => {}
        _ => match Fabric::build(&topology()) {
            Ok(fabric) => test(&fabric),
            Err(Error::Privilege { .. }) => println!("skipped: cannot make network namespaces; run as root"),
            Err(error) => panic!("{error}"),
        },
    }
}

fn topology() -> Topology {
    let pod = |id: &str, address: [u8; 4]| Pod { id: id.into(), node: 0, addresses: vec![address.into()] };
    let node =
        Node { name: NODE.into(), addresses: vec![[172, 18, 0, 1].into()], gateways: vec![], uplink: "eth0".into() };
    let pods = vec![pod("shop/attacker", ATTACKER), pod("shop/victim", VICTIM)];
    Topology { wiring: Wiring::Routed, nodes: vec![node], pods }
}

fn test(fabric: &Fabric) {
    let plans = states::plans();
    for (state, plan) in plans.iter().enumerate() {
        let flow = |port| Flow::new(ATTACKER.into(), VICTIM.into(), Protocol::UDP).port(port);
        assert!(!verdict(plan, &flow(CLOSED)).allow, "state {state} opens the closed port");
        assert!(verdict(plan, &flow(OPEN)).allow, "state {state} closes the open port");
    }
    let kills = if std::env::var_os("MARGAY_LONG").is_some() { KILLS * 25 } else { KILLS };
    let first = fabric.node(0).enter(|| Round::first(&plans)).expect("the node's namespace");
    let stop = AtomicBool::new(false);
    let (tally, sent) = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| traffic::run(fabric, &stop));
        let stopped = StopOnDrop(&stop);
        let tally = fabric.node(0).enter(|| rounds(&plans, first, kills, &traffic)).expect("the node's namespace");
        drop(stopped);
        (tally, traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    println!("{kills} kills: {tally:?}; {sent:?}");
    assert!(tally.before > 0 && tally.after > 0, "kills came only before, or only after the commit: {tally:?}");
    assert!(sent.open > kills && sent.closed > kills, "too little traffic: {sent:?}");
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How kills went.
#[derive(Debug, Default)]
struct Tally {
    /// States programmed in full.
    steps: u32,
    /// Kills that left the old state.
    before: u32,
    /// Kills that left the new one, though the agent had not said so yet.
    after: u32,
    /// Kills that came too late to be within a step.
    late: u32,
}

fn rounds(
    plans: &[Plan],
    mut round: Round<'_>,
    kills: u32,
    traffic: &std::thread::ScopedJoinHandle<'_, traffic::Sent>,
) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..kills {
        assert!(!traffic.is_finished(), "the traffic ended early");
        let state = round.run(&mut tally);
        round = Round { state, agent: Agent::start(state), ..round };
        assert_eq!(
            round.agent.report(),
            Some(Report::Done(state, 0)),
            "a restart over what is in place writes nothing"
        );
    }
    let _ = plans;
    tally
}

/// From a start of the agent to its end.
struct Round<'a> {
    plans: &'a [Plan],
    agent: Agent,
    state: u32,
    connection: Connection,
    random: Random,
    /// What a step takes, roughly.
    pace: Duration,
}

impl<'a> Round<'a> {
    /// With the first state in force, where nothing was before.
    fn first(plans: &'a [Plan]) -> Self {
        let mut agent = Agent::start(0);
        assert_eq!(agent.report(), Some(Report::Done(0, 1)), "one transaction programs all");
        let connection = Connection::open().expect("netlink");
        Self { plans, agent, state: 0, connection, random: Random(0x6d61_7267_6179), pace: Duration::from_millis(5) }
    }
}
