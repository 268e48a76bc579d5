//! Address families of tables.

use crate::attr::Malformed;
use std::fmt;

/// The family of a table: which packets its chains see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4 and IPv6 together.
    Inet,
    /// IPv4.
    Ip,
    /// ARP.
    Arp,
    /// One network device, before and after the protocol stack.
    Netdev,
    /// Frames passing a bridge.
    Bridge,
    /// IPv6.
    Ip6,
}

impl Family {
    const NAMES: [(Self, u8, &'static str); 6] = [
        (Self::Inet, 1, "inet"),
        (Self::Ip, 2, "ip"),
        (Self::Arp, 3, "arp"),
        (Self::Netdev, 5, "netdev"),
        (Self::Bridge, 7, "bridge"),
        (Self::Ip6, 10, "ip6"),
    ];

    fn row(self) -> (Self, u8, &'static str) {
        // Every variant has a row (`families_have_their_rows`).
        Self::NAMES.into_iter().find(|row| row.0 == self).unwrap_or(Self::NAMES[0])
    }

    /// The kernel's number (`NFPROTO_*`).
    pub fn wire(self) -> u8 {
        self.row().1
    }

    pub(crate) fn from_wire(number: u8) -> Result<Self, Malformed> {
        let row = Self::NAMES.into_iter().find(|row| row.1 == number);
        row.map(|row| row.0).ok_or(Malformed("unknown table family"))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

#[cfg(test)]
mod tests {
    use super::Family;

    #[test]
    fn families_have_their_rows() {
        for (family, wire, name) in [
            (Family::Inet, libc::NFPROTO_INET, "inet"),
            (Family::Ip, libc::NFPROTO_IPV4, "ip"),
            (Family::Arp, libc::NFPROTO_ARP, "arp"),
            (Family::Netdev, libc::NFPROTO_NETDEV, "netdev"),
            (Family::Bridge, libc::NFPROTO_BRIDGE, "bridge"),
            (Family::Ip6, libc::NFPROTO_IPV6, "ip6"),
        ] {
            assert_eq!((i32::from(family.wire()), family.to_string().as_str()), (wire, name));
            assert_eq!(Family::from_wire(family.wire()), Ok(family));
        }
        assert!(Family::from_wire(0).is_err());
    }
}
