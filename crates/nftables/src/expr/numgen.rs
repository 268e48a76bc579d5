//! `numgen`: numbers that change with each packet.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::wire_enum;

wire_enum! {
    /// How the number changes (`NFT_NG_*`).
    pub enum NumgenKind {
        /// One more each time.
        Incremental = 0,
        /// At random.
        Random = 1,
    }
}

/// `numgen`: loads a number from `offset` on, below `offset + modulus`, of four bytes in host byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numgen {
    /// How it changes.
    pub kind: NumgenKind,
    /// How many numbers there are; not zero.
    pub modulus: u32,
    /// The least.
    pub offset: u32,
    /// Where to.
    pub dreg: Reg,
}

impl Codec for Numgen {
    const NAME: &'static str = "numgen";

    fn encode(&self, out: &mut Writer) {
        self.dreg.encode(1, out);
        out.be32(2, self.modulus);
        out.be32(3, self.kind.wire());
        out.be32(4, self.offset);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, modulus, kind, offset] = attributes.exactly([1, 2, 3, 4])?;
        Ok(Self {
            dreg: Reg::decode(dreg.need("numgen without a register")?)?,
            modulus: modulus.need("numgen without a modulus")?.be32()?,
            kind: NumgenKind::from_wire(kind.need("numgen without a type")?.be32()?)?,
            offset: offset.map_or(Ok(0), |offset| offset.be32())?,
        })
    }
}
