//! Ports, layers, groups, rules and flows as text: the field names of vfpctrl's lists \[FIELD\], in our own order and words.

use crate::acl::{GroupName, VfpRule};
use crate::flow::{Flow, TTL};
use crate::object::{Endpoint, State};
use crate::port::Port;
use crate::{Direction, Emulator, Rules};
use margay_hcn::Guid;
use margay_net::Family;
use std::fmt::Write;
use std::time::Duration;

impl Emulator {
    /// Every port with its layers, groups, rules and flows.
    pub fn dump(&self) -> String {
        let now = self.clock().now();
        let state = self.state();
        state.endpoints.keys().map(|id| state.dump_port(*id, now)).collect()
    }
}

impl State {
    /// The port of an endpoint; empty of one that has none.
    pub(crate) fn dump_port(&self, endpoint: Guid, now: Duration) -> String {
        let mut text = String::new();
        if let (Some(endpoint), Some(port)) = (self.endpoints.get(&endpoint), self.ports.get(&endpoint)) {
            // Writing to a string does not fail.
            let _ = write_head(&mut text, endpoint, port);
            let _ = write_rules(&mut text, port);
            let _ = write_flows(&mut text, port, now);
        }
        text
    }
}

pub(crate) fn write_head(text: &mut impl Write, endpoint: &Endpoint, port: &Port) -> std::fmt::Result {
    let addresses: Vec<String> = endpoint.addresses.iter().map(|c| c.address.to_string()).collect();
    writeln!(text, "PORT : {:#}", endpoint.port)?;
    writeln!(text, "  Friendly name : {}", endpoint.name)?;
    writeln!(text, "  MAC address : {}", endpoint.mac)?;
    writeln!(text, "  IP address : {}", addresses.join(", "))?;
    writeln!(text, "  Port state : {}", if endpoint.state.is_attached() { "connected" } else { "not attached" })?;
    if let Some(decision) = port.rules.gate() {
        writeln!(text, "  Rules : not asked, every packet has {decision}")?;
    }
    writeln!(text, "  Generation : {}", port.generation)
}

pub(crate) fn write_rules(text: &mut impl Write, port: &Port) -> std::fmt::Result {
    for layer in &port.rules.layers {
        writeln!(text, "  LAYER : {}", layer.name)?;
        for (direction, family) in Direction::ALL.into_iter().flat_map(|way| Family::ALL.map(|family| (way, family))) {
            let group = &layer.groups[direction as usize];
            let name = GroupName { layer: layer.name, direction, family };
            writeln!(text, "    GROUP : {name}")?;
            writeln!(text, "      Direction : {}", direction.to_string().to_uppercase())?;
            writeln!(text, "      Type : {family}")?;
            writeln!(text, "      Match type : Priority-based match")?;
            writeln!(text, "      Default : {}", if group.closed { "block" } else { "allow" })?;
            for number in group.numbers(family) {
                write_rule(text, &port.rules, number, port.hits.get(number as usize).copied().unwrap_or(0))?;
            }
        }
    }
    Ok(())
}

fn write_rule(text: &mut impl Write, rules: &Rules, number: u32, hits: u64) -> std::fmt::Result {
    let Some(rule) = rules.rules().get(number as usize) else { return Ok(()) };
    writeln!(text, "      RULE : {number}")?;
    writeln!(text, "        Friendly name : {}", rule.id)?;
    writeln!(text, "        Priority : {}", rule.priority)?;
    writeln!(text, "        Flags : 3 terminating stateful")?;
    writeln!(text, "        Type : {}", rule.action)?;
    writeln!(text, "        Conditions : {}", conditions(rule))?;
    writeln!(text, "        Flow TTL : {}", TTL.as_secs())?;
    writeln!(text, "        Hits : {hits}")
}

/// What a rule matches, in VFP's terms: source and destination.
fn conditions(rule: &VfpRule) -> String {
    let condition = &rule.condition;
    let (local, remote) = (&condition.local, &condition.remote);
    let own = &condition.local_ports;
    let other = &condition.remote_ports;
    let (source, destination, from, to) = match rule.direction {
        Direction::In => (remote, local, other, own),
        Direction::Out => (local, remote, own, other),
    };
    let lists = [
        ("Protocols", list(&condition.protocols)),
        ("Source IP", list(&source.prefixes)),
        ("Source ports", ranges(from)),
        ("Source tags", local.sets.join(",")),
        ("Destination IP", list(&destination.prefixes)),
        ("Destination ports", ranges(to)),
        ("Destination tags", remote.sets.join(",")),
    ];
    let written = lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name} : {list}"));
    let written: Vec<String> = written.collect();
    if written.is_empty() { "<none>".into() } else { written.join("; ") }
}

fn list<T: ToString>(entries: &[T]) -> String {
    entries.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn ranges(ports: &[(u16, u16)]) -> String {
    let range = |(first, last): &(u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ports.iter().map(range).collect::<Vec<_>>().join(",")
}

pub(crate) fn write_flows(text: &mut impl Write, port: &Port, now: Duration) -> std::fmt::Result {
    let mut flows: Vec<&Flow> = port.flows.iter(now).collect();
    flows.sort_by_key(|flow| (flow.direction, flow.packet.to_string()));
    for flow in flows {
        let (way, packet, packets) = (flow.direction.to_string().to_uppercase(), flow.packet, flow.packets);
        writeln!(text, "  FLOW : {way} {packet}")?;
        writeln!(text, "    Decision : {}", flow.decision)?;
        writeln!(text, "    Generation : {}", flow.generation)?;
        writeln!(text, "    Packets : {packets}")?;
        writeln!(text, "    Answers : {}", if flow.paired { "with it" } else { "by their own rules" })?;
        writeln!(text, "    Expires in : {} s", flow.expires.saturating_sub(now).as_secs())?;
    }
    Ok(())
}
