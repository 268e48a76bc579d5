//! What is said to the process that holds a lab, and by it.

use crate::cluster::Measured;
use margay_net::Protocol;
use margay_policy::Flow;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;

/// The longest message, in bytes: a large standard input with each character escaped.
const LONGEST: u64 = 256 << 20;

/// What the process is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// To make the lab what these resources say.
    Apply(Resources),
    /// To send the first packets of these flows.
    Measure(Vec<Asked>),
}

/// Where resources are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Files and folders, not relative to anything, and `-` for the text.
    pub files: Vec<PathBuf>,
    /// What was on standard input.
    pub text: String,
}

/// A flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    source_port: u16,
    port: u16,
    icmp: (u8, u8),
}

impl From<&Flow> for Asked {
    fn from(flow: &Flow) -> Self {
        let Flow { src, dst, protocol, source_port, port, icmp } = *flow;
        Self { src, dst, protocol: protocol.0, source_port, port, icmp }
    }
}

impl From<&Asked> for Flow {
    fn from(asked: &Asked) -> Self {
        let Asked { src, dst, protocol, source_port, port, icmp } = *asked;
        Self { src, dst, protocol: Protocol(protocol), source_port, port, icmp }
    }
}

/// What the process answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// It is done.
    Done,
    /// What became of each flow.
    Measured(Vec<Sample>),
    /// It could not be done.
    Refused(String),
}

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// What became of its first packet.
    pub measured: Measured,
    /// It is stopped on a Windows node because HNS can't express the rule that lets it through.
    pub unsupported: bool,
}

/// Writes a message: a line of JSON.
///
/// # Errors
/// Where it can't be written.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a message.
///
/// # Errors
/// Where none came whole, or it can't be understood.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    from.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let flow = Flow::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), Protocol::ICMP);
        assert_eq!(Flow::from(&Asked::from(&flow)), flow);
        let text = "a: 1\nb: \"\u{1}ä\"\n".to_owned();
        let requests = [
            Request::Apply(Resources { files: vec!["/tmp/a b".into(), "-".into()], text }),
            Request::Measure(vec![Asked::from(&flow)]),
        ];
        let mut wire = Vec::new();
        requests.iter().for_each(|request| write(&mut wire, request).unwrap());
        let mut wire = wire.as_slice();
        assert_eq!(requests.each_ref().map(|_| read::<Request>(&mut wire).unwrap()), requests);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (text, expected) in [
            ("", ErrorKind::UnexpectedEof),
            (r#"{"Measure":[]}"#, ErrorKind::UnexpectedEof),
            ("{\"Measure\":\n", ErrorKind::UnexpectedEof),
            ("{\"Conquer\":[]}\n", ErrorKind::InvalidData),
            ("\n", ErrorKind::UnexpectedEof),
        ] {
            let error = read::<Request>(&mut text.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), expected, "{text:?}: {error}");
        }
    }
}
