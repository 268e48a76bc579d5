//! Policies as documents of either door.

use crate::acl::Judge;
use crate::document::{Answer, Members, Object, Refusal};
use crate::knobs::{Readback, Settings};
use crate::object::{Owner, Policy};
use margay_hcn::{Feature, Version};
use serde_json::{Map, Value, json};

/// A member's names in V1 and V2.
type Renamed = (&'static str, &'static str);

/// Types that V1 and V2 name differently, and members that differ with them, V1 first \[SRC\].
const NAMES: &[(&str, &str, &[Renamed])] = &[
    ("NAT", "PortMapping", &[]),
    ("PA", "ProviderAddress", &[("PA", "ProviderAddress")]),
    ("ROUTE", "SDNRoute", &[]),
    ("OutBoundNAT", "OutBoundNAT", &[("VIP", "VirtualIP"), ("ExceptionList", "Exceptions")]),
    ("PROXY", "L4Proxy", &[("ExceptionList", "Exceptions"), ("OutboundNat", "OutboundNAT")]),
    ("VLAN", "VLAN", &[("VLAN", "IsolationId")]),
    ("VSID", "VSID", &[("VSID", "IsolationId")]),
];

/// Protocols of a port mapping: V1 by name, V2 by number \[SRC\].
const PROTOCOLS: [(&str, u64); 2] = [("TCP", 6), ("UDP", 17)];

/// A list of policies of V2, `[{Type, Settings}]`.
pub(crate) fn read_v2(judge: &Judge<'_>, owner: Owner, policies: &[Value]) -> Answer<Vec<Policy>> {
    let strictly = judge.knobs.settings == Settings::Strict;
    let none = Object::new();
    let read = |policy| {
        let policy = Members::strict(policy, "Policies", &["Type", "Settings"])?;
        let kind = policy.text("Type")?.ok_or_else(|| Refusal::policy("a policy without Type"))?;
        let settings = match policy.get("Settings") {
            None => &none,
            Some(settings) => settings.as_object().ok_or_else(|| Refusal::invalid_member("Settings"))?,
        };
        judge.policy(owner, kind, settings, strictly)
    };
    policies.iter().map(read).collect()
}

/// A list of policies of V1, `[{Type, …}]`.
pub(crate) fn read_v1(judge: &Judge<'_>, owner: Owner, policies: &[Value]) -> Answer<Vec<Policy>> {
    let read = |policy| {
        let policy = Members::lenient(policy, "Policies")?;
        let kind = policy.text("Type")?.ok_or_else(|| Refusal::policy("a policy without Type"))?;
        match kind {
            "ACL" => judge.policy(owner, kind, &acl_from_v1(judge.version, policy)?, false),
            kind => {
                let (kind, settings) = from_v1(kind, policy.object());
                judge.policy(owner, kind, &settings, false)
            }
        }
    };
    policies.iter().map(read).collect()
}

/// The settings of V2 that a V1 policy stands for.
fn from_v1<'a>(kind: &'a str, policy: &Object) -> (&'a str, Object) {
    let names = NAMES.iter().find(|(v1, _, _)| *v1 == kind);
    let (kind, members) = names.map_or((kind, &[][..]), |(_, v2, members)| (*v2, *members));
    let rename = |member: &str| members.iter().find(|(v1, _)| *v1 == member).map_or(member, |(_, v2)| *v2).to_owned();
    let others = policy.iter().filter(|(member, _)| *member != "Type");
    let mut settings: Object = others.map(|(member, value)| (rename(member), value.clone())).collect();
    if let Some(protocol) = settings.get_mut("Protocol").filter(|_| kind == "PortMapping") {
        let number = PROTOCOLS.iter().find(|(name, _)| protocol.as_str().is_some_and(|p| p.eq_ignore_ascii_case(name)));
        *protocol = number.map_or_else(|| protocol.clone(), |(_, number)| Value::from(*number));
    }
    (kind, settings)
}

/// V1 has a numeric `Protocol` beside the text, and single ports beside the lists \[SRC\].
fn acl_from_v1(version: Version, policy: Members<'_>) -> Answer<Object> {
    let mut settings = Object::new();
    let texts = ["Action", "Direction", "LocalAddresses", "RemoteAddresses", "RuleType"];
    for member in texts {
        settings.extend(policy.text(member)?.map(|text| (member.to_owned(), text.into())));
    }
    // V1 tolerates what it does not know, and before 7.2 it does not know `Id` [SRC].
    if version.has(Feature::AclRuleId) {
        settings.extend(policy.text("Id")?.map(|id| ("Id".to_owned(), id.into())));
    }
    let number = policy.number("Protocol", 256)?.map(|number| number.to_string());
    let protocols = policy.text("Protocols")?.map(str::to_owned).or(number);
    settings.extend(protocols.map(|protocols| ("Protocols".to_owned(), protocols.into())));
    for (list, single) in [("LocalPorts", "LocalPort"), ("RemotePorts", "RemotePort")] {
        let single = policy.port(single)?.filter(|port| *port > 0).map(|port| port.to_string());
        let ports = policy.text(list)?.map(str::to_owned).or(single);
        settings.extend(ports.map(|ports| (list.to_owned(), ports.into())));
    }
    settings.insert("Priority".into(), policy.port("Priority")?.unwrap_or(0).into());
    Ok(settings)
}

/// As V2 shows it.
pub(crate) fn write_v2(policy: &Policy, judge: &Judge<'_>) -> Value {
    let mut settings = policy.settings.clone();
    if policy.acl.is_some() && judge.knobs.readback == Readback::Rewritten {
        rewrite(&mut settings);
    }
    json!({ "Type": policy.kind, "Settings": settings })
}

/// As V1 shows it: flattened.
pub(crate) fn write_v1(policy: &Policy, judge: &Judge<'_>) -> Value {
    let v2 = write_v2(policy, judge);
    let settings = v2["Settings"].as_object().cloned().unwrap_or_default();
    if policy.kind == "ACL" {
        return acl_to_v1(&settings, judge.version);
    }
    let names = NAMES.iter().find(|(_, v2, _)| *v2 == policy.kind);
    let (kind, members) = names.map_or((policy.kind.as_str(), &[][..]), |(v1, _, members)| (*v1, *members));
    let rename =
        |member: &String| members.iter().find(|(_, v2)| v2 == member).map_or(member.as_str(), |(v1, _)| *v1).to_owned();
    let mut flat: Map<String, Value> = settings.iter().map(|(member, value)| (rename(member), value.clone())).collect();
    if let Some(protocol) = flat.get_mut("Protocol").filter(|_| kind == "NAT") {
        let name = PROTOCOLS.iter().find(|(_, number)| protocol.as_u64() == Some(*number));
        *protocol = name.map_or_else(|| protocol.clone(), |(name, _)| Value::from(*name));
    }
    flat.insert("Type".into(), kind.into());
    Value::Object(flat)
}

/// What a real V1 read-back holds: absent text as `""`, absent ports as 0, `Protocol` as a number, `Scope` \[FIELD\].
fn acl_to_v1(settings: &Object, version: Version) -> Value {
    let text = |member: &str| settings.get(member).and_then(Value::as_str).unwrap_or_default();
    let protocols = text("Protocols");
    let mut acl = json!({
        "Action": text("Action"),
        "Direction": text("Direction"),
        "InternalPort": 0,
        "LocalAddresses": text("LocalAddresses"),
        "Priority": settings.get("Priority").cloned().unwrap_or(0.into()),
        "RemoteAddresses": text("RemoteAddresses"),
        "RuleType": text("RuleType"),
        "Scope": 0,
        "ServiceName": "",
        "Type": "ACL",
    });
    if version.has(Feature::AclRuleId) {
        acl["Id"] = text("Id").into();
    }
    match if protocols.is_empty() { Ok(256) } else { protocols.parse::<u16>() } {
        Ok(number) => acl["Protocol"] = number.into(),
        Err(_) => acl["Protocols"] = protocols.into(),
    }
    for (list, single) in [("LocalPorts", "LocalPort"), ("RemotePorts", "RemotePort")] {
        let ports = text(list);
        match ports.parse::<u16>() {
            _ if ports.is_empty() => acl[single] = 0.into(),
            Ok(port) if !version.has(Feature::AclPortRanges) => acl[single] = port.into(),
            _ => acl[list] = ports.into(),
        }
    }
    acl
}

/// Lists in another order, and single addresses without their length \[UNK: a reader must take them as sets\].
fn rewrite(settings: &mut Object) {
    for member in ["LocalAddresses", "RemoteAddresses", "LocalPorts", "RemotePorts"] {
        if let Some(Value::String(text)) = settings.get_mut(member) {
            let bare = |entry: &str| {
                let host = if entry.contains(':') { "/128" } else { "/32" };
                entry.strip_suffix(host).unwrap_or(entry).to_owned()
            };
            let mut entries: Vec<String> = text.split(',').map(bare).collect();
            entries.sort_unstable();
            *text = entries.join(",");
        }
    }
}
