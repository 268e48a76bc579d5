//! The server: an emulator for others to call.

use crate::process::message::{Control, Judged, Request, Response, from_hex, kind};
use crate::process::{read, write};
use crate::{Direction, Emulator, NetworkKind};
use margay_hcn::{Failure, Guid, Kind, Service, Subscription};
use margay_net::Prefix;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most clients at a time.
const MOST_CLIENTS: usize = 256;

/// A client that does not take what it is sent is let go after this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server at work; it ends when this is dropped, and its clients with it. Calls that hang in the emulator go on hanging there.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    emulator: Arc<Emulator>,
    ends: AtomicBool,
    clients: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves an emulator to whoever connects, each client on a thread of its own.
///
/// # Errors
/// Where the listener is not on loopback.
pub fn serve(listener: TcpListener, emulator: Arc<Emulator>) -> io::Result<Server> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let why = format!("{address} is not loopback: whoever reaches the emulator commands it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let shared = Arc::new(Shared { emulator, ends: AtomicBool::new(false), clients: Mutex::default() });
    let accepting = std::thread::spawn({
        let shared = Arc::clone(&shared);
        move || accept(&listener, &shared)
    });
    Ok(Server { address, shared, accepting: Some(accepting) })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server ends, which nothing but an error of its listener brings about.
    pub fn wait(mut self) {
        if let Some(accepting) = self.accepting.take() {
            // A panic of the thread was already told of.
            let _ = accepting.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.shared.ends.store(true, Ordering::SeqCst);
        // It wakes up the thread that accepts. Where it fails, that thread ends with the process.
        if TcpStream::connect(self.address).is_ok() {
            let _ = accepting.join();
        }
        for client in self.shared.clients().values() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            // A client that was gone before it was accepted.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                continue;
            }
            Err(_) => return,
        };
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        let Ok(kept) = stream.try_clone() else { continue };
        let mut clients = shared.clients();
        if !peer.ip().is_loopback() || clients.len() >= MOST_CLIENTS {
            continue;
        }
        clients.insert(number, kept);
        drop(clients);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that breaks off, or sends what can't be read, is gone; others are not touched.
            let _ = attend(stream, &shared.emulator);
            shared.clients().remove(&number);
        });
    }
}

/// Answers one client, until it goes.
fn attend(mut stream: TcpStream, emulator: &Emulator) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    while let Some(message) = read(&mut stream)? {
        match serde_json::from_slice(&message) {
            Ok(Request::Subscribe) => return push(stream, emulator),
            Ok(request) => write(&mut stream, &answer(emulator, request))?,
            Err(error) => write(&mut stream, &Response::Invalid(error.to_string()))?,
        }
    }
    Ok(())
}

/// Tells one client of what happens, until it goes.
fn push(mut stream: TcpStream, emulator: &Emulator) -> io::Result<()> {
    let outbound = Arc::new(Mutex::new(stream.try_clone()?));
    let subscribed = subscribe(&outbound, emulator);
    let (answer, subscription) = match subscribed {
        Ok(subscription) => (Response::Done, Some(subscription)),
        Err(failure) => (failure.into(), None),
    };
    write(&mut *outbound.lock().unwrap_or_else(PoisonError::into_inner), &answer)?;
    // The client says no more; that it closes is the end.
    while subscription.is_some() && read(&mut stream)?.is_some() {}
    Ok(())
}

fn subscribe(outbound: &Arc<Mutex<TcpStream>>, emulator: &Emulator) -> Result<Subscription, Failure> {
    let outbound = Arc::clone(outbound);
    emulator.subscribe(Box::new(move |notification| {
        let mut stream = outbound.lock().unwrap_or_else(PoisonError::into_inner);
        if write(&mut *stream, &Response::from(notification)).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }))
}

fn answer(emulator: &Emulator, request: Request) -> Response {
    let of = |text: &str, call: &dyn Fn(Kind) -> Result<Response, Failure>| match kind(text) {
        Some(kind) => call(kind).unwrap_or_else(Response::from),
        None => Response::Invalid(format!("{text:?} is no kind of object")),
    };
    match request {
        Request::Call { method, path, body } => {
            emulator.call(&method, &path, &body).map_or_else(Response::from, Response::Text)
        }
        Request::Enumerate { kind, query } => of(&kind, &|kind| emulator.enumerate(kind, &query).map(Response::Text)),
        Request::Query { kind, id, query } => of(&kind, &|kind| emulator.query(kind, id, &query).map(Response::Text)),
        Request::Create { kind, network, id, settings } => {
            of(&kind, &|kind| emulator.create(kind, network, id, &settings).map(Response::Id))
        }
        Request::Modify { kind, id, settings } => {
            of(&kind, &|kind| emulator.modify(kind, id, &settings).map(|()| Response::Done))
        }
        Request::Delete { kind, id } => of(&kind, &|kind| emulator.delete(kind, id).map(|()| Response::Done)),
        Request::Control(control) => self::control(emulator, control).unwrap_or_else(Response::Invalid),
        Request::Subscribe => Response::Invalid("a subscription has a connection of its own".into()),
    }
}

fn control(emulator: &Emulator, control: Control) -> Result<Response, String> {
    let made = |made: Result<Guid, Failure>| Ok(made.map_or_else(Response::from, Response::Id));
    match control {
        Control::Config => {
            let config = emulator.config();
            let document = json!({ "version": config.version.to_string(), "knobs": config.knobs.settings() });
            return Ok(Response::Value(document));
        }
        Control::AddFault(fault) => emulator.add_fault(fault),
        Control::ClearFaults => emulator.clear_faults(),
        Control::SetLatency(latency) => emulator.set_latency(latency),
        Control::Release => emulator.release(),
        Control::WaitForHanging { calls, limit } => {
            return Ok(Response::Value(emulator.wait_for_hanging(calls, limit).into()));
        }
        Control::Crash(loss) => emulator.crash(loss),
        Control::Restart => emulator.restart(),
        Control::Advance(time) => emulator.clock().advance(time),
        Control::Counters => return Ok(Response::Value(json!(emulator.counters()))),
        Control::ResetCounters => emulator.reset_counters(),
        Control::Misuses => return Ok(Response::Value(json!(emulator.misuses()))),
        Control::Calls => return Ok(Response::Value(calls(emulator))),
        Control::Dump => return Ok(Response::Text(emulator.dump())),
        Control::Vfpctrl(arguments) => {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            return Ok(Response::Text(emulator.vfpctrl(&arguments)));
        }
        Control::AddNetwork { kind, name, prefixes } => {
            let kind = NetworkKind::named(&kind).ok_or_else(|| format!("{kind:?} is no type of network"))?;
            let prefixes: Result<Vec<Prefix>, _> = prefixes.iter().map(|prefix| prefix.parse()).collect();
            return made(emulator.add_network(kind, &name, &prefixes.map_err(|error| error.to_string())?));
        }
        Control::AddEndpoint { network, name, addresses } => {
            return made(emulator.add_endpoint(network, &name, &addresses));
        }
        Control::AddRemoteEndpoint { network, name, addresses } => {
            return made(emulator.add_remote_endpoint(network, &name, &addresses));
        }
        Control::AddStaleRemote(of) => {
            return emulator.add_stale_remote(of).map(Response::Id).ok_or_else(|| format!("there is no endpoint {of}"));
        }
        Control::RemoveEndpoint(id) => {
            return Ok(emulator.remove_endpoint(id).map_or_else(Response::from, |()| Response::Done));
        }
        Control::Frames { endpoint, direction, frames } => return judge(emulator, endpoint, direction, &frames),
    }
    Ok(Response::Done)
}

fn judge(emulator: &Emulator, endpoint: Guid, way: Direction, frames: &[String]) -> Result<Response, String> {
    let frames: Option<Vec<Vec<u8>>> = frames.iter().map(|frame| from_hex(frame)).collect();
    let decisions = emulator.process_frames(endpoint, way, &frames.ok_or("a frame is not hexadecimal")?);
    Ok(Response::Judged(decisions.into_iter().map(Judged::from).collect()))
}

fn calls(emulator: &Emulator) -> Value {
    let entry = |entry: crate::LogEntry| {
        json!({
            "at": u64::try_from(entry.at.as_nanos()).unwrap_or(u64::MAX),
            "call": entry.call,
            "body": entry.body,
            "policies": entry.policies,
            "error": entry.error.map(|code| code.0),
            "why": entry.why,
        })
    };
    emulator.calls().into_iter().map(entry).collect()
}
