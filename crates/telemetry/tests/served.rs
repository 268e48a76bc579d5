//! What is served, asked for over loopback.

use margay_agent::{Agent, Options, Signals};
use margay_dataplane::Recorder;
use margay_datastore::Folder;
use margay_telemetry::{Calls, Figures, Platform, RuleCount, Server, Telemetry, health_page, metrics_page};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const CLUSTER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1}
status: {podIP: 10.0.0.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
";

/// Every figure that any platform has.
struct Everything;

impl Platform for Everything {
    fn figures(&mut self) -> Figures {
        let named = ["nftables_chains", "nftables_rules", "hns_acls", "hns_lost_threads"];
        Figures {
            objects: named.map(|name| (name, 3)).to_vec(),
            rules: vec![RuleCount {
                policy: "NetworkPolicy shop/db".into(),
                direction: "ingress".into(),
                rule: "0".into(),
                connections: 7,
            }],
            more_rules: 0,
            unknown_pods: 2,
            calls: vec![Calls {
                operation: "list",
                kind: "endpoint".into(),
                count: 4,
                sum: Duration::from_millis(1500),
                failed: 1,
                timed_out: 0,
            }],
        }
    }
}

fn measured() -> Telemetry {
    let telemetry = Telemetry::new("node-1".into(), Instant::now());
    telemetry.set_platform(Box::new(Everything));
    telemetry.count(|| vec![("source_lists", 20), ("source_watches", 21), ("source_errors", 1)]);
    let flows = ["flow_log_packets", "flow_log_lines", "flow_log_dropped_lines", "flow_log_lost_packets"];
    telemetry.count(move || flows.map(|name| (name, 5)).to_vec());
    let options = Options { node: "node-1".into(), poll: Duration::from_secs(1) };
    let source = Folder::of_text("cluster.yaml", CLUSTER);
    let mut agent = Agent::new(options, source, Recorder::default(), Instant::now());
    agent.watch(Box::new(telemetry.meter()));
    agent.run(&margay_agent::Waker::default(), None, |_| std::ops::ControlFlow::Break(()));
    telemetry
}

fn serve(telemetry: &Telemetry) -> SocketAddr {
    let telemetry = telemetry.clone();
    let pages = move |path: &str, query: &str| {
        health_page(&telemetry, path, query).or_else(|| metrics_page(&telemetry, path, query))
    };
    let server = Server::start("health and metrics", ([127, 0, 0, 1], 0).into(), pages).expect("a thread");
    server.address().expect("some port is free")
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

fn get(address: SocketAddr, target: &str) -> (u16, String) {
    let text = ask(address, &format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
}

#[test]
fn an_agent_that_has_just_started_is_live_and_not_ready() {
    let address = serve(&Telemetry::new("node-1".into(), Instant::now()));
    assert_eq!(get(address, "/liveness"), (200, "ok\n".into()));
    let (code, body) = get(address, "/readiness");
    assert_eq!((code, body.as_str()), (503, "nothing is known yet: the agent has only just started\n"));
}

#[test]
fn an_agent_at_work_says_how_it_is_doing() {
    let address = serve(&measured());
    for (target, code, body) in [
        ("/liveness", 200, "ok\n"),
        ("/readiness", 200, "ok\n"),
        (
            "/readiness?verbose",
            200,
            "[+] source: ok\n[+] data plane: ok (1 endpoints, 1 policies, 0 waiting, 0 failing)\n",
        ),
        ("/", 404, "there is no such page\n"),
    ] {
        assert_eq!(get(address, target), (code, body.to_owned()), "{target}");
    }
    let (code, metrics) = get(address, "/metrics");
    assert_eq!(code, 200);
    for line in [
        "margay_active_local_endpoints 1",
        "margay_ipsets 1",
        "margay_ipset_members 1",
        "margay_int_dataplane_apply_time_seconds_count 1",
        "margay_calc_graph_update_time_seconds_count 1",
        "margay_oldest_unprogrammed_endpoint_seconds 0.0",
        "margay_source_lists_total 20",
        "margay_source_problems_total{severity=\"error\"} 0.0",
        "margay_rule_connections_total{policy=\"NetworkPolicy shop/db\",direction=\"ingress\",rule=\"0\"} 7.0",
        "margay_hns_call_seconds_total{operation=\"list\",kind=\"endpoint\"} 1.5",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn requests_of_all_kinds_are_answered() {
    let address = serve(&measured());
    for (request, answer) in [
        ("POST /metrics HTTP/1.1\r\n\r\n".to_owned(), "HTTP/1.1 405 "),
        ("GET\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("\u{1}\u{2}\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("GET /liveness HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.1 200 "),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(9 << 10)), "HTTP/1.1 431 "),
    ] {
        let text = ask(address, &request);
        assert!(text.starts_with(answer), "{:?}: {text}", request.chars().take(40).collect::<String>());
    }
    let head = ask(address, "HEAD /readiness HTTP/1.1\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("content-length: 3\r\nconnection: close\r\n\r\n"),
        "{head}"
    );
}

#[test]
fn silent_clients_keep_nobody_out() {
    let address = serve(&measured());
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    for mut half in silent.iter().skip(90) {
        half.write_all(b"GET /liven").expect("it reads");
    }
    let start = Instant::now();
    assert_eq!(get(address, "/liveness").0, 200);
    assert!(start.elapsed() < Duration::from_secs(4), "nobody's patience had to end: {:?}", start.elapsed());
    drop(silent);
}

#[test]
fn every_metric_is_in_the_documentation_and_nothing_else() {
    let text = measured().metrics(Instant::now());
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let page = include_str!("../../../docs/metrics.md");
    let documented = page.lines().filter_map(|line| line.strip_prefix("| `margay_")?.split('`').next());
    assert_eq!(served.filter_map(|name| name.strip_prefix("margay_")).collect::<BTreeSet<_>>(), documented.collect());
}

#[test]
fn a_step_is_counted_where_it_is_driven_by_hand_too() {
    let telemetry = Telemetry::new("node-1".into(), Instant::now());
    let options = Options { node: "node-1".into(), poll: Duration::from_secs(1) };
    let mut agent = Agent::new(options, Folder::of_text("c.yaml", CLUSTER), Recorder::default(), Instant::now());
    agent.watch(Box::new(telemetry.meter()));
    agent.step(Signals::default(), Instant::now());
    assert!(telemetry.metrics(Instant::now()).contains("margay_int_dataplane_apply_time_seconds_count 1\n"));
}
