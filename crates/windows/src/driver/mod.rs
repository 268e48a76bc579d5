//! Keeps the ACLs of HNS endpoints, and routes to other nodes' pods, equal to a Plan.
//!
//! ```text
//! Plan, changes ─► Endpoints (lower what a change touches) ─► Queue (a piece of work for each endpoint) ─► converge ─► HNS
//!                                                                       events ◄─────────────────────────────┘
//! ```
//!
//! HNS may take long, hang, or lose what it was told, so nothing is believed: each piece of work reads what is there, writes what differs ([`writes`]) and reads
//! it again. Endpoints are worked on side by side, each by one thread at a time; what hangs delays no other. An endpoint is found by its addresses, whatever
//! its id, so that one that was made anew is programmed anew.

mod converge;
mod desired;
mod directory;
mod found;
mod numbers;
mod queue;
mod router;
#[cfg(test)]
mod sample;
mod tables;
mod watch;
mod writes;

pub use numbers::{FIRST, HOST_BEFORE_1803, LAST, number};
pub use writes::{BATCH, Write, writes};

use crate::lower::{Budget, Target};
use converge::{close, converge, differs};
use desired::{Desired, Endpoints, Touched};
use directory::{Directory, Missing};
use margay_dataplane::{Driver, Event, Object, Retry};
use margay_hcn::{Guid, Hns, RouteTable, Service, Version};
use margay_policy::{Changes, Delta, Key, Plan};
use queue::Queue;
use router::Router;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tables::Tables;
use watch::Watch;

/// How the driver works.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What an endpoint may cost.
    pub budget: Budget,
    /// Endpoints that are worked on at a time. How many calls HNS takes side by side is \[UNK\].
    pub parallel: usize,
    /// How long changes of membership are gathered: every write may reset connections of its endpoint \[FIELD\].
    pub gather: Duration,
    /// Whether ACLs of others that are asked before ours are removed, or only reported.
    pub remove_foreign: bool,
    /// How HNS is asked.
    pub hns: margay_hcn::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            parallel: 4,
            gather: Duration::from_millis(100),
            remove_foreign: false,
            hns: margay_hcn::Options::default(),
        }
    }
}

/// The driver: see the [module's page](self).
pub struct HnsDriver {
    target: Target,
    gather: Duration,
    endpoints: Endpoints,
    router: Router,
    shared: Arc<Shared>,
    _watch: Option<Watch>,
}

/// What the driver and its threads share.
struct Shared {
    hns: Arc<Hns>,
    /// The same service, by the door that lists all endpoints at once.
    v1: Hns,
    version: Version,
    remove_foreign: bool,
    directory: Directory,
    queue: OnceLock<Queue<Key, Work>>,
    told: Mutex<Told>,
    wake: Mutex<Option<Box<dyn Fn() + Send>>>,
    disturbed: AtomicBool,
    writes: AtomicU64,
}

/// What came of the work so far.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
    /// What is known to be in force.
    in_force: HashMap<Key, Desired>,
    /// Pods that HNS has no endpoint for yet, or that could not be seen to while it was gone.
    missing: BTreeMap<Key, Desired>,
}

impl Told {
    /// Forgets what is known of pods that are no more.
    fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        self.in_force.retain(|key, _| !gone(key));
        self.missing.retain(|key, _| !gone(key));
    }
}

/// A piece of work on one endpoint.
enum Work {
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
    fn merge(old: Self, new: Self) -> Self {
        match (old, new) {
            (Work::Converge(_, since), Work::Look(desired)) => Work::Converge(desired, since),
            // What waited for HNS to tell of something may be of long ago.
            (old @ Work::Converge(..), new) if old.desired().revision > new.desired().revision => old,
            (_, new) => new,
        }
    }
}

impl HnsDriver {
    /// On this HNS. Asks for its version, and to be told of what happens, which not every version does.
    ///
    /// # Errors
    /// Where HNS does not say what version it is: it does not run, or may not be asked.
    pub fn new(service: Arc<dyn Service>, options: &Options) -> Result<Self, margay_hcn::Error> {
        let hns = Arc::new(Hns::open(Arc::clone(&service), options.hns.clone())?);
        let v1 = Hns::open(service, margay_hcn::Options { force_v1: true, ..options.hns.clone() })?;
        let version = hns.version();
        let tables = Tables::new(Arc::clone(&hns));
        let shared = Arc::new(Shared {
            hns,
            v1,
            version,
            remove_foreign: options.remove_foreign,
            directory: Directory::default(),
            queue: OnceLock::new(),
            told: Mutex::default(),
            wake: Mutex::default(),
            disturbed: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        });
        let worker = Arc::downgrade(&shared);
        let work = move |key: &Key, work| {
            if let Some(shared) = worker.upgrade() {
                shared.work(key, work);
            }
        };
        let _ = shared.queue.set(Queue::new(options.parallel.max(1), work));
        let watch = Watch::new(&shared);
        let teller = Arc::downgrade(&shared);
        let router = Router::new(tables, move || {
            if let Some(shared) = teller.upgrade() {
                shared.wake();
            }
        });
        Ok(Self {
            target: Target { version, budget: options.budget },
            gather: options.gather,
            endpoints: Endpoints::default(),
            router,
            shared,
            _watch: watch,
        })
    }

    /// Calls this whenever there is something for [`Driver::events`] to tell, or [`Driver::disturbed`]: from any thread.
    pub fn set_waker(&mut self, wake: impl Fn() + Send + 'static) {
        *lock(&self.shared.wake) = Some(Box::new(wake));
    }

    /// Takes this for the system's table of routes. Without it, on Windows it is the system's own; elsewhere there is none, and direct routes fail.
    pub fn set_route_table(&mut self, table: Arc<dyn RouteTable>) {
        self.router.tables().set_system(table);
    }

    /// Waits until all that was asked for has succeeded or failed; false where that takes longer than this.
    pub fn settle(&self, patience: Duration) -> bool {
        let start = Instant::now();
        self.shared.queue().settle(patience) && self.router.settle(patience.saturating_sub(start.elapsed()))
    }

    /// Calls so far that changed something.
    pub fn writes(&self) -> u64 {
        self.shared.writes.load(Ordering::Relaxed) + self.router.tables().writes()
    }

    /// The version of HNS.
    pub fn version(&self) -> Version {
        self.shared.version
    }

    /// Says of host endpoints that they can't be enforced.
    fn refuse(&self, hosts: Vec<Key>) {
        let failed = hosts.into_iter().map(|key| Event::Failed {
            object: Object::Endpoint(key),
            error: "a host endpoint of a Windows node covers nothing: HNS has no rules for the node's own interfaces"
                .into(),
            retry: Retry::Never,
        });
        lock(&self.shared.told).events.extend(failed);
    }

    /// Puts what is touched to work; what is in force already is said at once.
    fn start(&self, touched: Vec<Touched>, forced: bool) {
        for one in touched {
            let mut told = lock(&self.shared.told);
            told.events.extend(one.unsupported.iter().map(|unsupported| Event::Unsupported {
                rule: unsupported.rule.clone(),
                field: unsupported.field,
                done: unsupported.done,
            }));
            let in_force = told.in_force.get(&one.key).is_some_and(|known| known.rules == one.desired.rules);
            if in_force && !one.changed && !forced {
                let object = Object::Endpoint(one.key);
                told.events.push(Event::Applied { object, revision: one.desired.revision });
                continue;
            }
            drop(told);
            let delay = if one.members { self.gather } else { Duration::ZERO };
            self.shared.queue().add(one.key, Work::Converge(one.desired, Instant::now()), delay, Work::merge);
        }
    }
}

impl Driver for HnsDriver {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        self.refuse(Endpoints::hosts(plan, Some(changes)));
        for delta in &changes.deltas {
            if let Delta::EndpointRemoved(_, endpoint) = delta {
                lock(&self.shared.told).forget(|key| *key == endpoint.key);
            }
        }
        let touched = self.endpoints.update(plan, changes, &self.target);
        self.start(touched, false);
        self.router.submit(plan, changes);
    }

    fn resync(&mut self, plan: &Plan, object: Option<&Object>) {
        let touched = match object {
            Some(Object::Endpoint(key)) => self.endpoints.refresh(plan, key, &self.target).into_iter().collect(),
            Some(Object::Route(to)) => return self.router.resync(plan, Some(*to)),
            _ => {
                self.router.resync(plan, None);
                self.refuse(Endpoints::hosts(plan, None));
                let touched = self.endpoints.replace(plan, &self.target);
                lock(&self.shared.told).forget(|key| !self.endpoints.has(key));
                touched
            }
        };
        self.start(touched, true);
    }

    fn observe(&mut self, plan: &Plan) {
        self.router.observe(plan);
        // What it should be is what the Plan says now, whatever was submitted before.
        drop(self.endpoints.replace(plan, &self.target));
        for (key, desired) in self.endpoints.iter() {
            self.shared.queue().add(key.clone(), Work::Look(desired.clone()), Duration::ZERO, Work::merge);
        }
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut lock(&self.shared.told).events);
        events.extend(self.router.events());
        events
    }

    fn disturbed(&mut self) -> bool {
        self.shared.disturbed.swap(false, Ordering::Relaxed)
    }

    fn cleanup(&mut self) -> Result<(), String> {
        let endpoints = self.shared.v1.endpoints().map_err(|error| format!("listing HNS endpoints: {error}"))?;
        let mut failed = self.router.cleanup();
        for endpoint in endpoints.objects.into_iter().filter(|endpoint| !endpoint.remote) {
            if let Err(error) = converge(&self.shared.hns, endpoint.id, &[], self.shared.version, false) {
                failed.push(error.to_string());
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }
}

impl Shared {
    fn queue(&self) -> &Queue<Key, Work> {
        self.queue.get().expect("it is set before the driver is")
    }

    fn work(&self, key: &Key, work: Work) {
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
            let ids = self.directory.find(&self.v1, &desired.addresses, since)?;
            let mut gone = false;
            for id in ids {
                match converge(&self.hns, id, &desired.rules, self.version, self.remove_foreign) {
                    Ok(outcome) => {
                        self.writes.fetch_add(u64::from(outcome.writes), Ordering::Relaxed);
                        if let Some(intruder) = outcome.intruders.into_iter().next() {
                            return Err(Failed::Intruder(intruder));
                        }
                    }
                    Err(error) if error.is_not_found() && !gone => gone = true,
                    Err(error) if !error.may_pass() => return Err(self.refused(id, error)),
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

    /// HNS won't have the list, now or later: what was in force stays so, but where that is nothing, the endpoint is closed.
    fn refused(&self, id: Guid, error: converge::Error) -> Failed {
        match close(&self.hns, id, self.version) {
            Ok(true) => Failed::Closed(error),
            Ok(false) | Err(_) => error.into(),
        }
    }

    fn look(&self, key: &Key, object: Object, desired: &Desired) -> Option<Event> {
        let found = self.directory.find(&self.v1, &desired.addresses, Instant::now()).map_err(Failed::from);
        let found = found.and_then(|ids| {
            let differences = ids.into_iter().map(|id| differs(&self.hns, id, &desired.rules, self.version));
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
    fn heard(&self) {
        self.directory.forget();
        let missing = std::mem::take(&mut lock(&self.told).missing);
        for (key, desired) in missing {
            self.queue().add(key, Work::Converge(desired, Instant::now()), Duration::ZERO, Work::merge);
        }
        self.disturbed.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// HNS does not answer. Whoever is taken for in force is looked at, which tells; it may have been back in between, and gone again unheard.
    fn is_gone(&self) {
        let known = lock(&self.told).in_force.is_empty();
        if !known {
            self.heard();
        }
    }

    /// HNS is there again: what it had may be lost, and none is to wait for the next look.
    fn came_back(&self) {
        let in_force = lock(&self.told).in_force.clone();
        for (key, desired) in in_force {
            self.queue().add(key, Work::Look(desired), Duration::ZERO, Work::merge);
        }
        self.heard();
    }

    fn wake(&self) {
        lock(&self.wake).iter().for_each(|wake| wake());
    }
}

/// Why an endpoint is not what it should be.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Converge(#[from] converge::Error),
    #[error("{0}; nothing was in force there, so that the endpoint is closed until this is mended")]
    Closed(converge::Error),
    #[error("our ACLs are there, but others are asked before them, so that policy is not exact: {0}; remove them")]
    Intruder(String),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
