//! Documents of the V1 door, as `vmcompute.dll` takes and gives them \[SRC, FIELD\].
//!
//! V1 is tolerant of members it doesn't know \[FIELD\]. It answers with GUIDs in upper case \[SRC\], empty texts where there is nothing, and zero where there is no
//! port \[FIELD\].

use crate::document::{Members, documents};

documents! {
    /// A network.
    Network {
        /// Its GUID.
        "ID" id: String,
        /// Its name.
        "Name" name: String,
        /// Its mode, such as `L2Bridge`.
        "Type" mode: String,
        /// The adapter under its switch.
        "NetworkAdapterName" adapter: String,
        /// The source address of its frames.
        "SourceMac" source_mac: String,
        /// Its policies: an object each, with its `Type` among its members.
        "Policies" policies: Vec<Members>,
        /// Where endpoints get their MAC addresses from.
        "MacPools" mac_pools: Vec<MacPool>,
        /// Its subnets.
        "Subnets" subnets: Vec<Subnet>,
        /// The domain of its endpoints.
        "DNSSuffix" dns_suffix: String,
        /// Name servers, with commas between them.
        "DNSServerList" dns_servers: String,
        /// The address of the node on it.
        "ManagementIP" management_ip: String,
        /// Whether it has IPv6 too.
        "IPv6" ipv6: bool,
        /// The HNS that made it: the major version in the upper 32 bits \[INF\].
        "Version" version: u64,
    }

    /// A range of MAC addresses.
    MacPool {
        /// The first.
        "StartMacAddress" start: String,
        /// The last.
        "EndMacAddress" end: String,
    }

    /// A subnet of a network.
    Subnet {
        /// Its prefix.
        "AddressPrefix" prefix: String,
        /// The address of its gateway.
        "GatewayAddress" gateway: String,
        /// Its policies, such as `VSID`.
        "Policies" policies: Vec<Members>,
    }

    /// An endpoint.
    Endpoint {
        /// Its GUID.
        "ID" id: String,
        /// Its name.
        "Name" name: String,
        /// The GUID of its network.
        "VirtualNetwork" network: String,
        /// The name of its network.
        "VirtualNetworkName" network_name: String,
        /// Its policies: an object each, with its `Type` among its members.
        "Policies" policies: Vec<Members>,
        /// Its MAC address.
        "MacAddress" mac: String,
        /// Its IPv4 address.
        "IPAddress" address: String,
        /// Its IPv6 address.
        "IPv6Address" address_v6: String,
        /// How many bits of its IPv4 address are the subnet's.
        "PrefixLength" prefix_length: u8,
        /// How many bits of its IPv6 address are the subnet's.
        "IPv6PrefixLength" prefix_length_v6: u8,
        /// Its IPv4 gateway.
        "GatewayAddress" gateway: String,
        /// Its IPv6 gateway.
        "GatewayAddressV6" gateway_v6: String,
        /// Its domain.
        "DNSSuffix" dns_suffix: String,
        /// Name servers, with commas between them.
        "DNSServerList" dns_servers: String,
        /// Whether it stands for an endpoint of another node.
        "IsRemoteEndpoint" remote: bool,
        /// The namespace it is in.
        "Namespace" namespace: Namespace,
        /// Bytes that encapsulation takes from a packet.
        "EncapOverhead" encap_overhead: u32,
        /// Containers that share it.
        "SharedContainers" shared_containers: Vec<String>,
        /// Its state, 0 to 6.
        "State" state: u32,
        /// The HNS that made it: the major version in the upper 32 bits \[INF\].
        "Version" version: u64,
    }

    /// The namespace of an endpoint.
    Namespace {
        /// Its GUID.
        "ID" id: String,
        /// The network compartment.
        "CompartmentId" compartment: u32,
    }

    /// An ACL. Before HNS 7.2 it has one address and one port at each end, the port a number, and no `Id`; from then on lists and ranges \[SRC\].
    Acl {
        /// Always `ACL`.
        "Type" kind: String,
        /// Free text.
        "Id" id: String,
        /// A protocol number; 256 is any.
        "Protocol" protocol: u32,
        /// A protocol number as text, as V2 has it.
        "Protocols" protocols: String,
        /// A port inside the container; 0 where there is none.
        "InternalPort" internal_port: u32,
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
        /// The endpoint's own port; 0 where there is none.
        "LocalPort" local_port: u32,
        /// Ports of the other end.
        "RemotePorts" remote_ports: String,
        /// The port of the other end; 0 where there is none.
        "RemotePort" remote_port: u32,
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
