//! Resources, made one by one as they are fed.

use margay_api::{
    Action, CalicoPolicy, CalicoRule, EntityRule, Key, Kind, Meta, Namespace, NetworkSet, Object, Pod, Prefix,
    Readable, Selector, Types,
};
use smol_str::SmolStr;
use std::net::{IpAddr, Ipv4Addr};

/// The node that local endpoints are on.
pub(crate) const LOCAL: &str = "local";

/// Labels under construction.
pub(crate) type Labels = Vec<(SmolStr, SmolStr)>;

pub(crate) fn meta(kind: Kind, namespace: &str, name: &str, mut labels: Labels) -> Meta {
    labels.sort_unstable();
    Meta { key: Key { kind, namespace: namespace.into(), name: name.into() }, labels, created: None, generation: 0 }
}

pub(crate) fn namespace(name: &str, labels: Labels) -> Object {
    Object::Namespace(Namespace { meta: meta(Kind::Namespace, "", name, labels) })
}

pub(crate) fn pod(namespace: &str, name: &str, node: &str, address: u32, labels: Labels) -> Object {
    Object::Pod(Pod {
        meta: meta(Kind::Pod, namespace, name, labels),
        node: node.into(),
        host_network: false,
        service_account: "default".into(),
        addresses: vec![IpAddr::V4(Ipv4Addr::from(address))],
        terminal: false,
        ports: Vec::new(),
    })
}

pub(crate) fn network_set(name: &str, nets: Vec<Prefix>, labels: Labels) -> Object {
    Object::NetworkSet(NetworkSet { meta: meta(Kind::GlobalNetworkSet, "", name, labels), nets })
}

/// A rule that allows from what a selector matches, of any namespace or of those that another selector matches.
pub(crate) fn allow_from(selector: Option<Selector>, namespaces: Option<Selector>) -> Readable<CalicoRule> {
    Readable::Rule(CalicoRule {
        action: Action::Allow,
        family: None,
        protocol: None,
        not_protocol: None,
        icmp: None,
        not_icmp: None,
        http: false,
        source: EntityRule { selector, namespace_selector: namespaces, ..EntityRule::default() },
        destination: EntityRule::default(),
    })
}

/// A GlobalNetworkPolicy for ingress.
pub(crate) fn policy(name: &str, selector: Selector, ingress: Vec<Readable<CalicoRule>>) -> Object {
    Object::CalicoPolicy(CalicoPolicy {
        meta: meta(Kind::GlobalNetworkPolicy, "", name, Vec::new()),
        tier: "default".into(),
        order: Some(100.0),
        selector,
        namespace_selector: None,
        service_account_selector: None,
        types: Types { ingress: true, egress: false },
        ingress,
        egress: Vec::new(),
        apply_on_forward: false,
        pre_dnat: false,
        do_not_track: false,
        staged: None,
    })
}

pub(crate) fn select(text: &str) -> Selector {
    text.parse().expect("a selector of a workload")
}

/// The same numbers in every run, well mixed.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
