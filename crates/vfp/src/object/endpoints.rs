//! How endpoints come, change and go.

use crate::document::{Answer, Refusal};
use crate::misuse;
use crate::object::change::{Request, change, replace_acls};
use crate::object::{Door, Endpoint, EndpointState, IpConfiguration, Network, Owner, Policy, State, Subnet};
use margay_hcn::{ErrorCode, Feature, Guid, NotificationKind};
use margay_net::Family;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many addresses of a subnet are tried for an endpoint that brings none.
const TRIED: u32 = 1 << 16;

impl State {
    /// Makes an endpoint.
    pub(crate) fn create_endpoint(&mut self, mut endpoint: Endpoint, door: Door) -> Answer<Guid> {
        let exists = |what: &str| Refusal::new(ErrorCode::OBJECT_ALREADY_EXISTS, format!("{what} is there already"));
        if self.endpoints.contains_key(&endpoint.id) {
            return Err(exists(&format!("endpoint {}", endpoint.id)));
        }
        let named = |other: &Endpoint| !endpoint.name.is_empty() && other.name == endpoint.name;
        if door == Door::V1 && self.endpoints.values().any(named) {
            return Err(exists(&format!("an endpoint named {}", endpoint.name)));
        }
        let network = self.network(endpoint.network)?;
        if endpoint.addresses.is_empty() && !endpoint.is_remote() {
            endpoint.addresses.extend(self.free_address(network));
        }
        self.check_addresses(&endpoint, network, door)?;
        self.check_port_mappings(endpoint.id, &endpoint.policies)?;
        self.check_count(&endpoint.policies)?;
        endpoint.id = self.id_or_new(endpoint.id);
        endpoint.version = self.version().as_object();
        endpoint.port = self.new_id();
        if endpoint.mac.is_empty() {
            endpoint.mac = self.new_mac([0x00, 0x15, 0x5d]);
        }
        let id = endpoint.id;
        misuse::look(&mut self.misuses, &endpoint);
        self.endpoints.insert(id, endpoint);
        self.program(id);
        Ok(id)
    }

    /// A MAC address, the same in every run.
    pub(crate) fn new_mac(&mut self, start: [u8; 3]) -> String {
        let [.., a, b, c] = self.new_id().0.to_be_bytes();
        start.into_iter().chain([a, b, c]).map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join("-")
    }

    fn check_addresses(&self, endpoint: &Endpoint, network: &Network, door: Door) -> Answer<()> {
        let version = self.version();
        let families = Family::ALL.map(|f| endpoint.addresses.iter().any(|c| Family::of(c.address) == f));
        if families == [true, true] && !version.has(Feature::Ipv6DualStack) {
            return Err(Refusal::new(ErrorCode::INVALID_IP, "this HNS has no endpoints of both families"));
        }
        for IpConfiguration { address, prefix_length, .. } in &endpoint.addresses {
            let longest = Family::of(*address).bits();
            let slash_32 =
                version.has(Feature::Slash32EndpointPrefixes) || *prefix_length != Some(32) || address.is_ipv6();
            if !slash_32 || prefix_length.is_some_and(|length| length > longest) {
                return Err(Refusal::new(ErrorCode::INVALID_PREFIX, format!("{address}: length {prefix_length:?}")));
            }
            if !endpoint.is_remote() {
                self.check_local_address(*address, network, door)?;
            }
            // A remote endpoint may have the address of a local one: that is how stale ones are found [FIELD].
            let taken = |other: &&Endpoint| {
                other.network == network.id && other.is_remote() == endpoint.is_remote() && other.has(*address)
            };
            if let Some(other) = self.endpoints.values().find(taken) {
                return Err(reserved(door, format!("{address} is endpoint {}'s", other.id)));
            }
        }
        Ok(())
    }

    fn check_local_address(&self, address: IpAddr, network: &Network, door: Door) -> Answer<()> {
        match network.subnet_of(address) {
            None if network.subnets.is_empty() => Ok(()),
            None => Err(Refusal::new(
                ErrorCode::INVALID_IP,
                format!("{address} is in no subnet of network {}", network.name),
            )),
            Some(subnet) if subnet.reserves(address) => Err(reserved(door, format!("{address} is reserved"))),
            Some(_) => Ok(()),
        }
    }

    /// The first address of the network that is free.
    fn free_address(&self, network: &Network) -> Option<IpConfiguration> {
        let subnet = network.subnets.iter().find(|subnet| !subnet.dhcp)?;
        let free = |address: &IpAddr| {
            let taken = self.endpoints.values().any(|other| other.network == network.id && other.has(*address));
            subnet.prefix.contains(*address) && !subnet.reserves(*address) && !taken
        };
        let address = (1..TRIED).filter_map(|offset| nth(subnet, offset)).find(free)?;
        Some(IpConfiguration { address, prefix_length: None, subnet: None })
    }

    /// A protocol and port of the host go to one endpoint \[SRC\].
    fn check_port_mappings(&self, id: Guid, policies: &[Policy]) -> Answer<()> {
        let host_port = |policy: &Policy| {
            let external = policy.number("ExternalPort").filter(|port| *port > 0 && policy.kind == "PortMapping")?;
            Some((policy.number("Protocol"), external, policy.text("VIP").map(str::to_owned)))
        };
        let others =
            self.endpoints.values().filter(|endpoint| endpoint.id != id).flat_map(|endpoint| &endpoint.policies);
        let mut taken: Vec<_> = others.filter_map(host_port).collect();
        for mapping in policies.iter().filter_map(host_port) {
            if taken.contains(&mapping) {
                return Err(Refusal::new(
                    ErrorCode::PORT_ALREADY_EXISTS,
                    format!("port {} of the host is taken", mapping.1),
                ));
            }
            taken.push(mapping);
        }
        Ok(())
    }

    /// No limit of HNS is known; one can be set.
    fn check_count(&self, policies: &[Policy]) -> Answer<()> {
        let acls = policies.iter().filter(|policy| policy.is_acl()).count();
        match acls > self.config.limits.acls {
            true => Err(Refusal::new(ErrorCode::BUFFER_OVERFLOW, format!("{acls} ACLs on one endpoint"))),
            false => Ok(()),
        }
    }

    /// Removes an endpoint, and what refers to it \[INF\].
    pub(crate) fn delete_endpoint(&mut self, id: Guid) -> Answer<()> {
        if self.endpoint(id)?.state.is_attached() {
            self.tell(NotificationKind::ENDPOINT_DETACHED, id, json!({}));
        }
        self.endpoints.remove(&id);
        self.ports.remove(&id);
        for namespace in self.namespaces.values_mut() {
            namespace.members.retain(|member| *member != crate::object::Member::Endpoint(id));
        }
        for balancer in self.balancers.values_mut() {
            balancer.endpoints.retain(|endpoint| *endpoint != id);
        }
        Ok(())
    }

    /// Changes the policies of an endpoint: V2.
    pub(crate) fn change_endpoint_policies(&mut self, id: Guid, request: Request, brought: Vec<Policy>) -> Answer<()> {
        let mut policies = self.endpoint(id)?.policies.clone();
        misuse::look_at_call(&mut self.misuses, id, brought.len());
        let before = policies.clone();
        let brings_acls = brought.iter().any(Policy::is_acl);
        change(&mut policies, request, brought, &self.knobs(), Owner::Endpoint)?;
        let acls = |policies: &[Policy]| policies.iter().filter(|policy| policy.is_acl()).cloned().collect::<Vec<_>>();
        let writes = brings_acls || acls(&before) != acls(&policies);
        self.replace_policies(id, policies, writes)
    }

    /// Changes the policies of an endpoint: V1, whose ACLs replace all that were there.
    pub(crate) fn replace_endpoint_acls(&mut self, id: Guid, brought: Vec<Policy>) -> Answer<()> {
        let mut policies = self.endpoint(id)?.policies.clone();
        let writes = policies.iter().chain(&brought).any(|policy| policy.acl.is_some());
        replace_acls(&mut policies, brought);
        self.replace_policies(id, policies, writes)
    }

    /// An endpoint has these policies from now on, or stays as it was. A write of ACLs makes a new generation of the port, identical or not
    /// \[FIELD: identical ones reset connections too\].
    fn replace_policies(&mut self, id: Guid, policies: Vec<Policy>, writes_acls: bool) -> Answer<()> {
        self.check_port_mappings(id, &policies)?;
        self.check_count(&policies)?;
        let endpoint = self.endpoint_mut(id)?;
        endpoint.policies = policies;
        if writes_acls {
            self.counters.acl_writes += 1;
            if let Some(endpoint) = self.endpoints.get(&id) {
                misuse::look(&mut self.misuses, endpoint);
            }
            self.program(id);
        }
        Ok(())
    }

    /// Attaches an endpoint to a container, or to the host.
    pub(crate) fn attach(&mut self, id: Guid, container: Option<&str>) -> Answer<()> {
        let endpoint = self.endpoint_mut(id)?;
        if endpoint.is_remote() {
            return Err(Refusal::new(ErrorCode::INVALID_REMOTE_ENDPOINT_OPERATION, format!("endpoint {id} is remote")));
        }
        // One endpoint may be shared by the containers of a pod [SRC]; twice to one of them, or to the host, is refused [FIELD].
        let twice = match container {
            Some(container) => endpoint.containers.iter().any(|there| there == container),
            None => endpoint.on_host,
        };
        if twice {
            return Err(Refusal::new(ErrorCode::ENDPOINT_ALREADY_ATTACHED, format!("endpoint {id} is attached")));
        }
        endpoint.state =
            if endpoint.state.is_attached() { EndpointState::AttachedSharing } else { EndpointState::Attached };
        match container {
            Some(container) => endpoint.containers.push(container.to_owned()),
            None => endpoint.on_host = true,
        }
        self.tell(NotificationKind::ENDPOINT_ATTACHED, id, json!({}));
        Ok(())
    }

    /// Detaches an endpoint from a container, or from all there is.
    pub(crate) fn detach(&mut self, id: Guid, container: Option<&str>) -> Answer<()> {
        let endpoint = self.endpoint_mut(id)?;
        // [FIELD]: in some states; which, is not told.
        if !endpoint.state.is_attached() {
            return Err(Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, format!("endpoint {id} is not attached")));
        }
        endpoint.containers.retain(|there| container.is_some_and(|container| container != there));
        endpoint.on_host &= container.is_some();
        if !endpoint.containers.is_empty() || endpoint.on_host {
            return Ok(());
        }
        endpoint.state = EndpointState::Detached;
        self.ports.get_mut(&id).map(crate::port::Port::forget_flows);
        self.tell(NotificationKind::ENDPOINT_DETACHED, id, json!({}));
        Ok(())
    }
}

/// An address that is reserved or taken.
fn reserved(door: Door, why: String) -> Refusal {
    let code = match door {
        Door::V1 => ErrorCode::OBJECT_ALREADY_EXISTS,
        Door::V2 => ErrorCode::ADDRESS_INVALID_OR_RESERVED,
    };
    Refusal::new(code, why)
}

/// The address so far into a subnet.
fn nth(subnet: &Subnet, offset: u32) -> Option<IpAddr> {
    match subnet.prefix.first() {
        IpAddr::V4(first) => Some(Ipv4Addr::from_bits(first.to_bits().checked_add(offset)?).into()),
        IpAddr::V6(first) => Some(Ipv6Addr::from_bits(first.to_bits().checked_add(u128::from(offset))?).into()),
    }
}
