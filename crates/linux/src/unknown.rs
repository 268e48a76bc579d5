//! Pods that run before they are known.
//!
//! A pod's address is in its node's pod CIDR. What comes from such an address, or goes to one, and is neither a known pod's nor the node's own (the gateway of
//! a bridge stands in the pod CIDR too) is of a pod whose policy is not in force yet. What the node itself sends such a pod passes: the kubelet's probes always
//! arrive.

use crate::attribution::finish;
use crate::base::{FILTER, chain, destination, established, neighbour_discovery, of_family, source};
use crate::names;
use crate::rule::{address_type, interval};
use crate::{Options, UnknownPods};
use margay_dataplane::Reason;
use margay_net::{Family, Prefix};
use margay_nftables::expr::{InlineSet, MetaKey, PayloadField};
use margay_nftables::{Chain, Data, Element, Hook, Rule, Verdict};
use margay_policy::{Direction, Plan};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The comment of rules that count and drop nothing.
pub(crate) const COUNTED: &str = "of no known pod, counted";

/// Whether anything is to be done about unknown pods of a family.
pub(crate) fn matter(plan: &Plan, options: &Options, family: Family) -> bool {
    (options.count || options.unknown_pods == UnknownPods::Deny) && !cidrs(plan, family).is_empty()
}

/// The base chains for them: what they send and are sent, and what they send to the node.
pub(crate) fn chains(plan: &Plan, options: &Options) -> Vec<(Chain, Vec<Rule>)> {
    let families: Vec<Family> = Family::ALL.into_iter().filter(|family| matter(plan, options, *family)).collect();
    if families.is_empty() {
        return Vec::new();
    }
    let both: &[Direction] = &[Direction::Egress, Direction::Ingress];
    [("forward-unknown-pods", Hook::Forward, both), ("input-unknown-pods", Hook::Input, &both[..1])]
        .map(|(name, hook, directions)| {
            let mut rules = vec![established(), neighbour_discovery()];
            if hook == Hook::Input {
                // The node to itself, whatever address a plugin's bridge has.
                rules.push(Rule::new().meta(MetaKey::IifName).eq(Data::interface("lo")).verdict(Verdict::Accept));
            }
            for (family, direction) in families.iter().flat_map(|family| directions.iter().map(|way| (*family, *way))) {
                rules.push(rule(plan, options, family, direction));
            }
            (chain(name, hook, FILTER), rules)
        })
        .into()
}

fn rule(plan: &Plan, options: &Options, family: Family, direction: Direction) -> Rule {
    let field = match direction {
        Direction::Egress => source(family),
        Direction::Ingress => destination(family),
    };
    let cidrs = cidrs(plan, family);
    let within = InlineSet::new(address_type(family), cidrs.iter().flat_map(interval)).interval();
    let rule = of_family(family).payload(field).lookup(within).payload(field).lookup_missing(names::pods(family));
    let rule = but_of_nodes(rule, plan, family, field);
    match options.unknown_pods {
        UnknownPods::Allow => rule.counter().with_comment(COUNTED),
        UnknownPods::Deny => finish(rule, direction, &Reason::UnknownPod, options),
    }
}

/// And no address of a node itself.
fn but_of_nodes(rule: Rule, plan: &Plan, family: Family, field: PayloadField) -> Rule {
    let own: BTreeSet<IpAddr> = plan.nodes.values().flat_map(|node| &node.addresses).copied().collect();
    let own: Vec<Element> = own
        .into_iter()
        .filter(|address| Family::of(*address) == family)
        .map(|one| Element::new(Data::from(one)))
        .collect();
    match own.is_empty() {
        true => rule,
        false => rule.payload(field).lookup_missing(InlineSet::new(address_type(family), own)),
    }
}

/// The pod CIDRs of a family that no other covers.
fn cidrs(plan: &Plan, family: Family) -> BTreeSet<Prefix> {
    let all: BTreeSet<Prefix> = plan.nodes.values().flat_map(|node| &node.pod_cidrs).copied().collect();
    let covered = |one: &Prefix| all.iter().any(|other| other != one && other.covers(one));
    all.iter().filter(|one| one.family() == family && !covered(one)).copied().collect()
}
