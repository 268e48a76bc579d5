//! A source's stream as bytes: what snapshots and recordings are made of.
//!
//! ```text
//! "margay", format (u16) │ frame: header │ frame: record │ frame: record │ …
//! frame: length of the payload (u32) │ checksum (u64) │ payload
//! ```
//!
//! Numbers are little-endian. The payload is [postcard](https://postcard.jamesmunns.com/wire-format); the checksum is SipHash-1-3 of the one before and the payload, so that
//! a frame that is missing, or of another stream, breaks it too. Neither says anything about who wrote it: whoever may write the file is trusted as the source is.

use crate::Event;
use margay_api::{Key, Object, Update};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use smol_str::SmolStr;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a stream begins with.
const MAGIC: &[u8; 6] = b"margay";
/// The form of what follows. It changes whenever a stored type of `margay-api` does: a test holds the bytes.
pub(crate) const FORMAT: u16 = 1;
/// Bytes of a payload: more than any object that the API server takes.
const LONGEST: u32 = 16 << 20;

/// What a stream is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The node whose agent wrote it.
    pub node: SmolStr,
    /// When it was begun, in milliseconds since 1970.
    pub begun: u64,
}

impl Header {
    /// Of a stream that begins now.
    pub fn now(node: SmolStr) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { node, begun: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The time some way into it.
    pub fn time(&self, after: Duration) -> SystemTime {
        let begun = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.begun));
        begun.and_then(|begun| begun.checked_add(after)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// One step of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// How long after its beginning.
    pub at: Duration,
    /// What happened.
    pub step: Step,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// A resource is this.
    Put(Box<Object>),
    /// A resource is gone.
    Gone(Key),
    /// All that there was has been told.
    InSync,
    /// Everything up to here was told together: what is between two marks was never in force alone.
    Mark,
}

impl Step {
    /// As an event of a source; none of a mark.
    pub fn into_event(self) -> Option<Event> {
        Some(match self {
            Self::Put(object) => Event::Update(Update { key: object.key().clone(), value: Some(Arc::new(*object)) }),
            Self::Gone(key) => Event::Update(Update { key, value: None }),
            Self::InSync => Event::InSync,
            Self::Mark => return None,
        })
    }
}

/// A [`Step`], to be written.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Told<'a> {
    Put(&'a Object),
    Gone(&'a Key),
    InSync,
    Mark,
}

impl<'a> Told<'a> {
    /// What an event tells of the resources.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Update(Update { value: Some(object), .. }) => Some(Self::Put(object)),
            Event::Update(Update { key, value: None }) => Some(Self::Gone(key)),
            Event::InSync => Some(Self::InSync),
            Event::Problem(_) => None,
        }
    }
}

/// Why a stream can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The file can't be read.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no recording or snapshot of Margay's")]
    Other,
    /// It is from another version of Margay.
    #[error("it is of format {0}, and this version of Margay reads format {FORMAT}")]
    Format(u16),
    /// It ends in the middle of something, as after a crash.
    #[error("it breaks off at byte {at}")]
    Torn {
        /// Where the frame begins that is not complete.
        at: u64,
    },
    /// It is not what was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where the frame begins.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

fn checksum(before: u64, payload: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(before, 0);
    hasher.write(payload);
    hasher.finish()
}

/// Makes frames.
#[derive(Debug)]
pub(crate) struct Encoder {
    chain: u64,
}

impl Encoder {
    /// Begins a stream, whose first bytes are appended.
    pub(crate) fn begin(header: &Header, to: &mut Vec<u8>) -> Self {
        to.extend(MAGIC);
        to.extend(FORMAT.to_le_bytes());
        let mut encoder = Self { chain: 0 };
        encoder.frame(header, to);
        encoder
    }

    /// The checksum of what there is, to which [`set_chain`](Self::set_chain) goes back where what came after it is thrown away.
    pub(crate) fn chain(&self) -> u64 {
        self.chain
    }

    pub(crate) fn set_chain(&mut self, chain: u64) {
        self.chain = chain;
    }

    /// Appends a record.
    pub(crate) fn record(&mut self, at: Duration, step: Told<'_>, to: &mut Vec<u8>) {
        self.frame(&(u64::try_from(at.as_micros()).unwrap_or(u64::MAX), step), to);
    }

    fn frame(&mut self, payload: &impl Serialize, to: &mut Vec<u8>) {
        // It fails only where a map's or list's length is not known beforehand, of which there is none.
        let Ok(payload) = postcard::to_stdvec(payload) else { return };
        let Ok(length) = u32::try_from(payload.len()) else { return };
        self.chain = checksum(self.chain, &payload);
        to.extend(length.to_le_bytes());
        to.extend(self.chain.to_le_bytes());
        to.extend(payload);
    }
}

/// Reads a stream, record by record. After an error there is nothing more.
///
/// ```
/// use margay_datastore::stream::{Reader, StreamError};
///
/// assert!(matches!(Reader::open(&b"apiVersion: v1"[..]), Err(StreamError::Other)));
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    chain: u64,
    at: u64,
    over: bool,
    header: Header,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of a stream.
    ///
    /// # Errors
    /// It is none, or its beginning is damaged.
    pub fn open(mut from: R) -> Result<Self, StreamError> {
        let mut start = [0; 8];
        match from.read_exact(&mut start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(StreamError::Other),
            read => read?,
        }
        if start[..6] != *MAGIC {
            return Err(StreamError::Other);
        }
        let format = u16::from_le_bytes([start[6], start[7]]);
        if format != FORMAT {
            return Err(StreamError::Format(format));
        }
        let header = Header { node: SmolStr::default(), begun: 0 };
        let mut reader = Self { from, chain: 0, at: 8, over: false, header };
        let header = reader.frame()?.ok_or(StreamError::Torn { at: 8 })?;
        Ok(Self { header, ..reader })
    }

    /// What it is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next frame; `None` at the end.
    fn frame<T: for<'a> Deserialize<'a>>(&mut self) -> Result<Option<T>, StreamError> {
        let at = self.at;
        let mut head = Vec::with_capacity(12);
        (&mut self.from).take(12).read_to_end(&mut head)?;
        let Ok(head) = <[u8; 12]>::try_from(head.as_slice()) else {
            return if head.is_empty() { Ok(None) } else { Err(StreamError::Torn { at }) };
        };
        let [l0, l1, l2, l3, sum @ ..] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length > LONGEST {
            return Err(StreamError::Damaged { at, what: "a length that nothing has" });
        }
        let mut payload = Vec::new();
        (&mut self.from).take(length.into()).read_to_end(&mut payload)?;
        if payload.len() < length as usize {
            return Err(StreamError::Torn { at });
        }
        self.chain = checksum(self.chain, &payload);
        if self.chain != u64::from_le_bytes(sum) {
            return Err(StreamError::Damaged { at, what: "its checksum is another" });
        }
        self.at += 12 + u64::from(length);
        match postcard::take_from_bytes(&payload) {
            Ok((value, [])) => Ok(Some(value)),
            _ => Err(StreamError::Damaged { at, what: "it is no record" }),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.frame::<(u64, Step)>().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next.map(|next| next.map(|(micros, step)| Record { at: Duration::from_micros(micros), step }))
    }
}

/// Writes all of it, or says what failed.
pub(crate) fn write_all(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
