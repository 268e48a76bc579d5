//! Addresses, prefixes, ports and protocols, and their exact algebra; and Ethernet addresses, which have none.
//!
//! What a rule matches is a product of sets: protocols, addresses, ports. This crate owns those sets and what can be done
//! with them: union, intersection, difference, complement, and the smallest list of prefixes that writes a set of
//! addresses. Every operation is exact: the result holds the members the definition says, no more and no fewer, so that a
//! `not…` of a rule can be turned into its complement without changing what the rule means.
//!
//! | type | universe | held as |
//! |---|---|---|
//! | [`AddressSet`] | every IPv4 address *and* every IPv6 address, one space | sorted, disjoint ranges for each family |
//! | [`PortSet`] | 0 to 65535 | sorted, disjoint ranges |
//! | [`ProtocolSet`] | IP protocol numbers 0 to 255 | 256 bits |
//!
//! Each set has one representation, so `==` means "the same members" and a set can be a key. Binary operations cost time
//! proportional to the ranges of both sides, membership the logarithm of that. A set of one or two ranges allocates
//! nothing.
//!
//! This crate must never know what a policy, a rule or an endpoint is.
//!
//! ```
//! use margay_net::{AddressSet, PortSet, Prefix, Protocol};
//!
//! // Everything in 10.0.0.0/8 except 10.128.0.0/9, as the prefixes that write it.
//! let net = AddressSet::from("10.0.0.0/8".parse::<Prefix>()?);
//! let except = AddressSet::from("10.128.0.0/9".parse::<Prefix>()?);
//! let rest = net.difference(&except);
//! assert_eq!(rest.prefixes().map(|p| p.to_string()).collect::<Vec<_>>(), ["10.0.0.0/9"]);
//!
//! // The complement is taken in both families at once.
//! assert!(net.complement().contains("2001:db8::1".parse()?));
//! assert!(net.union(&net.complement()).is_full());
//!
//! // Not (80 or 443 to 445).
//! let ports: PortSet = [80..=80, 443..=445].into_iter().collect();
//! assert_eq!(ports.complement().to_string(), "0-79,81-442,446-65535");
//!
//! assert_eq!("tcp".parse::<Protocol>()?, Protocol::TCP);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address_set;
mod mac;
mod port_set;
mod prefix;
mod protocol;
mod protocol_set;
mod ranges;

pub use address_set::AddressSet;
pub use mac::{Mac, MacError};
pub use port_set::PortSet;
pub use prefix::{Family, Prefix, PrefixError};
pub use protocol::{Protocol, ProtocolError};
pub use protocol_set::ProtocolSet;
