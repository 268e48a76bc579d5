//! Policies of networks, subnets and endpoints.

use crate::acl::{Acl, Judge, Tier};
use crate::document::{Answer, Members, Object, Refusal};
use crate::knobs::Vfp;
use margay_hcn::{ErrorCode, Feature, Version};
use margay_net::Prefix;
use serde_json::Value;
use std::net::IpAddr;

/// A policy, its settings in the form of V2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// Type, as V2 names it.
    pub(crate) kind: String,
    pub(crate) settings: Object,
    pub(crate) acl: Option<Acl>,
    pub(crate) tier: Option<Tier>,
}

/// What a policy is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Network,
    Subnet,
    Endpoint,
}

/// Members of the settings of an ACL. `Id` is known although hcsshim's endpoints have none; `ID` is not \[SRC\].
const ACL: [&str; 10] = [
    "Protocols",
    "Action",
    "Direction",
    "LocalAddresses",
    "RemoteAddresses",
    "LocalPorts",
    "RemotePorts",
    "RuleType",
    "Priority",
    "Id",
];

const INTERFACE: [&str; 6] = [
    "InterfaceGuid",
    "InterfaceLuid",
    "InterfaceIndex",
    "InterfaceMediaType",
    "InterfaceAlias",
    "InterfaceDescription",
];

use Owner::{Endpoint, Network, Subnet};

/// Types \[MS, SRC\]: whose, since which HNS, and the members of their settings.
const KINDS: &[(&str, &[Owner], Since, &[&str])] = &[
    ("ACL", &[Endpoint], Since::Ever, &ACL),
    ("NetworkACL", &[Network], Since::Feature(Feature::NetworkAcl), &ACL),
    ("TierAcl", &[Endpoint], Since::Feature(Feature::TierAcl), &crate::acl::TIER_MEMBERS),
    (
        "PortMapping",
        &[Endpoint],
        Since::Ever,
        &["Protocol", "InternalPort", "ExternalPort", "VIP", "Flags", "ExternalPortReserved"],
    ),
    ("QOS", &[Endpoint], Since::Ever, &["MaximumOutgoingBandwidthInBytes"]),
    ("L2Driver", &[Endpoint], Since::Ever, &[]),
    (
        "OutBoundNAT",
        &[Endpoint, Network],
        Since::Ever,
        &["VirtualIP", "Exceptions", "Destinations", "Flags", "MaxPortPoolUsage"],
    ),
    ("SDNRoute", &[Endpoint], Since::Ever, &["DestinationPrefix", "NextHop", "NeedEncap", "AutomaticEndpointMonitor"]),
    (
        "L4Proxy",
        &[Endpoint, Network],
        Since::Feature(Feature::L4Proxy),
        &["IP", "Port", "Protocol", "Exceptions", "Destination", "OutboundNAT"],
    ),
    (
        "L4WFPPROXY",
        &[Endpoint],
        Since::Feature(Feature::L4WfpProxy),
        &["InboundProxyPort", "OutboundProxyPort", "FilterTuple", "UserSID", "InboundExceptions", "OutboundExceptions"],
    ),
    ("ProviderAddress", &[Endpoint, Network], Since::Ever, &["ProviderAddress"]),
    ("PortName", &[Endpoint], Since::Ever, &["Name"]),
    ("EncapOverhead", &[Endpoint], Since::Ever, &["Overhead"]),
    ("InterfaceConstraint", &[Endpoint, Network], Since::Ever, &INTERFACE),
    ("Encryption", &[Endpoint], Since::Version(10, 0), &["InterfaceName"]),
    ("VLAN", &[Endpoint, Network, Subnet], Since::Ever, &["IsolationId"]),
    ("VSID", &[Endpoint, Network, Subnet], Since::Ever, &["IsolationId"]),
    ("Iov", &[Endpoint], Since::Version(12, 0), &["IovOffloadWeight", "QueuePairsRequested", "InterruptModeration"]),
    ("InterfaceParameters", &[Endpoint], Since::Version(11, 0), &["InterfaceName"]),
    ("SourceMacAddress", &[Network], Since::Ever, &["SourceMacAddress"]),
    ("NetAdapterName", &[Network], Since::Ever, &["NetworkAdapterName"]),
    ("VSwitchExtension", &[Network], Since::Ever, &["ExtensionID", "Enable"]),
    ("DrMacAddress", &[Network], Since::Ever, &["Address"]),
    ("AutomaticDNS", &[Network], Since::Ever, &["Enable"]),
    (
        "RemoteSubnetRoute",
        &[Network],
        Since::Feature(Feature::RemoteSubnet),
        &["DestinationPrefix", "IsolationId", "ProviderAddress", "DistributedRouterMacAddress"],
    ),
    ("VxlanPort", &[Network], Since::Feature(Feature::VxlanPort), &["Port"]),
    ("HostRoute", &[Network], Since::Feature(Feature::HostRoute), &[]),
    ("SetPolicy", &[Network], Since::Feature(Feature::SetPolicy), &["Id", "Name", "PolicyType", "Values"]),
    ("LayerConstraint", &[Network], Since::Ever, &["LayerId"]),
];

/// Since when there is a type.
enum Since {
    Ever,
    Feature(Feature),
    /// Of types whose schema version alone is told \[MS, the version INF\].
    Version(u32, u32),
}

impl Since {
    fn includes(&self, version: Version) -> bool {
        match *self {
            Since::Ever => true,
            Since::Feature(feature) => version.has(feature),
            Since::Version(major, minor) => version >= Version::new(major, minor),
        }
    }
}

impl Judge<'_> {
    /// Takes a policy, or says why not. `strictly`, an unknown member is refused; else it is dropped.
    pub(crate) fn policy(&self, owner: Owner, kind: &str, settings: &Object, strictly: bool) -> Answer<Policy> {
        let known = KINDS
            .iter()
            .find(|(name, owners, since, _)| *name == kind && owners.contains(&owner) && since.includes(self.version));
        let Some((_, _, _, members)) = known else {
            return Err(Refusal::new(ErrorCode::INVALID_POLICY_TYPE, format!("{owner:?} policy of type {kind:?}")));
        };
        if let Some(member) = settings.keys().find(|member| strictly && !members.contains(&member.as_str())) {
            return Err(Refusal::unknown_member(member));
        }
        let settings: Object = settings
            .iter()
            .filter(|(member, _)| members.contains(&member.as_str()))
            .map(|(m, v)| (m.clone(), v.clone()))
            .collect();
        let value = Value::Object(settings);
        let read = Members::strict(&value, kind, members)?;
        let acl = matches!(kind, "ACL" | "NetworkACL").then(|| self.acl(read)).transpose()?;
        let tier = (kind == "TierAcl").then(|| self.tier(read)).transpose()?;
        self.check(kind, read)?;
        Ok(Policy { kind: kind.to_owned(), settings: read.object().clone(), acl, tier })
    }

    /// What else is known to be refused, type by type.
    fn check(&self, kind: &str, settings: Members<'_>) -> Answer<()> {
        match kind {
            "OutBoundNAT" => self.check_outbound_nat(settings),
            "SDNRoute" if self.knobs.vfp == Vfp::Absent => Err(Refusal::policy("SDNRoute: there is no VFP")),
            "SDNRoute" | "RemoteSubnetRoute" => {
                let prefix = settings.text("DestinationPrefix")?.unwrap_or_default();
                if crate::acl::exact_prefix(prefix).is_none() {
                    return Err(Refusal::policy(format!("{kind}: DestinationPrefix {prefix:?}")));
                }
                address(kind, "NextHop", settings)?;
                address(kind, "ProviderAddress", settings)
            }
            "ProviderAddress" => match settings.text("ProviderAddress")? {
                None => Err(Refusal::policy("ProviderAddress: no address")),
                Some(_) => address(kind, "ProviderAddress", settings),
            },
            "PortMapping" => {
                let protocol = settings.number("Protocol", 255)?.unwrap_or(0);
                let ports = settings.port("InternalPort")?.is_some_and(|port| port > 0);
                match ports && matches!(protocol, 6 | 17) {
                    true => Ok(()),
                    false => Err(Refusal::policy("PortMapping: no InternalPort, or a Protocol that is not TCP or UDP")),
                }
            }
            _ => Ok(()),
        }
    }

    /// Exceptions are IPv4 \[FIELD\]; from Server 2022 on without host bits \[FIELD, hcsshim#1951\].
    fn check_outbound_nat(&self, settings: Members<'_>) -> Answer<()> {
        for member in ["Exceptions", "Destinations"] {
            for text in settings.texts(member)? {
                let prefix: Option<Prefix> = if self.version >= Version::new(13, 0) {
                    crate::acl::exact_prefix(&text)
                } else {
                    text.parse().ok()
                };
                if prefix.is_none_or(|prefix| prefix.first().is_ipv6()) {
                    return Err(Refusal::policy(format!("OutBoundNAT: {member}: {text:?}")));
                }
            }
        }
        Ok(())
    }
}

fn address(kind: &str, member: &str, settings: Members<'_>) -> Answer<()> {
    match settings.text(member)?.map(str::parse::<IpAddr>) {
        Some(Err(_)) => Err(Refusal::policy(format!("{kind}: {member} is no address"))),
        _ => Ok(()),
    }
}

impl Policy {
    /// A text of its settings.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.settings.get(member)?.as_str()
    }

    /// A number of its settings.
    pub(crate) fn number(&self, member: &str) -> Option<u64> {
        self.settings.get(member)?.as_u64()
    }

    /// Whether it is about which packets pass.
    pub(crate) fn is_acl(&self) -> bool {
        self.acl.is_some() || self.tier.is_some()
    }
}
