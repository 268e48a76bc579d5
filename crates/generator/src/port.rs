//! Protocols and ports.

use crate::alphabet::PORT_NAMES;
use crate::json::{Json, list, word};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Port numbers that come often.
pub(crate) const PORTS: &[u16] = &[80, 443, 53, 8080];

/// A port number.
pub(crate) fn port() -> BoxedStrategy<u16> {
    prop_oneof![12 => prop::sample::select(PORTS), 1 => Just(1), 1 => Just(65535), 1 => Just(22)].boxed()
}

/// First and last port of a range.
pub(crate) fn range() -> BoxedStrategy<(u16, u16)> {
    prop_oneof![
        3 => Just((80, 90)),
        2 => Just((1, 1023)),
        2 => Just((443, 8080)),
        1 => Just((53, 53)),
        1 => Just((1024, 65535)),
        1 => Just((1, 65535)),
    ]
    .boxed()
}

/// The name of a port.
pub(crate) fn name() -> BoxedStrategy<&'static str> {
    word(PORT_NAMES)
}

/// A protocol that has ports.
pub(crate) fn with_ports() -> BoxedStrategy<&'static str> {
    prop_oneof![5 => Just("TCP"), 3 => Just("UDP"), 1 => Just("SCTP")].boxed()
}

/// `ports` or `notPorts` of a Calico entity: numbers, ranges and names.
pub(crate) fn calico_ports() -> Json {
    list(
        1..=3,
        prop_oneof![
            6 => port().prop_map(Value::from),
            1 => port().prop_map(|p| Value::from(p.to_string())),
            3 => range().prop_map(|(low, high)| Value::from(format!("{low}:{high}"))),
            3 => name().prop_map(Value::from),
        ],
    )
}

/// `{name, protocol, port}` lists of an endpoint: each name at most once for a protocol, the same name with several protocols allowed.
/// `number` is what the kind calls the number's field.
pub(crate) fn named_ports(number: &'static str) -> Json {
    let one = (name(), with_ports(), port());
    prop::collection::vec(one, 0..=4)
        .prop_map(move |drawn| {
            let mut ports: Vec<Value> = Vec::new();
            for (name, protocol, port) in drawn {
                if ports.iter().all(|p| p["name"] != name || p["protocol"] != protocol) {
                    ports.push(json!({"name": name, "protocol": protocol, number: port}));
                }
            }
            Value::Array(ports)
        })
        .boxed()
}
