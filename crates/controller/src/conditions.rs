//! What a policy's status says of what nodes report.

use crate::fold::{Fold, Heard, OnNode};
use margay_api::{Key, Problem, Severity};
use margay_report::{Condition, PolicyState, PolicyStatus, Unsupported};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Nodes, problems and rules that a message names.
const MOST_NAMED: usize = 3;
/// Characters of a message: a condition may have 32,768.
const LONGEST: usize = 1024;

/// The types of conditions that are Margay's.
pub const TYPES: [&str; 4] = ["Valid", "Realized", "PartiallySupported", "SelectsNothing"];

/// The status of a policy by its last generation, what is wrong with it as it is written, and what nodes report. The times of its conditions are
/// empty: see [`settled`].
pub fn status(fold: &Fold, key: &Key, generation: i64, problems: &[Problem]) -> PolicyStatus {
    let count = |is_windows: bool| {
        let of_os = fold.on_nodes(key).filter(move |(_, on)| on.is_windows == is_windows);
        let all = of_os.clone().count();
        (of_os.filter(|(_, on)| is_realized(on, generation)).count(), all)
    };
    let counts = [("linux", count(false)), ("windows", count(true))];
    let counted = counts.into_iter().filter(|(_, (_, all))| *all > 0);
    let counted: Vec<String> = counted.map(|(os, (realized, all))| format!("{os} {realized}/{all}")).collect();
    let nodes = if counted.is_empty() { "none".to_owned() } else { counted.join(", ") };
    let made = [
        ("Valid", valid(problems)),
        ("Realized", realized(fold, key, generation, &nodes)),
        ("PartiallySupported", partially(fold, key)),
        ("SelectsNothing", selects_nothing(fold, key)),
    ];
    let conditions = made.map(|(kind, Said(status, reason, message))| Condition {
        kind: kind.into(),
        status: status.into(),
        observed_generation: generation,
        last_transition_time: String::new(),
        reason: reason.into(),
        message: shortened(message),
    });
    PolicyStatus { nodes, conditions: conditions.into() }
}

/// The conditions with their times: that of before where the status is as it was before.
pub fn settled(mut conditions: Vec<Condition>, before: &[Condition], now: &str) -> Vec<Condition> {
    for condition in &mut conditions {
        let same = before.iter().find(|old| old.kind == condition.kind && old.status == condition.status);
        let time = same.map(|old| old.last_transition_time.as_str()).filter(|time| !time.is_empty());
        condition.last_transition_time = time.unwrap_or(now).to_owned();
    }
    conditions
}

/// Status, reason and message.
struct Said(&'static str, &'static str, String);

fn is_realized(on: &OnNode, generation: i64) -> bool {
    on.state == PolicyState::Realized && on.generation >= generation
}

fn valid(problems: &[Problem]) -> Said {
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Said("True", "Read", "it is in force as it is written".into());
    }
    let texts = errors.iter().map(|problem| said(problem));
    Said("False", "Invalid", named(texts, "what can't be read denies, or the last valid version stays in force"))
}

/// A problem without its place, which is nobody's file.
pub(crate) fn said(problem: &Problem) -> String {
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let help = if problem.help.is_empty() { String::new() } else { format!("; {}", problem.help) };
    format!("{path}{}{help}", problem.message)
}

fn realized(fold: &Fold, key: &Key, generation: i64, nodes: &str) -> Said {
    let behind = fold.on_nodes(key).filter(|(_, on)| !is_realized(on, generation));
    let failed = behind.clone().filter(|(_, on)| on.state == PolicyState::Failed);
    match (fold.on_nodes(key).next(), fold.heard()) {
        (None, Heard::Nobody) => Said("Unknown", "NoReports", "no node reports".into()),
        (None, Heard::Some) => Said("Unknown", "NodesStarting", "not all nodes know yet whether it is theirs".into()),
        (None, Heard::All) => Said("True", "SelectsNothing", "no node has an endpoint that it applies to".into()),
        (Some(_), _) if behind.clone().next().is_none() => Said("True", "InForce", nodes.to_owned()),
        (Some(_), _) if failed.clone().next().is_some() => {
            let texts = failed.map(|(node, on)| format!("{node}: {}", on.message));
            Said("False", "Failed", named(texts, nodes))
        }
        (Some(_), _) => Said("False", "Pending", named(behind.map(|(node, _)| format!("{node} is behind")), nodes)),
    }
}

fn partially(fold: &Fold, key: &Key) -> Said {
    let mut rules: BTreeMap<&Unsupported, Vec<&SmolStr>> = BTreeMap::new();
    for (node, on) in fold.on_nodes(key) {
        for unsupported in &on.unsupported {
            rules.entry(unsupported).or_default().push(node);
        }
    }
    if rules.is_empty() {
        return Said("False", "Supported", "every node can express every rule".into());
    }
    let texts = rules.into_iter().map(|(Unsupported { rule, field, done }, nodes)| {
        let names = nodes.iter().take(MOST_NAMED).map(|name| name.as_str());
        let more = more(nodes.len());
        format!("{rule}: {field} can't be expressed on {}{more}: {done}", names.collect::<Vec<_>>().join(", "))
    });
    Said("True", "NotExpressible", named(texts, ""))
}

fn selects_nothing(fold: &Fold, key: &Key) -> Said {
    match (fold.on_nodes(key).next(), fold.heard()) {
        (Some(_), _) => Said("False", "Applies", "it applies to endpoints".into()),
        (None, Heard::All) => {
            Said("True", "NoEndpoints", "no node has an endpoint that it applies to: is its selector right?".into())
        }
        (None, Heard::Some) => Said("Unknown", "NodesStarting", "not all nodes know yet whether it is theirs".into()),
        (None, Heard::Nobody) => Said("Unknown", "NoReports", "no node reports".into()),
    }
}

/// The first few of some texts, and what is to be said behind them.
fn named(mut texts: impl Iterator<Item = String>, behind: &str) -> String {
    let mut all: Vec<String> = texts.by_ref().take(MOST_NAMED).collect();
    let more = more(all.len() + texts.count());
    if !more.is_empty() {
        all.push(more.trim_start().to_owned());
    }
    all.extend((!behind.is_empty()).then(|| behind.to_owned()));
    all.join("; ")
}

fn more(count: usize) -> String {
    match count.saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}
