//! The settings of Calico's node agent.

use super::{Difference, Effect, Subject};
use margay_api::document::{Node, Value};

pub(super) const EBPF: &str =
    "the eBPF data plane ends, and with it its handling of Services: kube-proxy must run before Calico's agent stops";

/// When a setting is worth a word.
enum When {
    /// Whatever it is.
    Set,
    /// It is true.
    On,
    /// It is one of these, in any case of letters.
    Is(&'static [&'static str]),
    /// It is anything else than this, in any case of letters.
    IsNot(&'static str),
}

impl When {
    fn holds(&self, node: &Node) -> bool {
        let is = |expected: &&str| node.as_text().is_some_and(|text| text.eq_ignore_ascii_case(expected));
        match self {
            Self::Set => node.value != Value::Null,
            Self::On => node.value == Value::Bool(true),
            Self::Is(texts) => texts.iter().any(is),
            Self::IsNot(text) => !is(text),
        }
    }
}

const ENCRYPTION: &str = "traffic between nodes is no longer encrypted";
const REJECTS: &str = "what is denied is dropped, and never answered with a refusal";
const FAILSAFE: &str = "host endpoints have the failsafe ports that docs/semantics.md lists (23), and no others";
const FORWARDED: &str = "tunnel packets that pods send are subject to policy alone";
const MASQUERADE: &str = "what pods send out of the cluster is not masqueraded";
const METRICS: &str = "metrics have other names, at metricsAddress of Margay's own settings";
const LOG: &str = "how much is logged is said by logLevel of Margay's own settings";

/// Settings that somebody may miss. All others are about how Felix works.
const SETTINGS: &[(&str, When, Effect, &str)] = &[
    ("bpfEnabled", When::On, Effect::Ends, EBPF),
    ("wireguardEnabled", When::On, Effect::Ends, ENCRYPTION),
    ("wireguardEnabledV6", When::On, Effect::Ends, ENCRYPTION),
    ("policySyncPathPrefix", When::Set, Effect::Ends, "policy of the application layer is not enforced"),
    ("natOutgoingAddress", When::Set, Effect::Ends, MASQUERADE),
    ("natPortRange", When::Set, Effect::Ends, MASQUERADE),
    (
        "serviceLoopPrevention",
        When::IsNot("Disabled"),
        Effect::Ends,
        "packets to addresses of Services that nobody serves are not dropped",
    ),
    (
        "flowLogsGoldmaneServer",
        When::Set,
        Effect::Ends,
        "flows are not sent to Goldmane; flowLog of Margay's own settings tells of denied ones",
    ),
    (
        "flowLogsLocalReporter",
        When::Is(&["Enabled"]),
        Effect::Ends,
        "flows are not reported; flowLog of Margay's own settings tells of denied ones",
    ),
    (
        "defaultEndpointToHostAction",
        When::IsNot("Accept"),
        Effect::Differs,
        "what pods send to their own node is accepted where their egress policy allows it",
    ),
    ("failsafeInboundHostPorts", When::Set, Effect::Differs, FAILSAFE),
    ("failsafeOutboundHostPorts", When::Set, Effect::Differs, FAILSAFE),
    ("iptablesFilterDenyAction", When::Is(&["Reject"]), Effect::Differs, REJECTS),
    ("nftablesFilterDenyAction", When::Is(&["Reject"]), Effect::Differs, REJECTS),
    ("allowIPIPPacketsFromWorkloads", When::On, Effect::Differs, FORWARDED),
    ("allowVXLANPacketsFromWorkloads", When::On, Effect::Differs, FORWARDED),
    ("prometheusMetricsEnabled", When::On, Effect::Differs, METRICS),
    ("logSeverityScreen", When::Set, Effect::Differs, LOG),
    ("logSeverityFile", When::Set, Effect::Differs, LOG),
    ("logSeveritySys", When::Set, Effect::Differs, LOG),
];

pub(super) fn differences(subject: &Subject<'_>) -> Vec<Difference> {
    let Some(Value::Map(entries)) = subject.field(&["spec"]).map(|spec| &spec.value) else {
        return vec![subject.whole(Effect::Idle, "is a configuration of Calico's agent that says nothing")];
    };
    let mut others = 0;
    let mut found = Vec::new();
    for entry in entries {
        let setting = SETTINGS.iter().find(|(name, when, ..)| *name == entry.key && when.holds(&entry.value));
        match setting {
            Some((name, _, effect, text)) => {
                found.push(subject.difference(*effect, entry.span.start.line, format!("spec.{name}"), *text));
            }
            None => others += 1,
        }
    }
    if others > 0 {
        found.push(subject.whole(Effect::Idle, "other settings are about how Calico's agent works"));
    }
    found
}
