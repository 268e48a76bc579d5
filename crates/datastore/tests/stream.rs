//! The bytes of a stream.

use margay_api::Update;
use margay_datastore::stream::{Reader, Step, StreamError};
use margay_datastore::{Event, Recorded, Source};
use margay_generator::{Shape, strategy};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

/// What a source says at once, then nothing.
struct Once(Vec<Event>, HashMap<margay_api::Key, margay_api::Place>);

impl Source for Once {
    fn poll(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }

    fn places(&self) -> &HashMap<margay_api::Key, margay_api::Place> {
        &self.1
    }
}

/// The bytes of a recording of these events.
fn recorded(events: &[Event]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let source = Once(events.to_vec(), HashMap::new());
    let mut source = Recorded::begin(source, file.path(), "node-1".into()).expect("it can be written");
    assert_eq!(source.poll(), events);
    assert_eq!(source.poll(), []);
    std::fs::read(file.path()).expect("it was written")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_resource_is_read_as_it_was(case in strategy(Shape::default())) {
        let updates = case.cluster.objects().into_iter().map(|object| {
            Event::Update(Update { key: object.key().clone(), value: Some(Arc::new(object)) })
        });
        let mut events: Vec<Event> = updates.collect();
        events.extend(case.cluster.objects().into_iter().map(|object| Event::Update(Update { key: object.key().clone(), value: None })));
        events.push(Event::InSync);
        let bytes = recorded(&events);
        let reader = Reader::open(bytes.as_slice()).expect("a recording");
        prop_assert_eq!(reader.header().node.as_str(), "node-1");
        let steps: Vec<Step> = reader.map(|record| record.expect("a record").step).collect();
        prop_assert_eq!(steps.last(), Some(&Step::Mark));
        let read: Vec<Event> = steps.into_iter().filter_map(Step::into_event).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn anything_else_is_an_error_and_no_more(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..200_usize) {
        prop_assert!(Reader::open(bytes.as_slice()).is_err());
        let mut whole = recorded(&[Event::InSync]);
        whole.truncate(at);
        whole.extend(bytes);
        if let Ok(reader) = Reader::open(whole.as_slice()) {
            prop_assert!(reader.filter(Result::is_err).count() <= 1);
        }
    }
}

#[test]
fn what_it_is_not_is_said() {
    for (bytes, said) in [
        (b"".to_vec(), "no recording"),
        (b"apiVersion: v1".to_vec(), "no recording"),
        (b"margay\x02\x00".to_vec(), "it is of format 2, and this version of Margay reads format 1"),
        (b"margay\x01\x00".to_vec(), "it breaks off at byte 8"),
        (b"margay\x01\x00\xff\xff\xff\xff01234567".to_vec(), "damaged at byte 8: a length that nothing has"),
        (b"margay\x01\x00\x01\x00\x00\x0001234567x".to_vec(), "damaged at byte 8: its checksum is another"),
    ] {
        let error = Reader::open(bytes.as_slice()).expect_err("it is none").to_string();
        assert!(error.contains(said), "{error}");
    }
    let file = File::open("/").expect("a folder can be opened");
    assert!(matches!(Reader::open(BufReader::new(file)), Err(StreamError::Io(_))));
}
