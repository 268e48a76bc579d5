//! Connection tracking: reading the table of connections, and deleting from it.

use crate::attr::{Attr, Attrs, Malformed, Required, Writer};
use crate::error::Result;
use crate::family::Family;
use crate::message::Message;
use crate::request::{Link, Request};
use crate::socket::BufferSizes;
use crate::wire::wire_flags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_CTNETLINK as u16;
const NEW: u16 = SUBSYSTEM << 8;
const GET: u16 = SUBSYSTEM << 8 | 1;
const DELETE: u16 = SUBSYSTEM << 8 | 2;

const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const STATUS: u16 = 3;
const PROTOCOL_INFO: u16 = 4;
const TIMEOUT: u16 = 7;
const MARK: u16 = 8;
const ID: u16 = 12;
const ZONE: u16 = 18;

const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const V4_SOURCE: u16 = 1;
const V4_DESTINATION: u16 = 2;
const V6_SOURCE: u16 = 3;
const V6_DESTINATION: u16 = 4;
const NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const ICMP: [u16; 3] = [4, 5, 6];
const ICMPV6: [u16; 3] = [7, 8, 9];
const INFO_TCP: u16 = 1;
const TCP_STATE: u16 = 1;

wire_flags! {
    /// The status of a connection (`IPS_*`).
    pub struct Status {
        /// Another connection caused it.
        EXPECTED = 1,
        /// Packets went both ways.
        SEEN_REPLY = 2,
        /// It is not given up early when the table is full.
        ASSURED = 4,
        /// Its first packet passed.
        CONFIRMED = 8,
        /// Its source is translated.
        SOURCE_NAT = 16,
        /// Its destination is translated.
        DESTINATION_NAT = 32,
        /// It is being deleted.
        DYING = 512,
    }
}

/// What tells connections between the same addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoints {
    /// Ports of TCP, UDP, UDP-Lite, SCTP, DCCP.
    Ports {
        /// Of the source.
        source: u16,
        /// Of the destination.
        destination: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Identifier.
        id: u16,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Nothing.
    None,
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Source address.
    pub source: IpAddr,
    /// Destination address; of the same version.
    pub destination: IpAddr,
    /// Transport protocol.
    pub protocol: u8,
    /// Ports, or what ICMP has instead.
    pub endpoints: Endpoints,
}

/// A connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The direction of its first packet, before translation.
    pub original: Tuple,
    /// The way back: what packets of the answer look like when they come in. Differs from `original` turned round where
    /// addresses are translated.
    pub reply: Tuple,
    /// Its status.
    pub status: Status,
    /// Its mark.
    pub mark: u32,
    /// Its zone; zero is the default one.
    pub zone: u16,
    /// The number that identifies it together with its tuple, so that another one with the same tuple is not mistaken
    /// for it. Zero when the kernel gave none.
    pub id: u32,
    /// Seconds until it expires; zero when the kernel gave none.
    pub timeout: u32,
    /// The state of a TCP connection (`TCP_CONNTRACK_*`: 3 is established).
    pub tcp_state: Option<u8>,
}

impl Tuple {
    fn family(&self) -> Family {
        if self.source.is_ipv4() { Family::Ip } else { Family::Ip6 }
    }

    fn encode(&self, kind: u16, out: &mut Writer) {
        out.nested(kind, |out| {
            out.nested(TUPLE_IP, |out| {
                for (address, v4, v6) in
                    [(self.source, V4_SOURCE, V6_SOURCE), (self.destination, V4_DESTINATION, V6_DESTINATION)]
                {
                    match address {
                        IpAddr::V4(address) => out.put(v4, &address.octets()),
                        IpAddr::V6(address) => out.put(v6, &address.octets()),
                    }
                }
            });
            out.nested(TUPLE_PROTOCOL, |out| {
                out.u8(NUMBER, self.protocol);
                match self.endpoints {
                    Endpoints::Ports { source, destination } => {
                        out.be16(SOURCE_PORT, source);
                        out.be16(DESTINATION_PORT, destination);
                    }
                    Endpoints::Icmp { id, kind, code } => {
                        let [id_attr, kind_attr, code_attr] = if self.family() == Family::Ip { ICMP } else { ICMPV6 };
                        out.be16(id_attr, id);
                        out.u8(kind_attr, kind);
                        out.u8(code_attr, code);
                    }
                    Endpoints::None => {}
                }
            });
        });
    }

    fn decode(attr: Attr<'_>) -> Result<Self, Malformed> {
        let [ip, protocol] = attr.attrs().pick([TUPLE_IP, TUPLE_PROTOCOL])?;
        let [source4, destination4, source6, destination6] = ip
            .need("a connection without addresses")?
            .attrs()
            .pick([V4_SOURCE, V4_DESTINATION, V6_SOURCE, V6_DESTINATION])?;
        let (source, destination) = match (source4, destination4, source6, destination6) {
            (Some(source), Some(destination), ..) => (v4(source)?, v4(destination)?),
            (_, _, Some(source), Some(destination)) => (v6(source)?, v6(destination)?),
            _ => return Err(Malformed("a connection without a pair of addresses")),
        };
        let attributes = protocol.need("a connection without a protocol")?.attrs();
        let [number, source_port, destination_port] =
            attributes.clone().pick([NUMBER, SOURCE_PORT, DESTINATION_PORT])?;
        let [id4, kind4, code4] = attributes.clone().pick(ICMP)?;
        let [id6, kind6, code6] = attributes.pick(ICMPV6)?;
        let endpoints = match (source_port, destination_port, id4.or(id6), kind4.or(kind6), code4.or(code6)) {
            (Some(source), Some(destination), ..) => {
                Endpoints::Ports { source: source.be16()?, destination: destination.be16()? }
            }
            (_, _, Some(id), Some(kind), Some(code)) => {
                Endpoints::Icmp { id: id.be16()?, kind: kind.u8()?, code: code.u8()? }
            }
            _ => Endpoints::None,
        };
        Ok(Self {
            source,
            destination,
            protocol: number.need("a connection without a protocol number")?.u8()?,
            endpoints,
        })
    }
}

fn v4(attr: Attr<'_>) -> Result<IpAddr, Malformed> {
    Ok(Ipv4Addr::from_bits(attr.be32()?).into())
}

fn v6(attr: Attr<'_>) -> Result<IpAddr, Malformed> {
    let octets: [u8; 16] = attr.value.try_into().map_err(|_| Malformed("an IPv6 address of another size"))?;
    Ok(Ipv6Addr::from(octets).into())
}

impl Connection {
    /// From a message; `None` when it is not a connection.
    pub fn decode(message: &Message<'_>) -> Result<Option<Self>, Malformed> {
        if message.kind != NEW {
            return Ok(None);
        }
        Self::decode_attributes(message.netfilter()?.1).map(Some)
    }

    fn decode_attributes(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [original, reply, status, info, timeout, mark, id, zone] =
            attributes.pick([ORIGINAL, REPLY, STATUS, PROTOCOL_INFO, TIMEOUT, MARK, ID, ZONE])?;
        let word = |attr: Option<Attr<'_>>| attr.map_or(Ok(0), |attr| attr.be32());
        let mut tcp_state = None;
        if let Some(info) = info
            && let [Some(tcp)] = info.attrs().pick([INFO_TCP])?
            && let [Some(state)] = tcp.attrs().pick([TCP_STATE])?
        {
            tcp_state = Some(state.u8()?);
        }
        Ok(Self {
            original: Tuple::decode(original.need("a connection without an original direction")?)?,
            reply: Tuple::decode(reply.need("a connection without a reply direction")?)?,
            status: Status(word(status)?),
            mark: word(mark)?,
            zone: zone.map_or(Ok(0), |zone| zone.be16())?,
            id: word(id)?,
            timeout: word(timeout)?,
            tcp_state,
        })
    }
}

/// The table of connections of the network namespace that the thread was in when it was opened.
#[derive(Debug)]
pub struct Conntrack {
    link: Link,
}

impl Conntrack {
    /// Opens it.
    pub fn open() -> Result<Self> {
        Ok(Self { link: Link::open(BufferSizes::default())? })
    }

    /// Gives each connection of both IP versions to `visit`. The table changes while it is read: a connection may be
    /// missing or come twice.
    pub fn for_each(&mut self, mut visit: impl FnMut(&Connection)) -> Result<()> {
        let request = Request::dump(GET, libc::AF_UNSPEC as u8, "listing connections".to_owned());
        self.link.exchange(request, |message| {
            if let Some(connection) = Connection::decode(&message)? {
                visit(&connection);
            }
            Ok(())
        })?;
        Ok(())
    }

    /// All connections of both IP versions.
    pub fn list(&mut self) -> Result<Vec<Connection>> {
        let mut all = Vec::new();
        self.for_each(|connection| all.push(*connection))?;
        Ok(all)
    }

    /// Deletes this connection, and no later one with the same tuple. `false` when it is gone already.
    pub fn delete(&mut self, connection: &Connection) -> Result<bool> {
        let tuple = &connection.original;
        let operation = format!("deleting the connection {} to {}", tuple.source, tuple.destination);
        // Never without a tuple, which would delete all.
        let request = Request::single(DELETE, tuple.family().wire(), operation).attributes(|out| {
            tuple.encode(ORIGINAL, out);
            if connection.zone != 0 {
                out.be16(ZONE, connection.zone);
            }
            if connection.id != 0 {
                out.be32(ID, connection.id);
            }
        });
        match self.link.exchange(request, |_| Ok(())) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
