//! The table.

use super::{Field, LogFormat, LogLevel, Platform, Setting, UnknownPods};
use std::time::Duration;

/// Every setting, in the order in which pages have them.
pub fn table() -> &'static [Setting] {
    TABLE
}

/// A setting by its name.
pub fn setting(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

/// A row for every system, without a default.
const fn row(name: &'static str, field: Field, about: &'static str, more: &'static str) -> Setting {
    Setting { name, field, default: [""; 2], platform: Platform::Any, felix: &[], about, more }
}

impl Setting {
    const fn by_default(self, text: &'static str) -> Self {
        self.by_default_of(text, text)
    }

    const fn by_default_of(mut self, files: &'static str, cluster: &'static str) -> Self {
        self.default = [files, cluster];
        self
    }

    const fn felix_says(mut self, fields: &'static [&'static str]) -> Self {
        self.felix = fields;
        self
    }

    const fn on(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }
}

static TABLE: &[Setting] = &[
    row(
        "node",
        Field::Name(|settings| &mut settings.node),
        "This node's name, as Pods have it in spec.nodeName",
        "There is no agent without it.",
    ),
    row(
        "poll",
        Field::Time(|settings| &mut settings.poll, Duration::from_millis(10)..=Duration::from_secs(3600)),
        "How often the files are read again",
        "A cluster says itself when something changes.",
    )
    .by_default("1s"),
    row(
        "statusFile",
        Field::File(|settings| &mut settings.status_file),
        "Keep a JSON file that says how it goes: what is in force, what fails and since when, rules that can't be expressed, drift",
        "It is replaced whole, at each change.",
    )
    .by_default("off"),
    row(
        "logFile",
        Field::File(|settings| &mut settings.log_file),
        "Write what happens to a file rather than to standard error; at 10 MiB it is begun anew, and the one before kept as FILE.old",
        "",
    )
    .by_default("off"),
    row(
        "logLevel",
        Field::Choice(&[
            ("error", |settings| settings.log_level = LogLevel::Error),
            ("warn", |settings| settings.log_level = LogLevel::Warn),
            ("info", |settings| settings.log_level = LogLevel::Info),
            ("debug", |settings| settings.log_level = LogLevel::Debug),
            ("trace", |settings| settings.log_level = LogLevel::Trace),
        ]),
        "The least weighty lines that are written",
        "Libraries that Margay uses say nothing below info.",
    )
    .by_default("info")
    .felix_says(&["logSeverityScreen"]),
    row(
        "logFormat",
        Field::Choice(&[
            ("text", |settings| settings.log_format = LogFormat::Text),
            ("json", |settings| settings.log_format = LogFormat::Json),
        ]),
        "How lines are written: for people, or a JSON object each",
        "A JSON object has `time`, `level`, `target` and `message`, and of what the line is about `object`, `node` and `error`.",
    )
    .by_default("text"),
    row(
        "snapshotFile",
        Field::File(|settings| &mut settings.snapshot_file),
        "Keep the resources in force in a file, and enforce from it where the API server is away at the start",
        "In a cluster only. A damaged file, or one of another node or version, is set aside as FILE.bad.",
    )
    .by_default("off"),
    row(
        "record",
        Field::File(|settings| &mut settings.record),
        "Write everything that is read to a file, which `margay replay` runs again",
        "It grows with every change: it is for looking into something, not for every day.",
    )
    .by_default("off"),
    row(
        "healthAddress",
        Field::Address(|settings| &mut settings.health_address),
        "Serve /liveness and /readiness here",
        "",
    )
    .by_default_of("off", "127.0.0.1:9099")
    .felix_says(&["healthEnabled", "healthHost", "healthPort"]),
    row(
        "metricsAddress",
        Field::Address(|settings| &mut settings.metrics_address),
        "Serve metrics in Prometheus' format here, at /metrics",
        "",
    )
    .by_default_of("off", "127.0.0.1:9091")
    .felix_says(&["prometheusMetricsEnabled", "prometheusMetricsHost", "prometheusMetricsPort"]),
    row(
        "unknownPods",
        Field::Choice(&[
            ("allow", |settings| settings.unknown_pods = UnknownPods::Allow),
            ("deny", |settings| settings.unknown_pods = UnknownPods::Deny),
        ]),
        "What becomes of packets of addresses in this node's pod CIDRs that belong to no known pod",
        "`allow` counts them; `deny` keeps a new pod closed until its policy is in force, which takes a network plugin that gives no such address to anything else.",
    )
    .by_default("allow")
    .on(Platform::Linux),
    row(
        "flowLog",
        Field::Output(|settings| &mut settings.flow_log),
        "Write denied flows as JSON lines, each with the policy that denied it",
        "Flows that are alike are written once in a while, with their number.",
    )
    .by_default("off")
    .on(Platform::Linux),
    row(
        "flowLogRate",
        Field::Count(|settings| &mut settings.flow_log_rate, 1..=100_000, "lines a second"),
        "The most denied flows that are written",
        "What is left out is counted, and the count written.",
    )
    .by_default("100")
    .on(Platform::Linux),
    row(
        "report",
        Field::Bool(|settings| &mut settings.report),
        "Write this node's NodeReport, and Events, to the cluster",
        "Without it no policy's status counts this node.",
    )
    .by_default_of("false", "true"),
    row(
        "anyNetwork",
        Field::Bool(|settings| &mut settings.any_network),
        "Program endpoints on networks of any type, NAT too, where Windows may take ACLs and enforce none: policy then counts as in force only where vfpctrl shows it",
        "",
    )
    .by_default("false")
    .on(Platform::Windows),
    row(
        "removeForeign",
        Field::Bool(|settings| &mut settings.remove_foreign),
        "Remove ACLs of others that are asked before Margay's, rather than report them",
        "",
    )
    .by_default("false")
    .on(Platform::Windows),
];
