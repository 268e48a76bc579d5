//! Changes, as either door is asked for them.

use crate::fake::{ENDPOINT, Fake, NETWORK, id, open, output, refused};
use expect_test::{Expect, expect};
use margay_hcn::setting::RemoteSubnetRoute;
use margay_hcn::{Acl, Door, Error, ErrorCode, Failure, Kind, Policy, Setting};
use serde_json::{Value, json};
use std::sync::Arc;

fn acl(priority: u16) -> Policy {
    let policy = json!({ "Type": "ACL", "Protocol": 6, "Action": "Block", "Direction": "In", "RemoteAddresses": "10.0.0.0/8", "RuleType": "Switch", "Priority": priority });
    Acl::read(Door::V1, policy.as_object().unwrap()).unwrap().into()
}

fn raw(door: Door, policy: Value) -> Policy {
    Policy::read(door, policy.as_object().unwrap())
}

fn route() -> Policy {
    let route = RemoteSubnetRoute {
        destination_prefix: "100.244.49.64/26".parse().unwrap(),
        isolation_id: 4096,
        provider_address: "10.20.30.10".parse().unwrap(),
        distributed_router_mac_address: "66-a5-cc-c1-86-97".parse().unwrap(),
    };
    route.policy(Door::V2).unwrap()
}

/// An HNS that does everything; its endpoint has a route and an ACL.
fn willing(version: &str) -> Arc<Fake> {
    Fake::new(version, |line, _| match line {
        line if line.starts_with("query endpoint") => Ok(json!({ "ID": ENDPOINT, "Policies": [
            { "Type": "ACL", "Settings": { "Action": "Allow", "Direction": "Out", "RemoteAddresses": "Any", "Priority": 7 } },
            { "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.43.0.0/16", "NeedEncap": true, "New": [1] } },
        ] })),
        _ => output(json!({})),
    })
}

fn check(fake: &Arc<Fake>, expected: Expect) {
    expected.assert_eq(&fake.asked().join("\n"));
}

#[test]
fn v1_replaces_acls_in_one_request() {
    let fake = willing("7.2");
    let foreign = raw(Door::V1, json!({ "Type": "ACL", "RemoteAddresses": "Any", "Priority": 9 }));
    open(&fake).replace_acls(id(ENDPOINT), &[acl(200), foreign]).unwrap();
    check(
        &fake,
        expect![[
            r#"POST /endpoints/9B2E7F10-6C1D-4C1B-9C0E-0D8F5A3B7C44 {"ID":"9B2E7F10-6C1D-4C1B-9C0E-0D8F5A3B7C44","Policies":[{"Type":"ACL","Protocol":6,"Action":"Block","Direction":"In","RemoteAddresses":"10.0.0.0/8","RuleType":"Switch","Priority":200},{"Type":"ACL","RemoteAddresses":"Any","Priority":9}]}"#
        ]],
    );
}

#[test]
fn v2_replaces_acls_and_sends_the_rest_again() {
    let fake = willing("13.3");
    open(&fake).replace_acls(id(ENDPOINT), &[acl(200), acl(201)]).unwrap();
    check(
        &fake,
        expect![[r#"
        query endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44
        modify endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44 {"ResourceType":"Policy","RequestType":"Update","Settings":{"Policies":[{"Type":"SDNRoute","Settings":{"DestinationPrefix":"10.43.0.0/16","NeedEncap":true,"New":[1]}},{"Type":"ACL","Settings":{"Protocols":"6","Action":"Block","Direction":"In","RemoteAddresses":"10.0.0.0/8","RuleType":"Switch","Priority":200}},{"Type":"ACL","Settings":{"Protocols":"6","Action":"Block","Direction":"In","RemoteAddresses":"10.0.0.0/8","RuleType":"Switch","Priority":201}}]}}"#]],
    );
}

#[test]
fn v2_adds_and_removes() {
    let fake = willing("13.3");
    let hns = open(&fake);
    hns.add_policies(id(ENDPOINT), &[acl(200)]).unwrap();
    hns.remove_policies(id(ENDPOINT), &[acl(200)]).unwrap();
    hns.add_network_policies(id(NETWORK), &[route()]).unwrap();
    hns.remove_network_policies(id(NETWORK), &[route()]).unwrap();
    check(
        &fake,
        expect![[r#"
        modify endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44 {"ResourceType":"Policy","RequestType":"Add","Settings":{"Policies":[{"Type":"ACL","Settings":{"Protocols":"6","Action":"Block","Direction":"In","RemoteAddresses":"10.0.0.0/8","RuleType":"Switch","Priority":200}}]}}
        modify endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44 {"ResourceType":"Policy","RequestType":"Remove","Settings":{"Policies":[{"Type":"ACL","Settings":{"Protocols":"6","Action":"Block","Direction":"In","RemoteAddresses":"10.0.0.0/8","RuleType":"Switch","Priority":200}}]}}
        modify network 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 {"ResourceType":"Policy","RequestType":"Add","Settings":{"Policies":[{"Type":"RemoteSubnetRoute","Settings":{"DestinationPrefix":"100.244.49.64/26","IsolationId":4096,"ProviderAddress":"10.20.30.10","DistributedRouterMacAddress":"66-a5-cc-c1-86-97"}}]}}
        modify network 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 {"ResourceType":"Policy","RequestType":"Remove","Settings":{"Policies":[{"Type":"RemoteSubnetRoute","Settings":{"DestinationPrefix":"100.244.49.64/26","IsolationId":4096,"ProviderAddress":"10.20.30.10","DistributedRouterMacAddress":"66-a5-cc-c1-86-97"}}]}}"#]],
    );
}

#[test]
fn deleting() {
    for version in ["7.2", "13.3"] {
        let fake = willing(version);
        let hns = open(&fake);
        hns.delete(Kind::Endpoint, id(ENDPOINT)).unwrap();
        hns.delete(Kind::Network, id(NETWORK)).unwrap();
        let load_balancer = hns.delete(Kind::LoadBalancer, id(NETWORK)).map_err(|error| error.to_string());
        match version {
            "7.2" => {
                let needs = "deleting load balancer 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9 through the V1 API: \
                             that takes the V2 API: HNS 9.2, and V1 not forced";
                assert_eq!(load_balancer, Err(needs.into()));
                check(
                    &fake,
                    expect![[r#"
                    DELETE /endpoints/9B2E7F10-6C1D-4C1B-9C0E-0D8F5A3B7C44
                    DELETE /networks/1A2B3C4D-5E6F-4071-8293-A4B5C6D7E8F9"#]],
                );
            }
            _ => check(
                &fake,
                expect![[r#"
                delete endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44
                delete network 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9
                delete load balancer 1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9"#]],
            ),
        }
    }
}

#[test]
fn what_cant_be_written_is_not_asked() {
    let other = |door| raw(door, json!({ "Type": "OutBoundNAT" }));
    let (v1, v2) = (willing("7.2"), willing("13.3"));
    let (old, new) = (open(&v1), open(&v2));
    let vxlan = {
        let Policy::Acl(mut acl) = acl(200) else { panic!() };
        acl.rule.protocol = Some(margay_net::Protocol(252));
        Policy::Acl(acl)
    };
    for (result, expected) in [
        (
            old.add_policies(id(ENDPOINT), &[acl(200)]),
            "changing endpoint ID through the V1 API: that takes the V2 API: HNS 9.2, and V1 not forced",
        ),
        (
            old.replace_acls(id(ENDPOINT), &[other(Door::V1)]),
            r#"changing endpoint ID through the V1 API: policy 0 can't be written: a policy of type "OutBoundNAT" is no ACL"#,
        ),
        (
            old.replace_acls(id(ENDPOINT), &[acl(200), vxlan]),
            "changing endpoint ID through the V1 API: policy 1 can't be written: HNS 7.2 has no ACLs of protocol 252 (VXLAN)",
        ),
        (
            new.add_policies(id(ENDPOINT), &[acl(200), other(Door::V1)]),
            "changing endpoint ID through the V2 API: policy 1 can't be written: a policy of type \"OutBoundNAT\" was read through the V1 API and \
             can't be written through the other: read it again",
        ),
    ] {
        let error = result.unwrap_err();
        assert!(!error.may_pass());
        assert_eq!(error.to_string().replace(ENDPOINT, "ID"), expected);
    }
    assert_eq!((v1.asked(), v2.asked()), (vec![], vec![]));
}

#[test]
fn what_hns_refuses_is_told() {
    for (version, answer, expected) in [
        (
            "7.2",
            Ok(
                json!({ "Success": false, "Error": "The provided policy configuration is invalid or missing parameters. " }),
            ),
            "changing endpoint ID through the V1 API: HNS answered 0x803b000d: the policy's configuration is invalid or incomplete (it says: The \
             provided policy configuration is invalid or missing parameters.)",
        ),
        (
            "13.3",
            Err(Failure::new(ErrorCode::BUFFER_OVERFLOW)),
            "changing endpoint ID through the V2 API: HNS answered 0x8007006f: IPv4 and IPv6 addresses are mixed in one list, or it is too long",
        ),
    ] {
        let fake =
            Fake::new(
                version,
                move |line, _| {
                    if line.starts_with("query") { Ok(json!({ "ID": ENDPOINT })) } else { answer.clone() }
                },
            );
        let error = open(&fake).replace_acls(id(ENDPOINT), &[acl(200)]).unwrap_err();
        assert_eq!((error.to_string().replace(ENDPOINT, "ID").as_str(), error.may_pass()), (expected, false));
        assert!(matches!(error, Error::Refused { .. }));
    }
}

#[test]
fn an_endpoint_that_is_gone_is_not_written() {
    let fake = Fake::new("13.3", |_, _| refused(ErrorCode(0x490)));
    assert!(open(&fake).replace_acls(id(ENDPOINT), &[acl(200)]).unwrap_err().is_not_found());
    check(&fake, expect!["query endpoint 9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44"]);
}
