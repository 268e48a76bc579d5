//! Lists of rules, the same in every kind of policy.

use super::Lines;
use super::at::{At, Fields};
use super::report::Report;
use crate::document::Value;
use crate::{Action, Readable};

/// How the rules of a kind are read.
pub(super) struct Rules {
    /// `ingress` or `egress`.
    pub(super) field: &'static str,
    /// How many of them the API takes.
    pub(super) most: usize,
    /// What stands for a list that is none.
    pub(super) unreadable: Option<Action>,
}

/// Reads every rule of a list. One that has an error keeps its place as [`Readable::Unreadable`], with the action that `read` gives beside
/// it. The lines of each are noted.
///
/// Rules beyond the API's limit are an error, but they are read like the others: what they mean is clear, and leaving them out would
/// change it.
pub(super) fn read<R>(
    spec: &Fields<'_>,
    rules: &Rules,
    lines: &mut Vec<Lines>,
    report: &mut Report,
    mut read: impl FnMut(At<'_>, &mut Report) -> (Option<R>, Option<Action>),
) -> Vec<Readable<R>> {
    let Some(list) = spec.get(rules.field) else { return Vec::new() };
    if !matches!(list.node.value, Value::List(_)) {
        report.error(
            list,
            format!("is {}; a list of rules is needed", list.node.value.describe()),
            "put a dash before each rule",
        );
        lines.push(list.span().into());
        return vec![Readable::Unreadable(rules.unreadable)];
    }
    let items = list.items(report);
    if items.len() > rules.most {
        report.error(
            list,
            format!("has {} rules; at most {} are allowed", items.len(), rules.most),
            "split the policy",
        );
    }
    items
        .map(|at| {
            lines.push(at.span().into());
            let mark = report.mark();
            let (rule, action) = read(at, report);
            match rule {
                Some(rule) if report.clean_since(mark) => Readable::Rule(rule),
                _ => Readable::Unreadable(action),
            }
        })
        .collect()
}

/// Reads an action: the ones that the kind has, and how each is spelled. What is meant by a word that only looks like one is given
/// beside the error, so that an Allow in the wrong spelling does not become a Deny of everything.
pub(super) fn action(rule: &Fields<'_>, spellings: &[(&'static str, Action)], report: &mut Report) -> Option<Action> {
    let at = rule.need(report, "action")?;
    let text = at.text(report)?;
    if let Some((_, action)) = spellings.iter().find(|(spelling, _)| *spelling == text) {
        return Some(*action);
    }
    let names: Vec<&str> = spellings.iter().map(|(spelling, _)| *spelling).collect();
    report.error(at, format!("{text:?} is no action here: those are {}", names.join(", ")), "");
    [("allow", Action::Allow), ("accept", Action::Allow), ("pass", Action::Pass), ("log", Action::Log)]
        .into_iter()
        .find_map(|(spelling, action)| text.eq_ignore_ascii_case(spelling).then_some(action))
        .or((text.eq_ignore_ascii_case("deny")).then_some(Action::Deny))
}
