//! An endpoint as a document of V1.

use crate::document::v1::network::{default_route, read_dns};
use crate::document::v2::endpoint::{mac, prefix_length};
use crate::document::{Answer, Members, Refusal, policy, v1};
use crate::object::{Endpoint, EndpointState, IpConfiguration, Owner, Route, State};
use margay_hcn::{ErrorCode, Guid};
use margay_net::{Family, Prefix};
use serde_json::{Value, json};

/// Members that V2 has as flags \[SRC\].
const FLAGS: [(&str, u32); 3] = [("IsRemoteEndpoint", 1), ("DisableICC", 2), ("EnableLowMetric", 8)];

/// Where it is in V1: the address, its length, the gateway.
const BY_FAMILY: [(Family, &str, &str, &str); 2] = [
    (Family::V4, "IPAddress", "PrefixLength", "GatewayAddress"),
    (Family::V6, "IPv6Address", "IPv6PrefixLength", "GatewayAddressV6"),
];

/// The network that an endpoint names, by id or by name.
pub(crate) fn network(state: &State, document: &Value) -> Answer<Guid> {
    let document = Members::lenient(document, "Endpoint")?;
    let named = |name: &str| state.networks.values().find(|network| network.name == name).map(|network| network.id);
    let id = document.guid("VirtualNetwork")?;
    let id = id.or(document.text("VirtualNetworkName")?.and_then(named));
    id.ok_or_else(|| Refusal::new(ErrorCode::NETWORK_NOT_FOUND, "the endpoint names no network"))
}

pub(crate) fn read(state: &State, network: Guid, id: Guid, document: &Value) -> Answer<Endpoint> {
    let document = Members::lenient(document, "Endpoint")?;
    let (mut addresses, mut routes, mut flags) = (Vec::new(), Vec::new(), document.flags("Flags")?);
    for (family, address, length, gateway) in BY_FAMILY {
        addresses.extend(read_address(document, family, address, length)?);
        routes.extend(document.text(gateway)?.map(|gateway| default_route(gateway, Prefix::all(family))));
    }
    for (member, flag) in FLAGS {
        flags |= if document.truth(member)? { flag } else { 0 };
    }
    Ok(Endpoint {
        id: if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id },
        version: 0,
        name: document.text("Name")?.unwrap_or_default().to_owned(),
        owner: String::new(),
        network,
        namespace: None,
        addresses,
        mac: mac(document)?,
        dns: read_dns(document)?,
        routes,
        flags,
        policies: policy::read_v1(&state.judge(Some(network)), Owner::Endpoint, document.list("Policies")?)?,
        state: EndpointState::Created,
        containers: Vec::new(),
        on_host: false,
        port: Guid::ZERO,
    })
}

fn read_address(document: Members<'_>, family: Family, name: &str, length: &str) -> Answer<Option<IpConfiguration>> {
    let Some(text) = document.text(name)? else { return Ok(None) };
    let address = text.parse().ok().filter(|address| Family::of(*address) == family);
    let prefix_length = document.number(length, 128)?.filter(|length| *length > 0).map(|length| length as u8);
    let address = address.ok_or_else(|| Refusal::new(ErrorCode::INVALID_IP, format!("{name} {text:?}")))?;
    Ok(Some(IpConfiguration { address, prefix_length, subnet: None }))
}

pub(crate) fn write(state: &State, endpoint: &Endpoint) -> Value {
    let judge = state.judge(Some(endpoint.network));
    let network = state.networks.get(&endpoint.network).map_or("", |network| network.name.as_str());
    let mut document = json!({
        "DNSDomain": endpoint.dns.domain,
        "DNSServerList": endpoint.dns.servers.join(","),
        "DNSSuffix": endpoint.dns.search.join(","),
        "EncapOverhead": overhead(endpoint),
        "Flags": endpoint.flags,
        "Health": { "LastErrorCode": 0, "LastUpdateTime": 0 },
        "ID": v1::id(endpoint.id),
        "MacAddress": endpoint.mac,
        "Name": endpoint.name,
        "Policies": endpoint.policies.iter().map(|policy| policy::write_v1(policy, &judge)).collect::<Value>(),
        "Resources": { "Allocators": [{ "EndpointPortGuid": format!("{:#}", endpoint.port), "Type": 0 }], "State": 1 },
        "SharedContainers": endpoint.containers,
        "State": endpoint.state as u8,
        "Version": endpoint.version,
        "VirtualNetwork": v1::id(endpoint.network),
        "VirtualNetworkName": network,
    });
    for (family, address, length, gateway) in BY_FAMILY {
        let configuration = endpoint.addresses.iter().find(|c| Family::of(c.address) == family);
        let Some(configuration) = configuration else { continue };
        document[address] = configuration.address.to_string().into();
        document[length] = prefix_length(state, endpoint, configuration).into();
        document[gateway] = gateway_of(state, endpoint, configuration).into();
    }
    for (member, flag) in FLAGS {
        document[member] = (endpoint.flags & flag != 0).into();
    }
    if let Some(namespace) = endpoint.namespace.and_then(|id| state.namespaces.get(&id)) {
        let default = namespace.kind == "HostDefault";
        document["Namespace"] =
            json!({ "ID": v1::id(namespace.id), "IsDefault": default, "CompartmentId": namespace.number });
    }
    document
}

/// What VXLAN adds to a packet, on an overlay \[FIELD: 50\].
fn overhead(endpoint: &Endpoint) -> u64 {
    let policy = endpoint.policies.iter().find(|policy| policy.kind == "EncapOverhead");
    policy.and_then(|policy| policy.number("Overhead")).unwrap_or(0)
}

/// The endpoint's own gateway, or its subnet's.
fn gateway_of(state: &State, endpoint: &Endpoint, configuration: &IpConfiguration) -> String {
    let all = Prefix::all(Family::of(configuration.address));
    let default = |route: &&Route| route.destination.parse() == Ok(all);
    let subnet = state.networks.get(&endpoint.network).and_then(|network| network.subnet_of(configuration.address));
    match endpoint.routes.iter().find(default) {
        Some(route) => route.next_hop.clone(),
        None => subnet.and_then(|subnet| subnet.gateway()).map(|gateway| gateway.to_string()).unwrap_or_default(),
    }
}
