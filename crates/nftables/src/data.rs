//! Values as registers and sets hold them: bytes.

use crate::attr::{Attr, Malformed, Writer, align};
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const VALUE: u16 = 1;
/// Bytes of an interface name with its closing zero.
const IFNAMSIZ: usize = 16;

/// A value: the key or data of a set element, or what an expression compares with. At most 64 bytes in the kernel.
///
/// Header fields are in network byte order, as they stand in the packet. Values of the kernel's own (marks, interface
/// indexes, connection states) are in host byte order: use [`Data::host32`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Data(SmallVec<[u8; 24]>);

impl Data {
    /// These bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    /// A 16-bit header field, such as a port.
    pub fn be16(value: u16) -> Self {
        Self::new(&value.to_be_bytes())
    }

    /// A 32-bit header field.
    pub fn be32(value: u32) -> Self {
        Self::new(&value.to_be_bytes())
    }

    /// A 16-bit value of the kernel's own, such as a connection tracking zone.
    pub fn host16(value: u16) -> Self {
        Self::new(&value.to_ne_bytes())
    }

    /// A 32-bit value of the kernel's own, such as a packet mark.
    pub fn host32(value: u32) -> Self {
        Self::new(&value.to_ne_bytes())
    }

    /// An interface name, as `iifname` and `oifname` hold it: 16 bytes, filled with zeroes. Of a name beyond 15 bytes,
    /// which no interface can have, 16 stay, and so it equals none.
    pub fn interface(name: &str) -> Self {
        let mut data = Self::interface_prefix(name);
        data.0.resize(IFNAMSIZ, 0);
        data
    }

    /// The beginning of an interface name without filling, to compare with as many bytes of `iifname` (the `cali*` of
    /// nft). Not empty; beyond 15 bytes it equals none, as in [`interface`](Self::interface).
    pub fn interface_prefix(prefix: &str) -> Self {
        let bytes = prefix.as_bytes();
        Self::new(&bytes[..bytes.len().min(IFNAMSIZ)])
    }

    /// Fields one after another, each filled to four bytes, as a concatenated key holds them.
    pub fn concat(fields: &[Data]) -> Self {
        let mut all = SmallVec::new();
        for field in fields {
            all.extend_from_slice(&field.0);
            all.resize(align(all.len()), 0);
        }
        Self(all)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The next greater value of the same length; `None` after the greatest. The open end of an interval.
    pub fn successor(&self) -> Option<Self> {
        let mut next = self.clone();
        for byte in next.0.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Some(next);
            }
        }
        None
    }

    pub(crate) fn encode(&self, kind: u16, out: &mut Writer) {
        out.nested(kind, |out| out.put(VALUE, &self.0));
    }

    pub(crate) fn decode(attr: Attr<'_>) -> Result<Self, Malformed> {
        match attr.attrs().exactly([VALUE])? {
            [Some(value)] => Ok(Self::new(value.value)),
            [None] => Err(Malformed("a data attribute holds no value")),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Data {
    /// Hexadecimal; the type is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> From<[u8; N]> for Data {
    fn from(bytes: [u8; N]) -> Self {
        Self::new(&bytes)
    }
}

impl From<u8> for Data {
    fn from(byte: u8) -> Self {
        Self::new(&[byte])
    }
}

impl From<Ipv4Addr> for Data {
    fn from(address: Ipv4Addr) -> Self {
        Self::new(&address.octets())
    }
}

impl From<Ipv6Addr> for Data {
    fn from(address: Ipv6Addr) -> Self {
        Self::new(&address.octets())
    }
}

impl From<IpAddr> for Data {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn successor_is_the_open_end_of_an_interval() {
        for (value, next) in [
            (Data::from([10, 0, 0, 255]), Some(Data::from([10, 0, 1, 0]))),
            (Data::be16(79), Some(Data::be16(80))),
            (Data::from([255, 255]), None),
            (Data::default(), None),
        ] {
            assert_eq!(value.successor(), next, "{value}");
        }
    }

    #[test]
    fn concatenated_fields_are_filled_to_four_bytes() {
        let key = Data::concat(&[Data::from([10, 0, 0, 1]), Data::from(6), Data::be16(80)]);
        assert_eq!(key.to_string(), "0x0a0000010600000000500000");
        assert_eq!(Data::interface("eth0").bytes(), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(Data::interface("no-interface-is-so-long").bytes(), b"no-interface-is-");
    }
}
