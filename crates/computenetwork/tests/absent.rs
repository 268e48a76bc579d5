//! No HNS: the DLLs are there, and nobody behind them.

#![cfg(windows)]
#![allow(clippy::print_stdout, reason = "what is left out is said")]

use margay_hcn::{Dll, ErrorCode, Failure, Guid, Hns, Kind, Options, Service};
use std::sync::Arc;

#[test]
fn calls_say_that_hns_does_not_run() {
    if std::env::var_os("MARGAY_WINE").is_none() {
        println!("left out: the DLLs that this needs are put in place by `cargo xtask windows`");
        return;
    }
    assert_eq!(std::env::var_os("MARGAY_VFP"), None, "no emulator is named");
    let dll = Dll::load().expect("the DLLs are in place");
    let absent = Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE);
    assert_eq!(dll.call("GET", "/globals/version", ""), Err(absent.clone()));
    for kind in Kind::ALL {
        assert_eq!(dll.enumerate(kind, ""), Err(absent.clone()));
        assert_eq!(dll.query(kind, Guid(1), ""), Err(absent.clone()));
        assert_eq!(dll.modify(kind, Guid(1), "{}"), Err(absent.clone()));
        assert_eq!(dll.delete(kind, Guid(1)), Err(absent.clone()));
    }
    assert_eq!(dll.create(Kind::Namespace, None, Guid::ZERO, "{}"), Err(absent.clone()));
    assert_eq!(dll.subscribe(Box::new(|_| ())).expect_err("nobody is there"), absent);
    let error = Hns::open(Arc::new(dll), Options::default()).err().expect("nobody is there");
    assert!(error.is_disconnected() && error.to_string().contains("HNS does not run"), "{error}");
}
