//! Policies of `projectcalico.org/v3`, enforced and staged.

use super::Place;
use super::at::{At, Fields, Unknown};
use super::calico_rule::{self, Context};
use super::meta::Head;
use super::report::Report;
use super::syntax::{Global, is_dns_label, selector};
use crate::{CalicoPolicy, Kind, Object, Selector, StagedAction, Types};
use smol_str::SmolStr;

pub(crate) const SPEC: &[&str] =
    &["tier", "order", "selector", "serviceAccountSelector", "types", "ingress", "egress", "performanceHints"];
pub(crate) const STAGED_SPEC: &[&str] = &[
    "stagedAction",
    "tier",
    "order",
    "selector",
    "serviceAccountSelector",
    "types",
    "ingress",
    "egress",
    "performanceHints",
];
pub(crate) const GLOBAL_SPEC: &[&str] = &[
    "tier",
    "order",
    "selector",
    "serviceAccountSelector",
    "namespaceSelector",
    "types",
    "ingress",
    "egress",
    "performanceHints",
    "applyOnForward",
    "preDNAT",
    "doNotTrack",
];
pub(crate) const STAGED_GLOBAL_SPEC: &[&str] = &[
    "stagedAction",
    "tier",
    "order",
    "selector",
    "serviceAccountSelector",
    "namespaceSelector",
    "types",
    "ingress",
    "egress",
    "performanceHints",
    "applyOnForward",
    "preDNAT",
    "doNotTrack",
];

/// What a policy may speak of.
pub(crate) const TYPES: [&str; 2] = ["Ingress", "Egress"];

/// What staging may do; Set where nothing is said.
pub(crate) const STAGED_ACTIONS: [(&str, StagedAction); 4] = [
    ("Set", StagedAction::Set),
    ("Delete", StagedAction::Delete),
    ("Learn", StagedAction::Learn),
    ("Ignore", StagedAction::Ignore),
];

pub(super) fn policy(root: &Fields<'_>, head: Head, report: &mut Report, place: &mut Place) -> Option<Object> {
    let key = &head.meta.key;
    let (known, staged) = match key.kind {
        Kind::StagedNetworkPolicy => (STAGED_SPEC, true),
        Kind::GlobalNetworkPolicy => (GLOBAL_SPEC, false),
        Kind::StagedGlobalNetworkPolicy => (STAGED_GLOBAL_SPEC, true),
        _ => (SPEC, false),
    };
    let is_global = key.namespace.is_empty();
    let mark = report.mark();
    let at = root.need(report, "spec")?;
    let spec = at.fields(report, known, Unknown::Warn);
    let tier = tier(&spec, report);
    let order = spec.get("order").and_then(|at| at.float(report));
    let mut select = |name: &str| {
        spec.get(name).filter(|at| at.node.as_text() != Some("")).and_then(|at| selector(at, report, Global::Refused))
    };
    let subject = select("selector");
    let service_account_selector = select("serviceAccountSelector");
    let namespace_selector = if is_global { select("namespaceSelector") } else { None };
    let types = spec.get("types").and_then(|at| types(at, report));
    let mut flag = |name: &str| is_global && spec.flag(report, name);
    let (apply_on_forward, pre_dnat, do_not_track) = (flag("applyOnForward"), flag("preDNAT"), flag("doNotTrack"));
    let staged = staged.then(|| staged_action(&spec, report));
    if pre_dnat && do_not_track {
        report.error(at, "preDNAT and doNotTrack exclude each other", "");
    }
    if (pre_dnat || do_not_track) && !apply_on_forward {
        report.error(at, "preDNAT and doNotTrack need applyOnForward: true", "");
    }
    if pre_dnat && (types.is_some_and(|types| types.egress) || has_rules(&spec, "egress")) {
        report.error(at, "a preDNAT policy has no egress", "make a policy of its own for egress");
    }
    let readable = report.clean_since(mark);

    let context = |ingress: bool| Context { namespace: key.namespace.clone(), ingress };
    let ingress = calico_rule::read_all(&spec, context(true), &mut place.ingress, report);
    let egress = calico_rule::read_all(&spec, context(false), &mut place.egress, report);
    if !readable {
        return None;
    }
    if staged == Some(StagedAction::Delete) && (!ingress.is_empty() || !egress.is_empty() || subject.is_some()) {
        report.warning(
            at,
            "stages a deletion, so that its selector and rules have no effect",
            "leave out all but the tier",
        );
    }
    let by_rules = Types { ingress: !ingress.is_empty() || egress.is_empty(), egress: !egress.is_empty() };
    let types = types.unwrap_or(by_rules);
    warn_of_idle_rules(&spec, types, report);
    Some(Object::CalicoPolicy(CalicoPolicy {
        meta: head.meta,
        tier,
        order,
        selector: subject.unwrap_or_else(Selector::all),
        namespace_selector,
        service_account_selector,
        types,
        ingress,
        egress,
        apply_on_forward,
        pre_dnat,
        do_not_track,
        staged,
    }))
}

fn tier(spec: &Fields<'_>, report: &mut Report) -> SmolStr {
    let Some(at) = spec.get("tier") else { return "default".into() };
    let Some(tier) = at.text(report).filter(|tier| !tier.is_empty()) else { return "default".into() };
    if !is_dns_label(tier) {
        report.error(at, format!("{tier:?} is no name of a tier: at most 63 of a-z, 0-9 and -, without a dot"), "");
    }
    tier.into()
}

fn has_rules(spec: &Fields<'_>, field: &str) -> bool {
    use crate::document::Value;
    spec.get(field).is_some_and(|at| !matches!(&at.node.value, Value::List(rules) if rules.is_empty()))
}

/// `types` or `policyTypes`; `None` for an empty list, which is an absent one, and for one that can't be read.
pub(super) fn types(at: At<'_>, report: &mut Report) -> Option<Types> {
    let mut types = Types { ingress: false, egress: false };
    let items = at.items(report);
    if items.len() == 0 {
        return None;
    }
    for at in items {
        let [ingress, egress] = TYPES;
        let direction = match at.text(report)? {
            text if text == ingress => &mut types.ingress,
            text if text == egress => &mut types.egress,
            other => {
                report.error(at, format!("{other:?} is no type: those are Ingress and Egress"), "");
                continue;
            }
        };
        if *direction {
            report.warning(at, "is written twice", "");
        }
        *direction = true;
    }
    Some(types)
}

/// `stagedAction`, Set where absent.
pub(super) fn staged_action(spec: &Fields<'_>, report: &mut Report) -> StagedAction {
    let Some(at) = spec.get("stagedAction") else { return StagedAction::Set };
    let Some(text) = at.text(report).filter(|text| !text.is_empty()) else { return StagedAction::Set };
    let known = STAGED_ACTIONS.iter().find(|(word, _)| *word == text);
    if known.is_none() {
        report.error(at, format!("{text:?} is no stagedAction: those are Set, Delete, Learn and Ignore"), "");
    }
    known.map_or(StagedAction::Set, |(_, action)| *action)
}

/// Warns of rules in a direction that the policy's types leave out.
pub(super) fn warn_of_idle_rules(spec: &Fields<'_>, types: Types, report: &mut Report) {
    for (field, kind, takes_part) in [("ingress", "Ingress", types.ingress), ("egress", "Egress", types.egress)] {
        if let Some(at) = spec.get(field).filter(|_| !takes_part && has_rules(spec, field)) {
            report.warning(at, format!("has no effect, since {kind} is not among the policy's types"), "");
        }
    }
}
