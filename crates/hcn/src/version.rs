//! Versions of HNS, and what each can do.

use std::fmt;
use std::str::FromStr;

/// A version of HNS, as `GET /globals/version` gives it.
///
/// Versions belong to builds of Windows \[SRC, FIELD, INF\]: 7.0 stands here for Windows Server 1709, 7.2 is 1803, 9.x is 1809 and Server 2019, 13.x is
/// Server 2022, 15.4 and later Server 2025.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// Something that HNS can do from some version on. Source: hcsshim's table of features \[SRC\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// An ACL takes lists of addresses.
    AclAddressLists,
    /// Host ACLs need no priority.
    AclNoHostRulePriority,
    /// An ACL takes lists and ranges of ports.
    AclPortRanges,
    /// An ACL has an `Id`.
    AclRuleId,
    /// The V2 door (`computenetwork.dll`).
    ApiV2,
    /// RemoteSubnetRoute policies of a network.
    RemoteSubnet,
    /// The HostRoute policy of a network.
    HostRoute,
    /// Load balancers with direct server return.
    Dsr,
    /// Endpoints with a prefix of 32 bits.
    Slash32EndpointPrefixes,
    /// The VxlanPort policy of a network.
    VxlanPort,
    /// ACLs of protocol 252 (VXLAN, in VFP).
    AclProtocol252,
    /// Endpoints of both families.
    Ipv6DualStack,
    /// Load balancers by source address.
    SessionAffinity,
    /// The L4Proxy policy.
    L4Proxy,
    /// Named sets of addresses of a network.
    SetPolicy,
    /// The L4WFPPROXY policy.
    L4WfpProxy,
    /// Tiers of ACLs of an endpoint.
    TierAcl,
    /// ACLs of a network.
    NetworkAcl,
    /// Sets of sets.
    NestedIpSet,
    /// Networks without a port of the host.
    DisableHostPort,
    /// Load balancers changed in place.
    ModifyLoadBalancer,
}

/// From a version on; the second one bounds it to the rest of a major version.
enum Since {
    Always(u32, u32),
    Within(u32, u32),
}

use Since::{Always, Within};

impl Feature {
    fn since(self) -> &'static [Since] {
        match self {
            Feature::AclAddressLists | Feature::AclNoHostRulePriority | Feature::AclPortRanges | Feature::AclRuleId => {
                &[Always(7, 2)]
            }
            Feature::ApiV2 | Feature::RemoteSubnet | Feature::HostRoute => &[Always(9, 2)],
            Feature::Dsr => &[Within(9, 3), Always(10, 2)],
            Feature::Slash32EndpointPrefixes => &[Within(9, 3), Always(10, 4)],
            Feature::VxlanPort => &[Always(10, 3)],
            Feature::AclProtocol252 => &[Always(11, 0)],
            Feature::Ipv6DualStack => &[Always(11, 10)],
            Feature::SessionAffinity => &[Always(12, 0)],
            Feature::L4Proxy => &[Within(9, 5), Within(10, 5), Within(11, 11), Within(12, 1), Always(13, 1)],
            Feature::SetPolicy => &[Always(13, 0)],
            Feature::L4WfpProxy => &[Always(13, 2)],
            Feature::TierAcl => &[Always(14, 0)],
            Feature::NetworkAcl | Feature::NestedIpSet => &[Always(15, 0)],
            Feature::DisableHostPort => &[Always(15, 1)],
            Feature::ModifyLoadBalancer => &[Always(15, 4)],
        }
    }
}

impl Version {
    /// The versions that are known from real systems, oldest first: 1709 (for which 7.0 stands), 1803, 1809 and Server 2019, Server 2022, Server 2025.
    pub const KNOWN: [Self; 7] = [
        Self::new(7, 0),
        Self::new(7, 2),
        Self::new(9, 2),
        Self::new(9, 5),
        Self::new(13, 3),
        Self::new(15, 4),
        Self::new(16, 0),
    ];

    /// Of these numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Whether it can do this.
    pub fn has(self, feature: Feature) -> bool {
        feature.since().iter().any(|since| match *since {
            Always(major, minor) => self >= Self::new(major, minor),
            Within(major, minor) => self.major == major && self.minor >= minor,
        })
    }

    /// As the member `Version` of an object tells which HNS made it \[INF\]: the major number in the upper half.
    pub fn of_object(number: u64) -> Self {
        Self { major: (number >> 32) as u32, minor: number as u32 }
    }

    /// The member `Version` of an object that this HNS makes.
    pub fn as_object(self) -> u64 {
        u64::from(self.major) << 32 | u64::from(self.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Text that is no version of HNS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of HNS: two numbers with a dot between them, such as 9.5")]
pub struct VersionError(String);

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse::<u32>().ok();
        let parts = text.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        let (major, minor) = parts.ok_or_else(|| VersionError(text.chars().take(40).collect()))?;
        Ok(Self { major, minor })
    }
}

/// One of the two ways to ask HNS. Both see the same objects, spelt differently \[SRC\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Door {
    /// `vmcompute.dll`: requests of a method, a path and a body.
    V1,
    /// `computenetwork.dll`, from HNS 9.2 on: calls for each kind of object.
    V2,
}

impl Door {
    /// Both doors.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Door::V1 => "V1 API",
            Door::V2 => "V2 API",
        })
    }
}
