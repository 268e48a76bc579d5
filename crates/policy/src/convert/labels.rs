//! What labels mean: which are the system's own, and how selectors over namespaces and service accounts become selectors over things in them.

use margay_selector::{Expr, MAX_LABEL, Selector};
use smol_str::format_smolstr;

/// The label that says a thing's namespace.
pub const NAMESPACE: &str = "projectcalico.org/namespace";
/// The label that says a pod is one of Kubernetes.
pub const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The label that says a pod's service account.
pub const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";

/// Whether a label is given by the system: one of this key on a namespaced thing itself is ignored (1).
pub fn is_reserved(key: &str) -> bool {
    key.starts_with("pcns.") || key.starts_with("pcsa.") || [NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT].contains(&key)
}

/// Things of this namespace. A text that can't be a namespace's name (it has both kinds of quote) is of nothing.
pub fn in_namespace(namespace: &str) -> Selector {
    Selector::equals(NAMESPACE, namespace).unwrap_or_else(|_| Selector::never())
}

/// Things that carry this label of the system's own.
pub(super) fn present(label: &'static str) -> Selector {
    Selector::has(label).expect("a label of the system's own can be written")
}

/// Things whose namespace matches (5).
pub fn namespace_selector(selector: &Selector) -> Selector {
    inherited(selector, "pcns.", NAMESPACE)
}

/// Things whose service account matches (5).
pub fn service_account_selector(selector: &Selector) -> Selector {
    inherited(selector, "pcsa.", SERVICE_ACCOUNT)
}

fn inherited(selector: &Selector, prefix: &str, label: &'static str) -> Selector {
    let rewritten = selector
        .map_labels(|key| {
            if prefix.len() + key.len() <= MAX_LABEL {
                format_smolstr!("{prefix}{key}")
            } else {
                format_smolstr!("{prefix}/") // longer than any label can be: on no namespace, as is this
            }
        })
        .expect("a label with a prefix that fits is a label")
        .rewrite(|leaf| match leaf {
            Expr::All => Some(present(label)),
            Expr::Global => Some(!present(label)),
            _ => None,
        });
    if selector.contains_global() { rewritten } else { Selector::all_of([present(label), rewritten]) }
}
