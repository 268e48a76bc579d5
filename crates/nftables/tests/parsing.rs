//! No bytes make the parsers panic, whatever they are.

use margay_nftables::decode::{self, Attrs};
use proptest::prelude::*;

/// Runs every parser over what was received.
fn parse_all(bytes: &[u8]) -> usize {
    let mut objects = 0;
    for message in decode::messages(bytes) {
        let Ok(message) = message else { break };
        let _ = decode::event(&message);
        objects += usize::from(decode::object(&message).is_ok());
    }
    objects
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Attributes with lengths that fit and kinds that exist, nested at random: they get past the outer checks.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "meta",
        "payload",
        "ct",
        "fib",
        "cmp",
        "range",
        "bitwise",
        "byteorder",
        "immediate",
        "lookup",
        "counter",
        "objref",
        "log",
        "limit",
        "reject",
        "notrack",
        "numgen",
        "nat",
        "masq",
        "other",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (0u32..40).prop_map(|number| number.to_be_bytes().to_vec()),
        name.prop_map(|name| [name.as_bytes(), &[0]].concat()),
    ];
    let leaf = (0u16..20, value).prop_map(|(kind, value)| attribute(kind, &value));
    let list = prop::collection::vec(leaf, 0..6).prop_map(|list| list.concat());
    list.prop_recursive(5, 200, 6, |inner| {
        prop::collection::vec((0u16..20, inner).prop_map(|(kind, value)| attribute(kind, &value)), 0..6)
            .prop_map(|list| list.concat())
    })
}

/// Messages of every subsystem this crate reads.
fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32 + 20).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&[0; 10]);
    bytes.extend_from_slice(&[1, 0, 0, 0]);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn kinds() -> impl Strategy<Value = u16> {
    let nf_tables = (0u16..26).prop_map(|message| 10 << 8 | message);
    prop_oneof![nf_tables, Just(4 << 8), Just(1 << 8), 0u16..4]
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
        let _ = Attrs::new(&bytes).count();
    }

    #[test]
    fn any_body(kind in kinds(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&message(kind, &body));
    }

    #[test]
    fn any_attributes(kind in kinds(), body in attributes()) {
        parse_all(&message(kind, &body));
    }
}

/// The generator above does reach the parsers: a table with a name is one.
#[test]
fn a_well_formed_message_is_an_object() {
    assert_eq!(parse_all(&message(10 << 8, &attribute(1, b"t\0"))), 1);
    assert_eq!(parse_all(&message(10 << 8, &attribute(2, b"t\0"))), 0);
}
