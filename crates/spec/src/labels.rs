//! What selectors see, and how Calico's three readings of a selector differ.

use margay_api::{HostEndpoint, Key, Kind, Meta, NetworkSet, Object, Pod, Selector};
use margay_selector::{Expr, Labels};
use std::collections::BTreeMap;

/// The namespace of a pod or network set.
pub(crate) const NAMESPACE: &str = "projectcalico.org/namespace";
/// The service account of a pod.
pub(crate) const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
const NAME: &str = "projectcalico.org/name";
const OF_NAMESPACE: &str = "pcns.";
const OF_SERVICE_ACCOUNT: &str = "pcsa.";

/// Labels by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelMap(pub(crate) BTreeMap<String, String>);

impl LabelMap {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    fn set_if_absent(&mut self, key: &str, value: &str) {
        self.0.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
}

impl Labels for LabelMap {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// `metadata.labels` as they are.
pub(crate) fn own_labels(meta: &Meta) -> LabelMap {
    LabelMap(meta.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
}

/// Decision 1: own labels but for those that only a namespace or Margay itself may give.
fn own_labels_of_namespaced(meta: &Meta) -> LabelMap {
    let mut labels = own_labels(meta);
    labels.0.retain(|key, _| {
        !key.starts_with(OF_NAMESPACE)
            && !key.starts_with(OF_SERVICE_ACCOUNT)
            && ![NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT].contains(&key.as_str())
    });
    labels
}

/// Decision 1: every label of a Namespace or ServiceAccount that exists, under its prefix, and its name.
fn inherit(labels: &mut LabelMap, prefix: &str, parent: &Key, objects: &BTreeMap<Key, Object>) {
    if let Some(parent) = objects.get(parent) {
        for (key, value) in &parent.meta().labels {
            labels.set(format!("{prefix}{key}"), value.as_str());
        }
        labels.set(format!("{prefix}{NAME}"), parent.key().name.as_str());
    }
}

fn namespace_key(of: &Meta) -> Key {
    Key { kind: Kind::Namespace, namespace: "".into(), name: of.key.namespace.clone() }
}

/// Decision 1.
pub(crate) fn pod_labels(pod: &Pod, objects: &BTreeMap<Key, Object>) -> LabelMap {
    let mut labels = own_labels_of_namespaced(&pod.meta);
    labels.set(NAMESPACE, pod.meta.key.namespace.as_str());
    labels.set(ORCHESTRATOR, "k8s");
    labels.set(SERVICE_ACCOUNT, pod.service_account.as_str());
    inherit(&mut labels, OF_NAMESPACE, &namespace_key(&pod.meta), objects);
    let (namespace, name) = (pod.meta.key.namespace.clone(), pod.service_account.clone());
    inherit(&mut labels, OF_SERVICE_ACCOUNT, &Key { kind: Kind::ServiceAccount, namespace, name }, objects);
    labels
}

/// Decision 2.
pub(crate) fn network_set_labels(set: &NetworkSet, objects: &BTreeMap<Key, Object>) -> LabelMap {
    if set.meta.key.kind == Kind::GlobalNetworkSet {
        return own_labels(&set.meta);
    }
    let mut labels = own_labels_of_namespaced(&set.meta);
    labels.set(NAMESPACE, set.meta.key.namespace.as_str());
    inherit(&mut labels, OF_NAMESPACE, &namespace_key(&set.meta), objects);
    labels
}

/// Decision 3.
pub(crate) fn host_endpoint_labels(host: &HostEndpoint, objects: &BTreeMap<Key, Object>) -> LabelMap {
    let mut labels = own_labels(&host.meta);
    for name in &host.profiles {
        let key = Key { kind: Kind::Profile, namespace: "".into(), name: name.clone() };
        // Decision 17: a Profile object of a name that exists by itself is ignored.
        if let Some(Object::Profile(profile)) = objects.get(&key).filter(|_| !exists_by_itself(name)) {
            for (key, value) in &profile.labels {
                labels.set_if_absent(key, value);
            }
        }
    }
    labels
}

/// Decision 17: profiles that are there without a Profile object.
pub(crate) fn exists_by_itself(profile: &str) -> bool {
    profile == crate::walk::DEFAULT_ALLOW || profile.starts_with("kns.") || profile.starts_with("ksa.")
}

/// Decision 5: `namespaceSelector` of a rule's entity or of a policy's subject.
pub(crate) fn namespace_selector_matches(selector: &Selector, labels: &LabelMap) -> bool {
    let expr = selector.expr();
    holds(expr, labels, OF_NAMESPACE, NAMESPACE) && (mentions_global(expr) || labels.has(NAMESPACE))
}

/// Decision 5: `serviceAccounts.selector` of a rule's entity, `serviceAccountSelector` of a policy's subject.
pub(crate) fn service_account_selector_matches(selector: &Selector, labels: &LabelMap) -> bool {
    holds(selector.expr(), labels, OF_SERVICE_ACCOUNT, SERVICE_ACCOUNT) && labels.has(SERVICE_ACCOUNT)
}

/// Whether an expression holds with `prefix` before every key, and with `all()` read as "has the label `all`".
fn holds(expr: &Expr, labels: &LabelMap, prefix: &str, all: &str) -> bool {
    let get = |key: &str| labels.get(&format!("{prefix}{key}"));
    match expr {
        Expr::All => labels.has(all),
        Expr::Global => !labels.has(NAMESPACE),
        Expr::Has(key) => get(key).is_some(),
        Expr::Eq(key, value) => get(key) == Some(value.as_str()),
        Expr::Ne(key, value) => get(key) != Some(value.as_str()),
        Expr::In(key, values) => get(key).is_some_and(|have| values.iter().any(|v| v.as_str() == have)),
        Expr::NotIn(key, values) => get(key).is_none_or(|have| values.iter().all(|v| v.as_str() != have)),
        Expr::Contains(key, part) => get(key).is_some_and(|have| have.contains(part.as_str())),
        Expr::StartsWith(key, part) => get(key).is_some_and(|have| have.starts_with(part.as_str())),
        Expr::EndsWith(key, part) => get(key).is_some_and(|have| have.ends_with(part.as_str())),
        Expr::Not(inner) => !holds(inner, labels, prefix, all),
        Expr::And(inner) => inner.iter().all(|e| holds(e, labels, prefix, all)),
        Expr::Or(inner) => inner.iter().any(|e| holds(e, labels, prefix, all)),
    }
}

fn mentions_global(expr: &Expr) -> bool {
    match expr {
        Expr::Global => true,
        Expr::Not(inner) => mentions_global(inner),
        Expr::And(inner) | Expr::Or(inner) => inner.iter().any(mentions_global),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `global()` among other things: the decoder refuses it today, the decision covers it.
    #[test]
    fn d5_global_beside_other_conditions() {
        let labels = |pairs: &[(&str, &str)]| LabelMap(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
        let red = labels(&[(NAMESPACE, "red"), ("pcns.team", "x")]);
        let lost = labels(&[(NAMESPACE, "lost")]);
        let outside = labels(&[("team", "x")]);
        for (selector, expected) in [
            ("!global()", [true, true, false]),
            ("global() || team == 'x'", [true, false, true]),
            ("global() || team != 'x'", [false, true, true]),
            ("all() || global()", [true, true, true]),
            ("!all() || !global()", [true, true, true]),
            ("all() && global()", [false, false, false]),
            ("!all()", [false, false, false]),
        ] {
            let parsed = Selector::parse(selector).expect("a selector");
            let got = [&red, &lost, &outside].map(|labels| namespace_selector_matches(&parsed, labels));
            assert_eq!(got, expected, "{selector}");
        }
        let account = labels(&[(NAMESPACE, "red"), (SERVICE_ACCOUNT, "web"), ("pcsa.team", "x")]);
        for (selector, expected) in
            [("global()", [false, false]), ("!global()", [true, false]), ("team != 'y'", [true, false])]
        {
            let parsed = Selector::parse(selector).expect("a selector");
            let got = [&account, &outside].map(|labels| service_account_selector_matches(&parsed, labels));
            assert_eq!(got, expected, "{selector}");
        }
    }
}
