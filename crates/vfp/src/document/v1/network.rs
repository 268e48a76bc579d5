//! A network as a document of V1.

use crate::document::{Answer, Members, Object, Refusal, policy, v1};
use crate::knobs::Vfp;
use crate::object::{Dns, Network, NetworkKind, Owner, Policy, Route, State, Subnet};
use margay_hcn::{ErrorCode, Guid};
use margay_net::Prefix;
use serde_json::{Value, json};

/// Members of V1 that V2 has as policies: the member, the type, the member of its settings.
const AS_POLICIES: [(&str, &str, &str); 2] = [
    ("NetworkAdapterName", "NetAdapterName", "NetworkAdapterName"),
    ("SourceMac", "SourceMacAddress", "SourceMacAddress"),
];

pub(crate) fn read(state: &State, id: Guid, document: &Value) -> Answer<Network> {
    let document = Members::lenient(document, "Network")?;
    let judge = state.judge(None);
    let kind = document.text("Type")?.map_or(Ok(NetworkKind::Nat), |kind| NetworkKind::read(kind, true))?;
    let mut policies = policy::read_v1(&judge, Owner::Network, document.list("Policies")?)?;
    for (member, kind, setting) in AS_POLICIES {
        if let Some(text) = document.text(member)? {
            let settings: Object = [(setting.to_owned(), text.into())].into_iter().collect();
            policies.push(judge.policy(Owner::Network, kind, &settings, true)?);
        }
    }
    Ok(Network {
        id: if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id },
        version: 0,
        name: document.text("Name")?.unwrap_or_default().to_owned(),
        owner: String::new(),
        kind,
        subnets: document.list("Subnets")?.iter().map(|subnet| read_subnet(state, subnet)).collect::<Answer<_>>()?,
        policies,
        mac_pool: document.list("MacPools")?.iter().map(read_mac_range).collect::<Answer<_>>()?,
        dns: read_dns(document)?,
        flags: document.flags("Flags")?,
        sets: Default::default(),
    })
}

/// Names and servers, of a network or an endpoint.
pub(crate) fn read_dns(document: Members<'_>) -> Answer<Dns> {
    Ok(Dns {
        domain: document.text("DNSDomain")?.unwrap_or_default().to_owned(),
        search: v1::entries(document.text("DNSSuffix")?.unwrap_or_default()),
        servers: v1::entries(document.text("DNSServerList")?.unwrap_or_default()),
        options: Vec::new(),
    })
}

fn read_subnet(state: &State, subnet: &Value) -> Answer<Subnet> {
    let subnet = Members::lenient(subnet, "Subnets")?;
    let text = subnet.text("AddressPrefix")?.unwrap_or_default();
    let prefix: Prefix =
        text.parse().map_err(|_| Refusal::new(ErrorCode::INVALID_PREFIX, format!("AddressPrefix {text:?}")))?;
    let gateway = subnet.text("GatewayAddress")?.map(|gateway| default_route(gateway, prefix));
    Ok(Subnet {
        prefix,
        host_bits: crate::acl::exact_prefix(text).is_none(),
        dhcp: false,
        routes: gateway.into_iter().collect(),
        policies: policy::read_v1(&state.judge(None), Owner::Subnet, subnet.list("Policies")?)?,
        ip_subnets: None,
        flags: subnet.flags("Flags")?,
    })
}

/// A gateway, as V2 has it.
pub(crate) fn default_route(gateway: &str, of: Prefix) -> Route {
    Route { next_hop: gateway.to_owned(), destination: Prefix::all(of.family()).to_string(), metric: 0 }
}

fn read_mac_range(range: &Value) -> Answer<(String, String)> {
    let range = Members::lenient(range, "MacPools")?;
    let text = |name| Ok(range.text(name)?.unwrap_or_default().to_owned());
    Ok((text("StartMacAddress")?, text("EndMacAddress")?))
}

pub(crate) fn write(state: &State, network: &Network) -> Value {
    let judge = state.judge(Some(network.id));
    let endpoints = state.endpoints.values().filter(|endpoint| endpoint.network == network.id).count();
    let as_policy = |policy: &&Policy| !AS_POLICIES.iter().any(|(_, kind, _)| *kind == policy.kind);
    let policies = network.policies.iter().filter(as_policy).map(|policy| policy::write_v1(policy, &judge));
    let ranges = network.mac_pool.iter().map(|(start, end)| json!({ "StartMacAddress": start, "EndMacAddress": end }));
    let has_v6 = network.subnets.iter().any(|subnet| subnet.prefix.first().is_ipv6());
    let mut document = json!({
        "ActivityId": v1::id(network.id),
        "CurrentEndpointCount": endpoints,
        "DNSDomain": network.dns.domain,
        "DNSServerList": network.dns.servers.join(","),
        "DNSSuffix": network.dns.search.join(","),
        "Extensions": extensions(state.knobs().vfp == Vfp::Present),
        "Flags": network.flags,
        "Health": { "LastErrorCode": 0, "LastUpdateTime": 0 },
        "ID": v1::id(network.id),
        "IPv6": has_v6,
        "LayeredOn": "",
        "MacPools": ranges.collect::<Value>(),
        "ManagementIP": state.config.management.map(|address| address.to_string()).unwrap_or_default(),
        "MaxConcurrentEndpoints": endpoints,
        "Name": network.name,
        "Policies": policies.collect::<Value>(),
        "State": 1,
        "Subnets": network.subnets.iter().map(|subnet| write_subnet(state, network, subnet)).collect::<Value>(),
        "TotalEndpoints": endpoints,
        "Type": network.kind.to_string(),
        "Version": network.version,
    });
    for (member, kind, setting) in AS_POLICIES {
        let policy = network.policies.iter().find(|policy| policy.kind == kind);
        document[member] = policy.and_then(|policy| policy.text(setting)).unwrap_or_default().into();
    }
    document
}

/// Extensions of the virtual switch \[FIELD\]: WFP, VFP, NDIS capture.
fn extensions(vfp: bool) -> Value {
    json!([
        { "Id": "E7C3B2F0-F3C5-48DF-AF2B-10FED6D72E7A", "IsEnabled": false, "Name": "Microsoft Windows Filtering Platform" },
        { "Id": "F74F241B-440F-4433-BB28-00F89EAD20D8", "IsEnabled": vfp, "Name": "Microsoft Azure VFP Switch Filter Extension" },
        { "Id": "430BDADD-BAB0-41AB-A369-94B67FA5BE0A", "IsEnabled": true, "Name": "Microsoft NDIS Capture" },
    ])
}

fn write_subnet(state: &State, network: &Network, subnet: &Subnet) -> Value {
    let judge = state.judge(Some(network.id));
    json!({
        "AddressPrefix": subnet.prefix.to_string(),
        "GatewayAddress": subnet.gateway().map(|gateway| gateway.to_string()).unwrap_or_default(),
        "Policies": subnet.policies.iter().map(|policy| policy::write_v1(policy, &judge)).collect::<Value>(),
    })
}
