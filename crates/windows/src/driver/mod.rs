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

mod alone;
mod canary;
mod converge;
mod desired;
mod directory;
mod figures;
mod found;
mod numbers;
mod queue;
mod router;
#[cfg(test)]
mod sample;
mod shared;
mod tables;
mod vfpctrl;
mod watch;
mod writes;

pub use canary::Vfpctrl;
pub use figures::{HnsCounts, HnsFigures};
pub use numbers::{FIRST, HOST_BEFORE_1803, LAST, number};
pub use vfpctrl::Program;
pub use writes::{BATCH, Write, writes};

use crate::lower::{Budget, Target};
use alone::Busy;
use canary::Canary;
use converge::converge;
use desired::{Endpoints, Touched};
use directory::{Age, Directory};
use found::Found;
use margay_dataplane::{Driver, Event, Object, Retry};
use margay_hcn::{Guid, Hns, RouteTable, Service, Version};
use margay_policy::{Changes, Delta, Key, Plan};
use queue::Queue;
use router::Router;
use shared::{Shared, Work};
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
    /// Whether endpoints are programmed that are on networks where HNS is not known to enforce, such as NAT: then only [`Vfpctrl`] proves that their policy
    /// is in force.
    pub any_network: bool,
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
            any_network: false,
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
            any_network: options.any_network,
            directory: Directory::default(),
            busy: Busy::default(),
            vain: Mutex::default(),
            canary: Canary::default(),
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

    /// Asks VFP itself by this whether it has what HNS took: after the first endpoint of each network, and from time to time. Without it nobody asks.
    pub fn set_vfpctrl(&mut self, vfpctrl: impl Vfpctrl + 'static) {
        self.shared.canary.ask_by(Box::new(vfpctrl));
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

    /// The endpoints of this node that have ACLs of ours, as [`Driver::cleanup`] finds them.
    ///
    /// # Errors
    /// Where HNS can't be asked.
    pub fn programmed(&self) -> Result<Vec<Guid>, margay_hcn::Error> {
        let Shared { hns, v1, version, .. } = &*self.shared;
        let mut programmed = Vec::new();
        for endpoint in v1.endpoints()?.objects.into_iter().filter(|endpoint| !endpoint.remote) {
            let found = Found::of(&hns.endpoint(endpoint.id)?, *version);
            if !found.ours.is_empty() || !found.garbled.is_empty() {
                programmed.push(endpoint.id);
            }
        }
        Ok(programmed)
    }

    /// What it counts.
    pub fn counts(&self) -> HnsCounts {
        HnsCounts(Arc::downgrade(&self.shared))
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

    /// Puts what is touched to work; what is in force already is said at once. Where no more than this is touched, an endpoint that is known will do unless its
    /// pod is new, or has other addresses.
    fn start(&self, touched: Vec<Touched>, forced: bool, all: bool) {
        let since = Instant::now();
        for one in touched {
            let mut told = lock(&self.shared.told);
            told.events.extend(one.unsupported.iter().map(|unsupported| Event::Unsupported {
                rule: unsupported.rule.clone(),
                field: unsupported.field,
                done: unsupported.done,
            }));
            told.wanted.insert(one.key.clone(), one.desired.clone());
            let in_force = told.in_force.get(&one.key).is_some_and(|known| known.rules == one.desired.rules);
            if in_force && !one.changed && !forced {
                let object = Object::Endpoint(one.key);
                told.events.push(Event::Applied { object, revision: one.desired.revision });
                continue;
            }
            drop(told);
            let delay = if one.members { self.gather } else { Duration::ZERO };
            let age = Age { since, or_known: !all && !one.moved };
            self.shared.queue().add(one.key, Work::Converge(age), delay, Work::merge);
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
        self.start(touched, false, false);
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
        self.start(touched, true, object.is_none());
    }

    fn observe(&mut self, plan: &Plan) {
        self.router.observe(plan);
        // What it should be is what the Plan says now, whatever was submitted before.
        drop(self.endpoints.replace(plan, &self.target));
        let wanted = self.endpoints.iter().map(|(key, desired)| (key.clone(), desired.clone()));
        lock(&self.shared.told).wanted = wanted.collect();
        let now = Age::now();
        for (key, _) in self.endpoints.iter() {
            self.shared.queue().add(key.clone(), Work::Look(now), Duration::ZERO, Work::merge);
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
            if let Err(error) = converge(&self.shared.hns, endpoint.id, &[], self.shared.version, false, None) {
                failed.push(error.to_string());
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
