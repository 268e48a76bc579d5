//! Truth tables of Kubernetes NetworkPolicy, where they are at hand.

use flate2::read::GzDecoder;
use margay_api::{Object, Protocol};
use margay_spec::{Flow, Settings, World};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

#[test]
fn every_flow_agrees() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/cyclonus-open.jsonl.gz");
    let Ok(file) = File::open(&path) else {
        let path = path.display();
        return report(&format!("skipped: {path} is not there"));
    };
    let (mut states, mut flows) = (0, 0);
    let mut wrong = Vec::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let state: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("a state");
        let read = |document: &serde_json::Value| margay_api::read(&document.to_string(), "state");
        let documents = state["objects"].as_array().expect("objects");
        let objects: Vec<Object> = documents.iter().flat_map(read).filter_map(|decoded| decoded.object).collect();
        assert_eq!(objects.len(), documents.len(), "every object of {} can be read", state["id"]);
        let world = World::new(&objects, Settings::default());
        let pods = addresses(&objects);
        for flow in state["flows"].as_array().expect("flows") {
            let text = |field: &str| flow[field].as_str().unwrap_or_else(|| panic!("{field} of {flow}"));
            let address =
                |field| pods.get(text(field)).copied().or_else(|| text(field).parse().ok()).expect("an address");
            let protocol = text("protocol").parse::<Protocol>().expect("a protocol");
            let port = flow["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
            let probe = Flow::new(address("from"), address("to"), protocol, 40000, port);
            let verdict = world.verdict(&probe);
            if verdict.allow != (text("expect") == "allow") {
                wrong.push(format!("{} {flow}: {verdict:?}", state["id"]));
            }
            flows += 1;
        }
        states += 1;
    }
    report(&format!("{states} states, {flows} flows"));
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[0]);
    assert!(flows > 0);
}

/// The address of each pod by `namespace/name`.
fn addresses(objects: &[Object]) -> BTreeMap<String, IpAddr> {
    let pods = objects.iter().filter_map(|object| match object {
        Object::Pod(pod) => {
            Some((format!("{}/{}", pod.meta.key.namespace, pod.meta.key.name), *pod.addresses.first()?))
        }
        _ => None,
    });
    pods.collect()
}

#[allow(clippy::print_stderr)]
fn report(text: &str) {
    eprintln!("{text}");
}
