//! Connections.

use crate::namespace::{commit, loopback_up, with_table};
use margay_nftables::conntrack::{Conntrack, Endpoints, Status};
use margay_nftables::expr::{CtKey, CtState};
use margay_nftables::*;
use std::net::{TcpListener, TcpStream, UdpSocket};

#[test]
fn connections_are_listed_and_deleted() {
    with_table(|connection, table| {
        loopback_up();
        let mark = Rule::new()
            .with(expr::Immediate::Data { dreg: expr::Reg::R0, data: Data::host32(0x99) })
            .with(expr::Ct::Set { key: CtKey::Mark, direction: None, sreg: expr::Reg::R0 });
        commit(connection, |batch| {
            // Looking at the state is what turns connection tracking on in a namespace.
            batch.add_chain(table, &Chain::base("out", BaseChain::filter(Hook::Output, 0)));
            batch.add_rule(table, "out", &Rule::new().ct_state(CtState::NEW).counter());
            batch.add_rule(table, "out", &mark);
        });
        let mut conntrack = Conntrack::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (tcp, port) =
            (TcpStream::connect(listener.local_addr().unwrap()).unwrap(), listener.local_addr().unwrap().port());
        let udp = UdpSocket::bind("[::1]:0").unwrap();
        udp.send_to(b"x", "[::1]:9").unwrap();

        let all = conntrack.list().unwrap();
        let of = |protocol| *all.iter().find(|c| c.original.protocol == protocol).unwrap();
        let (six, seventeen) = (of(6), of(17));
        let source = tcp.local_addr().unwrap().port();
        assert_eq!(six.original.endpoints, Endpoints::Ports { source, destination: port });
        assert_eq!(six.reply.endpoints, Endpoints::Ports { source: port, destination: source });
        assert_eq!((six.mark, six.zone, six.tcp_state), (0x99, 0, Some(3)));
        assert!(six.status.contains(Status::ASSURED | Status::CONFIRMED | Status::SEEN_REPLY));
        assert!(six.original.source.is_ipv4() && seventeen.original.source.is_ipv6());
        assert_ne!(six.id, 0);

        // Another one of the same tuple is not touched.
        let other = margay_nftables::conntrack::Connection { id: seventeen.id ^ 1, ..seventeen };
        assert!(!conntrack.delete(&other).unwrap());
        for connection in [six, seventeen] {
            assert!(conntrack.delete(&connection).unwrap());
            assert!(!conntrack.delete(&connection).unwrap());
        }
        let left = conntrack.list().unwrap();
        assert!(!left.iter().any(|c| c.id == six.id || c.id == seventeen.id), "{left:?}");
        drop(tcp);
    });
}

#[test]
fn zones_tell_connections_apart() {
    with_table(|connection, table| {
        loopback_up();
        let zone = Rule::new()
            .with(expr::Immediate::Data { dreg: expr::Reg::R0, data: Data::host16(5) })
            .with(expr::Ct::Set { key: CtKey::Zone, direction: None, sreg: expr::Reg::R0 });
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::base("raw", BaseChain::filter(Hook::Output, -300)));
            batch.add_rule(table, "raw", &zone);
            batch.add_chain(table, &Chain::base("out", BaseChain::filter(Hook::Output, 0)));
            batch.add_rule(table, "out", &Rule::new().ct_state(CtState::NEW).counter());
        });
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.send_to(b"x", "127.0.0.1:9").unwrap();
        let mut conntrack = Conntrack::open().unwrap();
        let zoned = conntrack.list().unwrap().into_iter().find(|c| c.original.protocol == 17 && c.zone == 5).unwrap();
        // In the default zone there is none such.
        let other = margay_nftables::conntrack::Connection { zone: 0, ..zoned };
        let default_zone: Vec<_> =
            conntrack.list().unwrap().into_iter().filter(|c| c.zone == 0 && c.id == zoned.id).collect();
        assert_eq!(default_zone, []);
        let _ = conntrack.delete(&other);
        assert!(conntrack.list().unwrap().iter().any(|c| c.id == zoned.id));
        assert!(conntrack.delete(&zoned).unwrap());
    });
}
