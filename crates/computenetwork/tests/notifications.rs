//! HNS dies and comes back: who registered is told, and calls fail until it is there again.

#![cfg(windows)]
#![allow(unsafe_code, clippy::print_stdout, reason = "functions of a DLL; what is left out is said")]

mod emulated;

use emulated::{emulated, open_handles, pod};
use margay_hcn::{ErrorCode, Guid, Kind, Notification, NotificationKind, Service, Version};
use margay_vfp::Loss;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_crash_is_told_and_over() {
    let Some(emulated) = emulated(Version::new(9, 5)) else { return };
    let (_, pod) = pod(&emulated.emulator);
    let subscribe = || {
        let (tell, told) = channel();
        let subscription = emulated.dll.subscribe(Box::new(move |notification| {
            // Whoever listened may be gone.
            let _ = tell.send(notification);
        }));
        (subscription.expect("HNS tells of what happens"), told)
    };
    let next = |told: &Receiver<Notification>| told.recv_timeout(SOON).expect("it is told");

    let (subscription, told) = subscribe();
    let (other, told_too) = subscribe();
    assert_eq!(open_handles(), 2);
    let made = emulated.dll.create(Kind::Namespace, None, Guid::ZERO, "{}").expect("a namespace");
    for told in [&told, &told_too] {
        let notification = next(told);
        assert_eq!((notification.kind, notification.status), (NotificationKind::NAMESPACE_CREATE, 0));
        assert!(notification.data.contains(&made.to_string()), "{notification:?}");
    }

    drop(other);
    assert!(told_too.recv_timeout(SOON).is_err(), "who no longer listens is told nothing");
    assert_eq!(open_handles(), 1);
    emulated.emulator.crash(Loss::Nothing);
    assert_eq!(next(&told).kind, NotificationKind::SERVICE_DISCONNECT);
    let down = emulated.dll.query(Kind::Endpoint, pod, "").expect_err("it is down");
    assert_eq!((down.code, down.record.as_str()), (ErrorCode::RPC_SERVER_UNAVAILABLE, ""));
    let down = emulated.dll.call("GET", "/globals/version", "").expect_err("it is down");
    assert_eq!(down.code, ErrorCode::RPC_SERVER_UNAVAILABLE);
    let down = emulated.dll.subscribe(Box::new(|_| ())).expect_err("it is down");
    assert_eq!(down.code, ErrorCode::RPC_SERVER_UNAVAILABLE);
    emulated.emulator.restart();
    assert!(emulated.dll.query(Kind::Endpoint, pod, "").is_ok());

    // A registration ends with the HNS that took it.
    let (anew, told_anew) = subscribe();
    emulated.dll.delete(Kind::Namespace, made).expect("it goes");
    assert_eq!(next(&told_anew).kind, NotificationKind::NAMESPACE_DELETE);
    drop((subscription, anew));
    assert!(told.recv_timeout(SOON).is_err());
    assert_eq!(open_handles(), 0);

    // The process that HNS was is gone.
    drop(emulated.server);
    let codes = [(); 2].map(|()| emulated.dll.enumerate(Kind::Network, "").expect_err("nobody is there").code);
    assert!(codes.iter().all(|code| code.is_disconnected()), "{codes:?}");
}
