//! What should be enforced, as a value.

use crate::*;
use margay_net::{Prefix, Protocol};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What one node, or the whole cluster, should enforce: made and changed by the engine, borrowed by drivers and by [`verdict`].
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Grows with every change.
    pub revision: u64,
    /// IP sets.
    pub sets: Store<SetId, IpSet>,
    /// Policies that an endpoint here has.
    pub policies: Store<PolicyId, PlanPolicy>,
    /// Stacks that an endpoint here has.
    pub stacks: Store<StackId, Stack>,
    /// Pods and host endpoints in scope.
    pub endpoints: Store<EndpointId, Endpoint>,
    /// Nodes in scope, by name.
    pub nodes: BTreeMap<SmolStr, NodeInfo>,
    /// The pod that has an address.
    pub pods: FxHashMap<IpAddr, EndpointId>,
    /// The node whose own an address is.
    pub node_addresses: FxHashMap<IpAddr, SmolStr>,
    /// The host endpoint on each node's uplink.
    pub uplinks: FxHashMap<SmolStr, EndpointId>,
    /// The way to the pods of each node, of every node whatever the scope, by pod CIDR: see [`Plan::remote_routes`].
    pub routes: BTreeMap<Prefix, Route>,
    /// What is set for all endpoints.
    pub settings: Settings,
}

/// Which policies are asked: those enforced, or those that would be were the staged ones in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Enforced.
    #[default]
    Enforced,
    /// As if the staged policies were in force.
    Staged,
}

/// Settings that change what a Plan means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to a pod's traffic to its own node, after the pod's egress policy.
    pub endpoint_to_host: ToHost,
    /// Ports that a host endpoint always takes from outside.
    pub failsafe_ingress: Vec<(Protocol, u16)>,
    /// Ports that a host endpoint can always send to.
    pub failsafe_egress: Vec<(Protocol, u16)>,
}

/// What happens to a pod's traffic to its own node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToHost {
    /// Let it through.
    #[default]
    Accept,
    /// Drop it.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        let tcp = |ports: &[u16]| ports.iter().map(|port| (Protocol::TCP, *port)).collect::<Vec<_>>();
        let both = tcp(&[179, 2379, 2380, 5473, 6443, 6666, 6667]);
        let with = |more: &[(Protocol, u16)]| both.iter().copied().chain(more.iter().copied()).collect();
        Self {
            endpoint_to_host: ToHost::Accept,
            failsafe_ingress: with(&[(Protocol::TCP, 22), (Protocol::UDP, 68)]),
            failsafe_egress: with(&[(Protocol::UDP, 53), (Protocol::UDP, 67)]),
        }
    }
}

impl Settings {
    /// Whether a host endpoint lets this flow through whatever policy says.
    pub fn is_failsafe(&self, direction: Direction, flow: &Flow) -> bool {
        let list = match direction {
            Direction::Ingress => &self.failsafe_ingress,
            Direction::Egress => &self.failsafe_egress,
        };
        list.contains(&(flow.protocol, flow.port))
    }
}

impl Plan {
    /// The pod that has this address.
    pub fn pod_at(&self, address: IpAddr) -> Option<(EndpointId, &Endpoint)> {
        let id = *self.pods.get(&address)?;
        Some((id, self.endpoints.get(id)?))
    }

    /// The node that an address is on: that of the pod that has it, or the node itself.
    pub fn node_of(&self, address: IpAddr) -> Option<&NodeInfo> {
        match self.pod_at(address) {
            Some((_, pod)) => self.nodes.get(&pod.node),
            None => self.nodes.get(self.node_addresses.get(&address)?),
        }
    }

    /// The Plan in full, with names in the place of ids, to compare Plans whose ids differ.
    pub fn dump(&self) -> Dump {
        let members = |set: &IpSet| set.members.iter().collect::<BTreeSet<_>>();
        let stack = |id: StackId| self.stacks[id].name;
        let stacks = |s: EndpointStacks| s.iter().map(stack).collect::<Vec<_>>();
        let policy_names = |slices: &[TierSlice]| {
            slices
                .iter()
                .map(|s| {
                    let names: Vec<_> = s.policies.iter().map(|p| self.policies[*p].key.to_string()).collect();
                    format!("{}:{:?}:{}", s.tier, s.end, names.join(","))
                })
                .collect::<Vec<_>>()
        };
        let rules = |list: &[PlanRule<SetId>]| {
            list.iter().map(|r| (r.index, r.rule.map(|set| self.sets[*set].name))).collect::<Vec<_>>()
        };
        Dump {
            sets: self.sets.iter().map(|(_, s)| (s.key.clone(), (s.enforced, members(s)))).collect(),
            policies: self
                .policies
                .iter()
                .map(|(_, p)| (p.key.clone(), (p.enforced, rules(&p.ingress), rules(&p.egress))))
                .collect(),
            stacks: self
                .stacks
                .iter()
                .map(|(_, s)| (s.name, (s.enforced, policy_names(&s.ingress), policy_names(&s.egress), s.end)))
                .collect(),
            endpoints: self
                .endpoints
                .iter()
                .map(|(_, e)| {
                    let what = (stacks(e.stacks), e.staged.map(stacks), e.interface.clone());
                    (e.key.clone(), (e.node.clone(), e.addresses.clone(), what))
                })
                .collect(),
            nodes: self.nodes.clone(),
            uplinks: self.uplinks.iter().map(|(n, e)| (n.clone(), self.endpoints[*e].key.clone())).collect(),
            routes: self.routes.clone(),
        }
    }
}

type DumpedRules = Vec<(u16, Rule<Name>)>;
type DumpedStacks = (Vec<Name>, Option<Vec<Name>>, Option<SmolStr>);

/// A Plan with names in the place of ids: see [`Plan::dump`]. The union of dumps of several nodes' Plans is that of the whole cluster's.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Dump {
    pub sets: BTreeMap<SetKey, (bool, BTreeSet<Member>)>,
    pub policies: BTreeMap<Key, (bool, DumpedRules, DumpedRules)>,
    pub stacks: BTreeMap<Name, (bool, Vec<String>, Vec<String>, End)>,
    pub endpoints: BTreeMap<Key, (SmolStr, Vec<IpAddr>, DumpedStacks)>,
    pub nodes: BTreeMap<SmolStr, NodeInfo>,
    pub uplinks: BTreeMap<SmolStr, Key>,
    pub routes: BTreeMap<Prefix, Route>,
}

impl Dump {
    /// Joins another node's into this one: members of sets about a rule's own end are united.
    pub fn join(&mut self, other: Dump) {
        for (key, (enforced, members)) in other.sets {
            let mine = self.sets.entry(key).or_default();
            mine.0 |= enforced;
            mine.1.extend(members);
        }
        for (key, (enforced, ingress, egress)) in other.policies {
            self.policies.entry(key).and_modify(|mine| mine.0 |= enforced).or_insert((enforced, ingress, egress));
        }
        for (name, (enforced, ingress, egress, end)) in other.stacks {
            self.stacks.entry(name).and_modify(|mine| mine.0 |= enforced).or_insert((enforced, ingress, egress, end));
        }
        self.endpoints.extend(other.endpoints);
        self.nodes.extend(other.nodes);
        self.uplinks.extend(other.uplinks);
        self.routes.extend(other.routes);
    }
}
