//! What the generated cases contained.

use crate::Cluster;
use crate::features::features;
use margay_api::Family;
use margay_spec::{Attribution, End, Flow, Verdict};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Counts of what was in clusters, flows and verdicts: each kind, each field of it by its path (`CalicoNetworkPolicy.spec.ingress.source.nets`),
/// the words of fields that take few (`….action=Pass`), both also wherever they stand (`*.action=Pass`), operators of selectors, protocols and families of flows, and what decided.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cases: u64,
    flows: u64,
    allowed: u64,
    counts: BTreeMap<String, u64>,
}

/// Fields that take one of few words or numbers.
const WORDS: &[&str] = &[
    "action",
    "defaultAction",
    "interfaceName",
    "ipVersion",
    "notProtocol",
    "operator",
    "phase",
    "policyTypes",
    "protocol",
    "stagedAction",
    "tier",
    "types",
];

/// Operators of a Calico selector, as the text between blanks or the function.
const OPERATORS: &[&str] = &[
    " == ",
    " != ",
    " in {",
    " not in {",
    " contains ",
    " starts with ",
    " ends with ",
    "!has(",
    "has(",
    "all()",
    "global()",
    " && ",
    " || ",
    "! (",
];

impl Coverage {
    /// Counts a case: its cluster, and the verdict of each flow.
    pub fn observe(&mut self, cluster: &Cluster, flows: &[Flow], verdicts: &[Verdict]) {
        self.cases += 1;
        let mut seen = BTreeSet::new();
        for (key, document) in cluster.documents() {
            let kind = format!("{:?}", key.kind);
            walk(&kind, "", document, &mut seen);
            seen.insert(kind);
        }
        for (flow, verdict) in flows.iter().zip(verdicts) {
            self.flows += 1;
            self.allowed += u64::from(verdict.allow);
            let family = if flow.family() == Family::V4 { "IPv4" } else { "IPv6" };
            seen.insert(format!("flow {family}"));
            seen.insert(format!("flow {}", flow.protocol()));
            let ends = [("egress", &verdict.egress), ("ingress", &verdict.ingress)];
            let ends = ends.into_iter().filter_map(|(name, end)| Some((name, end.as_ref()?)));
            for (name, end) in ends.chain(verdict.host.iter().map(|h| ("host", &h.end))) {
                seen.insert(format!("{name} {}", decided_by(end)));
            }
        }
        for feature in seen {
            *self.counts.entry(feature).or_default() += 1;
        }
    }

    /// In how many cases a feature occurred.
    pub fn count(&self, feature: &str) -> u64 {
        self.counts.get(feature).copied().unwrap_or_default()
    }

    /// Of the features that every long run should show, those that didn't occur.
    pub fn missing(&self) -> Vec<String> {
        features().into_iter().filter(|feature| self.count(feature) == 0).collect()
    }

    /// How many of a hundred flows were allowed.
    pub fn allowed_percent(&self) -> f64 {
        100.0 * self.allowed as f64 / self.flows.max(1) as f64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, flows, .. } = self;
        writeln!(f, "{cases} cases, {flows} flows, {:.1}% allowed", self.allowed_percent())?;
        self.counts.iter().try_for_each(|(feature, count)| writeln!(f, "{count:7}  {feature}"))
    }
}

/// Notes every field under a path, `kind` in front.
fn walk(path: &str, key: &str, value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !matches!(key, "labels" | "labelsToApply" | "matchLabels" | "annotations") => {
            for (key, value) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "name"))
            {
                let path = format!("{path}.{key}");
                walk(&path, key, value, seen);
                seen.insert(path);
                seen.insert(format!("*.{key}"));
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(path, key, value, seen)),
        Value::String(text) if key.ends_with("elector") => {
            let found = OPERATORS.iter().filter(|operator| text.contains(**operator));
            seen.extend(found.map(|operator| format!("selector {}", operator.trim())));
        }
        Value::String(text) if WORDS.contains(&key) => {
            seen.extend([format!("{path}={text}"), format!("*.{key}={text}")])
        }
        Value::Number(word) if WORDS.contains(&key) => {
            seen.extend([format!("{path}={word}"), format!("*.{key}={word}")])
        }
        Value::Null => {
            seen.insert(format!("{path}=null"));
        }
        _ => {}
    }
}

fn decided_by(end: &End) -> String {
    let verdict = if end.allow { "allow" } else { "deny" };
    match &end.by {
        Attribution::Rule { .. } => format!("{verdict} by rule"),
        Attribution::TierDefault { .. } => format!("{verdict} by tier default"),
        Attribution::Profile { .. } => format!("{verdict} by profile"),
        Attribution::NoProfile => format!("{verdict}: no profile"),
        Attribution::Always(why) => format!("{verdict}: {why}"),
        Attribution::Forwarded => format!("{verdict}: forwarded"),
        Attribution::EndpointToHost => format!("{verdict} by endpoint to host"),
    }
}
