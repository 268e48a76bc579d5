//! The small languages of single values: names, labels, ports, prefixes, selectors, times.

use super::at::At;
use super::report::Report;
use crate::document::{Position, Span};
use crate::{PortMatch, Prefix, Protocol, Selector, Severity};
use std::net::IpAddr;

/// A DNS-1123 label: what namespaces, services and tiers are named with.
pub(crate) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && is_dns_part(text)
}

/// A DNS-1123 subdomain: what most resources are named with.
pub(crate) fn is_dns_name(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.split('.').all(is_dns_part)
}

fn is_dns_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// A key of a label: a name of at most 63 characters, which may have a DNS name and a slash before it.
pub(crate) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_dns_name)
}

/// A value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`, a letter or digit first and last.
pub(crate) fn is_label_value(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63 && text.bytes().all(inner) && outer(text.bytes().next()) && outer(text.bytes().next_back())
}

/// A name of a port in Kubernetes: an IANA service name.
pub(crate) fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_dns_part(text) && !text.contains("--") && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Seconds since 1970 of a time as RFC 3339 writes it: `2024-01-02T03:04:05Z`, with a fraction or an offset if need be.
pub(crate) fn seconds_of_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = text.get(from..from + length)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if bytes.len() < 20
        || separators.iter().any(|(at, byte)| bytes[*at] != *byte)
        || !matches!(bytes[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let mut zone = 19;
    if bytes[zone] == b'.' {
        zone += 1 + bytes[zone + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    let offset = match bytes.get(zone)? {
        b'Z' | b'z' if zone + 1 == bytes.len() => 0,
        sign @ (b'+' | b'-') if zone + 6 == bytes.len() && bytes[zone + 3] == b':' => {
            let offset = number(zone + 1, 2)? * 3600 + number(zone + 4, 2)? * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    if !in_range {
        return None;
    }
    // Days since 1970 of a date, counting years from March so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// An IP address; an IPv4-mapped one is IPv4.
pub(crate) fn address(at: At<'_>, report: &mut Report) -> Option<IpAddr> {
    let text = at.text(report)?;
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical()),
        Err(_) => {
            report.error(at, format!("{text:?} is no IP address"), "");
            None
        }
    }
}

/// A CIDR block; where `bare` says so, also one address.
pub(crate) fn prefix(at: At<'_>, report: &mut Report, bare: bool) -> Option<Prefix> {
    let text = at.text(report)?;
    if !bare && !text.contains('/') {
        let help = if text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4()) {
            format!("write {text}/32")
        } else {
            String::new()
        };
        report.error(at, format!("{text:?} is no CIDR block: an address, a slash and a length are needed"), help);
        return None;
    }
    let prefix = match text.parse::<Prefix>() {
        Ok(prefix) => prefix,
        Err(error) => {
            report.error(at, format!("is no CIDR block: {error}"), "");
            return None;
        }
    };
    let written = text.split('/').next().and_then(|address| address.parse::<IpAddr>().ok());
    if written.is_some_and(|address| address.to_canonical() != prefix.first()) {
        report.warning(
            at,
            format!("{text} has address bits beyond its length; it means {prefix}"),
            format!("write {prefix}"),
        );
    }
    Some(prefix)
}

/// A selector of Calico's language.
pub(crate) fn selector(at: At<'_>, report: &mut Report, global: Global) -> Option<Selector> {
    let text = at.text(report)?;
    let selector = match Selector::parse(text) {
        Ok(selector) => selector,
        Err(error) => {
            let span = narrowed(at.span(), text, error.span());
            let path = at.path.to_string();
            report.add(Severity::Error, path, span, format!("is no selector: {error}"), String::new());
            return None;
        }
    };
    if !selector.contains_global() || global == Global::Alone && selector == Selector::global() {
        return Some(selector);
    }
    if global == Global::Alone {
        report.error(at, "global() can't be combined with anything else", "make a rule for each of the two");
    } else {
        report.error(at, "global() can only stand in the namespaceSelector of a rule", "");
    }
    None
}

/// Whether `global()` may stand in a selector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    /// Nowhere in it.
    Refused,
    /// It may be all there is.
    Alone,
}

/// The place of a piece of a scalar, if the scalar stands on one line as it is, in quotes or not; else the whole.
fn narrowed(span: Span, text: &str, piece: std::ops::Range<usize>) -> Span {
    let columns = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let quotes = span.end.column.saturating_sub(span.start.column).checked_sub(columns(text));
    let (Some(quotes @ (0 | 2)), true) = (quotes, span.start.line == span.end.line) else { return span };
    let (Some(before), Some(inside)) = (text.get(..piece.start), text.get(piece)) else { return span };
    let start = Position { column: span.start.column + quotes / 2 + columns(before), ..span.start };
    Span { start, end: Position { column: start.column + columns(inside), ..start } }
}

/// A protocol that has ports, as Kubernetes spells it.
pub(crate) fn port_protocol(at: At<'_>, report: &mut Report) -> Option<Protocol> {
    match at.text(report)? {
        "TCP" => Some(Protocol::TCP),
        "UDP" => Some(Protocol::UDP),
        "SCTP" => Some(Protocol::SCTP),
        other => {
            report.error(at, format!("{other:?} is no protocol with ports: those are TCP, UDP and SCTP"), "");
            None
        }
    }
}

/// A port number, 1–65535.
pub(crate) fn port_number(at: At<'_>, report: &mut Report) -> Option<u16> {
    at.integer(report, 1..=65535, "port").and_then(|port| u16::try_from(port).ok())
}

/// A port of Kubernetes: a number, or the name of a port of the destination pod.
pub(crate) fn kubernetes_port(at: At<'_>, report: &mut Report) -> Option<PortMatch> {
    let Some(name) = at.node.as_text() else {
        return port_number(at, report).map(|port| PortMatch::Range(port, port));
    };
    if is_port_name(name) {
        return Some(PortMatch::Name(name.into()));
    }
    let help = if name.parse::<u16>().is_ok() { "a number stands without quotes" } else { "" };
    let rule = "names have at most 15 of a-z, 0-9 and -, with a letter";
    report.error(at, format!("{name:?} is no name of a port: {rule}"), help);
    None
}

/// A port of Calico: a number, a range (`80:90`), or a name.
pub(crate) fn calico_port(at: At<'_>, report: &mut Report) -> Option<PortMatch> {
    let Some(text) = at.node.as_text() else {
        return port_number(at, report).map(|port| PortMatch::Range(port, port));
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    if is_digits(first) && is_digits(last) {
        let number = |digits: &str| digits.parse::<u16>().ok().filter(|port| *port > 0);
        return match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(PortMatch::Range(first, last)),
            (Some(_), Some(_)) => {
                report.error(
                    at,
                    format!("the range {text} ends before it starts"),
                    format!("write \"{last}:{first}\""),
                );
                None
            }
            _ => {
                report.error(at, format!("{text:?} is no port or range: ports are 1 to 65535"), "");
                None
            }
        };
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
        return Some(PortMatch::Name(text.into()));
    }
    let help =
        if text.contains(['-', ',']) { "a range is written \"80:90\", and a list has an entry for each" } else { "" };
    report.error(at, format!("{text:?} is neither a port, nor a range, nor a name"), help);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels() {
        let long = "a".repeat(64);
        for (text, label, name, key, value, port) in [
            ("web", true, true, true, true, true),
            ("", false, false, false, true, false),
            ("a.b", false, true, true, true, false),
            ("a..b", false, false, true, true, false),
            ("Web_1", false, false, true, true, false),
            ("-web", false, false, false, false, false),
            ("80", true, true, true, true, false),
            ("a--b", true, true, true, true, false),
            ("app.io/name", false, false, true, false, false),
            ("App.io/name", false, false, false, false, false),
            ("a/b/c", false, false, false, false, false),
            ("a/", false, false, false, false, false),
            (&long, false, true, false, false, false),
            ("ä", false, false, false, false, false),
        ] {
            let found =
                (is_dns_label(text), is_dns_name(text), is_label_key(text), is_label_value(text), is_port_name(text));
            assert_eq!(found, (label, name, key, value, port), "{text:?}");
        }
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T12:30:45Z", Some(1_709_209_845)),
            ("2024-02-29T12:30:45.678Z", Some(1_709_209_845)),
            ("2024-02-29T14:30:45+02:00", Some(1_709_209_845)),
            ("2024-02-29T10:30:45-02:00", Some(1_709_209_845)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("2024-13-01T00:00:00Z", None),
            ("2024-02-29", None),
            ("2024-02-29T12:30:45", None),
            ("2024-02-29T12:30:45Zx", None),
            ("2024-02-29T12:30:45+0200", None),
            ("yesterday at noon, ish", None),
            ("ääääääääääääääääääää", None),
        ] {
            assert_eq!(seconds_of_time(text), expected, "{text}");
        }
    }
}
