//! Load balancers and SDN routes as documents of V2.

use crate::document::v2::schema;
use crate::document::{Answer, Members, Refusal};
use crate::object::{LoadBalancer, PortMapping, SdnRoute, State};
use margay_hcn::Guid;
use serde_json::{Value, json};
use std::net::IpAddr;

const BALANCER: [&str; 12] = [
    "ID",
    "Owner",
    "Name",
    "Version",
    "AdditionalParams",
    "Health",
    "SchemaVersion",
    "HostComputeEndpoints",
    "SourceVIP",
    "FrontendVIPs",
    "PortMappings",
    "Flags",
];

const MAPPING: [&str; 6] =
    ["Protocol", "InternalPort", "ExternalPort", "DistributionType", "LoadDistribution", "Flags"];

pub(crate) fn read(id: Guid, document: &Value) -> Answer<LoadBalancer> {
    let document = Members::strict(document, "LoadBalancer", &BALANCER)?;
    let address = |name: &str, text: &str| text.parse::<IpAddr>().map_err(|_| Refusal::invalid_member(name));
    let vips = document.texts("FrontendVIPs")?;
    Ok(LoadBalancer {
        id: if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id },
        endpoints: guids("HostComputeEndpoints", document)?,
        source_vip: document.text("SourceVIP")?.map(|text| address("SourceVIP", text)).transpose()?,
        vips: vips
            .iter()
            .filter(|vip| !vip.is_empty())
            .map(|vip| address("FrontendVIPs", vip))
            .collect::<Answer<_>>()?,
        mappings: document.list("PortMappings")?.iter().map(read_mapping).collect::<Answer<_>>()?,
        flags: document.flags("Flags")?,
    })
}

fn read_mapping(mapping: &Value) -> Answer<PortMapping> {
    let mapping = Members::strict(mapping, "PortMappings", &MAPPING)?;
    let distribution = mapping.number("DistributionType", 2)?.or(mapping.number("LoadDistribution", 2)?);
    Ok(PortMapping {
        protocol: mapping.number("Protocol", 255)?.unwrap_or(0) as u8,
        internal: mapping.port("InternalPort")?.unwrap_or(0),
        external: mapping.port("ExternalPort")?.unwrap_or(0),
        distribution: distribution.unwrap_or(0),
        flags: mapping.flags("Flags")?,
    })
}

fn guids(name: &str, document: Members<'_>) -> Answer<Vec<Guid>> {
    let read = |text: &String| text.parse().map_err(|_| Refusal::invalid_member(name));
    document.texts(name)?.iter().map(read).collect()
}

pub(crate) fn write(state: &State, balancer: &LoadBalancer) -> Value {
    let mapping = |mapping: &PortMapping| {
        json!({
            "Protocol": mapping.protocol,
            "InternalPort": mapping.internal,
            "ExternalPort": mapping.external,
            "DistributionType": mapping.distribution,
            "Flags": mapping.flags,
        })
    };
    json!({
        "ID": balancer.id,
        "HostComputeEndpoints": balancer.endpoints,
        "SourceVIP": balancer.source_vip.map(|vip| vip.to_string()).unwrap_or_default(),
        "FrontendVIPs": balancer.vips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "PortMappings": balancer.mappings.iter().map(mapping).collect::<Value>(),
        "Flags": balancer.flags,
        "SchemaVersion": schema(state.version()),
    })
}

/// Its routes are `Routes` in Microsoft's schema and `Setting` in hcsshim: either is taken \[MS, SRC\].
pub(crate) fn read_route(id: Guid, document: &Value) -> Answer<SdnRoute> {
    let known = ["ID", "Owner", "SchemaVersion", "HostComputeEndpoints", "Routes", "Setting"];
    let document = Members::strict(document, "SDNRoute", &known)?;
    let routes = document.list("Routes")?.iter().chain(document.list("Setting")?);
    let routes: Vec<Value> = routes.cloned().collect();
    for route in &routes {
        Members::strict(route, "Routes", &["DestinationPrefix", "NextHop", "NeedEncap", "AutomaticEndpointMonitor"])?;
    }
    let id = if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id };
    Ok(SdnRoute { id, endpoints: guids("HostComputeEndpoints", document)?, routes })
}

pub(crate) fn write_route(state: &State, route: &SdnRoute) -> Value {
    json!({
        "ID": route.id,
        "HostComputeEndpoints": route.endpoints,
        "Routes": route.routes,
        "SchemaVersion": schema(state.version()),
    })
}
