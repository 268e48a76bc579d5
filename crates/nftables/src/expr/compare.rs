//! `cmp` and `range`: comparisons, byte by byte, so in network byte order for anything but equality.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::data::Data;
use crate::wire::wire_enum;

wire_enum! {
    /// A comparison (`NFT_CMP_*`).
    pub enum CmpOp {
        /// Equal.
        Eq = 0,
        /// Not equal.
        Ne = 1,
        /// Less.
        Lt = 2,
        /// Less or equal.
        Le = 3,
        /// Greater.
        Gt = 4,
        /// Greater or equal.
        Ge = 5,
    }
}

/// `cmp`: goes on when the register compares so with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cmp {
    /// Where the value to judge is.
    pub sreg: Reg,
    /// How.
    pub op: CmpOp,
    /// With what; its length says how many bytes are compared. At most 16.
    pub data: Data,
}

impl Codec for Cmp {
    const NAME: &'static str = "cmp";

    fn encode(&self, out: &mut Writer) {
        self.sreg.encode(1, out);
        out.be32(2, self.op.wire());
        self.data.encode(3, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [sreg, op, data] = attributes.exactly([1, 2, 3])?;
        Ok(Self {
            sreg: Reg::decode(sreg.need("cmp without a register")?)?,
            op: CmpOp::from_wire(op.need("cmp without an operator")?.be32()?)?,
            data: Data::decode(data.need("cmp without a value")?)?,
        })
    }
}

wire_enum! {
    /// Inside a range or not (`NFT_RANGE_*`).
    pub enum RangeOp {
        /// Inside, ends included.
        Inside = 0,
        /// Outside.
        Outside = 1,
    }
}

/// `range`: goes on when the register is inside, or outside, a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Where the value to judge is.
    pub sreg: Reg,
    /// Inside or outside.
    pub op: RangeOp,
    /// The least value inside.
    pub from: Data,
    /// The greatest value inside; as long as `from`.
    pub to: Data,
}

impl Codec for Range {
    const NAME: &'static str = "range";

    fn encode(&self, out: &mut Writer) {
        self.sreg.encode(1, out);
        out.be32(2, self.op.wire());
        self.from.encode(3, out);
        self.to.encode(4, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [sreg, op, from, to] = attributes.exactly([1, 2, 3, 4])?;
        Ok(Self {
            sreg: Reg::decode(sreg.need("range without a register")?)?,
            op: RangeOp::from_wire(op.need("range without an operator")?.be32()?)?,
            from: Data::decode(from.need("range without a beginning")?)?,
            to: Data::decode(to.need("range without an end")?)?,
        })
    }
}
