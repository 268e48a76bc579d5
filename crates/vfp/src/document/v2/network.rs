//! A network as a document of V2.

use crate::document::v2::{read_dns, read_routes, schema, with, write_dns, write_routes};
use crate::document::{Answer, Members, Refusal, object, policy, some};
use crate::object::{Network, NetworkKind, Owner, State, Subnet};
use margay_hcn::{ErrorCode, Guid};
use serde_json::{Value, json};

const MEMBERS: [&str; 14] = [
    "ID",
    "Owner",
    "Name",
    "Version",
    "AdditionalParams",
    "Health",
    "SchemaVersion",
    "State",
    "Type",
    "Policies",
    "MacPool",
    "Dns",
    "Ipams",
    "Flags",
];

pub(crate) fn read(state: &State, id: Guid, document: &Value) -> Answer<Network> {
    let document = Members::strict(document, "Network", &MEMBERS)?;
    let judge = state.judge(None);
    Ok(Network {
        id: if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id },
        version: 0,
        name: document.text("Name")?.unwrap_or_default().to_owned(),
        owner: document.text("Owner")?.unwrap_or_default().to_owned(),
        // Of NAT, whose number is 0, the type is left out [SRC].
        kind: document.text("Type")?.map_or(Ok(NetworkKind::Nat), |kind| NetworkKind::read(kind, false))?,
        subnets: read_ipams(state, document)?,
        policies: policy::read_v2(&judge, Owner::Network, document.list("Policies")?)?,
        mac_pool: read_mac_pool(document)?,
        dns: read_dns(document)?,
        flags: document.flags("Flags")?,
        sets: Default::default(),
    })
}

fn read_ipams(state: &State, document: Members<'_>) -> Answer<Vec<Subnet>> {
    let mut subnets = Vec::new();
    for ipam in document.list("Ipams")? {
        let ipam = Members::strict(ipam, "Ipams", &["Type", "Subnets"])?;
        let dhcp = match ipam.text("Type")?.unwrap_or("Static") {
            kind if kind.eq_ignore_ascii_case("Static") => false,
            kind if kind.eq_ignore_ascii_case("DHCP") => true,
            _ => return Err(Refusal::invalid_member("Type")),
        };
        for subnet in ipam.list("Subnets")? {
            subnets.push(read_subnet(state, dhcp, subnet)?);
        }
    }
    Ok(subnets)
}

fn read_subnet(state: &State, dhcp: bool, subnet: &Value) -> Answer<Subnet> {
    let known = ["ID", "IpAddressPrefix", "Policies", "Routes", "IpSubnets", "Flags"];
    let subnet = Members::strict(subnet, "Subnets", &known)?;
    let text = subnet.text("IpAddressPrefix")?.unwrap_or_default();
    let prefix =
        text.parse().map_err(|_| Refusal::new(ErrorCode::INVALID_PREFIX, format!("IpAddressPrefix {text:?}")))?;
    Ok(Subnet {
        prefix,
        host_bits: crate::acl::exact_prefix(text).is_none(),
        dhcp,
        routes: read_routes(subnet)?,
        policies: policy::read_v2(&state.judge(None), Owner::Subnet, subnet.list("Policies")?)?,
        ip_subnets: subnet.get("IpSubnets").cloned(),
        flags: subnet.flags("Flags")?,
    })
}

fn read_mac_pool(document: Members<'_>) -> Answer<Vec<(String, String)>> {
    let Some(pool) = document.get("MacPool") else { return Ok(Vec::new()) };
    let range = |range| {
        let range = Members::strict(range, "Ranges", &["StartMacAddress", "EndMacAddress"])?;
        let text = |name| Ok(range.text(name)?.unwrap_or_default().to_owned());
        Ok((text("StartMacAddress")?, text("EndMacAddress")?))
    };
    Members::strict(pool, "MacPool", &["Ranges"])?.list("Ranges")?.iter().map(range).collect()
}

pub(crate) fn write(state: &State, network: &Network, detailed: bool) -> Value {
    let judge = state.judge(Some(network.id));
    let kind = (network.kind != NetworkKind::Nat).then(|| network.kind.to_string().into());
    let ranges = network.mac_pool.iter().map(|(start, end)| json!({ "StartMacAddress": start, "EndMacAddress": end }));
    let named = object([("Name", some(&network.name)), ("Owner", some(&network.owner)), ("Type", kind)]);
    let document = json!({
        "ID": network.id,
        "Version": network.version,
        "Policies": network.policies.iter().map(|policy| policy::write_v2(policy, &judge)).collect::<Value>(),
        "MacPool": { "Ranges": ranges.collect::<Value>() },
        "Dns": write_dns(&network.dns),
        "Ipams": write_ipams(state, network),
        "Flags": network.flags,
        "State": 1,
        "Health": { "Data": null, "Extra": extra(network, detailed) },
        "SchemaVersion": schema(state.version()),
    });
    with(named, document)
}

/// What a detailed query shows beside: the virtual switch.
fn extra(network: &Network, detailed: bool) -> Value {
    if detailed { json!({ "SwitchGuid": Guid(!network.id.0), "LayeredOn": "" }) } else { json!({}) }
}

fn write_ipams(state: &State, network: &Network) -> Value {
    let judge = state.judge(Some(network.id));
    let subnet = |subnet: &Subnet| {
        let policies: Value = subnet.policies.iter().map(|policy| policy::write_v2(policy, &judge)).collect();
        let flags = (subnet.flags > 0).then(|| subnet.flags.into());
        let members = [
            ("IpAddressPrefix", Some(subnet.prefix.to_string().into())),
            ("Policies", Some(policies)),
            ("Routes", Some(write_routes(&subnet.routes))),
            ("IpSubnets", subnet.ip_subnets.clone()),
            ("Flags", flags),
        ];
        Value::Object(object(members))
    };
    let of = |dhcp: bool| network.subnets.iter().filter(move |subnet| subnet.dhcp == dhcp);
    let kinds = [(false, "Static"), (true, "DHCP")].into_iter().filter(|(dhcp, _)| of(*dhcp).next().is_some());
    kinds.map(|(dhcp, kind)| json!({ "Type": kind, "Subnets": of(dhcp).map(subnet).collect::<Value>() })).collect()
}
