//! The agent on a real API server: how long it is from a change of policy to packets, what memory it has, and what it does when nothing happens.
//!
//! `KUBEBUILDER_ASSETS` names the folder of kube-apiserver and etcd. One node of the cluster is real, a network namespace with two pods, and its agent the
//! program as it is released. All of it, the API server included, shares the machine.

mod objects;
mod probe;

use crate::measure::{Measured, quantile};
use margay_envtest::{Agent, Assets, ControlPlane, Profile, Write, Writer, program};
use margay_lab::fabric::{Fabric, Node, Pod, Topology, Wiring};
use probe::Turn;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pods, policies, and changes of policy.
const PODS: u32 = 5_000;
const POLICIES: u32 = 300;
const CHANGES: u32 = 1_000;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(60);
/// The address of the API server: of no node and no pod.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// Only what is broken takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an agent on the cluster is measured by.
struct Setting {
    fabric: Fabric,
    program: PathBuf,
}

impl Setting {
    /// None where there is no API server.
    fn find() -> Option<(Self, Assets)> {
        let assets = Assets::find()?;
        let node = Node {
            name: objects::NODE.into(),
            addresses: vec![objects::NODE_ADDRESS.into()],
            gateways: vec![],
            uplink: "eth0".into(),
            switched: false,
        };
        let pod = |id: &str, address: Ipv4Addr| Pod { id: id.into(), node: 0, addresses: vec![address.into()] };
        let pods = vec![pod("probe/client", objects::CLIENT), pod("probe/victim", objects::VICTIM)];
        let topology = Topology { wiring: Wiring::Routed, nodes: vec![node], pods };
        let fabric = Fabric::build(&topology).expect("network namespaces: run as root");
        Some((Self { fabric, program: program(Profile::Release).expect("margay is built") }, assets))
    }

    fn agent(&self, server: &ControlPlane) -> Agent {
        let start = || Agent::start(&self.program, objects::NODE, &server.kubeconfig());
        let mut agent = self.fabric.node(0).enter(start).expect("the node's namespace").expect("the agent starts");
        agent.until_settled(PATIENCE).expect("it settles");
        agent
    }
}

/// Runs a row where the API server is, without any objects yet.
fn on_server(row: impl FnOnce(&Setting, &ControlPlane, &Writer) -> Measured + Send) -> Measured {
    let Some((setting, assets)) = Setting::find() else {
        return Measured { note: "skipped: KUBEBUILDER_ASSETS names no folder".into(), ..Measured::default() };
    };
    let inside = || {
        let server = ControlPlane::start(&assets, SERVER).expect("an API server");
        let writer = Writer::new(server.kubeconfig()).expect("a client");
        row(&setting, &server, &writer)
    };
    setting.fabric.external().enter(inside).expect("the namespace outside of the nodes")
}

/// From the API server's answer to a change of policy until packets of new flows meet it; beside it what the agent says of itself.
pub(crate) fn changes() -> Measured {
    on_server(|setting, server, writer| {
        objects::fill(writer, PODS, POLICIES);
        let mut agent = setting.agent(server);
        let (mut accepted, mut asked) = (Vec::new(), Vec::new());
        probe::watched(&setting.fabric, |turns| {
            // Whatever it was, it is closed now.
            let wait = |open: bool| loop {
                let turn: Turn = turns.recv_timeout(PATIENCE).expect("packets tell");
                if turn.passes == open {
                    return turn.at;
                }
            };
            for change in 0..CHANGES {
                let open = change % 2 == 0;
                let before = Instant::now();
                writer.write(&Write::Patch(objects::turn(open))).expect("the API server takes it");
                let taken = Instant::now();
                let at = wait(open);
                asked.push(at.saturating_duration_since(before));
                accepted.push(at.saturating_duration_since(taken));
            }
        });
        let is_said = |status: &serde_json::Value| status["commits"]["count"].as_u64() >= Some(u64::from(CHANGES) / 2);
        let status = agent.until("done", PATIENCE, is_said).expect("it counts");
        let said = |name: &str| status["commits"][name].as_f64().unwrap_or_default();
        let ms = |times: &mut Vec<Duration>, share| quantile(times, share) * 1e3;
        let note = format!(
            "[p99 {:.1} ms; since it was asked {:.1} and {:.1} ms; in the agent, from the event to the commit, mean {:.2}, p50 at most {} and p99 at most {} ms of {}]",
            ms(&mut accepted, 0.99),
            ms(&mut asked, 0.5),
            ms(&mut asked, 0.99),
            said("meanMs"),
            said("p50Ms"),
            said("p99Ms"),
            status["commits"]["count"],
        );
        Measured { wall: quantile(&mut accepted, 0.5), note, operations: CHANGES, ..Measured::default() }
    })
}

/// CPU over a minute in which nothing happens, and memory.
pub(crate) fn idle() -> Measured {
    on_server(|setting, server, writer| {
        let resident = |agent: &Agent| agent.memory().expect("it runs").map(|bytes| bytes as f64);
        let [empty, _] = resident(&setting.agent(server));
        objects::fill(writer, PODS, POLICIES);
        let agent = setting.agent(server);
        let before = agent.cpu().expect("it runs");
        std::thread::sleep(IDLE);
        let cpu = agent.cpu().expect("it runs") - before;
        let [now, most] = resident(&agent);
        let note = format!(
            "of CPU in {} s: {:.3}% [resident {:.1} MB, {:.2} kB a pod over {:.1} MB without any; at most {:.1} MB]",
            IDLE.as_secs(),
            100.0 * cpu.as_secs_f64() / IDLE.as_secs_f64(),
            now / 1e6,
            (now - empty) / 1e3 / f64::from(PODS),
            empty / 1e6,
            most / 1e6,
        );
        Measured { wall: cpu.as_secs_f64(), note, ..Measured::default() }
    })
}
