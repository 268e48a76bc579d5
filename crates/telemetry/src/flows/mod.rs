//! Denied flows, as lines of JSON.

mod line;
mod names;

pub use line::Line;
pub use names::{Names, NamesObserver};

use margay_dataplane::{Header, LoggedPacket, Reason, Verdict};
use margay_net::Protocol;
use margay_policy::Direction;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How long packets of a flow that has been told of are only counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Flows that are remembered at a time.
const MOST: usize = 4096;

/// What packets are one flow by: all but the source port, which is another with each attempt.
type FlowKey = (Verdict, Direction, Reason, IpAddr, IpAddr, Protocol, Option<u16>, Option<(u8, u8)>);

fn key(packet: &LoggedPacket) -> FlowKey {
    let Header { source, destination, protocol, ports, icmp } = packet.header;
    let port = ports.map(|(_, port)| port);
    (packet.verdict, packet.direction, packet.reason.clone(), source, destination, protocol, port, icmp)
}

/// What was told and what was not, for metrics. Clones are of the same log.
#[derive(Clone, Debug, Default)]
pub struct FlowCounters(Arc<[AtomicU64; 4]>);

impl FlowCounters {
    const NAMES: [&'static str; 4] =
        ["flow_log_packets", "flow_log_lines", "flow_log_dropped_lines", "flow_log_lost_packets"];

    fn add(&self, index: usize, number: u64) {
        self.0[index].fetch_add(number, Ordering::Relaxed);
    }

    /// Packets that were lost before they could be read.
    pub fn lost(&self, packets: u64) {
        self.add(3, packets);
    }

    /// Each by its name in metrics.
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        Self::NAMES.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}

/// Writes lines about flows: the first packet of one at once, those that follow within ten seconds as one line at their end, with how many they were. Never
/// more lines than it may in a second; what is left out is counted, and a line says so.
pub struct FlowLog<W> {
    node: String,
    names: Names,
    out: W,
    /// Lines a second.
    rate: u32,
    counters: FlowCounters,
    told: BTreeMap<FlowKey, Told>,
    budget: Budget,
    /// Lines left out since the last time that was said.
    dropped: u64,
}

/// A flow that has been told of.
struct Told {
    since: Instant,
    last: LoggedPacket,
    /// Packets since.
    more: u64,
}

/// Lines that may still be written in this second.
struct Budget {
    since: Instant,
    left: u32,
}

impl<W: Write> FlowLog<W> {
    /// Of a node, to `out`, so many lines in a second.
    pub fn new(node: &str, names: Names, out: W, rate: u32, now: Instant) -> Self {
        Self {
            node: node.into(),
            names,
            out,
            rate,
            counters: FlowCounters::default(),
            told: BTreeMap::new(),
            budget: Budget { since: now, left: rate },
            dropped: 0,
        }
    }

    /// What it has told.
    pub fn counters(&self) -> FlowCounters {
        self.counters.clone()
    }

    /// Takes in a packet.
    pub fn take(&mut self, packet: LoggedPacket, now: Instant, time: SystemTime) {
        self.counters.add(0, 1);
        let key = key(&packet);
        if let Some(told) = self.told.get_mut(&key) {
            told.more += 1;
            told.last = packet;
            return;
        }
        if self.told.len() >= MOST {
            return self.drop_line();
        }
        self.write(&packet, 1, now, time);
        self.told.insert(key, Told { since: now, last: packet, more: 0 });
    }

    /// Tells of what was only counted, where it is time, and hands all lines on.
    ///
    /// # Errors
    /// Where they can't be written. What is not written is left out.
    pub fn turn(&mut self, now: Instant, time: SystemTime) -> io::Result<()> {
        let over = |told: &Told| now.saturating_duration_since(told.since) >= WINDOW;
        let keys: Vec<FlowKey> = self.told.iter().filter(|(_, told)| over(told)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let Some(told) = self.told.remove(&key) else { continue };
            if told.more > 0 {
                self.write(&told.last, told.more, now, time);
                self.told.insert(key, Told { since: now, last: told.last, more: 0 });
            }
        }
        if self.dropped > 0 && self.spend(now) {
            let line = Line::dropped(&self.node, time, std::mem::take(&mut self.dropped));
            self.out.write_all(format!("{line}\n").as_bytes())?;
        }
        self.out.flush()
    }

    fn write(&mut self, packet: &LoggedPacket, count: u64, now: Instant, time: SystemTime) {
        if !self.spend(now) {
            return self.drop_line();
        }
        let line = Line::of(packet, count, &self.node, time, &self.names);
        // Whole lines, for a file that is begun anew between two of them.
        match self.out.write_all(format!("{line}\n").as_bytes()) {
            Ok(()) => self.counters.add(1, 1),
            Err(_) => self.drop_line(),
        }
    }

    fn drop_line(&mut self) {
        self.dropped += 1;
        self.counters.add(2, 1);
    }

    fn spend(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.budget.since) >= Duration::from_secs(1) {
            self.budget = Budget { since: now, left: self.rate };
        }
        let may = self.budget.left > 0;
        self.budget.left = self.budget.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests;
