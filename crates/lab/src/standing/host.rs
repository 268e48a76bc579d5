//! The process that holds a lab: it carries frames, and does what it is asked, one after the other.

use super::error::{Result, failed};
use super::message::{Request, Resources, Response, Sample, read, write};
use super::{Error, HNS_PORT, Held};
use crate::cluster::{Cluster, Options};
use crate::fabric::{Fabric, Namespace};
use margay_api::Update;
use margay_policy::Flow;
use margay_vfp::Emulator;
use margay_vfp::process::{Server, serve};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Who has connected says what it wants, and takes the answer, within this time: until then no frame is carried.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nobody has connected, or is gone again.
const PASSING: [io::ErrorKind; 3] =
    [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted, io::ErrorKind::ConnectionAborted];

/// Cuts the calling process off from whoever started it, but for its standard streams: it survives the end of a terminal, keeps no folder from being
/// unmounted, and no file open that it was given without its knowledge. Call it first thing, while the process has opened nothing.
///
/// # Errors
/// Where its descriptors can't be listed or it can't leave its folder.
pub fn detach() -> io::Result<()> {
    // It fails where the process leads a group: then it is not of the terminal's.
    let _ = nix::unistd::setsid();
    std::env::set_current_dir("/")?;
    let entries = std::fs::read_dir("/proc/self/fd")?;
    let open: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // One of them was that of the list.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

/// A lab, held.
pub struct Host {
    held: Held,
    cluster: Cluster,
    doors: BTreeMap<String, Door>,
}

/// The HNS of a node, served in its namespace.
struct Door {
    emulator: Arc<Emulator>,
    namespace: Namespace,
    server: Option<Server>,
}

impl Host {
    /// Makes the lab that these options name.
    ///
    /// # Errors
    /// What could not be made. Then nothing is left of it.
    pub fn up<'a>(held: Held, updates: impl IntoIterator<Item = &'a Update>, options: Options) -> Result<Self> {
        let cluster = Cluster::up(updates, options)?;
        let mut host = Self { held, cluster, doors: BTreeMap::new() };
        match host.open_doors() {
            Ok(()) => Ok(host),
            Err(error) => host.abandon().and(Err(error)),
        }
    }

    /// Removes the lab.
    ///
    /// # Errors
    /// Where something could not be removed.
    pub fn abandon(self) -> Result<()> {
        Fabric::remove_named(self.held.lab.name())?;
        Ok(())
    }

    /// Serves the HNS of every Windows node that has none served yet.
    fn open_doors(&mut self) -> Result<()> {
        let fabric = self.cluster.fabric();
        let mut doors = BTreeMap::new();
        for (index, node) in fabric.topology().nodes.iter().enumerate() {
            let Some(emulator) = self.cluster.hns(&node.name) else { continue };
            let standing = self.doors.remove(&node.name).filter(|door| Arc::ptr_eq(&door.emulator, emulator));
            let door = match standing {
                Some(door) => door,
                None => Door::open(emulator, fabric.node(index).try_clone()?)?,
            };
            doors.insert(node.name.clone(), door);
        }
        self.doors = doors;
        Ok(())
    }

    /// Carries frames and answers, for as long as that can be done, and says why it could not go on. `load` reads resources.
    pub fn serve(mut self, mut load: impl FnMut(&Resources) -> std::result::Result<Vec<Update>, String>) -> io::Error {
        loop {
            if let Err(error) = self.turn(&mut load) {
                return error;
            }
        }
    }

    fn turn(
        &mut self,
        load: &mut impl FnMut(&Resources) -> std::result::Result<Vec<Update>, String>,
    ) -> io::Result<()> {
        let switch = self.cluster.fabric().switch();
        let ends = [self.held.listener.as_fd()].into_iter().chain(switch.descriptors());
        let mut ends: Vec<PollFd<'_>> = ends.map(|end| PollFd::new(end, PollFlags::POLLIN)).collect();
        match poll(&mut ends, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        switch.forward()?;
        match self.held.listener.accept() {
            // Whoever breaks off, or sends what can't be read, is gone; the lab is not touched.
            Ok((stream, _)) => drop(self.attend(stream, load)),
            Err(error) if PASSING.contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn attend(
        &mut self,
        mut stream: UnixStream,
        load: &mut impl FnMut(&Resources) -> std::result::Result<Vec<Update>, String>,
    ) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let response = match read(&mut BufReader::new(&stream))? {
            Request::Apply(resources) => load(&resources).and_then(|updates| self.apply(&updates)),
            Request::Measure(asked) => self.measure(&asked.iter().map(Flow::from).collect::<Vec<_>>()),
        };
        write(&mut stream, &response.unwrap_or_else(Response::Refused))
    }

    /// Makes the lab what these resources say, or leaves it as it was.
    fn apply(&mut self, updates: &[Update]) -> std::result::Result<Response, String> {
        let before = self.cluster.resources();
        let changed = self.cluster.replace(updates).map_err(Error::from).and_then(|()| self.open_doors());
        let Err(error) = changed else { return Ok(Response::Done) };
        match self.cluster.replace(&before).map_err(Error::from).and_then(|()| self.open_doors()) {
            Ok(()) => Err(format!("{error}; the lab is as it was")),
            Err(second) => Err(format!("{error}; nor could the lab be put back: {second}; make it anew")),
        }
    }

    fn measure(&mut self, flows: &[Flow]) -> std::result::Result<Response, String> {
        let measured = self.cluster.measure(flows).map_err(|error| error.to_string())?;
        let sample = |(measured, flow)| Sample { measured, unsupported: self.cluster.is_unsupported(flow) };
        Ok(Response::Measured(measured.into_iter().zip(flows).map(sample).collect()))
    }
}

impl Door {
    fn open(emulator: &Arc<Emulator>, namespace: Namespace) -> Result<Self> {
        let listening = namespace.enter(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, HNS_PORT))?;
            serve(listener, Arc::clone(emulator))
        })?;
        let server = listening.map_err(failed("listening for HNS in", Path::new(namespace.label())))?;
        Ok(Self { emulator: Arc::clone(emulator), namespace, server: Some(server) })
    }
}

/// A server ends by a connection to itself, which is made from its own namespace.
impl Drop for Door {
    fn drop(&mut self) {
        let server = self.server.take();
        let _ = self.namespace.enter(|| drop(server));
    }
}
