//! A server of a few pages, as small as they are: HTTP/1.1, one request a connection.

use crate::Answer;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// What a connection may take from its beginning to its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a request.
const LONGEST: usize = 8 << 10;
/// Connections at a time. One more cuts off the oldest, so that nobody who is silent keeps others out.
const MOST: usize = 16;
/// How often an address is tried again that is another's.
const AGAIN: Duration = Duration::from_secs(5);
/// A page is made on its thread's stack, beside the buffer of a request.
const STACK: usize = 256 << 10;

/// Gives the answer for a path and a query; `None` where there is no such page.
type Pages = dyn Fn(&str, &str) -> Option<Answer> + Send + Sync;

/// A server that runs until the process ends.
pub struct Server {
    address: Option<SocketAddr>,
}

impl Server {
    /// Serves pages at an address, named in the log by `what`. Where it can't be had (another process has it), that is said, and it is tried again until it can:
    /// policy matters more than who may look.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start(
        what: &'static str,
        address: SocketAddr,
        pages: impl Fn(&str, &str) -> Option<Answer> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let bound = TcpListener::bind(address);
        let served = bound.as_ref().ok().and_then(|listener| listener.local_addr().ok());
        match (&bound, served) {
            (Err(error), _) => warn!("{what} can't be served at {address}: {error}; it is tried again"),
            (Ok(_), served) => info!("{what} served at http://{}", served.unwrap_or(address)),
        }
        let pages: Arc<Pages> = Arc::new(pages);
        let serve = move || accept(&bound.unwrap_or_else(|_| bind(address)), &pages);
        Builder::new().name("http".into()).stack_size(STACK).spawn(serve)?;
        Ok(Self { address: served })
    }

    /// Where it is served, which says the port where any was asked for; `None` where it could not be had at once.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

fn bind(address: SocketAddr) -> TcpListener {
    loop {
        thread::sleep(AGAIN);
        if let Ok(listener) = TcpListener::bind(address) {
            return listener;
        }
    }
}

/// Connections that are open, oldest first.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<VecDeque<(u64, TcpStream)>>>);

impl Open {
    fn add(&self, number: u64, stream: TcpStream) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST
            && let Some((_, oldest)) = open.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        open.push_back((number, stream));
    }

    fn remove(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != number);
    }
}

fn accept(listener: &TcpListener, pages: &Arc<Pages>) {
    let open = Open::default();
    for number in 0u64.. {
        let Ok((stream, _)) = listener.accept() else {
            // Out of file descriptors, or a client that is gone already: never a reason to spin.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Ok(known) = stream.try_clone() else { continue };
        open.add(number, known);
        let (mine, pages) = (open.clone(), Arc::clone(pages));
        let serve = move || {
            let _ = answer(&stream, &*pages);
            let _ = stream.shutdown(Shutdown::Both);
            mine.remove(number);
        };
        if Builder::new().name("http-client".into()).stack_size(STACK).spawn(serve).is_err() {
            open.remove(number);
        }
    }
}

/// Reads a request and answers it.
fn answer(mut stream: &TcpStream, pages: &Pages) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    let answer = loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break respond(&request[..end], pages);
        }
        if request.len() > LONGEST {
            break (Answer::plain(431, "the request is too long\n"), false);
        }
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    };
    let (Answer { status, content_type, body }, head_only) = answer;
    let mut text = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        reason(status),
        body.len()
    );
    if !head_only {
        text.push_str(&body);
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(rest)? {
            0 => return Ok(()),
            written => rest = &rest[written..],
        }
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The answer to a request's lines, and whether its body is not wanted.
fn respond(request: &[u8], pages: &Pages) -> (Answer, bool) {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return (Answer::plain(400, "the request is no text\n"), false) };
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) = (method, target, version, words.next())
    else {
        return (Answer::plain(400, "the request is not HTTP/1.1\n"), false);
    };
    if method != "GET" && method != "HEAD" {
        return (Answer::plain(405, "only GET and HEAD are answered\n"), false);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let answer = pages(path, query).unwrap_or_else(|| Answer::plain(404, "there is no such page\n"));
    (answer, method == "HEAD")
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}
