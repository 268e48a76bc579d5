//! A server that speaks HTTP/1.1 as an API server does: of namespaces, and of kinds of which there are none.

use crate::model::{Model, line};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
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
    /// Items of a page.
    pub(crate) page: AtomicU32,
}

impl Store {
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
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared, listener: Some(listener) }
    }
}

impl Drop for Server {
    /// As a kill: connections end in the middle of whatever they say.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in self.shared.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.store.changed.notify_all();
        self.listener.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// One request; the connection ends with it.
    fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let _ = lines.take_while(|line| !line.is_empty()).count();
        let target = first.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let refused = self.store.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let _ = match (path, refused) {
            (_, Ok(_)) => answer(&mut stream, 403, &status(403, "not known yet")),
            ("/apis/crd.projectcalico.org/v1", _) => {
                answer(&mut stream, 200, &json!({"resources": [{"name": "tiers"}]}).to_string())
            }
            ("/api/v1/namespaces", _) if parameter("watch").is_some() => self.watch(&mut stream, &parameter),
            ("/api/v1/namespaces", _) => {
                let most = self.store.page.load(Ordering::SeqCst).max(1) as usize;
                // Our tokens need no escapes but this one.
                let plain = parameter("continue").map(|token| token.replace("%2F", "/"));
                let page = self
                    .store
                    .model()
                    .page(|name| if name == "continue" { plain.as_deref() } else { parameter(name) }, most);
                match page {
                    Ok(page) => answer(&mut stream, 200, &page),
                    Err(code) => answer(&mut stream, code, &status(code, "too old")),
                }
            }
            _ if path.starts_with("/api/v1/") || path.ends_with("/tiers") || path.ends_with("/networkpolicies") => {
                let none = json!({"kind": "List", "items": [], "metadata": {"resourceVersion": "1"}});
                match parameter("sendInitialEvents") {
                    Some(_) => answer(&mut stream, 422, &status(422, "no such watch")),
                    None if parameter("watch").is_some() => self.quiet(&mut stream),
                    None => answer(&mut stream, 200, &none.to_string()),
                }
            }
            _ => answer(&mut stream, 404, "404 page not found\n"),
        };
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn watch<'a>(&self, stream: &mut TcpStream, parameter: &impl Fn(&str) -> Option<&'a str>) -> std::io::Result<()> {
        let mut model = self.store.model();
        let lines = match model.watch(parameter) {
            Ok(lines) => lines,
            Err(code) => return answer(stream, code, &status(code, "no such watch")),
        };
        let mut seen = model.version;
        drop(model);
        head(stream, 200, "Transfer-Encoding: chunked")?;
        // In one chunk, and an end of a line in the next: chunks are no lines.
        let text = lines.join("\n");
        chunk(stream, &text)?;
        if !lines.is_empty() {
            chunk(stream, "\n")?;
        }
        loop {
            model = self.store.model();
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
    fn quiet(&self, stream: &mut TcpStream) -> std::io::Result<()> {
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

fn head(stream: &mut TcpStream, code: u16, more: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nConnection: close\r\n{more}\r\n\r\n")
}

fn answer(stream: &mut TcpStream, code: u16, body: &str) -> std::io::Result<()> {
    head(stream, code, &format!("Content-Length: {}", body.len()))?;
    stream.write_all(body.as_bytes())
}

fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    match text.len() {
        0 => Ok(()),
        length => write!(stream, "{length:x}\r\n{text}\r\n"),
    }
}
