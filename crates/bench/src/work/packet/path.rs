//! A node with two pods, and packets from the one to the other.

use super::Of;
use margay_lab::fabric::{Fabric, Namespace, Node, Pod, Topology, Wiring};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::Instant;

pub(super) const SENDER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(super) const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(super) const RECEIVER_ID: &str = "shop/receiver";
const PORT: u16 = 9;
/// Packets of a round: each of its own source port, where they are to be of new connections.
const PACKETS: u16 = 16_000;
const FIRST_SOURCE_PORT: u16 = 20_000;
/// Packets that one system call sends.
const AT_ONCE: usize = 64;
/// IPv4 and UDP headers, and a few bytes more.
const LENGTH: usize = 46;

/// The way from one pod to the other.
pub(super) struct Path {
    fabric: Fabric,
    sender: Socket,
    /// Whose buffer is full, so that each packet that arrives is counted and dropped.
    _receiver: Socket,
    answerer: Socket,
}

impl Path {
    pub(super) fn build() -> Self {
        let pod = |id: &str, address: Ipv4Addr| Pod { id: id.into(), node: 0, addresses: vec![address.into()] };
        let node = Node {
            name: "node".into(),
            addresses: vec![[172, 18, 0, 1].into()],
            gateways: vec![],
            uplink: "eth0".into(),
            switched: false,
        };
        let pods = vec![pod("shop/sender", SENDER), pod(RECEIVER_ID, RECEIVER)];
        let fabric = Fabric::build(&Topology { wiring: Wiring::Routed, nodes: vec![node], pods });
        let fabric = fabric.expect("network namespaces; run as root");
        let raw = |to: Ipv4Addr| {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
            socket.connect(&SockAddr::from(SocketAddrV4::new(to, 0)))?;
            Ok::<_, std::io::Error>(socket)
        };
        let bound = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            socket.set_recv_buffer_size(1)?;
            socket.bind(&SockAddr::from(SocketAddrV4::new(RECEIVER, PORT)))?;
            Ok::<_, std::io::Error>(socket)
        };
        let within = |pod: usize, make: &(dyn Fn() -> std::io::Result<Socket> + Sync)| {
            fabric.pod(pod).enter(make).expect("the pod's namespace").expect("a socket")
        };
        let sender = within(0, &|| raw(RECEIVER));
        let (receiver, answerer) = (within(1, &bound), within(1, &|| raw(SENDER)));
        Self { fabric, sender, _receiver: receiver, answerer }
    }

    pub(super) fn node(&self) -> &Namespace {
        self.fabric.node(0)
    }

    /// Seconds that a packet takes, the mean of a round.
    pub(super) fn round(&self, of: Of) -> f64 {
        self.fabric.flush_conntrack().expect("connections forgotten");
        let port = |packet: u16| if of == Of::New { FIRST_SOURCE_PORT + packet } else { FIRST_SOURCE_PORT };
        let packets: Vec<[u8; LENGTH]> =
            (0..PACKETS).map(|packet| udp((SENDER, port(packet)), (RECEIVER, PORT))).collect();
        if of == Of::Established {
            self.sender.send(&packets[0]).expect("a packet that begins the connection");
            let answer = udp((RECEIVER, PORT), (SENDER, FIRST_SOURCE_PORT));
            self.answerer.send(&answer).expect("its answer");
        }
        let messages: Vec<[IoSlice<'_>; 1]> = packets.iter().map(|packet| [IoSlice::new(packet)]).collect();
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(AT_ONCE, None);
        let (descriptor, nowhere) = (self.sender.as_raw_fd(), [None; AT_ONCE]);
        let before = self.arrived();
        let start = Instant::now();
        for some in messages.chunks(AT_ONCE) {
            let sent = sendmmsg(descriptor, &mut headers, some, nowhere, [], MsgFlags::empty());
            assert_eq!(sent.expect("packets sent").count(), some.len(), "packets of one system call");
        }
        let took = start.elapsed();
        // The last ones may still be with the CPU's softirq thread.
        let arrived = (0..100).map(|_| self.arrived() - before).find(|arrived| *arrived == u64::from(PACKETS));
        assert!(arrived.is_some(), "{} of {PACKETS} packets arrived", self.arrived() - before);
        took.as_secs_f64() / f64::from(PACKETS)
    }

    /// Packets that the pod delivered to a protocol (`InDelivers` of `/proc/net/snmp`).
    fn arrived(&self) -> u64 {
        let read = || std::fs::read_to_string("/proc/thread-self/net/snmp");
        let text = self.fabric.pod(1).enter(read).expect("the pod's namespace").expect("the pod's counters");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Ip: ")).map(|line| line.split(' '));
        let (mut names, mut values) = (lines.next().expect("names of counters"), lines.next().expect("counters"));
        let place = names.position(|name| name == "InDelivers").expect("a counter of every kernel");
        values.nth(place).and_then(|value| value.parse().ok()).expect("a number")
    }
}

/// A packet with its IPv4 header, whose checksum the kernel fills in; that of UDP may be zero.
fn udp((source, source_port): (Ipv4Addr, u16), (destination, port): (Ipv4Addr, u16)) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[0] = 0x45; // version 4, five words of header
    packet[2..4].copy_from_slice(&(LENGTH as u16).to_be_bytes());
    packet[6] = 0x40; // not to be fragmented
    packet[8] = 64; // time to live
    packet[9] = 17; // UDP
    packet[12..16].copy_from_slice(&source.octets());
    packet[16..20].copy_from_slice(&destination.octets());
    packet[20..22].copy_from_slice(&source_port.to_be_bytes());
    packet[22..24].copy_from_slice(&port.to_be_bytes());
    packet[24..26].copy_from_slice(&(LENGTH as u16 - 20).to_be_bytes());
    packet
}
