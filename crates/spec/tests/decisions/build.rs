//! Small clusters as text, and the check of a table of flows.

use margay_api::{Object, Protocol};
use margay_spec::{Direction, Flow, Settings, Verdict, World};
use std::net::IpAddr;

/// `NAME` or `NAMESPACE/NAME`, labels as `key=value,…`, and what follows the metadata.
pub(crate) fn object(api: &str, kind: &str, name: &str, labels: &str, rest: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    let labels: Vec<String> = labels
        .split_terminator(',')
        .map(|pair| pair.split_once('=').map(|(key, value)| format!("{key}: \"{value}\"")).expect("key=value"))
        .collect();
    let labels = labels.join(", ");
    format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}{namespace}, labels: {{{labels}}}}}\n{rest}\n")
}

pub(crate) fn namespace(name: &str, labels: &str) -> String {
    object("v1", "Namespace", name, labels, "")
}

pub(crate) fn account(name: &str, labels: &str) -> String {
    object("v1", "ServiceAccount", name, labels, "")
}

/// A pod on `node-1` with these addresses, separated by commas.
pub(crate) fn pod(name: &str, addresses: &str, labels: &str) -> String {
    pod_with(name, addresses, labels, "nodeName: node-1", "")
}

/// A pod with this in its spec, beside containers, and ports as `name:PROTOCOL:number,…`.
pub(crate) fn pod_with(name: &str, addresses: &str, labels: &str, spec: &str, ports: &str) -> String {
    let ports: Vec<String> = ports
        .split_terminator(',')
        .map(|port| {
            let parts: Vec<&str> = port.split(':').collect();
            format!("{{name: {}, protocol: {}, containerPort: {}}}", parts[0], parts[1], parts[2])
        })
        .collect();
    let ips: Vec<String> = addresses.split_terminator(',').map(|address| format!("{{ip: \"{address}\"}}")).collect();
    let (ports, ips) = (ports.join(", "), ips.join(", "));
    let rest = format!(
        "spec: {{{spec}, containers: [{{name: c, image: i, ports: [{ports}]}}]}}\nstatus: {{phase: Running, podIPs: [{ips}]}}"
    );
    object("v1", "Pod", name, labels, &rest)
}

/// A node with this address and pod CIDR.
pub(crate) fn node(name: &str, address: &str, cidr: &str, labels: &str) -> String {
    let rest = format!(
        "spec: {{podCIDR: \"{cidr}\", podCIDRs: [\"{cidr}\"]}}\nstatus: {{addresses: [{{type: InternalIP, address: \"{address}\"}}]}}"
    );
    object("v1", "Node", name, labels, &rest)
}

/// An object of `projectcalico.org/v3`.
pub(crate) fn calico(kind: &str, name: &str, spec: &str) -> String {
    object("projectcalico.org/v3", kind, name, "", &format!("spec: {{{spec}}}"))
}

/// The same with labels.
pub(crate) fn labelled(kind: &str, name: &str, labels: &str, spec: &str) -> String {
    object("projectcalico.org/v3", kind, name, labels, &format!("spec: {{{spec}}}"))
}

/// A NetworkPolicy of Kubernetes.
pub(crate) fn network_policy(name: &str, spec: &str) -> String {
    object("networking.k8s.io/v1", "NetworkPolicy", name, "", &format!("spec: {{{spec}}}"))
}

/// A ClusterNetworkPolicy.
pub(crate) fn cluster_policy(name: &str, spec: &str) -> String {
    object("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", name, "", &format!("spec: {{{spec}}}"))
}

/// A GlobalNetworkPolicy that denies everything to `app=db` but what these rules say, in its own tier-less place.
pub(crate) fn guard(rules: &str) -> String {
    calico("GlobalNetworkPolicy", "guard", &format!("selector: app == 'db', types: [Ingress], ingress: [{rules}]"))
}

/// Namespaces red and blue, and pods red/web 10.0.0.1, red/db 10.0.0.2, blue/web 10.0.1.1, blue/db 10.0.1.2, labelled `app` by their names.
pub(crate) fn base() -> Vec<String> {
    vec![
        namespace("red", "team=x"),
        namespace("blue", "team=y"),
        pod("red/web", "10.0.0.1,fd00::1", "app=web"),
        pod("red/db", "10.0.0.2,fd00::2", "app=db"),
        pod("blue/web", "10.0.1.1,fd00:1::1", "app=web"),
        pod("blue/db", "10.0.1.2,fd00:1::2", "app=db"),
    ]
}

pub(crate) fn decode(documents: &[String]) -> Vec<Object> {
    documents
        .iter()
        .flat_map(|text| margay_api::read(text, "test"))
        .map(|decoded| decoded.object.unwrap_or_else(|| panic!("no object: {:?}", decoded.problems)))
        .collect()
}

/// `FROM TO PROTOCOL…`: addresses, then `tcp PORT`, `tcp PORT from PORT`, `icmp TYPE CODE`, or a protocol's number.
pub(crate) fn parse(text: &str) -> Flow {
    let words: Vec<&str> = text.split_whitespace().collect();
    let address = |i: usize| words[i].parse::<IpAddr>().unwrap_or_else(|_| panic!("no address: {text}"));
    let number = |i: usize| words[i].parse::<u16>().unwrap_or_else(|_| panic!("no number: {text}"));
    let protocol = words[2].parse::<Protocol>().unwrap_or_else(|_| panic!("no protocol: {text}"));
    if matches!(protocol, Protocol::ICMP | Protocol::ICMPV6) {
        let (kind, code) = (number(3) as u8, number(4) as u8);
        return Flow { icmp_type: kind, icmp_code: code, ..Flow::new(address(0), address(1), protocol, 0, 0) };
    }
    let port = if words.len() > 3 { number(3) } else { 0 };
    let source_port = if words.len() > 5 { number(5) } else { 40000 };
    Flow::new(address(0), address(1), protocol, source_port, port)
}

/// `allow` or `deny`, then every end and what decided it.
pub(crate) fn render(verdict: &Verdict) -> String {
    let word = |allow| if allow { "allow" } else { "deny" };
    let mut text = word(verdict.allow).to_owned();
    let ends = [("egress".to_owned(), verdict.egress.as_ref()), ("ingress".to_owned(), verdict.ingress.as_ref())];
    let host = verdict.host.iter().map(|host| {
        let direction = if host.direction == Direction::Ingress { "in" } else { "out" };
        (format!("{direction} {}", host.node), Some(&host.end))
    });
    for (name, end) in ends.into_iter().chain(host) {
        if let Some(end) = end {
            text += &format!("; {name} {} by {}", word(end.allow), end.by);
        }
    }
    text
}

/// Checks the verdict of each flow. An expectation is `allow` or `deny`, or parts that the rendered verdict must have, between `…`.
pub(crate) fn check_with(settings: Settings, documents: &[String], table: &[(&str, &str)]) {
    let objects = decode(documents);
    let world = World::new(&objects, settings);
    for (text, expected) in table {
        let verdict = render(&world.verdict(&parse(text)));
        let fits = expected.split('…').all(|part| verdict.contains(part.trim())) && verdict.starts_with(&expected[..4]);
        let last = &documents[documents.len() - 1];
        assert!(fits, "{text}\n  expected: {expected}\n       was: {verdict}\n{last}");
    }
}

pub(crate) fn check(documents: &[String], table: &[(&str, &str)]) {
    check_with(Settings::default(), documents, table);
}

/// The base cluster with more documents.
pub(crate) fn check_base(more: &[String], table: &[(&str, &str)]) {
    let mut documents = base();
    documents.extend(more.iter().cloned());
    check(&documents, table);
}
