//! Which probes may be under way together.

use std::collections::HashMap;
use std::net::IpAddr;

use super::packet::Packet;
use super::transport::protocol;

/// What connection tracking takes for one connection, in whichever direction: protocol and both ends.
type Connection = (u8, (IpAddr, u16), (IpAddr, u16));

/// Splits packets into rounds, so that no two of one round are the same connection to the kernel: the second would be let
/// through as part of the first, whatever the policy says. Almost always there is one round; a protocol without ports makes
/// a second when probed in both directions.
pub(super) fn rounds<'a>(packets: impl Iterator<Item = (IpAddr, IpAddr, &'a Packet)>) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut seen: HashMap<Connection, usize> = HashMap::new();
    for (index, (source, destination, packet)) in packets.enumerate() {
        let round = seen.entry(connection(source, destination, packet)).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*round].push(index);
        *round += 1;
    }
    rounds
}

fn connection(source: IpAddr, destination: IpAddr, packet: &Packet) -> Connection {
    let number = |at: usize| u16::from_be_bytes([packet.body()[at], packet.body()[at + 1]]);
    let (from, to) = match packet.protocol() {
        protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP => (number(0), number(2)),
        protocol::ICMP | protocol::ICMPV6 => (number(4), number(4)),
        _ => (0, 0),
    };
    let (a, b) = ((source, from), (destination, to));
    (packet.protocol(), a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::*;

    #[test]
    fn same_connections_are_kept_apart() {
        let tcp = |source_port, port| Transport::Tcp { source_port, port };
        let udp = |source_port, port| Transport::Udp { source_port, port };
        let gre = Transport::Other { protocol: 47 };
        let echo = Transport::Icmp { kind: 8, code: 0 };
        type Row<'a> = (&'a [(u8, u8, Transport)], &'a [&'a [usize]]);
        let table: &[Row<'_>] = &[
            (&[], &[]),
            (
                &[(1, 2, tcp(Some(40000), 80)), (1, 2, tcp(Some(40000), 81)), (2, 1, tcp(Some(40000), 80))],
                &[&[0, 1, 2]],
            ),
            (&[(1, 2, tcp(Some(40000), 80)), (1, 2, udp(Some(40000), 80))], &[&[0, 1]]),
            (&[(1, 2, tcp(Some(40000), 80)), (1, 2, tcp(Some(40000), 80))], &[&[0], &[1]]),
            (&[(1, 2, tcp(None, 80)), (1, 2, tcp(None, 80))], &[&[0, 1]]),
            (&[(1, 2, udp(Some(53), 80)), (2, 1, udp(Some(80), 53)), (1, 3, udp(Some(53), 80))], &[&[0, 2], &[1]]),
            (&[(1, 2, gre), (2, 1, gre), (1, 2, gre), (1, 3, gre)], &[&[0, 3], &[1], &[2]]),
            (&[(1, 2, echo), (2, 1, echo), (1, 2, echo)], &[&[0, 1, 2]]),
        ];
        for (probes, expected) in table {
            let address = |last: u8| IpAddr::from([10, 0, 0, last]);
            let packets: Vec<_> = probes
                .iter()
                .zip(1..)
                .map(|((a, b, t), tag)| {
                    (address(*a), address(*b), Packet::new(address(*a), address(*b), *t, tag).unwrap())
                })
                .collect();
            assert_eq!(rounds(packets.iter().map(|(a, b, p)| (*a, *b, p))), *expected, "{probes:?}");
        }
    }
}
