//! What a packet costs: nanoseconds from one pod to another of the same node, by the clock of the sender, with everything on one CPU.
//!
//! Every ruleset has a node and two pods of its own, and they take turns, so that what else the machine does falls on all alike; of each the best round
//! counts. An established connection had an answer; of new ones each packet begins one. That no packet got lost is checked.

mod felix;
mod path;

use super::table::Made;
use crate::measure::Measured;
use margay_dataplane::Driver;
use margay_linux::{LinuxDriver, Options};
use margay_nftables::expr::CtState;
use margay_nftables::{BaseChain, Batch, Chain, Connection, Family, Hook, Rule, Table, TableId, Verdict};
use margay_policy::{Direction, Plan, PolicyId, SetId};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use path::Path;

/// Rounds that each ruleset has.
const ROUNDS: u32 = 30;

/// Whether packets are of a connection that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Established,
    New,
}

/// What is in force on a node.
enum Ruleset {
    /// Nothing.
    None,
    /// The cheapest that keeps connection state.
    Cheapest,
    Margay(Box<Plan>),
    /// As Felix does it: so many policies of the receiver's.
    Felix(u32),
}

/// Policies of other pods on the node, none of these two.
pub(crate) fn elsewhere(policies: u32, of: Of) -> Measured {
    let rulesets = [Ruleset::None, Ruleset::Cheapest, Ruleset::Margay(others(policies).into())];
    let [none, cheapest, ours] = measure(rulesets, of);
    let note = format!("[no agent {:.0} ns]", none * 1e9);
    Measured { wall: ours, least: cheapest, note, operations: ROUNDS, ..Measured::default() }
}

/// Policies of the receiver, the last of which allows.
pub(crate) fn here(policies: u32) -> Measured {
    let rulesets = [
        Ruleset::Cheapest,
        Ruleset::Margay(receiver(1).into()),
        Ruleset::Margay(receiver(policies).into()),
        Ruleset::Felix(1),
        Ruleset::Felix(policies),
    ];
    let [cheapest, one, ours, felix_one, felix] = measure(rulesets, Of::New);
    let each = |one: f64, all: f64| (all - one) * 1e9 / f64::from((policies - 1).max(1));
    let note = match policies {
        1 => String::new(),
        _ => format!("[a policy more: {:.1} ns, Felix {:.1} ns]", each(one, ours), each(felix_one, felix)),
    };
    Measured { wall: ours, least: cheapest, felix, note, operations: ROUNDS, ..Measured::default() }
}

/// The pods of the node in question, and as many others with one policy each, for ingress and egress in turn.
fn others(policies: u32) -> Plan {
    let mut made = Made::default();
    made.pod(path::SENDER.into(), &[], &[]);
    made.pod(path::RECEIVER.into(), &[], &[]);
    let sets: Vec<SetId> = (0..100).map(|set| made.set((11 << 24) + set * 10, 10)).collect();
    for policy in 0..policies {
        let set = sets[policy as usize % sets.len()];
        let pod = (12 << 24) + policy;
        if policy % 2 == 0 {
            let policy = made.policy(Direction::Ingress, &[set, set], Some(1000));
            made.pod(pod, &[policy], &[]);
        } else {
            let policy = made.policy(Direction::Egress, &[set, set], Some(1000));
            made.pod(pod, &[], &[policy]);
        }
    }
    made.plan
}

/// Addresses of so many sets, of which the sender is in the last alone.
fn sets_for(policies: u32) -> impl Iterator<Item = u32> {
    let other = |policy| (11 << 24) + policy;
    (0..policies).map(move |policy| if policy + 1 == policies { path::SENDER.into() } else { other(policy) })
}

fn receiver(policies: u32) -> Plan {
    let mut made = Made::default();
    let sets: Vec<SetId> = sets_for(policies).map(|address| made.set(address, 1)).collect();
    let policies: Vec<PolicyId> = sets.iter().map(|set| made.policy(Direction::Ingress, &[*set], None)).collect();
    made.pod(path::SENDER.into(), &[], &[]);
    made.pod(path::RECEIVER.into(), &policies, &[]);
    made.plan
}

/// Seconds a packet with each ruleset.
fn measure<const N: usize>(rulesets: [Ruleset; N], of: Of) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let paths: Vec<Path> = rulesets
        .into_iter()
        .map(|ruleset| {
            let path = Path::build();
            path.node().enter(|| ruleset.install()).expect("the node's namespace");
            path
        })
        .collect();
    pin();
    for _ in 0..ROUNDS {
        for (path, best) in paths.iter().zip(&mut best) {
            *best = best.min(path.round(of));
        }
    }
    best
}

/// Everything from here on happens on the last CPU: what a packet causes does so where it was sent.
fn pin() {
    let mut cpus = CpuSet::new();
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    cpus.set(last).expect("a CPU of this machine");
    sched_setaffinity(Pid::from_raw(0), &cpus).expect("a thread may choose its CPU");
}

impl Ruleset {
    /// Puts it in force in the network namespace of the calling thread.
    fn install(self) {
        match self {
            Ruleset::None => {}
            Ruleset::Cheapest => cheapest(),
            Ruleset::Margay(plan) => {
                let mut driver = LinuxDriver::new(Options::default()).expect("nf_tables by netlink");
                driver.resync(&plan, None);
                super::nft::finish(&mut driver);
            }
            Ruleset::Felix(policies) => felix::install(sets_for(policies)),
        }
    }
}

fn commit(batch: &mut Batch) {
    Connection::open().and_then(|mut connection| connection.commit(batch)).expect("a ruleset in force");
}

fn cheapest() {
    let table = TableId::new(Family::Inet, "cheapest");
    let mut batch = Batch::new();
    batch.add_table(&table, &Table::default());
    batch.add_chain(&table, &Chain::base("forward", BaseChain::filter(Hook::Forward, 0)));
    let established = Rule::new().ct_state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept);
    batch.add_rule(&table, "forward", &established);
    commit(&mut batch);
}
