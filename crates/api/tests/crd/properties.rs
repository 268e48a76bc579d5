//! The definitions beside the reader: on every object that the generator makes, and on the same with an error seeded into it.

use super::{CALICO, reader};
use margay_generator::{Shape, strategy};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// What the reader refuses and a schema can't ([`margay_api::crd::NOT_EXPRESSIBLE`]).
const NOT_EXPRESSIBLE: &[&str] = &[
    "is no selector",
    "global() can't be combined with anything else",
    "is no CIDR block",
    "ends before it starts",
    "is no key of a label",
    "is no value of a label",
    "is not a part of",
    "is no IP address",
    "is written twice",
];

/// What a schema refuses and the reader takes ([`margay_api::crd::STRICTER`]).
fn is_stricter(error: &str) -> bool {
    const STRICTER: &[&str] =
        &[": the tier ", ".http.", ".metadata", ".performanceHints", ".allowedEgressDomains", "unknown field"];
    STRICTER.iter().any(|part| error.contains(part))
}

/// What one of the two refuses alone.
fn disagreement(object: &Value) -> Option<String> {
    let (found, read) = (CALICO.errors(object), reader(object));
    let mut expressible = read.iter().filter(|error| !NOT_EXPRESSIBLE.iter().any(|known| error.contains(known)));
    if found.is_empty() {
        return expressible.next().map(|error| format!("only the reader refuses: {error}"));
    }
    let mut lenient = found.iter().filter(|error| !is_stricter(error));
    if read.is_empty() { lenient.next().map(|error| format!("only the schema refuses: {error}")) } else { None }
}

/// The values at and below a value, by the steps to them.
fn paths(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| paths(value, &format!("{at}/{}", name.replace('/', "~1")), all))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| paths(item, &format!("{at}/{index}"), all))
        }
        _ => {}
    }
}

/// Values that are right somewhere, and wrong in most places.
fn odd() -> Vec<Value> {
    vec![
        json!("x"),
        json!(""),
        json!("TCP"),
        json!("icmp"),
        json!("ICMPv6"),
        json!(58),
        json!(0),
        json!(-1),
        json!(300),
        json!(70000),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
        json!("Deny"),
        json!("Drop"),
        json!("10.0.0.0/8"),
        json!("::/0"),
        json!("0.0.0.0/0"),
        json!("fd00::1"),
        json!("10.0.0.0/33"),
        json!("global()"),
        json!("80:90"),
        json!("90:80"),
        json!(["10.0.0.1", "::1"]),
        json!([80]),
        json!({"type": 8}),
        json!({"code": 0}),
        json!({"name": "web"}),
        json!({"nets": ["fd00::1"]}),
        json!({"ports": [80]}),
        json!(["Egress"]),
    ]
}

/// Fields that stand where they may, and where they may not.
const FIELDS: &[&str] = &[
    "action",
    "protocol",
    "notProtocol",
    "ipVersion",
    "icmp",
    "notICMP",
    "http",
    "source",
    "destination",
    "nets",
    "notNets",
    "ports",
    "notPorts",
    "selector",
    "notSelector",
    "services",
    "serviceAccounts",
    "namespaceSelector",
    "types",
    "tier",
    "order",
    "preDNAT",
    "doNotTrack",
    "stagedAction",
    "defaultAction",
    "endPort",
    "ipBlock",
    "sourc",
];

#[derive(Clone, Debug)]
struct Seed {
    place: Index,
    what: u8,
    field: &'static str,
    value: Value,
}

fn seed() -> impl Strategy<Value = Seed> {
    (any::<Index>(), 0..3u8, prop::sample::select(FIELDS), prop::sample::select(odd()))
        .prop_map(|(place, what, field, value)| Seed { place, what, field, value })
}

fn seeded(mut object: Value, seed: &Seed) -> Value {
    let mut all = Vec::new();
    paths(&object["spec"], "/spec", &mut all);
    let place = seed.place.get(&all);
    let Some(value) = object.pointer_mut(place) else { return object };
    match (seed.what, value) {
        (0, Value::Object(fields)) => drop(fields.insert(seed.field.to_owned(), seed.value.clone())),
        (1, Value::Object(fields)) => drop(fields.keys().next().cloned().and_then(|name| fields.shift_remove(&name))),
        (_, value) if place != "/spec" => *value = seed.value.clone(),
        _ => {}
    }
    object
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_schema_refuses_what_the_reader_refuses((case, seeds) in (strategy(Shape::default()), prop::collection::vec(seed(), 16))) {
        let documents = case.cluster.documents().filter(|(key, _)| key.kind.group() == "projectcalico.org");
        for (index, (_, document)) in documents.enumerate() {
            let seeded = (0..4).map(|more| seeded(document.clone(), &seeds[(index * 4 + more) % seeds.len()]));
            for object in std::iter::once(document.clone()).chain(seeded) {
                if let Some(disagreement) = disagreement(&object) {
                    return Err(TestCaseError::fail(format!("{disagreement}\n{object:#}")));
                }
            }
        }
    }
}
