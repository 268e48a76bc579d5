//! Which policies there are, in which order, and whom they select.

use crate::Direction;
use crate::labels::{NAMESPACE, namespace_selector_matches, service_account_selector_matches};
use crate::thing::{Thing, What};
use margay_api::{
    Action, CalicoPolicy, ClusterNetworkPolicy, ClusterTier, Key, Kind, NetworkPolicy, Object, StagedAction,
};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A tier and its policies, both in order.
pub(crate) struct Tier {
    pub(crate) name: String,
    pub(crate) order: Option<f64>,
    pub(crate) default: Action,
    pub(crate) policies: Vec<Policy>,
}

/// A policy of any kind.
pub(crate) enum Policy {
    Kubernetes(NetworkPolicy),
    Cluster(ClusterNetworkPolicy),
    Calico(CalicoPolicy),
}

/// Decision 9: the tiers in order, each with its policies in the order of decision 10.
pub(crate) fn tiers(objects: &BTreeMap<Key, Object>, staged: bool) -> Vec<Tier> {
    let built_in = |name: &str, order, default| (name.to_owned(), (Some(order), default));
    let mut settings = BTreeMap::from([
        built_in("kube-admin", 1_000.0, Action::Pass),
        built_in("default", 1_000_000.0, Action::Deny),
        built_in("kube-baseline", 10_000_000.0, Action::Pass),
    ]);
    for object in objects.values() {
        if let Object::Tier(tier) = object {
            settings.entry(tier.meta.key.name.to_string()).or_insert((tier.order, tier.default_action));
        }
    }
    let mut policies: BTreeMap<String, Vec<Policy>> = BTreeMap::new();
    for policy in in_force(objects, staged) {
        policies.entry(policy.tier()).or_default().push(policy);
    }
    let mut tiers: Vec<Tier> = policies
        .into_iter()
        .map(|(name, mut policies)| {
            policies.sort_by(|a, b| absent_last(a.order(), b.order()).then_with(|| a.rank().cmp(&b.rank())));
            // A tier that doesn't exist fails closed: last, and Deny.
            let (order, default) = settings.get(&name).copied().unwrap_or((None, Action::Deny));
            Tier { name, order, default, policies }
        })
        .collect();
    tiers.sort_by(|a, b| absent_last(a.order, b.order).then_with(|| a.name.cmp(&b.name)));
    tiers
}

/// Decision 24: the enforced policies, or the staged set.
fn in_force(objects: &BTreeMap<Key, Object>, staged: bool) -> Vec<Policy> {
    let mut set: BTreeMap<Key, Policy> = BTreeMap::new();
    for (key, object) in objects {
        if let Some(policy) = Policy::of(object).filter(|p| p.staged().is_none()) {
            set.insert(key.clone(), policy);
        }
    }
    if staged {
        for object in objects.values() {
            let Some(policy) = Policy::of(object) else { continue };
            match policy.staged() {
                Some(StagedAction::Set) => {
                    set.insert(policy.enforced_key(), policy);
                }
                Some(StagedAction::Delete) => {
                    set.remove(&policy.enforced_key());
                }
                Some(StagedAction::Learn | StagedAction::Ignore) | None => {}
            }
        }
    }
    set.into_values().collect()
}

fn absent_last(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

impl Policy {
    fn of(object: &Object) -> Option<Self> {
        match object {
            Object::NetworkPolicy(policy) => Some(Self::Kubernetes(policy.clone())),
            Object::ClusterNetworkPolicy(policy) => Some(Self::Cluster(policy.clone())),
            Object::CalicoPolicy(policy) => Some(Self::Calico(policy.clone())),
            _ => None,
        }
    }

    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::Kubernetes(policy) => &policy.meta.key,
            Self::Cluster(policy) => &policy.meta.key,
            Self::Calico(policy) => &policy.meta.key,
        }
    }

    fn staged(&self) -> Option<StagedAction> {
        match self {
            Self::Kubernetes(policy) => policy.staged,
            Self::Cluster(_) => None,
            Self::Calico(policy) => policy.staged,
        }
    }

    /// The key of the policy that a staged one stands for; its own otherwise.
    fn enforced_key(&self) -> Key {
        let key = self.key();
        let kind = match key.kind {
            Kind::StagedKubernetesNetworkPolicy => Kind::NetworkPolicy,
            Kind::StagedNetworkPolicy => Kind::CalicoNetworkPolicy,
            Kind::StagedGlobalNetworkPolicy => Kind::GlobalNetworkPolicy,
            kind => kind,
        };
        Key { kind, ..key.clone() }
    }

    fn tier(&self) -> String {
        match self {
            Self::Kubernetes(_) => "default".to_owned(),
            Self::Cluster(policy) => match policy.tier {
                ClusterTier::Admin => "kube-admin".to_owned(),
                ClusterTier::Baseline => "kube-baseline".to_owned(),
            },
            Self::Calico(policy) => policy.tier.to_string(),
        }
    }

    fn order(&self) -> Option<f64> {
        match self {
            Self::Kubernetes(_) => Some(1_000.0),
            Self::Cluster(policy) => Some(policy.priority.into()),
            Self::Calico(policy) => policy.order,
        }
    }

    /// Decision 10: name, then kind, then namespace.
    fn rank(&self) -> (String, usize, String) {
        const KINDS: [Kind; 6] = [
            Kind::NetworkPolicy,
            Kind::ClusterNetworkPolicy,
            Kind::AdminNetworkPolicy,
            Kind::BaselineAdminNetworkPolicy,
            Kind::CalicoNetworkPolicy,
            Kind::GlobalNetworkPolicy,
        ];
        let key = self.enforced_key();
        let kind = KINDS.iter().position(|kind| *kind == key.kind).unwrap_or(KINDS.len());
        (key.name.to_string(), kind, key.namespace.to_string())
    }

    /// Whether it selects the thing (decision 6) and takes part in the direction (decision 7).
    pub(crate) fn applies(&self, thing: &Thing, direction: Direction) -> bool {
        self.takes_part(direction) && self.selects(thing)
    }

    /// Decision 7.
    fn takes_part(&self, direction: Direction) -> bool {
        let (ingress, egress) = match self {
            Self::Kubernetes(policy) => (policy.types.ingress, policy.types.egress),
            Self::Cluster(policy) => (!policy.ingress.is_empty(), !policy.egress.is_empty()),
            Self::Calico(policy) => (policy.types.ingress, policy.types.egress),
        };
        match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        }
    }

    /// Decision 6.
    fn selects(&self, thing: &Thing) -> bool {
        match (self, &thing.what) {
            (Self::Kubernetes(policy), What::Pod { .. }) => {
                policy.meta.key.namespace == thing.key.namespace && policy.pod_selector.matches(&thing.labels)
            }
            (Self::Cluster(policy), What::Pod { .. }) => {
                namespace_selector_matches(&policy.subject.namespaces, &thing.labels)
                    && policy.subject.pods.matches(&thing.labels)
            }
            (Self::Kubernetes(_) | Self::Cluster(_), _) | (Self::Calico(_), What::NetworkSet) => false,
            (Self::Calico(policy), What::Pod { .. }) => {
                !policy.pre_dnat && !policy.do_not_track && selected_by(policy, thing)
            }
            (Self::Calico(policy), What::HostEndpoint(_)) => selected_by(policy, thing),
        }
    }
}

/// The subject of a policy of `projectcalico.org/v3`.
fn selected_by(policy: &CalicoPolicy, thing: &Thing) -> bool {
    let home = &policy.meta.key.namespace;
    let within = home.is_empty() || thing.labels.0.get(NAMESPACE).is_some_and(|namespace| namespace == home.as_str());
    // In a namespaced policy: pods of its namespace. A host endpoint is in none, whatever its labels say.
    let right_kind = home.is_empty() || thing.is_pod();
    right_kind
        && within
        && policy.selector.matches(&thing.labels)
        && policy.namespace_selector.as_ref().is_none_or(|s| namespace_selector_matches(s, &thing.labels))
        && policy.service_account_selector.as_ref().is_none_or(|s| service_account_selector_matches(s, &thing.labels))
}
