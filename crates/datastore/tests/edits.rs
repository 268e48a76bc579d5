//! However a folder is edited, following it gives what reading it anew gives.

use margay_api::{Key, Object};
use margay_datastore::{Event, Folder, Source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

/// One edit: a file, and the sets that it has from then on, each with its net; `None` removes the file.
type Edit = (u8, Option<Vec<(u8, u8)>>);

fn edits() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let sets = prop::collection::vec((0u8..6, 0u8..3), 0..4);
    let edit = (0u8..3, prop::option::weighted(0.8, sets));
    prop::collection::vec(prop::collection::vec(edit, 0..3), 1..8)
}

fn text(sets: &[(u8, u8)]) -> String {
    let set = |(name, net): &(u8, u8)| {
        format!(
            "---\napiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {{name: s{name}, namespace: ns{}}}\nspec: {{nets: [10.{net}.0.0/16]}}\n",
            name % 2
        )
    };
    sets.iter().map(set).collect()
}

fn follow(events: Vec<Event>, objects: &mut BTreeMap<Key, Arc<Object>>) {
    for event in events {
        let Event::Update(update) = event else { continue };
        let before = match update.value.clone() {
            Some(object) => objects.insert(update.key, object),
            None => objects.remove(&update.key),
        };
        assert_ne!(before, update.value, "an update that changes nothing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn following_gives_what_reading_gives(rounds in edits()) {
        let root = TempDir::new().unwrap();
        let mut followed = Folder::new([root.path()]);
        let mut objects = BTreeMap::new();
        follow(followed.poll(), &mut objects);
        for round in rounds {
            for (file, sets) in round {
                let path = root.path().join(format!("{file}.yaml"));
                match sets {
                    Some(sets) => fs::write(path, text(&sets)).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            }
            follow(followed.rescan(), &mut objects);
            let mut read = Folder::new([root.path()]);
            let mut anew = BTreeMap::new();
            follow(read.poll(), &mut anew);
            prop_assert_eq!(&objects, &anew);
            prop_assert_eq!(followed.places(), read.places());
            prop_assert_eq!(followed.problems(), read.problems());
        }
    }
}
