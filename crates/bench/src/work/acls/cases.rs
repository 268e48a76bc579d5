//! Clusters to count ACLs of: the truth tables of Kubernetes NetworkPolicy, and what is dear to other implementations.

use std::io::Read;

/// The states of the truth tables; none, which is said, where the fixtures are not there.
pub(crate) fn cyclonus() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/cyclonus-open.jsonl.gz");
    let Ok(compressed) = std::fs::File::open(path) else {
        println!("left out: there is no {path}");
        return Vec::new();
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("readable fixtures");
    let state = |line: &str| {
        let state: serde_json::Value = serde_json::from_str(line).expect("JSON");
        serde_json::json!({"apiVersion": "v1", "kind": "List", "items": state["objects"]}).to_string()
    };
    text.lines().map(state).collect()
}

/// A name, and the resources; the pod to look at is on `node-1`.
pub(crate) type Case = (&'static str, fn() -> String);

/// Negation of every kind.
pub(crate) const NEGATION: &[Case] = &[
    ("allow not protocol", || {
        cluster(0) + &policy("a", &["{action: Allow, notProtocol: UDP, source: {nets: [10.0.0.0/8]}}".into()])
    }),
    ("deny not selector", || {
        cluster(300) + &policy("a", &["{action: Deny, source: {notSelector: app == 'a1'}}".into(), allow_all()])
    }),
    ("allow net but selected", || {
        let rule = "{action: Allow, source: {nets: [10.0.0.0/8], notSelector: app == 'a1'}}";
        cluster(300) + &policy("a", &[rule.into()])
    }),
    ("allow net but named ports", || {
        let rule = "{action: Allow, protocol: TCP, source: {nets: [10.0.0.0/8], notPorts: [http]}}";
        cluster(300) + &policy("a", &[rule.into()])
    }),
    ("deny all but 10, by port", || {
        let rule = |i: usize| {
            format!(
                "{{action: Deny, protocol: TCP, source: {{notSelector: app == 'a{i}'}}, destination: {{ports: [{}]}}}}",
                8000 + i
            )
        };
        cluster(300) + &policy("a", &(0..10).map(rule).chain([allow_all()]).collect::<Vec<_>>())
    }),
];

/// Tiers and Pass.
pub(crate) const TIERS: &[Case] = &[
    ("three tiers of 20 Pass", || {
        let passes = |tier: &str| policy(tier, &each(20, |i| by_app("Pass", i, 8000 + i)));
        cluster(300) + &passes("t1.a") + &passes("t2.a") + &policy("a", &[allow_all()])
    }),
    ("Pass to 20, Allow 20 more", || {
        let pass = |i| format!("{{action: Pass, source: {{selector: app == 'a{}'}}}}", i % 10);
        cluster(300) + &policy("t1.a", &each(20, pass)) + &policy("a", &each(20, |i| by_app("Allow", i, 8000 + i % 4)))
    }),
    ("Pass nets, Deny, Allow", || {
        let pass = |i| format!("{{action: Pass, source: {{nets: [10.{i}.0.0/16]}}}}");
        let deny = |i| format!("{{action: Deny, protocol: TCP, destination: {{ports: [{}]}}}}", 20 + i);
        cluster(300)
            + &policy("t1.a", &each(20, pass))
            + &policy("t2.a", &each(20, deny))
            + &policy("t2.b", &["{action: Pass}".into()])
            + &policy("a", &["{action: Allow, protocol: TCP}".into()])
    }),
];

/// Many rules, many peers.
pub(crate) const LARGE: &[Case] = &[
    ("100 rules, 20 ports", || cluster(300) + &policy("a", &each(100, |i| by_app("Allow", i, 8000 + i % 20)))),
    ("5,000 peers, 10 ports", || cluster(5_000) + &policy("a", &each(100, |i| by_app("Allow", i, 8000 + i % 10)))),
    ("1,000 nets and ports", || {
        let rule = |i: usize| {
            let (net, port) = (format!("10.{}.{}.0/24", i / 200, i % 200), 1_000 + i);
            format!("{{action: Allow, protocol: TCP, source: {{nets: [{net}]}}, destination: {{ports: [{port}]}}}}")
        };
        cluster(0) + &policy("a", &each(1_000, rule))
    }),
];

/// A namespace, a node with a pod `web`, and so many others elsewhere, `app: a0` to `app: a9`.
fn cluster(others: usize) -> String {
    let pod = |i: usize| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: shop, name: p{i}, labels: {{app: a{}}}}}, \
             spec: {{nodeName: node-2, containers: [{{name: c, ports: [{{name: http, containerPort: {}}}]}}]}}, \
             status: {{phase: Running, podIPs: [{{ip: 10.1.{}.{}}}]}}}}\n",
            i % 10,
            80 + i % 3,
            i * 3 / 250,
            i * 3 % 250
        )
    };
    let head = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-1}, status: {addresses: [{type: InternalIP, address: 172.20.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, labels: {app: web}}, spec: {nodeName: node-1},
 status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}}
---
{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: t1}, spec: {order: 1}}
---
{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: t2}, spec: {order: 2}}
";
    head.to_owned() + &(0..others).map(pod).collect::<String>()
}

/// A policy of `web` for ingress, its tier before the dot.
fn policy(name: &str, rules: &[String]) -> String {
    let tier = name.split_once('.').map_or("default", |(tier, _)| tier);
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: {name}}}, \
         spec: {{tier: {tier}, selector: app == 'web', ingress: [{}]}}}}\n",
        rules.join(", ")
    )
}

fn each(count: usize, rule: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(rule).collect()
}

fn allow_all() -> String {
    "{action: Allow}".to_owned()
}

fn by_app(action: &str, i: usize, port: usize) -> String {
    let source = format!("{{selector: app == 'a{}'}}", i % 10);
    format!("{{action: {action}, protocol: TCP, source: {source}, destination: {{ports: [{port}]}}}}")
}
