//! `immediate`: constants and verdicts.

use super::{Codec, Expr, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::data::Data;
use crate::verdict::Verdict;

const DREG: u16 = 1;
const DATA: u16 = 2;
/// `NFT_REG_VERDICT`.
const VERDICT: u32 = 0;

/// `immediate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Immediate {
    /// Loads a constant.
    Data {
        /// Where to.
        dreg: Reg,
        /// What.
        data: Data,
    },
    /// Gives a verdict, which ends the rule.
    Verdict(Verdict),
}

impl From<Verdict> for Expr {
    fn from(verdict: Verdict) -> Self {
        Immediate::Verdict(verdict).into()
    }
}

impl Codec for Immediate {
    const NAME: &'static str = "immediate";

    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Data { dreg, data } => {
                dreg.encode(DREG, out);
                data.encode(DATA, out);
            }
            Self::Verdict(verdict) => {
                out.be32(DREG, VERDICT);
                verdict.encode(DATA, out);
            }
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, data] = attributes.exactly([DREG, DATA])?;
        let (dreg, data) = (dreg.need("immediate without a register")?, data.need("immediate without data")?);
        if dreg.be32()? == VERDICT {
            let verdict = Verdict::decode(data)?;
            return Ok(Self::Verdict(verdict.need("a value in the place of a verdict")?));
        }
        Ok(Self::Data { dreg: Reg::decode(dreg)?, data: Data::decode(data)? })
    }
}
