//! Services and their EndpointSlices.

use crate::address::{EXTERNAL_V4, EXTERNAL_V6, family, pod_place};
use crate::alphabet::{SERVICES, namespace};
use crate::json::{Json, always, list, maybe, record, word};
use crate::{Document, port};
use margay_api::{Family, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A Service.
pub(crate) fn service() -> BoxedStrategy<Document> {
    let ports = prop::collection::vec((port::with_ports(), port::port()), 1..=2).prop_map(|ports| {
        let port = |(i, (protocol, port))| json!({"name": format!("port-{i}"), "protocol": protocol, "port": port});
        ports.into_iter().enumerate().map(port).collect::<Value>()
    });
    (namespace(), 0..SERVICES.len(), ports, prop::option::weighted(0.2, prop::sample::select(EXTERNAL_V4)))
        .prop_map(|(namespace, service, ports, external)| {
            let address = format!("10.96.{}.{}", namespace.len(), service + 1);
            let spec = json!({"clusterIP": address, "clusterIPs": [address], "externalIPs": external.into_iter().collect::<Vec<_>>(), "ports": ports});
            Document::new(Kind::Service, namespace, SERVICES[service], json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// An EndpointSlice: of pods that may be there, and of addresses outside; ready or not; a port without a number now and then.
pub(crate) fn endpoint_slice() -> BoxedStrategy<Document> {
    (namespace(), word(SERVICES), 0..2_u8, family())
        .prop_flat_map(|(namespace, service, number, family)| {
            let body = record([
                always("addressType", Just(family.to_string())),
                always("endpoints", list(0..=3, endpoint(family))),
                always("ports", prop_oneof![9 => list(0..=3, slice_port()), 1 => Just(Value::Null)]),
            ]);
            body.prop_map(move |body| {
                let name = format!("{service}-{number}");
                let metadata = json!({"labels": {"kubernetes.io/service-name": service}});
                Document::new(Kind::EndpointSlice, namespace, &name, metadata, body)
            })
        })
        .boxed()
}

fn endpoint(family: Family) -> Json {
    let outside = match family {
        Family::V4 => EXTERNAL_V4,
        Family::V6 => EXTERNAL_V6,
    };
    let address = prop_oneof![
        6 => pod_place().prop_map(move |place| place.address(family).to_string()),
        1 => prop::sample::select(outside).prop_map(str::to_owned),
    ];
    record([
        always("addresses", list(1..=2, address)),
        maybe("conditions", 0.5, any::<bool>().prop_map(|ready| json!({ "ready": ready }))),
    ])
}

fn slice_port() -> Json {
    record([
        maybe("name", 0.5, port::name()),
        maybe("protocol", 0.7, port::with_ports()),
        maybe("port", 0.9, port::port()),
    ])
}
