//! Settings of the policies that routes, tunnels and address translation are made of.

use crate::document::{Members, members, read_value};
use crate::{DocumentError, Door, Mac, Policy, RawPolicy};
use margay_net::Prefix;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;

mod text;

/// Settings of one kind of policy, the same through both doors.
pub trait Setting: Serialize + DeserializeOwned {
    /// The policy's type in V2.
    const TYPE: &str;
    /// The policy's type in V1, where V1 has it.
    const TYPE_V1: Option<&str>;
    /// Members that V1 names differently: V2's name, V1's name.
    const NAMES_V1: &[(&str, &str)] = &[];

    /// Reads the settings; `None` of a policy of another kind.
    fn read(policy: &RawPolicy) -> Option<Result<Self, DocumentError>> {
        let kind = match policy.door {
            Door::V1 => Self::TYPE_V1?,
            Door::V2 => Self::TYPE,
        };
        if policy.kind() != kind {
            return None;
        }
        let mut settings = policy.settings();
        if policy.door == Door::V1 {
            rename(&mut settings, Self::NAMES_V1.iter().map(|(v2, v1)| (*v1, *v2)));
        }
        Some(read_value(Value::Object(settings)))
    }

    /// The policy as a door takes it; `None` where the door has no such policy.
    fn policy(&self, door: Door) -> Option<Policy> {
        let mut document = Members::new();
        let mut settings = members(self);
        match door {
            Door::V1 => {
                document.insert("Type".into(), Self::TYPE_V1?.into());
                rename(&mut settings, Self::NAMES_V1.iter().copied());
                document.append(&mut settings);
            }
            Door::V2 => {
                document.insert("Type".into(), Self::TYPE.into());
                document.insert("Settings".into(), Value::Object(settings));
            }
        }
        Some(Policy::Other(RawPolicy { door, document }))
    }
}

/// Puts members under other names.
fn rename(settings: &mut Members, names: impl Iterator<Item = (&'static str, &'static str)>) {
    for (from, to) in names {
        if let Some(value) = settings.shift_remove(from) {
            settings.insert(to.into(), value);
        }
    }
}

/// A route of an Overlay network to the subnet of another node. V2 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoteSubnetRoute {
    /// The other node's subnet.
    #[serde(with = "text")]
    pub destination_prefix: Prefix,
    /// The VXLAN network identifier; Windows takes 4096 and above.
    pub isolation_id: u32,
    /// The other node's address, to which packets are encapsulated.
    #[serde(with = "text")]
    pub provider_address: IpAddr,
    /// The other node's tunnel end: the destination of inner frames.
    #[serde(with = "text")]
    pub distributed_router_mac_address: Mac,
}

impl Setting for RemoteSubnetRoute {
    const TYPE: &str = "RemoteSubnetRoute";
    const TYPE_V1: Option<&str> = None;
}

/// The address of the node that encapsulated packets come from and go to: of a network, or of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProviderAddress {
    /// The address.
    #[serde(with = "text")]
    pub provider_address: IpAddr,
}

impl Setting for ProviderAddress {
    const TYPE: &str = "ProviderAddress";
    const TYPE_V1: Option<&str> = Some("PA");
    const NAMES_V1: &[(&str, &str)] = &[("ProviderAddress", "PA")];
}

/// The MAC address of this node's tunnel end, which HNS gives an Overlay network: what other nodes must be told. V2 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DrMacAddress {
    /// The address.
    #[serde(with = "text")]
    pub address: Mac,
}

impl Setting for DrMacAddress {
    const TYPE: &str = "DrMacAddress";
    const TYPE_V1: Option<&str> = None;
}

/// Lets the node itself reach the pods of an Overlay network. V2 alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostRoute {}

impl Setting for HostRoute {
    const TYPE: &str = "HostRoute";
    const TYPE_V1: Option<&str> = None;
}

/// Translation of an endpoint's source address to the node's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutBoundNat {
    /// The address to translate to, where it is not the node's.
    #[serde(rename = "VirtualIP", with = "text::option", default, skip_serializing_if = "Option::is_none")]
    pub virtual_ip: Option<IpAddr>,
    /// Destinations that are reached without translation. IPv4 alone; host bits are refused by Server 2022 \[FIELD\].
    #[serde(with = "text::list", default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Prefix>,
    /// Destinations that translation is for; empty is all.
    #[serde(with = "text::list", default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Prefix>,
}

impl Setting for OutBoundNat {
    const TYPE: &str = "OutBoundNAT";
    const TYPE_V1: Option<&str> = Some("OutBoundNAT");
    const NAMES_V1: &[(&str, &str)] = &[("VirtualIP", "VIP"), ("Exceptions", "ExceptionList")];
}

/// A route of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SdnRoute {
    /// For which destinations.
    #[serde(with = "text")]
    pub destination_prefix: Prefix,
    /// Where to, where it is not the endpoint's gateway.
    #[serde(with = "text::option", default, skip_serializing_if = "Option::is_none")]
    pub next_hop: Option<IpAddr>,
    /// Whether packets are encapsulated.
    #[serde(default)]
    pub need_encap: bool,
}

impl Setting for SdnRoute {
    const TYPE: &str = "SDNRoute";
    const TYPE_V1: Option<&str> = Some("ROUTE");
}

/// The VXLAN network identifier of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vsid {
    /// The identifier; Windows takes 4096 and above.
    pub isolation_id: u32,
}

impl Setting for Vsid {
    const TYPE: &str = "VSID";
    const TYPE_V1: Option<&str> = Some("VSID");
    const NAMES_V1: &[(&str, &str)] = &[("IsolationId", "VSID")];
}

/// The UDP port of an Overlay network's packets, from HNS 10.3 on; 4789 where there is none. V2 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VxlanPort {
    /// The port.
    pub port: u16,
}

impl Setting for VxlanPort {
    const TYPE: &str = "VxlanPort";
    const TYPE_V1: Option<&str> = None;
}

/// A named set of a network, from HNS 13.0 on. V2 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetPolicy {
    /// What ACLs call it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `IPSET`, or `NESTEDIPSET` whose members are ids of sets.
    pub policy_type: String,
    /// Its members, with commas between them.
    #[serde(default)]
    pub values: String,
}

impl Setting for SetPolicy {
    const TYPE: &str = "SetPolicy";
    const TYPE_V1: Option<&str> = None;
}
