//! `counter`: packets and bytes.

use super::Codec;
use crate::attr::{Attrs, Malformed, Required, Writer};

const BYTES: u16 = 1;
const PACKETS: u16 = 2;
const PAD: u16 = 3;

/// `counter`, in a rule or by itself: packets and bytes that came past. Written with numbers, it begins with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Their bytes, from the network header on.
    pub bytes: u64,
}

impl Counter {
    pub(crate) fn encode_attributes(&self, out: &mut Writer) {
        out.be64(BYTES, self.bytes);
        out.be64(PACKETS, self.packets);
    }

    pub(crate) fn decode_attributes(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [bytes, packets, _] = attributes.exactly([BYTES, PACKETS, PAD])?;
        Ok(Self {
            bytes: bytes.need("counter without bytes")?.be64()?,
            packets: packets.need("counter without packets")?.be64()?,
        })
    }
}

impl Codec for Counter {
    const NAME: &'static str = "counter";

    fn encode(&self, out: &mut Writer) {
        self.encode_attributes(out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        Self::decode_attributes(attributes)
    }
}
