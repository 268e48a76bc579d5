//! How long a cluster of some size takes, from text to a verdict.

use super::{file, margay};
use std::fmt::Write;
use std::time::{Duration, Instant};

const PODS: u32 = 10_000;
const POLICIES: u32 = 1_000;
const NAMESPACES: u32 = 100;

fn cluster() -> String {
    let mut text = String::new();
    let mut add = |object: String| write!(text, "---\napiVersion: {object}\n").expect("text grows");
    for number in 0..NAMESPACES {
        let labels = format!("{{team: t{}}}", number % 7);
        add(format!("v1\nkind: Namespace\nmetadata: {{name: ns-{number}, labels: {labels}}}"));
    }
    for number in 0..PODS {
        let [_, high, middle, low] = number.to_be_bytes();
        let labels = format!("{{app: app-{}, tier: tier-{}}}", number % 50, number % 5);
        let ports = "[{name: http, containerPort: 8080, protocol: TCP}]";
        add(format!(
            "v1\nkind: Pod\nmetadata: {{name: pod-{number}, namespace: ns-{}, labels: {labels}}}\n\
             spec: {{nodeName: node-{}, containers: [{{name: c, ports: {ports}}}]}}\n\
             status: {{phase: Running, podIP: 10.{high}.{middle}.{low}}}",
            number % NAMESPACES,
            number % 50,
        ));
    }
    for number in 0..POLICIES {
        let from = format!(
            "[{{podSelector: {{matchLabels: {{tier: tier-{}}}}}}}, {{namespaceSelector: {{matchLabels: {{team: t{}}}}}}}]",
            number % 5,
            number % 7,
        );
        add(format!(
            "networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p-{number}, namespace: ns-{}}}\n\
             spec: {{podSelector: {{matchLabels: {{app: app-{}}}}}, ingress: [{{from: {from}, ports: [{{port: http}}]}}]}}",
            number % NAMESPACES,
            number % 50,
        ));
    }
    text
}

#[test]
fn ten_thousand_pods_and_a_thousand_policies_load_in_under_a_second() {
    let cluster = file(&cluster());
    let flows = concat!(
        r#"{"from":"ns-0/pod-0","to":"ns-0/pod-100","protocol":"TCP","port":8080}"#,
        "\n",
        r#"{"from":"ns-0/pod-1000","to":"ns-1/pod-1","protocol":"TCP","port":80}"#
    );
    let start = Instant::now();
    let run = margay(&format!("margay eval -f {} --flows - -o jsonl", cluster.path().display()), flows);
    let took = start.elapsed();
    let verdicts: Vec<bool> = run.out.lines().map(|line| line.contains(r#""verdict":"allow""#)).collect();
    assert_eq!(verdicts, [true, false], "{run}");
    // Not optimised, it takes some ten times as long.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 15 } else { 1 });
    println!("{PODS} pods and {POLICIES} policies: {took:.2?} from text to a verdict");
    assert!(took < limit, "{took:?} from text to a verdict");
}
