//! All that HNS keeps, and the ports of VFP.

use crate::acl::{Contents, Judge, Rules, Sets, compile};
use crate::config::Config;
use crate::count::Counters;
use crate::document::{Answer, Refusal};
use crate::knobs::{Knobs, Missing};
use crate::misuse::Misuse;
use crate::object::{Endpoint, LoadBalancer, Namespace, Network, SdnRoute};
use crate::port::Port;
use margay_hcn::{ErrorCode, Guid, Kind, Notification, NotificationKind, Version};
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The door that a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    V1,
    V2,
}

/// All that HNS keeps, and the ports.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) networks: BTreeMap<Guid, Network>,
    pub(crate) endpoints: BTreeMap<Guid, Endpoint>,
    pub(crate) namespaces: BTreeMap<Guid, Namespace>,
    pub(crate) balancers: BTreeMap<Guid, LoadBalancer>,
    pub(crate) routes: BTreeMap<Guid, SdnRoute>,
    /// By endpoint; remote ones have none.
    pub(crate) ports: FxHashMap<Guid, Port>,
    pub(crate) counters: Counters,
    pub(crate) misuses: Vec<Misuse>,
    /// What is to be told when the call is over.
    pub(crate) outbox: Vec<Notification>,
    /// Whether the call at hand reaches VFP.
    pub(crate) reaches_vfp: bool,
    /// How many ids were made.
    made: u64,
}

static NO_SETS: Sets = Sets::new();

impl State {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            networks: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            balancers: BTreeMap::new(),
            routes: BTreeMap::new(),
            ports: FxHashMap::default(),
            counters: Counters::default(),
            misuses: Vec::new(),
            outbox: Vec::new(),
            reaches_vfp: true,
            made: 0,
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.config.version
    }

    pub(crate) fn knobs(&self) -> Knobs {
        self.config.knobs
    }

    /// The id that was asked for, or one of its own \[SRC: as HNS does for the zero id\].
    pub(crate) fn id_or_new(&mut self, id: Guid) -> Guid {
        match id {
            Guid::ZERO => self.new_id(),
            id => id,
        }
    }

    /// An id that looks like any other, and is the same in every run.
    pub(crate) fn new_id(&mut self) -> Guid {
        self.made += 1;
        let (high, low) = (scramble(2 * self.made), scramble(2 * self.made + 1));
        let number = u128::from(high) << 64 | u128::from(low);
        // Version 4, variant 1 (RFC 9562).
        Guid(number & !(0xf << 76) & !(3 << 62) | 4 << 76 | 2 << 62)
    }

    /// Who judges policies of a network and its endpoints.
    pub(crate) fn judge(&self, network: Option<Guid>) -> Judge<'_> {
        let sets = network.and_then(|id| self.networks.get(&id)).map_or(&NO_SETS, |network| &network.sets);
        let longest_list = self.config.limits.list_entries;
        Judge { version: self.version(), knobs: self.knobs(), sets, longest_list }
    }

    /// What an object that is not there answers.
    pub(crate) fn missing(&self, kind: Kind, id: Guid) -> Refusal {
        let code = match (kind, self.knobs().missing) {
            (Kind::Network, Missing::Specific) => ErrorCode::NETWORK_NOT_FOUND,
            (Kind::Endpoint, Missing::Specific) => ErrorCode::ENDPOINT_NOT_FOUND,
            _ => ErrorCode::ELEMENT_NOT_FOUND,
        };
        Refusal::new(code, format!("there is no {kind} {id}"))
    }

    pub(crate) fn network(&self, id: Guid) -> Answer<&Network> {
        self.networks.get(&id).ok_or_else(|| self.missing(Kind::Network, id))
    }

    pub(crate) fn endpoint(&self, id: Guid) -> Answer<&Endpoint> {
        self.endpoints.get(&id).ok_or_else(|| self.missing(Kind::Endpoint, id))
    }

    /// For what is known to be there.
    pub(crate) fn endpoint_mut(&mut self, id: Guid) -> Answer<&mut Endpoint> {
        let missing = self.missing(Kind::Endpoint, id);
        self.endpoints.get_mut(&id).ok_or(missing)
    }

    /// Compiles what an endpoint has now.
    fn compiled(&self, endpoint: &Endpoint) -> Option<Rules> {
        let network = self.networks.get(&endpoint.network)?;
        Some(compile(&Contents {
            endpoint: endpoint.acls(),
            tiers: endpoint.tiers(),
            network: network.policies.iter().filter_map(|policy| policy.acl.as_ref()).collect(),
            sets: &network.sets,
            enforced: network.kind.enforces(&self.config.knobs),
            behind_host_firewall: network.kind == crate::NetworkKind::L2Bridge,
            version: self.version(),
            knobs: self.knobs(),
        }))
    }

    /// Programs the port of an endpoint with what it has now.
    pub(crate) fn program(&mut self, id: Guid) {
        let Some(endpoint) = self.endpoints.get(&id).filter(|endpoint| !endpoint.is_remote()) else { return };
        if !self.reaches_vfp && self.ports.contains_key(&id) {
            return;
        }
        let Some(rules) = self.compiled(endpoint).map(Arc::new) else { return };
        let knobs = self.knobs();
        match self.ports.get_mut(&id) {
            Some(port) => self.counters.flows_reset += port.program(rules) as u64,
            None => drop(self.ports.insert(id, Port::new(rules, knobs))),
        }
        self.counters.programmed += 1;
    }

    /// Programs every port of a network.
    pub(crate) fn program_network(&mut self, network: Guid) {
        let of = |endpoint: &&Endpoint| endpoint.network == network;
        for id in self.endpoints.values().filter(of).map(|endpoint| endpoint.id).collect::<Vec<_>>() {
            self.program(id);
        }
    }

    /// Tells of something when the call is over \[MS: data is `{ID, Flags, Data}`\].
    pub(crate) fn tell(&mut self, kind: NotificationKind, id: Guid, data: Value) {
        let data = json!({ "ID": id, "Flags": 0, "Data": data }).to_string();
        self.outbox.push(Notification { kind, status: 0, data });
    }
}

/// A number that looks random (the finalizer of SplitMix64).
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
