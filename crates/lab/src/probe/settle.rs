//! Knowing that every packet sent so far has arrived or is gone for good.
//!
//! A packet crosses a veth pair or the loopback interface by the backlog of the CPU that sends it: one queue for each CPU,
//! first in, first out, worked off by that CPU (`enqueue_to_backlog` and `process_backlog` in the kernel's net/core/dev.c).
//! What the packet then causes, its next hop or the answer of the far kernel, goes to the end of the same queue. So, all
//! sent from one CPU:
//!
//! * a marker sent over the loopback interface comes back after everything that was queued before it has moved on by one
//!   hop, or was dropped;
//! * as many markers, each sent after the one before came back, as a packet and its answer have hops together: then nothing
//!   is under way any more.
//!
//! Whoever has not arrived by then was dropped. Time has no part in it, only order. What could break the order is checked:
//! the thread left its CPU, or a queue overflowed.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

use super::error::{Error, Result};
use crate::fabric::Namespace;

/// Markers for one settling. The longest way is pod, node, wire, node, pod, and back: 8 hops. An overlay's decapsulation adds a
/// stop in another queue of the same CPU on each way, which one marker may pass by once: 2 more each. Twice the sum is free.
const MARKERS: u64 = 24;

/// After this long without a marker, the machine is stuck, and the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that sends markers to itself, in a namespace without rules.
#[derive(Debug)]
pub(super) struct Marker {
    socket: UdpSocket,
    sent: u64,
    namespace: u64,
}

impl Marker {
    pub(super) fn open(namespace: &Namespace) -> Result<Marker> {
        let socket = namespace.enter(|| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(socket.local_addr()?)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok::<_, io::Error>(socket)
        })?;
        let namespace_error = |source| Error::Socket {
            doing: "opening the marker's socket".into(),
            namespace: namespace.label().into(),
            source,
        };
        Ok(Marker { socket: socket.map_err(namespace_error)?, sent: 0, namespace: namespace.serial() })
    }

    /// Whether it was opened in this namespace.
    pub(super) fn is_in(&self, namespace: &Namespace) -> bool {
        self.namespace == namespace.serial()
    }

    /// Returns when nothing that this thread's CPU sent is under way any more.
    pub(super) fn settle(&mut self, _pinned: &Pinned) -> Result<()> {
        (0..MARKERS).try_for_each(|_| self.pass()).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Error::Inconclusive(format!("a packet to the sender itself took more than {} s", PATIENCE.as_secs()))
            }
            _ => Error::Inconclusive(format!("sending a marker over the loopback interface failed: {source}")),
        })
    }

    fn pass(&mut self) -> io::Result<()> {
        self.sent += 1;
        self.socket.send(&self.sent.to_ne_bytes())?;
        let mut buffer = [0; 8];
        // A marker of an earlier settling that was given up may still be there.
        while u64::from_ne_bytes(buffer) != self.sent {
            match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => drop(other?),
            }
        }
        Ok(())
    }
}

/// Proof that the calling thread is tied to one CPU.
#[derive(Debug)]
pub(super) struct Pinned {
    cpu: usize,
    overflows: u64,
}

impl Pinned {
    /// Ties the calling thread, which ends soon, to the CPU it is on.
    pub(super) fn to_this_cpu() -> Result<Pinned> {
        let pin = || {
            let cpu = sched_getcpu()?;
            let mut set = CpuSet::new();
            set.set(cpu)?;
            sched_setaffinity(Pid::from_raw(0), &set)?;
            Ok(cpu)
        };
        let cpu = pin().map_err(|errno: nix::Error| {
            Error::Inconclusive(format!("the sending thread could not be tied to one CPU: {errno}"))
        })?;
        Ok(Pinned { cpu, overflows: overflows(cpu)? })
    }

    /// Checks that the order of packets was kept all the time since.
    pub(super) fn check(&self) -> Result<()> {
        if sched_getcpu() != Ok(self.cpu) {
            return Err(Error::Inconclusive(format!("the sending thread was moved away from CPU {}", self.cpu)));
        }
        match overflows(self.cpu)? - self.overflows {
            0 => Ok(()),
            lost => {
                Err(Error::Inconclusive(format!("the queue of CPU {} overflowed and lost {lost} packets", self.cpu)))
            }
        }
    }
}

/// How many packets the backlog of a CPU has lost since boot.
fn overflows(cpu: usize) -> Result<u64> {
    const FILE: &str = "/proc/net/softnet_stat";
    let text = fs::read_to_string(FILE).map_err(|e| Error::Inconclusive(format!("reading {FILE}: {e}")))?;
    overflows_in(&text, cpu).ok_or_else(|| Error::Inconclusive(format!("{FILE} has no line for CPU {cpu}")))
}

/// One line for each CPU that is online, in hexadecimal: the second column counts lost packets, the thirteenth (since
/// Linux 5.10) is the CPU's number; before, only the order tells.
fn overflows_in(text: &str, cpu: usize) -> Option<u64> {
    let number = |field: &str| u64::from_str_radix(field, 16).ok();
    text.lines().enumerate().find_map(|(line, fields)| {
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let this = fields.get(12).map_or(Some(line as u64), |field| number(field));
        if this == Some(cpu as u64) { number(fields.get(1)?) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_counts_are_found_by_cpu() {
        let new = "0a 00000003 0 0 0 0 0 0 0 0 0 0 00000000 0 0\n0b 0000001f 0 0 0 0 0 0 0 0 0 0 00000002 0 0\n";
        let old = "0a 00000003 0 0 0 0 0 0 0 0 0\n0b 00000010 0 0 0 0 0 0 0 0 0\n";
        let table =
            [(new, 0, Some(3)), (new, 2, Some(31)), (new, 1, None), (old, 1, Some(16)), (old, 2, None), ("", 0, None)];
        for (text, cpu, expected) in table {
            assert_eq!(overflows_in(text, cpu), expected, "{text:?} {cpu}");
        }
    }
}
