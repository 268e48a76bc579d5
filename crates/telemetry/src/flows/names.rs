//! Whose an address is, and which policy a name stands for.

use margay_agent::Observer;
use margay_api::{Key, Kind, Object, Update};
use margay_policy::{Changes, Delta, Plan};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names for what packets and rules have: pods of the whole cluster by address, policies of the node by their stable names. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    pods: FxHashMap<IpAddr, Key>,
    addresses: FxHashMap<Key, Vec<IpAddr>>,
    policies: FxHashMap<String, PolicyName>,
    /// Policies that are gone, and stay known until the next change: packets that they denied are still to be read.
    gone: Vec<String>,
}

/// What is known of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyName {
    pub(crate) title: String,
    pub(crate) tier: SmolStr,
}

impl Names {
    /// What keeps them up to date.
    pub fn observer(&self) -> NamesObserver {
        NamesObserver(self.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pod that has an address.
    pub(crate) fn pod(&self, address: IpAddr) -> Option<Key> {
        self.known().pods.get(&address).cloned()
    }

    /// The policy of a stable name.
    pub(crate) fn policy(&self, name: &str) -> Option<PolicyName> {
        self.known().policies.get(name).cloned()
    }
}

/// Takes names from an agent at work.
pub struct NamesObserver(Names);

impl Observer for NamesObserver {
    fn updated(&mut self, update: &Update) {
        if update.key.kind != Kind::Pod {
            return;
        }
        let mut known = self.0.known();
        for address in known.addresses.remove(&update.key).into_iter().flatten() {
            // It may be another pod's by now.
            if known.pods.get(&address) == Some(&update.key) {
                known.pods.remove(&address);
            }
        }
        let Some(Object::Pod(pod)) = update.value.as_deref() else { return };
        if pod.host_network || pod.terminal {
            return;
        }
        let addresses: Vec<IpAddr> = pod.addresses.iter().map(IpAddr::to_canonical).collect();
        for address in &addresses {
            known.pods.insert(*address, update.key.clone());
        }
        known.addresses.insert(update.key.clone(), addresses);
    }

    fn planned(&mut self, plan: &Plan, changes: &Changes, _: Duration) {
        let mut known = self.0.known();
        for name in std::mem::take(&mut known.gone) {
            known.policies.remove(&name);
        }
        for delta in &changes.deltas {
            match delta {
                Delta::PolicyPut(id) => {
                    let Some(policy) = plan.policies.get(*id) else { continue };
                    let calico = if policy.key.kind.group() == "projectcalico.org" { "Calico " } else { "" };
                    let title = format!("{calico}{}", policy.key);
                    known.policies.insert(policy.name.to_string(), PolicyName { title, tier: policy.tier.clone() });
                }
                Delta::PolicyRemoved(_, policy) => known.gone.push(policy.name.to_string()),
                _ => {}
            }
        }
        let Known { policies, gone, .. } = &mut *known;
        // One that went and came again within one change is there.
        gone.retain(|name| {
            policies.contains_key(name) && !plan.policies.iter().any(|(_, p)| p.name.to_string() == *name)
        });
    }
}
