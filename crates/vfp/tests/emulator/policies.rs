//! What writes do to the policies of an endpoint.

use crate::support::{acl, acl_ids, bridge, code, request, v1, v2};
use margay_hcn::{ErrorCode, Kind, Service};
use serde_json::{Value, json};

fn route() -> Value {
    json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.96.0.0/12", "NeedEncap": true } })
}

/// Types of the pod's policies, in their order.
fn types(hns: &margay_vfp::Emulator, pod: margay_hcn::Guid) -> Vec<String> {
    let document = v2(hns, Kind::Endpoint, pod);
    document["Policies"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|policy| policy["Type"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Knobs, what is asked, the policies with it, the answer, the ACLs that are left.
type Row<'a> = (&'a [&'a str], &'a str, &'a [&'a Value], Option<ErrorCode>, &'a [&'a str]);

#[test]
fn v2_requests() {
    let (a, b) = (acl("1000 In Allow 6 Id a"), acl("2000 In Block 256 Id b"));
    let other_b = acl("2001 In Block 256 Id b");
    let table: &[Row<'_>] = &[
        (&[], "Add", &[&b], None, &["a", "b"]),
        (&[], "Add", &[&a], None, &["a", "a"]),
        (&["duplicates=refused"], "Add", &[&b, &a], Some(ErrorCode::POLICY_ALREADY_EXISTS), &["a"]),
        (&["duplicates=ignored"], "Add", &[&b, &a], None, &["a", "b"]),
        (&[], "Update", &[&b], None, &["b"]),
        (&[], "Update", &[], None, &[]),
        (&[], "Refresh", &[], None, &["a"]),
        (&[], "Remove", &[&a], None, &[]),
        (&[], "Remove", &[&b], Some(ErrorCode::POLICY_NOT_FOUND), &["a"]),
        (&[], "Remove", &[&a, &b], Some(ErrorCode::POLICY_NOT_FOUND), &["a"]),
        (&["remove=missing-ignored"], "Remove", &[&b, &a], None, &[]),
        (&[], "Remove", &[&other_b], Some(ErrorCode::POLICY_NOT_FOUND), &["a"]),
    ];
    for (knobs, kind, policies, answer, left) in table {
        let net = bridge("9.5", knobs);
        net.acls(&["1000 In Allow 6 Id a"]);
        let policies: Vec<Value> = policies.iter().map(|policy| (*policy).clone()).collect();
        let answered = code(net.hns.modify(Kind::Endpoint, net.pod, &request(kind, &policies)));
        assert_eq!(answered, *answer, "{knobs:?} {kind} {policies:?}");
        assert_eq!(acl_ids(&net.hns, net.pod), *left, "{knobs:?} {kind} {policies:?}");
    }
}

#[test]
fn an_update_replaces_all_or_its_own_types() {
    for (knob, left) in [("update=all-types", vec!["ACL"]), ("update=same-type", vec!["SDNRoute", "ACL"])] {
        let net = bridge("9.5", &[knob]);
        net.hns
            .modify(Kind::Endpoint, net.pod, &request("Add", &[route(), acl("1000 In Allow 6")]))
            .expect("policies are taken");
        net.hns
            .modify(Kind::Endpoint, net.pod, &request("Update", &[acl("2000 In Allow 6")]))
            .expect("policies are taken");
        assert_eq!(types(&net.hns, net.pod), left, "{knob}");
        assert_eq!(acl_ids(&net.hns, net.pod), ["2000"], "{knob}");
    }
}

#[test]
fn v1_replaces_acls_and_keeps_the_rest() {
    let net = bridge("9.5", &[]);
    net.hns
        .modify(Kind::Endpoint, net.pod, &request("Add", &[route(), acl("1000 In Allow 6 Id a")]))
        .expect("policies are taken");
    let path = format!("/endpoints/{:#}", net.pod);
    let acl = |id: &str| json!({ "Type": "ACL", "Id": id, "Action": "Block", "Direction": "In", "Priority": 900, "Protocol": 256 });
    let steps: [(Value, &[&str]); 4] = [
        (json!({ "Policies": [acl("b"), acl("c")] }), &["b", "c"]),
        (json!({ "Name": "pod" }), &["b", "c"]),
        // The route is there already, and comes with the ACLs of the document that was read.
        (
            json!({ "Policies": [{ "Type": "ROUTE", "DestinationPrefix": "10.96.0.0/12", "NeedEncap": true }, acl("d")] }),
            &["d"],
        ),
        (json!({ "Policies": [] }), &[]),
    ];
    for (body, left) in steps {
        v1(&net.hns, "POST", &path, &body).expect("the update is taken");
        assert_eq!(acl_ids(&net.hns, net.pod), left, "{body}");
        assert_eq!(types(&net.hns, net.pod)[0], "SDNRoute", "{body}");
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let net = bridge("9.5", &[]);
    net.acls(&["1000 In Allow 6 Id a"]);
    for policies in [
        vec![acl("900 In Block 256"), acl("1000 In Nod 6")],
        vec![acl("900 In Block 256"), json!({ "Type": "ACL", "Settings": { "ID": "x" } })],
    ] {
        for kind in ["Add", "Update", "Remove"] {
            assert!(net.hns.modify(Kind::Endpoint, net.pod, &request(kind, &policies)).is_err());
            assert_eq!(acl_ids(&net.hns, net.pod), ["a"], "{kind} {policies:?}");
        }
    }
    assert_eq!(net.hns.counters().acl_writes, 1);
}

#[test]
fn ports_of_the_host_go_to_one_endpoint() {
    let net = bridge("9.5", &[]);
    let mapping = |external: u16| json!({ "Type": "PortMapping", "Settings": { "Protocol": 6, "InternalPort": 80, "ExternalPort": external } });
    let answers =
        [(net.pod, 8080, None), (net.other, 8081, None), (net.other, 8080, Some(ErrorCode::PORT_ALREADY_EXISTS))];
    for (endpoint, port, answer) in answers {
        assert_eq!(
            code(net.hns.modify(Kind::Endpoint, endpoint, &request("Add", &[mapping(port)]))),
            answer,
            "port {port}"
        );
    }
}

#[test]
fn writes_and_policies_are_counted() {
    let net = bridge("9.5", &[]);
    net.acls(&["1000 In Allow 6", "2000 In Block 256"]);
    net.acls(&["1000 In Allow 6", "2000 In Block 256"]);
    v1(&net.hns, "GET", "/endpoints/", &Value::Null).expect("a list");
    let _ = net.hns.modify(Kind::Endpoint, net.pod, "{}");
    let counters = net.hns.counters();
    assert_eq!(
        (counters.calls, counters.writes, counters.policies, counters.acl_writes, counters.failed),
        (4, 3, 4, 2, 1)
    );
    let calls: Vec<String> = net.hns.calls().into_iter().map(|entry| entry.call).collect();
    assert_eq!(calls[0], format!("HcnModifyEndpoint {}", net.pod));
    assert_eq!(calls[2], "GET /endpoints/");
    net.hns.reset_counters();
    assert_eq!((net.hns.counters().calls, net.hns.calls().len()), (0, 0));
}

#[test]
fn limits_can_be_set() {
    let limits = margay_vfp::Limits { acls: 2, list_entries: 3, policies_in_call: 2 };
    let config = margay_vfp::Config { limits, ..Default::default() };
    let hns = margay_vfp::Emulator::new(config);
    let network = hns
        .add_network(margay_vfp::NetworkKind::L2Bridge, "net", &["10.0.0.0/24".parse().expect("a prefix")])
        .expect("a network");
    let pod = hns.add_endpoint(network, "pod", &[]).expect("an endpoint");
    let lists = |addresses: &str| acl(&format!("1000 In Allow 6 RemoteAddresses {addresses}"));
    for (policies, answer) in [
        (vec![lists("10.0.0.1,10.0.0.2,10.0.0.3"), lists("10.0.0.1")], None),
        (vec![lists("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")], Some(ErrorCode::BUFFER_OVERFLOW)),
        (vec![lists("10.0.0.1")], Some(ErrorCode::BUFFER_OVERFLOW)),
        (vec![lists("10.0.0.1"); 3], Some(ErrorCode::BUFFER_OVERFLOW)),
    ] {
        assert_eq!(code(hns.modify(Kind::Endpoint, pod, &request("Add", &policies))), answer, "{policies:?}");
    }
}
