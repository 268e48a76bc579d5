//! Load balancers as documents of V1: lists of policies with references to endpoints.

use crate::document::{Answer, Members, Refusal, v1};
use crate::object::{LoadBalancer, PortMapping};
use margay_hcn::Guid;
use serde_json::{Value, json};
use std::net::IpAddr;

/// `{References:["/endpoints/<id>"], Policies:[{Type:"ELB",…}]}`.
pub(crate) fn read(id: Guid, document: &Value) -> Answer<LoadBalancer> {
    let document = Members::lenient(document, "PolicyList")?;
    let endpoint = |reference: &String| {
        let id = reference.rsplit('/').next().unwrap_or_default().parse();
        id.map_err(|_| Refusal::invalid_member("References"))
    };
    let id = if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id };
    let endpoints = document.texts("References")?.iter().map(endpoint).collect::<Answer<_>>()?;
    let mut balancer = LoadBalancer { id, endpoints, source_vip: None, vips: vec![], mappings: vec![], flags: 0 };
    for policy in document.list("Policies")? {
        let policy = Members::lenient(policy, "Policies")?;
        if policy.text("Type")? != Some("ELB") {
            return Err(Refusal::policy("a policy list of other than load balancers"));
        }
        read_elb(&mut balancer, policy)?;
    }
    Ok(balancer)
}

fn read_elb(balancer: &mut LoadBalancer, policy: Members<'_>) -> Answer<()> {
    let address =
        |text: &str| text.parse::<IpAddr>().map_err(|_| Refusal::policy(format!("ELB: {text:?} is no address")));
    balancer.source_vip = policy.text("SourceVIP")?.map(address).transpose()?.or(balancer.source_vip);
    for vip in policy.texts("VIPs")?.iter().filter(|vip| !vip.is_empty()) {
        balancer.vips.push(address(vip)?);
    }
    balancer.flags |= u32::from(policy.truth("IsDSR")?);
    balancer.mappings.push(PortMapping {
        protocol: policy.number("Protocol", 255)?.unwrap_or(0) as u8,
        internal: policy.port("InternalPort")?.unwrap_or(0),
        external: policy.port("ExternalPort")?.unwrap_or(0),
        distribution: 0,
        flags: u32::from(policy.truth("ILB")?),
    });
    Ok(())
}

pub(crate) fn write(balancer: &LoadBalancer) -> Value {
    let elb = |mapping: &PortMapping| {
        json!({
            "Type": "ELB",
            "SourceVIP": balancer.source_vip.map(|vip| vip.to_string()).unwrap_or_default(),
            "VIPs": balancer.vips.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "ILB": mapping.flags & 1 != 0,
            "IsDSR": balancer.flags & 1 != 0,
            "Protocol": mapping.protocol,
            "InternalPort": mapping.internal,
            "ExternalPort": mapping.external,
        })
    };
    json!({
        "ID": v1::id(balancer.id),
        "References": balancer.endpoints.iter().map(|id| format!("/endpoints/{id:#}")).collect::<Vec<_>>(),
        "Policies": balancer.mappings.iter().map(elb).collect::<Value>(),
        "Resources": {},
    })
}
