//! What `FelixConfiguration` says that means the same here.

use super::{Given, Origin, setting};
use margay_api::document::{Node, Value};
use smol_str::SmolStr;

/// Felix' words for `logSeverityScreen`, in lower case, and ours.
const LEVELS: [(&str, &str); 7] = [
    ("trace", "trace"),
    ("debug", "debug"),
    ("info", "info"),
    ("warning", "warn"),
    ("warn", "warn"),
    ("error", "error"),
    // The agent has no lines that only say that it ends.
    ("fatal", "error"),
];

/// What of a `FelixConfiguration` was taken, and the fields of its spec that were not: they mean nothing here.
#[derive(Debug, Default)]
pub struct Felix {
    /// What it says of our settings.
    pub given: Vec<Given>,
    /// The others.
    pub left_out: Vec<SmolStr>,
}

/// Reads the spec of a `FelixConfiguration`: of the node where `of_node`, else of the cluster. A value that can't be read is left out, too.
pub fn read(spec: &Node, of_node: bool) -> Felix {
    let mut felix = Felix::default();
    let origin = |field: &str| match of_node {
        true => Origin::FelixOfNode(field.into()),
        false => Origin::Felix(field.into()),
    };
    let mut take = |name: &str, field: &str, text: String| {
        felix.given.extend(setting(name).map(|setting| Given { setting, text, origin: origin(field) }));
    };
    let mut taken = Vec::new();
    let level = spec.get("logSeverityScreen").and_then(Node::as_text).map(str::to_lowercase);
    if let Some((_, ours)) = LEVELS.iter().find(|(theirs, _)| level.as_deref() == Some(theirs)) {
        take("logLevel", "logSeverityScreen", (*ours).to_owned());
        taken.push("logSeverityScreen");
    }
    for (name, fields) in [
        ("healthAddress", ["healthEnabled", "healthHost", "healthPort"]),
        ("metricsAddress", ["prometheusMetricsEnabled", "prometheusMetricsHost", "prometheusMetricsPort"]),
    ] {
        if let Some(address) = address(name, fields, spec) {
            take(name, fields[0], address);
            taken.extend(fields);
        }
    }
    if let Value::Map(entries) = &spec.value {
        let rest = entries.iter().filter(|entry| !taken.contains(&&*entry.key));
        felix.left_out = rest.map(|entry| entry.key.clone()).collect();
    }
    felix
}

/// Whether, where and at which port something is served; what is not said is by default. `None` where nothing is said, or nothing that can be understood.
fn address(name: &str, [enabled, host, port]: [&str; 3], spec: &Node) -> Option<String> {
    if let Some(Value::Bool(false)) = spec.get(enabled).map(|node| &node.value) {
        return Some("off".into());
    }
    let ours = setting(name)?.default(super::Reads::Cluster).parse::<std::net::SocketAddr>().ok()?;
    let said = [enabled, host, port].into_iter().any(|field| spec.get(field).is_some());
    let host = match spec.get(host).and_then(Node::as_text) {
        None | Some("localhost") => ours.ip(),
        // Felix' word for everywhere.
        Some("") => std::net::Ipv4Addr::UNSPECIFIED.into(),
        Some(host) => host.parse().ok()?,
    };
    let port = match spec.get(port).map(|node| &node.value) {
        None => ours.port(),
        Some(Value::Int(port)) => u16::try_from(*port).ok()?,
        Some(_) => return None,
    };
    said.then(|| std::net::SocketAddr::new(host, port).to_string())
}
