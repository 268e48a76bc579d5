//! The API server dies, comes back, and has forgotten its history: policy stays in force, and what changed meanwhile comes to be.

use crate::load::Load;
use crate::traffic::{CLOSED, STREAM, run};
use crate::world::{PATIENCE, SHOP, World, in_cluster};
use margay_envtest::{Write, objects};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

/// How often it is killed.
const KILLS: usize = 10;

#[test]
fn killed_and_compacted_under_churn_nothing_opens_and_nothing_is_lost() {
    in_cluster(|world| {
        let stream = json!([{ "from": [objects::pods(&[("app", "client")])], "ports": [{ "protocol": "TCP", "port": STREAM }] }]);
        let mut base = objects::ingress_policy(SHOP, "base", &[("app", "victim")], vec![], CLOSED);
        base["spec"]["ingress"] = stream;
        world.write([vec![Write::Create(base)]]);
        let mut agents = [0, 1].map(|node| world.agent(node));
        for agent in &mut agents {
            agent.until_settled(PATIENCE).expect("it settles");
        }
        let (fabric, stop) = (world.fabric, AtomicBool::new(false));
        let sent = std::thread::scope(|scope| {
            let (begin, begun) = channel();
            let traffic = scope.spawn(|| run(fabric, &stop, move || begin.send(()).expect("it is waited for")));
            let stopped = StopOnDrop(&stop);
            begun.recv().expect("the connection is there");
            let mut load = Load::new();
            for kill in 0..KILLS {
                round(world, &mut load, kill);
                assert!(!traffic.is_finished(), "the traffic ended in round {kill}");
            }
            world.until_all_as_fresh("at the end");
            drop(stopped);
            traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        println!("{KILLS} kills: {sent:?}");
        assert!(sent.ticks > 100 && sent.denied > 1000, "too little traffic: {sent:?}");
        for (node, agent) in agents.into_iter().enumerate() {
            world.assert_fresh_agent_writes_nothing(node, agent);
        }
    });
}

/// The server dies while it is written to, its history goes, and it comes back: what went and what came while an agent heard of nothing it learns by itself.
fn round(world: &mut World<'_>, load: &mut Load, kill: usize) {
    let come = (0..20).flat_map(|_| [load.pod_comes(), load.policy_comes()]).collect();
    let change = (0..20).map(|_| load.pod_changes()).collect();
    let go = (0..15).flat_map(|_| [load.pod_goes(), load.policy_goes()]).collect();
    let groups: [Vec<Vec<Write>>; 3] = [come, change, go];
    let World { writer, server, .. } = world;
    std::thread::scope(|scope| {
        let (begin, begun) = channel();
        let writing = scope.spawn(move || {
            for groups in groups {
                // The first is told when half of it is written.
                let half = groups.len() / 2;
                let tell = groups.into_iter().enumerate().inspect(|(index, _)| {
                    if *index == half {
                        let _ = begin.send(());
                    }
                });
                writer.insist(tell.map(|(_, group)| group), 4).expect("the API server takes it");
            }
        });
        begun.recv().expect("it is written to");
        server.kill();
        server.compact().expect("etcd is there");
        server.restart().expect("it comes back");
        writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    world.until_all_as_fresh(&format!("after kill {kill}"));
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
