//! Decision 24.

use crate::build::*;
use margay_spec::Settings;

const FLOW: &str = "10.0.0.1 10.0.0.2 tcp 80";

fn check_both(documents: &[String], enforced: &str, staged: &str) {
    let all: Vec<String> = base().into_iter().chain(documents.iter().cloned()).collect();
    check(&all, &[(FLOW, enforced)]);
    check_with(Settings { staged: true, ..Settings::default() }, &all, &[(FLOW, staged)]);
}

#[test]
fn d24_global() {
    let enforced = guard("{action: Allow}");
    let staged = |name: &str, action: &str| {
        let action = if action.is_empty() { String::new() } else { format!("stagedAction: {action}, ") };
        calico(
            "StagedGlobalNetworkPolicy",
            name,
            &format!("{action}selector: app == 'db', types: [Ingress], ingress: [{{action: Deny}}]"),
        )
    };
    let delete = |name: &str| calico("StagedGlobalNetworkPolicy", name, "stagedAction: Delete");
    for (staged, expected) in [
        (staged("guard", ""), "deny … rule 0 of StagedGlobalNetworkPolicy guard"),
        (staged("guard", "Set"), "deny … rule 0 of StagedGlobalNetworkPolicy guard"),
        (staged("guard", "Learn"), "allow … rule 0 of GlobalNetworkPolicy guard"),
        (staged("guard", "Ignore"), "allow … rule 0 of GlobalNetworkPolicy guard"),
        (delete("guard"), "allow … profile kns.red"),
        (delete("other"), "allow … rule 0 of GlobalNetworkPolicy guard"),
        // Added: by name before and after the enforced one.
        (staged("a", "Set"), "deny … rule 0 of StagedGlobalNetworkPolicy a"),
        (staged("z", "Set"), "allow … rule 0 of GlobalNetworkPolicy guard"),
    ] {
        check_both(&[enforced.clone(), staged], "allow … rule 0 of GlobalNetworkPolicy guard", expected);
    }
}

#[test]
fn d24_namespaced_kinds_are_apart() {
    let kubernetes = network_policy("red/p", "podSelector: {}");
    let both = [kubernetes.clone(), calico("NetworkPolicy", "red/p", "order: 9999, ingress: [{action: Allow}]")];
    let delete = |kind: &str, name: &str| calico(kind, name, "stagedAction: Delete");
    for (staged, expected) in [
        (delete("StagedKubernetesNetworkPolicy", "red/p"), "allow … rule 0 of NetworkPolicy red/p"),
        (delete("StagedNetworkPolicy", "red/p"), "deny … isolated by NetworkPolicy red/p)"),
        (delete("StagedKubernetesNetworkPolicy", "blue/p"), "allow … rule 0 of NetworkPolicy red/p"),
        (
            calico("StagedKubernetesNetworkPolicy", "red/p", "podSelector: {}, ingress: [{}]"),
            "allow … rule 0 of StagedKubernetesNetworkPolicy red/p",
        ),
        (
            calico("StagedKubernetesNetworkPolicy", "red/q", "podSelector: {}, ingress: [{}]"),
            "allow … rule 0 of StagedKubernetesNetworkPolicy red/q",
        ),
    ] {
        check_both(&[both[0].clone(), both[1].clone(), staged], "allow", expected);
    }
}
