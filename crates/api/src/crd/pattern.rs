//! Patterns of texts, in the regular expressions that the API server (RE2) and other tools (ECMA 262) both know.

use crate::Protocol;

const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
/// 1–65535; leading zeros as the reader has them.
const PORT: &str = "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// Of IPv6 only the characters: what order they may stand in is beyond a pattern that anyone could read.
const IPV6: &str = "[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*";
const DNS_PART: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/// Characters of a net at most: those of IPv6 that ends in IPv4, and its length.
pub(super) const LONGEST_NET: usize = 49;

/// A DNS label, or nothing.
pub(super) fn dns_label_or_nothing() -> String {
    format!("^({DNS_PART})?$")
}

/// A DNS label.
pub(super) fn dns_label() -> String {
    format!("^{DNS_PART}$")
}

/// A DNS name.
pub(super) fn dns_name() -> String {
    format!("^{DNS_PART}([.]{DNS_PART})*$")
}

/// An address.
pub(super) fn address() -> String {
    format!("^({OCTET}([.]{OCTET}){{3}}|{IPV6})$")
}

/// An address, or a CIDR block.
pub(super) fn net() -> String {
    format!("^({OCTET}([.]{OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?|{IPV6}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$")
}

/// The same, but not a block of everything.
pub(super) fn net_but_all() -> String {
    format!("^({OCTET}([.]{OCTET}){{3}}(/(3[0-2]|[12][0-9]|[1-9]))?|{IPV6}(/(12[0-8]|1[01][0-9]|[1-9][0-9]|[1-9]))?)$")
}

/// A CIDR block.
pub(super) fn block() -> String {
    format!("^({OCTET}([.]{OCTET}){{3}}/(3[0-2]|[12]?[0-9])|{IPV6}/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$")
}

/// A port in quotes, a range of ports, or the name of one.
pub(super) fn calico_port() -> String {
    format!("^({PORT}(:{PORT})?|[0-9]*[A-Za-z_.-][A-Za-z0-9_.-]*)$")
}

/// A port's name in Kubernetes.
pub(super) fn port_name() -> String {
    "^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$".to_owned()
}

/// A protocol's name in any case, or its number in quotes.
pub(super) fn protocol(names: &[Protocol], numbers: &str) -> String {
    let names: Vec<String> = names.iter().filter_map(|protocol| protocol.name()).map(in_any_case).collect();
    format!("^({}|{numbers})$", names.join("|"))
}

/// 1–255.
pub(super) const ANY_NUMBER: &str = "[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]";

fn in_any_case(name: &str) -> String {
    let both = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
        false => c.to_string(),
    };
    name.chars().map(both).collect()
}
