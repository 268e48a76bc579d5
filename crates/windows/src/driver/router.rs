//! Keeps routes to the pods of other nodes equal to a Plan: beside endpoints, by a thread of its own.
//!
//! ```text
//! Plan ─► wanted ─► Queue (one piece of work: all routes) ─► read HNS and the system, compare, write, read again
//!                                        events ◄──────────────────────────────────┘
//! ```

use super::queue::Queue;
use super::tables::{Found, Tables};
use crate::routes::{Aim, Problem, Wanted, own, wanted};
use margay_dataplane::{Event, Object};
use margay_net::Prefix;
use margay_policy::{Changes, Delta, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The routes of a node.
pub(super) struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    tables: Tables,
    state: Mutex<State>,
    queue: OnceLock<Queue<(), Work>>,
    /// Called when there is something to tell.
    tell: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    aim: Aim,
    revision: u64,
    failing: BTreeSet<Prefix>,
    events: Vec<Event>,
}

/// A piece of work: always on all routes, since reading what is there gives all of them at once.
enum Work {
    /// Make it so, and say of these how it went, and of whatever failed.
    Converge(BTreeSet<Prefix>),
    /// See whether it is so.
    Look,
}

impl Work {
    /// The one that does more, and says all that either was to say.
    fn merge(old: Self, new: Self) -> Self {
        match (old, new) {
            (Work::Converge(mut told), Work::Converge(more)) => {
                told.extend(more);
                Work::Converge(told)
            }
            (Work::Converge(told), Work::Look) | (Work::Look, Work::Converge(told)) => Work::Converge(told),
            (Work::Look, Work::Look) => Work::Look,
        }
    }
}

impl Router {
    pub(super) fn new(tables: Tables, tell: impl Fn() + Send + Sync + 'static) -> Self {
        let tell = Box::new(tell);
        let shared = Arc::new(Shared { tables, state: Mutex::default(), queue: OnceLock::new(), tell });
        let worker = Arc::downgrade(&shared);
        let work = move |(): &(), work| {
            if let Some(shared) = worker.upgrade() {
                shared.work(work);
            }
        };
        let _ = shared.queue.set(Queue::new(1, work));
        Self { shared }
    }

    /// Where routes are.
    pub(super) fn tables(&self) -> &Tables {
        &self.shared.tables
    }

    /// The Plan changed.
    pub(super) fn submit(&self, plan: &Plan, changes: &Changes) {
        let concerns = |delta: &Delta| matches!(delta, Delta::RouteRemoved(_) | Delta::RouteAdded(_) | Delta::Node(_));
        if changes.deltas.iter().any(concerns) {
            let touched = self.shared.state().take(plan);
            if !touched.is_empty() {
                self.add(Work::Converge(touched));
            }
        }
    }

    /// Makes what is there equal to the Plan; says of one route how it went, or of all.
    pub(super) fn resync(&self, plan: &Plan, one: Option<Prefix>) {
        let told = {
            let mut state = self.shared.state();
            match one {
                // Of very many that are asked for one by one, the first is enough to take the Plan in.
                Some(one) if state.revision == plan.revision => BTreeSet::from([one]),
                Some(one) => state.take(plan).into_iter().chain([one]).collect(),
                None => state.take(plan).into_iter().chain(state.destinations()).collect(),
            }
        };
        if !told.is_empty() {
            self.add(Work::Converge(told));
        }
    }

    /// Compares what is there with the Plan.
    pub(super) fn observe(&self, plan: &Plan) {
        let (touched, idle) = {
            let mut state = self.shared.state();
            (state.take(plan), state.destinations().is_empty())
        };
        match touched.is_empty() {
            true if idle => {}
            true => self.add(Work::Look),
            false => self.add(Work::Converge(touched)),
        }
    }

    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.shared.state().events)
    }

    pub(super) fn settle(&self, patience: Duration) -> bool {
        self.shared.queue().settle(patience)
    }

    /// Removes every route that the last Plan had.
    pub(super) fn cleanup(&self) -> Vec<String> {
        let Aim { wanted, mut former, .. } = std::mem::take(&mut self.shared.state().aim);
        former.extend(wanted);
        if former.is_empty() {
            return Vec::new();
        }
        let failed = self.shared.tables.converge(&Aim { wanted: Wanted::new(), former, own: None });
        failed.into_iter().map(|(to, problem)| format!("{}: {problem}", Object::Route(to))).collect()
    }

    fn add(&self, work: Work) {
        self.shared.queue().add((), work, Duration::ZERO, Work::merge);
    }
}

impl State {
    /// Takes in what the Plan wants. Gives the destinations for which that is something else than before.
    fn take(&mut self, plan: &Plan) -> BTreeSet<Prefix> {
        let (wanted, own) = (wanted(plan), own(plan));
        self.revision = plan.revision;
        let Aim { wanted: before, former, own: own_before } = &mut self.aim;
        let mut touched = BTreeSet::new();
        for (to, via) in before.iter().filter(|(to, via)| wanted.get(to) != Some(via)) {
            former.insert((*to, *via));
            touched.insert(*to);
        }
        for (to, via) in wanted.iter().filter(|(to, via)| before.get(to) != Some(via)) {
            former.remove(&(*to, *via));
            touched.insert(*to);
        }
        if *own_before != own {
            touched.extend(own_before.iter().chain(&own).map(|(to, _)| *to));
        }
        (*before, *own_before) = (wanted, own);
        touched
    }

    /// Where there should be a route, or none any more; and the node's own CIDR, where others have a tunnel to it.
    fn destinations(&self) -> BTreeSet<Prefix> {
        let Aim { wanted, former, own } = &self.aim;
        let others = former.iter().map(|(to, _)| *to).chain(own.map(|(to, _)| to));
        wanted.keys().copied().chain(others).collect()
    }

    /// How it went: of these destinations, of what fails, and of what failed before.
    fn report(&mut self, told: &BTreeSet<Prefix>, failed: BTreeMap<Prefix, Problem>, revision: u64) {
        let recovered = self.failing.iter().filter(|to| !failed.contains_key(to));
        let fine: BTreeSet<Prefix> =
            told.iter().filter(|to| !failed.contains_key(to)).chain(recovered).copied().collect();
        self.events.extend(fine.into_iter().map(|to| Event::Applied { object: Object::Route(to), revision }));
        self.failing = failed.keys().copied().collect();
        self.events.extend(failed.into_iter().map(|(to, problem)| Event::Failed {
            object: Object::Route(to),
            retry: problem.retry(),
            error: problem.to_string(),
        }));
    }
}

impl Shared {
    fn queue(&self) -> &Queue<(), Work> {
        self.queue.get().expect("it is set before the router is")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, work: Work) {
        let (aim, revision) = {
            let state = self.state();
            (state.aim.clone(), state.revision)
        };
        match work {
            Work::Converge(told) => {
                let failed = self.tables.converge(&aim);
                let mut state = self.state();
                // What is gone needs not be known any longer.
                state.aim.former.retain(|route| !aim.former.contains(route) || failed.contains_key(&route.0));
                state.report(&told, failed, revision);
            }
            Work::Look => {
                let Found { overlay, gateway, failed } = self.tables.read(&aim);
                let differ = overlay.differing().into_iter().chain(gateway.differing());
                let differ: BTreeSet<Prefix> = differ.filter(|to| !failed.contains_key(to)).collect();
                let mut state = self.state();
                state.failing.retain(|to| !differ.contains(to));
                state.report(&BTreeSet::new(), failed, revision);
                let drift = |to: Prefix| {
                    let found = match aim.wanted.get(&to) {
                        Some(via) => format!("there is no route to {to} {via}, or another beside it"),
                        None => format!("there is a route to {to}, where no node has its pods any more"),
                    };
                    Event::Drift { object: Object::Route(to), found }
                };
                state.events.extend(differ.into_iter().map(drift));
            }
        }
        (self.tell)();
    }
}
