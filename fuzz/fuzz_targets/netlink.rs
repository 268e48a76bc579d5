//! No bytes make the netlink decoders panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_nftables::decode;

fuzz_target!(|bytes: &[u8]| {
    for message in decode::messages(bytes).flatten() {
        let _ = decode::object(&message);
        let _ = decode::event(&message);
    }
});
