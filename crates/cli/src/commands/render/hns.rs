//! What a Windows node is programmed with: each pod's ACLs, as they are sent to HNS.

use crate::streams::{Failure, Streams};
use crate::table::{self, Cell};
use crate::words::counted;
use margay_hcn::{Acl, Direction, Door, Feature, Members, RuleType, Version};
use margay_net::Prefix;
use margay_policy::Plan;
use margay_windows::driver::number;
use margay_windows::lower::{Lowered, Lowering, Target};
use serde::Serialize;
use serde_json::{Value, json};
use std::net::IpAddr;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    node: &'a str,
    hns_version: String,
    endpoints: Vec<Endpoint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    /// `namespace/pod`.
    name: String,
    ips: Vec<IpAddr>,
    /// The settings of HNS, and `policies`: whose rules each is from.
    acls: Vec<Members>,
    unsupported: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_budget: Option<Value>,
}

/// A pod's ACLs with their numbers, as on an endpoint that has none yet.
fn numbered(lowered: &Lowered, version: Version) -> Vec<Acl> {
    let rules: Vec<_> = lowered.rules.iter().map(|lowered| lowered.rule.clone()).collect();
    number(&rules, &[], version)
}

/// As JSON, exactly as `margay agent` would send it.
pub(super) fn json(plan: &Plan, node: &str, version: Version, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let mut endpoints = Vec::new();
    for (id, lowered) in Lowering::new(plan, &Target::new(version)).pods() {
        let pod = &plan.endpoints[id];
        let acls = numbered(&lowered, version).into_iter().zip(&lowered.rules);
        let acls = acls.map(|(acl, lowered)| {
            let mut settings = settings(&acl, version)?;
            let policies: Vec<String> = lowered.origins.iter().map(ToString::to_string).collect();
            settings.insert("policies".into(), policies.into());
            Ok(settings)
        });
        let unsupported = lowered.unsupported.iter().map(|unsupported| {
            let rule = &unsupported.rule;
            let place = format!("{}[{}]", rule.direction, rule.index);
            json!({ "policy": rule.policy.to_string(), "rule": place, "field": unsupported.field, "done": unsupported.done })
        });
        endpoints.push(Endpoint {
            name: format!("{}/{}", pod.key.namespace, pod.key.name),
            ips: pod.addresses.clone(),
            acls: acls.collect::<Result<_, Failure>>()?,
            unsupported: unsupported.collect(),
            over_budget: lowered.over_budget.map(|(acls, entries)| json!({ "acls": acls, "entries": entries })),
        });
    }
    endpoints.sort_by(|a, b| a.name.cmp(&b.name));
    let whole = Node { node, hns_version: version.to_string(), endpoints };
    serde_json::to_writer_pretty(&mut *streams.stdout, &whole)
        .map_err(|error| Failure::from(std::io::Error::from(error)))?;
    Ok(writeln!(streams.stdout)?)
}

/// The members that HNS is sent: of V2, those of `Settings`.
fn settings(acl: &Acl, version: Version) -> Result<Members, Failure> {
    let door = if version.has(Feature::ApiV2) { Door::V2 } else { Door::V1 };
    let mut policy = acl.write(door, version).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(match policy.shift_remove("Settings") {
        Some(Value::Object(settings)) => settings,
        _ => policy,
    })
}

/// As a table for each pod.
pub(super) fn print(plan: &Plan, version: Version, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let mut pods: Vec<_> = Lowering::new(plan, &Target::new(version)).pods().collect();
    pods.sort_by_key(|(id, _)| plan.endpoints[*id].key.clone());
    for (place, (id, lowered)) in pods.iter().enumerate() {
        let pod = &plan.endpoints[*id];
        let acls = numbered(lowered, version);
        let addresses: Vec<String> = pod.addresses.iter().map(ToString::to_string).collect();
        let between = if place > 0 { "\n" } else { "" };
        let (name, count) = (format!("{}/{}", pod.key.namespace, pod.key.name), counted(acls.len(), "ACL"));
        writeln!(streams.stdout, "{between}{name} ({}), HNS {version}: {count}\n", addresses.join(", "))?;
        let rows: Vec<Vec<Cell>> =
            acls.iter().zip(&lowered.rules).map(|(acl, lowered)| row(acl, &lowered.origins)).collect();
        let head = ["", "priority", "action", "protocol", "local", "remote", "from"];
        table::print(&head, &rows, streams.paint(), streams.stdout)?;
        for unsupported in &lowered.unsupported {
            let rule = &unsupported.rule;
            let place = format!("{} {}[{}]", rule.policy, rule.direction, rule.index);
            writeln!(streams.stdout, "not as written: {place}, {}: {}", unsupported.field, unsupported.done)?;
        }
    }
    Ok(())
}

fn row(acl: &Acl, origins: &[margay_windows::lower::Origin]) -> Vec<Cell> {
    let rule = &acl.rule;
    let end = |addresses: &[Prefix], ports: &Option<margay_net::PortSet>| {
        let addresses = match addresses {
            [] => "any".to_owned(),
            [first, second, third, rest @ ..] if !rest.is_empty() => {
                format!("{first}, {second}, {third} and {} more", rest.len())
            }
            list => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        ports.as_ref().map_or(addresses.clone(), |ports| format!("{addresses} port {ports}"))
    };
    let way = match rule.direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    let way = if rule.rule_type == RuleType::Host { format!("{way} (host)") } else { way.to_owned() };
    let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
    vec![
        Cell::from(way),
        Cell::from(acl.priority.to_string()),
        Cell::from(rule.action.to_string()),
        Cell::from(rule.protocol.map_or("any".to_owned(), |protocol| protocol.to_string())),
        Cell::from(end(&rule.local_addresses, &rule.local_ports)),
        Cell::from(end(&rule.remote_addresses, &rule.remote_ports)),
        Cell::from(origins.join("; ")),
    ]
}
