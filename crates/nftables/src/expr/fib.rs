//! `fib`: what the routing table says of an address.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::{wire_enum, wire_flags};

const DREG: u16 = 1;
const RESULT: u16 = 2;
const FLAGS: u16 = 3;

wire_enum! {
    /// What is asked (`NFT_FIB_RESULT_*`).
    pub enum FibResult {
        /// The index of the interface of the route; zero without one.
        Oif = 1,
        /// The name of the interface of the route, 16 bytes.
        OifName = 2,
        /// The type of the address: see [`AddrType`].
        AddrType = 3,
    }
}

wire_enum! {
    /// The type of an address (`RTN_*`), as a value of four bytes in host byte order.
    pub enum AddrType {
        /// No route.
        Unspec = 0,
        /// Reached by a route.
        Unicast = 1,
        /// Of this machine.
        Local = 2,
        /// A broadcast address.
        Broadcast = 3,
        /// An anycast address.
        Anycast = 4,
        /// A multicast address.
        Multicast = 5,
        /// Dropped by a route.
        Blackhole = 6,
        /// Unreachable by a route.
        Unreachable = 7,
        /// Prohibited by a route.
        Prohibit = 8,
    }
}

wire_flags! {
    /// What the question is made of (`NFTA_FIB_F_*`).
    pub struct FibFlags {
        /// The source address.
        SADDR = 1,
        /// The destination address.
        DADDR = 2,
        /// The mark too.
        MARK = 4,
        /// Only routes of the incoming interface.
        IIF = 8,
        /// Only routes of the outgoing interface.
        OIF = 16,
        /// Only whether there is a route: one byte.
        PRESENT = 32,
    }
}

/// `fib`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fib {
    /// What is asked.
    pub result: FibResult,
    /// What the question is made of.
    pub flags: FibFlags,
    /// Where the answer goes.
    pub dreg: Reg,
}

impl Codec for Fib {
    const NAME: &'static str = "fib";

    fn encode(&self, out: &mut Writer) {
        self.dreg.encode(DREG, out);
        out.be32(RESULT, self.result.wire());
        out.be32(FLAGS, self.flags.0);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, result, flags] = attributes.exactly([DREG, RESULT, FLAGS])?;
        Ok(Self {
            dreg: Reg::decode(dreg.need("fib without a register")?)?,
            result: FibResult::from_wire(result.need("fib without a result")?.be32()?)?,
            flags: FibFlags(flags.need("fib without flags")?.be32()?),
        })
    }
}
