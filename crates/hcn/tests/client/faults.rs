//! HNS that hangs, dies or talks nonsense; and what it tells by itself.

use crate::fake::{ENDPOINT, Fake, NETWORK, id, open, refused};
use margay_hcn::{Door, Error, ErrorCode, Hns, Kind, Notification, NotificationKind, Operation, Options};
use serde_json::json;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// Long enough for a call that doesn't hang, on a machine that does much else.
const TIMEOUT: Duration = Duration::from_millis(500);

#[test]
fn a_hang_is_a_timeout_and_never_more() {
    let (release, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let fake = Fake::new("13.3", move |line, _| match line {
        line if line.starts_with("query endpoint") => {
            let _ = wait.lock().unwrap().recv();
            refused(ErrorCode::MANAGER_STOPPED)
        }
        _ => Ok(json!([])),
    });
    let options = Options { timeout: TIMEOUT, max_lost: 2, ..Options::default() };
    let hns = Hns::open(fake, options).unwrap();
    for lost in 1..=2 {
        let error = hns.endpoint(id(ENDPOINT)).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }) && error.may_pass(), "{error}");
        assert_eq!(hns.lost_threads(), lost);
        assert_eq!(hns.networks().is_ok(), lost < 2, "others go on until too many are lost");
    }
    let error = hns.networks().unwrap_err();
    assert_eq!(
        error.to_string(),
        "listing every network through the V2 API: nothing was asked, since 2 calls hang in HNS; restart the service hns if they don't come back"
    );
    drop(release);
    while hns.lost_threads() > 0 {
        std::thread::yield_now();
    }
    assert!(hns.networks().is_ok(), "they came back");

    let latencies = hns.latencies();
    let (_, reads) = latencies.iter().find(|(call, _)| call.operation == Operation::Read).unwrap();
    assert_eq!((reads.count, reads.failed, reads.timed_out), (2, 2, 2));
    assert!(reads.max >= TIMEOUT && reads.sum >= 2 * TIMEOUT);
    let lists =
        latencies.iter().find(|(call, _)| (call.operation, call.kind) == (Operation::List, Some(Kind::Network)));
    let (call, lists) = lists.unwrap();
    assert_eq!((call.door, call.operation.name(), lists.count, lists.failed), (Door::V2, "list", 4, 2));
}

#[test]
fn calls_run_side_by_side() {
    // Each of two calls ends only when the other has begun.
    let (first, second) = (sync_channel::<()>(2), sync_channel::<()>(2));
    let ends = Mutex::new(vec![(first.0, second.1), (second.0, first.1)]);
    let fake = Fake::new("13.3", move |_, _| {
        let (here, there): (mpsc::SyncSender<()>, _) = ends.lock().unwrap().pop().unwrap();
        let _ = here.send(());
        there.recv().map_or(refused(ErrorCode::TIMEOUT), |()| Ok(json!({ "ID": NETWORK })))
    });
    let hns = open(&fake);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| hns.network(id(NETWORK)));
        assert!(hns.network(id(NETWORK)).is_ok() && other.join().unwrap().is_ok());
    });
}

#[test]
fn nonsense_is_an_error_of_its_call() {
    let fake = Fake::new("13.3", |line, _| match line {
        "enumerate network" => Ok(json!(["no GUID"])),
        "enumerate endpoint" => Ok(json!({ "Success": true })),
        _ => Ok(json!([1])),
    });
    let hns = open(&fake);
    for (error, expected) in [
        (
            hns.networks().unwrap_err(),
            "listing every network through the V2 API: the document can't be read: \"no GUID\" is no GUID",
        ),
        (
            hns.endpoints().unwrap_err(),
            "listing every endpoint through the V2 API: the document can't be read: invalid type: map",
        ),
        (
            hns.network(id(NETWORK)).unwrap_err(),
            "reading network 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 through the V2 API: the document can't be",
        ),
    ] {
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(matches!(error, Error::Document { .. }) && error.may_pass());
    }
}

#[test]
fn a_version_that_is_none() {
    for (version, expected) in [
        (json!({ "Major": 9 }), "the document has no member Minor"),
        (json!({ "Major": -1, "Minor": 2 }), "the document can't be read: invalid value: integer `-1`, expected u32"),
        (json!("9.2"), "the document can't be read: invalid type: string \"9.2\", expected struct SchemaVersion"),
    ] {
        let fake = Fake::with(version, |_, _| refused(ErrorCode::NOT_IMPLEMENTED));
        let error = Hns::open(fake, Options::default()).err().unwrap();
        assert_eq!(error.to_string(), format!("asking HNS for its version: {expected}"));
    }
}

#[test]
fn notifications_come_until_the_subscription_is_dropped() {
    let fake = Fake::new("13.3", |_, _| Ok(json!(null)));
    let (sender, told) = channel();
    let subscription = open(&fake).subscribe(move |notification| drop(sender.send(notification))).unwrap();
    let gone = Notification { kind: NotificationKind::SERVICE_DISCONNECT, status: 0, data: String::new() };
    for tell in fake.subscribers.lock().unwrap().iter() {
        tell(gone.clone());
    }
    assert_eq!(told.recv(), Ok(gone));
    drop(subscription);
    assert!(told.recv().is_err(), "the closure is gone with the subscription");
}

#[test]
fn no_notifications_are_an_error() {
    let fake = Fake::new("13.3", |_, _| refused(ErrorCode::PROCEDURE_NOT_FOUND));
    let error = open(&fake).subscribe(|_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "asking HNS to tell of what happens: HNS answered 0x8007007f: a DLL lacks a function"
    );
    assert!(!error.may_pass());
}
