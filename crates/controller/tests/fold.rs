//! Reports in any order come to the same, and what is written once is not written again.

use margay_api::{Key, Kind};
use margay_controller::{Fold, settled, status};
use margay_report::{Condition, NodeReport, PolicyReport, PolicyState, PolicyStatus, Unsupported};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NEWEST: i64 = 3;

fn key(name: &str) -> Key {
    Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: name.into() }
}

fn policy(name: &str, generation: i64, state: PolicyState) -> PolicyReport {
    PolicyReport {
        group: "networking.k8s.io".into(),
        kind: "NetworkPolicy".into(),
        namespace: "shop".into(),
        name: name.into(),
        generation,
        state,
        ..PolicyReport::default()
    }
}

fn report(os: &str, policies: Vec<PolicyReport>) -> NodeReport {
    NodeReport { os: os.into(), in_sync: true, policies, ..NodeReport::default() }
}

fn policies() -> [Key; 4] {
    ["p0", "p1", "p2", "p3"].map(key)
}

/// A fold that knows of the policies.
fn fold() -> Fold {
    let mut fold = Fold::default();
    policies().into_iter().for_each(|key| fold.policy(key));
    fold
}

fn statuses(fold: &Fold) -> Vec<PolicyStatus> {
    policies().iter().map(|key| status(fold, key, NEWEST, &[])).collect()
}

fn any_report() -> impl Strategy<Value = Option<NodeReport>> {
    let state = prop_oneof![Just(PolicyState::Realized), Just(PolicyState::Pending), Just(PolicyState::Failed)];
    let rule = ("ingress rule [0-1]", "icmp|ports").prop_map(|(rule, field)| Unsupported {
        rule,
        field,
        done: "denied".into(),
    });
    let one = ("p[0-3]", 1..=NEWEST, state, prop::collection::vec(rule, 0..3));
    let one = one.prop_map(|(name, generation, state, unsupported)| {
        let message = if state == PolicyState::Failed { "no".to_owned() } else { String::new() };
        PolicyReport { message, unsupported, ..policy(&name, generation, state) }
    });
    let report = (prop::collection::vec(one, 0..4), any::<bool>(), prop_oneof![9 => Just(true), 1 => Just(false)]);
    prop::option::of(report.prop_map(|(mut policies, windows, in_sync)| {
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        policies.dedup_by(|a, b| a.name == b.name);
        NodeReport { in_sync, ..report_of(windows, policies) }
    }))
}

fn report_of(windows: bool, policies: Vec<PolicyReport>) -> NodeReport {
    report(if windows { "windows" } else { "linux" }, policies)
}

proptest! {
    /// The last report of each node decides, in whatever order they came; and every policy whose status changed was said to have.
    #[test]
    fn the_last_reports_decide(reports in prop::collection::vec(("n[0-4]", any_report()), 0..30)) {
        let mut fold = fold();
        fold.take_dirty();
        let mut last = BTreeMap::new();
        for (node, report) in reports {
            let before = statuses(&fold);
            fold.report(&node, report.as_ref());
            let dirty = fold.take_dirty();
            for (key, (before, after)) in policies().iter().zip(before.into_iter().zip(statuses(&fold))) {
                prop_assert!(before == after || dirty.contains(key), "{key} changed and was not told");
            }
            fold.report(&node, report.as_ref());
            prop_assert!(fold.take_dirty().is_empty(), "the same report again changes nothing");
            last.insert(node, report);
        }
        let mut other = self::fold();
        for (node, report) in last.iter().rev() {
            other.report(node, report.as_ref());
        }
        prop_assert_eq!(statuses(&fold), statuses(&other));
        for node in last.keys() {
            fold.report(node, None);
        }
        prop_assert_eq!(statuses(&fold), statuses(&self::fold()), "nothing is left of nodes that are gone");
    }

    /// What is written is found to be right when it is looked at again.
    #[test]
    fn nothing_is_written_twice(reports in prop::collection::vec(("n[0-4]", any_report()), 0..10)) {
        let mut fold = fold();
        for (node, report) in &reports {
            fold.report(node, report.as_ref());
        }
        for key in policies() {
            let made = |before: &[Condition], now: &str| {
                let status = status(&fold, &key, NEWEST, &[]);
                PolicyStatus { conditions: settled(status.conditions, before, now), ..status }
            };
            let first = made(&[], "2026-01-01T00:00:00Z");
            prop_assert_eq!(made(&first.conditions, "2027-01-01T00:00:00Z"), first);
        }
    }
}

/// Type, status, reason and message of each condition.
fn said(status: &PolicyStatus) -> Vec<String> {
    status.conditions.iter().map(|c| format!("{}={} {}: {}", c.kind, c.status, c.reason, c.message)).collect()
}

#[test]
fn what_conditions_say() {
    let failed = PolicyReport { message: "Pod shop/db: HNS won't".into(), ..policy("p0", 3, PolicyState::Failed) };
    let unsupported =
        |field: &str| Unsupported { rule: "ingress rule 1".into(), field: field.into(), done: "denied".into() };
    let partly = PolicyReport { unsupported: vec![unsupported("icmp")], ..policy("p0", 3, PolicyState::Realized) };
    let realized = || report("linux", vec![policy("p0", 3, PolicyState::Realized)]);
    let starting = NodeReport { in_sync: false, ..report("linux", vec![]) };
    for (reports, nodes, expected) in [
        (
            vec![],
            "none",
            [
                "Realized=Unknown NoReports: no node reports",
                "PartiallySupported=False Supported: every node can express every rule",
                "SelectsNothing=Unknown NoReports: no node reports",
            ],
        ),
        (
            vec![starting],
            "none",
            [
                "Realized=Unknown NodesStarting: not all nodes know yet whether it is theirs",
                "PartiallySupported=False Supported: every node can express every rule",
                "SelectsNothing=Unknown NodesStarting: not all nodes know yet whether it is theirs",
            ],
        ),
        (
            vec![report("linux", vec![])],
            "none",
            [
                "Realized=True SelectsNothing: no node has an endpoint that it applies to",
                "PartiallySupported=False Supported: every node can express every rule",
                "SelectsNothing=True NoEndpoints: no node has an endpoint that it applies to: is its selector right?",
            ],
        ),
        (
            vec![realized(), report("windows", vec![partly])],
            "linux 1/1, windows 1/1",
            [
                "Realized=True InForce: linux 1/1, windows 1/1",
                "PartiallySupported=True NotExpressible: ingress rule 1: icmp can't be expressed on n1: denied",
                "SelectsNothing=False Applies: it applies to endpoints",
            ],
        ),
        (
            vec![
                realized(),
                report("linux", vec![policy("p0", 2, PolicyState::Realized)]),
                report("windows", vec![failed]),
            ],
            "linux 1/2, windows 0/1",
            [
                "Realized=False Failed: n2: Pod shop/db: HNS won't; linux 1/2, windows 0/1",
                "PartiallySupported=False Supported: every node can express every rule",
                "SelectsNothing=False Applies: it applies to endpoints",
            ],
        ),
        (
            (0..5).map(|_| report("linux", vec![policy("p0", 3, PolicyState::Pending)])).collect(),
            "linux 0/5",
            [
                "Realized=False Pending: n0 is behind; n1 is behind; n2 is behind; and 2 more; linux 0/5",
                "PartiallySupported=False Supported: every node can express every rule",
                "SelectsNothing=False Applies: it applies to endpoints",
            ],
        ),
    ] {
        let mut fold = fold();
        for (number, report) in reports.iter().enumerate() {
            fold.report(&format!("n{number}"), Some(report));
        }
        let status = status(&fold, &key("p0"), NEWEST, &[]);
        assert_eq!(status.nodes, nodes);
        assert_eq!(said(&status)[1..], expected);
        assert_eq!(said(&status)[0], "Valid=True Read: it is in force as it is written");
    }
}

#[test]
fn a_policy_that_can_not_be_read_is_not_valid() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p0, namespace: shop}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}}";
    let problems = &margay_api::read(text, "")[0].problems;
    let status = status(&fold(), &key("p0"), NEWEST, problems);
    let valid = &said(&status)[0];
    assert!(valid.starts_with("Valid=False Invalid: spec.ingress[0].from[0].ipBlock.cidr: "), "{valid}");
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let condition = |status: &str, message: &str, time: &str| Condition {
        kind: "Realized".into(),
        status: status.into(),
        message: message.into(),
        last_transition_time: time.into(),
        ..Condition::default()
    };
    let before = [condition("False", "linux 0/1", "then")];
    for (status, message, time) in [("False", "linux 0/2", "then"), ("True", "linux 2/2", "now")] {
        let settled = settled(vec![condition(status, message, "")], &before, "now");
        assert_eq!(settled, [condition(status, message, time)]);
    }
}
