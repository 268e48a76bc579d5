//! Status for people.

use super::cluster::{Cluster, Node, Policy};
use super::word;
use crate::streams::{Failure, Streams, Tone};
use crate::table::{self, Cell};
use serde_json::Value;
use std::fmt::Display;

pub(super) fn cluster(cluster: &Cluster, one: bool, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let paint = streams.paint();
    if !one {
        if cluster.nodes.is_empty() {
            writeln!(streams.stdout, "No node reports: does margay-agent run?")?;
        } else {
            let header = ["NODE", "OS", "VERSION", "IN SYNC", "ENDPOINTS", "WAITING", "FAILING"];
            let rows: Vec<_> = cluster.nodes.iter().map(node_row).collect();
            table::print(&header, &rows, paint, streams.stdout)?;
            let failing = cluster.nodes.iter().flat_map(|node| lines(&format!("{}: ", node.name), &node.report));
            failing.clone().try_for_each(|line| writeln!(streams.stdout, "{line}"))?;
        }
        writeln!(streams.stdout)?;
    }
    if cluster.policies.is_empty() {
        writeln!(streams.stdout, "There are no policies.")?;
        return Ok(());
    }
    let rows: Vec<_> = cluster.policies.iter().map(policy_row).collect();
    table::print(&["POLICY", "GENERATION", "NODES", "REALIZED", "NOTE"], &rows, paint, streams.stdout)?;
    if one {
        writeln!(streams.stdout)?;
        let rows = cluster.policies.iter().flat_map(|policy| policy.conditions.iter()).map(|condition| {
            let cell = |name: &str| Cell::from(word(&condition[name]));
            ["type", "status", "reason", "lastTransitionTime", "message"].map(cell).to_vec()
        });
        let rows: Vec<_> = rows.collect();
        table::print(&["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"], &rows, paint, streams.stdout)?;
    } else {
        streams.hint("Next: `margay status NAMESPACE/POLICY` shows all conditions of one.")?;
    }
    Ok(())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A number that should be none.
fn count(number: impl Display + PartialEq<u64>) -> Cell {
    Cell(number.to_string(), if number == 0 { Tone::Plain } else { Tone::Bad })
}

fn in_sync(report: &Value) -> Cell {
    match (report["inSync"].as_bool(), report["fromSnapshot"].as_bool()) {
        (_, Some(true)) => Cell("from its snapshot".into(), Tone::Mixed),
        (Some(true), _) => Cell("yes".into(), Tone::Good),
        _ => Cell("no".into(), Tone::Bad),
    }
}

fn failing(report: &Value) -> u64 {
    report["failing"].as_array().map_or(0, Vec::len) as u64 + number(&report["moreFailing"])
}

fn node_row(node: &Node) -> Vec<Cell> {
    let report = &node.report;
    vec![
        Cell::from(&node.name),
        word(&report["os"]).into(),
        word(&report["version"]).into(),
        in_sync(report),
        number(&report["endpoints"]).into(),
        count(number(&report["waiting"])),
        count(failing(report)),
    ]
}

/// What fails, a line each.
fn lines(before: &str, report: &Value) -> Vec<String> {
    let failing = report["failing"].as_array().into_iter().flatten();
    let line = |one: &Value| {
        let text =
            format!("{before}{} fails since {}: {}", word(&one["object"]), word(&one["since"]), word(&one["error"]));
        crate::streams::clean(&text)
    };
    failing.map(line).collect()
}

fn policy_row(policy: &Policy) -> Vec<Cell> {
    let is = |kind: &str| policy.condition(kind).filter(|condition| condition["status"] == "True");
    let realized = match (policy.missing(), policy.condition("Realized")) {
        (None, _) => Cell("yes".into(), Tone::Good),
        (Some(_), Some(condition)) if condition["reason"] == "Failed" => Cell("failed".into(), Tone::Bad),
        _ => Cell("not yet".into(), Tone::Mixed),
    };
    let invalid = policy.condition("Valid").filter(|condition| condition["status"] == "False");
    let of_note = [invalid, is("PartiallySupported"), is("SelectsNothing")].into_iter().flatten();
    let notes = of_note.map(|condition| word(&condition["message"]).to_owned());
    let notes: Vec<String> = policy.missing().into_iter().chain(notes).collect();
    vec![
        policy.title().into(),
        policy.generation.into(),
        policy.nodes.as_deref().unwrap_or("-").into(),
        realized,
        notes.join("; ").into(),
    ]
}

/// What the agent of a node says.
pub(super) fn node(status: &Value, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let paint = streams.paint();
    let header = ["NODE", "VERSION", "AT", "IN SYNC", "POLICIES", "ENDPOINTS", "WAITING", "FAILING"];
    let row = vec![
        Cell::from(word(&status["node"])),
        word(&status["version"]).into(),
        word(&status["at"]).into(),
        in_sync(status),
        number(&status["policies"]).into(),
        number(&status["endpoints"]).into(),
        count(number(&status["waiting"])),
        count(failing(status)),
    ];
    table::print(&header, &[row], paint, streams.stdout)?;
    for line in lines("", status) {
        writeln!(streams.stdout, "{line}")?;
    }
    for one in status["unsupported"].as_array().into_iter().flatten() {
        let [rule, field, done] = ["rule", "field", "done"].map(|name| word(&one[name]));
        let line = format!("{rule}: {field} can't be expressed: {done}");
        writeln!(streams.stdout, "{}", crate::streams::clean(&line))?;
    }
    Ok(())
}
