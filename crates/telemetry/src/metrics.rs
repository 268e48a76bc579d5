//! The metrics, by name. What Felix has too is called as it is there.

use crate::meter::{Seen, Shared};
use crate::{Figures, figures::Calls};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt::Error;
use std::time::Instant;

/// Objects of data planes.
const OBJECTS: [(&str, &str); 4] = [
    ("nftables_chains", "Chains of Margay's nftables table."),
    ("nftables_rules", "Rules of Margay's nftables table."),
    ("hns_acls", "ACLs that endpoints of HNS should have."),
    ("hns_lost_threads", "Threads that hang in calls of HNS that were given up."),
];

/// Counters that are kept elsewhere.
const ELSEWHERE: [(&str, &str); 7] = [
    (
        "source_lists",
        "Lists that were asked of the API server, page by page: one for each kind at the start, more where a watch can't be taken up again.",
    ),
    ("source_watches", "Watches that were asked of the API server."),
    ("source_errors", "Questions to the API server that failed, or were refused."),
    ("flow_log_packets", "Denied or logged packets that were read."),
    ("flow_log_lines", "Lines written about them."),
    ("flow_log_dropped_lines", "Lines left out, since there were too many or they could not be written."),
    (
        "flow_log_lost_packets",
        "Packets that the kernel dropped before they were read, or that could not be understood.",
    ),
];

/// All of them, as Prometheus reads them.
pub(crate) fn text(
    shared: &Shared,
    seen: Seen,
    figures: Figures,
    elsewhere: Vec<(&'static str, u64)>,
    now: Instant,
) -> String {
    let mut registry = Registry::with_prefix("margay");
    let planned = "Time to read updates and make a plan of them, in seconds";
    registry.register("calc_graph_update_time_seconds", planned, shared.planned.clone());
    let applied = "Time until the data plane had taken a change, in seconds; on Windows until it was handed over";
    registry.register("int_dataplane_apply_time_seconds", applied, shared.applied.clone());
    registry.register_collector(Box::new(Snapshot { node: shared.node.to_string(), seen, figures, elsewhere, now }));
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => text,
        // Writing to a string does not fail.
        Err(Error) => String::new(),
    }
}

#[derive(Debug)]
struct Snapshot {
    node: String,
    seen: Seen,
    figures: Figures,
    elsewhere: Vec<(&'static str, u64)>,
    now: Instant,
}

type Labels<'a, const N: usize> = [(&'a str, &'a str); N];

/// Writes one metric after the other.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Labels<'a, N>, f64)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut out = Out(encoder);
        self.build(&mut out)?;
        self.status(&mut out)?;
        self.source(&mut out)?;
        self.platform(&mut out)
    }
}

impl Snapshot {
    fn build(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let help = "What is built how; always 1.";
        let mut metric = out.0.encode_descriptor("build_info", help, None, MetricType::Gauge)?;
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS), ("node", &self.node)];
        metric.encode_family(&labels)?.encode_gauge(&1u64)
    }

    fn status(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let seen = &self.seen;
        let status = seen.status.as_ref();
        let number = |of: fn(&margay_agent::Status) -> usize| status.map_or(0, of) as u64;
        let age = |moment: Instant| self.now.saturating_duration_since(moment).as_secs_f64();
        let oldest = status.and_then(|status| status.oldest).map_or(0.0, age);
        let metrics = status.map(|status| status.metrics).unwrap_or_default();
        out.gauge("in_sync", "1 once the source has been read in full.", number(|s| usize::from(s.in_sync)))?;
        out.gauge("active_local_endpoints", "Pods and host endpoints of the node.", number(|s| s.endpoints))?;
        out.gauge("active_local_policies", "Policies in force on the node.", number(|s| s.policies))?;
        out.gauge("ipsets", "IP sets that rules in force refer to.", seen.sets as u64)?;
        out.gauge("ipset_members", "Their members.", seen.members as u64)?;
        out.gauge("endpoints_waiting", "Endpoints whose policy is not confirmed yet.", number(|s| s.waiting))?;
        let help =
            "How long the endpoint has waited for its policy that has waited longest, in seconds; 0 where none does.";
        out.gauge("oldest_unprogrammed_endpoint_seconds", help, oldest)?;
        out.gauge("failing_objects", "Objects that can't be put in force.", number(|s| s.failing.len()))?;
        out.gauge(
            "unsupported_rules",
            "Fields of rules that the data plane can't express.",
            number(|s| s.unsupported.len()),
        )?;
        out.gauge("plan_revision", "The revision of the plan.", status.map_or(0, |status| status.revision))?;
        out.counter("int_dataplane_applied", "Objects put in force.", metrics.applied)?;
        out.counter("int_dataplane_failures", "Times that an object could not be put in force.", metrics.failed)?;
        out.counter("int_dataplane_retries", "Times that it was tried again.", metrics.retries)?;
        out.counter("int_dataplane_drift", "Objects found to be other than they should.", metrics.drifted)?;
        out.counter("calc_graph_output_events", "Changes passed on to the data plane.", seen.changes)
    }

    fn source(&self, out: &mut Out<'_>) -> Result<(), Error> {
        out.counter("source_updates", "Resources that the source told of.", self.seen.updates)?;
        let problems = ["error", "warning", "note"].into_iter().zip(self.seen.problems);
        let problems = problems.map(|(severity, count)| ([("severity", severity)], count as f64));
        out.counters(
            "source_problems",
            "Resources, or questions to the source, that something was wrong with.",
            problems,
        )?;
        for (name, help) in ELSEWHERE {
            let known: Vec<u64> = self.elsewhere.iter().filter(|(other, _)| *other == name).map(|(_, n)| *n).collect();
            if !known.is_empty() {
                out.counter(name, help, known.iter().sum())?;
            }
        }
        Ok(())
    }

    fn platform(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let figures = &self.figures;
        for (name, help) in OBJECTS {
            if let Some((_, number)) = figures.objects.iter().find(|(other, _)| *other == name) {
                out.gauge(name, help, *number)?;
            }
        }
        if figures.objects.iter().any(|(name, _)| *name == "nftables_rules") {
            let rules = figures.rules.iter().map(|rule| {
                let labels = [("policy", &*rule.policy), ("direction", &*rule.direction), ("rule", &*rule.rule)];
                (labels, rule.connections as f64)
            });
            out.counters("rule_connections", "Connections whose first packet met the rule.", rules)?;
            out.gauge("rule_connections_omitted", "Rules left out of that, for want of room.", figures.more_rules)?;
            let help = "First packets of addresses in this node's pod CIDRs that no known pod has.";
            out.counter("unknown_pod_connections", help, figures.unknown_pods)?;
        }
        if figures.calls.is_empty() {
            return Ok(());
        }
        let mut calls = |name, help, of: fn(&Calls) -> f64| {
            let labelled =
                figures.calls.iter().map(|calls| ([("operation", calls.operation), ("kind", &calls.kind)], of(calls)));
            out.counters(name, help, labelled)
        };
        calls("hns_calls", "Calls of HNS.", |calls| calls.count as f64)?;
        calls("hns_call_seconds", "What calls of HNS took together, in seconds.", |calls| calls.sum.as_secs_f64())?;
        calls("hns_call_failures", "Calls of HNS that failed, those given up included.", |calls| calls.failed as f64)?;
        calls("hns_call_timeouts", "Calls of HNS that were given up.", |calls| calls.timed_out as f64)
    }
}
