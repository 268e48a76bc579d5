//! The language of vfpctrl: modifiers first, then a verb \[SRC: its help\].

use crate::dump::{write_flows, write_head, write_rules};
use crate::object::State;
use crate::{Decision, Direction, Emulator, Packet, Rules, TcpFlags, Why};
use margay_hcn::Guid;
use margay_net::Protocol;
use std::fmt::Write;

impl Emulator {
    /// Runs a command: `/list-vmswitch-port`, or `/port PORT` and one of `/list-rule`, `/list-unified-flow`, `/get-port-counter`,
    /// `/clear-port-flow-state`, `/match-tuple TUPLE`, `/process-tuples TUPLE[;TUPLE…]`. A port is named by its own id, its endpoint's id or name; a
    /// tuple is `PROTOCOL SOURCE PORT DESTINATION PORT in|out FLAG`, of ICMP with type and code in the place of ports, its flag the TCP flags of
    /// the packet, or 0 for one that opens a connection \[INF\].
    ///
    /// What can't be done is told by a text that begins with `ERROR: ` \[FIELD\].
    pub fn vfpctrl(&self, arguments: &[&str]) -> String {
        self.command(arguments).unwrap_or_else(|error| format!("ERROR: {error}\n"))
    }

    fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let now = self.clock().now();
        let mut state = self.state();
        let mut text = String::new();
        let (endpoint, verb) = match arguments {
            ["/list-vmswitch-port"] => {
                for (id, port) in state.endpoints.iter().filter_map(|(id, e)| Some((e, state.ports.get(id)?))) {
                    // Writing to a string does not fail.
                    let _ = write_head(&mut text, id, port);
                }
                return Ok(text);
            }
            ["/port", port, verb @ ..] => (state.find_port(port)?, verb),
            _ => return Err("the command is unknown".into()),
        };
        let port = state.ports.get_mut(&endpoint).ok_or("the port is gone")?;
        let _ = match verb {
            // HNS has told VFP nothing of them [INF].
            ["/list-rule"] if port.rules.gate().is_some_and(|decision| decision.why == Why::NotEnforced) => Ok(()),
            ["/list-rule"] => write_rules(&mut text, port),
            ["/list-unified-flow"] => write_flows(&mut text, port, now),
            ["/clear-port-flow-state"] => writeln!(text, "Flows : {} forgotten", port.forget_flows()),
            ["/get-port-counter"] => {
                let (packets, dropped) = (port.counters.packets, port.counters.dropped);
                writeln!(text, "IN : packets {}, dropped {}", packets[0], dropped[0])
                    .and_then(|()| writeln!(text, "OUT : packets {}, dropped {}", packets[1], dropped[1]))
            }
            ["/match-tuple", text_of_tuple] => {
                let (direction, packet) = tuple(text_of_tuple)?;
                let decision = port.rules.decide(direction, &packet);
                write_decision(&mut text, &port.rules, direction, &packet, &decision)
            }
            ["/process-tuples", tuples] => {
                for one in tuples.split(';') {
                    let (direction, packet) = tuple(one)?;
                    let decision = port.process(direction, &packet, 0, now);
                    let _ = write_decision(&mut text, &port.rules, direction, &packet, &decision);
                }
                Ok(())
            }
            _ => return Err("the command is unknown".into()),
        };
        Ok(text)
    }
}

impl State {
    /// The endpoint of a port.
    fn find_port(&self, name: &str) -> Result<Guid, String> {
        let id: Option<Guid> = name.parse().ok();
        let is = |endpoint: &&crate::object::Endpoint| {
            id.is_some_and(|id| id == endpoint.port || id == endpoint.id) || endpoint.name == name
        };
        let endpoint = self.endpoints.values().find(is).map(|endpoint| endpoint.id);
        endpoint.filter(|id| self.ports.contains_key(id)).ok_or_else(|| "there is no such port".into())
    }
}

fn write_decision(
    text: &mut String,
    rules: &Rules,
    direction: Direction,
    packet: &Packet,
    decision: &Decision,
) -> std::fmt::Result {
    writeln!(text, "TUPLE : {} {packet}", direction.to_string().to_uppercase())?;
    writeln!(text, "  {decision}")?;
    match rules.rule(decision) {
        Some(rule) => writeln!(text, "  {} : priority {}, {}", rule.id, rule.priority, rule.action),
        None => Ok(()),
    }
}

/// `PROTOCOL SOURCE PORT DESTINATION PORT in|out FLAG`.
fn tuple(text: &str) -> Result<(Direction, Packet), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [protocol, source, source_port, destination, destination_port, direction, flag] = words[..] else {
        return Err(format!("{text:?} is no tuple: PROTOCOL SOURCE PORT DESTINATION PORT in|out FLAG"));
    };
    let number = |word: &str| word.parse::<u16>().map_err(|_| format!("{word:?} is no number"));
    let address = |word: &str| word.parse().map_err(|_| format!("{word:?} is no address"));
    let direction = match direction {
        "in" => Direction::In,
        "out" => Direction::Out,
        other => return Err(format!("{other:?} is neither in nor out")),
    };
    let protocol = Protocol(u8::try_from(number(protocol)?).map_err(|_| format!("{protocol:?} is no protocol"))?);
    let (from, to, flag) = (number(source_port)?, number(destination_port)?, number(flag)?);
    let mut packet = Packet::new(protocol, address(source)?, address(destination)?);
    match protocol {
        Protocol::ICMP | Protocol::ICMPV6 => (packet.icmp.kind, packet.icmp.code) = (from as u8, to as u8),
        _ => packet = packet.ports(from, to),
    }
    if protocol == Protocol::TCP {
        packet.tcp = if flag == 0 { TcpFlags::SYN } else { TcpFlags(flag as u8) };
    }
    Ok((direction, packet))
}
