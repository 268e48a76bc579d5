//! What becomes of a cluster.

use crate::alphabet::{Vocabulary, labels};
use crate::cluster::{Change, Cluster, parts};
use crate::{Document, Shape};
use margay_api::{Key, Kind};
use proptest::prelude::*;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A change not yet bound to a cluster.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Adds a resource, or replaces the one of the same key.
    Put(Document),
    /// Removes some resource.
    Remove(u64),
    /// Gives some labelled resource other labels.
    Relabel(u64, Value),
}

/// A change not yet bound to a cluster.
pub(crate) fn edit(shape: Shape) -> BoxedStrategy<Edit> {
    let weight = |high: usize| u32::try_from(high).unwrap_or(u32::MAX);
    let any_document = prop::strategy::Union::new_weighted(
        parts(shape).into_iter().filter(|(_, high, _)| *high > 0).map(|(_, high, part)| (weight(high), part)).collect(),
    );
    prop_oneof![
        6 => any_document.prop_map(Edit::Put),
        3 => any::<u64>().no_shrink().prop_map(Edit::Remove),
        2 => (any::<u64>().no_shrink(), labels(Vocabulary::Own)).prop_map(|(choice, labels)| Edit::Relabel(choice, labels)),
    ]
    .boxed()
}

/// The changes of each step, from this start. An edit that finds nothing to change, or
/// leads out of the shape, is left out; so a step may be empty.
pub(crate) fn bind(start: &Cluster, steps: &[Vec<Edit>], shape: Shape) -> Vec<Vec<Change>> {
    let mut cluster = start.clone();
    let mut bound = Vec::new();
    for edits in steps {
        let mut changes = Vec::new();
        for edit in edits {
            let Some(change) = change(&cluster, edit) else { continue };
            let mut next = cluster.clone();
            next.apply(std::slice::from_ref(&change));
            if next.fits(shape) {
                cluster = next;
                changes.push(change);
            }
        }
        bound.push(changes);
    }
    bound
}

fn change(cluster: &Cluster, edit: &Edit) -> Option<Change> {
    match edit {
        Edit::Put(document) => Some((document.key.clone(), Some(document.json.clone()))),
        Edit::Remove(choice) => choose(cluster, *choice, |_| true).map(|key| (key, None)),
        Edit::Relabel(choice, labels) => {
            let labelled =
                |kind| matches!(kind, Kind::Pod | Kind::NetworkSet | Kind::GlobalNetworkSet | Kind::HostEndpoint);
            let key = choose(cluster, *choice, labelled)?;
            let mut document = cluster.get(&key)?.clone();
            document["metadata"]["labels"] = labels.clone();
            Some((key, Some(document)))
        }
    }
}

/// The key of the least hash among those of the right kind: it stays chosen while others come and go.
fn choose(cluster: &Cluster, choice: u64, right: impl Fn(Kind) -> bool) -> Option<Key> {
    let keys = cluster.documents().map(|(key, _)| key).filter(|key| right(key.kind));
    keys.min_by_key(|key| {
        let mut hasher = DefaultHasher::new();
        (choice, key).hash(&mut hasher);
        hasher.finish()
    })
    .cloned()
}
