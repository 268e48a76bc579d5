//! `limit`: rates.

use super::Codec;
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::wire_enum;

const RATE: u16 = 1;
const UNIT: u16 = 2;
const BURST: u16 = 3;
const TYPE: u16 = 4;
const FLAGS: u16 = 5;
const PAD: u16 = 6;

const INVERTED: u32 = 1;

wire_enum! {
    /// What is counted (`NFT_LIMIT_*`).
    pub enum LimitUnit {
        /// Packets.
        Packets = 0,
        /// Bytes.
        Bytes = 1,
    }
}

/// `limit`: a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How much in a period; not zero.
    pub rate: u64,
    /// The period, in seconds; not zero.
    pub seconds: u64,
    /// How much at once. Zero packets stands for five, which is what is read back.
    pub burst: u32,
    /// What is counted.
    pub unit: LimitUnit,
    /// Goes on beyond the rate instead of below it.
    pub over: bool,
}

impl Limit {
    /// Goes on for this many packets a second, five at once.
    pub const fn packets_per_second(rate: u64) -> Self {
        Self { rate, seconds: 1, burst: 5, unit: LimitUnit::Packets, over: false }
    }
}

impl Codec for Limit {
    const NAME: &'static str = "limit";

    fn encode(&self, out: &mut Writer) {
        out.be64(RATE, self.rate);
        out.be64(UNIT, self.seconds);
        out.be32(BURST, self.burst);
        out.be32(TYPE, self.unit.wire());
        out.be32(FLAGS, if self.over { INVERTED } else { 0 });
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [rate, unit, burst, kind, flags, _] = attributes.exactly([RATE, UNIT, BURST, TYPE, FLAGS, PAD])?;
        let flags = flags.map_or(Ok(0), |flags| flags.be32())?;
        if flags & !INVERTED != 0 {
            return Err(Malformed("unknown limit flags"));
        }
        Ok(Self {
            rate: rate.need("limit without a rate")?.be64()?,
            seconds: unit.need("limit without a period")?.be64()?,
            burst: burst.map_or(Ok(0), |burst| burst.be32())?,
            unit: kind.map_or(Ok(LimitUnit::Packets), |kind| LimitUnit::from_wire(kind.be32()?))?,
            over: flags & INVERTED != 0,
        })
    }
}
