//! What is probably not meant: seen from a Plan of the whole cluster.

use crate::*;
use margay_net::{Family, Prefix, Protocol};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A policy selects no pod and no host endpoint: it does nothing.
    SelectsNothing {
        /// Which.
        policy: Key,
    },
    /// Nothing that is there now is a peer of a rule: it matches no packet.
    DeadPeer {
        /// Of which policy.
        policy: Key,
        /// In which direction.
        direction: Direction,
        /// Its index there.
        index: u16,
    },
    /// A host endpoint is on a Windows node, where nothing can enforce it.
    WindowsHost {
        /// Which.
        host: Key,
    },
    /// A pod's egress policies let it ask none of the cluster's DNS servers.
    DnsCutOff {
        /// Which pod.
        pod: Key,
        /// The policies that isolate it.
        by: Vec<Key>,
    },
    /// Pods of two nodes may have one address: their pod CIDRs overlap. To a CIDR that both have, routes lead to the node whose name comes first; else the
    /// longer one counts.
    OverlappingPodCidrs {
        /// A node's CIDR.
        cidr: Prefix,
        /// The node.
        node: SmolStr,
        /// The CIDR of another that is inside it, or the same.
        inner: Prefix,
        /// The other.
        other: SmolStr,
    },
}

/// Findings of a Plan of the whole cluster, sorted. `policies` are the keys of all policies there are, `dns_servers` those of the pods that answer DNS.
pub fn findings<'a>(
    plan: &Plan,
    policies: impl IntoIterator<Item = &'a Key>,
    dns_servers: &BTreeSet<Key>,
) -> Vec<Finding> {
    let active: BTreeSet<&Key> = plan.policies.iter().map(|(_, policy)| &policy.key).collect();
    let idle = policies.into_iter().filter(|key| !active.contains(key));
    let mut found: Vec<Finding> = idle.map(|key| Finding::SelectsNothing { policy: key.clone() }).collect();
    found.extend(plan.policies.iter().flat_map(|(_, policy)| dead_peers(plan, policy)));
    found.extend(dns_cut_off(plan, dns_servers));
    found.extend(windows_hosts(plan));
    found.extend(overlapping_cidrs(plan));
    found.sort();
    found
}

fn dead_peers(plan: &Plan, policy: &PlanPolicy) -> Vec<Finding> {
    let is_dead = |any: &AnyOf<SetId>| {
        any.nets.is_empty() && any.sets.iter().all(|set| plan.sets.get(*set).is_none_or(|set| set.members.is_empty()))
    };
    let mut found = Vec::new();
    for direction in Direction::ALL {
        // A rule of the resource may have become several: it is dead when all of them are.
        let mut dead: BTreeMap<u16, bool> = BTreeMap::new();
        for part in policy.rules(direction) {
            let within = part.rule.source.within.iter().chain(&part.rule.destination.within);
            *dead.entry(part.index).or_insert(true) &= within.into_iter().any(is_dead);
        }
        let dead = dead.into_iter().filter(|(_, dead)| *dead);
        found.extend(dead.map(|(index, _)| Finding::DeadPeer { policy: policy.key.clone(), direction, index }));
    }
    found
}

fn windows_hosts(plan: &Plan) -> impl Iterator<Item = Finding> + '_ {
    let hosts = plan.endpoints.iter().filter(|(_, endpoint)| endpoint.interface.is_some());
    let on_windows = hosts.filter(|(_, host)| plan.nodes.get(&host.node).is_some_and(|node| node.windows));
    on_windows.map(|(_, host)| Finding::WindowsHost { host: host.key.clone() })
}

/// Each CIDR with the longest of another node that it is in.
fn overlapping_cidrs(plan: &Plan) -> Vec<Finding> {
    let mut cidrs: Vec<(Prefix, &SmolStr)> =
        plan.nodes.values().flat_map(|node| node.pod_cidrs.iter().map(|cidr| (*cidr, &node.name))).collect();
    cidrs.sort_unstable();
    let (mut around, mut found): (Vec<(Prefix, &SmolStr)>, Vec<Finding>) = Default::default();
    for (inner, other) in cidrs {
        // A prefix comes right before those inside it.
        while around.last().is_some_and(|(cidr, _)| !cidr.covers(&inner)) {
            around.pop();
        }
        if let Some((cidr, node)) = around.iter().rev().find(|(_, node)| *node != other) {
            let (node, other) = ((*node).clone(), other.clone());
            found.push(Finding::OverlappingPodCidrs { cidr: *cidr, node, inner, other });
        }
        around.push((inner, other));
    }
    found
}

fn dns_cut_off(plan: &Plan, dns_servers: &BTreeSet<Key>) -> Vec<Finding> {
    let servers: Vec<&Endpoint> =
        plan.endpoints.iter().map(|(_, endpoint)| endpoint).filter(|e| dns_servers.contains(&e.key)).collect();
    let mut found = Vec::new();
    for (_, pod) in plan.endpoints.iter() {
        let EndpointStacks::Pod(stack) = pod.stacks else { continue };
        let isolating = &plan.stacks[stack].egress;
        if isolating.is_empty() || dns_servers.contains(&pod.key) {
            continue;
        }
        let asks = |from, to| {
            [Protocol::UDP, Protocol::TCP].into_iter().any(|protocol| {
                let egress = verdict(plan, &Flow::new(from, to, protocol).port(53)).egress;
                egress.is_none_or(|end| end.allow)
            })
        };
        let pairs: Vec<_> = servers
            .iter()
            .flat_map(|server| pod.addresses.iter().flat_map(|from| server.addresses.iter().map(|to| (*from, *to))))
            .filter(|(from, to)| Family::of(*from) == Family::of(*to))
            .collect();
        if !pairs.is_empty() && !pairs.iter().any(|(from, to)| asks(*from, *to)) {
            let by: BTreeSet<Key> =
                isolating.iter().flat_map(|tier| &tier.policies).map(|id| plan.policies[*id].key.clone()).collect();
            found.push(Finding::DnsCutOff { pod: pod.key.clone(), by: by.into_iter().collect() });
        }
    }
    found
}
