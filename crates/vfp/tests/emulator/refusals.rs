//! Which documents are refused, and how.

use crate::support::{acl, bridge, code, emulator, knobs_of, request, v1};
use margay_hcn::{ErrorCode, Guid, Kind, Service};
use serde_json::{Value, json};

const INVALID: Option<ErrorCode> = Some(ErrorCode::INVALID_POLICY);
const JSON: Option<ErrorCode> = Some(ErrorCode::INVALID_JSON);

#[test]
fn acls() {
    let table: &[(&str, &[&str], &str, Option<ErrorCode>)] = &[
        ("9.5", &[], "1000 In Allow 6 LocalPorts 80", None),
        ("9.5", &[], "1000 In Allow 6 LocalAddresses Any", INVALID),
        ("9.5", &[], "1000 In Allow 6 RemoteAddresses 10.0.0.1-10.0.0.9", INVALID),
        ("9.5", &[], "1000 In Allow 6 RemoteAddresses 10.0.0.1,", INVALID),
        ("9.5", &[], "1000 In Allow 6 RemoteAddresses 10.0.0.0/33", INVALID),
        ("9.5", &[], "1000 In Allow 6 RemoteAddresses 10.0.0.1,fd00::1", Some(ErrorCode::BUFFER_OVERFLOW)),
        ("9.5", &[], "1000 In Allow 6 RemoteAddresses 0.0.0.0/0", None),
        ("9.5", &[], "1000 In allow 6", INVALID),
        ("9.5", &[], "1000 In Pass 6", INVALID),
        ("9.5", &[], "1000 Ingress Allow 6", INVALID),
        ("9.5", &[], "1000 In Allow 6 RuleType Vfp", INVALID),
        ("9.5", &[], "1000 In Allow tcp", INVALID),
        ("9.5", &[], "1000 In Allow 257", INVALID),
        ("9.5", &[], "1000 In Allow +6", INVALID),
        ("9.5", &[], "1000 In Allow 255", None),
        ("9.5", &[], "1000 In Allow 252", INVALID),
        ("13.3", &[], "1000 In Allow 252", None),
        ("9.5", &[], "1000 In Allow 6,17", INVALID),
        ("9.5", &["protocol-lists=accepted"], "1000 In Allow 6,17 LocalPorts 53", None),
        ("9.5", &["protocol-lists=accepted"], "1000 In Allow 6,1 LocalPorts 53", INVALID),
        ("9.5", &[], "1000 In Allow 256 LocalPorts 80", INVALID),
        ("9.5", &[], "1000 In Allow 6 Protocols - LocalPorts 80", INVALID),
        ("9.5", &[], "1000 In Allow 1 RemotePorts 80", INVALID),
        ("9.5", &[], "1000 In Allow 132 LocalPorts 80", INVALID),
        ("9.5", &["sctp-ports=accepted"], "1000 In Allow 132 LocalPorts 80", None),
        ("9.5", &[], "1000 In Allow 132", None),
        ("9.5", &[], "1000 In Allow 6 LocalPorts 80-443,8080", None),
        ("9.5", &[], "1000 In Allow 6 LocalPorts 443-80", INVALID),
        ("9.5", &[], "1000 In Allow 6 LocalPorts 65536", INVALID),
        ("9.5", &[], "1000 In Allow 6 LocalPorts http", INVALID),
        ("9.5", &[], "1000 In Allow 6 LocalPorts 80,-", INVALID),
        ("9.5", &[], "1000 In Allow 6 Id some-text", None),
        ("9.5", &[], "1000 In Allow 6 ID some-text", JSON),
        ("9.5", &["settings=lenient"], "1000 In Allow 6 ID some-text", None),
    ];
    for (version, knobs, text, answer) in table {
        let net = bridge(version, knobs);
        let answered = code(net.hns.modify(Kind::Endpoint, net.pod, &request("Add", &[acl(text)])));
        assert_eq!(answered, *answer, "HNS {version} {knobs:?}: {text}");
    }
}

#[test]
fn acls_before_lists() {
    let table: &[(&str, Value, Option<ErrorCode>)] = &[
        ("7.0", json!({ "RemoteAddresses": "10.0.0.0/8", "LocalPort": 80 }), None),
        ("7.0", json!({ "RemoteAddresses": "10.0.0.1,10.0.0.2" }), INVALID),
        ("7.0", json!({ "LocalPorts": "80,443" }), INVALID),
        ("7.0", json!({ "LocalPorts": "80-443" }), INVALID),
        ("7.0", json!({ "Id": "ignored", "SomethingElse": 1 }), None),
        ("7.2", json!({ "RemoteAddresses": "10.0.0.1,10.0.0.2", "LocalPorts": "80-90,443", "Id": "kept" }), None),
    ];
    for (version, members, answer) in table {
        let net = bridge(version, &[]);
        let mut acl = json!({ "Type": "ACL", "Protocol": 6, "Action": "Allow", "Direction": "In", "Priority": 1000, "RuleType": "Switch" });
        acl.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        let answered = v1(&net.hns, "POST", &format!("/endpoints/{}", net.pod), &json!({ "Policies": [acl] }));
        assert_eq!(answered.as_ref().err().copied(), *answer, "HNS {version}: {members}");
        if let Ok(document) = answered {
            let id = document["Policies"][0].get("Id");
            assert_eq!(id.is_some(), *version == "7.2", "HNS {version}: {document}");
        }
    }
}

#[test]
fn other_policies() {
    let table: &[(&str, Value, Option<ErrorCode>)] = &[
        ("9.5", json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["172.17.0.1/16"] } }), None),
        ("13.3", json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["172.17.0.1/16"] } }), INVALID),
        ("13.3", json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["172.17.0.0/16"] } }), None),
        ("13.3", json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["fd00::/64"] } }), INVALID),
        (
            "9.5",
            json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.96.0.0" , "NextHop": "here" } }),
            INVALID,
        ),
        ("9.5", json!({ "Type": "ProviderAddress", "Settings": {} }), INVALID),
        ("9.5", json!({ "Type": "NoSuchPolicy", "Settings": {} }), Some(ErrorCode::INVALID_POLICY_TYPE)),
        ("9.5", json!({ "Type": "RemoteSubnetRoute", "Settings": {} }), Some(ErrorCode::INVALID_POLICY_TYPE)),
        ("9.2", json!({ "Type": "L4Proxy", "Settings": {} }), Some(ErrorCode::INVALID_POLICY_TYPE)),
        ("9.5", json!({ "Type": "L4Proxy", "Settings": { "IP": "10.0.0.1", "Port": "80" } }), None),
        ("9.5", json!({ "Settings": {} }), INVALID),
        ("9.5", json!({ "Type": "ACL", "Extra": 1 }), JSON),
        ("9.5", json!("ACL"), JSON),
    ];
    for (version, policy, answer) in table {
        let net = bridge(version, &[]);
        let answered = code(net.hns.modify(Kind::Endpoint, net.pod, &request("Add", std::slice::from_ref(policy))));
        assert_eq!(answered, *answer, "HNS {version}: {policy}");
    }
}

#[test]
fn networks() {
    let subnet = |prefix: &str| json!({ "IpAddressPrefix": prefix, "Routes": [{ "NextHop": prefix.replace("0/24", "1"), "DestinationPrefix": "0.0.0.0/0" }] });
    let network = |kind: &str, subnets: &[&Value]| json!({ "Name": "n", "Type": kind, "Ipams": [{ "Type": "Static", "Subnets": subnets }], "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let (v4, v6) = (subnet("10.1.0.0/24"), subnet("fd01::/64"));
    let table: &[(&str, Value, Option<ErrorCode>)] = &[
        ("9.5", network("L2Bridge", &[&v4]), None),
        ("15.4", network("L2Bridge", &[]), Some(ErrorCode::SUBNET_NOT_FOUND)),
        ("13.3", network("L2Bridge", &[&v6]), Some(ErrorCode::ADAPTER_NOT_FOUND)),
        ("13.3", network("L2Bridge", &[&v4, &v6]), None),
        ("9.5", network("L2Bridge", &[&v4, &v6]), Some(ErrorCode::INVALID_NETWORK)),
        ("13.3", network("Overlay", &[&v4, &v6]), Some(ErrorCode::INVALID_NETWORK)),
        ("9.5", network("NAT", &[&subnet("172.22.16.0/16")]), Some(ErrorCode::INVALID_NETWORK)),
        ("9.5", network("NAT", &[]), None),
        ("9.5", network("l2bridge", &[&v4]), Some(ErrorCode::INVALID_NETWORK_TYPE)),
        ("9.5", network("Bridge", &[&v4]), Some(ErrorCode::INVALID_NETWORK_TYPE)),
        ("9.5", network("L2Bridge", &[&subnet("10.1.0.0/40")]), Some(ErrorCode::INVALID_PREFIX)),
        ("9.5", json!({ "Nmae": "n", "SchemaVersion": { "Major": 2 } }), JSON),
        ("9.5", json!({ "Name": "n", "SchemaVersion": { "Major": 3, "Minor": 0 } }), JSON),
        ("9.5", json!({ "Name": 5, "SchemaVersion": { "Major": 2 } }), JSON),
    ];
    for (version, document, answer) in table {
        let hns = emulator(version, &[]);
        assert_eq!(
            code(hns.create(Kind::Network, None, Guid::ZERO, &document.to_string())),
            *answer,
            "HNS {version}: {document}"
        );
    }
    let hns = emulator("9.5", &[]);
    let id = hns.create(Kind::Network, None, Guid(7), &network("NAT", &[]).to_string()).expect("a network");
    assert_eq!(
        code(hns.create(Kind::Network, None, id, &network("NAT", &[]).to_string())),
        Some(ErrorCode::NETWORK_ALREADY_EXISTS)
    );
}

#[test]
fn addresses() {
    let v2 = |address: &str| json!({ "IpConfigurations": [{ "IpAddress": address }], "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let table: &[(&str, Option<ErrorCode>, Option<ErrorCode>)] = &[
        ("10.0.0.30", None, None),
        ("10.0.1.30", Some(ErrorCode::INVALID_IP), Some(ErrorCode::INVALID_IP)),
        ("10.0.0", Some(ErrorCode::INVALID_IP), Some(ErrorCode::INVALID_IP)),
        // The network's, the gateway's, the broadcast address, the pod's.
        ("10.0.0.0", Some(ErrorCode::ADDRESS_INVALID_OR_RESERVED), Some(ErrorCode::OBJECT_ALREADY_EXISTS)),
        ("10.0.0.1", Some(ErrorCode::ADDRESS_INVALID_OR_RESERVED), Some(ErrorCode::OBJECT_ALREADY_EXISTS)),
        ("10.0.0.255", Some(ErrorCode::ADDRESS_INVALID_OR_RESERVED), Some(ErrorCode::OBJECT_ALREADY_EXISTS)),
        ("10.0.0.10", Some(ErrorCode::ADDRESS_INVALID_OR_RESERVED), Some(ErrorCode::OBJECT_ALREADY_EXISTS)),
    ];
    for (address, by_v2, by_v1) in table {
        let net = bridge("9.5", &[]);
        let answered = code(net.hns.create(Kind::Endpoint, Some(net.network), Guid::ZERO, &v2(address).to_string()));
        assert_eq!(answered, *by_v2, "V2 {address}");
        let net = bridge("9.5", &[]);
        let document = json!({ "Name": "e", "VirtualNetwork": net.network, "IPAddress": address });
        assert_eq!(v1(&net.hns, "POST", "/endpoints/", &document).err(), *by_v1, "V1 {address}");
    }
    // A name is taken once, by V1.
    let net = bridge("9.5", &[]);
    let named = json!({ "Name": "pod", "VirtualNetworkName": "net" });
    assert_eq!(v1(&net.hns, "POST", "/endpoints/", &named).err(), Some(ErrorCode::OBJECT_ALREADY_EXISTS));
    // A remote endpoint is where it likes, beside a local one, not beside another remote one.
    let remote = |address: &str| json!({ "Name": "r", "IpConfigurations": [{ "IpAddress": address }], "Flags": 1, "SchemaVersion": { "Major": 2 } });
    for (address, answer) in
        [("10.0.0.10", None), ("10.9.9.9", None), ("10.9.9.9", Some(ErrorCode::ADDRESS_INVALID_OR_RESERVED))]
    {
        let answered =
            code(net.hns.create(Kind::Endpoint, Some(net.network), Guid::ZERO, &remote(address).to_string()));
        assert_eq!(answered, answer, "remote {address}");
    }
    // A prefix of 32 bits, and two families, from their versions on.
    for (version, length, answer) in
        [("9.2", 32, Some(ErrorCode::INVALID_PREFIX)), ("9.5", 32, None), ("9.5", 33, Some(ErrorCode::INVALID_PREFIX))]
    {
        let net = bridge(version, &[]);
        let document = json!({ "IpConfigurations": [{ "IpAddress": "10.0.0.40", "PrefixLength": length }], "SchemaVersion": { "Major": 2 } });
        let answered = code(net.hns.create(Kind::Endpoint, Some(net.network), Guid::ZERO, &document.to_string()));
        assert_eq!(answered, answer, "HNS {version} /{length}");
    }
}

#[test]
fn records() {
    let net = bridge("9.5", &[]);
    let hns = &net.hns;
    let missing = Guid(1);
    let create = |kind, document: &str| hns.create(kind, Some(net.network), Guid::ZERO, document).map(drop);
    let table: Vec<(Result<(), margay_hcn::Failure>, &str)> = vec![
        (
            hns.query(Kind::Namespace, missing, "").map(drop),
            r#"{"Success":false,"Error":"Element not found. ","ErrorCode":2147943568}"#,
        ),
        (
            create(Kind::Namespace, r#"{"CreateWithCompartment":true,"SchemaVersion":{"Major":2,"Minor":0}}"#),
            r#"{"Success":false,"Error":"Invalid JSON document string. {{CreateWithCompartment,UnknownField}}","ErrorCode":2151350299}"#,
        ),
        (
            create(Kind::Network, r#"{"Type":"L2Bridge","SchemaVersion":{"Major":2,"Minor":0}}"#),
            r#"{"Success":false,"Error":"The network does not have a subnet for this endpoint. ","ErrorCode":2151350277}"#,
        ),
        (
            create(
                Kind::Endpoint,
                r#"{"IpConfigurations":[{"IpAddress":"10.0.0.1"}],"SchemaVersion":{"Major":2,"Minor":0}}"#,
            ),
            r#"{"Success":false,"Error":"An address provided is invalid or reserved. ","ErrorCode":2151350319}"#,
        ),
        (
            hns.delete(Kind::Endpoint, missing),
            r#"{"Success":false,"Error":"the endpoint was not found. ","ErrorCode":2151350274}"#,
        ),
        (
            create(Kind::Network, "{"),
            r#"{"Success":false,"Error":"Invalid JSON document string.","ErrorCode":2151350299}"#,
        ),
    ];
    for (answer, record) in table {
        assert_eq!(answer.expect_err("it is refused").record, record);
    }
    // V1 says the same by an envelope, or by the result of the call.
    let envelope = hns.call("POST", "/endpoints/x/ApplyPolicy", "").expect("the call comes back");
    assert_eq!(envelope, r#"{"Success":false,"Error":"a GUID could not be read. ","ErrorCode":2151350297}"#);
    let hns = emulator("9.5", &["v1-errors=result"]);
    let failure = hns.call("GET", "/nothing", "").expect_err("it fails");
    assert_eq!((failure.code, failure.record.as_str()), (ErrorCode::REQUEST_UNSUPPORTED, ""));
}

#[test]
fn paths() {
    let net = bridge("9.5", &[]);
    let pod = net.pod;
    let unsupported = Some(ErrorCode::REQUEST_UNSUPPORTED);
    let table = [
        ("GET", "/globals/version".to_owned(), None),
        ("GET", "/networks".to_owned(), None),
        ("GET", "/networks/".to_owned(), None),
        ("GET", format!("/endpoints/{pod:#}"), None),
        ("GET", format!("/endpoints/{pod}/"), None),
        ("GET", format!("/endpointstats/{pod}"), None),
        ("POST", format!("/endpoints/{pod}/ApplyPolicy"), unsupported),
        ("POST", format!("/endpoints/{pod}/Update"), unsupported),
        ("PUT", "/networks/".to_owned(), unsupported),
        ("GET", "/portpools/".to_owned(), unsupported),
        ("GET", String::new(), unsupported),
        ("GET", "/endpoints/nobody".to_owned(), Some(ErrorCode::GUID_CONVERSION_FAILURE)),
        ("GET", format!("/endpoints/{}", Guid(1)), Some(ErrorCode::ENDPOINT_NOT_FOUND)),
        ("DELETE", format!("/policylists/{}", Guid(1)), Some(ErrorCode::ELEMENT_NOT_FOUND)),
        ("DELETE", format!("/endpoints/{pod}"), None),
    ];
    for (method, path, answer) in table {
        assert_eq!(v1(&net.hns, method, &path, &Value::Null).err(), answer, "{method} {path}");
    }
}

#[test]
fn without_vfp_there_are_no_routes_and_acls_are_inert() {
    for (knob, answer, says) in [("vfp=present", None, "drop"), ("vfp=absent", INVALID, "allow")] {
        let net = bridge("15.4", &[knob]);
        let route = json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.96.0.0/12" } });
        assert_eq!(code(net.hns.modify(Kind::Endpoint, net.pod, &request("Add", &[route]))), answer, "{knob}");
        net.acls(&["1000 In Block 256"]);
        assert_eq!(net.says(margay_vfp::Direction::In, "TCP 10.0.0.20:1 10.0.0.10:80"), says, "{knob}");
    }
}

#[test]
fn documents_of_v1_that_are_none() {
    let net = bridge("9.5", &[]);
    let (incorrect, json_error) = (Some(ErrorCode::INVALID_PARAMETER), Some(ErrorCode::INVALID_JSON));
    for (body, answer) in [
        ("[]", incorrect),
        ("", incorrect),
        (r#"{"Name":7}"#, incorrect),
        (r#"{"Subnets":{}}"#, incorrect),
        ("{", json_error),
    ] {
        let envelope: Value =
            serde_json::from_str(&net.hns.call("POST", "/networks/", body).expect("it comes back")).expect("JSON");
        assert_eq!(envelope["ErrorCode"].as_u64().map(|code| ErrorCode(code as u32)), answer, "{body}");
    }
}

#[test]
fn v2_is_absent_before_9_2() {
    for (version, answer) in
        [("7.0", Some(ErrorCode::NOT_IMPLEMENTED)), ("7.2", Some(ErrorCode::NOT_IMPLEMENTED)), ("9.2", None)]
    {
        assert_eq!(code(emulator(version, &[]).enumerate(Kind::Network, "")), answer, "HNS {version}");
    }
}

#[test]
fn what_is_missing_says_so_in_two_ways() {
    for (knob, answer) in [
        ("missing=specific", ErrorCode::ENDPOINT_NOT_FOUND),
        ("missing=element-not-found", ErrorCode::ELEMENT_NOT_FOUND),
    ] {
        assert_eq!(code(emulator("9.5", &[knob]).query(Kind::Endpoint, Guid(9), "")), Some(answer), "{knob}");
    }
}

#[test]
fn knobs_are_turned_by_name() {
    let knobs = knobs_of(&["tie-break=reverse", "acl-change=reset"]);
    let settings = knobs.settings();
    assert!(settings.contains(&"tie-break=reverse".to_owned()) && settings.contains(&"state=stateful".to_owned()));
    assert_eq!(knobs_of(&settings.iter().map(String::as_str).collect::<Vec<_>>()), knobs);
    for text in ["tie-break", "tie-break=", "tie-break=never", "nothing=at-all"] {
        let error = margay_vfp::Knobs::default().set(text).expect_err("no such knob");
        assert!(error.to_string().starts_with(&format!("{text:?} sets no knob")), "{error}");
    }
}
