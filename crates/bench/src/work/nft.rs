//! A node's table in the kernel: how long it takes to program all of it, nothing, one member, one policy.
//!
//! As many policies as sets; rule r of policy p allows TCP to a port of its own from set p + r. Every pod has ten policies that no other has. The least
//! possible is what the kernel took for the very same transaction, from its being sent to its being answered; where nothing is written, reading the
//! table without comparing it.

use super::table::{Made, member, rules};
use crate::measure::{Measured, median};
use margay_dataplane::{Driver, Event};
use margay_linux::{LinuxDriver, Options};
use margay_nftables::{Connection, Family, MessageKind, TableId};
use margay_policy::{Changes, Delta, Direction, Plan, PolicyId, SetId};
use nix::sched::{CloneFlags, unshare};
use std::time::{Duration, Instant};

/// So many sets, members of each, and rules of each policy.
#[derive(Clone, Copy)]
pub(crate) struct Scale(pub(crate) u32, pub(crate) u32, pub(crate) u32);

/// Policies of a pod.
const EACH: usize = 10;
const PODS: u32 = 10 << 24;
const MEMBERS: u32 = 11 << 24;

impl Scale {
    fn plan(self) -> Plan {
        let Self(sets, members, rules) = self;
        let mut made = Made::default();
        let ids: Vec<SetId> = (0..sets).map(|set| made.set(MEMBERS + set * members, members)).collect();
        let of = |policy: u32| (0..rules).map(move |rule| ((policy + rule) % sets) as usize);
        let policy = |policy| {
            let sets: Vec<SetId> = of(policy).map(|index| ids[index]).collect();
            made.policy(Direction::Ingress, &sets, Some(1000))
        };
        let policies: Vec<PolicyId> = (0..sets).map(policy).collect();
        for (address, policies) in (PODS..).zip(policies.chunks(EACH)) {
            made.pod(address, policies, &[]);
        }
        made.plan
    }

    /// The same, and a driver in a network namespace of this process.
    fn start(self) -> (Plan, LinuxDriver) {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace of its own; run as root");
        (self.plan(), LinuxDriver::new(Options::default()).expect("nf_tables by netlink"))
    }

    fn programmed(self) -> (Plan, LinuxDriver) {
        let (plan, mut driver) = self.start();
        driver.resync(&plan, None);
        finish(&mut driver);
        (plan, driver)
    }
}

/// Ends with what was asked for in force.
pub(super) fn finish(driver: &mut LinuxDriver) {
    let events = driver.events();
    assert!(events.iter().all(|event| matches!(event, Event::Applied { .. })), "{events:?}");
}

/// The medians of a work and of the kernel's part in it. What it gives is a sentence about it.
fn medians(rounds: u32, driver: &mut LinuxDriver, mut work: impl FnMut(&mut LinuxDriver, u32)) -> Measured {
    let (mut wall, mut kernel): (Vec<Duration>, Vec<Duration>) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (start, before) = (Instant::now(), driver.written().1);
        work(driver, round);
        wall.push(start.elapsed());
        if driver.written().1 > before {
            kernel.push(driver.kernel_time());
        }
        finish(driver);
    }
    let (counts, _) = driver.written();
    Measured {
        wall: median(&mut wall),
        least: median(&mut kernel),
        note: format!("[of {rounds}: {counts}]"),
        operations: 1,
        ..Measured::default()
    }
}

/// Everything, where nothing is.
pub(crate) fn resync(scale: Scale) -> Measured {
    let (plan, mut driver) = scale.start();
    let rounds = 5;
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(medians(1, &mut driver, |driver, _| driver.resync(&plan, None)));
        driver.cleanup().expect("our own table can be removed");
    }
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    let middle = all.swap_remove(rounds / 2);
    Measured { note: middle.note.replace("of 1", &format!("of {rounds}")), ..middle }
}

/// Nothing, where everything is: it is read back, and nothing is written.
pub(crate) fn idle(scale: Scale) -> Measured {
    let (plan, mut driver) = scale.programmed();
    let before = driver.written().1;
    let measured = medians(5, &mut driver, |driver, _| driver.resync(&plan, None));
    assert_eq!(driver.written().1, before, "a resync of what is in place wrote something");
    let mut connection = Connection::open().expect("nf_tables by netlink");
    let mut reading: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        connection.ruleset(&TableId::new(Family::Inet, "margay")).expect("the table can be read");
        reading.push(start.elapsed());
    }
    Measured { least: median(&mut reading), note: "[of 5: nothing written]".into(), ..measured }
}

/// A member comes, or goes.
pub(crate) fn one_member(scale: Scale) -> Measured {
    let (mut plan, mut driver) = scale.programmed();
    let (set, one) = (SetId(scale.0 / 2), member(MEMBERS - 1));
    medians(1001, &mut driver, |driver, round| {
        let members = &mut plan.sets.get_mut(set).expect("a set of the Plan").members;
        let delta = if round % 2 == 0 {
            members.insert(one);
            Delta::MembersAdded(set, vec![one])
        } else {
            members.remove(one);
            Delta::MembersRemoved(set, vec![one])
        };
        driver.submit(&plan, &changed(delta));
        assert_eq!(driver.written().0.of(MessageKind::NewRule), 0, "a member touched a rule");
    })
}

/// A policy's rules become others.
pub(crate) fn one_policy(scale: Scale) -> Measured {
    let (mut plan, mut driver) = scale.programmed();
    let Scale(sets, _, count) = scale;
    let policy = PolicyId(sets / 2);
    let of: Vec<SetId> = (0..count).map(|rule| SetId((sets / 2 + rule) % sets)).collect();
    medians(101, &mut driver, |driver, round| {
        let port = if round % 2 == 0 { 2000 } else { 1000 };
        let policy_of_plan = plan.policies.get_mut(policy).expect("a policy of the Plan");
        policy_of_plan.ingress = rules(Direction::Ingress, &of, Some(port));
        driver.submit(&plan, &changed(Delta::PolicyPut(policy)));
    })
}

fn changed(delta: Delta) -> Changes {
    Changes { revision: 1, deltas: vec![delta] }
}
