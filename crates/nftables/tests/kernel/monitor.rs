//! Notifications.

use crate::namespace::{commit, with_table};
use margay_nftables::*;
use std::time::Duration;

const BOUND: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn commits_are_told_with_their_author() {
    with_table(|ours, table| {
        let mut monitor = Monitor::open().unwrap();
        let mut theirs = Connection::open().unwrap();
        commit(ours, |batch| {
            batch.add_chain(table, &Chain::regular("c"));
            batch.add_set(table, &Set::new("s", FieldType::MARK));
            batch.add_elements(table, "s", [Element::new(Data::host32(1))]);
            batch.add_rule(table, "c", &Rule::new().counter());
        });
        let handle = ours.rules(table, None).unwrap()[0].handle;
        commit(&mut theirs, |batch| batch.flush_chain(table, "c"));
        let mut events = Vec::new();
        assert_eq!(monitor.read(&mut events, BOUND).unwrap(), 7);
        let (mut changes, mut generations) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Changed(change) => {
                    assert_eq!((change.family, change.table.as_str()), (Some(Family::Inet), "t"));
                    changes.push((change.port == ours.port(), change.kind, change.name, change.handle));
                }
                Event::Generation(generation) => generations.push(generation),
                Event::Lost => panic!("nothing can be lost here"),
            }
        }
        assert_eq!(
            changes,
            [
                (true, MessageKind::NewChain, "c".to_owned(), None),
                (true, MessageKind::NewSet, "s".to_owned(), None),
                (true, MessageKind::NewSetElem, "s".to_owned(), None),
                (true, MessageKind::NewRule, "c".to_owned(), Some(handle)),
                (false, MessageKind::DelRule, "c".to_owned(), Some(handle)),
            ]
        );
        let [first, second] = &generations[..] else { panic!("{generations:?}") };
        assert_eq!((first.port, second.port), (ours.port(), theirs.port()));
        assert_eq!(second.generation, first.generation + 1);
        assert_eq!(ours.generation().unwrap(), second.generation);
        assert_eq!(first.process, Some(nix::unistd::gettid().as_raw() as u32));
        assert!(first.process_name.is_some());
    });
}

#[test]
fn nothing_happens_within_the_bound() {
    with_table(|_, _| {
        let mut monitor = Monitor::open().unwrap();
        let mut events = Vec::new();
        assert_eq!(monitor.read(&mut events, Some(Duration::from_millis(1))).unwrap(), 0);
    });
}

#[test]
fn an_overflow_is_told() {
    with_table(|connection, table| {
        let sizes = BufferSizes { receive: 8 << 10, ..BufferSizes::default() };
        let mut monitor = Monitor::with_buffers(sizes).unwrap();
        commit(connection, |batch| (0..5000).for_each(|n| batch.add_chain(table, &Chain::regular(format!("c{n}")))));
        let mut events = Vec::new();
        monitor.read(&mut events, BOUND).unwrap();
        assert!(events.contains(&Event::Lost));
        assert!(events.len() < 5000);
    });
}

#[test]
fn what_happens_while_muted_is_not_told() {
    with_table(|connection, table| {
        let mut monitor = Monitor::open().unwrap();
        for (muted, name) in [(false, "a"), (true, "b"), (true, "c"), (false, "d")] {
            if muted { monitor.mute() } else { monitor.unmute() }.unwrap();
            commit(connection, |batch| batch.add_chain(table, &Chain::regular(name)));
        }
        let mut events = Vec::new();
        monitor.read(&mut events, BOUND).unwrap();
        let told = events.iter().filter_map(|event| match event {
            Event::Changed(change) => Some(change.name.as_str()),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), ["a", "d"]);
    });
}
