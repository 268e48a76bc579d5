//! A server that speaks HTTP/1.1 as an API server does, with or without TLS: of namespaces, and of kinds of which there are none.

use crate::model::{Model, line};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the server knows, and outlives its process.
#[derive(Default)]
pub(crate) struct Store {
    model: Mutex<Model>,
    changed: Condvar,
    /// Requests that are refused with 403, as by a server that starts.
    pub(crate) refusals: AtomicU32,
    /// What is wrong with the server now.
    pub(crate) faults: Mutex<Faults>,
    /// Items of a page.
    pub(crate) page: AtomicU32,
}

/// What can be wrong with a server.
#[derive(Default)]
pub(crate) struct Faults {
    /// The only token that is taken; others get 401.
    pub(crate) token: Option<String>,
    /// So many requests get this status and are asked to wait for so many seconds.
    pub(crate) busy: Option<(u32, u16, u32)>,
    /// Lists and watches tell of what was so many changes ago, as if it were now.
    pub(crate) behind: u64,
    /// Bytes come one by one.
    pub(crate) dribbles: bool,
    /// With what it serves TLS; connections that are open stay as they are.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Requests for namespaces so far.
    pub(crate) asked: u32,
}

impl Store {
    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().expect("no test panics with it")
    }

    pub(crate) fn change(&self, act: impl FnOnce(&mut Model)) {
        act(&mut self.model());
        self.changed.notify_all();
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().expect("no test panics with it")
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    store: Arc<Store>,
    over: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// On an address of loopback, port 0 for any.
    pub(crate) fn start(store: &Arc<Store>, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let (store, over, connections) = (Arc::clone(store), AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { store, over, connections });
        let serving = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                serving.connections.lock().expect("no panic").extend(stream.try_clone());
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.accept(stream));
            }
        });
        Self { address, shared, listener: Some(listener) }
    }

    /// Ends every connection in the middle of whatever it says.
    pub(crate) fn cut(&self) {
        for stream in self.shared.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    /// As a kill: connections end in the middle of whatever they say.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.cut();
        self.shared.store.changed.notify_all();
        self.listener.take().map(JoinHandle::join);
    }
}

/// A connection, with TLS or without.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A wire on which bytes go one by one.
struct Dribble<'a>(&'a mut dyn Wire);

impl Read for Dribble<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Dribble<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(&bytes[..bytes.len().min(1)])?;
        self.0.flush()?;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Shared {
    /// One request; the connection ends with it.
    fn accept(&self, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let tls = self.store.faults().tls.clone();
        match tls {
            None => self.serve(&mut &socket),
            Some(config) => {
                let connection = ServerConnection::new(config).expect("a server's TLS");
                let mut stream = StreamOwned::new(connection, &socket);
                self.serve(&mut stream);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
        let _ = socket.shutdown(Shutdown::Both);
    }

    fn serve(&self, mut stream: &mut dyn Wire) {
        let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        drop(lines);
        if self.store.faults().dribbles {
            return self.answer(&mut Dribble(stream), &first, &headers);
        }
        self.answer(stream, &first, &headers);
    }

    /// Why a request is not served: a status, and the seconds to wait.
    fn refusal(&self, headers: &[String]) -> Option<(u16, Option<u32>)> {
        let mut faults = self.store.faults();
        let bearer =
            |token: &String| headers.iter().any(|line| line.split_once(": Bearer ").is_some_and(|(_, t)| t == token));
        if faults.token.as_ref().is_some_and(|token| !bearer(token)) {
            return Some((401, None));
        }
        if let Some((left, status, seconds)) = faults.busy {
            faults.busy = (left > 1).then_some((left - 1, status, seconds));
            return Some((status, Some(seconds)));
        }
        let left = self.store.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.ok().map(|_| (403, None))
    }

    /// What is known, or was.
    fn model_then(&self) -> Model {
        let behind = self.store.faults().behind;
        self.store.model().before(behind)
    }

    fn answer(&self, stream: &mut dyn Wire, first: &str, headers: &[String]) {
        let target = first.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        self.store.faults().asked += u32::from(path == "/api/v1/namespaces");
        let _ = match (path, self.refusal(headers)) {
            (_, Some((code, wait))) => refuse(stream, code, wait),
            ("/apis/crd.projectcalico.org/v1", _) => {
                answer(stream, 200, &json!({"resources": [{"name": "tiers"}]}).to_string())
            }
            ("/api/v1/namespaces", _) if parameter("watch").is_some() => self.watch(stream, &parameter),
            ("/api/v1/namespaces", _) => {
                let most = self.store.page.load(Ordering::SeqCst).max(1) as usize;
                // Our tokens need no escapes but this one.
                let plain = parameter("continue").map(|token| token.replace("%2F", "/"));
                let page = self
                    .model_then()
                    .page(|name| if name == "continue" { plain.as_deref() } else { parameter(name) }, most);
                match page {
                    Ok(page) => answer(stream, 200, &page),
                    Err(code) => answer(stream, code, &status(code, "too old")),
                }
            }
            _ if path.starts_with("/api/v1/") || path.ends_with("/tiers") || path.ends_with("/networkpolicies") => {
                let none = json!({"kind": "List", "items": [], "metadata": {"resourceVersion": "1"}});
                match parameter("sendInitialEvents") {
                    Some(_) => answer(stream, 422, &status(422, "no such watch")),
                    None if parameter("watch").is_some() => self.quiet(stream),
                    None => answer(stream, 200, &none.to_string()),
                }
            }
            _ => answer(stream, 404, "404 page not found\n"),
        };
    }

    fn watch<'a>(&self, stream: &mut dyn Wire, parameter: &impl Fn(&str) -> Option<&'a str>) -> std::io::Result<()> {
        let then = self.model_then();
        let lines = match then.watch(parameter) {
            Ok(lines) => lines,
            Err(code) => return answer(stream, code, &status(code, "no such watch")),
        };
        let mut seen = then.version;
        head(stream, 200, "Transfer-Encoding: chunked")?;
        // In one chunk, and an end of a line in the next: chunks are no lines.
        let text = lines.join("\n");
        chunk(stream, &text)?;
        if !lines.is_empty() {
            chunk(stream, "\n")?;
        }
        loop {
            let mut model = self.store.model();
            while model.version == seen && !self.over.load(Ordering::SeqCst) {
                model = self.store.changed.wait_timeout(model, Duration::from_secs(1)).expect("no panic").0;
            }
            if self.over.load(Ordering::SeqCst) {
                return Ok(());
            }
            let from = seen.to_string();
            let lines = model.watch(|name| (name == "resourceVersion").then_some(from.as_str()));
            seen = model.version;
            drop(model);
            for text in lines.unwrap_or_default() {
                chunk(stream, &(text + "\n"))?;
            }
        }
    }

    /// A watch of a kind of which nothing happens.
    fn quiet(&self, stream: &mut dyn Wire) -> std::io::Result<()> {
        head(stream, 200, "Transfer-Encoding: chunked")?;
        chunk(stream, &(line("BOOKMARK", &json!({"metadata": {"resourceVersion": "2"}})) + "\n"))?;
        let mut model = self.store.model();
        while !self.over.load(Ordering::SeqCst) {
            model = self.store.changed.wait_timeout(model, Duration::from_secs(1)).expect("no panic").0;
        }
        Ok(())
    }
}

fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}).to_string()
}

/// What time it is here: nothing may depend on it.
const CLOCK: &str = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

fn head(stream: &mut dyn Wire, code: u16, more: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nConnection: close\r\n{CLOCK}{more}\r\n\r\n"
    )?;
    stream.flush()
}

fn answer(stream: &mut dyn Wire, code: u16, body: &str) -> std::io::Result<()> {
    head(stream, code, &format!("Content-Length: {}", body.len()))?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}

fn refuse(stream: &mut dyn Wire, code: u16, wait: Option<u32>) -> std::io::Result<()> {
    let body = status(code, "not now");
    let wait = wait.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
    head(stream, code, &format!("{wait}Content-Length: {}", body.len()))?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}

fn chunk(stream: &mut dyn Wire, text: &str) -> std::io::Result<()> {
    match text.len() {
        0 => Ok(()),
        length => {
            write!(stream, "{length:x}\r\n{text}\r\n")?;
            stream.flush()
        }
    }
}
