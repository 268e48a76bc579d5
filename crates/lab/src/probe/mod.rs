//! Real packets through a [`Fabric`]: which of them arrive, and to which an answer comes back.
//!
//! ```no_run
//! use margay_lab::fabric::{Fabric, Topology};
//! use margay_lab::probe::{Probe, Prober, Site, Transport};
//! # fn example(topology: &Topology) -> Result<(), Box<dyn std::error::Error>> {
//! let fabric = Fabric::build(topology)?;
//! let probe = Probe {
//!     from: Site::Pod(0),
//!     to: Site::Pod(1),
//!     source: topology.pods[0].addresses[0],
//!     destination: topology.pods[1].addresses[0],
//!     transport: Transport::Tcp { source_port: Some(40000), port: 80 },
//! };
//! let outcome = Prober::default().measure(&fabric, &[probe])?[0];
//! assert!(outcome.arrived && outcome.replied == Some(true));
//! # Ok(())
//! # }
//! ```
//!
//! A probe has *arrived* when the far namespace has accepted it: routed to it and, at a node, past its `input` hook. A packet that
//! did not is known to be dropped from the order of packets, not from a time-out: see the `settle` module.

mod error;
mod packet;
mod rounds;
mod settle;
mod sockets;
mod transport;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

pub use error::{Error, Result};
pub use packet::{Packet, tag_in};
pub use transport::Transport;

use crate::fabric::{Fabric, Namespace, Switch, on_own_thread};
use settle::{Marker, Pinned};
use sockets::{Purpose, Sockets};

/// Packets under way at once. With the answers, and at the widest point of a bridged path, far fewer than the 1,000 that a
/// CPU's backlog holds (`net.core.netdev_max_backlog`), and no more than a receive buffer does.
const BATCH: usize = 64;

/// An end of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Site {
    /// The pod with this index in the fabric's topology.
    Pod(usize),
    /// The node with this index, in its own network.
    Node(usize),
    /// The world outside, which has every address that no node and no pod has.
    External,
}

/// One packet to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// Where it is sent.
    pub from: Site,
    /// Where it counts as arrived.
    pub to: Site,
    /// The source address in its header. It need not be the sender's.
    pub source: IpAddr,
    /// The destination address in its header.
    pub destination: IpAddr,
    /// What it is above IP.
    pub transport: Transport,
}

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// Whether it came, unchanged, to where it was to go.
    pub arrived: bool,
    /// Whether, after it arrived, the answer of the far kernel came back to where the probe was sent; `None` for what no
    /// kernel answers (all but TCP and ICMP echo). A rejection on the way is no answer.
    pub replied: Option<bool>,
}

/// Sends probes and observes them. Keeps its sockets between measurements, so use one for many; they keep their namespaces
/// alive until the next measurement on a fabric without these, or until this value is dropped.
#[derive(Debug, Default)]
pub struct Prober {
    sockets: Sockets,
    marker: Option<Marker>,
    last_tag: u32,
}

/// A probe on its way.
struct Shot {
    packet: Packet,
    from: u64,
    to: u64,
    arrived: bool,
    answered: bool,
}

impl Shot {
    fn outcome(&self) -> Outcome {
        // An answer without an arrival is a rejection on the way.
        let replied = self.packet.answerable().then_some(self.arrived && self.answered);
        Outcome { arrived: self.arrived, replied }
    }
}

impl Prober {
    /// Sends every probe and says what became of each, in the order given. The nodes' connection tables are emptied
    /// before, so each probe is the first packet of its connection.
    ///
    /// # Errors
    /// [`Error::Probe`] for a probe that makes no sense, before anything is sent; [`Error::Send`] where the source has no
    /// route; [`Error::Inconclusive`] where the machine could not keep packets in order.
    pub fn measure(&mut self, fabric: &Fabric, probes: &[Probe]) -> Result<Vec<Outcome>> {
        self.run(fabric, probes, true)
    }

    /// The same, but connections that the nodes know stay known: a probe may pass as part of one.
    ///
    /// # Errors
    /// As [`Prober::measure`]; [`Error::Probe`] also where two probes of one call would be the same connection.
    pub fn measure_within_connections(&mut self, fabric: &Fabric, probes: &[Probe]) -> Result<Vec<Outcome>> {
        self.run(fabric, probes, false)
    }

    fn run(&mut self, fabric: &Fabric, probes: &[Probe], flush: bool) -> Result<Vec<Outcome>> {
        let mut namespaces = HashMap::new();
        let mut shots = Vec::with_capacity(probes.len());
        let first_tag = self.reserve_tags(probes.len());
        for (index, probe) in probes.iter().enumerate() {
            let mut serial = |site| {
                let namespace = namespace(fabric, site)
                    .ok_or_else(|| Error::Probe { index, reason: format!("the topology has no {site:?}") })?;
                namespaces.insert(namespace.serial(), namespace);
                Ok::<_, Error>(namespace.serial())
            };
            let (from, to) = (serial(probe.from)?, serial(probe.to)?);
            let tag = first_tag + index as u32;
            let packet = Packet::new(probe.source, probe.destination, probe.transport, tag)
                .map_err(|reason| Error::Probe { index, reason })?;
            shots.push(Shot { packet, from, to, arrived: false, answered: false });
        }
        let rounds = rounds::rounds(probes.iter().zip(&shots).map(|(p, shot)| (p.source, p.destination, &shot.packet)));
        if let (false, Some(round)) = (flush, rounds.get(1)) {
            let reason = "another probe of this call is the same connection".into();
            return Err(Error::Probe { index: round[0], reason });
        }
        let wanted = wanted_sockets(probes, &shots);
        let standing: BTreeSet<u64> = fabric.namespaces().map(Namespace::serial).collect();
        self.sockets.provide(&wanted, &namespaces, |serial| standing.contains(&serial))?;
        let marker = match self.marker.take().filter(|marker| marker.is_in(fabric.wire())) {
            Some(marker) => marker,
            None => Marker::open(fabric.wire())?,
        };
        let marker = self.marker.insert(marker);
        let mut volley = Volley {
            sockets: &self.sockets,
            observers: wanted.into_iter().filter(|(_, purpose)| matches!(purpose, Purpose::Observe { .. })).collect(),
            marker,
            switch: fabric.switch(),
            probes,
            shots,
            first_tag,
        };
        on_own_thread(|| {
            let pinned = Pinned::to_this_cpu()?;
            for round in &rounds {
                if flush {
                    fabric.flush_conntrack()?;
                }
                for batch in round.chunks(BATCH) {
                    volley.fire(batch, &pinned)?;
                }
            }
            pinned.check()?;
            Ok::<_, Error>(volley.shots.iter().map(|shot| shot.outcome()).collect())
        })
    }

    /// Takes consecutive tags, none of them 0 (which SCTP forbids), that were not used lately.
    fn reserve_tags(&mut self, count: usize) -> u32 {
        let count = u32::try_from(count).unwrap_or(u32::MAX - 1);
        let end = self.last_tag.checked_add(count).unwrap_or(count);
        self.last_tag = end;
        end - count + 1
    }
}

/// A measurement under way.
struct Volley<'a> {
    sockets: &'a Sockets,
    observers: Vec<(u64, Purpose)>,
    marker: &'a mut Marker,
    switch: &'a Switch,
    probes: &'a [Probe],
    shots: Vec<Shot>,
    first_tag: u32,
}

impl Volley<'_> {
    /// Sends some of the probes and waits until nothing is under way.
    fn fire(&mut self, batch: &[usize], pinned: &Pinned) -> Result<()> {
        // What came in unasked must not fill the buffers.
        self.observe()?;
        for &index in batch {
            let (shot, probe) = (&self.shots[index], &self.probes[index]);
            match self.sockets.send(shot.from, shot.packet.bytes(), probe.destination) {
                Ok(()) => {}
                // A node's own packet that the node's `output` or `postrouting` hook drops is refused to the sender.
                Err(error) if matches!(probe.from, Site::Node(_)) && is_policy(&error) => {}
                Err(source) => return Err(Error::Send { index, destination: probe.destination, source }),
            }
        }
        self.marker.settle(pinned)?;
        // What the switch sends on is under way again.
        while self.switch.forward().map_err(|error| Error::Inconclusive(format!("the virtual switch: {error}")))? > 0 {
            self.marker.settle(pinned)?;
        }
        self.observe()
    }

    /// Notes every packet that has come in.
    fn observe(&mut self) -> Result<()> {
        let (shots, first_tag) = (&mut self.shots, self.first_tag);
        let seen = self.sockets.collect(&self.observers, |serial, protocol, body| {
            let Some(tag) = tag_in(protocol, body) else { return };
            let Some(shot) = tag.checked_sub(first_tag).and_then(|index| shots.get_mut(index as usize)) else { return };
            if shot.to == serial && shot.packet.protocol() == protocol && shot.packet.body() == body {
                shot.arrived = true;
            } else if shot.from == serial && shot.packet.is_answered_by(body) {
                shot.answered = true;
            }
        });
        seen.map_err(|(_, source)| Error::Inconclusive(format!("reading what came in: {source}")))
    }
}

fn namespace(fabric: &Fabric, site: Site) -> Option<&Namespace> {
    let topology = fabric.topology();
    match site {
        Site::Pod(index) => (index < topology.pods.len()).then(|| fabric.pod(index)),
        Site::Node(index) => (index < topology.nodes.len()).then(|| fabric.node(index)),
        Site::External => Some(fabric.external()),
    }
}

/// What must be open where: to send at every source, to observe at every destination, and at the source for answers.
fn wanted_sockets(probes: &[Probe], shots: &[Shot]) -> BTreeSet<(u64, Purpose)> {
    let mut wanted = BTreeSet::new();
    for (probe, shot) in probes.iter().zip(shots) {
        let v6 = probe.destination.is_ipv6();
        let observe = Purpose::Observe { v6, protocol: shot.packet.protocol() };
        wanted.insert((shot.from, Purpose::Send { v6 }));
        wanted.insert((shot.to, observe));
        if shot.packet.answerable() {
            wanted.insert((shot.from, observe));
        }
    }
    wanted
}

/// Whether this is how the kernel tells a local sender that a netfilter hook dropped its packet.
fn is_policy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EPERM as i32)
}
