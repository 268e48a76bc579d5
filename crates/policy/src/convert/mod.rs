//! From resources to the model. The numbers in comments are those of `docs/semantics.md`.

mod calico;
mod cluster;
mod kubernetes;
mod labels;

pub use labels::{
    NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT, in_namespace, is_reserved, namespace_selector, service_account_selector,
};

use crate::{Action, AnyOf, PlanRule, Policy, Rule, SetKey};
use margay_api::{CalicoRule, Object, Profile, Readable};
use margay_net::{AddressSet, Prefix};
use margay_selector::{Expr, Selector};
use std::sync::Arc;

/// The tier of ClusterNetworkPolicies of tier Admin.
pub const KUBE_ADMIN: &str = "kube-admin";
/// The tier of Kubernetes NetworkPolicies, and of Calico policies that name none.
pub const DEFAULT_TIER: &str = "default";
/// The tier of ClusterNetworkPolicies of tier Baseline.
pub const KUBE_BASELINE: &str = "kube-baseline";
/// The profile that exists by itself and allows everything (17).
pub const DEFAULT_ALLOW_PROFILE: &str = "projectcalico-default-allow";

/// Order and default action of a tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierOrder {
    /// Infinite where absent.
    pub order: f64,
    /// What happens to a packet that no rule decided.
    pub end: crate::TierEnd,
}

/// Order and default action of a tier, by its name and its resource, if there is one (9).
pub fn tier(name: &str, resource: Option<&margay_api::Tier>) -> TierOrder {
    use crate::TierEnd::{Deny, Pass};
    let (order, end) = match (name, resource) {
        (KUBE_ADMIN, _) => (1_000.0, Pass),
        (DEFAULT_TIER, _) => (1_000_000.0, Deny),
        (KUBE_BASELINE, _) => (10_000_000.0, Pass),
        (_, Some(tier)) => {
            let end = if tier.default_action == Action::Pass { Pass } else { Deny };
            (tier.order.unwrap_or(f64::INFINITY), end)
        }
        (_, None) => (f64::INFINITY, Deny),
    };
    TierOrder { order: order + 0.0, end } // -0 and 0 are one order
}

/// The policy that a resource is; `None` where it is of another kind.
pub fn policy(object: &Object) -> Option<Policy> {
    match object {
        Object::NetworkPolicy(policy) => Some(kubernetes::policy(policy)),
        Object::ClusterNetworkPolicy(policy) => Some(cluster::policy(policy)),
        Object::CalicoPolicy(policy) => Some(calico::policy(policy)),
        _ => None,
    }
}

/// Ingress and egress rules of a profile.
pub fn profile(profile: &Profile) -> [Arc<[PlanRule<SetKey>]>; 2] {
    let rules = |list: &[Readable<CalicoRule>], own| calico::rules(list, "", own);
    [rules(&profile.ingress, calico::Own::Destination), rules(&profile.egress, calico::Own::Source)]
}

/// Rules of one direction, each by its own function from a readable rule to one or more of the model; what unreadable ones become is rule 15.
fn rules<R>(
    list: &[Readable<R>],
    can_only_allow: bool,
    mut convert: impl FnMut(&R) -> Vec<Rule<SetKey>>,
) -> Arc<[PlanRule<SetKey>]> {
    let unreadable = |action: &Option<Action>| match action {
        _ if can_only_allow => Vec::new(),
        Some(Action::Allow | Action::Log) => Vec::new(),
        _ => vec![Rule::every(Action::Deny)],
    };
    let of = |readable: &Readable<R>| match readable {
        Readable::Rule(rule) => convert(rule),
        Readable::Unreadable(action) => unreadable(action),
    };
    let converted: Vec<_> = list.iter().map(of).collect();
    let indexed = converted.into_iter().enumerate();
    indexed
        .flat_map(|(index, parts)| {
            let index = u16::try_from(index).unwrap_or(u16::MAX); // validation allows 1,024
            parts.into_iter().map(move |rule| PlanRule { index, rule })
        })
        .collect()
}

/// All of these at once, as short as it can be said: equal conditions are to share one IP set.
fn joined(selectors: impl IntoIterator<Item = Selector>) -> Selector {
    let parts: Vec<Selector> = selectors.into_iter().filter(|selector| *selector.expr() != Expr::All).collect();
    match &parts[..] {
        [one] if matches!(one.expr(), Expr::Eq(..) | Expr::Has(_)) => one.clone(), // as short as can be
        _ => Selector::all_of(parts).simplified(),
    }
}

fn nets(prefixes: &[Prefix]) -> AddressSet {
    prefixes.iter().copied().collect()
}

fn any_net(prefixes: &[Prefix]) -> AnyOf<SetKey> {
    AnyOf { sets: Vec::new(), nets: nets(prefixes) }
}
