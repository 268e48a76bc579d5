//! Tiers as one list.

use super::list::{Bound, Entry, simplify};
use super::origin::{Origin, Origins};
use super::product::{Product, icmp, protocols};
use super::region::Sets;
use margay_net::{AddressSet, PortSet, Prefix, Protocol};
use margay_policy::{Action, Direction, End, Endpoint, EndpointStacks, Plan, Stack, TierEnd, TierSlice, ToHost};

/// ICMPv6 types of neighbour discovery (RFC 4861) and multicast listeners (RFC 2710, RFC 3810), which every endpoint may send and be sent.
const DISCOVERY: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];

/// What happens to a pod's packets in one direction. The last entry is of every packet.
pub(super) fn flatten(
    plan: &Plan,
    sets: &Sets<'_>,
    endpoint: &Endpoint,
    direction: Direction,
    bound: Bound,
    origins: &mut Origins,
) -> Vec<Entry> {
    let EndpointStacks::Pod(stack) = endpoint.stacks else { return vec![Entry::new(Product::full(), false, [])] };
    let own: AddressSet = endpoint.addresses.iter().copied().collect();
    let mut list = always(plan, endpoint, direction, origins);
    list.extend(Tiers { plan, sets, direction, own, bound, origins }.all(&plan.stacks[stack]));
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

/// The tiers of a pod in one direction.
struct Tiers<'a> {
    plan: &'a Plan,
    sets: &'a Sets<'a>,
    direction: Direction,
    own: AddressSet,
    bound: Bound,
    origins: &'a mut Origins,
}

impl Tiers<'_> {
    fn all(mut self, stack: &Stack) -> Vec<Entry> {
        let end = self.origins.place(Origin::Profile);
        let mut list = vec![Entry::new(Product::full(), stack.end != End::Deny, [end])];
        for tier in stack.tiers(self.direction).iter().rev() {
            list = simplify(self.one(tier, &list));
        }
        list
    }

    /// A tier, and what comes after it. What tiers that pass on much multiply to is cut off, and closed.
    fn one(&mut self, tier: &TierSlice, next: &[Entry]) -> Vec<Entry> {
        let mut list: Vec<Entry> = Vec::new();
        for id in &tier.policies {
            let policy = &self.plan.policies[*id];
            let rules = policy.rules(self.direction).iter();
            for rule in rules.filter(|rule| rule.rule.action != Action::Log) {
                let place = self.origins.place(Origin::Rule(policy.key.clone(), self.direction, rule.index));
                for product in self.sets.region(&rule.rule, self.direction, &self.own) {
                    match rule.rule.action {
                        Action::Pass => list.extend(passed(next, &product, place)),
                        action => list.push(Entry::new(product, action == Action::Allow, [place])),
                    }
                }
                if list.len() > self.bound.most {
                    let mut list = self.bound.cut(list);
                    let last = list.pop().map(|last| last.also(&[place]));
                    list.extend(last);
                    return list;
                }
            }
        }
        match tier.end {
            TierEnd::Pass => list.extend(next.iter().cloned()),
            TierEnd::Deny => {
                let policies = tier.policies.iter().map(|id| self.plan.policies[*id].key.clone()).collect();
                let place = self.origins.place(Origin::TierEnd(tier.tier.clone(), policies));
                list.push(Entry::new(Product::full(), false, [place]));
            }
        }
        list
    }
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
