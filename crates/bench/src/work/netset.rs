//! Many network sets, each allowed by a policy that applies to every endpoint.
//!
//! 10,000 endpoints, 200 of them local; network sets of sizes that cycle through ten, each with one policy that selects `all()` and allows from it.

use super::cluster::{LOCAL, allow_from, network_set, pod, policy, select};
use margay_api::{Key, Object, Prefix, Selector};
use margay_engine::Engine;
use std::net::{IpAddr, Ipv4Addr};

const ENDPOINTS: u32 = 10_000;
const LOCALS: u32 = 200;
const SIZES: [u32; 10] = [1, 1, 1, 1, 2, 3, 4, 5, 100, 1000];

pub(crate) fn feed(engine: &mut Engine, sets: u32) -> Vec<Key> {
    let mut take = |object: Object| {
        engine.update(object.key(), Some(&object));
        object.key().clone()
    };
    for number in 0..sets {
        let from = select(&format!("netset == \"netset-{number}\""));
        take(policy(&format!("policy-{number}"), Selector::all(), vec![allow_from(Some(from), None)]));
    }
    for number in 0..100 {
        take(super::snapshot::a_namespace(number, 0));
    }
    let endpoint = |number: u32, node| {
        pod(&format!("namespace-{}", number % 100), &format!("pod-{number}"), node, (10 << 24) + number, Vec::new())
    };
    (0..ENDPOINTS - LOCALS).for_each(|number| drop(take(endpoint(number, "remote"))));
    let mut next = 11 << 24;
    for number in 0..sets {
        let name = format!("netset-{number}");
        let size = SIZES[number as usize % SIZES.len()];
        let nets = (next..next + size).map(|address| Prefix::host(IpAddr::V4(Ipv4Addr::from(address)))).collect();
        next += size;
        take(network_set(&name, nets, vec![("netset".into(), name.as_str().into())]));
    }
    (ENDPOINTS - LOCALS..ENDPOINTS).map(|number| take(endpoint(number, LOCAL))).collect()
}
