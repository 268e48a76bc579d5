//! The objects of the cluster.

use crate::work::cluster::mix;
use margay_envtest::objects::{self, Labels};
use margay_envtest::{Write, Writer};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// The node that is real.
pub(crate) const NODE: &str = "node-0";
pub(crate) const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Its two pods that are real.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const VICTIM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The port that policy opens and closes, and one that is open always.
pub(crate) const TURNED: u16 = 5000;
pub(crate) const OPEN: u16 = 5001;
/// A port at which nobody is.
const ELSEWHERE: u16 = 5002;

const NODES: u32 = 50;
const NAMESPACES: u32 = 20;
const COLOURS: u32 = 25;
/// Writes under way at a time.
const AT_ONCE: usize = 16;

/// Writes so many pods, on many nodes, and so many policies.
pub(crate) fn fill(writer: &Writer, pods: u32, policies: u32) {
    let insist = |groups: Vec<Vec<Write>>| writer.insist(groups, AT_ONCE).expect("the API server takes it");
    let spaces = (0..NAMESPACES).map(space).chain(["probe".to_owned()]);
    insist(spaces.map(|name| vec![Write::Create(objects::namespace(&name, &[("name", name.as_str())]))]).collect());
    let nodes = (0..NODES).map(|node| {
        let name = format!("node-{node}");
        let address = Ipv4Addr::from(u32::from(NODE_ADDRESS) + node);
        vec![Write::Create(objects::node(&name)), Write::Status(objects::node_status(&name, address.into()))]
    });
    insist(nodes.collect());
    let real = [("client", CLIENT), ("victim", VICTIM)];
    let real = real.map(|(name, address)| pod("probe", name, NODE, &[("app", name)], address));
    insist((real.len() as u32..pods).map(ordinary).chain(real).collect());
    let turned = [("open", OPEN), ("turned", ELSEWHERE)];
    let turned = turned.map(|(name, port)| vec![Write::Create(victim(name, port))]);
    insist((turned.len() as u32..policies).map(|number| vec![Write::Create(policy(number))]).chain(turned).collect());
}

/// The change that opens or closes the port.
pub(crate) fn turn(open: bool) -> Value {
    victim("turned", if open { TURNED } else { ELSEWHERE })
}

/// That the client may reach the victim at a UDP port.
fn victim(name: &str, port: u16) -> Value {
    objects::ingress_policy("probe", name, &[("app", "victim")], vec![objects::pods(&[("app", "client")])], port)
}

fn space(number: u32) -> String {
    format!("space-{}", number % NAMESPACES)
}

fn colour(seed: u64) -> String {
    format!("colour-{}", mix(seed) % u64::from(COLOURS))
}

fn pod(namespace: &str, name: &str, node: &str, labels: Labels<'_>, address: Ipv4Addr) -> Vec<Write> {
    let status = objects::pod_status(namespace, name, address.into());
    vec![Write::Create(objects::pod(namespace, name, node, labels)), Write::Status(status)]
}

/// Pods of each namespace on each node.
fn ordinary(number: u32) -> Vec<Write> {
    let node = format!("node-{}", (number / NAMESPACES) % NODES);
    let labels = [("app", format!("app-{}", number % 100)), ("colour", colour(number.into()))];
    let labels = [labels[0].0, labels[1].0].into_iter().zip(labels.iter().map(|(_, value)| value.as_str()));
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 1, 0, 0)) + number);
    pod(&space(number), &format!("pod-{number}"), &node, &labels.collect::<Vec<_>>(), address)
}

/// That pods of a colour may be reached by those of another, of the same namespace or of one more.
fn policy(number: u32) -> Value {
    let (of, from) = (colour(number.into()), colour(u64::from(number) << 20));
    let mut peers = vec![objects::pods(&[("colour", &from)])];
    if number.is_multiple_of(3) {
        let other = json!({ "matchLabels": { "name": space(number / 3) } });
        peers.push(json!({ "namespaceSelector": other, "podSelector": { "matchLabels": { "colour": from } } }));
    }
    let port = 1_000 + (number % 50) as u16;
    objects::ingress_policy(&space(number), &format!("policy-{number}"), &[("colour", &of)], peers, port)
}
