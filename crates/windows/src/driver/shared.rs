//! What the driver and its threads share, and the work on one endpoint.

use super::alone::Busy;
use super::canary::{Canary, Proof};
use super::converge::{self, Seen, Vain, close, converge};
use super::desired::Desired;
use super::directory::{Age, Directory, Missing, Place};
use super::lock;
use super::queue::Queue;
use margay_dataplane::{Event, Object, Retry};
use margay_hcn::{Endpoint, Guid, Hns, NetworkMode, RuleType, Version};
use margay_policy::Key;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// What the driver and its threads share.
pub(super) struct Shared {
    pub(super) hns: Arc<Hns>,
    /// The same service, by the door that lists all endpoints at once.
    pub(super) v1: Hns,
    pub(super) version: Version,
    pub(super) remove_foreign: bool,
    /// Whether endpoints are programmed that are on networks where HNS is not known to enforce.
    pub(super) any_network: bool,
    pub(super) directory: Directory,
    pub(super) busy: Busy,
    /// What was last written to endpoints in vain.
    pub(super) vain: Mutex<HashMap<Guid, Vain>>,
    pub(super) canary: Canary,
    pub(super) queue: OnceLock<Queue<Key, Work>>,
    pub(super) told: Mutex<Told>,
    pub(super) wake: Mutex<Option<Box<dyn Fn() + Send>>>,
    pub(super) disturbed: AtomicBool,
    pub(super) writes: AtomicU64,
}

/// What each pod should have, and what came of the work so far.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    /// What the pods of the Plan should have now: whoever is not in it any more is left alone, and nothing is said of it.
    pub(super) wanted: HashMap<Key, Desired>,
    /// What is known to be in force.
    pub(super) in_force: HashMap<Key, Desired>,
    /// Pods that HNS has no endpoint for yet, or that could not be seen to while it was gone.
    pub(super) missing: BTreeSet<Key>,
}

impl Told {
    /// Forgets pods that are no more.
    pub(super) fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        self.wanted.retain(|key, _| !gone(key));
        self.in_force.retain(|key, _| !gone(key));
        self.missing.retain(|key| !gone(key));
    }
}

/// A piece of work on one pod, by a list of endpoints of this age. What it should have is what is wanted when the work begins.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// Make it so.
    Converge(Age),
    /// See whether it is so.
    Look(Age),
}

impl Work {
    /// The one that does more.
    pub(super) fn merge(old: Self, new: Self) -> Self {
        let (Work::Converge(a) | Work::Look(a), Work::Converge(b) | Work::Look(b)) = (old, new);
        match (old, new) {
            (Work::Look(_), Work::Look(_)) => Work::Look(a.of_both(b)),
            _ => Work::Converge(a.of_both(b)),
        }
    }
}

impl Shared {
    pub(super) fn queue(&self) -> &Queue<Key, Work> {
        self.queue.get().expect("it is set before the driver is")
    }

    pub(super) fn work(&self, key: &Key, work: Work) {
        let Some(desired) = lock(&self.told).wanted.get(key).cloned() else { return };
        match work {
            Work::Converge(age) => self.converge(key, desired, age),
            Work::Look(age) => self.look(key, &desired, age),
        }
        self.wake();
    }

    fn converge(&self, key: &Key, desired: Desired, age: Age) {
        lock(&self.told).missing.remove(key);
        let outcome = self.try_converge(key, &desired, age);
        let mut told = lock(&self.told);
        told.in_force.remove(key);
        if !told.wanted.contains_key(key) {
            return;
        }
        let event = match outcome {
            Ok(()) => {
                let revision = desired.revision;
                told.in_force.insert(key.clone(), desired);
                Event::Applied { object: Object::Endpoint(key.clone()), revision }
            }
            Err(error) => failed(&mut told, key, &error),
        };
        told.events.push(event);
    }

    /// Every endpoint of a pod, so that what is wrong with one keeps policy off no other; gives the first error.
    fn try_converge(&self, key: &Key, desired: &Desired, age: Age) -> Result<(), Failed> {
        match self.on_each(key, desired, age, |place| self.converge_one(place, desired)) {
            // It went since the list was read: once more, by a new one.
            Err(Failed::Converge(error)) if error.is_not_found() => {
                self.directory.forget();
                self.on_each(key, desired, Age::now(), |place| self.converge_one(place, desired))
            }
            done => done,
        }
    }

    /// Does something to every endpoint of a pod, as long as the Plan has it: its address may be another's by then. Gives the first error, of those
    /// that most can be done about.
    fn on_each(
        &self,
        key: &Key,
        desired: &Desired,
        age: Age,
        act: impl Fn(&Place) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let mut errors = Vec::new();
        for place in self.directory.find(&self.v1, &desired.addresses, age)? {
            let _alone = self.busy.alone_with(place.id);
            if !lock(&self.told).wanted.contains_key(key) {
                return Ok(());
            }
            let doubted = place.doubted.clone().filter(|_| !self.any_network);
            let network = doubted.map(|mode| Missing::Network { address: place.address, mode });
            errors.extend(network.map_or_else(|| act(&place), |network| Err(network.into())).err());
        }
        let rank = |error: &Failed| match error {
            Failed::Converge(error) if error.is_not_found() => 0,
            Failed::Drift(_) => 1,
            _ => 2,
        };
        errors.into_iter().min_by_key(rank).map_or(Ok(()), Err)
    }

    fn converge_one(&self, place: &Place, desired: &Desired) -> Result<(), Failed> {
        let vain = lock(&self.vain).remove(&place.id);
        match converge(&self.hns, place.id, &desired.rules, self.version, self.remove_foreign, vain.as_ref()) {
            Ok(outcome) => {
                self.writes.fetch_add(u64::from(outcome.writes), Ordering::Relaxed);
                match outcome.intruders.into_iter().next() {
                    Some(intruder) => Err(Failed::Intruder(intruder)),
                    None => self.prove(&outcome.endpoint, place.doubted.clone(), desired),
                }
            }
            Err(converge::Error::NotShown { id, shown, wanted, found }) => {
                let vain = Vain { desired: Arc::clone(&desired.rules), found: (*found).clone() };
                lock(&self.vain).insert(id, vain);
                Err(converge::Error::NotShown { id, shown, wanted, found }.into())
            }
            Err(error) if error.is_not_found() || error.may_pass() => Err(error.into()),
            Err(error) => Err(self.refused(place.id, error)),
        }
    }

    /// Asks VFP whether it has what HNS took. On a network where HNS is known to enforce, only a denial counts; on another, only a proof.
    fn prove(&self, endpoint: &Endpoint, doubted: Option<NetworkMode>, desired: &Desired) -> Result<(), Failed> {
        let switch = desired.rules.iter().filter(|rule| rule.rule_type == RuleType::Switch);
        match (self.canary.check(endpoint, switch.map(|rule| rule.id.as_str())), doubted) {
            (None | Some(Proof::Has), _) | (Some(Proof::Unknown(_)), None) => Ok(()),
            (Some(Proof::Lacks { missing, of }), _) => Err(Failed::Inert { missing, of }),
            (Some(Proof::Unknown(why)), Some(mode)) => Err(Failed::Unproven { mode, why }),
        }
    }

    /// HNS won't have the list, now or later: what was in force stays so, but where that is nothing, the endpoint is closed.
    fn refused(&self, id: Guid, error: converge::Error) -> Failed {
        match close(&self.hns, id, self.version) {
            Ok(true) => Failed::Closed(error),
            Ok(false) | Err(_) => error.into(),
        }
    }

    fn look(&self, key: &Key, desired: &Desired, age: Age) {
        let seen = self.on_each(key, desired, age, |place| {
            match converge::look(&self.hns, place.id, &desired.rules, self.version)? {
                Seen::Right => Ok(()),
                Seen::Differs(found) => Err(Failed::Drift(found)),
                Seen::Intruder(intruder) if self.remove_foreign => Err(Failed::Drift(intruder)),
                Seen::Intruder(intruder) => Err(Failed::Intruder(intruder)),
            }
        });
        let Err(error) = seen else { return };
        let mut told = lock(&self.told);
        told.in_force.remove(key);
        if !told.wanted.contains_key(key) {
            return;
        }
        let drift = |found| Event::Drift { object: Object::Endpoint(key.clone()), found };
        let event = match error {
            Failed::Drift(found) => drift(found),
            // Gone since the list was read; whoever takes its place is programmed.
            Failed::Converge(error) if error.is_not_found() => {
                self.directory.forget();
                drift(error.to_string())
            }
            error => failed(&mut told, key, &error),
        };
        told.events.push(event);
    }

    /// Something happened in HNS: endpoints may have come, or lost what they had.
    pub(super) fn heard(&self) {
        self.directory.forget();
        let missing = std::mem::take(&mut lock(&self.told).missing);
        for key in missing {
            self.queue().add(key, Work::Converge(Age::now()), Duration::ZERO, Work::merge);
        }
        self.disturbed.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// HNS does not answer. Whoever is taken for in force is looked at, which tells; it may have been back in between, and gone again unheard.
    pub(super) fn is_gone(&self) {
        let known = lock(&self.told).in_force.is_empty();
        if !known {
            self.heard();
        }
    }

    /// HNS is there again: what it had may be lost, and none is to wait for the next look.
    pub(super) fn came_back(&self) {
        self.canary.forget();
        let in_force: Vec<Key> = lock(&self.told).in_force.keys().cloned().collect();
        let now = Age::now();
        for key in in_force {
            self.queue().add(key, Work::Look(now), Duration::ZERO, Work::merge);
        }
        self.heard();
    }

    pub(super) fn wake(&self) {
        lock(&self.wake).iter().for_each(|wake| wake());
    }
}

/// Takes in that a pod is not what it should be.
fn failed(told: &mut Told, key: &Key, error: &Failed) -> Event {
    if error.ends_with_news() {
        told.missing.insert(key.clone());
    }
    Event::Failed { object: Object::Endpoint(key.clone()), retry: Retry::Backoff, error: error.to_string() }
}

/// Why an endpoint is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Converge(#[from] converge::Error),
    #[error("{0}; nothing was in force there, so that the endpoint is closed until this is mended")]
    Closed(converge::Error),
    /// What a look found, which is mended.
    #[error("{0}")]
    Drift(String),
    #[error("our ACLs are there, but others are asked before them, so that policy is not exact: {0}; remove them")]
    Intruder(String),
    #[error("HNS took the ACLs, but VFP has not {missing} of {of}: nothing is enforced by them")]
    Inert { missing: usize, of: usize },
    #[error(
        "on a network of type {mode} HNS may take ACLs and enforce none, and whether VFP has them can't be told: {why}"
    )]
    Unproven { mode: NetworkMode, why: String },
}

impl Failed {
    /// Whether it is over when HNS tells of something: of an endpoint, or that it is back.
    fn ends_with_news(&self) -> bool {
        match self {
            Failed::Missing(Missing::Endpoint(_)) => true,
            Failed::Missing(Missing::Hns(error)) | Failed::Converge(converge::Error::Hns(error)) => {
                error.is_disconnected()
            }
            _ => false,
        }
    }
}
