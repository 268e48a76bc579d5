//! Packets of the client to the victim.

use crate::world::{CLIENT, VICTIM};
use margay_lab::fabric::Fabric;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The port of the connection that lasts.
pub(crate) const STREAM: u16 = 8080;
/// The port that no policy opens, ever.
pub(crate) const CLOSED: u16 = 666;
/// How long an answer on an established connection may take. A packet that a commit drops is sent again by TCP.
const ANSWER: Duration = Duration::from_secs(10);
/// The pause between two packets of a stream.
const TICK: Duration = Duration::from_millis(2);

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passes {
    Always,
    Never,
}

fn bind(fabric: &Fabric, pod: usize, port: u16) -> UdpSocket {
    let address = [CLIENT, VICTIM][pod];
    let bound = fabric.pod(pod).enter(|| UdpSocket::bind((address, port)));
    bound.expect("the pod's namespace").expect("the pod's address")
}

/// Sends one datagram of a new flow. What is delivered is so when this returns: a veth pair carries it on the sender's CPU, but the receiver is asked for a
/// little while all the same, for that CPU may leave it to another.
pub(crate) fn passes(fabric: &Fabric, port: u16) -> Passes {
    let victim = bind(fabric, 1, port);
    let client = bind(fabric, 0, 0);
    victim.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket of ours");
    client.send_to(b"?", (VICTIM, port)).expect("a packet");
    match victim.recv(&mut [0; 8]) {
        Ok(_) => Passes::Always,
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Passes::Never,
        Err(error) => panic!("{error}"),
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// There and back on the connection.
    pub(crate) ticks: u64,
    /// To the port that is closed; none arrived.
    pub(crate) denied: u64,
}

/// One connection that lasts and flows that are denied, until told to stop. The connection is there when `begun` is called.
///
/// # Panics
/// When the connection breaks or is silent, or one of the others passes.
pub(crate) fn run(fabric: &Fabric, stop: &AtomicBool, begun: impl FnOnce()) -> Sent {
    let (mut client, mut victim) = connect(fabric);
    let closed = bind(fabric, 1, CLOSED);
    closed.set_nonblocking(true).expect("a socket of ours");
    begun();
    let mut sent = Sent::default();
    let mut burst = || {
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..8 {
                // A port of its own each time: no flow is one that was there before.
                let fresh = UdpSocket::bind((CLIENT, 0)).expect("the client's address");
                fresh.send_to(b"!", (VICTIM, CLOSED)).expect("a packet");
                sent.denied += 1;
            }
            let tick = sent.ticks.to_be_bytes();
            let (mut there, mut back) = ([0; 8], [0; 8]);
            let went = client.write_all(&tick).and_then(|()| victim.read_exact(&mut there));
            let came = went.and_then(|()| victim.write_all(&there)).and_then(|()| client.read_exact(&mut back));
            came.unwrap_or_else(|error| panic!("the connection is lost after {sent:?}: {error}"));
            assert_eq!(back, tick);
            sent.ticks += 1;
            match closed.recv(&mut [0; 8]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => panic!("a denied packet passed, after {sent:?}: {other:?}"),
            }
            std::thread::sleep(TICK);
        }
    };
    fabric.pod(0).enter(&mut burst).expect("the client's namespace");
    sent
}

fn connect(fabric: &Fabric) -> (TcpStream, TcpStream) {
    let listener = fabric.pod(1).enter(|| TcpListener::bind((VICTIM, STREAM))).expect("the victim's namespace");
    let listener = listener.expect("the victim's address");
    let connect = || TcpStream::connect_timeout(&(VICTIM, STREAM).into(), ANSWER);
    let client = fabric.pod(0).enter(connect).expect("the client's namespace").expect("policy lets it in");
    let (victim, _) = listener.accept().expect("it came");
    for stream in [&client, &victim] {
        stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.set_nodelay(true)).expect("a socket of ours");
    }
    (client, victim)
}
