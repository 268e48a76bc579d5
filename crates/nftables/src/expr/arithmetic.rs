//! `bitwise` and `byteorder`: changes of a register.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::data::Data;
use crate::wire::wire_enum;

const SREG: u16 = 1;
const DREG: u16 = 2;
const LEN: u16 = 3;
const MASK: u16 = 4;
const XOR: u16 = 5;
const OP: u16 = 6;
const SHIFT: u16 = 7;

const MASK_XOR: u32 = 0;
const LEFT: u32 = 1;
const RIGHT: u32 = 2;

/// What `bitwise` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BitwiseOp {
    /// `(value & mask) ^ xor`, all of the same length.
    MaskXor {
        /// Bits that stay.
        mask: Data,
        /// Bits that turn.
        xor: Data,
    },
    /// To the left by this many bits, below 32.
    ShiftLeft(u32),
    /// To the right by this many bits, below 32.
    ShiftRight(u32),
}

/// `bitwise`: masks, turns or shifts bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitwise {
    /// Where from.
    pub sreg: Reg,
    /// Where to.
    pub dreg: Reg,
    /// Bytes.
    pub len: u32,
    /// What is done.
    pub op: BitwiseOp,
}

impl Bitwise {
    /// Keeps the bits of a mask, in one register.
    pub fn mask(reg: Reg, mask: Data) -> Self {
        let len = mask.bytes().len();
        let xor = Data::new(&vec![0; len]);
        Self { sreg: reg, dreg: reg, len: len as u32, op: BitwiseOp::MaskXor { mask, xor } }
    }
}

impl Codec for Bitwise {
    const NAME: &'static str = "bitwise";

    fn encode(&self, out: &mut Writer) {
        self.sreg.encode(SREG, out);
        self.dreg.encode(DREG, out);
        out.be32(LEN, self.len);
        let shift = |op, bits, out: &mut Writer| {
            out.be32(OP, op);
            Data::host32(bits).encode(SHIFT, out);
        };
        match &self.op {
            BitwiseOp::MaskXor { mask, xor } => {
                out.be32(OP, MASK_XOR);
                mask.encode(MASK, out);
                xor.encode(XOR, out);
            }
            BitwiseOp::ShiftLeft(bits) => shift(LEFT, *bits, out),
            BitwiseOp::ShiftRight(bits) => shift(RIGHT, *bits, out),
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [sreg, dreg, len, mask, xor, op, shift] = attributes.exactly([SREG, DREG, LEN, MASK, XOR, OP, SHIFT])?;
        let shift = || {
            let data = Data::decode(shift.need("a shift without a distance")?)?;
            let bits = data.bytes().try_into().map_err(|_| Malformed("a shift distance of another size"))?;
            Ok(u32::from_ne_bytes(bits))
        };
        let op = match op.map_or(Ok(MASK_XOR), |op| op.be32())? {
            MASK_XOR => BitwiseOp::MaskXor {
                mask: Data::decode(mask.need("bitwise without a mask")?)?,
                xor: Data::decode(xor.need("bitwise without bits to turn")?)?,
            },
            LEFT => BitwiseOp::ShiftLeft(shift()?),
            RIGHT => BitwiseOp::ShiftRight(shift()?),
            _ => return Err(Malformed("unknown bitwise operation")),
        };
        Ok(Self {
            sreg: Reg::decode(sreg.need("bitwise without a source")?)?,
            dreg: Reg::decode(dreg.need("bitwise without a destination")?)?,
            len: len.need("bitwise without a length")?.be32()?,
            op,
        })
    }
}

wire_enum! {
    /// Which way the bytes turn (`NFT_BYTEORDER_*`).
    pub enum ByteorderOp {
        /// Network to host.
        NetworkToHost = 0,
        /// Host to network.
        HostToNetwork = 1,
    }
}

/// `byteorder`: turns the bytes of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byteorder {
    /// Where from.
    pub sreg: Reg,
    /// Where to.
    pub dreg: Reg,
    /// Which way.
    pub op: ByteorderOp,
    /// Bytes in all.
    pub len: u32,
    /// Bytes of one integer: 2, 4 or 8.
    pub size: u32,
}

impl Codec for Byteorder {
    const NAME: &'static str = "byteorder";

    fn encode(&self, out: &mut Writer) {
        self.sreg.encode(1, out);
        self.dreg.encode(2, out);
        out.be32(3, self.op.wire());
        out.be32(4, self.len);
        out.be32(5, self.size);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [sreg, dreg, op, len, size] = attributes.exactly([1, 2, 3, 4, 5])?;
        Ok(Self {
            sreg: Reg::decode(sreg.need("byteorder without a source")?)?,
            dreg: Reg::decode(dreg.need("byteorder without a destination")?)?,
            op: ByteorderOp::from_wire(op.need("byteorder without an operation")?.be32()?)?,
            len: len.need("byteorder without a length")?.be32()?,
            size: size.need("byteorder without a size")?.be32()?,
        })
    }
}
