//! No bytes make the parsers panic, whatever they are.

use margay_nftables::decode::{self, Attrs, Object};
use margay_nftables::{Batch, Data, Element, ElementFlags, Family, TableId, Userdata, Value, Verdict};
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

fn data() -> impl Strategy<Value = Data> {
    prop::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| Data::new(&bytes))
}

fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        data().prop_map(|data| Some(data.into())),
        prop::sample::select(vec![
            Verdict::Accept,
            Verdict::Drop,
            Verdict::Return,
            Verdict::jump("chain"),
            Verdict::goto("another"),
            Verdict::Other(77),
        ])
        .prop_map(|verdict| Some(verdict.into())),
        "[a-z]{1,9}".prop_map(|name| Some(Value::Object(name))),
    ]
}

fn element() -> impl Strategy<Value = Element> {
    (data(), prop::option::of(data()), 0u32..2, value(), prop::option::of("[a-z]{0,150}")).prop_map(
        |(key, key_end, flags, value, comment)| {
            let userdata = comment.map_or(Userdata::new(), |text| Userdata::new().with_comment(&text));
            Element { key, key_end, flags: ElementFlags(flags), value, userdata, expressions: Vec::new() }
        },
    )
}

proptest! {
    /// Whatever elements are written, they are read back in order, from as many messages as it takes.
    #[test]
    fn elements_survive_the_wire(elements in prop::collection::vec(element(), 0..300), copies in 1usize..8) {
        let written: Vec<_> = std::iter::repeat_n(&elements, copies).flatten().cloned().collect();
        let mut batch = Batch::new();
        batch.add_elements(&TableId::new(Family::Inet, "t"), "s", &written);
        let mut read = Vec::new();
        for message in batch.messages() {
            match decode::object(&message.unwrap()).unwrap() {
                Object::Elements { table, set, elements } => {
                    prop_assert_eq!((table.as_str(), set.as_str()), ("t", "s"));
                    prop_assert!(!elements.is_empty());
                    read.extend(elements);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(read, written);
    }
}

/// What the tests above build reaches the parsers: a table with a name is one.
#[test]
fn a_well_formed_message_is_an_object() {
    assert_eq!(parse_all(&message(10 << 8, &attribute(1, b"t\0"))), 1);
    assert_eq!(parse_all(&message(10 << 8, &attribute(2, b"t\0"))), 0);
}
