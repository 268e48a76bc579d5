//! Ethernet addresses.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An Ethernet (MAC) address: six pairs of hexadecimal digits in either case, with dashes between them as Windows writes them, or colons as Linux does. Dashes
/// and small letters are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it may be the address of one interface: neither all zeros nor that of a group.
    pub fn is_unicast(self) -> bool {
        self.0 != [0; 6] && self.0[0] & 1 == 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}-{b:02x}-{c:02x}-{d:02x}-{e:02x}-{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no MAC address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no MAC address such as 00-15-5d-52-c0-00")]
pub struct MacError(String);

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || MacError(text.chars().take(60).collect());
        let separator = if text.contains(':') { ':' } else { '-' };
        let mut bytes = [0; 6];
        let mut pairs = text.split(separator);
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit()));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(refused)?;
        }
        if pairs.next().is_some() { Err(refused()) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, expected) in [
            ("00-15-5D-52-C0-00", Some("00-15-5d-52-c0-00")),
            ("0E-2A-0a-2a-d5-dd", Some("0e-2a-0a-2a-d5-dd")),
            ("66:a5:cc:c1:86:97", Some("66-a5-cc-c1-86-97")),
            ("66:a5-cc:c1:86:97", None),
            ("00-15-5D-52-C0", None),
            ("00-15-5D-52-C0-00-11", None),
            ("0-15-5D-52-C0-00", None),
            ("+0-15-5D-52-C0-00", None),
            ("00155D52C000", None),
            ("", None),
        ] {
            let mac = text.parse::<Mac>().ok().map(|mac| mac.to_string());
            assert_eq!(mac.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn groups_are_no_interface() {
        for (text, expected) in [
            ("0e-2a-0a-2a-d5-dd", true),
            ("02-00-00-00-00-00", true),
            ("00-00-00-00-00-00", false),
            ("01-00-5e-00-00-01", false),
            ("ff-ff-ff-ff-ff-ff", false),
        ] {
            assert_eq!(text.parse::<Mac>().map(Mac::is_unicast), Ok(expected), "{text}");
        }
    }
}
