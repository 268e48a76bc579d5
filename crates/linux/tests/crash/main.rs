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
use traffic::Sent;

/// Kills in an ordinary run.
const KILLS: u32 = 40;
/// So many times as many kills, where by chance none has come just after a commit yet, or none before one.
const PATIENCE: u32 = 10;

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
    let node = Node {
        name: NODE.into(),
        addresses: vec![[172, 18, 0, 1].into()],
        gateways: vec![],
        uplink: "eth0".into(),
        switched: false,
    };
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
    let (tally, sent) = fabric.node(0).enter(|| churn(fabric, &plans, kills)).expect("the node's namespace");
    println!("{} kills: {tally:?}, {sent:?}", tally.before + tally.after + tally.late);
    assert!(tally.has_both(), "no kill came before the commit, or none after it: {tally:?}");
    assert!(sent.open > kills && sent.closed > kills, "too little traffic: {sent:?}");
}

/// How it went.
#[derive(Debug, Default)]
struct Tally {
    /// States programmed in full.
    steps: u32,
    /// Kills that left the old state.
    before: u32,
    /// Kills that left the new state, which the agent had not said yet.
    after: u32,
    /// Kills that came when the step was done.
    late: u32,
}

impl Tally {
    fn has_both(&self) -> bool {
        self.before > 0 && self.after > 0
    }
}

/// Kills the agent so many times at least, under traffic. In the node's namespace.
fn churn(fabric: &Fabric, plans: &[Plan], kills: u32) -> (Tally, Sent) {
    let mut killer = Killer {
        plans,
        connection: Connection::open().expect("netlink"),
        random: Random(0x6d61_7267_6179),
        pace: Duration::from_millis(5),
        tally: Tally::default(),
    };
    let mut agent = Agent::start(0);
    assert_eq!(agent.report(), Some(Report::Done(0, 1)), "one transaction programs all");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| traffic::run(fabric, &stop));
        let stopped = StopOnDrop(&stop);
        let mut state = 0;
        for round in 0..kills * PATIENCE {
            if round >= kills && killer.tally.has_both() {
                break;
            }
            state = killer.round(agent, state);
            agent = Agent::start(state);
            assert_eq!(agent.report(), Some(Report::Done(state, 0)), "a restart over what is in place wrote something");
            assert!(!traffic.is_finished(), "the traffic ended early");
        }
        drop(stopped);
        (killer.tally, traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Killer<'a> {
    plans: &'a [Plan],
    connection: Connection,
    random: Random,
    /// What the last step took.
    pace: Duration,
    tally: Tally,
}

impl Killer<'_> {
    /// Lets an agent that is in this state take some steps, kills it within one more, and gives the state that the table is in then.
    fn round(&mut self, mut agent: Agent, mut state: u32) -> u32 {
        let generation = self.generation();
        let steps = self.random.below(6);
        agent.allow(steps + 1);
        let mut commits = 0;
        for _ in 0..steps {
            assert_eq!(agent.report(), Some(Report::Begun(state + 1)));
            let begun = Instant::now();
            let Some(Report::Done(done, now)) = agent.report() else { panic!("state {} was not reached", state + 1) };
            self.pace = begun.elapsed();
            assert!(now <= commits + 1, "state {done} took {} transactions", now - commits);
            (state, commits) = (done, now);
        }
        self.tally.steps += steps;
        assert_eq!(agent.report(), Some(Report::Begun(state + 1)));
        let moment = Instant::now() + self.pace * self.random.below(120) / 100;
        while Instant::now() < moment {}
        let finished = agent.kill().iter().any(|report| matches!(report, Report::Done(..)));

        // Each commit makes the ruleset's generation one more: besides those reported, there was at most the one of the last state.
        let unreported = u64::from(self.generation().wrapping_sub(generation)) - commits;
        assert!(unreported <= 1, "{unreported} commits for one state");
        let found = match (finished, unreported) {
            (true, _) => {
                self.tally.late += 1;
                state + 1
            }
            (false, 1) => {
                self.tally.after += 1;
                state + 1
            }
            _ => {
                self.tally.before += 1;
                state
            }
        };
        let mut reader = LinuxDriver::new(Options::default()).expect("netlink");
        reader.observe(&self.plans[(found % STATES) as usize]);
        assert_eq!(reader.events(), [], "killed after state {state} of which the table should be in {found}");
        found
    }

    fn generation(&mut self) -> u32 {
        self.connection.generation().expect("netlink")
    }
}

/// The same numbers in every run (xorshift64*); the moments of the kills differ all the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as u32 % bound
    }
}
