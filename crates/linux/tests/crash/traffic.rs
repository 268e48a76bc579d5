//! Packets under way all the time: on one port none may ever pass, on another each must.

use crate::states::{ATTACKER, CLOSED, OPEN, VICTIM};
use margay_lab::fabric::Fabric;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Packets to the closed port for each to the open one.
const BURST: u32 = 8;
/// Every so often the node forgets all connections, so that its table of them does not fill up.
const FORGET: u32 = 4096;
/// A packet that takes longer than this is sent once more: a commit that overtakes a packet on its way through the rules may drop it.
const AGAIN: Duration = Duration::from_millis(100);
/// After so many times it can't be that. Only a failing test waits for it.
const ATTEMPTS: u32 = 100;

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// To the closed port; none arrived.
    pub(crate) closed: u32,
    /// To the open port, each the first of its connection; all arrived.
    pub(crate) open: u32,
    /// How often one had to be sent again.
    pub(crate) again: u32,
}

/// Sends until told to stop. The attacker is pod 0 of the fabric, the victim pod 1.
///
/// # Panics
/// When a packet passes that no state lets through, or one does not that every state lets through.
pub(crate) fn run(fabric: &Fabric, stop: &AtomicBool) -> Sent {
    let bind = |pod: usize, address: [u8; 4], port: u16| {
        let socket = fabric.pod(pod).enter(|| UdpSocket::bind((Ipv4Addr::from(address), port)));
        socket.expect("the pod's namespace").expect("the pod's address")
    };
    let (closed, open) = (bind(1, VICTIM, CLOSED), bind(1, VICTIM, OPEN));
    closed.set_nonblocking(true).expect("a socket of ours");
    open.set_read_timeout(Some(AGAIN)).expect("a socket of ours");
    let attacker = bind(0, ATTACKER, 0);
    let to = |port| (Ipv4Addr::from(VICTIM), port);
    let mut sent = Sent::default();
    let mut buffer = [0; 8];
    // One thread of the attacker's namespace makes a socket for each new connection.
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..BURST {
                attacker.send_to(&[0], to(CLOSED)).expect("a packet to the closed port");
                sent.closed += 1;
            }
            let fresh = UdpSocket::bind((Ipv4Addr::from(ATTACKER), 0)).expect("the attacker's address");
            let number = sent.open.to_be_bytes();
            let mut arrives = || {
                fresh.send_to(&number, to(OPEN)).expect("a packet to the open port");
                std::iter::from_fn(|| open.recv(&mut buffer).ok().map(|length| buffer[..length] == number)).any(|it| it)
            };
            let again = (0..ATTEMPTS).find(|_| arrives());
            sent.again += again.unwrap_or_else(|| panic!("packet {} to the open port does not arrive", sent.open));
            sent.open += 1;
            match closed.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => panic!("after {} packets to the closed port, one passed: {other:?}", sent.closed),
            }
            if sent.open.is_multiple_of(FORGET) {
                fabric.flush_conntrack().expect("forgetting connections");
            }
        }
        sent
    };
    fabric.pod(0).enter(work).expect("the attacker's namespace")
}
