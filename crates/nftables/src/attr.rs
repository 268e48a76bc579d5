//! Netlink attributes: type, length, value, padded to four bytes. A [`Writer`] for what we send, [`Attrs`] for what
//! comes back.
//!
//! An attribute's length is 16 bits and holds its four-byte header, so a value has at most 65,531 bytes. nf_tables
//! writes its integers in network byte order.

/// Why bytes are not what they should be: names the thing that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed netlink data: {0}")]
pub struct Malformed(pub &'static str);

/// The bit saying that a value is attributes again. The kernel neither needs nor minds it in nf_tables.
const NESTED: u16 = 0x8000;
/// The bits of the type field that are the type (`NLA_TYPE_MASK`).
const KIND_MASK: u16 = 0x3fff;
const HEADER: usize = 4;

/// `len` rounded up to four.
pub(crate) const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// Appends attributes to one growing buffer. What can't be written is remembered as the first fault and checked once,
/// when the message is complete, so that writers need no error path of their own.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    fault: Option<&'static str>,
}

impl Writer {
    /// One that goes on using the memory of an earlier one.
    pub(crate) fn reusing(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, fault: None }
    }

    /// An attribute with these bytes.
    pub(crate) fn put(&mut self, kind: u16, payload: &[u8]) {
        self.nest(kind, |w| w.bytes.extend_from_slice(payload));
    }

    pub(crate) fn u8(&mut self, kind: u16, value: u8) {
        self.put(kind, &[value]);
    }

    pub(crate) fn be16(&mut self, kind: u16, value: u16) {
        self.put(kind, &value.to_be_bytes());
    }

    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    pub(crate) fn be64(&mut self, kind: u16, value: u64) {
        self.put(kind, &value.to_be_bytes());
    }

    /// A string with its closing zero. A zero inside would cut a name short in the kernel, so it is a fault.
    pub(crate) fn string(&mut self, kind: u16, value: &str) {
        if value.as_bytes().contains(&0) {
            self.fail("a name holds a zero byte, where the kernel would cut it short");
        }
        self.nest(kind, |w| {
            w.bytes.extend_from_slice(value.as_bytes());
            w.bytes.push(0);
        });
    }

    /// An attribute made of attributes.
    pub(crate) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        self.nest(kind | NESTED, fill);
    }

    /// Bytes in front of attributes, such as a protocol header.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Opens a nested attribute that [`close`](Self::close) ends, for loops that decide on the way when to stop.
    pub(crate) fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    pub(crate) fn close(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        match u16::try_from(len) {
            Ok(len) => self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes()),
            Err(_) => self.fail("an attribute exceeds the 65,535 bytes that netlink can say"),
        }
        self.bytes.resize(align(self.bytes.len()), 0);
    }

    /// Opens a list to be closed by [`close`](Self::close).
    pub(crate) fn open_nested(&mut self, kind: u16) -> usize {
        self.open(kind | NESTED)
    }

    /// Remembers the first thing that could not be written.
    pub(crate) fn fail(&mut self, problem: &'static str) {
        self.fault.get_or_insert(problem);
    }

    /// Takes the fault, if one was remembered.
    pub(crate) fn take_fault(&mut self) -> Option<&'static str> {
        self.fault.take()
    }

    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.open(kind);
        fill(self);
        self.close(start);
    }
}

/// One attribute of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Its number, without the nested and byte-order bits.
    pub kind: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
}

impl<'a> Attr<'a> {
    fn array<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed("an integer attribute has another size"))
    }

    /// As one byte.
    pub fn u8(&self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// As a 16-bit integer in network byte order.
    pub fn be16(&self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// As a 32-bit integer in network byte order.
    pub fn be32(&self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// As a 64-bit integer in network byte order.
    pub fn be64(&self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// As text up to the first zero byte.
    pub fn string(&self) -> Result<&'a str, Malformed> {
        let end = self.value.iter().position(|&byte| byte == 0).unwrap_or(self.value.len());
        std::str::from_utf8(&self.value[..end]).map_err(|_| Malformed("a name is not UTF-8"))
    }

    /// As a list of attributes.
    pub fn attrs(&self) -> Attrs<'a> {
        Attrs::new(self.value)
    }
}

/// The attributes in a run of bytes. Ends after the first malformed one.
#[derive(Debug, Clone)]
pub struct Attrs<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the bytes given.
    at: usize,
}

impl<'a> Attrs<'a> {
    /// Over `bytes`, which begin with an attribute header or are empty.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Where the next attribute begins, in bytes from the start.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The attributes of these kinds, in the order asked. Others are passed over: for objects whose dumps grow with new
    /// kernels.
    pub(crate) fn pick<const N: usize>(self, kinds: [u16; N]) -> Result<[Option<Attr<'a>>; N], Malformed> {
        let mut found = [None; N];
        for attr in self {
            let attr = attr?;
            if let Some(place) = kinds.iter().position(|&kind| kind == attr.kind) {
                found[place] = Some(attr);
            }
        }
        Ok(found)
    }

    /// The attributes of these kinds; another kind is an error. For expressions, where an attribute not known here may
    /// change the meaning.
    pub(crate) fn exactly<const N: usize>(self, kinds: [u16; N]) -> Result<[Option<Attr<'a>>; N], Malformed> {
        for attr in self.clone() {
            if !kinds.contains(&attr?.kind) {
                return Err(Malformed("an attribute of an expression is not known"));
            }
        }
        self.pick(kinds)
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let [l0, l1, k0, k1, ..] = *self.rest else {
            self.rest = &[];
            return Some(Err(Malformed("an attribute header is cut short")));
        };
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let Some(value) = self.rest.get(HEADER..len) else {
            self.rest = &[];
            return Some(Err(Malformed("an attribute length does not fit its message")));
        };
        let step = align(len).min(self.rest.len());
        self.rest = &self.rest[step..];
        self.at += step;
        Some(Ok(Attr { kind: u16::from_ne_bytes([k0, k1]) & KIND_MASK, value }))
    }
}

/// Asks for what must be there.
pub(crate) trait Required<T> {
    fn need(self, what: &'static str) -> Result<T, Malformed>;
}

impl<T> Required<T> for Option<T> {
    fn need(self, what: &'static str) -> Result<T, Malformed> {
        self.ok_or(Malformed(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_attributes_are_read_back() {
        let mut w = Writer::default();
        w.u8(1, 7);
        w.string(2, "abc");
        w.nested(3, |w| w.be32(1, 0x0102_0304));
        assert_eq!(w.bytes.len() % 4, 0);
        let [one, two, three] = Attrs::new(&w.bytes).exactly([1, 2, 3]).unwrap();
        assert_eq!(one.unwrap().u8(), Ok(7));
        assert_eq!(two.unwrap().string(), Ok("abc"));
        assert_eq!(three.unwrap().attrs().next().unwrap().unwrap().be32(), Ok(0x0102_0304));
        assert!(Attrs::new(&w.bytes).exactly([1, 2]).is_err());
        assert_eq!(w.take_fault(), None);
    }

    #[test]
    fn what_netlink_cannot_say_is_a_fault() {
        let mut w = Writer::default();
        w.put(1, &[0; 65_531]);
        assert_eq!(w.take_fault(), None);
        w.put(1, &[0; 65_532]);
        assert!(w.take_fault().is_some());
        w.string(1, "a\0b");
        assert!(w.take_fault().is_some());
    }

    #[test]
    fn bad_lengths_end_the_list_with_an_error() {
        // Shorter than a header, shorter than its own header, longer than the message.
        for bytes in [&[1u8, 0][..], &[3, 0, 1, 0], &[0, 0, 1, 0], &[9, 0, 1, 0, 1, 2, 3, 4]] {
            let all: Vec<_> = Attrs::new(bytes).collect();
            assert_eq!(all.len(), 1, "{bytes:?}");
            assert!(all[0].is_err(), "{bytes:?}");
        }
    }
}
