//! The system's table of routes, emulated.

use margay_hcn::{ErrorCode, Failure, IpRoute, RouteTable};
use margay_net::{Family, Prefix};
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The table of routes of a node, as `iphlpapi.dll` shows and changes it \[MS\].
#[derive(Debug, Default)]
pub struct IpRoutes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were made.
    routes: Vec<IpRoute>,
    writes: u64,
    refuse: Option<ErrorCode>,
}

/// Routes that the system makes itself (`MIB_IPPROTO_LOCAL`) \[MS\].
const LOCAL: i32 = 2;

impl IpRoutes {
    /// A table of a node with these interfaces: the index of each, and the prefix that is on its link.
    pub fn new(interfaces: &[(u32, Prefix)]) -> Self {
        let on_link = |(interface, destination): &(u32, Prefix)| IpRoute {
            destination: *destination,
            next_hop: match destination.family() {
                Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
                Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
            },
            interface: *interface,
            metric: 256,
            protocol: LOCAL,
        };
        let routes = interfaces.iter().map(on_link).collect();
        Self { state: Mutex::new(State { routes, ..State::default() }) }
    }

    /// How many routes were added and removed by calls.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// From now on, every change is refused so; with `None`, none is.
    pub fn refuse(&self, code: Option<ErrorCode>) {
        self.state().refuse = code;
    }

    /// Where the system sends a packet: the next hop (the destination itself where it is on the link) and the interface of the route with the longest
    /// prefix, and of those the least metric. `None` without a route.
    pub fn way(&self, to: IpAddr) -> Option<(IpAddr, u32)> {
        let state = self.state();
        let holding = state.routes.iter().filter(|route| route.destination.contains(to));
        let route = holding.max_by_key(|route| (route.destination.length(), Reverse(route.metric)))?;
        Some((if route.is_on_link() { to } else { route.next_hop }, route.interface))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change that calls ask for.
    fn change(&self, act: impl FnOnce(&mut Vec<IpRoute>) -> Result<(), ErrorCode>) -> Result<(), Failure> {
        let mut state = self.state();
        let result = match state.refuse {
            Some(code) => Err(code),
            None => act(&mut state.routes),
        };
        result.map_err(Failure::new)?;
        state.writes += 1;
        Ok(())
    }
}

impl RouteTable for IpRoutes {
    fn list(&self) -> Result<Vec<IpRoute>, Failure> {
        Ok(self.state().routes.clone())
    }

    fn add(&self, route: &IpRoute) -> Result<(), Failure> {
        self.change(|routes| {
            if route.destination.family() != Family::of(route.next_hop) {
                return Err(ErrorCode::INVALID_PARAMETER);
            }
            if !routes.iter().any(|there| there.interface == route.interface) {
                return Err(ErrorCode::ELEMENT_NOT_FOUND);
            }
            // One destination on one interface, whatever the next hop, as it is documented [MS].
            let key = |route: &IpRoute| (route.destination, route.interface);
            if routes.iter().any(|there| key(there) == key(route)) {
                return Err(ErrorCode::OBJECT_ALREADY_EXISTS);
            }
            routes.push(*route);
            Ok(())
        })
    }

    fn remove(&self, route: &IpRoute) -> Result<(), Failure> {
        let key = |route: &IpRoute| (route.destination, route.next_hop, route.interface);
        self.change(|routes| {
            let at = routes.iter().position(|there| key(there) == key(route));
            routes.remove(at.ok_or(ErrorCode::ELEMENT_NOT_FOUND)?);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: &str, next_hop: &str, interface: u32) -> IpRoute {
        let (destination, next_hop) = (destination.parse().unwrap(), next_hop.parse().unwrap());
        IpRoute { destination, next_hop, interface, metric: 256, protocol: IpRoute::MANAGEMENT }
    }

    #[test]
    fn changes_are_answered_as_documented() {
        let table = IpRoutes::new(&[(4, "192.0.2.0/24".parse().unwrap())]);
        let code = |result: Result<(), Failure>| result.err().map(|failure| failure.code);
        for (add, route, expected) in [
            (true, route("10.244.1.0/24", "192.0.2.1", 4), None),
            (true, route("10.244.1.0/24", "192.0.2.2", 4), Some(ErrorCode::OBJECT_ALREADY_EXISTS)),
            (true, route("10.244.2.0/24", "192.0.2.1", 5), Some(ErrorCode::ELEMENT_NOT_FOUND)),
            (true, route("10.244.2.0/24", "2001:db8::1", 4), Some(ErrorCode::INVALID_PARAMETER)),
            (false, route("10.244.1.0/24", "192.0.2.2", 4), Some(ErrorCode::ELEMENT_NOT_FOUND)),
            (false, route("10.244.1.0/24", "192.0.2.1", 4), None),
            (false, route("10.244.1.0/24", "192.0.2.1", 4), Some(ErrorCode::ELEMENT_NOT_FOUND)),
            (true, route("10.0.0.0/8", "192.0.2.1", 4), None),
        ] {
            let done = if add { table.add(&route) } else { table.remove(&route) };
            assert_eq!(code(done), expected, "{route}");
        }
        assert_eq!(table.writes(), 3);
        let way = |to: &str| table.way(to.parse().unwrap()).map(|(hop, interface)| (hop.to_string(), interface));
        assert_eq!(way("10.244.1.9"), Some(("192.0.2.1".into(), 4)));
        assert_eq!(way("192.0.2.9"), Some(("192.0.2.9".into(), 4)));
        assert_eq!(way("198.51.100.1"), None);
        table.refuse(Some(ErrorCode::ACCESS_DENIED));
        assert_eq!(code(table.remove(&route("10.0.0.0/8", "192.0.2.1", 4))), Some(ErrorCode::ACCESS_DENIED));
    }
}
