//! etcd by its JSON gateway: no etcdctl is needed.

use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long etcd may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The revision that it is at.
pub(crate) fn revision(etcd: SocketAddr) -> io::Result<u64> {
    // A range of one key, "\0", which is not there: the answer's header has the revision.
    let answer = ask(etcd, "/v3/kv/range", &json!({ "key": "AA==", "limit": 1 }))?;
    let revision = answer["header"]["revision"].as_str().and_then(|text| text.parse().ok());
    revision.ok_or_else(|| io::Error::other(format!("no revision in {answer}")))
}

/// Forgets what was before a revision.
pub(crate) fn compact(etcd: SocketAddr, revision: u64) -> io::Result<()> {
    let answer = ask(etcd, "/v3/kv/compaction", &json!({ "revision": revision.to_string(), "physical": true }))?;
    if answer["header"].is_object() { Ok(()) } else { Err(io::Error::other(format!("it is refused: {answer}"))) }
}

/// A request, and the JSON of the answer. HTTP/1.0 is answered in one piece.
fn ask(etcd: SocketAddr, path: &str, body: &Value) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&etcd, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let body = body.to_string();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no HTTP answer"))?;
    serde_json::from_str(body.trim()).map_err(io::Error::other)
}
