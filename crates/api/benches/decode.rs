//! How long it takes to read a cluster's worth of pods and policies. `cargo bench -p margay-api`

#![allow(clippy::print_stdout)]

use margay_api::read;
use std::fmt::Write;
use std::time::Instant;

const PODS: usize = 10_000;
const POLICIES: usize = 2_000;

/// As `kubectl get pod -o yaml` prints a pod, but for its longest parts.
fn pod(i: usize) -> String {
    format!(
        r#"apiVersion: v1
kind: Pod
metadata:
  name: web-7d4b9c6f8b-{i:05}
  namespace: shop-{ns}
  creationTimestamp: "2024-05-06T07:08:09Z"
  labels:
    app.kubernetes.io/name: web
    app.kubernetes.io/instance: web-{ns}
    pod-template-hash: 7d4b9c6f8b
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: "8080"
  ownerReferences:
  - apiVersion: apps/v1
    kind: ReplicaSet
    name: web-7d4b9c6f8b
    uid: 0f9d6a3e-5b1c-4d2e-8f7a-{i:012}
    controller: true
  resourceVersion: "{i}"
  uid: 1a2b3c4d-5e6f-7a8b-9c0d-{i:012}
spec:
  nodeName: node-{node}
  serviceAccountName: web
  restartPolicy: Always
  containers:
  - name: web
    image: registry.example.com/shop/web:1.2.3
    imagePullPolicy: IfNotPresent
    args: ["--listen=:8080", "--log-level=info"]
    env:
    - name: POD_IP
      valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}
    ports:
    - name: http
      containerPort: 8080
      protocol: TCP
    - name: metrics
      containerPort: 9090
    resources:
      limits: {{cpu: "1", memory: 512Mi}}
      requests: {{cpu: 100m, memory: 128Mi}}
    livenessProbe:
      httpGet: {{path: /healthz, port: http}}
      periodSeconds: 10
    volumeMounts:
    - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      name: kube-api-access
      readOnly: true
  tolerations:
  - effect: NoExecute
    key: node.kubernetes.io/not-ready
    operator: Exists
    tolerationSeconds: 300
status:
  phase: Running
  hostIP: 192.0.2.{node}
  podIP: 10.{a}.{b}.{c}
  podIPs:
  - ip: 10.{a}.{b}.{c}
  conditions:
  - type: Ready
    status: "True"
    lastTransitionTime: "2024-05-06T07:08:19Z"
"#,
        ns = i % 100,
        node = i % 250,
        a = i >> 16,
        b = (i >> 8) & 255,
        c = i & 255
    )
}

fn policy(i: usize) -> String {
    format!(
        r#"apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {{name: p{i}, namespace: shop-{ns}}}
spec:
  tier: default
  order: {i}
  selector: app.kubernetes.io/name == 'web' && env in {{'prod', 'staging'}}
  ingress:
  - action: Allow
    protocol: TCP
    source: {{selector: app == 'client', namespaceSelector: team == 'a', notNets: [10.0.0.0/8]}}
    destination: {{ports: [80, 443, "8000:9000"]}}
  - action: Deny
    source: {{nets: [192.0.2.0/24, 198.51.100.0/24]}}
"#,
        ns = i % 100
    )
}

fn measure(what: &str, text: &str) {
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            let decoded = read(text, "bench");
            assert!(decoded.iter().all(|one| one.object.is_some() && one.problems.is_empty()));
            (start.elapsed(), decoded.len())
        })
        .min()
        .expect("five runs");
    let (time, count) = best;
    let megabytes = text.len() as f64 / 1e6;
    let each = time.as_secs_f64() / count as f64 * 1e6;
    println!(
        "{what}: {count} objects, {megabytes:.1} MB: {:.0} ms, {each:.1} µs each, {:.0} MB/s",
        time.as_secs_f64() * 1e3,
        megabytes / time.as_secs_f64()
    );
}

fn main() {
    let join = |count: usize, one: fn(usize) -> String| {
        (0..count).fold(String::new(), |mut text, i| {
            write!(text, "---\n{}", one(i)).expect("a String takes everything");
            text
        })
    };
    measure("pods", &join(PODS, pod));
    measure("policies", &join(POLICIES, policy));
    let json = |i: usize| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{i}","namespace":"a","labels":{{"app":"web","tier":"front"}}}},"spec":{{"nodeName":"n1","containers":[{{"name":"web","ports":[{{"name":"http","containerPort":8080}}]}}]}},"status":{{"phase":"Running","podIPs":[{{"ip":"10.0.{}.{}"}}]}}}}{}"#,
            i / 256 % 256,
            i % 256,
            '\n'
        )
    };
    measure("small pods in JSON", &(0..PODS).map(json).collect::<String>());
}
