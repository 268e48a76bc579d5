//! HNS and VFP, in process.

use crate::acl::{Decision, Rules, Verdict, Why};
use crate::fault::{Fault, Latency, Loss};
use crate::knobs::Notifications;
use crate::life::Life;
use crate::log::{Log, LogEntry};
use crate::object::{Endpoint, State};
use crate::{Clock, Config, Counters, Direction, Misuse, Packet};
use margay_hcn::{ErrorCode, Failure, Guid, Kind, Notification, NotificationKind, Service, Subscription};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// HNS and VFP, in process. It is shared as an [`Arc`]; what its calls are is [`Service`].
pub struct Emulator {
    config: Config,
    state: Mutex<State>,
    life: Life,
    log: Mutex<Log>,
    listeners: Arc<Mutex<Listeners>>,
}

type Tell = Arc<dyn Fn(Notification) + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    tell: BTreeMap<u64, Tell>,
}

impl Emulator {
    /// One with nothing in it.
    pub fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(config.clone())),
            life: Life::new(config.latency, config.faults.clone()),
            log: Mutex::default(),
            listeners: Arc::default(),
            config,
        })
    }

    /// How it was made.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its time.
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, notification: &Notification) {
        let tell: Vec<Tell> = self.listeners().tell.values().cloned().collect();
        tell.into_iter().for_each(|tell| tell(notification.clone()));
    }
}

/// What goes wrong.
impl Emulator {
    /// From now on, how long calls take.
    pub fn set_latency(&self, latency: Latency) {
        self.life.set_latency(latency);
    }

    /// From now on, something goes wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.life.add(fault);
    }

    /// From now on, nothing goes wrong any more and calls take no time. What hangs goes on hanging.
    pub fn clear_faults(&self) {
        self.life.clear();
    }

    /// Lets all calls that hang go on.
    pub fn release(&self) {
        self.life.release();
    }

    /// Waits until so many calls hang, but not longer than `limit` of real time. Whether they do.
    pub fn wait_for_hanging(&self, calls: usize, limit: Duration) -> bool {
        self.life.wait_for_hanging(calls, limit)
    }

    /// HNS dies: subscribers are told and forgotten, calls fail until it is back. VFP, which is the kernel's, goes on \[INF\].
    pub fn crash(&self, loss: Loss) {
        if !self.life.die(loss) {
            return;
        }
        let data = String::new();
        self.tell(&Notification { kind: NotificationKind::SERVICE_DISCONNECT, status: 0, data });
        self.listeners().tell.clear();
    }

    /// HNS is back, and programs VFP with what it has left.
    pub fn restart(&self) {
        let Some(loss) = self.life.loss() else { return };
        self.state().lose(loss);
        self.life.revive();
    }

    /// A remote endpoint with the first address of a local one, as they are left over where an address is used again \[FIELD: k8s#130963\].
    pub fn add_stale_remote(&self, of: Guid) -> Option<Guid> {
        self.state().add_stale_remote(of)
    }
}

/// What is counted and remembered.
impl Emulator {
    /// What was counted since the start, or since it was last [reset](Self::reset_counters).
    pub fn counters(&self) -> Counters {
        self.state().counters
    }

    /// Counts from zero, and forgets the log and misuses.
    pub fn reset_counters(&self) {
        let mut state = self.state();
        state.counters = Counters::default();
        state.misuses.clear();
        self.log().clear();
    }

    /// The calls, oldest first; long ago, the oldest are forgotten.
    pub fn calls(&self) -> Vec<LogEntry> {
        self.log().entries()
    }

    /// What was sent that nobody should send.
    pub fn misuses(&self) -> Vec<Misuse> {
        self.state().misuses.clone()
    }
}

/// Packets.
impl Emulator {
    /// The rules of an endpoint's port as they are now. To ask many questions of one state, ask them.
    pub fn rules(&self, endpoint: Guid) -> Option<Arc<Rules>> {
        self.state().ports.get(&endpoint).map(|port| Arc::clone(&port.rules))
    }

    /// What would happen to the first packet of a flow: it leaves no trace, and finds none.
    pub fn match_tuple(&self, endpoint: Guid, direction: Direction, packet: &Packet) -> Decision {
        let state = self.state();
        let port = state.ports.get(&endpoint);
        port.map_or(NO_PORT, |port| port.rules.decide(direction, packet))
    }

    /// A packet passes the port of an endpoint, or not.
    pub fn process(&self, endpoint: Guid, direction: Direction, packet: &Packet) -> Decision {
        let now = self.clock().now();
        self.state().process(endpoint, direction, packet, 0, now)
    }
}

/// Of a port that is not there, or not attached.
pub(crate) const NO_PORT: Decision = Decision { verdict: Verdict::Drop, why: Why::NoPort, group: None, rule: None };

impl State {
    pub(crate) fn is_attached(&self, endpoint: Guid) -> bool {
        self.endpoints.get(&endpoint).is_some_and(|endpoint| endpoint.state.is_attached())
    }

    pub(crate) fn process(
        &mut self,
        endpoint: Guid,
        way: Direction,
        packet: &Packet,
        length: usize,
        now: Duration,
    ) -> Decision {
        let attached = self.is_attached(endpoint);
        let port = self.ports.get_mut(&endpoint).filter(|_| attached);
        port.map_or(NO_PORT, |port| port.process(way, packet, length, now))
    }

    /// Loses what a crash takes, and programs every port with what is left.
    fn lose(&mut self, loss: Loss) {
        self.reaches_vfp = true;
        if loss == Loss::Routes {
            let networks = self.networks.values_mut();
            networks.for_each(|network| network.policies.retain(|policy| policy.kind != "RemoteSubnetRoute"));
        }
        let ids: Vec<Guid> = self.endpoints.keys().copied().collect();
        for (at, id) in ids.iter().enumerate() {
            let gone = loss == Loss::Endpoints || loss == Loss::HalfOfEndpoints && at % 2 == 1;
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                let kept = match loss {
                    Loss::Policies => 0,
                    Loss::HalfOfPolicies => endpoint.policies.len() / 2,
                    _ => endpoint.policies.len(),
                };
                endpoint.policies.truncate(kept);
            }
            if gone {
                // It is there: its id is among those that were listed.
                drop(self.delete_endpoint(*id));
            } else {
                self.program(*id);
            }
        }
        // Nobody is left to be told.
        self.outbox.clear();
    }

    fn add_stale_remote(&mut self, of: Guid) -> Option<Guid> {
        let local = self.endpoints.get(&of)?.clone();
        let (id, port) = (self.new_id(), self.new_id());
        let mac = self.new_mac([0x02, 0x15, 0x5d]);
        let addresses = local.addresses.first().cloned().into_iter().collect();
        let remote = Endpoint {
            id,
            port,
            mac,
            addresses,
            name: "stale".into(),
            flags: crate::object::REMOTE,
            policies: Vec::new(),
            namespace: None,
            containers: Vec::new(),
            on_host: false,
            state: crate::object::EndpointState::Created,
            ..local
        };
        self.endpoints.insert(id, remote);
        Some(id)
    }
}

impl Service for Emulator {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        self.v1(method, path, body)
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        self.v2_enumerate(kind, query)
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        self.v2_query(kind, id, query)
    }

    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        self.v2_create(kind, network, id, settings)
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        self.v2_modify(kind, id, settings)
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        self.v2_delete(kind, id)
    }

    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        if self.config.knobs.notifications == Notifications::Unavailable {
            return Err(Failure::new(ErrorCode::NOT_IMPLEMENTED));
        }
        if self.life.loss().is_some() {
            return Err(Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE));
        }
        let mut listeners = self.listeners();
        listeners.next += 1;
        let number = listeners.next;
        listeners.tell.insert(number, Arc::from(tell));
        Ok(Subscription::new(Listening { listeners: Arc::clone(&self.listeners), number }))
    }
}

/// Ends a subscription when it is dropped.
struct Listening {
    listeners: Arc<Mutex<Listeners>>,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).tell.remove(&self.number);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Emulator(HNS {}, {} endpoints)", self.config.version, state.endpoints.len())
    }
}
