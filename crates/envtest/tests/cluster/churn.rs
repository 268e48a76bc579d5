//! A hundred pods and ten policies a second: no update is missed, nothing drifts, and memory does not grow.

use crate::load::Load;
use crate::world::{PATIENCE, World, in_cluster};
use margay_envtest::Write;
use std::time::{Duration, Instant};

/// Pods that come, and as many that go, in a second; and policies.
const PODS: usize = 100;
const POLICIES: usize = 10;
/// Seconds of churn: of each part, after which the agent is compared with a fresh one; and how many parts.
const SECONDS: u64 = 5;
const PARTS: u64 = 2;
/// The same with `MARGAY_LONG`: ten minutes.
const LONG: (u64, u64) = (60, 10);
/// Pods and policies that are there all the time.
const STANDING: (usize, usize) = (1000, 60);

#[test]
fn an_agent_under_churn_ends_as_a_fresh_one_and_does_not_grow() {
    in_cluster(|world| {
        let (seconds, parts) = if std::env::var_os("MARGAY_LONG").is_some() { LONG } else { (SECONDS, PARTS) };
        let mut load = Load::new();
        world.write((0..STANDING.0).map(|_| load.pod_comes()));
        world.write((0..STANDING.1).map(|_| load.policy_comes()));
        let mut agent = world.agent(1);
        agent.until_settled(PATIENCE).expect("it settles");
        let mut memory = Vec::new();
        for part in 0..parts {
            let (late, written) = churn(world, &mut load, seconds);
            world.until_as_fresh(1, &format!("after part {part}"));
            let [now, most] = agent.memory().expect("it runs");
            let commits = agent.status()["commits"].clone();
            println!(
                "part {part}: {written} writes in {seconds} s, {late:.1?} late; resident {:.1} MB, at most {:.1} MB; commits {commits}",
                now as f64 / 1e6,
                most as f64 / 1e6
            );
            memory.push(now);
        }
        // The first part makes what is needed at a time; what is more after that is growth.
        let (first, last) = (memory[0], memory[memory.len() - 1]);
        assert!(last < first + first / 4, "memory grows: {memory:?}");
        world.assert_fresh_agent_writes_nothing(1, agent);
    });
}

/// So many seconds of churn, a part of a second at a time; by how much it took longer, and what was written.
fn churn(world: &World<'_>, load: &mut Load, seconds: u64) -> (Duration, usize) {
    const PER_SECOND: u32 = 10;
    let (start, mut written) = (Instant::now(), 0);
    for step in 1..=PER_SECOND * seconds as u32 {
        let mut groups: Vec<Vec<Write>> = Vec::new();
        for _ in 0..PODS / PER_SECOND as usize {
            groups.extend([load.pod_comes(), load.pod_goes()]);
        }
        for _ in 0..POLICIES / PER_SECOND as usize {
            groups.extend([load.policy_comes(), load.policy_goes()]);
        }
        groups.push(load.pod_changes());
        written += groups.iter().map(Vec::len).sum::<usize>();
        world.write(groups);
        let due = start + Duration::from_secs(1) * step / PER_SECOND;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    (start.elapsed().saturating_sub(Duration::from_secs(seconds)), written)
}
