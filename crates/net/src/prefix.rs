use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// An address family. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2) is the IPv4 address it maps, here
/// and everywhere in this crate: it is how a socket of both families names an IPv4 peer, and never an address on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families, in order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address; of an IPv4-mapped one, IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// How many bits an address has: 32 or 128, which is also the length of a host prefix.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// `IPv4` or `IPv6`.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An IP prefix (CIDR block), host bits always zero, so that equal blocks are equal values.
///
/// The order is by family, then first address, then length: a block comes right before the blocks inside it.
///
/// A block inside `::ffff:0:0/96` can't be made: tools disagree whether it means IPv4 or nothing at all, so the text is
/// refused and the IPv4 block must be written instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(IpAddr, u8)", into = "(IpAddr, u8)")]
pub struct Prefix(IpNet);

impl Prefix {
    /// `0.0.0.0/0`, every IPv4 address.
    pub const ALL_V4: Self = Self(IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)));
    /// `::/0`, every IPv6 address.
    pub const ALL_V6: Self = Self(IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)));

    /// The block of `length` leading bits that holds `address`; host bits of the address are dropped.
    ///
    /// # Errors
    /// A length above the family's bits, or a block of IPv4-mapped addresses.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let mapped = address.to_canonical() != address && length >= 96;
        match IpNet::new(address, length) {
            Ok(_) if mapped => Err(PrefixError::Mapped { text: format!("{address}/{length}").into() }),
            Ok(net) => Ok(Self(net.trunc())),
            Err(_) => {
                let text = format!("{address}/{length}").into();
                Err(PrefixError::Length { text, longest: if address.is_ipv4() { 32 } else { 128 } })
            }
        }
    }

    /// The prefix of one address: `/32`, or `/128`. Of an IPv4-mapped address, the IPv4 address's.
    pub fn host(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }

    /// The aligned block of 2^`exponent` addresses that starts at `first`, inside `::ffff:0:0/96` too.
    pub(crate) fn of_block(first: IpAddr, exponent: u32) -> Self {
        let bits = if first.is_ipv4() { 32 } else { 128 };
        Self(IpNet::new_assert(first, bits - exponent as u8))
    }

    /// Every address of a family.
    pub fn all(family: Family) -> Self {
        match family {
            Family::V4 => Self::ALL_V4,
            Family::V6 => Self::ALL_V6,
        }
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        match self.0 {
            IpNet::V4(_) => Family::V4,
            IpNet::V6(_) => Family::V6,
        }
    }

    /// The first address, which is the one printed.
    pub fn first(&self) -> IpAddr {
        self.0.addr()
    }

    /// The last address; of an IPv4 network, the broadcast address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// How many leading bits are fixed: 0 to 32, or 0 to 128.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is one address.
    pub fn is_host(&self) -> bool {
        self.length() == self.family().bits()
    }

    /// Whether the address is inside. An IPv4-mapped address is looked for as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all of `other` is inside; a prefix covers itself.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The block of one bit less that holds this one; `None` of a `/0`.
    pub fn parent(&self) -> Option<Self> {
        self.0.supernet().map(Self)
    }

    /// The value as the `ipnet` crate has it, host bits zero.
    pub fn net(&self) -> IpNet {
        self.0
    }
}

/// Always with its length, `10.0.0.0/8`, `2001:db8::1/128`; reads back to itself.
/// As it is stored: read by the same rules.
impl TryFrom<(IpAddr, u8)> for Prefix {
    type Error = PrefixError;

    fn try_from((address, length): (IpAddr, u8)) -> Result<Self, Self::Error> {
        Self::new(address, length)
    }
}

impl From<Prefix> for (IpAddr, u8) {
    fn from(prefix: Prefix) -> Self {
        (prefix.first(), prefix.length())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.0)
    }
}

/// Reads `10.0.0.0/8`, or a bare address as the prefix of that one address. Host bits are dropped: `10.1.2.3/8` is
/// `10.0.0.0/8`, as the policy APIs read it. Octets and lengths take no leading zeros; there is no zone (`%eth0`).
impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || PrefixError::Syntax { text: text.into() };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| syntax())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => longest,
            Some(digits) => {
                let plain = !digits.is_empty()
                    && (digits == "0" || !digits.starts_with('0'))
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                if !plain {
                    return Err(syntax());
                }
                match digits.parse() {
                    Ok(length) if length <= longest => length,
                    _ => return Err(PrefixError::Length { text: text.into(), longest }),
                }
            }
        };
        Self::new(address, length).map_err(|error| error.of_text(text))
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self::host(address)
    }
}

impl From<Prefix> for IpNet {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

/// Why a text or a pair of numbers is no [`Prefix`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrefixError {
    /// It is no address, with or without `/` and a length.
    #[error(
        "{text:?} is not an IP prefix: write an address, or an address and a length like 10.0.0.0/8 or 2001:db8::/32"
    )]
    Syntax {
        /// The text that was read.
        text: Box<str>,
    },
    /// The length is more than the family has bits.
    #[error("{text:?} has too long a prefix length: the longest of its family is {longest}")]
    Length {
        /// The text that was read.
        text: Box<str>,
        /// The longest length of the family: 32 or 128.
        longest: u8,
    },
    /// It is a block of IPv4-mapped IPv6 addresses.
    #[error("{text:?} is a block of IPv4-mapped IPv6 addresses, which no packet carries: write the IPv4 block")]
    Mapped {
        /// The text that was read.
        text: Box<str>,
    },
}

impl PrefixError {
    /// The same error about the text as the user wrote it.
    fn of_text(mut self, written: &str) -> Self {
        let (Self::Syntax { text } | Self::Length { text, .. } | Self::Mapped { text }) = &mut self;
        *text = written.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn reading() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("255.255.255.255/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("2001:db8:0:0::ffff/64", "2001:db8::/64"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn refusing() {
        const SYNTAX: &str =
            " is not an IP prefix: write an address, or an address and a length like 10.0.0.0/8 or 2001:db8::/32";
        const MAPPED: &str = " is a block of IPv4-mapped IPv6 addresses, which no packet carries: write the IPv4 block";
        for (text, expected) in [
            ("", SYNTAX),
            ("/8", SYNTAX),
            ("10.0.0.0/", SYNTAX),
            ("10.0.0.0/+8", SYNTAX),
            ("10.0.0.0/08", SYNTAX),
            ("10.0.0.0/8/8", SYNTAX),
            ("10.0.0/8", SYNTAX),
            ("010.0.0.0/8", SYNTAX),
            (" 10.0.0.0/8", SYNTAX),
            ("fe80::1%eth0", SYNTAX),
            ("10.0.0.0/33", " has too long a prefix length: the longest of its family is 32"),
            ("10.0.0.0/99999999999", " has too long a prefix length: the longest of its family is 32"),
            ("::/129", " has too long a prefix length: the longest of its family is 128"),
            ("::ffff:10.0.0.0/104", MAPPED),
            ("::ffff:10.0.0.1", MAPPED),
            ("::ffff:0:0/96", MAPPED),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap_err().to_string(), format!("{text:?}{expected}"));
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped = ip("::ffff:10.0.0.1");
        assert_eq!(Family::of(mapped), Family::V4);
        assert_eq!(Prefix::host(mapped).to_string(), "10.0.0.1/32");
        assert!("10.0.0.0/8".parse::<Prefix>().unwrap().contains(mapped));
        assert!(!Prefix::ALL_V6.contains(mapped));
    }

    #[test]
    fn order_is_family_address_length() {
        let sorted =
            ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/32", "10.0.0.1/32", "::/0", "::/128", "::1/128"];
        let mut prefixes: Vec<Prefix> = sorted.iter().rev().map(|text| text.parse().unwrap()).collect();
        prefixes.sort();
        assert_eq!(prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn parts() {
        let net: Prefix = "10.32.0.0/12".parse().unwrap();
        assert_eq!((net.first(), net.last(), net.length()), (ip("10.32.0.0"), ip("10.47.255.255"), 12));
        assert_eq!(net.parent().unwrap().to_string(), "10.32.0.0/11");
        assert_eq!(Prefix::ALL_V4.parent(), None);
        assert!(net.covers(&net) && net.covers(&"10.33.0.0/16".parse().unwrap()));
        assert!(!net.covers(&net.parent().unwrap()) && !Prefix::ALL_V6.covers(&net));
        assert!(Prefix::host(ip("::1")).is_host() && !net.is_host());
    }
}
