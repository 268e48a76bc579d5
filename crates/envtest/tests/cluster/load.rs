//! Pods and policies that come, change and go.

use crate::world::{NODES, SHOP, policy, running};
use margay_envtest::{Write, objects};
use serde_json::json;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// Labels that pods have one of.
const COLOURS: [&str; 5] = ["red", "green", "blue", "white", "black"];

/// Writes that never open what is closed, the same in every run.
pub(crate) struct Load {
    random: u64,
    pods: VecDeque<u32>,
    policies: VecDeque<u32>,
    next: u32,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { random: 0x6d61_7267_6179, pods: VecDeque::new(), policies: VecDeque::new(), next: 0 }
    }

    /// A number below a bound (xorshift).
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % bound
    }

    fn colour(&mut self) -> &'static str {
        COLOURS[self.below(COLOURS.len())]
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// A pod that comes. Its address is one that others had before, in time.
    pub(crate) fn pod_comes(&mut self) -> Vec<Write> {
        let number = self.number();
        self.pods.push_back(number);
        // One in ten is on a node of ours.
        let node = NODES.get(number as usize % 20).copied().unwrap_or("elsewhere");
        let [.., high, low] = (number % 50_000).to_be_bytes();
        running(&format!("pod-{number}"), node, &[("colour", self.colour())], Ipv4Addr::new(10, 1, high, low))
    }

    /// The oldest pod goes.
    pub(crate) fn pod_goes(&mut self) -> Vec<Write> {
        let gone = |number| Write::Delete(objects::pod(SHOP, &format!("pod-{number}"), "", &[]));
        self.pods.pop_front().map(gone).into_iter().collect()
    }

    /// A pod gets another label: none of the oldest or the newest, which may go or come at the same time.
    pub(crate) fn pod_changes(&mut self) -> Vec<Write> {
        let quarter = self.pods.len() / 4;
        if quarter == 0 {
            return Vec::new();
        }
        let index = quarter + self.below(2 * quarter);
        let metadata = json!({ "name": format!("pod-{}", self.pods[index]), "namespace": SHOP, "labels": { "colour": self.colour() } });
        vec![Write::Patch(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata }))]
    }

    /// A policy comes: of the victim, or of pods of a colour.
    pub(crate) fn policy_comes(&mut self) -> Vec<Write> {
        let number = self.number();
        self.policies.push_back(number);
        let (victim, colour) = ([("app", "victim")], [("colour", self.colour())]);
        let of = if self.below(2) == 0 { &victim } else { &colour };
        let port = 1000 + (number % 10_000) as u16;
        vec![Write::Create(policy(&format!("policy-{number}"), of, &[("colour", self.colour())], port))]
    }

    /// The oldest policy goes.
    pub(crate) fn policy_goes(&mut self) -> Vec<Write> {
        let gone = |number| Write::Delete(policy(&format!("policy-{number}"), &[], &[], 1));
        self.policies.pop_front().map(gone).into_iter().collect()
    }
}
