//! The V2 spelling.

use super::text;
use super::{Acl, AclError, AclRule, AclUnreadable};
use crate::{Version, v2};

pub(super) fn write(acl: &Acl, version: Version) -> Result<v2::Acl, AclError> {
    let Acl { priority, rule } = acl;
    Ok(v2::Acl {
        id: text::written_id(&rule.id, version)?,
        protocols: Some(text::written_protocol(rule.protocol, version)?.to_string()),
        action: Some(rule.action.to_string()),
        direction: Some(rule.direction.to_string()),
        local_addresses: text::written_addresses("LocalAddresses", &rule.local_addresses, version)?,
        remote_addresses: text::written_addresses("RemoteAddresses", &rule.remote_addresses, version)?,
        local_ports: text::written_ports(rule.local_ports.as_ref()),
        remote_ports: text::written_ports(rule.remote_ports.as_ref()),
        rule_type: Some(rule.rule_type.to_string()),
        priority: text::written_priority(rule, *priority, version)?,
        ..v2::Acl::default()
    })
}

pub(super) fn read(document: &v2::Acl) -> Result<Acl, AclUnreadable> {
    text::nothing("Scope", document.scope.as_ref())?;
    text::nothing("ServiceName", document.service_name.as_ref())?;
    text::no_others(&document.other)?;
    let rule_type = text::rule_type(document.rule_type.as_ref())?;
    let protocol = text::filled(document.protocols.as_ref()).map(text::protocol_text).transpose()?;
    let rule = AclRule {
        id: document.id.as_deref().unwrap_or_default().into(),
        rule_type,
        direction: text::direction(document.direction.as_ref())?,
        action: text::action(document.action.as_ref())?,
        protocol: protocol.flatten(),
        local_addresses: text::addresses("LocalAddresses", document.local_addresses.as_ref())?,
        remote_addresses: text::addresses("RemoteAddresses", document.remote_addresses.as_ref())?,
        local_ports: text::ports("LocalPorts", document.local_ports.as_ref())?,
        remote_ports: text::ports("RemotePorts", document.remote_ports.as_ref())?,
    };
    Ok(Acl { priority: text::priority(rule_type, document.priority)?, rule })
}
