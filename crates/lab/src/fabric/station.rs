//! One namespace of the fabric and what has been put into it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::RawFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_route::link::{LinkAttribute, LinkMessage, State};

use super::error::{Error, Result};
use super::identity::Identity;
use super::namespace::{Namespace, file_error};
use super::object::{LOOPBACK, Object, Place};
use super::rtnetlink::{Request, Session};

/// A namespace and the objects that the fabric has made in it.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) identity: Identity,
    pub(super) namespace: Namespace,
    pub(super) number: u32,
    pub(super) installed: BTreeSet<Object>,
}

impl Station {
    /// Makes the namespace with its kernel settings and, in a named lab, its name, leaving the calling thread in it.
    pub(super) fn create_here(identity: Identity, number: u32, lab: Option<&str>) -> Result<Station> {
        let namespace = Namespace::create_here(&identity.name())?;
        for (name, value) in identity.settings() {
            set(name, value)?;
        }
        if let Some(lab) = lab {
            namespace.persist(&identity.name_in(lab))?;
        }
        Ok(Station { identity, namespace, number, installed: BTreeSet::new() })
    }

    /// Gives the namespace up, and its name.
    pub(super) fn forget(self, lab: Option<&str>) -> Result<()> {
        lab.map_or(Ok(()), |lab| Namespace::remove_named(&self.identity.name_in(lab)))
    }

    /// Where it is in the fabric.
    pub(super) fn place(&self) -> Place {
        match self.identity {
            Identity::Wire => Place::Wire,
            Identity::External => Place::External,
            Identity::Switch => Place::Switch,
            Identity::Node { .. } => Place::Node(self.number),
            Identity::Pod { .. } => Place::Pod(self.number),
        }
    }

    /// Deletes what is not wanted any more. The calling thread moves into the namespace.
    pub(super) fn shrink_here(&mut self, wanted: &BTreeSet<Object>) -> Result<()> {
        let unwanted: Vec<Object> = self.installed.difference(wanted).cloned().collect();
        if unwanted.is_empty() {
            return Ok(());
        }
        self.namespace.join()?;
        let doomed: HashSet<u32> = unwanted.iter().filter(|o| o.is_link()).filter_map(Object::device).collect();
        let goes_along = |object: &Object| !object.is_link() && object.device().is_some_and(|d| doomed.contains(&d));
        // With its last IPv4 address an interface loses its IPv4 routes and neighbours (fib_disable_ip in the kernel's
        // net/ipv4/fib_frontend.c), so after any they are made again: that does nothing where they are still there.
        let bared: HashSet<u32> = unwanted
            .iter()
            .filter(|object| matches!(object, Object::Address { address, .. } if address.is_ipv4()))
            .filter_map(Object::device)
            .collect();
        let may_go_along = |object: &Object| {
            object.leans_on_ipv4_addresses() && object.device().is_some_and(|device| bared.contains(&device))
        };
        let mut requests: Vec<Request> =
            unwanted.iter().rev().filter(|object| !goes_along(object)).filter_map(Object::delete).collect();
        if !doomed.is_empty() {
            requests.push(Object::delete_marked());
        }
        Session::open(self.namespace.label())?.run(&requests)?;
        // What went with something else is made again if it is wanted.
        self.installed.retain(|object| wanted.contains(object) && !goes_along(object) && !may_go_along(object));
        Ok(())
    }

    /// Makes what is wanted and not there; whether that was anything. The calling thread moves into the namespace.
    pub(super) fn grow_here(
        &mut self,
        wanted: &BTreeSet<Object>,
        descriptors: &BTreeMap<Place, RawFd>,
    ) -> Result<bool> {
        let missing: Vec<&Object> = wanted.difference(&self.installed).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        self.namespace.join()?;
        let descriptor = |place| descriptors.get(&place).copied().unwrap_or(-1);
        let requests: Vec<Request> = missing.iter().map(|object| object.make(descriptor)).collect();
        Session::open(self.namespace.label())?.run(&requests)?;
        let missing: Vec<Object> = missing.into_iter().cloned().collect();
        self.installed.extend(missing);
        Ok(true)
    }

    /// Waits until every interface made here is up and passes packets, and every IPv6 address takes them in.
    ///
    /// The end of a veth pair that was set up first, and a bridge, get their carrier and with it their queue from a kernel
    /// worker (net/core/link_watch.c) a moment after the other end is up; until then they swallow packets silently. A bridge may
    /// still look up from before its first port came, and go down once more; when all its ports have been seen up it can't any
    /// more, so everything must be seen up twice. An IPv6 address is there at once, but its route comes from another worker
    /// (`addrconf_dad_work` in net/ipv6/addrconf.c), even where there is no duplicate address detection.
    pub(super) fn await_ready_here(&self) -> Result<()> {
        const DEADLINE: Duration = Duration::from_secs(10);
        let has_port = self.installed.iter().any(|object| matches!(object, Object::Veth { bridge: Some(_), .. }));
        let mut links: BTreeMap<u32, &str> = BTreeMap::new();
        let mut addresses: Vec<Ipv6Addr> = Vec::new();
        for object in &self.installed {
            match object {
                Object::Veth { index, name, .. } => drop(links.insert(*index, name)),
                Object::Bridge { index, name, .. } if has_port => drop(links.insert(*index, name)),
                Object::Address { address: IpAddr::V6(address), .. } => addresses.push(*address),
                _ => {}
            }
        }
        if links.is_empty() && addresses.is_empty() {
            return Ok(());
        }
        self.namespace.join()?;
        let session = Session::open(self.namespace.label())?;
        let (start, mut seen_ready) = (Instant::now(), 0);
        while seen_ready < 2 {
            let up: HashSet<u32> = session.links()?.iter().filter(|link| is_up(link)).map(|l| l.header.index).collect();
            let routes = if addresses.is_empty() { String::new() } else { ipv6_routes_here()? };
            let down = links.iter().filter(|(index, _)| !up.contains(index)).map(|(_, name)| (*name).to_owned());
            let unrouted = addresses.iter().filter(|address| !is_local(&routes, address)).map(Ipv6Addr::to_string);
            let missing: Vec<String> = down.chain(unrouted).collect();
            if missing.is_empty() {
                seen_ready += 1;
                continue;
            }
            seen_ready = 0;
            if start.elapsed() > DEADLINE {
                let (namespace, seconds) = (self.namespace.label().into(), DEADLINE.as_secs());
                return Err(Error::NotReady { missing, namespace, seconds });
            }
            thread::sleep(Duration::from_micros(200));
        }
        // A request that takes the kernel's routing lock: the worker, which held it when the last link came up, is through.
        session.run(&[Request::up(LOOPBACK)])
    }
}

/// The IPv6 routes of the calling thread's network namespace, one in a line.
fn ipv6_routes_here() -> Result<String> {
    let path = Path::new("/proc/thread-self/net/ipv6_route");
    fs::read_to_string(path).map_err(file_error("reading", path))
}

/// Whether packets to this address are taken in: a line begins with destination and prefix length, its last field but one is the flags (`RTF_LOCAL`
/// is the highest bit).
fn is_local(routes: &str, address: &Ipv6Addr) -> bool {
    let start = format!("{:032x} 80 ", address.to_bits());
    let flags = |line: &str| u32::from_str_radix(line.split_whitespace().rev().nth(1)?, 16).ok();
    routes.lines().any(|line| line.starts_with(&start) && flags(line).is_some_and(|flags| flags >> 31 == 1))
}

fn is_up(link: &LinkMessage) -> bool {
    link.attributes.contains(&LinkAttribute::OperState(State::Up))
}

/// Writes a setting of the calling thread's network namespace. A kernel without IPv6 or br_netfilter lacks the file: then
/// there is nothing to set.
fn set(name: &str, value: &str) -> Result<()> {
    let path = Path::new("/proc/sys/net").join(name);
    match fs::write(&path, value) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(file_error("writing the kernel setting", &path)),
    }
}

/// Lets bridged packets pass the `inet` hooks of the calling thread's namespace; whether the kernel can.
pub(super) fn filter_bridged_packets_here() -> Result<bool> {
    for name in ["bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"] {
        set(name, "1")?;
    }
    let read = fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables");
    Ok(read.is_ok_and(|value| value.trim() == "1"))
}
