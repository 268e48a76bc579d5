//! `reject`: drops, and tells the sender.

use super::Codec;
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::wire_enum;

const TYPE: u16 = 1;
const CODE: u16 = 2;

const ICMP: u32 = 0;
const TCP_RESET: u32 = 1;
const ICMPX: u32 = 2;

wire_enum! {
    /// Reasons that both ICMP and ICMPv6 have (`NFT_REJECT_ICMPX_*`).
    pub enum IcmpxCode {
        /// No route.
        NoRoute = 0,
        /// No one listens.
        PortUnreachable = 1,
        /// The host can't be reached.
        HostUnreachable = 2,
        /// It is forbidden.
        AdminProhibited = 3,
    }
}

/// `reject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// ICMP destination unreachable with this code; in families of one IP version.
    Icmp(u8),
    /// A TCP reset; for TCP packets only.
    TcpReset,
    /// ICMP or ICMPv6, as the packet is; in `inet` and `bridge`.
    Icmpx(IcmpxCode),
}

impl Codec for Reject {
    const NAME: &'static str = "reject";

    fn encode(&self, out: &mut Writer) {
        let (kind, code) = match *self {
            Self::Icmp(code) => (ICMP, Some(code)),
            Self::TcpReset => (TCP_RESET, None),
            Self::Icmpx(code) => (ICMPX, Some(code.wire() as u8)),
        };
        out.be32(TYPE, kind);
        if let Some(code) = code {
            out.u8(CODE, code);
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [kind, code] = attributes.exactly([TYPE, CODE])?;
        let code = || code.need("reject without a code")?.u8();
        match kind.need("reject without a type")?.be32()? {
            ICMP => Ok(Self::Icmp(code()?)),
            // Some families give a code with a reset too; it has no meaning.
            TCP_RESET => Ok(Self::TcpReset),
            ICMPX => Ok(Self::Icmpx(IcmpxCode::from_wire(u32::from(code()?))?)),
            _ => Err(Malformed("unknown reject type")),
        }
    }
}
