//! `nat` and `masq`: address translation, in `nat` chains.

use super::{Codec, Reg};
use crate::attr::{Attr, Attrs, Malformed, Required, Writer};
use crate::family::Family;
use crate::wire::{wire_enum, wire_flags};

wire_enum! {
    /// Which end is translated (`NFT_NAT_*`).
    pub enum NatKind {
        /// The source.
        Source = 0,
        /// The destination.
        Destination = 1,
    }
}

wire_flags! {
    /// How addresses and ports are chosen (`NF_NAT_RANGE_*`).
    pub struct NatFlags {
        /// Ports at random.
        RANDOM = 4,
        /// The same address for the same client.
        PERSISTENT = 8,
        /// Ports at random, without a seed that can be guessed.
        FULLY_RANDOM = 16,
        /// Prefix to prefix.
        NETMAP = 64,
    }
}

/// `NF_NAT_RANGE_MAP_IPS` and `NF_NAT_RANGE_PROTO_SPECIFIED`: the kernel sets them by itself when registers for them
/// are given, and shows them.
const IMPLIED: NatFlags = NatFlags(3);

/// Where the first and the last address or port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegRange {
    /// The first.
    pub min: Reg,
    /// The last; the same register for a single one.
    pub max: Reg,
}

impl From<Reg> for RegRange {
    fn from(reg: Reg) -> Self {
        Self { min: reg, max: reg }
    }
}

impl RegRange {
    fn encode(range: Option<Self>, min: u16, max: u16, out: &mut Writer) {
        if let Some(range) = range {
            range.min.encode(min, out);
            range.max.encode(max, out);
        }
    }

    fn decode(min: Option<Attr<'_>>, max: Option<Attr<'_>>) -> Result<Option<Self>, Malformed> {
        let Some(min) = min else { return Ok(None) };
        let max = max.unwrap_or(min);
        Ok(Some(Self { min: Reg::decode(min)?, max: Reg::decode(max)? }))
    }
}

fn decode_flags(flags: Option<Attr<'_>>) -> Result<NatFlags, Malformed> {
    Ok(NatFlags(flags.map_or(Ok(0), |flags| flags.be32())?).without(IMPLIED))
}

fn encode_flags(kind: u16, flags: NatFlags, out: &mut Writer) {
    if flags != NatFlags::NONE {
        out.be32(kind, flags.0);
    }
}

/// `nat`: to other addresses, other ports, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat {
    /// Which end.
    pub kind: NatKind,
    /// The IP version of the addresses.
    pub family: Family,
    /// The addresses.
    pub addresses: Option<RegRange>,
    /// The ports.
    pub ports: Option<RegRange>,
    /// How they are chosen.
    pub flags: NatFlags,
}

impl Codec for Nat {
    const NAME: &'static str = "nat";

    fn encode(&self, out: &mut Writer) {
        out.be32(1, self.kind.wire());
        out.be32(2, u32::from(self.family.wire()));
        RegRange::encode(self.addresses, 3, 4, out);
        RegRange::encode(self.ports, 5, 6, out);
        encode_flags(7, self.flags, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [kind, family, address_min, address_max, port_min, port_max, flags] =
            attributes.exactly([1, 2, 3, 4, 5, 6, 7])?;
        let family = family.need("nat without a family")?.be32()?;
        Ok(Self {
            kind: NatKind::from_wire(kind.need("nat without a type")?.be32()?)?,
            family: Family::from_wire(u8::try_from(family).map_err(|_| Malformed("unknown nat family"))?)?,
            addresses: RegRange::decode(address_min, address_max)?,
            ports: RegRange::decode(port_min, port_max)?,
            flags: decode_flags(flags)?,
        })
    }
}

/// `masq`: the source becomes the address of the outgoing interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masquerade {
    /// The ports, to say which.
    pub ports: Option<RegRange>,
    /// How ports are chosen.
    pub flags: NatFlags,
}

impl Codec for Masquerade {
    const NAME: &'static str = "masq";

    fn encode(&self, out: &mut Writer) {
        encode_flags(1, self.flags, out);
        RegRange::encode(self.ports, 2, 3, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [flags, port_min, port_max] = attributes.exactly([1, 2, 3])?;
        Ok(Self { flags: decode_flags(flags)?, ports: RegRange::decode(port_min, port_max)? })
    }
}
