//! What the driver and its threads share, and the work on one endpoint.

use super::canary::{Canary, Proof};
use super::converge::{self, close, converge, differs};
use super::desired::Desired;
use super::directory::{Directory, Missing};
use super::lock;
use super::queue::Queue;
use margay_dataplane::{Event, Object, Retry};
use margay_hcn::{Endpoint, Guid, Hns, NetworkMode, RuleType, Version};
use margay_policy::Key;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// What the driver and its threads share.
pub(super) struct Shared {
    pub(super) hns: Arc<Hns>,
    /// The same service, by the door that lists all endpoints at once.
    pub(super) v1: Hns,
    pub(super) version: Version,
    pub(super) remove_foreign: bool,
    pub(super) directory: Directory,
    pub(super) canary: Canary,
    pub(super) queue: OnceLock<Queue<Key, Work>>,
    pub(super) told: Mutex<Told>,
    pub(super) wake: Mutex<Option<Box<dyn Fn() + Send>>>,
    pub(super) disturbed: AtomicBool,
    pub(super) writes: AtomicU64,
}

/// What came of the work so far.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    /// What is known to be in force.
    pub(super) in_force: HashMap<Key, Desired>,
    /// Pods that HNS has no endpoint for yet, or that could not be seen to while it was gone.
    pub(super) missing: BTreeMap<Key, Desired>,
}

impl Told {
    /// Forgets what is known of pods that are no more.
    pub(super) fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        self.in_force.retain(|key, _| !gone(key));
        self.missing.retain(|key, _| !gone(key));
    }
}

/// A piece of work on one endpoint.
pub(super) enum Work {
    /// Make it so, by what is known of endpoints since then.
    Converge(Desired, Instant),
    /// See whether it is so.
    Look(Desired),
}

impl Work {
    fn desired(&self) -> &Desired {
        match self {
            Work::Converge(desired, _) | Work::Look(desired) => desired,
        }
    }

    /// The newer of two, and the one that does more.
    pub(super) fn merge(old: Self, new: Self) -> Self {
        match (old, new) {
            (Work::Converge(_, since), Work::Look(desired)) => Work::Converge(desired, since),
            // What waited for HNS to tell of something may be of long ago.
            (old @ Work::Converge(..), new) if old.desired().revision > new.desired().revision => old,
            (_, new) => new,
        }
    }
}

impl Shared {
    pub(super) fn queue(&self) -> &Queue<Key, Work> {
        self.queue.get().expect("it is set before the driver is")
    }

    pub(super) fn work(&self, key: &Key, work: Work) {
        let object = Object::Endpoint(key.clone());
        let event = match work {
            Work::Converge(desired, since) => Some(self.converge(key, object, &desired, since)),
            Work::Look(desired) => self.look(key, object, &desired),
        };
        lock(&self.told).events.extend(event);
        self.wake();
    }

    fn converge(&self, key: &Key, object: Object, desired: &Desired, since: Instant) -> Event {
        lock(&self.told).missing.remove(key);
        let outcome = self.try_converge(desired, since);
        let mut told = lock(&self.told);
        told.in_force.remove(key);
        match outcome {
            Ok(()) => {
                told.in_force.insert(key.clone(), desired.clone());
                Event::Applied { object, revision: desired.revision }
            }
            Err(error) => {
                if error.ends_with_news() {
                    told.missing.insert(key.clone(), desired.clone());
                }
                Event::Failed { object, retry: error.retry(), error: error.to_string() }
            }
        }
    }

    fn try_converge(&self, desired: &Desired, since: Instant) -> Result<(), Failed> {
        let mut since = since;
        loop {
            let places = self.directory.find(&self.v1, &desired.addresses, since)?;
            let mut gone = false;
            for place in places {
                match converge(&self.hns, place.id, &desired.rules, self.version, self.remove_foreign) {
                    Ok(outcome) => {
                        self.writes.fetch_add(u64::from(outcome.writes), Ordering::Relaxed);
                        if let Some(intruder) = outcome.intruders.into_iter().next() {
                            return Err(Failed::Intruder(intruder));
                        }
                        self.prove(&outcome.endpoint, place.doubted, desired)?;
                    }
                    Err(error) if error.is_not_found() && !gone => gone = true,
                    Err(error) if !error.may_pass() => return Err(self.refused(place.id, error)),
                    Err(error) => return Err(error.into()),
                }
            }
            if !gone {
                return Ok(());
            }
            // It went since the list was read: once more, by a new one.
            self.directory.forget();
            since = Instant::now();
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

    fn look(&self, key: &Key, object: Object, desired: &Desired) -> Option<Event> {
        let found = self.directory.find(&self.v1, &desired.addresses, Instant::now()).map_err(Failed::from);
        let found = found.and_then(|places| {
            let differences =
                places.into_iter().map(|place| differs(&self.hns, place.id, &desired.rules, self.version));
            differences.collect::<Result<Vec<_>, _>>().map_err(Failed::from)
        });
        match found {
            Ok(differences) => {
                let found = differences.into_iter().flatten().next()?;
                Some(Event::Drift { object, found })
            }
            // Gone since the list was read; whoever takes its place is programmed.
            Err(Failed::Converge(error)) if error.is_not_found() => {
                self.directory.forget();
                Some(Event::Drift { object, found: error.to_string() })
            }
            Err(error) => {
                if error.ends_with_news() {
                    let mut told = lock(&self.told);
                    told.in_force.remove(key);
                    told.missing.insert(key.clone(), desired.clone());
                }
                Some(Event::Failed { object, retry: error.retry(), error: error.to_string() })
            }
        }
    }

    /// Something happened in HNS: endpoints may have come, or lost what they had.
    pub(super) fn heard(&self) {
        self.directory.forget();
        let missing = std::mem::take(&mut lock(&self.told).missing);
        for (key, desired) in missing {
            self.queue().add(key, Work::Converge(desired, Instant::now()), Duration::ZERO, Work::merge);
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
        let in_force = lock(&self.told).in_force.clone();
        for (key, desired) in in_force {
            self.queue().add(key, Work::Look(desired), Duration::ZERO, Work::merge);
        }
        self.heard();
    }

    pub(super) fn wake(&self) {
        lock(&self.wake).iter().for_each(|wake| wake());
    }
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
    fn retry(&self) -> Retry {
        match self {
            Failed::Missing(Missing::Network { .. }) => Retry::Never,
            _ => Retry::Backoff,
        }
    }

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
