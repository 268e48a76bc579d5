//! `metadata`, and selectors of Kubernetes.

use super::Spelling;
use super::at::{At, Fields, Unknown};
use super::report::Report;
use super::syntax::{is_dns_label, is_dns_name, is_label_key, is_label_value, seconds_of_time};
use crate::document::{Limits, Node, Value, documents};
use crate::{Key, Kind, Meta, Selector, Severity};
use margay_selector::{LabelSelector, Operator, Requirement};
use smol_str::SmolStr;

const METADATA: &[&str] = &[
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "selfLink",
];

/// Where `crd.projectcalico.org/v1` keeps the metadata that the object has in `projectcalico.org/v3`, as JSON.
const STORED_METADATA: &str = "projectcalico.org/metadata";

/// The metadata, and whether the labels could be read.
pub(super) struct Head {
    pub(super) meta: Meta,
    pub(super) labels_read: bool,
}

/// Reads `metadata` and tells the report whom it is about; `None` where the object can't be named.
pub(super) fn head(root: &Fields<'_>, kind: Kind, spelling: Spelling, report: &mut Report) -> Option<Head> {
    let at = root.need(report, "metadata")?;
    let unknown = if super::is_policy_like(kind) { Unknown::Warn } else { Unknown::Skip };
    let fields = at.fields(report, METADATA, unknown);

    let stored = if spelling == Spelling::Stored { stored_metadata(&fields) } else { None };
    let name = match fields.text(report, "name") {
        Some(name) => SmolStr::new(name),
        None => {
            let help = if fields.has("generateName") {
                "generateName is for the API server to fill in; write a name"
            } else {
                ""
            };
            report.error(at, "has no name, which is needed", help);
            return None;
        }
    };
    let name = if spelling == Spelling::Stored { name_in_v3(name, kind, root, stored.as_ref()) } else { name };
    let namespace = namespace(&fields, kind, report);
    let key = Key { kind, namespace, name };
    report.object = SmolStr::from(key.to_string());
    report.key = Some(key.clone());
    check_name(&fields, &key, report);

    let labels = labels(&fields, report);
    let labels_read = labels.is_some();
    if matches!(kind, Kind::Pod | Kind::NetworkSet) {
        warn_of_reserved_labels(&fields, report);
    }
    let mut labels = labels.unwrap_or_default();
    let mut created = created(&fields, report);
    if let Some(stored) = &stored {
        merge_stored_labels(&mut labels, stored);
        let time = stored.get("creationTimestamp").and_then(Node::as_text).and_then(seconds_of_time);
        created = time.or(created);
    }
    labels.sort_unstable();
    labels.dedup_by(|later, first| later.0 == first.0);
    Some(Head { meta: Meta { key, labels, created, generation: generation(&fields) }, labels_read })
}

fn namespace(fields: &Fields<'_>, kind: Kind, report: &mut Report) -> SmolStr {
    match (kind.namespaced(), fields.get("namespace")) {
        (true, Some(at)) => match at.text(report) {
            Some("") | None => "default".into(),
            Some(name) => {
                if !is_dns_label(name) {
                    report.error(at, format!("{name:?} is no name of a namespace: at most 63 of a-z, 0-9 and -"), "");
                }
                name.into()
            }
        },
        (true, None) => "default".into(),
        (false, Some(at)) => {
            report.warning(at, format!("a {} is in no namespace; this has no effect", kind.name()), "leave it out");
            SmolStr::default()
        }
        (false, None) => SmolStr::default(),
    }
}

fn check_name(fields: &Fields<'_>, key: &Key, report: &mut Report) {
    let Some(at) = fields.get("name") else { return };
    let name = key.name.as_str();
    let (valid, rule) = match key.kind {
        Kind::Namespace | Kind::Service => (is_dns_label(name), "at most 63 of a-z, 0-9 and -"),
        Kind::Tier => (is_dns_label(name), "at most 63 of a-z, 0-9 and -, without a dot"),
        Kind::BaselineAdminNetworkPolicy => (name == "default", "there is one in a cluster, and it is named `default`"),
        _ => (is_dns_name(name), "at most 253 of a-z, 0-9, - and ."),
    };
    if !valid {
        report.error(at, format!("{name:?} is no name of a {}: {rule}", key.kind.name()), "");
    }
}

fn created(fields: &Fields<'_>, report: &mut Report) -> Option<i64> {
    let at = fields.get("creationTimestamp")?;
    let text = at.text(report)?;
    let time = seconds_of_time(text);
    if time.is_none() {
        report.warning(at, format!("{text:?} is no time as RFC 3339 writes it; it counts as absent"), "");
    }
    time
}

/// The generation: the API server's own, so that what it should be need not be told to anyone.
fn generation(fields: &Fields<'_>) -> i64 {
    match fields.get("generation").map(|at| &at.node.value) {
        Some(Value::Int(generation)) => (*generation).max(0),
        _ => 0,
    }
}

/// The labels, unsorted; `None` if one can't be read. A null value is empty, as Kubernetes has it.
fn labels(fields: &Fields<'_>, report: &mut Report) -> Option<Vec<(SmolStr, SmolStr)>> {
    let Some(at) = fields.get("labels") else { return Some(Vec::new()) };
    label_map(at, report)
}

/// Labels that Calico's API gives to what is in a namespace, by the namespace and the service account that it has.
fn warn_of_reserved_labels(fields: &Fields<'_>, report: &mut Report) {
    const GIVEN: &[&str] =
        &["projectcalico.org/namespace", "projectcalico.org/orchestrator", "projectcalico.org/serviceaccount"];
    let Some(at) = fields.get("labels") else { return };
    let Value::Map(entries) = &at.node.value else { return };
    for entry in entries {
        let key = entry.key.as_str();
        if key.starts_with("pcns.") || key.starts_with("pcsa.") || GIVEN.contains(&key) {
            let message = "says what only the namespace or the service account can say, and is ignored";
            at.problem(report, Severity::Warning, entry, message, "leave it out");
        }
    }
}

/// Labels with their values; `None` if one can't be read. One whose syntax Kubernetes would refuse is reported and kept.
pub(super) fn label_map(at: At<'_>, report: &mut Report) -> Option<Vec<(SmolStr, SmolStr)>> {
    let mark = report.mark();
    let entries = at.entries(report);
    let mut labels = Vec::with_capacity(entries.len());
    for entry in entries {
        let value = at.under(entry);
        let text = if value.is_null() { Some("") } else { value.text(report) };
        labels.push((entry.key.clone(), SmolStr::new(text.unwrap_or_default())));
    }
    let read = report.clean_since(mark);
    for (entry, (_, text)) in entries.iter().zip(&labels) {
        if !is_label_key(&entry.key) {
            let rule = "a DNS name and a slash if need be, then at most 63 letters, digits, -, _ and .";
            at.problem(report, Severity::Error, entry, format!("is no key of a label: {rule}"), "");
        }
        if !is_label_value(text) {
            let rule = "at most 63 letters, digits, -, _ and ., a letter or digit first and last";
            report.error(at.under(entry), format!("{text:?} is no value of a label: {rule}"), "");
        }
    }
    if read { Some(labels) } else { None }
}

/// A `LabelSelector`.
pub(super) fn label_selector(at: At<'_>, report: &mut Report) -> Option<Selector> {
    let mark = report.mark();
    let fields = at.fields(report, &["matchLabels", "matchExpressions"], Unknown::Refuse);
    let mut selector = LabelSelector::default();
    if let Some(at) = fields.get("matchLabels") {
        selector.match_labels = label_map(at, report).unwrap_or_default();
    }
    if let Some(at) = fields.get("matchExpressions") {
        for at in at.items(report) {
            selector.match_expressions.extend(requirement(at, report));
        }
    }
    if !report.clean_since(mark) {
        return None;
    }
    match selector.to_selector() {
        Ok(selector) => Some(selector),
        Err(error) => {
            report.error(at, error.to_string(), "");
            None
        }
    }
}

fn requirement(at: At<'_>, report: &mut Report) -> Option<Requirement> {
    let fields = at.fields(report, &["key", "operator", "values"], Unknown::Refuse);
    let key = fields.need(report, "key").and_then(|at| {
        let key = at.text(report)?;
        if !is_label_key(key) {
            report.error(at, format!("{key:?} is no key of a label"), "");
        }
        Some(SmolStr::new(key))
    });
    let operator = fields.need(report, "operator").and_then(|at| match at.text(report)? {
        "In" => Some(Operator::In),
        "NotIn" => Some(Operator::NotIn),
        "Exists" => Some(Operator::Exists),
        "DoesNotExist" => Some(Operator::DoesNotExist),
        other => {
            report.error(at, format!("{other:?} is no operator: those are In, NotIn, Exists and DoesNotExist"), "");
            None
        }
    });
    let mut values = Vec::new();
    if let Some(at) = fields.get("values") {
        for at in at.items(report) {
            let Some(value) = at.text(report) else { continue };
            if !is_label_value(value) {
                report.error(at, format!("{value:?} is no value of a label"), "");
            }
            values.push(SmolStr::new(value));
        }
    }
    match (operator?, values.is_empty()) {
        (Operator::In | Operator::NotIn, true) => report.error(at, "In and NotIn need at least one value", ""),
        (Operator::Exists | Operator::DoesNotExist, false) => {
            report.error(at, "Exists and DoesNotExist take no values", "");
        }
        _ => {}
    }
    Some(Requirement { key: key?, operator: operator?, values })
}

/// The metadata of the v3 object, in an annotation of the stored one.
fn stored_metadata(fields: &Fields<'_>) -> Option<Node> {
    let annotations = fields.get("annotations")?;
    let json = annotations.node.get(STORED_METADATA)?.as_text()?;
    documents(json, &Limits::default()).next()?.ok()
}

/// The name of the v3 object: the one in its stored metadata; else the stored one, without the `default.` that policies of the tier
/// `default` are stored with. (Policies of other tiers are named `tier.name` in both spellings.)
fn name_in_v3(name: SmolStr, kind: Kind, root: &Fields<'_>, stored: Option<&Node>) -> SmolStr {
    if !matches!(
        kind,
        Kind::CalicoNetworkPolicy
            | Kind::GlobalNetworkPolicy
            | Kind::StagedNetworkPolicy
            | Kind::StagedGlobalNetworkPolicy
    ) {
        return name;
    }
    let kept = stored.and_then(|stored| stored.get("name")).and_then(Node::as_text).filter(|name| !name.is_empty());
    if let Some(kept) = kept {
        return kept.into();
    }
    let tier = root.get("spec").and_then(|spec| spec.node.get("tier").and_then(Node::as_text).map(SmolStr::new));
    match name.strip_prefix("default.") {
        Some(rest) if !rest.is_empty() && tier.is_none_or(|tier| tier.is_empty() || tier == "default") => rest.into(),
        _ => name,
    }
}

fn merge_stored_labels(labels: &mut Vec<(SmolStr, SmolStr)>, stored: &Node) {
    let Some(Node { value: Value::Map(entries), .. }) = stored.get("labels") else { return };
    labels.retain(|(key, _)| !entries.iter().any(|entry| entry.key == *key));
    labels.extend(entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.into()))));
}
