//! The client: HNS, as it is in another process.

use crate::process::message::{Control, Judged, Request, Response, to_hex};
use crate::process::{read, write};
use crate::{Counters, Direction, Fault, Latency, Loss, Misuse, NetworkKind};
use margay_hcn::{ErrorCode, Failure, Guid, Kind, Notification, NotificationKind, Service, Subscription};
use margay_net::Prefix;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// HNS, as it is in another process. Calls of several threads go side by side, each on a connection of its own, which is kept for the next.
#[derive(Debug)]
pub struct Remote {
    address: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
}

/// Why the emulator in the other process can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Its address is not loopback.
    #[error("{0} is not loopback: the emulator is of this host")]
    NotLoopback(SocketAddr),
    /// It is not there, or broke off.
    #[error("cannot ask the emulator at {address}: {source}; does it run?")]
    Io {
        /// Where it should be.
        address: SocketAddr,
        /// What happened.
        source: io::Error,
    },
    /// HNS won't.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It did not understand, or answered something else.
    #[error("the emulator answered: {0}")]
    Answer(String),
}

impl Remote {
    /// The emulator that listens there; it is asked whether it is one.
    ///
    /// # Errors
    /// Where the address is not loopback, or nothing answers there.
    pub fn connect(address: SocketAddr) -> Result<Self, RemoteError> {
        if !address.ip().is_loopback() {
            return Err(RemoteError::NotLoopback(address));
        }
        let remote = Self { address, idle: Mutex::default() };
        remote.control(Control::Config)?;
        Ok(remote)
    }

    fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, one answer. After an error no connection is kept: the process may be another one.
    fn ask(&self, request: &Request) -> Result<Response, io::Error> {
        let kept = self.idle().pop();
        let answered = kept.map_or_else(|| self.dial(), Ok).and_then(|mut stream| {
            write(&mut stream, request)?;
            let answer = read(&mut stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok((stream, serde_json::from_slice(&answer)?))
        });
        match answered {
            Ok((stream, answer)) => {
                self.idle().push(stream);
                Ok(answer)
            }
            Err(error) => {
                self.idle().clear();
                Err(error)
            }
        }
    }

    /// A call of HNS: that the process is not there is what a caller of HNS sees when the service is not.
    fn hns(&self, request: &Request) -> Result<Response, Failure> {
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE),
            _ => Failure::new(ErrorCode::RPC_CALL_FAILED),
        };
        self.ask(request).map_err(gone)?.ok()
    }

    fn text(&self, request: &Request) -> Result<String, Failure> {
        match self.hns(request)? {
            Response::Text(text) => Ok(text),
            _ => Err(Failure::new(ErrorCode::RPC_CALL_FAILED)),
        }
    }

    /// Asks the emulator for something past the doors of HNS.
    ///
    /// # Errors
    /// Where it is not there, or won't.
    pub fn control(&self, control: Control) -> Result<Response, RemoteError> {
        let address = self.address;
        let answer = self.ask(&Request::Control(control)).map_err(|source| RemoteError::Io { address, source })?;
        match answer.ok()? {
            Response::Invalid(why) => Err(RemoteError::Answer(why)),
            answer => Ok(answer),
        }
    }

    fn value<T: serde::de::DeserializeOwned>(&self, control: Control) -> Result<T, RemoteError> {
        match self.control(control)? {
            Response::Value(value) => {
                serde_json::from_value(value).map_err(|error| RemoteError::Answer(error.to_string()))
            }
            other => Err(unexpected(&other)),
        }
    }

    fn id(&self, control: Control) -> Result<Guid, RemoteError> {
        match self.control(control)? {
            Response::Id(id) => Ok(id),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(response: &Response) -> RemoteError {
    RemoteError::Answer(format!("{response:?}").chars().take(200).collect())
}

/// As the methods of [`Emulator`](crate::Emulator) of the same names; each fails where the process is not there.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "they are those of Emulator")]
impl Remote {
    pub fn add_fault(&self, fault: Fault) -> Result<(), RemoteError> {
        self.control(Control::AddFault(fault)).map(drop)
    }

    pub fn clear_faults(&self) -> Result<(), RemoteError> {
        self.control(Control::ClearFaults).map(drop)
    }

    pub fn set_latency(&self, latency: Latency) -> Result<(), RemoteError> {
        self.control(Control::SetLatency(latency)).map(drop)
    }

    pub fn release(&self) -> Result<(), RemoteError> {
        self.control(Control::Release).map(drop)
    }

    pub fn wait_for_hanging(&self, calls: usize, limit: Duration) -> Result<bool, RemoteError> {
        self.value(Control::WaitForHanging { calls, limit })
    }

    pub fn crash(&self, loss: Loss) -> Result<(), RemoteError> {
        self.control(Control::Crash(loss)).map(drop)
    }

    pub fn restart(&self) -> Result<(), RemoteError> {
        self.control(Control::Restart).map(drop)
    }

    pub fn advance(&self, time: Duration) -> Result<(), RemoteError> {
        self.control(Control::Advance(time)).map(drop)
    }

    pub fn counters(&self) -> Result<Counters, RemoteError> {
        self.value(Control::Counters)
    }

    pub fn reset_counters(&self) -> Result<(), RemoteError> {
        self.control(Control::ResetCounters).map(drop)
    }

    pub fn misuses(&self) -> Result<Vec<Misuse>, RemoteError> {
        self.value(Control::Misuses)
    }

    pub fn dump(&self) -> Result<String, RemoteError> {
        match self.control(Control::Dump)? {
            Response::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    pub fn vfpctrl(&self, arguments: &[&str]) -> Result<String, RemoteError> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        match self.control(Control::Vfpctrl(arguments))? {
            Response::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    pub fn add_network(&self, kind: NetworkKind, name: &str, prefixes: &[Prefix]) -> Result<Guid, RemoteError> {
        let prefixes = prefixes.iter().map(Prefix::to_string).collect();
        self.id(Control::AddNetwork { kind: kind.to_string(), name: name.to_owned(), prefixes })
    }

    pub fn add_endpoint(&self, network: Guid, name: &str, addresses: &[IpAddr]) -> Result<Guid, RemoteError> {
        self.id(Control::AddEndpoint { network, name: name.to_owned(), addresses: addresses.to_vec() })
    }

    pub fn add_remote_endpoint(&self, network: Guid, name: &str, addresses: &[IpAddr]) -> Result<Guid, RemoteError> {
        self.id(Control::AddRemoteEndpoint { network, name: name.to_owned(), addresses: addresses.to_vec() })
    }

    pub fn add_stale_remote(&self, of: Guid) -> Result<Guid, RemoteError> {
        self.id(Control::AddStaleRemote(of))
    }

    pub fn remove_endpoint(&self, endpoint: Guid) -> Result<(), RemoteError> {
        self.control(Control::RemoveEndpoint(endpoint)).map(drop)
    }

    pub fn process_frames<F: AsRef<[u8]>>(
        &self,
        endpoint: Guid,
        direction: Direction,
        frames: &[F],
    ) -> Result<Vec<Judged>, RemoteError> {
        let frames = frames.iter().map(|frame| to_hex(frame.as_ref())).collect();
        match self.control(Control::Frames { endpoint, direction, frames })? {
            Response::Judged(judged) => Ok(judged),
            other => Err(unexpected(&other)),
        }
    }
}

impl Service for Remote {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        self.text(&Request::Call { method: method.to_owned(), path: path.to_owned(), body: body.to_owned() })
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        self.text(&Request::Enumerate { kind: kind.to_string(), query: query.to_owned() })
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        self.text(&Request::Query { kind: kind.to_string(), id, query: query.to_owned() })
    }

    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        let request = Request::Create { kind: kind.to_string(), network, id, settings: settings.to_owned() };
        match self.hns(&request)? {
            Response::Id(id) => Ok(id),
            _ => Err(Failure::new(ErrorCode::RPC_CALL_FAILED)),
        }
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        self.done(&Request::Modify { kind: kind.to_string(), id, settings: settings.to_owned() })
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        self.done(&Request::Delete { kind: kind.to_string(), id })
    }

    /// That the process is gone is told as HNS tells that it is gone.
    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        let unavailable = |_| Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE);
        let mut stream = self.dial().map_err(unavailable)?;
        write(&mut stream, &Request::Subscribe).map_err(unavailable)?;
        let answer = next(&mut stream).ok_or_else(|| Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE))?;
        answer.ok()?;
        let over = Arc::new(AtomicBool::new(false));
        let listening = Listening { stream: stream.try_clone().map_err(unavailable)?, over: Arc::clone(&over) };
        std::thread::spawn(move || listen(stream, &*tell, &over));
        Ok(Subscription::new(listening))
    }
}

impl Remote {
    fn done(&self, request: &Request) -> Result<(), Failure> {
        match self.hns(request)? {
            Response::Done => Ok(()),
            _ => Err(Failure::new(ErrorCode::RPC_CALL_FAILED)),
        }
    }
}

fn next(stream: &mut TcpStream) -> Option<Response> {
    serde_json::from_slice(&read(stream).ok()??).ok()
}

/// Passes on what the server tells, until either end closes. Where the server did, HNS is gone.
fn listen(mut stream: TcpStream, tell: &dyn Fn(Notification), over: &AtomicBool) {
    let mut gone = false;
    while let Some(notification) = next(&mut stream).and_then(Response::notification) {
        gone |= notification.kind == NotificationKind::SERVICE_DISCONNECT;
        tell(notification);
    }
    if !gone && !over.load(Ordering::SeqCst) {
        tell(Notification { kind: NotificationKind::SERVICE_DISCONNECT, status: 0, data: String::new() });
    }
}

/// Ends a subscription when it is dropped.
struct Listening {
    stream: TcpStream,
    over: Arc<AtomicBool>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
