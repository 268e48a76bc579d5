//! Entries of a list as ACLs, and what they cost.

use super::list::{Cost, Entry};
use super::product::Product;
use super::project::nameless;
use margay_hcn::{AclRule, Action, Direction, Feature, RuleType, Version};
use margay_net::{AddressSet, Family, PortSet, Prefix, Protocol};
use margay_policy::Name;
use smol_str::{SmolStr, format_smolstr};

/// What the ids of our ACLs begin with.
pub const ID_PREFIX: &str = "margay-";

/// How a version writes ACLs.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) version: Version,
    /// Addresses in one list at most.
    pub(super) list: usize,
}

impl Writer {
    fn has_lists(self) -> bool {
        self.version.has(Feature::AclAddressLists)
    }

    /// What a product costs.
    pub(super) fn cost(self, product: &Product) -> Cost {
        let protocols = match product.protocols {
            all if all.is_full() => 1,
            some if some.is_disjoint(&nameless(self.version)) => some.len(),
            _ => usize::MAX,
        };
        let ports = [&product.near_ports, &product.far_ports];
        // Port 0 by itself can't be named at all.
        let lone_zero = |ports: &&PortSet| ports.ranges().next().is_some_and(|range| *range.end() == 0);
        let (each, in_lists) = match self.has_lists() {
            true if ports.iter().any(lone_zero) => (usize::MAX, 0),
            true => (1, ports.iter().filter(|ports| !ports.is_full()).map(|ports| ports.ranges().len()).sum()),
            false => {
                let numbers = ports.iter().map(|ports| match (ports.is_full(), ports.contains(0)) {
                    (true, _) => 1,
                    (false, true) => usize::MAX,
                    (false, false) => ports.len(),
                });
                let numbers = numbers.fold(1, usize::saturating_mul);
                (numbers, 0)
            }
        };
        let ends = families(product).into_iter().map(|(near, far)| {
            let (near, far) = (near.map_or(0, prefixes_in), far.map_or(0, prefixes_in));
            match self.has_lists() {
                true => Cost {
                    acls: near.div_ceil(self.list).max(1) * far.div_ceil(self.list).max(1),
                    entries: near + far + in_lists,
                },
                false => Cost { acls: near.max(1).saturating_mul(far.max(1)), entries: 0 },
            }
        });
        let ends: Cost = ends.sum();
        let times = protocols.saturating_mul(each);
        Cost { acls: ends.acls.saturating_mul(times), entries: ends.entries.saturating_mul(protocols) }
    }

    /// The ACLs of an entry.
    pub(super) fn write(self, entry: &Entry, direction: Direction) -> Vec<AclRule> {
        let product = &entry.product;
        let protocols: Vec<Option<Protocol>> = match product.protocols.is_full() {
            true => vec![None],
            false => product.protocols.iter().map(Some).collect(),
        };
        let ports = |ports: &PortSet| -> Vec<Option<PortSet>> {
            match (ports.is_full(), self.has_lists()) {
                (true, _) => vec![None],
                (false, true) => vec![Some(ports.clone())],
                (false, false) => ports.ranges().flatten().map(|port| Some(PortSet::from(port))).collect(),
            }
        };
        let (near_ports, far_ports) = (ports(&product.near_ports), ports(&product.far_ports));
        let mut rules = Vec::new();
        for (near, far) in families(product) {
            for protocol in &protocols {
                for local_addresses in self.lists(near.as_ref()) {
                    for remote_addresses in self.lists(far.as_ref()) {
                        for (local_ports, remote_ports) in
                            near_ports.iter().flat_map(|near| far_ports.iter().map(move |far| (near, far)))
                        {
                            rules.push(self.named(AclRule {
                                id: SmolStr::default(),
                                rule_type: RuleType::Switch,
                                direction,
                                action: if entry.allow { Action::Allow } else { Action::Block },
                                protocol: *protocol,
                                local_addresses: local_addresses.clone(),
                                remote_addresses: remote_addresses.clone(),
                                local_ports: local_ports.clone(),
                                remote_ports: remote_ports.clone(),
                            }));
                        }
                    }
                }
            }
        }
        rules
    }

    /// The rule with its id: a name of what it says and nothing else, so that the same rule is always the same ACL, whatever policies it comes from.
    pub(super) fn named(self, rule: AclRule) -> AclRule {
        if !self.version.has(Feature::AclRuleId) {
            return rule;
        }
        AclRule { id: format_smolstr!("{ID_PREFIX}{}", Name::of(&rule)), ..rule }
    }

    /// The lists that write a set of addresses; one that is empty for any.
    fn lists(self, set: Option<&AddressSet>) -> Vec<Vec<Prefix>> {
        let Some(set) = set else { return vec![Vec::new()] };
        let prefixes: Vec<Prefix> = prefixes(set).collect();
        let most = if self.has_lists() { self.list } else { 1 };
        prefixes.chunks(most.max(1)).map(<[Prefix]>::to_vec).collect()
    }
}

/// Prefixes that write a set. IPv6 has no packets of IPv4-mapped addresses, and HNS is not asked what it takes them for.
fn prefixes(set: &AddressSet) -> impl Iterator<Item = Prefix> + '_ {
    set.prefixes()
        .filter(|prefix| !matches!(prefix.first(), std::net::IpAddr::V6(first) if first.to_ipv4_mapped().is_some()))
}

fn prefixes_in(set: AddressSet) -> usize {
    prefixes(&set).count()
}

/// Near and far addresses for each ACL, of one family at most; `None` is any. What is of both families needs none.
fn families(product: &Product) -> Vec<(Option<AddressSet>, Option<AddressSet>)> {
    if product.near.is_full() && product.far.is_full() {
        return vec![(None, None)];
    }
    let mut each = Vec::new();
    for family in Family::ALL {
        let (near, far) = (product.near.restricted(family), product.far.restricted(family));
        if near.is_empty() || far.is_empty() {
            continue;
        }
        each.push(match (near.is_full_in(family), far.is_full_in(family)) {
            (false, true) => (Some(near), None),
            (true, _) => (None, Some(far)),
            (false, false) => (Some(near), Some(far)),
        });
    }
    each
}
