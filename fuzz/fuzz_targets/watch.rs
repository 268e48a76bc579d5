//! Whatever an API server says, the reflector takes it: no panic, and what it says is known is what it told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_api::{Key, Kind};
use margay_datastore::Event;
use margay_kubernetes::{Reflector, Resource};
use std::collections::HashSet;

// The first byte says what the rest of a record is: a page, a line, a refusal, or that there was no answer. Records end with a zero.
fuzz_target!(|bytes: &[u8]| {
    let mut reflector = Reflector::new(Resource::of(Kind::Namespace, "v1"), 3);
    let mut known: HashSet<Key> = HashSet::new();
    for record in bytes.split(|byte| *byte == 0) {
        let Some((how, rest)) = record.split_first() else { continue };
        let Ok(text) = std::str::from_utf8(rest) else { continue };
        let _ = reflector.request().path();
        let mut events = Vec::new();
        match how % 5 {
            0 => reflector.page(text, &mut events),
            1 | 2 => drop(reflector.line(text, &mut events)),
            3 => reflector.refused(400 + u16::from(*how), None, text),
            _ => reflector.ended(),
        }
        for event in events {
            match event {
                Event::Update(update) if update.value.is_some() => drop(known.insert(update.key)),
                // What could not be read is known to be there, and was not told.
                Event::Update(update) => drop(known.remove(&update.key)),
                Event::Problem(_) => {}
                Event::InSync => unreachable!("that is for the source to say"),
            }
        }
        assert!(known.len() <= reflector.len(), "{known:?}");
    }
});
