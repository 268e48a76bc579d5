//! A line.

use super::Names;
use margay_dataplane::{LoggedPacket, Reason, Verdict};
use serde::Serialize;
use smol_str::SmolStr;
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

/// A line of the flow log.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// Packets of a flow.
    Flow(Box<FlowLine>),
    /// Lines that were left out.
    Dropped {
        /// When.
        time: String,
        /// The node.
        node: String,
        /// How many.
        dropped: u64,
    },
}

/// Packets of a flow.
#[derive(Debug, Serialize)]
pub struct FlowLine {
    time: String,
    node: String,
    verdict: &'static str,
    direction: String,
    policy: Option<String>,
    rule: Option<u16>,
    tier: Option<SmolStr>,
    why: String,
    src: End,
    dst: End,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<Icmp>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct End {
    pod: Option<SmolStr>,
    namespace: Option<SmolStr>,
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct Icmp {
    r#type: u8,
    code: u8,
}

impl End {
    fn of(ip: IpAddr, port: Option<u16>, names: &Names) -> Self {
        let pod = names.pod(ip);
        let namespace = pod.as_ref().map(|key| key.namespace.clone());
        Self { pod: pod.map(|key| key.name), namespace, ip, port }
    }
}

impl Line {
    pub(crate) fn of(packet: &LoggedPacket, count: u64, node: &str, time: SystemTime, names: &Names) -> Self {
        let verdict = match packet.verdict {
            Verdict::Deny => "deny",
            Verdict::Log => "log",
        };
        let (mut policy, mut rule, mut tier) = (None, None, None);
        let why = match &packet.reason {
            Reason::Rule { policy: name, index } => {
                let known = names.policy(name);
                let title = known
                    .as_ref()
                    .map_or_else(|| format!("a policy that is gone ({name})"), |known| known.title.clone());
                rule = Some(*index);
                tier = known.as_ref().map(|known| known.tier.clone()).filter(|tier| !tier.is_empty());
                policy = known.map(|known| known.title);
                let does = if packet.verdict == Verdict::Deny { "denies" } else { "logs" };
                format!("{} rule {index} of {title} {does} it", packet.direction)
            }
            Reason::TierEnd { tier: name } => {
                tier = Some(name.as_str().into());
                format!(
                    "policies of tier {name} select the endpoint, and none of their {} rules allows it",
                    packet.direction
                )
            }
            Reason::NoProfile => "no policy decides on it, and no profile of the endpoint allows it".to_owned(),
            Reason::UnknownPod => {
                "an address in this node's pod CIDR that no known pod has (unknownPods is deny)".to_owned()
            }
        };
        let (source, destination) =
            (packet.header.ports.map(|ports| ports.0), packet.header.ports.map(|ports| ports.1));
        Line::Flow(Box::new(FlowLine {
            time: utc(time),
            node: node.into(),
            verdict,
            direction: packet.direction.to_string(),
            policy,
            rule,
            tier,
            why,
            src: End::of(packet.header.source, source, names),
            dst: End::of(packet.header.destination, destination, names),
            protocol: packet.header.protocol.to_string(),
            icmp: packet.header.icmp.map(|(kind, code)| Icmp { r#type: kind, code }),
            count,
        }))
    }

    pub(crate) fn dropped(node: &str, time: SystemTime, dropped: u64) -> Self {
        Line::Dropped { time: utc(time), node: node.into(), dropped }
    }
}

fn utc(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// As JSON.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
