use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::Family;

/// An IP protocol number: IPv4's `protocol` field, or the last next-header of IPv6 (IANA, "Assigned Internet Protocol
/// Numbers").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Protocol(pub u8);

/// The protocols that have a name in the policy APIs, as those spell it.
const NAMES: [(Protocol, &str); 6] = [
    (Protocol::TCP, "TCP"),
    (Protocol::UDP, "UDP"),
    (Protocol::SCTP, "SCTP"),
    (Protocol::ICMP, "ICMP"),
    (Protocol::ICMPV6, "ICMPv6"),
    (Protocol::UDPLITE, "UDPLite"),
];

impl Protocol {
    /// ICMP for IPv4, 1.
    pub const ICMP: Self = Self(1);
    /// TCP, 6.
    pub const TCP: Self = Self(6);
    /// UDP, 17.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6, 58.
    pub const ICMPV6: Self = Self(58);
    /// SCTP, 132.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite, 136.
    pub const UDPLITE: Self = Self(136);

    /// Reads a protocol as the `protocol` field of a rule gives it: `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6` or `UDPLite` in
    /// any case, or a number from 1 to 255 without sign or leading zeros.
    ///
    /// # Errors
    /// Anything else, 0 included. A name that isn't known is never read as "any protocol".
    pub fn parse(text: &str) -> Result<Self, ProtocolError> {
        if let Some((protocol, _)) = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*protocol);
        }
        let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Self(number)),
            _ => Err(ProtocolError { text: text.into() }),
        }
    }

    /// The protocol's name in the policy APIs, or `None` if it has only a number.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(protocol, _)| *protocol == self).map(|(_, name)| *name)
    }

    /// Whether a rule may match ports of this protocol: TCP, UDP and SCTP. (UDP-Lite has ports on the wire, but the policy
    /// API allows ports with those three alone.)
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }

    /// The one family that this protocol implies: IPv4 for ICMP, IPv6 for ICMPv6, none for the others.
    pub fn family(self) -> Option<Family> {
        match self {
            Self::ICMP => Some(Family::V4),
            Self::ICMPV6 => Some(Family::V6),
            _ => None,
        }
    }
}

/// Prints the name in the policy APIs (`TCP`, `ICMPv6`), or the number.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

/// As [`Protocol::parse`].
impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A text that names no protocol.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is not a protocol: write TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number from 1 to 255")]
pub struct ProtocolError {
    /// The text that was read.
    pub text: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, expected) in [
            ("TCP", Some(6)),
            ("tcp", Some(6)),
            ("Udp", Some(17)),
            ("SCTP", Some(132)),
            ("icmp", Some(1)),
            ("ICMPv6", Some(58)),
            ("icmpV6", Some(58)),
            ("UDPLite", Some(136)),
            ("1", Some(1)),
            ("47", Some(47)),
            ("255", Some(255)),
            ("0", None),
            ("256", None),
            ("-1", None),
            ("+6", None),
            ("06", None),
            (" 6", None),
            ("", None),
            ("any", None),
            ("ipip", None),
        ] {
            assert_eq!(Protocol::parse(text).ok(), expected.map(Protocol), "{text:?}");
        }
    }

    #[test]
    fn printing() {
        for (number, expected) in
            [(6, "TCP"), (17, "UDP"), (132, "SCTP"), (1, "ICMP"), (58, "ICMPv6"), (136, "UDPLite"), (47, "47")]
        {
            assert_eq!(Protocol(number).to_string(), expected);
        }
    }

    #[test]
    fn every_number_but_zero_reads_back() {
        for number in 1..=255 {
            assert_eq!(Protocol::parse(&Protocol(number).to_string()), Ok(Protocol(number)));
        }
    }

    #[test]
    fn ports_and_families() {
        for (protocol, ports, family) in [
            (Protocol::TCP, true, None),
            (Protocol::UDP, true, None),
            (Protocol::SCTP, true, None),
            (Protocol::UDPLITE, false, None),
            (Protocol::ICMP, false, Some(Family::V4)),
            (Protocol::ICMPV6, false, Some(Family::V6)),
            (Protocol(47), false, None),
        ] {
            assert_eq!((protocol.has_ports(), protocol.family()), (ports, family), "{protocol}");
        }
    }

    #[test]
    fn error_says_what_to_write() {
        assert_eq!(
            Protocol::parse("gre").unwrap_err().to_string(),
            "\"gre\" is not a protocol: write TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number from 1 to 255"
        );
    }
}
