//! Tiers as one list.

use super::list::Entry;
use super::origin::{Origin, Origins};
use super::product::{Product, icmp, protocols};
use super::region::Sets;
use margay_net::{AddressSet, PortSet, Prefix, Protocol};
use margay_policy::{Action, Direction, End, Endpoint, EndpointStacks, Plan, Stack, TierEnd, TierSlice, ToHost};

/// Entries of a list while it is made, at most: what tiers that pass on much multiply to is cut off there, and closed.
const MOST: usize = 3_000;

/// ICMPv6 types of neighbour discovery (RFC 4861) and multicast listeners (RFC 2710, RFC 3810), which every endpoint may send and be sent.
const DISCOVERY: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];

/// What happens to a pod's packets in one direction. The last entry is of every packet.
pub(super) fn flatten(
    plan: &Plan,
    sets: &Sets<'_>,
    endpoint: &Endpoint,
    direction: Direction,
    origins: &mut Origins,
) -> Vec<Entry> {
    let EndpointStacks::Pod(stack) = endpoint.stacks else { return vec![Entry::new(Product::full(), false, [])] };
    let own: AddressSet = endpoint.addresses.iter().copied().collect();
    let mut list = always(plan, endpoint, direction, origins);
    list.extend(tiers(plan, sets, &plan.stacks[stack], direction, &own, origins));
    list
}

/// What needs no policy.
fn always(plan: &Plan, endpoint: &Endpoint, direction: Direction, origins: &mut Origins) -> Vec<Entry> {
    let mut list = Vec::new();
    for address in &endpoint.addresses {
        let own = AddressSet::from(Prefix::host(*address));
        let product = Product { near: own.clone(), far: own, ..Product::full() };
        list.push(Entry::new(product, true, [origins.place(Origin::Itself)]));
    }
    let types = DISCOVERY.into_iter().fold(PortSet::empty(), |all, kind| all.union(&icmp(kind, None)));
    let discovery = Product {
        protocols: protocols([Protocol::ICMPV6]),
        far: AddressSet::all(margay_net::Family::V6),
        near_ports: types,
        ..Product::full()
    };
    let discovery = Entry::new(discovery, true, [origins.place(Origin::NeighbourDiscovery)]);
    let node: AddressSet =
        plan.nodes.get(&endpoint.node).into_iter().flat_map(|node| node.addresses.iter().copied()).collect();
    let node = Product { far: node, ..Product::full() };
    match direction {
        _ if node.is_empty() => list.push(discovery),
        Direction::Ingress => list.extend([Entry::new(node, true, [origins.place(Origin::OwnNode)]), discovery]),
        Direction::Egress if plan.settings.endpoint_to_host == ToHost::Drop => {
            list.extend([discovery, Entry::new(node, false, [origins.place(Origin::EndpointToHost)])]);
        }
        Direction::Egress => list.push(discovery),
    }
    list
}

fn tiers(
    plan: &Plan,
    sets: &Sets<'_>,
    stack: &Stack,
    direction: Direction,
    own: &AddressSet,
    origins: &mut Origins,
) -> Vec<Entry> {
    let end = origins.place(Origin::Profile);
    let mut list = vec![Entry::new(Product::full(), stack.end != End::Deny, [end])];
    for tier in stack.tiers(direction).iter().rev() {
        list = one_tier(plan, sets, tier, direction, own, &list, origins);
    }
    list
}

/// A tier, and what comes after it.
fn one_tier(
    plan: &Plan,
    sets: &Sets<'_>,
    tier: &TierSlice,
    direction: Direction,
    own: &AddressSet,
    next: &[Entry],
    origins: &mut Origins,
) -> Vec<Entry> {
    let mut list: Vec<Entry> = Vec::new();
    for id in &tier.policies {
        let policy = &plan.policies[*id];
        for rule in policy.rules(direction).iter().filter(|rule| rule.rule.action != Action::Log) {
            let place = origins.place(Origin::Rule(policy.key.clone(), direction, rule.index));
            for product in sets.region(&rule.rule, direction, own) {
                match rule.rule.action {
                    Action::Pass => list.extend(passed(next, &product, place)),
                    action => list.push(Entry::new(product, action == Action::Allow, [place])),
                }
            }
            if list.len() > MOST {
                list.truncate(MOST);
                let cut = Entry::new(Product::full(), false, [origins.place(Origin::OverBudget)]);
                list.push(cut.also(&[place]));
                return list;
            }
        }
    }
    match tier.end {
        TierEnd::Pass => list.extend(next.iter().cloned()),
        TierEnd::Deny => {
            let policies = tier.policies.iter().map(|id| plan.policies[*id].key.clone()).collect();
            let place = origins.place(Origin::TierEnd(tier.tier.clone(), policies));
            list.push(Entry::new(Product::full(), false, [place]));
        }
    }
    list
}

/// What the next tiers say of the packets that a rule passes on to them.
fn passed(next: &[Entry], product: &Product, place: u16) -> Vec<Entry> {
    let mut list = Vec::new();
    for entry in next {
        list.extend(entry.within(product).map(|entry| entry.also(&[place])));
        if entry.product.covers(product) {
            break;
        }
    }
    list
}
