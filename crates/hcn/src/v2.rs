//! Documents of the V2 door, as `computenetwork.dll` takes and gives them \[SRC, MS\].
//!
//! V2 refuses members it doesn't know with `0x803b001b` \[FIELD\]; GUIDs are in lower case \[SRC\].

use crate::document::{Members, documents};

mod request;

pub use request::{Request, RequestType, Resource, query};

documents! {
    /// A network.
    Network {
        /// Its GUID.
        "ID" id: String,
        /// Its name.
        "Name" name: String,
        /// Its mode, such as `L2Bridge`; absent where it is NAT \[SRC\].
        "Type" mode: String,
        /// Its policies, each `{Type, Settings}`.
        "Policies" policies: Vec<Members>,
        /// Where endpoints get their MAC addresses from.
        "MacPool" mac_pool: MacPool,
        /// Name resolution of its endpoints.
        "Dns" dns: Dns,
        /// Its subnets, by where addresses come from.
        "Ipams" ipams: Vec<Ipam>,
        /// Bits: 1 DNS, 2 DHCP, 4 mirroring, 8 gone with the next start, 1024 no port of the host.
        "Flags" flags: u32,
        /// The version of the document.
        "SchemaVersion" schema_version: SchemaVersion,
        /// The HNS that made it: the major version in the upper 32 bits \[INF\].
        "Version" version: u64,
    }

    /// Ranges of MAC addresses.
    MacPool {
        /// The ranges.
        "Ranges" ranges: Vec<MacRange>,
    }

    /// A range of MAC addresses.
    MacRange {
        /// The first.
        "StartMacAddress" start: String,
        /// The last.
        "EndMacAddress" end: String,
    }

    /// Name resolution.
    Dns {
        /// The domain.
        "Domain" domain: String,
        /// Where a short name is looked for.
        "Search" search: Vec<String>,
        /// Addresses of name servers.
        "ServerList" servers: Vec<String>,
        /// Options of the resolver.
        "Options" options: Vec<String>,
    }

    /// Subnets whose addresses come from one place.
    Ipam {
        /// `Static` or `Dhcp`.
        "Type" kind: String,
        /// The subnets.
        "Subnets" subnets: Vec<Subnet>,
    }

    /// A subnet of a network.
    Subnet {
        /// Its prefix.
        "IpAddressPrefix" prefix: String,
        /// Its policies, such as `VSID`.
        "Policies" policies: Vec<Members>,
        /// Its routes; that of `0.0.0.0/0` or `::/0` tells the gateway.
        "Routes" routes: Vec<Route>,
        /// Bits: 1 don't reserve the gateway's address.
        "Flags" flags: u32,
    }

    /// A route.
    Route {
        /// Where to.
        "NextHop" next_hop: String,
        /// For which destinations.
        "DestinationPrefix" destination: String,
        /// Lower is preferred.
        "Metric" metric: u32,
    }

    /// Which version of the schema a document is of.
    SchemaVersion {
        /// Major number.
        "Major" major: u32,
        /// Minor number.
        "Minor" minor: u32,
    }

    /// An endpoint.
    Endpoint {
        /// Its GUID.
        "ID" id: String,
        /// Its name.
        "Name" name: String,
        /// The GUID of its network.
        "HostComputeNetwork" network: String,
        /// The GUID of its namespace.
        "HostComputeNamespace" namespace: String,
        /// Its policies, each `{Type, Settings}`.
        "Policies" policies: Vec<Members>,
        /// Its addresses.
        "IpConfigurations" addresses: Vec<IpConfiguration>,
        /// Its name resolution.
        "Dns" dns: Dns,
        /// Its routes.
        "Routes" routes: Vec<Route>,
        /// Its MAC address.
        "MacAddress" mac: String,
        /// Bits: 1 stands for an endpoint of another node, 2 no traffic between containers, 4 mirroring, 8 a low metric.
        "Flags" flags: u32,
        /// Its state, 0 to 6. In the schema \[MS\], not among what clients read \[SRC\].
        "State" state: u32,
        /// The version of the document.
        "SchemaVersion" schema_version: SchemaVersion,
        /// The HNS that made it: the major version in the upper 32 bits \[INF\].
        "Version" version: u64,
    }

    /// An address of an endpoint.
    IpConfiguration {
        /// The address.
        "IpAddress" address: String,
        /// How many bits of it are the subnet's.
        "PrefixLength" prefix_length: u8,
        /// The subnet.
        "IpSubnetId" subnet: String,
    }

    /// A namespace: what the endpoints of a pod are put in.
    Namespace {
        /// Its GUID.
        "ID" id: String,
        /// Its number.
        "NamespaceId" number: u32,
        /// Its GUID, as some builds call it.
        "NamespaceGuid" guid: String,
        /// `Host`, `HostDefault`, `Guest` or `GuestDefault`.
        "Type" kind: String,
        /// The endpoints and containers in it.
        "Resources" resources: Vec<NamespaceResource>,
        /// The version of the document.
        "SchemaVersion" schema_version: SchemaVersion,
    }

    /// Something in a namespace.
    NamespaceResource {
        /// `Endpoint` or `Container`.
        "Type" kind: String,
        /// Which one.
        "Data" data: NamespaceResourceData,
    }

    /// Which endpoint or container.
    NamespaceResourceData {
        /// Its id: of an endpoint a GUID.
        "Id" id: String,
    }

    /// A policy, of whatever kind.
    Policy {
        /// Its kind.
        "Type" kind: String,
        /// What it says.
        "Settings" settings: Members,
    }

    /// The settings of an ACL.
    Acl {
        /// Free text. `ID` is refused \[SRC\].
        "Id" id: String,
        /// A protocol number as text; `256` or absent is any.
        "Protocols" protocols: String,
        /// `Allow` or `Block`.
        "Action" action: String,
        /// `In` or `Out`.
        "Direction" direction: String,
        /// The endpoint's own addresses.
        "LocalAddresses" local_addresses: String,
        /// Those of the other end.
        "RemoteAddresses" remote_addresses: String,
        /// The endpoint's own ports.
        "LocalPorts" local_ports: String,
        /// Ports of the other end.
        "RemotePorts" remote_ports: String,
        /// `Switch` or `Host`.
        "RuleType" rule_type: String,
        /// Lower is asked first.
        "Priority" priority: u32,
        /// Only ever seen as 0 \[FIELD\].
        "Scope" scope: u32,
        /// A service of Windows.
        "ServiceName" service_name: String,
    }
}
