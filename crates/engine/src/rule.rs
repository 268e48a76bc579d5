//! Rules in compact form, their sides shared.

use crate::cluster::Cluster;
use crate::sets::Sets;
use crate::uses::{Change, Turn, Uses};
use hashbrown::HashTable;
use margay_api::{Action, Family, IcmpMatch, Protocol};
use margay_policy::{AnyOf, AnyPort, Plan, PlanRule, Rule, SetId, SetKey, Side, Store};
use rustc_hash::FxHashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A rule, its sides by id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compact {
    index: u16,
    action: Action,
    family: Option<Family>,
    protocol: Option<Protocol>,
    not_protocol: Option<Protocol>,
    icmp: Option<IcmpMatch>,
    not_icmp: Option<IcmpMatch>,
    source: u32,
    destination: u32,
}

impl Compact {
    pub(crate) fn sides(&self) -> [u32; 2] {
        [self.source, self.destination]
    }
}

/// One side of rules, its sets by their id in [`Sets`].
#[derive(PartialEq, Eq, Hash)]
struct CompactSide {
    within: Box<[Within]>,
    without: Option<Box<AnyOf<u32>>>,
    ports: Option<Box<AnyPort<u32>>>,
    without_ports: Option<Box<AnyPort<u32>>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Within {
    /// One set and no nets: most are.
    Set(u32),
    Any(Box<AnyOf<u32>>),
}

impl CompactSide {
    fn new(side: Side<u32>) -> Self {
        let within = |any: AnyOf<u32>| match any.sets[..] {
            [set] if any.nets.is_empty() => Within::Set(set),
            _ => Within::Any(Box::new(any)),
        };
        Self {
            within: side.within.into_iter().map(within).collect(),
            without: Some(side.without).filter(|any| !any.is_empty()).map(Box::new),
            ports: side.ports.map(Box::new),
            without_ports: Some(side.without_ports).filter(|any| !any.is_empty()).map(Box::new),
        }
    }

    fn full(&self) -> Side<u32> {
        let within = |within: &Within| match within {
            Within::Set(set) => AnyOf { sets: vec![*set], ..AnyOf::default() },
            Within::Any(any) => (**any).clone(),
        };
        Side {
            within: self.within.iter().map(within).collect(),
            without: self.without.as_deref().cloned().unwrap_or_default(),
            ports: self.ports.as_deref().cloned(),
            without_ports: self.without_ports.as_deref().cloned().unwrap_or_default(),
        }
    }

    fn sets(&self) -> Vec<u32> {
        self.full().sets().copied().collect()
    }
}

/// A side that is one set and no more is the id of that set with this bit; most are, and need no place in the list.
const ONE_SET: u32 = 1 << 31;
/// The side that says nothing.
const ANY: u32 = u32::MAX;

/// Every distinct side.
#[derive(Default)]
pub(crate) struct Sides {
    list: Store<u32, Shared>,
    table: HashTable<u32>,
    /// Those that rules in the Plan have.
    active: FxHashMap<u32, Active>,
}

struct Shared {
    side: CompactSide,
    /// Rules that have it.
    refs: u32,
}

struct Active {
    uses: Uses,
    plan: Arc<Side<SetId>>,
}

type Hasher = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

impl Sides {
    /// Rules in compact form. Each holds its sides: see [`Sides::release`].
    pub(crate) fn compact(
        &mut self,
        cluster: &mut Cluster,
        sets: &mut Sets,
        rules: [&[PlanRule<SetKey>]; 2],
    ) -> Box<[Compact]> {
        let compact = |PlanRule { index, rule }: &PlanRule<SetKey>| Compact {
            index: *index,
            action: rule.action,
            family: rule.family,
            protocol: rule.protocol,
            not_protocol: rule.not_protocol,
            icmp: rule.icmp,
            not_icmp: rule.not_icmp,
            source: self.side(cluster, sets, &rule.source),
            destination: self.side(cluster, sets, &rule.destination),
        };
        rules.into_iter().flatten().map(compact).collect()
    }

    fn side(&mut self, cluster: &mut Cluster, sets: &mut Sets, side: &Side<SetKey>) -> u32 {
        if side.is_any() {
            return ANY;
        }
        let Side { within, without, ports: None, without_ports } = side else {
            return self.shared(cluster, sets, side);
        };
        match &within[..] {
            [any] if any.nets.is_empty() && without.is_empty() && without_ports.is_empty() => match &any.sets[..] {
                [set] => ONE_SET | sets.spec(&mut cluster.index, set),
                _ => self.shared(cluster, sets, side),
            },
            _ => self.shared(cluster, sets, side),
        }
    }

    fn shared(&mut self, cluster: &mut Cluster, sets: &mut Sets, side: &Side<SetKey>) -> u32 {
        let side = CompactSide::new(side.map(&mut |key| sets.spec(&mut cluster.index, key)));
        let hash = Hasher::default().hash_one(&side);
        if let Some(id) = self.table.find(hash, |id| self.list[*id].side == side).copied() {
            side.sets().into_iter().for_each(|set| sets.release_spec(&mut cluster.index, set));
            self.list.get_mut(id).expect("what the table has is there").refs += 1;
            return id;
        }
        let id = self.list.insert(Shared { side, refs: 1 });
        let list = &self.list;
        self.table.insert_unique(hash, id, |id| Hasher::default().hash_one(&list[*id].side));
        id
    }

    /// Lets go of the sides of rules.
    pub(crate) fn release(&mut self, cluster: &mut Cluster, sets: &mut Sets, rules: &[Compact]) {
        for side in rules.iter().flat_map(Compact::sides) {
            if side == ANY {
                continue;
            }
            if side & ONE_SET != 0 {
                sets.release_spec(&mut cluster.index, side & !ONE_SET);
            } else {
                self.list.get_mut(side).expect("a side that is held").refs -= 1;
                self.drop_if_unused(cluster, sets, side);
            }
        }
    }

    fn drop_if_unused(&mut self, cluster: &mut Cluster, sets: &mut Sets, id: u32) {
        if id & ONE_SET != 0 || self.list[id].refs > 0 || self.active.contains_key(&id) {
            return;
        }
        let hash = Hasher::default().hash_one(&self.list[id].side);
        if let Ok(slot) = self.table.find_entry(hash, |other| *other == id) {
            slot.remove();
        }
        let Some(shared) = self.list.remove(id) else { return };
        shared.side.sets().into_iter().for_each(|set| sets.release_spec(&mut cluster.index, set));
    }

    fn full(&self, id: u32) -> Side<u32> {
        if id == ANY {
            return Side::default();
        }
        if id & ONE_SET == 0 {
            return self.list[id].side.full();
        }
        let one = AnyOf { sets: vec![id & !ONE_SET], ..AnyOf::default() };
        Side { within: vec![one], ..Side::default() }
    }

    /// Changes the users of a side, and with the first and the last those of its sets.
    pub(crate) fn apply(&mut self, cluster: &mut Cluster, sets: &mut Sets, plan: &mut Plan, id: u32, change: Change) {
        let Some(active) = self.active.get_mut(&id) else {
            let full = self.full(id);
            full.sets().for_each(|set| sets.apply(cluster, plan, *set, change));
            let side = Arc::new(full.map(&mut |set| sets.id(*set)));
            self.active.insert(id, Active { uses: Uses::first(change), plan: side });
            return;
        };
        let turn = active.uses.apply(change);
        if turn == Turn::default() {
            return;
        }
        self.full(id).sets().for_each(|set| sets.apply(cluster, plan, *set, change));
        if turn.used {
            self.active.remove(&id);
            self.drop_if_unused(cluster, sets, id);
        }
    }

    /// Rules whose sides are used, as they are in the Plan.
    pub(crate) fn plan_rules(&self, rules: &[Compact]) -> Arc<[PlanRule<SetId>]> {
        let side = |id: u32| self.active[&id].plan.clone();
        let rule = |rule: &Compact| PlanRule {
            index: rule.index,
            rule: Rule {
                action: rule.action,
                family: rule.family,
                protocol: rule.protocol,
                not_protocol: rule.not_protocol,
                icmp: rule.icmp,
                not_icmp: rule.not_icmp,
                source: side(rule.source),
                destination: side(rule.destination),
            },
        };
        rules.iter().map(rule).collect()
    }
}
