//! Flows as people write them, one JSON object a line, and as policy sees them.

use crate::{Party, World};
use margay_api::{Family, Protocol, Service};
use margay_policy::Flow;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A line of flows: who wants to reach whom, and how. Members of other names are of no concern here.
///
/// ```
/// let line = r#"{"from": "shop/web", "to": "10.0.0.7", "protocol": "udp", "port": 53, "expect": "allow"}"#;
/// let question = margay_cli::flows::Question::parse(line)?;
/// assert_eq!((&*question.from, question.port), ("shop/web", Some(53)));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object with \"from\" and \"to\"")]
pub struct Question<'a> {
    /// Source: `namespace/pod`, `node/NAME` or an address; see [`Party::find`].
    #[serde(borrow)]
    pub from: Cow<'a, str>,
    /// Destination, likewise; or a service's address.
    #[serde(borrow)]
    pub to: Cow<'a, str>,
    /// A name or number; TCP where absent.
    #[serde(default, deserialize_with = "protocol")]
    pub protocol: Option<Protocol>,
    /// Destination port; needed for TCP, UDP and SCTP, ignored otherwise.
    #[serde(default)]
    pub port: Option<u16>,
    /// Source port; 40000 where absent.
    #[serde(default)]
    pub source_port: Option<u16>,
    /// ICMP or ICMPv6 type; that of an echo request where absent.
    #[serde(default)]
    pub icmp_type: Option<u8>,
    /// ICMP or ICMPv6 code; 0 where absent.
    #[serde(default)]
    pub icmp_code: Option<u8>,
    /// 4, 6, `IPv4` or `IPv6`: which addresses of the ends are meant.
    #[serde(default, deserialize_with = "family")]
    pub family: Option<Family>,
}

/// A flow whose ends were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The packet as its sender makes it.
    pub flow: Flow,
    /// Where the destination is a service: the packet as policy sees it, after destination NAT, for each of its backends.
    ///
    /// `preDNAT` policy of a host endpoint is asked about these packets too, not about the service's address.
    pub backends: Option<Vec<Flow>>,
}

impl<'a> Question<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// In words: it is no JSON object, `from` or `to` is missing, or a member is not what it should be.
    pub fn parse(line: &'a str) -> Result<Self, String> {
        if !line.trim_start().starts_with('{') {
            return Err("the line is no JSON object: write {\"from\": …, \"to\": …, \"port\": …}".to_owned());
        }
        serde_json::from_str(line).map_err(|error| {
            let text = error.to_string();
            let (message, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            if error.column() == 0 { message.to_owned() } else { format!("{message} at column {}", error.column()) }
        })
    }
}

impl Question<'_> {
    /// The packet between two ends.
    ///
    /// The family is the one asked for, or implied by ICMP or ICMPv6, or else the first in the order of the destination's addresses that
    /// both ends have.
    ///
    /// # Errors
    /// In words: no port where one is needed, or no family that both ends have.
    pub fn resolve(&self, world: &World, from: &Party, to: &Party) -> Result<Resolved, String> {
        let protocol = self.protocol.unwrap_or(Protocol::TCP);
        let (src, dst) = self.addresses(protocol, from, to)?;
        let mut flow = Flow::new(src, dst, protocol);
        if protocol.has_ports() {
            flow.port = self.port.ok_or_else(|| format!("\"port\" is missing: {protocol} needs one"))?;
            flow.source_port = self.source_port.unwrap_or(flow.source_port);
        } else if matches!(protocol, Protocol::ICMP | Protocol::ICMPV6) {
            flow.icmp = (self.icmp_type.unwrap_or(flow.icmp.0), self.icmp_code.unwrap_or(flow.icmp.1));
        }
        Ok(Resolved { flow, backends: backends(world, &flow) })
    }

    fn addresses(&self, protocol: Protocol, from: &Party, to: &Party) -> Result<(IpAddr, IpAddr), String> {
        let Some(family) = self.family.or(protocol.family()) else {
            let both = |dst: &IpAddr| Some((from.address(Family::of(*dst))?, *dst));
            return to.addresses.iter().find_map(both).ok_or_else(|| {
                let (from_family, to_family) = (Family::of(from.addresses[0]), Family::of(to.addresses[0]));
                format!("{} has {from_family} addresses alone, {} has {to_family} alone", from.name, to.name)
            });
        };
        let of = |party: &Party| party.address(family).ok_or_else(|| format!("{} has no {family} address", party.name));
        Ok((of(from)?, of(to)?))
    }
}

/// The packets that a service's backends receive; `None` where the destination is no service: a pod's address is that pod's, and a node's own
/// address is the node's but for the ports at which a service has it too.
fn backends(world: &World, flow: &Flow) -> Option<Vec<Flow>> {
    if world.plan().pods.contains_key(&flow.dst) {
        return None;
    }
    let port_of = |service: &Service| {
        let port = service.ports.iter().find(|port| port.protocol == flow.protocol && port.port == flow.port)?;
        Some(port.name.clone())
    };
    let mut found = None;
    for service in world.services_at(flow.dst) {
        found = Some((service, port_of(service)));
        if matches!(found, Some((_, Some(_)))) {
            break;
        }
    }
    let (service, port) = found?;
    let Some(name) = port else {
        return (!world.plan().node_addresses.contains_key(&flow.dst)).then(Vec::new);
    };
    let mut backends = Vec::new();
    for slice in world.slices_of(&service.meta.key) {
        for port in slice.ports.iter().filter(|port| port.name == name && port.protocol == flow.protocol) {
            let family = Family::of(flow.dst);
            for address in slice.addresses.iter().map(IpAddr::to_canonical).filter(|a| Family::of(*a) == family) {
                let backend = Flow { dst: address, port: port.port.unwrap_or(flow.port), ..*flow };
                if !backends.contains(&backend) {
                    backends.push(backend);
                }
            }
        }
    }
    Some(backends)
}

fn protocol<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Protocol>, D::Error> {
    struct Of;
    impl<'de> Visitor<'de> for Of {
        type Value = Option<Protocol>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name or number of a protocol")
        }
        fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
            Protocol::parse(name).map(Some).map_err(E::custom)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            self.visit_str(&number.to_string())
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Of)
}

fn family<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Family>, D::Error> {
    struct Of;
    impl<'de> Visitor<'de> for Of {
        type Value = Option<Family>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("4, 6, \"IPv4\" or \"IPv6\"")
        }
        fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
            parse_family(name).map(Some).map_err(E::custom)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            self.visit_str(&number.to_string())
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Of)
}

/// Reads `4`, `6`, `IPv4` or `IPv6`, in any case.
pub(crate) fn parse_family(text: &str) -> Result<Family, String> {
    match text.to_ascii_lowercase().as_str() {
        "4" | "ipv4" => Ok(Family::V4),
        "6" | "ipv6" => Ok(Family::V6),
        _ => Err(format!("{text:?} is no IP version: write 4, 6, IPv4 or IPv6")),
    }
}
