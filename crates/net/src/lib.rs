//! Addresses, prefixes, ports and protocols, and their exact algebra
