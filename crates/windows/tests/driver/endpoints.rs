//! Which endpoints are programmed, and which never.

use crate::support::*;
use margay_dataplane::Driver;
use margay_hcn::Version;
use margay_vfp::{Config, NetworkKind};

#[test]
fn a_stale_remote_endpoint_never_wins() {
    let mut source = Source::new();
    source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    let local = node.endpoint("10.0.0.1".parse().unwrap());
    let remote = node.emulator.add_stale_remote(local).expect("a remote endpoint of the same address");
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    applied(&mut driver);
    let count = |id| node.hns().endpoint(id).unwrap().acls().count();
    assert_eq!((count(local), count(remote)), (8, 0));
}

#[test]
fn what_can_not_be_enforced_is_refused_and_said() {
    for (kind, word) in [(NetworkKind::Nat, "NAT"), (NetworkKind::Transparent, "Transparent")] {
        let mut source = Source::new();
        source.put(&pods(1));
        let mut node = Node::on(kind, Config::new(Version::new(15, 4)));
        node.serve(source.plan());
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        let events = outcome(&mut driver);
        let failed = failures(&events);
        assert!(failed.len() == 1 && failed[0].1.contains(&format!("type {word}")), "{events:?}");
        assert_eq!(node.acls("10.0.0.1"), 0);
    }
}

#[test]
fn a_host_endpoint_covers_nothing_and_is_said_to() {
    let host = "---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: win-eth0}, spec: {node: win, interfaceName: '*'}}\n";
    let mut source = Source::new();
    let changes = source.put(&(pods(1) + host));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    let mut driver = node.driver();
    driver.submit(source.plan(), &changes);
    let failed = failures(&outcome(&mut driver));
    assert!(
        failed.len() == 1 && failed[0].0 == "HostEndpoint win-eth0" && failed[0].1.contains("covers nothing"),
        "{failed:?}"
    );
    assert_eq!(node.acls("10.0.0.1"), 6, "the pod is programmed");
}

#[test]
fn a_pod_without_an_endpoint_waits_for_it() {
    let mut source = Source::new();
    source.put(&(pods(2) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("9.5");
    node.endpoint("10.0.0.1".parse().unwrap());
    let mut driver = node.driver();
    resync(&mut driver, source.plan());
    let failed = failures(&outcome(&mut driver));
    assert!(failed.len() == 1 && failed[0].0 == "Pod shop/pod-2" && failed[0].1.contains("10.0.0.2"), "{failed:?}");
    assert_eq!(node.acls("10.0.0.1"), 8, "the other one is programmed");
}

#[test]
fn acls_of_others_stay_and_are_said_where_they_come_first() {
    let foreign = |priority: u16| {
        format!(
            r#"{{"ResourceType":"Policy","RequestType":"Add","Settings":{{"Policies":[{{"Type":"ACL","Settings":{{"Protocols":"6","Action":"Allow",
            "Direction":"In","RuleType":"Switch","Priority":{priority},"Id":"stranger"}}}}]}}}}"#
        )
    };
    for (priority, intrudes) in [(200, true), (65400, false)] {
        let mut source = Source::new();
        source.put(&(pods(1) + &allow("a", "10.1.0.0/16", 80)));
        let mut node = Node::version("9.5");
        node.serve(source.plan());
        let id = node.endpoint("10.0.0.1".parse().unwrap());
        node.service().modify(margay_hcn::Kind::Endpoint, id, &foreign(priority)).expect("a stranger's ACL");
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        let failed = failures(&outcome(&mut driver));
        assert_eq!(failed.iter().any(|(_, error)| error.contains("asked before")), intrudes, "{failed:?}");
        assert_eq!(node.acls("10.0.0.1"), 9);
        let options = margay_windows::driver::Options { remove_foreign: true, ..Default::default() };
        let mut driver = node.driver_with(&options);
        resync(&mut driver, source.plan());
        applied(&mut driver);
        assert_eq!(node.acls("10.0.0.1"), if intrudes { 8 } else { 9 });
    }
}
