//! No bytes make the readers of logged packets panic: neither what netlink frames, nor the packet in it, nor any packet by itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_linux::read_header;
use margay_nftables::{decode, nflog};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_header(bytes);
    for message in decode::messages(bytes).flatten() {
        if let Ok(Some(packet)) = nflog::Packet::decode(&message) {
            let _ = read_header(packet.payload);
        }
    }
});
