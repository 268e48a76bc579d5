//! Networks and endpoints, read through either door.

use crate::fake::{ENDPOINT, Fake, NETWORK, OTHER, filter, id, open, output, refused};
use margay_hcn::{Door, EndpointState, ErrorCode, Failure, Hns, Options};
use serde_json::{Value, json};

const V1_ENDPOINT: &str = include_str!("../fixtures/v1_endpoint_calico.json");
const V1_NETWORK: &str = include_str!("../fixtures/v1_network_l2bridge.json");
const V2_ENDPOINT: &str = include_str!("../fixtures/v2_endpoint.json");
const V2_NETWORK: &str = include_str!("../fixtures/v2_network_overlay.json");

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_version_chooses_the_door() {
    for (version, force_v1, expected) in [
        ("7.0", false, Door::V1),
        ("9.1", false, Door::V1),
        ("9.2", false, Door::V2),
        ("15.4", false, Door::V2),
        ("15.4", true, Door::V1),
    ] {
        let fake = Fake::new(version, |_, _| refused(ErrorCode::NOT_IMPLEMENTED));
        let hns = Hns::open(fake, Options { force_v1, ..Options::default() }).unwrap();
        assert_eq!((hns.version().to_string().as_str(), hns.door()), (version, expected));
    }
}

#[test]
fn v1_lists_documents() {
    let fake = Fake::new("7.2", |line, _| match line {
        "GET /networks/" => output(json!([document(V1_NETWORK)])),
        "GET /endpoints/" => output(json!([{ "ID": OTHER, "IPAddress": "?" }, document(V1_ENDPOINT), 5])),
        _ => refused(ErrorCode::NOT_IMPLEMENTED),
    });
    let hns = open(&fake);
    let networks = hns.networks().unwrap();
    assert_eq!((networks.objects[0].id, networks.failures.len()), (id(NETWORK), 0));
    let endpoints = hns.endpoints().unwrap();
    assert_eq!(endpoints.objects.len(), 1);
    assert_eq!(endpoints.objects[0].state, Some(EndpointState::AttachedSharing));
    assert_eq!(endpoints.failures.iter().map(|error| error.id()).collect::<Vec<_>>(), [Some(id(OTHER)), None]);
    assert_eq!(
        endpoints.failures[0].to_string(),
        "reading endpoint 00000000-0000-0000-0000-000000000002 through the V1 API: the member IPAddress is \"?\": invalid IP address syntax"
    );
    assert_eq!(fake.asked(), ["GET /networks/", "GET /endpoints/"]);
}

#[test]
fn v1_gives_one_by_its_id_in_capitals() {
    let fake = Fake::new("7.2", |line, _| match line {
        "GET /endpoints/9B2E7F10-6C1D-4C1B-9C0E-0D8F5A3B7C44" => output(document(V1_ENDPOINT)),
        _ => Ok(json!({ "Success": false, "Error": "Element not found. " })),
    });
    let hns = open(&fake);
    assert_eq!(hns.endpoint(id(ENDPOINT)).unwrap().id, id(ENDPOINT));
    assert!(hns.network(id(NETWORK)).unwrap_err().is_not_found());
}

#[test]
fn v2_lists_ids_then_asks_for_each() {
    let third = "00000000-0000-0000-0000-000000000003";
    let fake = Fake::new("13.3", move |line, query| match line {
        "enumerate endpoint" => Ok(match filter(query) {
            None => json!([OTHER, ENDPOINT, third]),
            Some(filter) if filter["State"] == 2 => json!([]),
            Some(filter) if filter["State"] == 3 => json!([ENDPOINT.to_uppercase()]),
            Some(filter) => panic!("asked for {filter}"),
        }),
        line if line.ends_with(ENDPOINT) => Ok(document(V2_ENDPOINT)),
        line if line.ends_with(third) => refused(ErrorCode::ENDPOINT_NOT_FOUND),
        _ => refused(ErrorCode::INVALID_JSON),
    });
    let endpoints = open(&fake).endpoints().unwrap();
    assert_eq!(endpoints.objects.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>(), [id(ENDPOINT)]);
    assert_eq!(endpoints.objects[0].state, Some(EndpointState::AttachedSharing), "asked for by the filter");
    assert_eq!(endpoints.failures.len(), 1, "one is gone, which is no failure");
    assert_eq!(
        (endpoints.failures[0].id(), endpoints.failures[0].code()),
        (Some(id(OTHER)), Some(ErrorCode::INVALID_JSON))
    );
}

#[test]
fn an_hns_that_filters_no_states_leaves_them_open() {
    let fake = Fake::new("9.2", |line, query| match line {
        "enumerate endpoint" if filter(query).is_none() => Ok(json!([ENDPOINT])),
        "enumerate endpoint" => refused(ErrorCode::INVALID_PARAMETER),
        _ => Ok(document(V2_ENDPOINT)),
    });
    let hns = open(&fake);
    let endpoints = hns.endpoints().unwrap();
    assert_eq!((endpoints.objects.len(), endpoints.objects[0].state, endpoints.failures.len()), (1, None, 0));
    let asked = fake.asked();
    hns.endpoint(id(ENDPOINT)).unwrap();
    assert_eq!((asked.len(), fake.asked().len()), (4, 1), "for one endpoint the states are not asked for");
}

#[test]
fn a_network_that_v2_has_no_words_for_is_read_through_v1() {
    let fake = Fake::new("15.4", |line, _| match line {
        "enumerate network" => Ok(json!([NETWORK, OTHER])),
        line if line.starts_with("query network 1a") => refused(ErrorCode::INVALID_JSON),
        "GET /networks/1A2B3C4D-5E6F-4071-8293-A4B5C6D7E8F9" => output(document(V1_NETWORK)),
        _ => {
            let mut network = document(V2_NETWORK);
            network["ID"] = OTHER.into();
            Ok(network)
        }
    });
    let networks = open(&fake).networks().unwrap();
    assert!(networks.failures.is_empty());
    let read: Vec<_> = networks.objects.iter().map(|network| (network.id, network.door)).collect();
    assert_eq!(read, [(id(NETWORK), Door::V1), (id(OTHER), Door::V2)]);
}

#[test]
fn nothing_there_is_an_empty_list() {
    for (version, nothing) in [("7.2", json!({ "Success": true })), ("13.3", json!(null)), ("13.3", json!([]))] {
        let fake = Fake::new(version, move |_, _| Ok(nothing.clone()));
        let networks = open(&fake).networks().unwrap();
        assert!(networks.objects.is_empty() && networks.failures.is_empty());
    }
}

#[test]
fn hns_that_dies_ends_a_listing() {
    let fake = Fake::new("13.3", |line, _| match line {
        "enumerate endpoint" => Ok(json!([ENDPOINT, OTHER])),
        _ => Err(Failure::new(ErrorCode(0x6be))),
    });
    let error = open(&fake).endpoints().unwrap_err();
    assert!(error.is_disconnected() && error.may_pass());
    assert_eq!(fake.asked().len(), 2, "the second endpoint is not asked for");
}
