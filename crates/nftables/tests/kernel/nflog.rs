//! Logged packets.

use crate::namespace::{commit, loopback_up, with_table};
use margay_nftables::expr::{Log, MetaKey};
use margay_nftables::nflog::{Nflog, NflogConfig};
use margay_nftables::*;
use std::net::UdpSocket;
use std::time::Duration;

const BOUND: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn a_packet_is_seen_with_its_prefix() {
    with_table(|connection, table| {
        loopback_up();
        let rule =
            Rule::new().meta(MetaKey::L4Proto).eq(17).set_mark(0x42, u32::MAX).with(Log::nflog(7, "deny|a rule"));
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::base("out", BaseChain::filter(Hook::Output, 0)));
            batch.add_rule(table, "out", &rule);
        });
        let mut log = Nflog::open(&NflogConfig { threshold: 1, copy: 40, ..NflogConfig::new(7) }).unwrap();
        for address in ["127.0.0.1", "::1"] {
            let socket = UdpSocket::bind((address, 0)).unwrap();
            socket.send_to(b"hello and more than is copied", (address, 9)).unwrap();
        }
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let read = log
                .read(BOUND, |packet| {
                    assert_eq!((packet.prefix, packet.mark, packet.hook), (&b"deny|a rule"[..], 0x42, 3));
                    assert_eq!((packet.in_device, packet.out_device), (None, Some(1)));
                    assert_eq!(packet.payload.len(), 40);
                    seen.push((packet.protocol, packet.payload[0] >> 4, packet.sequence));
                })
                .unwrap();
            assert_eq!((read.lost, read.malformed), (0, 0));
            assert!(read.packets > 0, "nothing within the bound");
        }
        assert_eq!(seen, [(0x0800, 4, Some(0)), (0x86dd, 6, Some(1))]);
        // One listener each.
        let busy = Nflog::open(&NflogConfig::new(7)).unwrap_err();
        assert_eq!(busy.errno(), Some(Errno(nix::libc::EPERM)), "{busy}");
    });
}

#[test]
fn losses_are_counted() {
    with_table(|connection, table| {
        loopback_up();
        let rule = Rule::new().meta(MetaKey::L4Proto).eq(17).with(Log::nflog(7, "x"));
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::base("out", BaseChain::filter(Hook::Output, 0)));
            batch.add_rule(table, "out", &rule);
        });
        let mut log = Nflog::open(&NflogConfig { threshold: 1, buffer: 16 << 10, ..NflogConfig::new(7) }).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |count| {
            for _ in 0..count {
                socket.send_to(b"hello", "127.0.0.1:9").unwrap();
            }
        };
        send(1000);
        let first = log.read(BOUND, |_| ()).unwrap();
        assert!(first.packets < 1000 && first.lost > 0, "{first:?}");
        // The numbers tell exactly, as soon as one more comes.
        send(1);
        let second = log.read(BOUND, |_| ()).unwrap();
        assert_eq!(second.packets, 1);
        assert_eq!(first.packets as u64 + second.lost, 1000);
    });
}
