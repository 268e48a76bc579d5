//! `meta`: properties of the packet that are not in it.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::wire::wire_enum;

const DREG: u16 = 1;
const KEY: u16 = 2;
const SREG: u16 = 3;

wire_enum! {
    /// A property of a packet (`NFT_META_*`). In host byte order unless said otherwise.
    pub enum MetaKey {
        /// Length in bytes.
        Length = 0,
        /// Ethernet protocol, two bytes in network byte order.
        Protocol = 1,
        /// Traffic class.
        Priority = 2,
        /// Mark.
        Mark = 3,
        /// Index of the incoming interface.
        Iif = 4,
        /// Index of the outgoing interface.
        Oif = 5,
        /// Name of the incoming interface, 16 bytes.
        IifName = 6,
        /// Name of the outgoing interface, 16 bytes.
        OifName = 7,
        /// Hardware type of the incoming interface, two bytes.
        IifType = 8,
        /// Hardware type of the outgoing interface, two bytes.
        OifType = 9,
        /// User of the local socket.
        SkUid = 10,
        /// Group of the local socket.
        SkGid = 11,
        /// Whether the packet is traced, one byte; can only be set.
        NfTrace = 12,
        /// Routing realm.
        RtClassId = 13,
        /// `NFPROTO_IPV4` (2) or `NFPROTO_IPV6` (10), one byte.
        NfProto = 15,
        /// Transport protocol, one byte.
        L4Proto = 16,
        /// Name of the bridge port it came in by, 16 bytes.
        BridgeIifName = 17,
        /// Name of the bridge port it goes out by, 16 bytes.
        BridgeOifName = 18,
        /// Packet type (`PACKET_HOST` 0, `PACKET_BROADCAST` 1, `PACKET_MULTICAST` 2…), one byte.
        PacketType = 19,
        /// The processor that handles it.
        Cpu = 20,
        /// Group of the incoming interface.
        IifGroup = 21,
        /// Group of the outgoing interface.
        OifGroup = 22,
        /// Control group of the local socket.
        Cgroup = 23,
        /// A random number.
        PRandom = 24,
        /// Whether it came through IPsec, one byte.
        SecPath = 25,
        /// Kind of the incoming interface, 16 bytes.
        IifKind = 26,
        /// Kind of the outgoing interface, 16 bytes.
        OifKind = 27,
    }
}

impl MetaKey {
    /// Bytes it takes in registers.
    pub const fn width(self) -> usize {
        match self {
            Self::IifName
            | Self::OifName
            | Self::BridgeIifName
            | Self::BridgeOifName
            | Self::IifKind
            | Self::OifKind => 16,
            Self::Protocol | Self::IifType | Self::OifType => 2,
            Self::NfTrace | Self::NfProto | Self::L4Proto | Self::PacketType | Self::SecPath => 1,
            _ => 4,
        }
    }
}

/// `meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// Loads a property.
    Load {
        /// Which.
        key: MetaKey,
        /// Where to.
        dreg: Reg,
    },
    /// Sets a property: mark, priority, trace, packet type.
    Set {
        /// Which.
        key: MetaKey,
        /// Where from.
        sreg: Reg,
    },
}

impl Codec for Meta {
    const NAME: &'static str = "meta";

    fn encode(&self, out: &mut Writer) {
        let (key, kind, reg) = match *self {
            Self::Load { key, dreg } => (key, DREG, dreg),
            Self::Set { key, sreg } => (key, SREG, sreg),
        };
        out.be32(KEY, key.wire());
        reg.encode(kind, out);
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [dreg, key, sreg] = attributes.exactly([DREG, KEY, SREG])?;
        let key = MetaKey::from_wire(key.need("meta without a key")?.be32()?)?;
        match (dreg, sreg) {
            (Some(dreg), None) => Ok(Self::Load { key, dreg: Reg::decode(dreg)? }),
            (None, Some(sreg)) => Ok(Self::Set { key, sreg: Reg::decode(sreg)? }),
            _ => Err(Malformed("meta with other than one register")),
        }
    }
}
