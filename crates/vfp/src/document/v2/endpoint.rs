//! An endpoint as a document of V2.

use crate::document::v2::{read_dns, read_routes, schema, with, write_dns, write_routes};
use crate::document::{Answer, Members, Refusal, object, policy, some};
use crate::object::{Endpoint, EndpointState, IpConfiguration, Owner, State};
use margay_hcn::{ErrorCode, Guid};
use serde_json::{Value, json};

const MEMBERS: [&str; 16] = [
    "ID",
    "Owner",
    "Name",
    "Version",
    "AdditionalParams",
    "Health",
    "SchemaVersion",
    "State",
    "HostComputeNetwork",
    "HostComputeNamespace",
    "Policies",
    "IpConfigurations",
    "Dns",
    "Routes",
    "MacAddress",
    "Flags",
];

pub(crate) fn read(state: &State, network: Guid, id: Guid, document: &Value) -> Answer<Endpoint> {
    let document = Members::strict(document, "Endpoint", &MEMBERS)?;
    let judge = state.judge(Some(network));
    Ok(Endpoint {
        id: if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id },
        version: 0,
        name: document.text("Name")?.unwrap_or_default().to_owned(),
        owner: document.text("Owner")?.unwrap_or_default().to_owned(),
        network,
        namespace: None,
        addresses: document.list("IpConfigurations")?.iter().map(read_configuration).collect::<Answer<_>>()?,
        mac: mac(document)?,
        dns: read_dns(document)?,
        routes: read_routes(document)?,
        flags: document.flags("Flags")?,
        policies: policy::read_v2(&judge, Owner::Endpoint, document.list("Policies")?)?,
        state: EndpointState::Created,
        containers: Vec::new(),
        on_host: false,
        port: Guid::ZERO,
    })
}

fn read_configuration(configuration: &Value) -> Answer<IpConfiguration> {
    let known = ["IpAddress", "PrefixLength", "IpSubnetId"];
    let configuration = Members::strict(configuration, "IpConfigurations", &known)?;
    let text = configuration.text("IpAddress")?.unwrap_or_default();
    let length = configuration.number("PrefixLength", 128)?.filter(|length| *length > 0);
    Ok(IpConfiguration {
        address: text.parse().map_err(|_| Refusal::new(ErrorCode::INVALID_IP, format!("IpAddress {text:?}")))?,
        prefix_length: length.map(|length| length as u8),
        subnet: configuration.get("IpSubnetId").cloned(),
    })
}

/// Six bytes with dashes between them.
pub(crate) fn mac(document: Members<'_>) -> Answer<String> {
    let text = document.text("MacAddress")?.unwrap_or_default();
    let bytes = text.split('-').map(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()));
    match text.is_empty() || (bytes.clone().count() == 6 && bytes.clone().all(|byte| byte)) {
        true => Ok(text.to_owned()),
        false => Err(Refusal::new(ErrorCode::INVALID_ENDPOINT, format!("MacAddress {text:?}"))),
    }
}

pub(crate) fn write(state: &State, endpoint: &Endpoint, detailed: bool) -> Value {
    let judge = state.judge(Some(endpoint.network));
    let namespace = endpoint.namespace.map(|id| json!(id));
    let named = [("Name", some(&endpoint.name)), ("Owner", some(&endpoint.owner)), ("HostComputeNamespace", namespace)];
    let document = json!({
        "ID": endpoint.id,
        "Version": endpoint.version,
        "HostComputeNetwork": endpoint.network,
        "Policies": endpoint.policies.iter().map(|policy| policy::write_v2(policy, &judge)).collect::<Value>(),
        "IpConfigurations": endpoint.addresses.iter().map(|c| write_configuration(state, endpoint, c)).collect::<Value>(),
        "Dns": write_dns(&endpoint.dns),
        "Routes": write_routes(&endpoint.routes),
        "MacAddress": endpoint.mac,
        "Flags": endpoint.flags,
        "State": endpoint.state as u8,
        "Health": { "Data": null, "Extra": extra(endpoint, detailed) },
        "SchemaVersion": schema(state.version()),
    });
    with(object(named), document)
}

/// What a detailed query shows beside: the port \[SRC: as hcsshim and debug scripts read it\].
fn extra(endpoint: &Endpoint, detailed: bool) -> Value {
    match detailed {
        true => json!({
            "Resources": { "Allocators": [{ "EndpointPortGuid": format!("{:#}", endpoint.port) }] },
            "SharedContainers": endpoint.containers,
        }),
        false => json!({}),
    }
}

fn write_configuration(state: &State, endpoint: &Endpoint, configuration: &IpConfiguration) -> Value {
    let mut members = object([
        ("IpAddress", Some(configuration.address.to_string().into())),
        ("IpSubnetId", configuration.subnet.clone()),
    ]);
    members.insert("PrefixLength".into(), prefix_length(state, endpoint, configuration).into());
    Value::Object(members)
}

/// As the endpoint has it, or its subnet.
pub(crate) fn prefix_length(state: &State, endpoint: &Endpoint, configuration: &IpConfiguration) -> u8 {
    let network = state.networks.get(&endpoint.network);
    let subnet = network.and_then(|network| network.subnet_of(configuration.address));
    configuration.prefix_length.or(subnet.map(|subnet| subnet.prefix.length())).unwrap_or(0)
}
