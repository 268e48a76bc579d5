//! What an agent tells of itself while it works: health, metrics and denied flows, of real packets on a node of namespaces.

use margay_lab::fabric::{Error, Fabric, Node, Pod, Topology, Wiring};
use margay_lab::probe::{Probe, Prober, Site, Transport};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: node-a}
spec: {podCIDR: 10.0.0.0/24}
status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {nodeName: node-a}
status: {podIP: 10.0.0.11}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-mail}
spec: {selector: app == 'client', egress: [{action: Deny, protocol: TCP, destination: {ports: [25]}}, {action: Allow}]}
";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_agent_tells_how_it_is_and_what_it_denies() {
    let Some(fabric) = fabric() else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let (cluster, flows) = (home.path().join("cluster.yaml"), home.path().join("flows.json"));
    std::fs::write(&cluster, CLUSTER).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.args(["agent", "--node", "node-a", "--poll", "20ms", "--unknown-pods", "deny", "-f"]).arg(&cluster);
    command.args(["--health-address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0", "--flow-log"]).arg(&flows);
    let mut agent = Running::start(&fabric, command);
    let health = agent.served("health");
    let metrics = agent.served("metrics");
    let ready = |said: &str| get(&fabric, health, "/readiness") == (200, said.to_owned());
    until("it is ready", || ready("ok\n"));
    assert_eq!(get(&fabric, health, "/liveness"), (200, "ok\n".into()));

    let tcp = |from, to, source: [u8; 4], destination: [u8; 4], port| Probe {
        from,
        to,
        source: source.into(),
        destination: destination.into(),
        transport: Transport::Tcp { source_port: Some(40_000), port },
    };
    let (web, client, stranger) = (Site::Pod(0), Site::Pod(1), Site::Pod(2));
    let probes = [
        (tcp(client, web, [10, 0, 0, 11], [10, 0, 0, 10], 80), true),
        (tcp(client, web, [10, 0, 0, 11], [10, 0, 0, 10], 81), false),
        (tcp(client, Site::External, [10, 0, 0, 11], [192, 0, 2, 7], 25), false),
        (tcp(stranger, web, [10, 0, 0, 66], [10, 0, 0, 10], 80), false),
    ];
    let sent: Vec<Probe> = probes.iter().map(|(probe, _)| *probe).collect();
    let outcomes = Prober::default().measure(&fabric, &sent).expect("packets");
    let arrived: Vec<bool> = outcomes.iter().map(|outcome| outcome.arrived).collect();
    assert_eq!(arrived, probes.map(|(_, passes)| passes));

    let lines = || {
        let text = std::fs::read_to_string(&flows).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut said: Vec<String> = lines
            .map(|line| {
                let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                let end = |end: &Value| format!("{}/{}:{}", text(&end["namespace"]), text(&end["pod"]), end["port"]);
                let rule = format!("{} {} {}", text(&line["policy"]), line["rule"], text(&line["tier"]));
                let way = format!("{} {}", text(&line["verdict"]), text(&line["direction"]));
                format!("{way} by {rule}: {} -> {} {}", end(&line["src"]), end(&line["dst"]), line["count"])
            })
            .collect();
        said.sort();
        said
    };
    until("three flows are told of", || lines().len() >= 3);
    assert_eq!(
        lines(),
        [
            "deny egress by - null -: -/-:40000 -> shop/web:80 1",
            "deny egress by Calico GlobalNetworkPolicy no-mail 0 default: shop/client:40000 -> -/-:25 1",
            "deny ingress by - null default: shop/client:40000 -> shop/web:81 1",
        ]
    );

    // What the kernel counts is asked for anew only every few seconds.
    let has = |line: &str| get(&fabric, metrics, "/metrics").1.lines().any(|known| known == line);
    until("the rule is counted", || {
        has("margay_rule_connections_total{policy=\"NetworkPolicy shop/web\",direction=\"ingress\",rule=\"0\"} 1.0")
    });
    for line in [
        "margay_active_local_endpoints 2",
        "margay_active_local_policies 2",
        "margay_unknown_pod_connections_total 1",
        "margay_flow_log_lines_total 3",
        "margay_failing_objects 0",
    ] {
        assert!(has(line), "{line} is not in\n{}", get(&fabric, metrics, "/metrics").1);
    }
    let memory = agent.resident_kib();
    assert!(memory < 40 << 10, "resident memory: {memory} KiB");
    assert_eq!(get(&fabric, health, "/metrics").0, 404, "each has its own port");
    drop(agent);
    assert!(refused(&fabric, health), "the port is closed with it");
}

/// A node with three pods, of which the cluster knows two; `None` where there may be none.
fn fabric() -> Option<Fabric> {
    let pod = |id: &str, last: u8| Pod { id: id.into(), node: 0, addresses: vec![[10, 0, 0, last].into()] };
    let node = Node {
        name: "node-a".into(),
        addresses: vec![[172, 18, 0, 1].into()],
        gateways: vec![],
        uplink: "eth0".into(),
        switched: false,
    };
    let pods = vec![pod("shop/web", 10), pod("shop/client", 11), pod("shop/stranger", 66)];
    match Fabric::build(&Topology { wiring: Wiring::Routed, nodes: vec![node], pods }) {
        Ok(fabric) => Some(fabric),
        Err(Error::Privilege { .. }) => {
            eprintln!("skipped: no network namespaces can be made; run as root");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::yield_now();
    }
}

fn get(fabric: &Fabric, address: SocketAddr, target: &str) -> (u16, String) {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    let text = fabric.node(0).enter(ask).expect("the node's namespace").expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
}

fn refused(fabric: &Fabric, address: SocketAddr) -> bool {
    fabric.node(0).enter(|| TcpStream::connect(address).is_err()).expect("the node's namespace")
}

/// The agent on the node, until it is dropped.
struct Running(Child, BufReader<ChildStderr>);

impl Running {
    fn start(fabric: &Fabric, mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let mut process = fabric.node(0).enter(|| command.spawn()).expect("the node's namespace").expect("it starts");
        let stderr = BufReader::new(process.stderr.take().expect("a pipe was asked for"));
        Self(process, stderr)
    }

    /// Where it says that something is served.
    fn served(&mut self, what: &str) -> SocketAddr {
        let said = format!("{what} served at http://");
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert!(self.1.read_line(&mut line).expect("a line") > 0, "it ended: {all}");
            if let Some((_, address)) = line.split_once(&said) {
                return address.trim().parse().expect("an address");
            }
            all.push_str(&line);
        }
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line about memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap_or(i32::MAX));
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
