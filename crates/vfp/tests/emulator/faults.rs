//! What goes wrong, when it is asked to.

use crate::support::{acl, acl_ids, bridge, code, packet_of, request};
use margay_hcn::{ErrorCode, Kind, Notification, NotificationKind, Service};
use margay_vfp::Direction::In;
use margay_vfp::{Effect, Fault, Latency, Loss, Operation};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const WEB: &str = "TCP 10.0.0.20:40000 10.0.0.10:80";
const SOON: Duration = Duration::from_secs(20);

#[test]
fn calls_take_time_for_themselves_and_for_each_policy() {
    let net = bridge("9.5", &[]);
    net.hns.set_latency(Latency { call: Duration::from_millis(30), policy: Duration::from_millis(7) });
    let before = net.hns.clock().now();
    net.acls(&["1000 In Allow 6", "2000 In Block 256"]);
    assert_eq!(net.hns.clock().now() - before, Duration::from_millis(44));
    let _ = net.hns.enumerate(Kind::Endpoint, "");
    assert_eq!(net.hns.clock().now() - before, Duration::from_millis(74));
    net.hns.clear_faults();
    let _ = net.hns.enumerate(Kind::Endpoint, "");
    assert_eq!(net.hns.clock().now() - before, Duration::from_millis(74));
}

#[test]
fn effects_of_a_write() {
    let rpc = Some(ErrorCode::RPC_CALL_FAILED);
    for (effect, answer, kept, says) in [
        (Effect::Fail(ErrorCode::INVALID_ENDPOINT), Some(ErrorCode::INVALID_ENDPOINT), 0, "allow"),
        (Effect::Fail(ErrorCode::RPC_CALL_FAILED), rpc, 0, "allow"),
        (Effect::FailAfter(ErrorCode::RPC_CALL_FAILED), rpc, 1, "drop"),
        (Effect::Unenforced, None, 1, "allow"),
        (Effect::Pretend, None, 0, "allow"),
        (Effect::Crash(Loss::Nothing), rpc, 1, "drop"),
        (Effect::Crash(Loss::Policies), rpc, 0, "allow"),
    ] {
        let net = bridge("9.5", &[]);
        net.hns.add_fault(Fault::once(Operation::Modify, effect));
        let write = request("Update", &[acl("1000 In Block 256")]);
        assert_eq!(code(net.hns.modify(Kind::Endpoint, net.pod, &write)), answer, "{effect:?}");
        net.hns.restart();
        assert_eq!(acl_ids(&net.hns, net.pod).len(), kept, "{effect:?}");
        assert_eq!(net.says(In, WEB), says, "{effect:?}");
        // Once it happened, it does not again.
        assert_eq!(code(net.hns.modify(Kind::Endpoint, net.pod, &write)), None, "{effect:?}");
        assert_eq!(net.says(In, WEB), "drop", "{effect:?}");
    }
}

#[test]
fn a_restart_enforces_what_was_not() {
    let net = bridge("9.5", &[]);
    net.hns.add_fault(Fault::once(Operation::Modify, Effect::Unenforced));
    net.acls(&["1000 In Block 256"]);
    assert_eq!(net.says(In, WEB), "allow");
    net.hns.crash(Loss::Nothing);
    net.hns.restart();
    assert_eq!(net.says(In, WEB), "drop");
}

#[test]
fn who_is_told_may_call() {
    let net = bridge("9.5", &["calls=serial"]);
    let hns = Arc::clone(&net.hns);
    let (tell, told) = channel();
    let ask = move |_| tell.send(hns.enumerate(Kind::Network, "").is_ok()).expect("somebody listens");
    let _subscription = net.hns.subscribe(Box::new(ask)).expect("notifications come");
    net.hns.delete(Kind::Endpoint, net.pod).expect("it goes");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [true]);
}

#[test]
fn one_object_can_not_be_queried() {
    let net = bridge("9.5", &[]);
    net.hns.add_fault(Fault::always(Operation::Query, Effect::Fail(ErrorCode::INVALID_JSON)).of(net.pod));
    for _ in 0..2 {
        let failure = net.hns.query(Kind::Endpoint, net.pod, "").expect_err("it fails");
        assert_eq!(failure.code, ErrorCode::INVALID_JSON);
        assert!(failure.record.contains("Invalid JSON document string."));
        assert!(net.hns.query(Kind::Endpoint, net.other, "").is_ok());
        assert!(net.hns.enumerate(Kind::Endpoint, "").is_ok());
        assert!(crate::support::v1(&net.hns, "GET", "/endpoints/", &serde_json::Value::Null).is_ok());
    }
    net.hns.clear_faults();
    assert!(net.hns.query(Kind::Endpoint, net.pod, "").is_ok());
}

#[test]
fn what_hangs_comes_back_when_it_is_released_or_hns_dies() {
    for (end, answer) in [("release", None), ("crash", Some(ErrorCode::RPC_CALL_FAILED))] {
        let net = bridge("9.5", &[]);
        net.hns.add_fault(Fault::once(Operation::Modify, Effect::Hang).of(net.pod));
        let (hns, pod) = (Arc::clone(&net.hns), net.pod);
        let call = std::thread::spawn(move || {
            code(hns.modify(Kind::Endpoint, pod, &request("Update", &[acl("1000 In Block 256")])))
        });
        assert!(net.hns.wait_for_hanging(1, SOON), "the call hangs");
        // Others go on.
        assert!(net.hns.modify(Kind::Endpoint, net.other, &request("Update", &[])).is_ok());
        assert_eq!(net.says(In, WEB), "allow");
        match end {
            "release" => net.hns.release(),
            _ => net.hns.crash(Loss::Nothing),
        }
        assert_eq!(call.join().expect("the thread ends"), answer, "{end}");
        net.hns.restart();
        assert_eq!(net.says(In, WEB), if answer.is_none() { "drop" } else { "allow" }, "{end}");
    }
}

#[test]
fn one_that_hangs_stops_all_where_calls_go_one_by_one() {
    let net = bridge("9.5", &["calls=serial"]);
    net.hns.add_fault(Fault::once(Operation::Modify, Effect::Hang));
    let spawn = |work: Box<dyn FnOnce() + Send>| std::thread::spawn(work);
    let (hns, pod) = (Arc::clone(&net.hns), net.pod);
    let (told, order) = channel();
    let first = told.clone();
    let hangs = spawn(Box::new(move || {
        hns.modify(Kind::Endpoint, pod, &request("Update", &[])).expect("it is released");
        first.send("first").expect("somebody listens");
    }));
    assert!(net.hns.wait_for_hanging(1, SOON), "the call hangs");
    let hns = Arc::clone(&net.hns);
    let waits = spawn(Box::new(move || {
        hns.enumerate(Kind::Endpoint, "").expect("it gets its turn");
        told.send("second").expect("somebody listens");
    }));
    // Nothing but the first call's end can let the second in.
    assert_eq!(net.hns.calls().len(), 0);
    net.hns.release();
    hangs.join().expect("the thread ends");
    waits.join().expect("the thread ends");
    assert_eq!(order.iter().count(), 2);
    assert_eq!(net.hns.calls()[0].call, format!("HcnModifyEndpoint {pod}"));
}

#[test]
fn while_it_is_down_calls_fail_and_vfp_goes_on() {
    let net = bridge("9.5", &[]);
    net.acls(&["1000 In Allow 6 LocalPorts 443", "2000 In Block 256"]);
    let (tell, told) = channel();
    let listen = move |notification: Notification| tell.send(notification.kind).expect("somebody listens");
    let _subscription = net.hns.subscribe(Box::new(listen)).expect("notifications come");
    net.hns.crash(Loss::Nothing);
    net.hns.crash(Loss::Endpoints);
    assert_eq!(told.iter().collect::<Vec<_>>(), [NotificationKind::SERVICE_DISCONNECT], "told once, and then no more");
    assert_eq!(code(net.hns.enumerate(Kind::Endpoint, "")), Some(ErrorCode::RPC_SERVER_UNAVAILABLE));
    assert_eq!(code(net.hns.call("GET", "/endpoints/", "")), Some(ErrorCode::RPC_SERVER_UNAVAILABLE));
    assert_eq!(code(net.hns.subscribe(Box::new(drop))), Some(ErrorCode::RPC_SERVER_UNAVAILABLE));
    assert_eq!(net.says(In, WEB), "drop");
    assert!(net.hns.process(net.pod, In, &packet_of("TCP 10.0.0.20:1 10.0.0.10:443")).allowed());
    // What the last crash takes is gone.
    net.hns.restart();
    assert_eq!(net.hns.enumerate(Kind::Endpoint, "").expect("ids"), "[]");
}

#[test]
fn a_crash_takes_what_it_takes() {
    for (loss, endpoints, policies, says) in [
        (Loss::Nothing, 2, 4, "drop"),
        (Loss::Policies, 2, 0, "allow"),
        (Loss::HalfOfPolicies, 2, 2, "drop"),
        (Loss::Endpoints, 0, 0, "drop"),
        (Loss::HalfOfEndpoints, 1, 2, "drop"),
    ] {
        let net = bridge("9.5", &[]);
        let acls = [acl("1000 In Allow 6 LocalPorts 443 Id a"), acl("2000 In Block 256 Id b")];
        for endpoint in [net.pod, net.other] {
            net.hns.modify(Kind::Endpoint, endpoint, &request("Update", &acls)).expect("ACLs are taken");
        }
        net.hns.crash(loss);
        net.hns.restart();
        let ids = net.hns.enumerate(Kind::Endpoint, "").expect("ids");
        let ids: Vec<margay_hcn::Guid> = serde_json::from_str(&ids).expect("an array of ids");
        let left: usize = ids.iter().map(|id| acl_ids(&net.hns, *id).len()).sum();
        assert_eq!((ids.len(), left), (endpoints, policies), "{loss:?}");
        let verdicts = ids.iter().map(|id| net.hns.match_tuple(*id, In, &packet_of(WEB)).verdict.to_string());
        assert!(verdicts.into_iter().all(|verdict| verdict == says), "{loss:?}");
    }
}

#[test]
fn notifications() {
    let net = bridge("9.5", &[]);
    let (tell, told) = channel();
    let subscription = net
        .hns
        .subscribe(Box::new(move |notification| tell.send(notification).expect("somebody listens")))
        .expect("notifications come");
    let made = crate::support::v1(
        &net.hns,
        "POST",
        "/endpoints/",
        &serde_json::json!({ "Name": "e", "VirtualNetworkName": "net" }),
    );
    let id: margay_hcn::Guid = made.expect("it is made")["ID"].as_str().expect("an id").parse().expect("a GUID");
    let attach = serde_json::json!({ "SystemType": "Host" });
    for verb in ["attach", "attach", "detach"] {
        let _ = crate::support::v1(&net.hns, "POST", &format!("/endpoints/{id}/{verb}"), &attach);
    }
    net.hns.delete(Kind::Network, net.network).expect("it goes");
    let seen: Vec<_> = told.try_iter().collect();
    let kinds: Vec<_> = seen.iter().map(|notification| notification.kind).collect();
    use NotificationKind as Told;
    assert_eq!(
        kinds,
        [
            Told::ENDPOINT_ATTACHED,
            Told::ENDPOINT_DETACHED,
            Told::NETWORK_PRE_DELETE,
            Told::ENDPOINT_DETACHED,
            Told::ENDPOINT_DETACHED,
            Told::NETWORK_DELETE,
        ]
    );
    assert_eq!(seen[0].data, format!(r#"{{"ID":"{id}","Flags":0,"Data":{{}}}}"#));
    drop(subscription);
    net.hns.crash(Loss::Nothing);
    assert_eq!(told.iter().count(), 0);
    let deaf = bridge("9.5", &["notifications=unavailable"]);
    assert_eq!(code(deaf.hns.subscribe(Box::new(drop))), Some(ErrorCode::NOT_IMPLEMENTED));
}

#[test]
fn a_stale_remote_endpoint_has_the_address_of_a_pod() {
    let net = bridge("9.5", &[]);
    let stale = net.hns.add_stale_remote(net.pod).expect("the pod is there");
    let document = crate::support::v2(&net.hns, Kind::Endpoint, stale);
    assert_eq!((&document["Flags"], &document["IpConfigurations"][0]["IpAddress"]), (&1.into(), &"10.0.0.10".into()));
    assert_eq!(net.hns.rules(stale).map(|_| ()), None);
    // ACLs that it is given do nothing.
    net.hns.modify(Kind::Endpoint, stale, &request("Update", &[acl("1000 In Block 256")])).expect("they are taken");
    assert_eq!(net.says(In, WEB), "allow");
}

#[test]
fn faults_go_over_a_wire_as_json() {
    let fault = Fault::once(Operation::Modify, Effect::FailAfter(ErrorCode::RPC_CALL_FAILED)).of(margay_hcn::Guid(7));
    let text = serde_json::to_string(&fault).expect("JSON");
    assert_eq!(serde_json::from_str::<Fault>(&text).expect("a fault"), fault, "{text}");
}
