//! Whatever a snapshot or a recording has in it: it is read, or it is an error; and after an error there is nothing more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_datastore::stream::Reader;

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = Reader::open(bytes) else { return };
    let mut records = reader.skip_while(Result::is_ok);
    records.next();
    assert!(records.next().is_none());
});
