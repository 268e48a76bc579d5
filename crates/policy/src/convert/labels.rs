//! What labels mean: which are the system's own, and how selectors over namespaces and service accounts become selectors over things in them.

use margay_selector::{Expr, Selector};
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

/// Things of this namespace.
pub fn in_namespace(namespace: &str) -> Selector {
    Selector::eq(NAMESPACE, namespace)
}

/// Things whose namespace matches (5).
pub fn namespace_selector(selector: &Selector) -> Selector {
    inherited(selector, "pcns.", NAMESPACE)
}

/// Things whose service account matches (5).
pub fn service_account_selector(selector: &Selector) -> Selector {
    inherited(selector, "pcsa.", SERVICE_ACCOUNT)
}

fn inherited(selector: &Selector, prefix: &str, present: &str) -> Selector {
    let member = Selector::has(present);
    let outside = selector.contains_global();
    let rewritten = selector.map_labels(|key| format_smolstr!("{prefix}{key}")).rewrite(|leaf| match leaf {
        Expr::All => Some(member.expr().clone()),
        Expr::Global => Some(member.clone().negate().expr().clone()),
        _ => None,
    });
    if outside { rewritten } else { Selector::and([member, rewritten]) }
}
