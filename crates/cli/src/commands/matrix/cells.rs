//! The rows of a matrix, and what is in its cells.

use crate::party::PartyName;
use crate::probes::{Connections, Probes};
use crate::reach::{Class, Reach};
use crate::streams::Progress;
use crate::{Party, World};
use margay_api::{Key, Kind};
use margay_policy::Layer;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Who may reach whom: before, and after where something is to be compared.
pub(super) struct Matrix {
    /// Sources from the top, destinations from the left: the same.
    pub(super) rows: Vec<Row>,
    /// One list for each row.
    pub(super) cells: Vec<Vec<Cell>>,
    /// Whether there is an after.
    pub(super) compares: bool,
}

/// An end, or several that policy can't tell apart.
pub(super) struct Row {
    /// `shop/web`; `shop/web-* (3)` of several pods of one workload.
    pub(super) name: String,
    /// Their names.
    pub(super) members: Vec<String>,
}

/// What goes through from a row to a column.
pub(super) enum Cell {
    /// One and the same end.
    Itself,
    /// Before, and after where something is compared; `None` where an end is not there.
    Open(Option<Connections>, Option<Connections>),
}

impl Cell {
    pub(super) fn changed(&self, compares: bool) -> bool {
        compares && matches!(self, Cell::Open(before, after) if before != after)
    }
}

struct Ends {
    name: String,
    members: Vec<String>,
    /// One of them on each side, where it is there.
    one: Vec<Option<(Party, Class)>>,
    /// Another one: what they may do to each other is not what one may do to itself.
    other: Vec<Option<(Party, Class)>>,
}

impl Matrix {
    /// Asks one or two sides, each a layer of a world.
    pub(super) fn of(
        sides: &[(&World, Layer)],
        probes: &Probes,
        namespaces: &[String],
        also: &[String],
        each_pod: bool,
        most: usize,
        mut progress: Progress<'_>,
    ) -> Result<Self, String> {
        let mut reaches: Vec<_> = sides.iter().map(|(world, layer)| Reach::new(world, *layer, probes)).collect();
        let ends = ends(sides, &mut reaches, namespaces, also, each_pod);
        if ends.is_empty() {
            return Err("there are no pods with addresses here: nobody can reach anybody".to_owned());
        }
        let verdicts = ends.len().saturating_mul(ends.len()).saturating_mul(probes.len()).saturating_mul(sides.len());
        if verdicts > most {
            return Err(format!(
                "{} ends and {} packets to ask about are too many: choose with --namespace or --port",
                ends.len(),
                probes.len()
            ));
        }
        let mut cell = |from: &Ends, to: &Ends, itself: bool| {
            if itself && from.members.len() == 1 {
                return Cell::Itself;
            }
            let mut of = |side: usize| {
                let reach = reaches.get_mut(side)?;
                let to = if itself { &to.other } else { &to.one };
                let (from, to) = (from.one[side].as_ref()?, to[side].as_ref()?);
                Some(reach.connections((&from.0, from.1), (&to.0, to.1)).clone())
            };
            Cell::Open(of(0), of(1))
        };
        let mut cells: Vec<Vec<Cell>> = Vec::with_capacity(ends.len());
        for (i, from) in ends.iter().enumerate() {
            progress.tell(i, ends.len());
            cells.push(ends.iter().enumerate().map(|(j, to)| cell(from, to, i == j)).collect());
        }
        let rows = ends.into_iter().map(|ends| Row { name: ends.name, members: ends.members }).collect();
        Ok(Self { rows, cells, compares: sides.len() > 1 })
    }

    /// Whether anything would change.
    pub(super) fn changed(&self) -> bool {
        self.cells.iter().flatten().any(|cell| cell.changed(self.compares))
    }
}

/// Pods by workload and class, then the ends asked for beside them.
fn ends(
    sides: &[(&World, Layer)],
    reaches: &mut [Reach<'_>],
    namespaces: &[String],
    also: &[String],
    each_pod: bool,
) -> Vec<Ends> {
    let mut pods: BTreeMap<Key, Vec<Option<(Party, Class)>>> = BTreeMap::new();
    for (side, ((world, _), reach)) in sides.iter().zip(reaches.iter_mut()).enumerate() {
        for (_, endpoint) in world.plan().endpoints.iter() {
            let key = &endpoint.key;
            let wanted = namespaces.is_empty() || namespaces.iter().any(|namespace| *namespace == key.namespace);
            if key.kind == Kind::Pod && wanted {
                let party = Party { name: PartyName::Pod(key.clone()), addresses: endpoint.addresses.clone() };
                let class = reach.class(&party);
                pods.entry(key.clone()).or_insert_with(|| vec![None; sides.len()])[side] = Some((party, class));
            }
        }
    }
    // Of each workload of a namespace, a group for each class.
    type Groups = BTreeMap<Vec<Option<Class>>, Ends>;
    let mut workloads: BTreeMap<(String, String), Groups> = BTreeMap::new();
    for (key, parties) in pods {
        let workload = if each_pod { &key.name } else { workload(&key.name) };
        let groups = workloads.entry((key.namespace.to_string(), workload.to_owned())).or_default();
        let name = format!("{}/{}", key.namespace, key.name);
        match groups.entry(parties.iter().map(|party| party.as_ref().map(|(_, class)| *class)).collect()) {
            Entry::Vacant(group) => {
                group.insert(Ends { name: name.clone(), members: vec![name], other: parties.clone(), one: parties });
            }
            Entry::Occupied(mut group) => {
                group.get_mut().members.push(name);
                group.get_mut().other = parties;
            }
        }
    }
    let mut all: Vec<Ends> = Vec::new();
    for ((namespace, workload), groups) in workloads {
        let alone = groups.len() == 1;
        all.extend(groups.into_values().map(|ends| match (ends.members.len(), alone) {
            (1, _) => ends,
            (count, true) => Ends { name: format!("{namespace}/{workload}-* ({count})"), ..ends },
            (count, false) => Ends { name: format!("{} and {} like it", ends.name, count - 1), ..ends },
        }));
    }
    for text in also {
        let side = |(world, reach): (&World, &mut Reach<'_>)| {
            let party = Party::find(world, text, None).ok()?;
            let class = reach.class(&party);
            Some((party, class))
        };
        let one = sides.iter().zip(reaches.iter_mut()).map(|((world, _), reach)| side((world, reach))).collect();
        all.push(Ends { name: text.clone(), members: vec![text.clone()], one, other: Vec::new() });
    }
    all
}

/// The name that pods of one Deployment, DaemonSet, Job or StatefulSet share: without the random letters or the number at its end.
fn workload(pod: &str) -> &str {
    let letters = |part: &str| part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b));
    let number = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let Some((rest, last)) = pod.rsplit_once('-') else { return pod };
    if number(last) {
        return rest;
    }
    if last.len() != 5 || !letters(last) {
        return pod;
    }
    match rest.rsplit_once('-') {
        Some((name, hash)) if (6..=10).contains(&hash.len()) && letters(hash) => name,
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_a_workload_share_a_name() {
        for (pod, expected) in [
            ("web-7d9f8c6b5d-x2x4z", "web"),
            ("web-front-7d9f8c6b5d-x2x4z", "web-front"),
            ("node-exporter-x2x4z", "node-exporter"),
            ("db-0", "db"),
            ("db", "db"),
            ("my-app", "my-app"),
            ("my-store", "my-store"),
            ("web-1a", "web-1a"),
        ] {
            assert_eq!(workload(pod), expected);
        }
    }
}
