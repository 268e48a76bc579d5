//! Verdicts: what becomes of a packet.

use crate::attr::{Attr, Malformed, Required, Writer};
use std::fmt;

const VERDICT: u16 = 2;
const CODE: u16 = 1;
const CHAIN: u16 = 2;

/// What becomes of a packet: the end of a rule, or the value of an element of a verdict map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Let it pass this base chain.
    Accept,
    /// Drop it at once.
    Drop,
    /// Go on with the next expression.
    Continue,
    /// Go on with the next rule.
    Break,
    /// Go back to the rule after the jump; in a base chain, to its policy.
    Return,
    /// Evaluate a chain and come back.
    Jump(String),
    /// Evaluate a chain and not come back.
    Goto(String),
    /// A code that this crate does not know; kept as it is.
    Other(i32),
}

impl Verdict {
    /// Jump to this chain.
    pub fn jump(chain: impl Into<String>) -> Self {
        Self::Jump(chain.into())
    }

    /// Go to this chain.
    pub fn goto(chain: impl Into<String>) -> Self {
        Self::Goto(chain.into())
    }

    fn wire(&self) -> (i32, Option<&str>) {
        match self {
            Self::Drop => (libc::NF_DROP, None),
            Self::Accept => (libc::NF_ACCEPT, None),
            Self::Continue => (libc::NFT_CONTINUE, None),
            Self::Break => (libc::NFT_BREAK, None),
            Self::Jump(chain) => (libc::NFT_JUMP, Some(chain)),
            Self::Goto(chain) => (libc::NFT_GOTO, Some(chain)),
            Self::Return => (libc::NFT_RETURN, None),
            Self::Other(code) => (*code, None),
        }
    }

    pub(crate) fn encode(&self, kind: u16, out: &mut Writer) {
        let (code, chain) = self.wire();
        out.nested(kind, |out| {
            out.nested(VERDICT, |out| {
                out.be32(CODE, code as u32);
                if let Some(chain) = chain {
                    out.string(CHAIN, chain);
                }
            });
        });
    }

    /// From a data attribute; `None` when it holds a value instead.
    pub(crate) fn decode(attr: Attr<'_>) -> Result<Option<Self>, Malformed> {
        let [Some(verdict)] = attr.attrs().pick([VERDICT])? else { return Ok(None) };
        let [code, chain] = verdict.attrs().pick([CODE, CHAIN])?;
        let code = code.need("a verdict without a code")?.be32()? as i32;
        let chain = chain.map(|chain| chain.string()).transpose()?;
        Ok(Some(match (code, chain) {
            (libc::NF_DROP, None) => Self::Drop,
            (libc::NF_ACCEPT, None) => Self::Accept,
            (libc::NFT_CONTINUE, None) => Self::Continue,
            (libc::NFT_BREAK, None) => Self::Break,
            (libc::NFT_JUMP, Some(chain)) => Self::jump(chain),
            (libc::NFT_GOTO, Some(chain)) => Self::goto(chain),
            (libc::NFT_RETURN, None) => Self::Return,
            (code, None) => Self::Other(code),
            (_, Some(_)) => return Err(Malformed("a chain with a verdict that takes none")),
        }))
    }
}

impl fmt::Display for Verdict {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Break => f.write_str("break"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Other(code) => write!(f, "verdict {code}"),
        }
    }
}
