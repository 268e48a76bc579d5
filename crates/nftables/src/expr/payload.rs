//! `payload`: bytes of the packet.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::wire_enum;

const DREG: u16 = 1;
const BASE: u16 = 2;
const OFFSET: u16 = 3;
const LEN: u16 = 4;
const SREG: u16 = 5;
const CHECKSUM_TYPE: u16 = 6;
const CHECKSUM_OFFSET: u16 = 7;
const CHECKSUM_FLAGS: u16 = 8;

wire_enum! {
    /// Where offsets count from (`NFT_PAYLOAD_*`).
    pub enum PayloadBase {
        /// The link layer header.
        Link = 0,
        /// The IP or ARP header.
        Network = 1,
        /// The header after that.
        Transport = 2,
        /// What is inside the transport header.
        Inner = 3,
    }
}

/// A run of bytes in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadField {
    /// Where the offset counts from.
    pub base: PayloadBase,
    /// Bytes before it.
    pub offset: u32,
    /// Its bytes; at most 64.
    pub len: u32,
}

impl PayloadField {
    const fn new(base: PayloadBase, offset: u32, len: u32) -> Self {
        Self { base, offset, len }
    }

    /// Destination of an Ethernet frame.
    pub const ETHER_DADDR: Self = Self::new(PayloadBase::Link, 0, 6);
    /// Source of an Ethernet frame.
    pub const ETHER_SADDR: Self = Self::new(PayloadBase::Link, 6, 6);
    /// Protocol of an Ethernet frame.
    pub const ETHER_TYPE: Self = Self::new(PayloadBase::Link, 12, 2);
    /// Protocol of an IPv4 packet.
    pub const IP_PROTOCOL: Self = Self::new(PayloadBase::Network, 9, 1);
    /// Source of an IPv4 packet.
    pub const IP_SADDR: Self = Self::new(PayloadBase::Network, 12, 4);
    /// Destination of an IPv4 packet.
    pub const IP_DADDR: Self = Self::new(PayloadBase::Network, 16, 4);
    /// Source of an IPv6 packet.
    pub const IP6_SADDR: Self = Self::new(PayloadBase::Network, 8, 16);
    /// Destination of an IPv6 packet.
    pub const IP6_DADDR: Self = Self::new(PayloadBase::Network, 24, 16);
    /// Source port of TCP, UDP, UDP-Lite, SCTP and DCCP.
    pub const SPORT: Self = Self::new(PayloadBase::Transport, 0, 2);
    /// Destination port of TCP, UDP, UDP-Lite, SCTP and DCCP.
    pub const DPORT: Self = Self::new(PayloadBase::Transport, 2, 2);
    /// Type of ICMP and ICMPv6.
    pub const ICMP_TYPE: Self = Self::new(PayloadBase::Transport, 0, 1);
    /// Code of ICMP and ICMPv6.
    pub const ICMP_CODE: Self = Self::new(PayloadBase::Transport, 1, 1);
    /// Type and code of ICMP and ICMPv6 together.
    pub const ICMP_TYPE_AND_CODE: Self = Self::new(PayloadBase::Transport, 0, 2);
    /// Flags of TCP.
    pub const TCP_FLAGS: Self = Self::new(PayloadBase::Transport, 13, 1);
}

/// How a write keeps checksums right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum {
    /// `NFT_PAYLOAD_CSUM_*`: 0 none, 1 internet checksum, 2 SCTP.
    pub kind: u32,
    /// Where the checksum is, from the base, in bytes.
    pub offset: u32,
    /// `NFT_PAYLOAD_L4CSUM_PSEUDOHDR` (1): the field is part of the transport checksum too.
    pub flags: u32,
}

/// `payload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Loads bytes. A packet too short for them does not match.
    Load {
        /// Which.
        field: PayloadField,
        /// Where to.
        dreg: Reg,
    },
    /// Writes bytes.
    Write {
        /// Which.
        field: PayloadField,
        /// Where from.
        sreg: Reg,
        /// The checksum to keep right.
        checksum: Checksum,
    },
}

impl Codec for Payload {
    const NAME: &'static str = "payload";

    fn encode(&self, out: &mut Writer) {
        let (field, kind, reg) = match *self {
            Self::Load { field, dreg } => (field, DREG, dreg),
            Self::Write { field, sreg, .. } => (field, SREG, sreg),
        };
        reg.encode(kind, out);
        out.be32(BASE, field.base.wire());
        out.be32(OFFSET, field.offset);
        out.be32(LEN, field.len);
        if let Self::Write { checksum, .. } = self {
            out.be32(CHECKSUM_TYPE, checksum.kind);
            out.be32(CHECKSUM_OFFSET, checksum.offset);
            out.be32(CHECKSUM_FLAGS, checksum.flags);
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, base, offset, len, sreg, checksum @ ..] =
            attributes.exactly([DREG, BASE, OFFSET, LEN, SREG, CHECKSUM_TYPE, CHECKSUM_OFFSET, CHECKSUM_FLAGS])?;
        let field = PayloadField {
            base: PayloadBase::from_wire(base.need("payload without a base")?.be32()?)?,
            offset: offset.need("payload without an offset")?.be32()?,
            len: len.need("payload without a length")?.be32()?,
        };
        match (dreg, sreg) {
            (Some(dreg), None) => Ok(Self::Load { field, dreg: Reg::decode(dreg)? }),
            (None, Some(sreg)) => {
                let mut words = [0; 3];
                for (word, attr) in words.iter_mut().zip(checksum) {
                    *word = attr.map_or(Ok(0), |attr| attr.be32())?;
                }
                let [kind, offset, flags] = words;
                Ok(Self::Write { field, sreg: Reg::decode(sreg)?, checksum: Checksum { kind, offset, flags } })
            }
            _ => Err(Malformed("payload with other than one register")),
        }
    }
}
