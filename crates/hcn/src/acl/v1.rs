//! The V1 spelling.

use super::text;
use super::{Acl, AclError, AclRule, AclUnreadable};
use crate::{Feature, Version, v1};
use margay_net::{PortSet, Protocol};

pub(super) fn write(acl: &Acl, version: Version) -> Result<v1::Acl, AclError> {
    let Acl { priority, rule } = acl;
    let (local, remote) = (rule.local_ports.as_ref(), rule.remote_ports.as_ref());
    let mut document = v1::Acl {
        kind: Some("ACL".into()),
        id: text::written_id(&rule.id, version)?,
        protocol: Some(text::written_protocol(rule.protocol, version)?),
        action: Some(rule.action.to_string()),
        direction: Some(rule.direction.to_string()),
        local_addresses: text::written_addresses("LocalAddresses", &rule.local_addresses, version)?,
        remote_addresses: text::written_addresses("RemoteAddresses", &rule.remote_addresses, version)?,
        rule_type: Some(rule.rule_type.to_string()),
        priority: text::written_priority(rule, *priority, version)?,
        ..v1::Acl::default()
    };
    if version.has(Feature::AclPortRanges) {
        document.local_ports = text::written_ports(local);
        document.remote_ports = text::written_ports(remote);
    } else {
        document.local_port = text::written_port("LocalPort", local, version)?;
        document.remote_port = text::written_port("RemotePort", remote, version)?;
    }
    Ok(document)
}

pub(super) fn read(document: &v1::Acl) -> Result<Acl, AclUnreadable> {
    text::nothing("InternalPort", document.internal_port.as_ref())?;
    text::nothing("Scope", document.scope.as_ref())?;
    text::nothing("ServiceName", document.service_name.as_ref())?;
    text::no_others(&document.other)?;
    let rule_type = text::rule_type(document.rule_type.as_ref())?;
    let rule = AclRule {
        id: document.id.as_deref().unwrap_or_default().into(),
        rule_type,
        direction: text::direction(document.direction.as_ref())?,
        action: text::action(document.action.as_ref())?,
        protocol: protocol(document)?,
        local_addresses: text::addresses("LocalAddresses", document.local_addresses.as_ref())?,
        remote_addresses: text::addresses("RemoteAddresses", document.remote_addresses.as_ref())?,
        local_ports: ports("LocalPorts", document.local_ports.as_ref(), document.local_port)?,
        remote_ports: ports("RemotePorts", document.remote_ports.as_ref(), document.remote_port)?,
    };
    Ok(Acl { priority: text::priority(rule_type, document.priority)?, rule })
}

/// As a number, as text, or both where they agree.
fn protocol(document: &v1::Acl) -> Result<Option<Protocol>, AclUnreadable> {
    let number = document.protocol.map(|number| text::protocol_number("Protocol", number)).transpose()?;
    let spelt = text::filled(document.protocols.as_ref()).map(text::protocol_text).transpose()?;
    match (number, spelt) {
        (Some(number), Some(spelt)) if number != spelt => {
            Err(AclUnreadable::new("Protocols", document.protocols.as_deref().unwrap_or_default()))
        }
        (number, spelt) => Ok(number.or(spelt).flatten()),
    }
}

/// As text, as a number where there is no text, or both where they agree.
fn ports(member: &str, list: Option<&String>, number: Option<u32>) -> Result<Option<PortSet>, AclUnreadable> {
    let spelt = text::ports(member, list)?;
    let Some(number) = number.filter(|number| *number != 0) else { return Ok(spelt) };
    let port = u16::try_from(number).map(PortSet::from).map_err(|_| AclUnreadable::new(member, number))?;
    match spelt {
        Some(spelt) if spelt != port => Err(AclUnreadable::new(member, number)),
        _ => Ok(Some(port)),
    }
}
