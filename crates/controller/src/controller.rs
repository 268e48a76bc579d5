//! The threads of the controller, and what one turn of it does.

use crate::conditions::{settled, status};
use crate::election::Election;
use crate::fold::Fold;
use crate::follow::{Told, follow};
use crate::lease::{Place, take_part};
use crate::notices::notices;
use crate::statuses::*;
use margay_api::{Key, Kind, Problem};
use margay_datastore::{Event, Source};
use margay_kubernetes::{Cluster, Connection, ConnectionError, Objects, Refusal, Write};
use margay_report::{API_VERSION, Clock, Journal, PolicyStatus};
use serde_json::Value;
use smol_str::SmolStr;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tracing::dispatcher::{get_default, with_default};
use tracing::{info, warn};

/// How long is waited for what changes together of a policy: so it is also the least time between two writes of one.
const GATHER: Duration = Duration::from_secs(2);
/// Statuses that are written in one turn, and the least time between two turns that write: twenty a second.
const BATCH: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);
/// When a status that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often it is looked for reports of nodes that are gone, and how long a node must be.
const SWEEP: Duration = Duration::from_secs(30);

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the API server is.
    pub connection: Connection,
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease, by which controllers of one cluster know of each other.
    pub lease: String,
    /// What no other controller is called: the pod's name will do.
    pub identity: String,
}

/// A running controller. Dropping it stops it, and lets another act at once.
pub struct Controller {
    inbox: Sender<Message>,
    stop_election: Sender<()>,
    threads: [Option<JoinHandle<()>>; 2],
    election: Arc<Mutex<Election>>,
}

enum Message {
    /// The source has something, or another acts now.
    Wake,
    Reports(Told),
    Stop,
}

impl Controller {
    /// Starts one, which acts when no other does.
    ///
    /// # Errors
    /// Where the configuration can't be used. A server that does not answer is no error.
    pub fn start(options: &Options) -> Result<Self, ConnectionError> {
        let (inbox, messages) = channel();
        let wake = {
            let inbox = inbox.clone();
            move || drop(inbox.send(Message::Wake))
        };
        let needs = |kind: Kind| kind == Kind::Node || kind.is_enforced();
        let cluster = Cluster::follow_only(&options.connection, needs, wake.clone())?;
        follow_reports(&options.connection, inbox.clone())?;

        let election = Arc::new(Mutex::new(Election::new(&options.identity)));
        let (stop_election, stop) = channel();
        let place = Place { namespace: options.namespace.clone(), name: options.lease.clone() };
        let (elects, own) = (Arc::clone(&election), client(&options.connection)?);
        let lease = spawn("lease", move || take_part(own, &place, &elects, &stop, wake))?;

        let desk = Desk::new(client(&options.connection)?, cluster, Arc::clone(&election), &options.identity);
        let work = spawn("statuses", move || desk.run(&messages))?;
        Ok(Self { inbox, stop_election, threads: [Some(work), Some(lease)], election })
    }

    /// Whether this is the one that acts.
    pub fn is_leader(&self) -> bool {
        self.election.lock().unwrap_or_else(PoisonError::into_inner).is_leader(Instant::now())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // What is being written is done before another may act.
        let [work, lease] = &mut self.threads;
        let _ = self.inbox.send(Message::Stop);
        work.take().map(JoinHandle::join);
        let _ = self.stop_election.send(());
        lease.take().map(JoinHandle::join);
    }
}

/// A client, and the runtime that it lives on: each thread has its own.
fn client(connection: &Connection) -> Result<(Runtime, Objects), ConnectionError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let objects = runtime.block_on(Objects::of(connection))?;
    Ok((runtime, objects))
}

/// Starts a thread whose lines go where those of this one go.
pub(crate) fn spawn(name: &str, act: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let lines = get_default(Clone::clone);
    thread::Builder::new().name(name.into()).spawn(move || with_default(&lines, act))
}

/// Follows the reports on a thread that ends with the next that it hears after nobody listens.
fn follow_reports(connection: &Connection, inbox: Sender<Message>) -> Result<(), ConnectionError> {
    let (runtime, objects) = client(connection)?;
    let follow = move || runtime.block_on(follow(objects, |told| inbox.send(Message::Reports(told)).is_ok()));
    spawn("reports", follow).map(drop)?;
    Ok(())
}

/// What the working thread has.
struct Desk {
    runtime: Runtime,
    objects: Objects,
    cluster: Cluster,
    election: Arc<Mutex<Election>>,
    fold: Fold,
    nodes: HashSet<SmolStr>,
    /// Nodes that report and are not there, and since when.
    gone: BTreeMap<SmolStr, Instant>,
    policies_in_sync: bool,
    reports_in_sync: bool,
    /// When each policy's status is to be looked at.
    due: BTreeMap<Key, Instant>,
    /// Each PolicyStatus and ClusterPolicyStatus that there is; `None` where this one does not act.
    written: Option<HashMap<Key, (i64, PolicyStatus)>>,
    next_turn: Instant,
    next_sweep: Instant,
    clock: Clock,
    journal: Journal,
    said: String,
}

impl Desk {
    fn new(
        (runtime, objects): (Runtime, Objects),
        cluster: Cluster,
        election: Arc<Mutex<Election>>,
        identity: &str,
    ) -> Self {
        let now = Instant::now();
        Self {
            runtime,
            objects,
            cluster,
            election,
            fold: Fold::default(),
            nodes: HashSet::new(),
            gone: BTreeMap::new(),
            policies_in_sync: false,
            reports_in_sync: false,
            due: BTreeMap::new(),
            written: None,
            next_turn: now,
            next_sweep: now + SWEEP,
            clock: Clock::now(),
            journal: Journal::new("margay.io/controller", identity, now),
            said: String::new(),
        }
    }

    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let wait = self.next().saturating_duration_since(Instant::now());
            let first = match messages.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for message in first.into_iter().chain(messages.try_iter()) {
                match message {
                    Message::Stop => return,
                    Message::Wake => {}
                    Message::Reports(told) => self.hear(told),
                }
            }
            self.read();
            self.turn();
        }
    }

    /// When there is something to do at the latest.
    fn next(&self) -> Instant {
        let due = self.due.values().min().filter(|_| self.leads()).map(|due| (*due).max(self.next_turn));
        due.map_or(self.next_sweep, |due| due.min(self.next_sweep))
    }

    fn leads(&self) -> bool {
        self.election.lock().unwrap_or_else(PoisonError::into_inner).is_leader(Instant::now())
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Report(node, report) => self.fold.report(&node, report.as_deref()),
            Told::InSync => {
                self.reports_in_sync = true;
                self.said.clear();
            }
            Told::Trouble(trouble) => self.say("the nodes' reports can't be heard", &trouble),
        }
    }

    /// Takes in what the source has.
    fn read(&mut self) {
        for event in self.cluster.poll() {
            match event {
                Event::Update(update) if update.key.kind == Kind::Node => match update.value {
                    Some(_) => drop(self.nodes.insert(update.key.name)),
                    None => drop(self.nodes.remove(&update.key.name)),
                },
                Event::Update(update) => match update.value {
                    Some(_) => self.fold.policy(update.key),
                    None => self.fold.policy_gone(&update.key),
                },
                Event::InSync => {
                    self.policies_in_sync = true;
                    info!("{} policies and {} nodes are known", self.fold.known().count(), self.nodes.len());
                }
                // A policy that can't be read at all is no update.
                Event::Problem(Problem { key: Some(key), .. }) if key.kind.is_enforced() => self.fold.policy(key),
                Event::Problem(problem) if problem.key.is_none() => warn!("{problem}"),
                Event::Problem(_) => {}
            }
        }
    }

    /// Does what is due, where this is the one that acts.
    fn turn(&mut self) {
        let now = Instant::now();
        for key in self.fold.take_dirty() {
            self.due.entry(key).or_insert(now + GATHER);
        }
        if !self.leads() {
            self.written = None;
        } else if self.policies_in_sync && self.reports_in_sync && self.next_turn <= now {
            self.next_turn = now + PAUSE;
            if let Err(refusal) = self.act(now) {
                self.next_turn = Instant::now() + AGAIN;
                self.say("what there is can't be read", &refusal.to_string());
            }
        }
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
        }
    }

    fn act(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.written.is_none() {
            self.take_over(now)?;
        }
        let due: Vec<Key> = self.due.iter().filter(|(_, due)| **due <= now).map(|(key, _)| key.clone()).collect();
        for key in due.into_iter().take(BATCH) {
            if !self.leads() {
                return Ok(());
            }
            match self.settle(&key) {
                Ok(()) => drop(self.due.remove(&key)),
                Err(refusal) => {
                    self.due.insert(key.clone(), Instant::now() + AGAIN);
                    self.say(&format!("the status of {key} can't be written"), &refusal.to_string());
                }
            }
        }
        if self.next_sweep <= now {
            self.sweep(now);
        }
        Ok(())
    }

    /// Reads what another has written, and looks at everything.
    fn take_over(&mut self, now: Instant) -> Result<(), Refusal> {
        let mut written = HashMap::new();
        for namespaced in [true, false] {
            let (objects, _) = self.runtime.block_on(self.objects.list(&all_statuses(namespaced)))?;
            let read = objects.iter().filter_map(read_status);
            written.extend(read.map(|(key, generation, status)| (key, (generation, status))));
        }
        let all = self.fold.known().chain(written.keys());
        for key in all {
            self.due.entry(key.clone()).or_insert(now);
        }
        self.written = Some(written);
        Ok(())
    }

    /// Makes the status of a policy what it should be, and writes nothing where it is.
    fn settle(&mut self, key: &Key) -> Result<(), Refusal> {
        let before = self.written.as_ref().and_then(|written| written.get(key)).cloned();
        if before.is_none() && !self.fold.is_known(key) {
            return Ok(());
        }
        let Some(policy) = self.policy(key)? else {
            if before.is_some() {
                self.runtime.block_on(self.objects.delete(&status_path(key)))?;
                self.written.as_mut().map(|written| written.remove(key));
            }
            self.fold.policy_gone(key);
            return Ok(());
        };
        let generation = policy["metadata"]["generation"].as_i64().unwrap_or_default();
        let mut decoded = margay_api::read(&policy.to_string(), "");
        let problems = decoded.pop().map(|decoded| decoded.problems).unwrap_or_default();
        let mut new = status(&self.fold, key, generation, &problems);
        let of_its_own = has_conditions(key.kind);
        let old = if of_its_own {
            own_conditions(&policy)
        } else {
            before.as_ref().map(|(_, old)| old.conditions.clone()).unwrap_or_default()
        };
        let now = Instant::now();
        new.conditions = settled(new.conditions, &old, &self.clock.time(now));
        let is_there = if of_its_own {
            old == new.conditions
        } else {
            before.is_some_and(|before| before == (generation, new.clone()))
        };
        if is_there {
            return Ok(());
        }
        let (path, object) = match of_its_own {
            true => (format!("{}/status", own_path(key, &policy)), conditions_object(&policy, &new.conditions)),
            false => (status_path(key), status_object(key, &policy, generation, &new)),
        };
        let path = format!("{path}?fieldManager={MANAGER}&force=true");
        self.runtime.block_on(self.objects.write(Write::Apply, &path, &object))?;
        for notice in notices(key, &policy, &old, &new.conditions) {
            if let Some(posting) = self.journal.take(notice, self.clock, now)
                && let Err(refusal) =
                    self.runtime.block_on(self.objects.write(posting.how, &posting.path, &posting.body))
            {
                self.journal.gone(&posting);
                self.say("an Event can't be written", &refusal.to_string());
            }
        }
        if !of_its_own && let Some(written) = &mut self.written {
            written.insert(key.clone(), (generation, new));
        }
        Ok(())
    }

    /// A policy as it is now; `None` where there is none.
    fn policy(&self, key: &Key) -> Result<Option<Value>, Refusal> {
        for path in policy_paths(key) {
            match self.runtime.block_on(self.objects.get(&path)) {
                Ok(policy) => return Ok(Some(policy)),
                Err(Refusal::Absent { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(None)
    }

    /// Removes the reports of nodes that are gone, and have been for a while: a node may only be about to be there.
    fn sweep(&mut self, now: Instant) {
        let gone: Vec<SmolStr> = self.fold.reporting().filter(|name| !self.nodes.contains(*name)).cloned().collect();
        self.gone.retain(|name, _| gone.contains(name));
        for name in gone {
            let since = *self.gone.entry(name.clone()).or_insert(now);
            if now.saturating_duration_since(since) < SWEEP {
                continue;
            }
            match self.runtime.block_on(self.objects.delete(&format!("/apis/{API_VERSION}/nodereports/{name}"))) {
                Ok(()) => info!("the report of node {name}, which is gone, is removed"),
                Err(refusal) => self.say("the report of a node that is gone can't be removed", &refusal.to_string()),
            }
        }
    }

    /// Says what goes wrong, once.
    fn say(&mut self, what: &str, trouble: &str) {
        if self.said != trouble {
            warn!("{what} (it is tried again): {trouble}");
            trouble.clone_into(&mut self.said);
        }
    }
}
