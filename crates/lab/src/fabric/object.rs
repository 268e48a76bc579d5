//! The things a namespace holds, as values that can be compared, and as netlink messages that make or delete them.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::RawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::rtnetlink::Request;

/// An Ethernet address.
pub(super) type Mac = [u8; 6];

/// A namespace of the fabric; nodes and pods by the number that they keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Wire,
    External,
    Switch,
    Node(u32),
    Pod(u32),
}

/// The address family of a default route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    fn kernel(self) -> AddressFamily {
        match self {
            Family::V4 => AddressFamily::Inet,
            Family::V6 => AddressFamily::Inet6,
        }
    }
}

/// Where a route leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Destination {
    /// One address alone.
    Host(IpAddr),
    /// All of a family.
    Default(Family),
}

/// The far end of a veth pair, made in another namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Peer {
    pub(super) place: Place,
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) mac: Mac,
    /// Whether both ends cut TCP into packets, as for a real device, where a veth pair hands on segments that are longer than any frame.
    pub(super) cut: bool,
}

/// One thing in a namespace. The order of the variants is the order in which things can be made; the reverse is the
/// order in which they can be deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Object {
    /// A bridge, up.
    Bridge { index: u32, name: String, mac: Mac },
    /// The near end of a veth pair, up, perhaps as the port of a bridge.
    Veth { index: u32, name: String, mac: Mac, bridge: Option<u32>, peer: Peer },
    /// The far end of a pair that another namespace made, set up; deleted with the pair, for a namespace that is given up lingers.
    FarEnd { index: u32 },
    /// An interface that is there already, set up.
    Up { device: u32 },
    /// An address, alone: without a route to the net around it.
    Address { device: u32, address: IpAddr },
    /// Where an address is, so that nobody has to ask.
    Neighbour { device: u32, address: IpAddr, mac: Mac },
    /// Behind which port of a bridge an Ethernet address is, so that it need not flood.
    Forwarding { port: u32, mac: Mac },
    /// A route through an interface, on the link or by a gateway. Those on the link sort first: others may need them.
    Route { device: u32, gateway: Option<IpAddr>, destination: Destination },
    /// All of a family belongs to this namespace, except what another route says.
    Everything { family: Family },
}

impl Object {
    /// The interface with whose removal the kernel removes this too.
    pub(super) fn device(&self) -> Option<u32> {
        match *self {
            Object::Bridge { index, .. } | Object::Veth { index, .. } | Object::FarEnd { index } => Some(index),
            Object::Up { device }
            | Object::Address { device, .. }
            | Object::Neighbour { device, .. }
            | Object::Route { device, .. } => Some(device),
            Object::Forwarding { port, .. } => Some(port),
            Object::Everything { .. } => None,
        }
    }

    /// Whether it is an IPv4 route or neighbour.
    pub(super) fn leans_on_ipv4_addresses(&self) -> bool {
        match self {
            Object::Neighbour { address, .. } | Object::Route { destination: Destination::Host(address), .. } => {
                address.is_ipv4()
            }
            Object::Route { destination: Destination::Default(family), .. } => *family == Family::V4,
            _ => false,
        }
    }

    /// Whether it is an interface of its own.
    pub(super) fn is_link(&self) -> bool {
        matches!(self, Object::Bridge { .. } | Object::Veth { .. } | Object::FarEnd { .. })
    }

    /// The request that makes it. `descriptor` gives a namespace's file descriptor.
    pub(super) fn make(&self, descriptor: impl Fn(Place) -> RawFd) -> Request {
        use RouteNetlinkMessage as M;
        let (message, flags) = match self {
            Object::Up { device } | Object::FarEnd { index: device } => return Request::up(*device),
            Object::Bridge { .. } | Object::Veth { .. } => (M::NewLink(self.link(descriptor)), NLM_F_EXCL),
            Object::Address { .. } => (M::NewAddress(self.address()), NLM_F_REPLACE),
            Object::Neighbour { .. } | Object::Forwarding { .. } => (M::NewNeighbour(self.neighbour()), NLM_F_REPLACE),
            Object::Route { .. } | Object::Everything { .. } => (M::NewRoute(self.route()), NLM_F_REPLACE),
        };
        Request { message, flags: NLM_F_CREATE | flags, doing: format!("making {self}"), may_be_gone: false }
    }

    /// The request that deletes it; `None` for what is not deleted but goes with its interface. An interface is only
    /// marked for [`Object::delete_marked`].
    pub(super) fn delete(&self) -> Option<Request> {
        use RouteNetlinkMessage as M;
        let message = match self {
            Object::Up { .. } => return None,
            Object::Bridge { index, .. } | Object::Veth { index, .. } | Object::FarEnd { index } => {
                let mut link = LinkMessage::default();
                link.header.index = *index;
                link.attributes = vec![LinkAttribute::Group(DOOMED)];
                M::SetLink(link)
            }
            Object::Address { .. } => M::DelAddress(self.address()),
            Object::Neighbour { .. } | Object::Forwarding { .. } => M::DelNeighbour(self.neighbour()),
            Object::Route { .. } | Object::Everything { .. } => M::DelRoute(self.route()),
        };
        Some(Request { message, flags: 0, doing: format!("deleting {self}"), may_be_gone: true })
    }

    /// Deletes all marked interfaces at once. One after another, the kernel would wait for all its readers (synchronize_net)
    /// for each.
    pub(super) fn delete_marked() -> Request {
        let mut link = LinkMessage::default();
        link.attributes = vec![LinkAttribute::Group(DOOMED)];
        let message = RouteNetlinkMessage::DelLink(link);
        Request { message, flags: 0, doing: "deleting interfaces".into(), may_be_gone: true }
    }

    fn link(&self, descriptor: impl Fn(Place) -> RawFd) -> LinkMessage {
        let mut link = LinkMessage::default();
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        let mut common = |number: u32, name: &str, mac: &Mac| {
            link.header.index = number;
            link.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Address(mac.to_vec())];
        };
        match self {
            Object::Bridge { index, name, mac } => {
                common(*index, name, mac);
                link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
            }
            Object::Veth { index, name, mac, bridge, peer } => {
                common(*index, name, mac);
                if let Some(bridge) = bridge {
                    link.attributes.push(LinkAttribute::Controller(*bridge));
                }
                let mut far = LinkMessage::default();
                far.header.index = peer.index;
                far.attributes = vec![
                    LinkAttribute::IfName(peer.name.clone()),
                    LinkAttribute::Address(peer.mac.to_vec()),
                    LinkAttribute::NetNsFd(descriptor(peer.place)),
                ];
                if peer.cut {
                    link.attributes.push(LinkAttribute::GsoMaxSegs(1));
                    far.attributes.push(LinkAttribute::GsoMaxSegs(1));
                }
                link.attributes.push(LinkAttribute::LinkInfo(vec![
                    LinkInfo::Kind(InfoKind::Veth),
                    LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
                ]));
            }
            _ => {}
        }
        link
    }

    fn address(&self) -> AddressMessage {
        let mut message = AddressMessage::default();
        if let Object::Address { device, address } = *self {
            message.header.family = Family::of(address).kernel();
            message.header.prefix_len = full_length(address);
            message.header.scope = AddressScope::Universe;
            message.header.index = device;
            message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
            if address.is_ipv6() {
                // Duplicate address detection would hold the address back for a second or more.
                let flags = AddressFlags::Nodad | AddressFlags::Noprefixroute;
                message.attributes.push(AddressAttribute::Flags(flags));
            }
        }
        message
    }

    fn neighbour(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        match self {
            Object::Neighbour { device, address, mac } => {
                message.header.family = Family::of(*address).kernel();
                message.header.ifindex = *device;
                message.header.state = NeighbourState::Permanent;
                let destination = match *address {
                    IpAddr::V4(a) => NeighbourAddress::Inet(a),
                    IpAddr::V6(a) => NeighbourAddress::Inet6(a),
                };
                message.attributes = vec![
                    NeighbourAttribute::Destination(destination),
                    NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
                ];
            }
            Object::Forwarding { port, mac } => {
                message.header.family = AddressFamily::Bridge;
                message.header.ifindex = *port;
                // The bridge reads Permanent as "an address of the bridge itself", Noarp as "static".
                message.header.state = NeighbourState::Noarp;
                message.header.flags = NeighbourFlags::Controller;
                message.attributes = vec![NeighbourAttribute::LinkLayerAddress(mac.to_vec())];
            }
            _ => {}
        }
        message
    }

    fn route(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        match *self {
            Object::Route { device, destination, gateway } => {
                message.header.kind = RouteType::Unicast;
                message.header.scope = if gateway.is_some() { RouteScope::Universe } else { RouteScope::Link };
                message.attributes.push(RouteAttribute::Oif(device));
                match destination {
                    Destination::Default(family) => message.header.address_family = family.kernel(),
                    Destination::Host(address) => {
                        message.header.address_family = Family::of(address).kernel();
                        message.header.destination_prefix_length = full_length(address);
                        message.attributes.push(RouteAttribute::Destination(address.into()));
                    }
                }
                if let Some(gateway) = gateway {
                    message.header.flags = RouteFlags::Onlink;
                    message.attributes.push(RouteAttribute::Gateway(gateway.into()));
                }
            }
            Object::Everything { family } => {
                message.header.address_family = family.kernel();
                message.header.kind = RouteType::Local;
                message.header.scope = RouteScope::Host;
                message.attributes.push(RouteAttribute::Oif(LOOPBACK));
            }
            _ => {}
        }
        if message.header.address_family == AddressFamily::Inet6 {
            message.header.scope = RouteScope::Universe;
        }
        message
    }
}

/// The index that the kernel gives the loopback interface of every namespace.
pub(super) const LOOPBACK: u32 = 1;

/// The group of interfaces that are to be deleted: a number that nobody else uses.
const DOOMED: u32 = 0x4d67_0001;

fn full_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Bridge { name, .. } => write!(f, "bridge {name}"),
            Object::Veth { name, peer, .. } => write!(f, "veth pair {name} and {}", peer.name),
            Object::Up { device } | Object::FarEnd { index: device } => write!(f, "the link of interface {device}"),
            Object::Address { device, address } => write!(f, "address {address} of interface {device}"),
            Object::Neighbour { device, address, .. } => write!(f, "neighbour {address} of interface {device}"),
            Object::Forwarding { port, .. } => write!(f, "the forwarding entry of bridge port {port}"),
            Object::Route { device, destination, gateway } => {
                match destination {
                    Destination::Host(address) => write!(f, "the route to {address}")?,
                    Destination::Default(family) => write!(f, "the {family:?} default route")?,
                }
                match gateway {
                    Some(gateway) => write!(f, " by {gateway} on interface {device}"),
                    None => write!(f, " on interface {device}"),
                }
            }
            Object::Everything { family } => write!(f, "the {family:?} route that makes every address local"),
        }
    }
}
