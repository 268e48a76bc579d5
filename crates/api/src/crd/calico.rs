//! The four kinds of Calico's policy.

use super::definition::Definition;
use super::pattern;
use super::rule::{Side, rules, selector, without_global};
use super::schema::{Field, Schema};
use crate::Kind;
use crate::decode::calico::{STAGED_ACTIONS, TYPES};
use serde_json::Value;

/// `projectcalico.org/v3`.
pub(super) const V3: &str = "projectcalico.org/v3";

const KINDS: [(Kind, &str, &[&str], &str); 4] = [
    (
        Kind::CalicoNetworkPolicy,
        "networkpolicies",
        &["cnp", "caliconetworkpolicy"],
        "Policy for the pods of a namespace, with tiers, orders, actions and Calico's selectors.",
    ),
    (
        Kind::GlobalNetworkPolicy,
        "globalnetworkpolicies",
        &["gnp", "cgnp"],
        "Policy for the pods of all namespaces, and for host endpoints.",
    ),
    (Kind::StagedNetworkPolicy, "stagednetworkpolicies", &["snp"], "A NetworkPolicy that is tried and not enforced."),
    (
        Kind::StagedGlobalNetworkPolicy,
        "stagedglobalnetworkpolicies",
        &["sgnp"],
        "A GlobalNetworkPolicy that is tried and not enforced.",
    ),
];

pub(super) fn definitions() -> Vec<Value> {
    KINDS.iter().map(|(kind, plural, short_names, about)| definition(*kind, plural, short_names, about)).collect()
}

fn definition(kind: Kind, plural: &'static str, short_names: &'static [&'static str], about: &'static str) -> Value {
    let is_staged = matches!(kind, Kind::StagedNetworkPolicy | Kind::StagedGlobalNetworkPolicy);
    let mut columns = vec![("Tier", "string", ".spec.tier"), ("Order", "number", ".spec.order")];
    if is_staged {
        columns.push(("Action", "string", ".spec.stagedAction"));
    }
    let definition = Definition {
        api_version: V3,
        kind: kind.name(),
        plural,
        short_names,
        namespaced: kind.namespaced(),
        about,
        columns,
        has_status: true,
    };
    let spec = ("spec", "What it selects, and what it does with traffic.", spec(!kind.namespaced(), is_staged));
    definition.with_root([spec, status()], |root| root.need(&["spec"]))
}

/// What others say of the object: kept, whatever it is.
pub(super) fn status() -> Field<'static> {
    ("status", "What controllers say of it.", Schema::anything())
}

/// `stagedAction`.
pub(super) fn staged_action() -> Field<'static> {
    let words = STAGED_ACTIONS.iter().map(|(word, _)| *word).chain([""]);
    (
        "stagedAction",
        "What becomes of the policy of the same name when this is promoted; Set where left out.",
        Schema::word(words),
    )
}

/// `types` or `policyTypes`.
pub(super) fn types() -> Schema {
    Schema::list(Schema::word(TYPES)).most(16)
}

fn spec(is_global: bool, is_staged: bool) -> Schema {
    let tier = Schema::text().longest(63).pattern(&pattern::dns_label_or_nothing()).default("default");
    let mut fields = vec![
        ("tier", "The tier that it belongs to.", tier),
        ("order", "Lower comes first; left out, last.", Schema::number()),
        ("selector", "What it applies to, by labels; left out or empty, everything.", selector()),
        ("serviceAccountSelector", "Pods by the labels of their service accounts.", selector()),
        ("types", "Ingress, Egress or both; left out, by the rules that are there.", types()),
        ("ingress", "Rules for traffic to what it applies to, in order.", rules(Side { ingress: true, is_global })),
        ("egress", "Rules for traffic from what it applies to, in order.", rules(Side { ingress: false, is_global })),
        ("performanceHints", "Kept for Felix; Margay needs no hints.", Schema::list(Schema::text())),
    ];
    if is_staged {
        fields.push(staged_action());
    }
    let mut selectors = vec!["selector", "serviceAccountSelector"];
    if !is_global {
        return without_global(Schema::object(fields), &selectors);
    }
    selectors.push("namespaceSelector");
    fields.extend([
        ("namespaceSelector", "Pods by the labels of their namespaces.", selector()),
        ("applyOnForward", "Also for what a host endpoint forwards.", Schema::flag()),
        ("preDNAT", "Before addresses are translated.", Schema::flag()),
        ("doNotTrack", "Before connections are tracked.", Schema::flag()),
    ]);
    host_checks(without_global(Schema::object(fields), &selectors))
}

fn host_checks(spec: Schema) -> Schema {
    let is_set = |name: &str| format!("(has(self.{name}) && self.{name})");
    let (pre, untracked, forward) = (is_set("preDNAT"), is_set("doNotTrack"), is_set("applyOnForward"));
    spec.check(format!("!({pre} && {untracked})"), "preDNAT and doNotTrack exclude each other")
        .check(format!("{forward} || !{pre} && !{untracked}"), "preDNAT and doNotTrack need applyOnForward: true")
        .check(
            format!("!{pre} || (!has(self.egress) || size(self.egress) == 0) && (!has(self.types) || !('Egress' in self.types))"),
            "a preDNAT policy has no egress: make a policy of its own for egress",
        )
}
