//! HNS as a process of its own, which outlives the agent: a server over loopback TCP, and its client.
//!
//! A message is its length, four bytes, most significant first, and so many bytes of JSON: a [`Request`] to the server, a [`Response`] back, one
//! after the other on a connection. A connection that subscribes gets notifications from then on, and nothing else. There is no authentication:
//! both ends refuse whatever is not loopback.

mod client;
mod message;
mod server;

pub use client::{Remote, RemoteError};
pub use message::{Control, Judged, Request, Response};
pub use server::{Server, serve};

use std::io::{self, Read, Write};

/// The longest message, in bytes: a document as long as any that is read, each of its characters escaped.
const LONGEST: u32 = 32 << 20;

/// Writes a message.
fn write(stream: &mut impl Write, message: &impl serde::Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"))?;
    // One write, so that notifications of several threads stay whole.
    stream.write_all(&[&length.to_be_bytes()[..], &body].concat())?;
    stream.flush()
}

/// Reads a message; `None` where the other end has closed.
fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read(&mut length)? {
        0 => return Ok(None),
        read => stream.read_exact(&mut length[read..])?,
    }
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is too long")));
    }
    // What is said to come is not yet there: memory grows with what comes.
    let mut body = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut body)?;
    match body.len() == length as usize {
        true => Ok(Some(body)),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
