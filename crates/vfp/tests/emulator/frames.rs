//! Frames as a TAP device gives them.

use crate::support::bridge;
use margay_net::Protocol;
use margay_vfp::Direction::{In, Out};
use margay_vfp::{Fragment, Frame, FrameError, Icmp, Packet, TcpFlags, Why};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &kind.to_be_bytes(), payload].concat()
}

/// An IPv4 packet: its flags and offset word, protocol, payload.
fn v4(fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let [t0, t1] = total.to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    let header = [0x45, 0, t0, t1, 0x12, 0x34, f0, f1, 64, protocol, 0, 0, 10, 0, 0, 20, 10, 0, 0, 10];
    [&header[..], payload].concat()
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    let ends = ["fd00::20", "fd00::10"].map(|text| text.parse::<Ipv6Addr>().expect("an address").octets());
    [&[0x60, 0, 0, 0, l0, l1, next, 64][..], &ends[0], &ends[1], payload].concat()
}

fn ports(source: u16, destination: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[..2].copy_from_slice(&source.to_be_bytes());
    bytes[2..4].copy_from_slice(&destination.to_be_bytes());
    bytes
}

fn packet(protocol: u8, family: u8) -> Packet {
    let ends: [IpAddr; 2] = match family {
        4 => [Ipv4Addr::new(10, 0, 0, 20).into(), Ipv4Addr::new(10, 0, 0, 10).into()],
        _ => ["fd00::20", "fd00::10"].map(|text| text.parse().expect("an address")),
    };
    Packet { icmp: Icmp::default(), ..Packet::new(Protocol(protocol), ends[0], ends[1]) }
}

#[test]
fn what_is_read() {
    let mut syn = ports(40000, 80, 20);
    syn[13] = 2;
    let tcp = packet(6, 4).ports(40000, 80).flags(TcpFlags::SYN);
    let udp = ports(40000, 53, 8);
    let echo = [8, 0, 0, 0, 0, 7, 0, 1];
    let icmp = Packet { icmp: Icmp { kind: 8, code: 0, id: 7 }, ..packet(1, 4) };
    let solicit = Packet { icmp: Icmp { kind: 135, code: 0, id: 0 }, ..packet(58, 6) };
    let tagged = [&[0, 7, 0x08, 0][..], &v4(0, 6, &syn)].concat();
    let padded = [v4(0, 17, &udp), vec![0; 18]].concat();
    let options = |next: u8| [next, 0, 0, 0, 0, 0, 0, 0];
    let part = |next: u8, word: u16| [next, 0, word.to_be_bytes()[0], word.to_be_bytes()[1], 0, 0, 0, 9];
    let table = [
        (ethernet(0x0800, &v4(0, 6, &syn)), tcp),
        (ethernet(0x0800, &v4(0x4000, 6, &syn)), tcp),
        (ethernet(0x8100, &tagged), tcp),
        (ethernet(0x0800, &padded), packet(17, 4).ports(40000, 53)),
        (ethernet(0x0800, &v4(0, 132, &ports(1, 2, 12))), packet(132, 4).ports(1, 2)),
        (ethernet(0x0800, &v4(0, 1, &echo)), icmp),
        (
            ethernet(0x0800, &v4(0, 1, &[3, 1, 0, 0, 0, 7, 0, 1])),
            Packet { icmp: Icmp { kind: 3, code: 1, id: 0 }, ..packet(1, 4) },
        ),
        (ethernet(0x0800, &v4(0, 47, &[])), packet(47, 4)),
        (
            ethernet(0x0800, &v4(0x2000, 17, &udp)),
            Packet { fragment: Fragment::First(0x1234), ..packet(17, 4).ports(40000, 53) },
        ),
        (ethernet(0x0800, &v4(0x0001, 17, &udp)), Packet { fragment: Fragment::Later(0x1234), ..packet(17, 4) }),
        (ethernet(0x86dd, &v6(6, &syn)), packet(6, 6).ports(40000, 80).flags(TcpFlags::SYN)),
        (ethernet(0x86dd, &v6(58, &[135, 0, 0, 0])), solicit),
        (ethernet(0x86dd, &v6(0, &[&options(60)[..], &options(17), &udp].concat())), packet(17, 6).ports(40000, 53)),
        (
            ethernet(0x86dd, &v6(44, &[&part(17, 1)[..], &udp].concat())),
            Packet { fragment: Fragment::First(9), ..packet(17, 6).ports(40000, 53) },
        ),
        (
            ethernet(0x86dd, &v6(44, &[&part(17, 8)[..], &udp].concat())),
            Packet { fragment: Fragment::Later(9), ..packet(17, 6) },
        ),
        (ethernet(0x86dd, &v6(44, &[&part(17, 0)[..], &udp].concat())), packet(17, 6).ports(40000, 53)),
        (ethernet(0x86dd, &v6(59, &[])), packet(59, 6)),
    ];
    for (number, (bytes, packet)) in table.into_iter().enumerate() {
        assert_eq!(Frame::parse(&bytes), Ok(Frame::Ip(packet)), "row {number}");
    }
    assert_eq!(Frame::parse(&ethernet(0x0806, &[0; 28])), Ok(Frame::Other(0x0806)));
}

#[test]
fn what_can_not_be_read() {
    let udp = ports(1, 2, 8);
    let mut wrong_version = v4(0, 17, &udp);
    wrong_version[0] = 0x65;
    let mut short_header = v4(0, 17, &udp);
    short_header[0] = 0x44;
    let mut too_long = v4(0, 17, &udp);
    too_long[3] = 200;
    let mut too_short = v4(0, 17, &udp);
    too_short[3] = 19;
    let options = [0, 0, 0, 0, 0, 0, 0, 0];
    let table = [
        (vec![], FrameError::Short),
        (vec![0; 13], FrameError::Short),
        (ethernet(0x0800, &[]), FrameError::Short),
        (ethernet(0x0800, &wrong_version), FrameError::Header),
        (ethernet(0x0800, &short_header), FrameError::Header),
        (ethernet(0x0800, &too_long), FrameError::Short),
        (ethernet(0x0800, &too_short), FrameError::Header),
        (ethernet(0x0800, &v4(0, 6, &[0; 19])), FrameError::Short),
        (ethernet(0x0800, &v4(0x2000, 6, &[0; 8])), FrameError::Short),
        (ethernet(0x0800, &v4(0, 17, &[0; 7])), FrameError::Short),
        (ethernet(0x86dd, &v6(17, &udp)[..47]), FrameError::Short),
        (ethernet(0x86dd, &v6(0, &options.repeat(9))), FrameError::Deep),
        (ethernet(0x86dd, &v6(43, &[6, 200, 0, 0])), FrameError::Short),
    ];
    let net = bridge("13.3", &[]);
    for (number, (bytes, error)) in table.into_iter().enumerate() {
        assert_eq!(Frame::parse(&bytes), Err(error), "row {number}");
        assert_eq!(net.hns.process_frame(net.pod, In, &bytes).why, Why::Malformed, "row {number}");
    }
}

#[test]
fn frames_pass_as_packets_do() {
    let net = bridge("13.3", &[]);
    net.acls(&["1000 In Allow 17 LocalPorts 53", "65000 In Block 256", "65000 Out Block 256"]);
    let dns = ethernet(0x0800, &v4(0, 17, &ports(40000, 53, 8)));
    let other = ethernet(0x0800, &v4(0, 17, &ports(40000, 54, 8)));
    let arp = ethernet(0x0806, &[0; 28]);
    let decisions = net.hns.process_frames(net.pod, In, &[&dns, &other, &arp]);
    assert_eq!(decisions.iter().map(|decision| decision.why).collect::<Vec<_>>(), [Why::Rule, Why::Rule, Why::NotIp]);
    assert_eq!(decisions.iter().map(|decision| decision.allowed()).collect::<Vec<_>>(), [true, false, true]);
    let counters = net.hns.port_counters(net.pod).expect("the pod has a port");
    assert_eq!((counters.packets[0], counters.bytes[0], counters.dropped[0]), (2, (dns.len() + arp.len()) as u64, 1));
    assert_eq!(net.hns.process_frame(margay_hcn::Guid(9), Out, &dns).why, Why::NoPort);
}

proptest! {
    #[test]
    fn no_bytes_panic(
        kind in prop::sample::select(&[0x0800u16, 0x86dd, 0x8100, 0x88a8, 0x0806][..]),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        first in prop::option::of(prop::sample::select(&[0x45u8, 0x46, 0x4f, 0x60][..])),
    ) {
        let mut frame = ethernet(kind, &bytes);
        if let (Some(first), Some(byte)) = (first, frame.get_mut(14)) {
            *byte = first;
        }
        let _ = Frame::parse(&frame);
        for cut in 0..frame.len() {
            let _ = Frame::parse(&frame[..cut]);
        }
    }
}
