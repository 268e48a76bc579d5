//! Objects for tests, without documents and past the doors: nothing of it is counted, logged or goes wrong.

use crate::acl::Sets;
use crate::document::Answer;
use crate::emulator::Emulator;
use crate::object::{Dns, Door, Endpoint, EndpointState, IpConfiguration, Network, REMOTE, Route, State, Subnet};
use crate::{Direction, NetworkKind};
use margay_hcn::{Failure, Guid};
use margay_net::Prefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Emulator {
    /// Makes a network of these subnets, whose gateway is their first address.
    ///
    /// # Errors
    /// As a document of it would be refused.
    pub fn add_network(&self, kind: NetworkKind, name: &str, prefixes: &[Prefix]) -> Result<Guid, Failure> {
        let network = Network {
            id: Guid::ZERO,
            version: 0,
            name: name.to_owned(),
            owner: String::new(),
            kind,
            subnets: prefixes.iter().map(subnet).collect(),
            policies: Vec::new(),
            mac_pool: Vec::new(),
            dns: Dns::default(),
            flags: 0,
            sets: Sets::new(),
        };
        self.past_the_doors(|state| state.create_network(network))
    }

    /// Makes an endpoint with these addresses, or one that HNS chooses, attached to a container.
    ///
    /// # Errors
    /// As a document of it would be refused.
    pub fn add_endpoint(&self, network: Guid, name: &str, addresses: &[IpAddr]) -> Result<Guid, Failure> {
        self.past_the_doors(|state| {
            let id = state.create_endpoint(endpoint(network, name, addresses, 0), Door::V2)?;
            state.attach(id, Some(name))?;
            Ok(id)
        })
    }

    /// Makes a remote endpoint with these addresses.
    ///
    /// # Errors
    /// As a document of it would be refused.
    pub fn add_remote_endpoint(&self, network: Guid, name: &str, addresses: &[IpAddr]) -> Result<Guid, Failure> {
        self.past_the_doors(|state| state.create_endpoint(endpoint(network, name, addresses, REMOTE), Door::V2))
    }

    /// Removes an endpoint, as one that vanishes \[FIELD\].
    ///
    /// # Errors
    /// Where there is none.
    pub fn remove_endpoint(&self, endpoint: Guid) -> Result<(), Failure> {
        self.past_the_doors(|state| state.delete_endpoint(endpoint))
    }

    /// The addresses of an endpoint.
    pub fn addresses(&self, endpoint: Guid) -> Vec<IpAddr> {
        let state = self.state();
        let addresses = state.endpoints.get(&endpoint).map(|endpoint| endpoint.addresses.iter());
        addresses.into_iter().flatten().map(|configuration| configuration.address).collect()
    }

    /// How many flows the port of an endpoint has, expired ones left out.
    pub fn flows(&self, endpoint: Guid) -> usize {
        let now = self.clock().now();
        self.state().ports.get(&endpoint).map_or(0, |port| port.flows.iter(now).count())
    }

    /// What passed the port of an endpoint: in, out; `None` of one that is not there.
    pub fn port_counters(&self, endpoint: Guid) -> Option<crate::PortCounters> {
        self.state().ports.get(&endpoint).map(|port| port.counters)
    }

    /// How often each rule of a port decided since it was written, by `Id` and direction.
    pub fn rule_hits(&self, endpoint: Guid) -> Vec<(Direction, String, u64)> {
        let state = self.state();
        let Some(port) = state.ports.get(&endpoint) else { return Vec::new() };
        let rules = port.rules.rules().iter().zip(&port.hits);
        rules.map(|(rule, hits)| (rule.direction, rule.id.clone(), *hits)).collect()
    }

    fn past_the_doors<T>(&self, work: impl FnOnce(&mut State) -> Answer<T>) -> Result<T, Failure> {
        let mut state = self.state();
        state.reaches_vfp = true;
        let done = work(&mut state);
        state.outbox.clear();
        done.map_err(|refusal| refusal.failure())
    }
}

fn subnet(prefix: &Prefix) -> Subnet {
    let gateway: IpAddr = match prefix.first() {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().saturating_add(1)).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().saturating_add(1)).into(),
    };
    let destination = Prefix::all(prefix.family()).to_string();
    let route = Route { next_hop: gateway.to_string(), destination, metric: 0 };
    let (policies, ip_subnets) = (Vec::new(), None);
    Subnet { prefix: *prefix, host_bits: false, dhcp: false, routes: vec![route], policies, ip_subnets, flags: 0 }
}

fn endpoint(network: Guid, name: &str, addresses: &[IpAddr], flags: u32) -> Endpoint {
    let configuration = |address: &IpAddr| IpConfiguration { address: *address, prefix_length: None, subnet: None };
    Endpoint {
        id: Guid::ZERO,
        version: 0,
        name: name.to_owned(),
        owner: String::new(),
        network,
        namespace: None,
        addresses: addresses.iter().map(configuration).collect(),
        mac: String::new(),
        dns: Dns::default(),
        routes: Vec::new(),
        flags,
        policies: Vec::new(),
        state: EndpointState::Created,
        containers: Vec::new(),
        on_host: false,
        port: Guid::ZERO,
    }
}
