//! The system's table of routes, by `iphlpapi.dll`.

use super::library::Library;
use crate::{ErrorCode, Failure, IpRoute, RouteTable};
use margay_net::Prefix;
use std::ffi::c_void;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use windows_sys::Win32::NetworkManagement::IpHelper::{MIB_IPFORWARD_ROW2, MIB_IPFORWARD_TABLE2};
use windows_sys::Win32::Networking::WinSock::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, AF_UNSPEC, IN_ADDR, IN_ADDR_0, IN6_ADDR, IN6_ADDR_0, SOCKADDR_IN, SOCKADDR_IN6,
    SOCKADDR_INET,
};

type GetTable = unsafe extern "system" fn(ADDRESS_FAMILY, *mut *mut MIB_IPFORWARD_TABLE2) -> u32;
type FreeTable = unsafe extern "system" fn(*const c_void);
type Initialize = unsafe extern "system" fn(*mut MIB_IPFORWARD_ROW2);
type Change = unsafe extern "system" fn(*const MIB_IPFORWARD_ROW2) -> u32;

/// Rows that are read at most: what says more is no table of a node.
const MOST: u32 = 1 << 20;

/// The table of the system that this runs on.
pub struct SystemRoutes {
    library: Library,
}

impl SystemRoutes {
    /// Loads `iphlpapi.dll`.
    ///
    /// # Errors
    /// Where it can't be loaded.
    pub fn load() -> Result<Self, Failure> {
        Ok(Self { library: Library::load("iphlpapi.dll")? })
    }

    fn change(&self, name: &str, route: &IpRoute) -> Result<(), Failure> {
        // SAFETY: `CreateIpForwardEntry2` and `DeleteIpForwardEntry2` have this signature.
        let change: Change = unsafe { self.library.function(name) }?;
        // SAFETY: the function has this signature.
        let initialize: Initialize = unsafe { self.library.function("InitializeIpForwardEntry") }?;
        let mut row = MIB_IPFORWARD_ROW2::default();
        // SAFETY: the row is a place for a row.
        unsafe { initialize(&raw mut row) };
        row.InterfaceIndex = route.interface;
        row.DestinationPrefix.Prefix = socket_address(route.destination.first());
        row.DestinationPrefix.PrefixLength = route.destination.length();
        row.NextHop = socket_address(route.next_hop);
        row.Metric = route.metric;
        row.Protocol = route.protocol;
        // SAFETY: the row is whole and lives through the call.
        check(unsafe { change(&raw const row) })
    }
}

impl RouteTable for SystemRoutes {
    fn list(&self) -> Result<Vec<IpRoute>, Failure> {
        // SAFETY: the function has this signature.
        let get: GetTable = unsafe { self.library.function("GetIpForwardTable2") }?;
        // SAFETY: the function has this signature.
        let free: FreeTable = unsafe { self.library.function("FreeMibTable") }?;
        let mut table = std::ptr::null_mut();
        // SAFETY: `table` is a place for a table.
        check(unsafe { get(AF_UNSPEC, &raw mut table) })?;
        if table.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the system gave a table, which says how many rows stand behind the number.
        let (count, first) = unsafe { ((*table).NumEntries.min(MOST), (&raw const (*table).Table).cast()) };
        // SAFETY: there are so many rows, and each is read in place.
        let routes = (0..count as usize).filter_map(|index| unsafe { read(first, index) }).collect();
        // SAFETY: the table is the system's, and nothing of it is kept.
        unsafe { free(table.cast_const().cast()) };
        Ok(routes)
    }

    fn add(&self, route: &IpRoute) -> Result<(), Failure> {
        self.change("CreateIpForwardEntry2", route)
    }

    fn remove(&self, route: &IpRoute) -> Result<(), Failure> {
        self.change("DeleteIpForwardEntry2", route)
    }
}

/// A Win32 error as it is, or none.
fn check(result: u32) -> Result<(), Failure> {
    if result == 0 { Ok(()) } else { Err(Failure::new(ErrorCode(result).canonical())) }
}

/// A row; `None` of one of another family.
///
/// # Safety
/// At `first` stand more rows than `index`. Their flags need be no booleans of Rust: no row is read as a whole.
unsafe fn read(first: *const MIB_IPFORWARD_ROW2, index: usize) -> Option<IpRoute> {
    // SAFETY: there is such a row.
    let row = unsafe { first.add(index) };
    // SAFETY: the members that are read are numbers, and addresses whose family says which they are.
    unsafe {
        let destination = address(&raw const (*row).DestinationPrefix.Prefix)?;
        let destination = Prefix::new(destination, (*row).DestinationPrefix.PrefixLength).ok()?;
        let next_hop = address(&raw const (*row).NextHop)?;
        let (interface, metric, protocol) = ((*row).InterfaceIndex, (*row).Metric, (*row).Protocol);
        Some(IpRoute { destination, next_hop, interface, metric, protocol })
    }
}

/// # Safety
/// There is an address at the place, of the family that it says.
unsafe fn address(place: *const SOCKADDR_INET) -> Option<IpAddr> {
    // SAFETY: every member begins with the family, and that is the one to read.
    unsafe {
        match (*place).si_family {
            AF_INET => Some(Ipv4Addr::from((*place).Ipv4.sin_addr.S_un.S_addr.to_ne_bytes()).into()),
            AF_INET6 => Some(Ipv6Addr::from((*place).Ipv6.sin6_addr.u.Byte).into()),
            _ => None,
        }
    }
}

fn socket_address(address: IpAddr) -> SOCKADDR_INET {
    match address {
        IpAddr::V4(address) => {
            let sin_addr = IN_ADDR { S_un: IN_ADDR_0 { S_addr: u32::from_ne_bytes(address.octets()) } };
            SOCKADDR_INET { Ipv4: SOCKADDR_IN { sin_family: AF_INET, sin_addr, ..SOCKADDR_IN::default() } }
        }
        IpAddr::V6(address) => {
            let sin6_addr = IN6_ADDR { u: IN6_ADDR_0 { Byte: address.octets() } };
            SOCKADDR_INET { Ipv6: SOCKADDR_IN6 { sin6_family: AF_INET6, sin6_addr, ..SOCKADDR_IN6::default() } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use margay_net::Family;
    use std::net::UdpSocket;
    use windows_sys::Win32::NetworkManagement::IpHelper as ip;

    /// Held at compile time: the signatures are Microsoft's.
    const _: GetTable = ip::GetIpForwardTable2;
    const _: FreeTable = ip::FreeMibTable;
    const _: Initialize = ip::InitializeIpForwardEntry;
    const _: [Change; 2] = [ip::CreateIpForwardEntry2, ip::DeleteIpForwardEntry2];

    #[test]
    fn addresses_go_there_and_back() {
        for text in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"] {
            let there: IpAddr = text.parse().unwrap();
            let raw = socket_address(there);
            // SAFETY: it was just made.
            assert_eq!(unsafe { address(&raw const raw) }, Some(there));
        }
        let none = SOCKADDR_INET::default();
        // SAFETY: it was just made.
        assert_eq!(unsafe { address(&raw const none) }, None);
    }

    /// Of the system that the test runs on, be it Windows or Wine: its own address, where it has one to send from, is on a link.
    #[test]
    fn the_system_is_on_its_links() {
        let routes = SystemRoutes::load().unwrap().list().unwrap();
        assert!(routes.iter().all(|route| route.destination.family() == Family::of(route.next_hop)), "{routes:?}");
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            let mut links = routes.iter().filter(|route| route.is_on_link());
            assert!(links.any(|route| route.destination.contains(own)), "{own} in {routes:?}");
        }
    }

    /// On no interface at all: refused by Windows, and by Wine 8, which has no such functions; that is said.
    #[test]
    fn what_can_not_be_is_an_error() {
        let route = IpRoute {
            destination: "192.0.2.0/24".parse().unwrap(),
            next_hop: "198.51.100.1".parse().unwrap(),
            interface: 0xffff_fff0,
            metric: 0,
            protocol: IpRoute::MANAGEMENT,
        };
        let table = SystemRoutes::load().unwrap();
        let failed = [table.add(&route).unwrap_err(), table.remove(&route).unwrap_err()];
        assert!(failed.iter().all(|failure| !failure.to_string().is_empty()), "{failed:?}");
    }
}
