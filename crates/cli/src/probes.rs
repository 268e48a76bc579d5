//! Which packets are asked about between two ends, so that every answer is exact, and what the answers together say.

use crate::words;
use margay_api::Protocol;
use margay_net::PortSet;
use margay_policy::{Flow, Member, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;

/// Protocols whose ports are asked about.
const WITH_PORTS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];

/// Packets to ask about: one for each range of destination ports that no rule tells apart, and an echo request.
///
/// Source ports are 40000, so a rule about source ports is followed as it is for that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probes {
    list: Vec<Probe>,
    /// Together they are all there is to ask; otherwise a choice.
    complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    protocol: Protocol,
    first: u16,
    last: u16,
}

/// For each probe, whether it goes through.
pub(crate) type Connections = Vec<bool>;

/// A port as people name it: `80`, `udp/53`, `tcp/8000-8010`, `icmp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortChoice(Probe);

impl FromStr for PortChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is no port: write 80, udp/53, tcp/8000-8010 or icmp");
        if text.eq_ignore_ascii_case("icmp") {
            return Ok(Self(Probe { protocol: Protocol::ICMP, first: 0, last: 0 }));
        }
        let (protocol, ports) = text.split_once('/').unwrap_or(("TCP", text));
        let protocol = Protocol::parse(protocol).ok().filter(|protocol| protocol.has_ports()).ok_or_else(error)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self(Probe { protocol, first, last })),
            _ => Err(error()),
        }
    }
}

impl Probes {
    /// What the rules of some Plans tell apart; within the chosen ports, where there are any.
    pub(crate) fn of(plans: &[&Plan], chosen: &[PortChoice]) -> Self {
        let whole = |protocol| Probe { protocol, first: 1, last: u16::MAX };
        let mut within: Vec<Probe> = chosen.iter().map(|choice| choice.0).collect();
        if within.is_empty() {
            within = WITH_PORTS.map(whole).to_vec();
            within.push(Probe { protocol: Protocol::ICMP, first: 0, last: 0 });
        }
        let starts = starts(plans);
        let mut list = Vec::new();
        for Probe { protocol, first, last } in within {
            let cuts = starts.get(&protocol).into_iter().flatten().filter(|start| first < **start && **start <= last);
            let mut first = first;
            for start in cuts {
                list.push(Probe { protocol, first, last: start - 1 });
                first = *start;
            }
            list.push(Probe { protocol, first, last });
        }
        Self { list, complete: chosen.is_empty() }
    }

    /// How many packets are asked about.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether together they are all there is to ask.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The packets between two addresses of one family.
    pub(crate) fn flows(&self, src: IpAddr, dst: IpAddr) -> impl Iterator<Item = Flow> {
        self.list.iter().map(move |probe| match probe.protocol {
            Protocol::ICMP if dst.is_ipv6() => Flow::new(src, dst, Protocol::ICMPV6),
            protocol => Flow::new(src, dst, protocol).port(probe.first),
        })
    }

    /// Whether everything goes through that was asked about.
    pub(crate) fn is_all(connections: &Connections) -> bool {
        connections.iter().all(|allowed| *allowed)
    }

    /// Whether nothing does.
    pub(crate) fn is_none(connections: &Connections) -> bool {
        !connections.iter().any(|allowed| *allowed)
    }

    /// What goes through, in words, one for each protocol: `TCP 80, 443`, `UDP`, `ICMP`.
    pub(crate) fn words(&self, connections: &Connections) -> Vec<String> {
        if self.complete && Self::is_all(connections) {
            return vec!["everything".to_owned()];
        }
        let mut ports: BTreeMap<u8, (Vec<(u16, u16)>, bool)> = BTreeMap::new();
        for (probe, allowed) in self.list.iter().zip(connections) {
            let (open, all) = ports.entry(probe.protocol.0).or_insert((Vec::new(), true));
            *all &= allowed;
            if *allowed {
                open.push((probe.first, probe.last));
            }
        }
        // The order of people, not of numbers.
        let order =
            |protocol: &Protocol| WITH_PORTS.iter().position(|known| known == protocol).unwrap_or(WITH_PORTS.len());
        let mut words: Vec<_> = ports
            .into_iter()
            .filter(|(_, (open, _))| !open.is_empty())
            .map(|(protocol, (open, all))| {
                let protocol = Protocol(protocol);
                let open: PortSet = open.into_iter().map(|(first, last)| first..=last).collect();
                let word = match protocol {
                    Protocol::ICMP => "ICMP".to_owned(),
                    _ if all && self.complete => protocol.to_string(),
                    _ => format!("{protocol} {}", words::ports(&open, "and")),
                };
                (order(&protocol), word)
            })
            .collect();
        words.sort();
        words.into_iter().map(|(_, word)| word).collect()
    }
}

/// For each protocol, the ports at which a rule may begin to think differently.
fn starts(plans: &[&Plan]) -> BTreeMap<Protocol, BTreeSet<u16>> {
    let mut starts: BTreeMap<Protocol, BTreeSet<u16>> = BTreeMap::new();
    let mut cut = |protocol, first: u16, last: u16| {
        let starts = starts.entry(protocol).or_default();
        starts.insert(first);
        starts.extend(last.checked_add(1));
    };
    for plan in plans {
        for (_, policy) in plan.policies.iter() {
            for rule in policy.ingress.iter().chain(policy.egress.iter()) {
                let sides = [&rule.rule.destination.without_ports];
                let ports = rule.rule.destination.ports.iter().chain(sides);
                for range in ports.flat_map(|ports| ports.numbers.ranges()) {
                    for protocol in
                        WITH_PORTS.into_iter().filter(|p| rule.rule.protocol.is_none_or(|wanted| wanted == *p))
                    {
                        cut(protocol, *range.start(), *range.end());
                    }
                }
            }
        }
        for (_, set) in plan.sets.iter() {
            if set.key.kind == margay_policy::MemberKind::AddressPort {
                for member in set.members.iter() {
                    if let Member::AddressPort(_, protocol, port) = member {
                        cut(protocol, port, port);
                    }
                }
            }
        }
        for (protocol, port) in plan.settings.failsafe_ingress.iter().chain(&plan.settings.failsafe_egress) {
            if !plan.uplinks.is_empty() {
                cut(*protocol, *port, *port);
            }
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_chosen() {
        for (text, expected) in [
            ("80", Some((6, 80, 80))),
            ("udp/53", Some((17, 53, 53))),
            ("TCP/8000-8010", Some((6, 8000, 8010))),
            ("icmp", Some((1, 0, 0))),
            ("icmp/8", None),
            ("90-80", None),
            ("http", None),
            ("", None),
        ] {
            let found = text.parse::<PortChoice>().ok().map(|PortChoice(p)| (p.protocol.0, p.first, p.last));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn connections_are_put_into_words() {
        let probes = Probes::of(&[&Plan::default()], &[]);
        assert_eq!(probes.len(), 4);
        for (connections, expected) in [
            ([true, true, true, true], "everything"),
            ([true, false, false, true], "TCP; ICMP"),
            ([false, true, false, false], "UDP"),
            ([false, false, false, false], ""),
        ] {
            assert_eq!(probes.words(&connections.to_vec()).join("; "), expected);
        }
        let chosen = ["80".parse().unwrap(), "udp/53".parse().unwrap()];
        let probes = Probes::of(&[&Plan::default()], &chosen);
        assert_eq!(probes.words(&vec![true, true]).join("; "), "TCP 80; UDP 53");
    }
}
