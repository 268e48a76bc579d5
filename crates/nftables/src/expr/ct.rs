//! `ct` and `notrack`: the connection that a packet belongs to.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::{wire_enum, wire_flags};

const DREG: u16 = 1;
const KEY: u16 = 2;
const DIRECTION: u16 = 3;
const SREG: u16 = 4;

wire_enum! {
    /// A property of a connection (`NFT_CT_*`). In host byte order unless said otherwise.
    pub enum CtKey {
        /// What the packet is to the connection: see [`CtState`].
        State = 0,
        /// 0 in the direction of the first packet, 1 back; one byte.
        Direction = 1,
        /// Status bits (`IPS_*`).
        Status = 2,
        /// Mark.
        Mark = 3,
        /// Security mark.
        SecMark = 4,
        /// Milliseconds until it expires.
        Expiration = 5,
        /// Name of its helper, 16 bytes.
        Helper = 6,
        /// Family, one byte.
        L3Protocol = 7,
        /// Source address, 16 bytes; with a direction.
        Src = 8,
        /// Destination address, 16 bytes; with a direction.
        Dst = 9,
        /// Transport protocol, one byte.
        Protocol = 10,
        /// Source port, two bytes in network byte order; with a direction.
        ProtoSrc = 11,
        /// Destination port, two bytes in network byte order; with a direction.
        ProtoDst = 12,
        /// Labels, 16 bytes.
        Labels = 13,
        /// Packets, eight bytes; of one direction, or both.
        Packets = 14,
        /// Bytes, eight bytes; of one direction, or both.
        Bytes = 15,
        /// Average bytes a packet, eight bytes; of one direction, or both.
        AveragePacket = 16,
        /// Zone, two bytes; of one direction, or both.
        Zone = 17,
        /// Events that are reported.
        EventMask = 18,
        /// Source of IPv4, four bytes; with a direction.
        SrcIp = 19,
        /// Destination of IPv4, four bytes; with a direction.
        DstIp = 20,
        /// Source of IPv6, 16 bytes; with a direction.
        SrcIp6 = 21,
        /// Destination of IPv6, 16 bytes; with a direction.
        DstIp6 = 22,
        /// The number that identifies it.
        Id = 23,
    }
}

impl CtKey {
    /// Bytes it takes in registers.
    pub const fn width(self) -> usize {
        match self {
            Self::Direction | Self::L3Protocol | Self::Protocol => 1,
            Self::ProtoSrc | Self::ProtoDst | Self::Zone => 2,
            Self::Packets | Self::Bytes | Self::AveragePacket => 8,
            Self::Helper | Self::Src | Self::Dst | Self::Labels | Self::SrcIp6 | Self::DstIp6 => 16,
            _ => 4,
        }
    }
}

wire_flags! {
    /// What a packet is to its connection (`NF_CT_STATE_*`): each packet has one of these bits.
    pub struct CtState {
        /// It belongs to none and can't begin one.
        INVALID = 1,
        /// Packets went both ways before.
        ESTABLISHED = 2,
        /// It begins a connection, or an ICMP error, that another one caused.
        RELATED = 4,
        /// It begins a connection, or none came back yet.
        NEW = 8,
        /// It is kept out of connection tracking.
        UNTRACKED = 64,
    }
}

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtDirection {
    /// That of its first packet.
    Original,
    /// Back.
    Reply,
}

impl CtDirection {
    fn wire(self) -> u8 {
        match self {
            Self::Original => 0,
            Self::Reply => 1,
        }
    }

    fn from_wire(number: u8) -> Result<Self, Malformed> {
        match number {
            0 => Ok(Self::Original),
            1 => Ok(Self::Reply),
            _ => Err(Malformed("unknown direction of a connection")),
        }
    }
}

/// `ct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ct {
    /// Loads a property. Most have no value in a packet without a connection, which then does not match.
    Load {
        /// Which.
        key: CtKey,
        /// Of which direction, where the key has one.
        direction: Option<CtDirection>,
        /// Where to.
        dreg: Reg,
    },
    /// Sets a property: mark, zone, labels, event mask.
    Set {
        /// Which.
        key: CtKey,
        /// Of which direction; for zones only.
        direction: Option<CtDirection>,
        /// Where from.
        sreg: Reg,
    },
}

impl Codec for Ct {
    const NAME: &'static str = "ct";

    fn encode(&self, out: &mut Writer) {
        let (key, direction, kind, reg) = match *self {
            Self::Load { key, direction, dreg } => (key, direction, DREG, dreg),
            Self::Set { key, direction, sreg } => (key, direction, SREG, sreg),
        };
        out.be32(KEY, key.wire());
        if let Some(direction) = direction {
            out.u8(DIRECTION, direction.wire());
        }
        reg.encode(kind, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, key, direction, sreg] = attributes.exactly([DREG, KEY, DIRECTION, SREG])?;
        let key = CtKey::from_wire(key.need("ct without a key")?.be32()?)?;
        let direction = direction.map(|direction| CtDirection::from_wire(direction.u8()?)).transpose()?;
        match (dreg, sreg) {
            (Some(dreg), None) => Ok(Self::Load { key, direction, dreg: Reg::decode(dreg)? }),
            (None, Some(sreg)) => Ok(Self::Set { key, direction, sreg: Reg::decode(sreg)? }),
            _ => Err(Malformed("ct with other than one register")),
        }
    }
}

/// `notrack`: keeps the packet out of connection tracking. Before connection tracking only (priority below -200).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notrack;

impl Codec for Notrack {
    const NAME: &'static str = "notrack";

    fn encode(&self, _: &mut Writer) {}

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        attributes.exactly([]).map(|[]| Self)
    }
}
