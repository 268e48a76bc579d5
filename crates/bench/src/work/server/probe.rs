//! Packets that tell when policy changes: one after the other to a port that policy opens and closes.
//!
//! Nothing answers, so that to the kernel each is of a new flow. Behind each goes one to a port that is open always, on the same way and the same CPU: when
//! that one has arrived, it is known whether the one before it has, without waiting for what does not come.

use super::objects::{CLIENT, OPEN, TURNED, VICTIM};
use margay_lab::fabric::Fabric;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// The pause between two packets.
const PAUSE: Duration = Duration::from_micros(50);
/// A packet that a commit overtakes is dropped: then the pair is sent again.
const LOST: Duration = Duration::from_millis(5);

/// A packet that met another policy than the one before it.
pub(crate) struct Turn {
    /// When it was sent.
    pub(crate) at: Instant,
    /// Whether it arrived.
    pub(crate) passes: bool,
}

/// Sends packets while `work` goes on, and tells it of each turn.
pub(crate) fn watched(fabric: &Fabric, work: impl FnOnce(&Receiver<Turn>)) {
    let (tell, turns) = channel();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| fabric.pod(0).enter(|| send(fabric, &stop, &tell)).expect("the client's namespace"));
        work(&turns);
        stop.store(true, Ordering::Relaxed);
    });
}

fn send(fabric: &Fabric, stop: &AtomicBool, tell: &Sender<Turn>) {
    let mut cpu = CpuSet::new();
    cpu.set(0).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cpu)).expect("the first CPU is there");
    let client = UdpSocket::bind((CLIENT, 0)).expect("the client's address");
    let bind = |port| fabric.pod(1).enter(|| UdpSocket::bind((VICTIM, port))).expect("the victim's namespace");
    let [turned, open] = [TURNED, OPEN].map(|port| bind(port).expect("the victim's address"));
    open.set_read_timeout(Some(LOST)).and_then(|()| turned.set_nonblocking(true)).expect("sockets of ours");
    let (mut before, mut buffer) = (false, [0; 8]);
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (at, bytes) = (Instant::now(), number.to_be_bytes());
        let sent = [TURNED, OPEN].map(|port| client.send_to(&bytes, (VICTIM, port)).is_ok());
        // Of an earlier pair something may be left.
        let mut arrives = |socket: &UdpSocket| loop {
            match socket.recv(&mut buffer) {
                Ok(_) if buffer == bytes => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        };
        if sent != [true; 2] || !arrives(&open) {
            continue;
        }
        let passes = arrives(&turned);
        if passes != before && tell.send(Turn { at, passes }).is_err() {
            return;
        }
        before = passes;
        std::thread::sleep(PAUSE);
    }
}
