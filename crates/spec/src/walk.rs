//! Through the tiers, then the profiles.

use crate::policy::Policy;
use crate::rule::{Scene, calico_hit, pick};
use crate::{Attribution, End};
use margay_api::{Action, Kind, Profile};

/// The profile that exists by itself and allows everything (decision 17).
pub(crate) const DEFAULT_ALLOW: &str = "projectcalico-default-allow";

/// A tier that takes part: its policies that select an endpoint in one direction.
pub(crate) struct ActiveTier<'w> {
    pub(crate) name: &'w str,
    pub(crate) default: Action,
    pub(crate) policies: Vec<&'w Policy>,
}

/// Goes through the tiers and gives what was decided; `None` where nothing was. With `ends`, a tier in which no rule matched decides by its
/// default action.
pub(crate) fn tiers(active: &[ActiveTier<'_>], ends: bool, scene: &Scene<'_>) -> Option<End> {
    'tiers: for tier in active {
        for policy in &tier.policies {
            let by = |index| Attribution::Rule { policy: policy.key().clone(), index };
            match policy.hit(scene) {
                Some((index, Action::Allow)) => return Some(End::allow(by(index))),
                Some((index, Action::Deny)) => return Some(End::deny(by(index))),
                Some((_, Action::Pass)) => continue 'tiers,
                Some((_, Action::Log)) | None => {}
            }
        }
        if ends && tier.default == Action::Deny {
            let policies = tier.policies.iter().map(|p| p.key().clone()).collect();
            return Some(End::deny(Attribution::TierDefault { tier: tier.name.to_owned(), policies }));
        }
    }
    None
}

/// Decision 17, for a pod: its namespace's profile, where the namespace exists.
pub(crate) fn pod_profile(namespace: &str, scene: &Scene<'_>) -> End {
    let name = format!("kns.{namespace}");
    match built_in(&name, scene) {
        true => End::allow(Attribution::Profile { name, index: None }),
        false => End::deny(Attribution::NoProfile),
    }
}

/// Decision 17, for a host endpoint: its profiles in order.
pub(crate) fn profiles<'n>(names: impl IntoIterator<Item = &'n str>, scene: &Scene<'_>) -> End {
    for name in names {
        if built_in(name, scene) {
            return End::allow(Attribution::Profile { name: name.to_owned(), index: None });
        }
        let Some(profile) = scene.world.profile(name) else { continue };
        let by = |index| Attribution::Profile { name: name.to_owned(), index: Some(index) };
        match rules(profile, scene) {
            Some((index, Action::Allow)) => return End::allow(by(index)),
            Some((index, Action::Deny)) => return End::deny(by(index)),
            Some((_, Action::Pass | Action::Log)) | None => {}
        }
    }
    End::deny(Attribution::NoProfile)
}

/// Whether it is a profile that exists by itself and allows everything.
fn built_in(name: &str, scene: &Scene<'_>) -> bool {
    let namespace = name.strip_prefix("kns.");
    name == DEFAULT_ALLOW || namespace.is_some_and(|namespace| scene.world.exists(Kind::Namespace, "", namespace))
}

fn rules(profile: &Profile, scene: &Scene<'_>) -> Option<(usize, Action)> {
    calico_hit(pick(scene, &profile.ingress, &profile.egress), "", scene)
}
