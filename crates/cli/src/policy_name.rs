//! Policies as people name them: `web`, `shop/web`, `gnp/deny-all`, `networkpolicy.projectcalico.org/shop/web`.

use crate::{World, words};
use margay_api::{Key, Kind, Object};

/// Short names, as kubectl has them.
const SHORT: [(&str, Kind); 10] = [
    ("netpol", Kind::NetworkPolicy),
    ("netpol", Kind::CalicoNetworkPolicy),
    ("cnp", Kind::ClusterNetworkPolicy),
    ("anp", Kind::AdminNetworkPolicy),
    ("banp", Kind::BaselineAdminNetworkPolicy),
    ("gnp", Kind::GlobalNetworkPolicy),
    ("caliconetworkpolicy", Kind::CalicoNetworkPolicy),
    ("snp", Kind::StagedNetworkPolicy),
    ("sgnp", Kind::StagedGlobalNetworkPolicy),
    ("sknp", Kind::StagedKubernetesNetworkPolicy),
];

/// The one policy that a text names: NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME, where KIND may be short, and may have its
/// group behind a dot.
///
/// # Errors
/// In words: there is none, or there are several.
pub(crate) fn find<'w>(world: &'w World, text: &str) -> Result<&'w Object, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let named = |key: &Key| match *parts.as_slice() {
        [name] => key.name == name,
        [first, name] => key.name == name && (key.namespace == first || is_kind(key.kind, first)),
        [kind, namespace, name] => key.name == name && key.namespace == namespace && is_kind(key.kind, kind),
        _ => false,
    };
    let is_policy = |object: &&Object| {
        matches!(object, Object::NetworkPolicy(_) | Object::ClusterNetworkPolicy(_) | Object::CalicoPolicy(_))
    };
    let found: Vec<&Object> = world.objects().filter(is_policy).filter(|object| named(object.key())).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let name = parts.last().copied().unwrap_or_default();
            let near = world.objects().filter(is_policy).filter(|object| object.key().name.contains(name));
            let near: Vec<_> = near.map(|object| exact(object.key())).collect();
            let near = if near.is_empty() { String::new() } else { format!("; there is {}", words::list(near, "and")) };
            Err(format!("there is no policy {text}{near}"))
        }
        several => {
            let exact = several.iter().map(|object| exact(object.key()));
            Err(format!("{text} names several policies: write {}", words::list(exact, "or")))
        }
    }
}

fn is_kind(kind: Kind, word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let (name, group) = word.split_once('.').unwrap_or((&word, kind.group()));
    let full = kind.name().to_ascii_lowercase();
    let plural = full.strip_suffix('y').is_some_and(|stem| name == format!("{stem}ies"));
    let short = SHORT.iter().any(|(short, of)| *of == kind && *short == name);
    group == kind.group() && (name == full || plural || short)
}

/// The form that names no other policy.
pub(crate) fn exact(key: &Key) -> String {
    let kind = match key.kind {
        Kind::NetworkPolicy | Kind::CalicoNetworkPolicy => format!("networkpolicy.{}", key.kind.group()),
        kind => kind.name().to_ascii_lowercase(),
    };
    if key.namespace.is_empty() {
        format!("{kind}/{}", key.name)
    } else {
        format!("{kind}/{}/{}", key.namespace, key.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_in_many_ways() {
        for (kind, word, expected) in [
            (Kind::NetworkPolicy, "NetworkPolicy", true),
            (Kind::NetworkPolicy, "networkpolicies", true),
            (Kind::NetworkPolicy, "netpol", true),
            (Kind::NetworkPolicy, "networkpolicy.networking.k8s.io", true),
            (Kind::NetworkPolicy, "networkpolicy.projectcalico.org", false),
            (Kind::CalicoNetworkPolicy, "netpol", true),
            (Kind::CalicoNetworkPolicy, "caliconetworkpolicy", true),
            (Kind::CalicoNetworkPolicy, "networkpolicy.projectcalico.org", true),
            (Kind::GlobalNetworkPolicy, "gnp", true),
            (Kind::GlobalNetworkPolicy, "netpol", false),
            (Kind::GlobalNetworkPolicy, "", false),
        ] {
            assert_eq!(is_kind(kind, word), expected, "{kind:?} {word}");
        }
    }
}
