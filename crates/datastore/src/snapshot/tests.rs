//! Snapshots as crashes, disks and strangers leave them.

use super::journal::Journal;
use super::{Kept, Remembered, load};
use crate::stream::{Encoder, FORMAT, Header, Told};
use crate::{Event, Folder, Source};
use margay_api::{Key, Object, Place, Severity, Update};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two policies and a pod whose address counts as what changes.
fn shop(last: u8) -> Vec<Arc<Object>> {
    let text = format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop, labels: {{app: web}}}}
spec: {{nodeName: node-1}}
status: {{podIP: 10.0.0.{last}}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: web}}
spec:
  order: 0.1
  selector: app == 'web' && has(tier)
  ingress: [{{action: Deny, source: {{nets: [10.0.0.0/8, 'fd00::/8'], notSelector: all()}}}}]
"
    );
    let mut folder = Folder::of_text("shop.yaml", text);
    folder.rescan();
    let mut objects: Vec<Arc<Object>> = folder.objects().cloned().collect();
    objects.sort_by(|a, b| a.key().cmp(b.key()));
    objects
}

type State = BTreeMap<Key, Arc<Object>>;

fn state(objects: &HashMap<Key, Arc<Object>>) -> State {
    objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
}

/// The states that were written, and the file: everything, then the pod with other addresses, then without the pod.
fn written(path: &Path) -> Vec<State> {
    let (mut journal, mut now, mut states) = (Journal::new(path, "node-1".into()), State::new(), Vec::new());
    for object in shop(1) {
        journal.take(Told::Put(&object));
        now.insert(object.key().clone(), object);
    }
    assert!(!journal.is_due(), "half a state is none");
    journal.take(Told::InSync);
    journal.write().expect("the disk is fine");
    states.push(now.clone());
    for last in [2, 3] {
        let pod = shop(last).into_iter().find(|object| matches!(**object, Object::Pod(_))).expect("a pod");
        journal.take(Told::Put(&pod));
        journal.write().expect("the disk is fine");
        now.insert(pod.key().clone(), pod);
        states.push(now.clone());
    }
    let pod = now.keys().find(|key| key.name == "web").expect("a pod").clone();
    journal.take(Told::Gone(&pod));
    journal.write().expect("the disk is fine");
    now.remove(&pod);
    states.push(now);
    states
}

#[test]
fn what_is_written_is_read() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("deep/er/snapshot");
    let states = written(&path);
    let loaded = load(&path, "node-1").expect("it is whole").expect("it is there");
    assert_eq!((Some(&state(&loaded.objects)), loaded.damage), (states.last(), None));
    assert!(load(&home.path().join("nothing"), "node-1").expect("that is no error").is_none());
    let of_another = load(&path, "node-2").expect_err("it is another's").to_string();
    assert!(of_another.contains("it is that of node node-1") && of_another.contains("snapshot.bad"), "{of_another}");
    assert!(!path.exists() && home.path().join("deep/er/snapshot.bad").exists());
}

#[test]
fn wherever_a_crash_cuts_it_a_state_that_was_is_read_or_none() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (path, cut) = (home.path().join("whole"), home.path().join("cut"));
    let states = written(&path);
    let bytes = fs::read(&path).expect("it was written");
    let mut last = 0;
    for length in 0..bytes.len() {
        fs::write(&cut, &bytes[..length]).expect("a file");
        let Ok(loaded) = load(&cut, "node-1") else {
            assert_eq!(last, 0, "more of it is no worse: {length}");
            continue;
        };
        let loaded = loaded.expect("it is there");
        let which = states.iter().position(|known| *known == state(&loaded.objects)).expect("a state that was");
        assert!(which + 1 >= last && loaded.damage.is_none(), "{length}");
        last = which + 1;
    }
    assert_eq!(last, states.len() - 1, "without its last byte the last one is not there");
}

#[test]
fn whichever_bit_is_wrong_a_state_that_was_is_read_or_none() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (path, flipped) = (home.path().join("whole"), home.path().join("flipped"));
    let states = written(&path);
    let mut bytes = fs::read(&path).expect("it was written");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&flipped, &bytes).expect("a file");
        if let Ok(loaded) = load(&flipped, "node-1") {
            let loaded = state(&loaded.expect("it is there").objects);
            assert!(
                states[..states.len() - 1].contains(&loaded),
                "bit {bit}: what is behind the damage does not count"
            );
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_file_does_not_grow_beyond_what_is_in_it() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("snapshot");
    let mut journal = Journal::new(&path, "node-1".into());
    shop(1).iter().for_each(|object| journal.take(Told::Put(object)));
    journal.take(Told::InSync);
    let mut longest = 0;
    for turn in 0..2000_u16 {
        for last in 1..=5 {
            shop(last)
                .iter()
                .filter(|object| matches!(***object, Object::Pod(_)))
                .for_each(|pod| journal.take(Told::Put(pod)));
        }
        if turn % 20 == 0 {
            journal.write().expect("the disk is fine");
            longest = longest.max(fs::metadata(&path).expect("a file").len());
        }
    }
    journal.write().expect("the disk is fine");
    assert!(longest < 400 << 10, "{longest}");
    let loaded = load(&path, "node-1").expect("it is whole").expect("it is there");
    assert_eq!(state(&loaded.objects).into_values().collect::<Vec<_>>(), shop(5));
}

/// A source that says what it is told to.
#[derive(Default)]
struct Script(Vec<Vec<Event>>, HashMap<Key, Place>);

impl Source for Script {
    fn poll(&mut self) -> Vec<Event> {
        if self.0.is_empty() { Vec::new() } else { self.0.remove(0) }
    }

    fn places(&self) -> &HashMap<Key, Place> {
        &self.1
    }
}

fn put(object: &Arc<Object>) -> Event {
    Event::Update(Update { key: object.key().clone(), value: Some(object.clone()) })
}

/// What events come to, and whether that is all there is.
fn apply(state: &mut State, events: Vec<Event>) -> bool {
    let mut in_sync = false;
    for event in events {
        match event {
            Event::Update(Update { key, value: Some(object) }) => drop(state.insert(key, object)),
            Event::Update(Update { key, value: None }) => drop(state.remove(&key)),
            Event::InSync => in_sync = true,
            Event::Problem(problem) => panic!("{problem}"),
        }
    }
    in_sync
}

#[test]
fn a_snapshot_stands_in_until_the_source_is_in_sync() {
    let (old, new) = (shop(1), shop(2));
    let objects: HashMap<Key, Arc<Object>> = old.iter().map(|object| (object.key().clone(), object.clone())).collect();
    // The pod is another; the policy has gone meanwhile.
    let said = vec![Vec::new(), vec![put(&new[0])], vec![put(&new[1]), Event::InSync], vec![put(&old[1])]];
    let mut remembered = Remembered::new(Script(said, HashMap::new()), objects.clone(), Instant::now());
    let mut state = State::new();
    for (step, in_sync, from_snapshot, expected) in [
        ("the source is away", true, true, old.clone()),
        ("it says a part", false, true, old.clone()),
        ("it is in sync", true, false, new[..2].to_vec()),
        ("it goes on", false, false, vec![new[0].clone(), old[1].clone()]),
    ] {
        assert_eq!(apply(&mut state, remembered.poll()), in_sync, "{step}");
        assert_eq!(remembered.is_from_snapshot(), from_snapshot, "{step}");
        assert_eq!(state.values().cloned().collect::<Vec<_>>(), expected, "{step}");
    }
    // A source that is soon there is waited for.
    let said = vec![Vec::new(), vec![put(&new[0]), Event::InSync]];
    let later = Instant::now() + Duration::from_secs(3600);
    let mut remembered = Remembered::new(Script(said, HashMap::new()), objects, later);
    assert_eq!(remembered.poll(), []);
    assert_eq!(remembered.poll(), [put(&new[0]), Event::InSync]);
}

#[test]
fn a_source_is_kept_and_a_disk_that_fails_stops_nothing() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("snapshot");
    let objects = shop(1);
    let said = || vec![objects.iter().map(put).chain([Event::InSync]).collect::<Vec<_>>()];
    let mut kept = Kept::new(Script(said(), HashMap::new()), &path, "node-1".into()).expect("a thread");
    assert_eq!(kept.poll().len(), objects.len() + 1);
    drop(kept);
    let loaded = load(&path, "node-1").expect("it is whole").expect("it is there");
    assert_eq!(state(&loaded.objects).into_values().collect::<Vec<_>>(), objects);

    // A file where its folder should be.
    let mut kept =
        Kept::new(Script(said(), HashMap::new()), &path.join("snapshot"), "node-1".into()).expect("a thread");
    let first = kept.poll();
    assert_eq!(first.len(), objects.len() + 1);
    let until = Instant::now() + Duration::from_secs(60);
    let problem = loop {
        // The thread says nothing of when it has tried.
        match kept.poll().pop() {
            Some(problem) => break problem,
            None => assert!(Instant::now() < until, "nothing was said"),
        }
        std::thread::yield_now();
    };
    let Event::Problem(problem) = problem else { panic!("{problem:?}") };
    assert!(problem.severity == Severity::Warning && problem.message.contains("can't be written"), "{problem}");
    assert_eq!(kept.poll(), [], "once");
}

/// Stored types that change change this: then `FORMAT` is to be raised, so that what another version has written is not misread.
#[test]
fn the_form_is_this() {
    let mut folder = Folder::of_text("shop.yaml", include_str!("../../../cli/tests/commands/shop.yaml"));
    folder.rescan();
    let mut objects: Vec<Arc<Object>> = folder.objects().cloned().chain(shop(1)).collect();
    objects.sort_by(|a, b| a.key().cmp(b.key()));
    let (mut bytes, header) = (Vec::new(), Header { node: "node-1".into(), begun: 1 });
    let mut encoder = Encoder::begin(&header, &mut bytes);
    objects.iter().for_each(|object| encoder.record(Duration::ZERO, Told::Put(object), &mut bytes));
    assert_eq!((FORMAT, bytes.len(), encoder.chain()), (1, 1499, 9_077_569_764_466_316_687));
}
