//! Documents as they go in by one door and come out by the other.

use crate::support::{acl, bridge, emulator, request, v1, v2};
use expect_test::expect;
use margay_hcn::{Guid, Kind, Service, Version};
use margay_vfp::{Emulator, NetworkKind};
use serde_json::{Value, json};

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).expect("JSON")
}

#[test]
fn an_acl_of_v2_seen_from_v1() {
    let net = bridge("9.5", &[]);
    let policies = [
        acl(
            "1000 In Allow 6 LocalAddresses 10.0.0.10 RemoteAddresses 10.0.0.0/24,10.1.0.1 LocalPorts 80,8000-8080 Id web",
        ),
        acl("65500 In Block 256"),
    ];
    net.hns.modify(Kind::Endpoint, net.pod, &request("Update", &policies)).expect("policies are taken");
    let document = v1(&net.hns, "GET", &format!("/endpoints/{}", net.pod), &Value::Null).expect("an endpoint");
    expect![[r#"
        [
          {
            "Action": "Allow",
            "Direction": "In",
            "InternalPort": 0,
            "LocalAddresses": "10.0.0.10",
            "Priority": 1000,
            "RemoteAddresses": "10.0.0.0/24,10.1.0.1",
            "RuleType": "Switch",
            "Scope": 0,
            "ServiceName": "",
            "Type": "ACL",
            "Id": "web",
            "Protocol": 6,
            "LocalPorts": "80,8000-8080",
            "RemotePort": 0
          },
          {
            "Action": "Block",
            "Direction": "In",
            "InternalPort": 0,
            "LocalAddresses": "",
            "Priority": 65500,
            "RemoteAddresses": "",
            "RuleType": "Switch",
            "Scope": 0,
            "ServiceName": "",
            "Type": "ACL",
            "Id": "",
            "Protocol": 256,
            "LocalPort": 0,
            "RemotePort": 0
          }
        ]"#]]
    .assert_eq(&pretty(&document["Policies"]));
}

#[test]
fn policies_of_v1_seen_from_v2() {
    let net = bridge("9.5", &[]);
    let policies = json!([
        { "Type": "OutBoundNAT", "ExceptionList": ["10.0.0.0/8"], "VIP": "192.168.0.4" },
        { "Type": "ROUTE", "DestinationPrefix": "10.96.0.0/12", "NeedEncap": true },
        { "Type": "PA", "PA": "192.168.0.4" },
        { "Type": "NAT", "Protocol": "TCP", "InternalPort": 80, "ExternalPort": 8080 },
        { "Type": "ACL", "Protocol": 17, "Action": "Allow", "Direction": "Out", "RemotePort": 53, "Priority": 1000, "RuleType": "Switch", "Extra": [] },
    ]);
    let document = json!({ "Name": "e", "VirtualNetwork": format!("{:#}", net.network), "IPAddress": "10.0.0.30", "Policies": policies });
    let made = v1(&net.hns, "POST", "/endpoints/", &document).expect("it is made");
    let id: Guid = made["ID"].as_str().expect("an id").parse().expect("a GUID");
    expect![[r#"
        [
          {
            "Type": "OutBoundNAT",
            "Settings": {
              "Exceptions": [
                "10.0.0.0/8"
              ],
              "VirtualIP": "192.168.0.4"
            }
          },
          {
            "Type": "SDNRoute",
            "Settings": {
              "DestinationPrefix": "10.96.0.0/12",
              "NeedEncap": true
            }
          },
          {
            "Type": "ProviderAddress",
            "Settings": {
              "ProviderAddress": "192.168.0.4"
            }
          },
          {
            "Type": "PortMapping",
            "Settings": {
              "Protocol": 6,
              "InternalPort": 80,
              "ExternalPort": 8080
            }
          },
          {
            "Type": "ACL",
            "Settings": {
              "Action": "Allow",
              "Direction": "Out",
              "RuleType": "Switch",
              "Protocols": "17",
              "RemotePorts": "53",
              "Priority": 1000
            }
          }
        ]"#]]
    .assert_eq(&pretty(&v2(&net.hns, Kind::Endpoint, id)["Policies"]));
    // And back, in the words of V1.
    let back = v1(&net.hns, "GET", &format!("/endpoints/{id}"), &Value::Null).expect("an endpoint");
    for (at, policy) in policies.as_array().expect("a list").iter().enumerate().take(4) {
        assert_eq!(back["Policies"][at], *policy, "policy {at}");
    }
}

#[test]
fn an_endpoint_of_v1_seen_from_both() {
    let net = bridge("13.3", &[]);
    let document = json!({
        "Name": "e", "VirtualNetworkName": "net", "IPAddress": "10.0.0.30", "IPv6Address": "fd00::30", "MacAddress": "0E-2A-0a-00-00-1e",
        "DNSServerList": "10.96.0.10,10.96.0.11", "DNSSuffix": "svc.cluster.local", "DisableICC": "true",
    });
    let made = v1(&net.hns, "POST", "/endpoints/", &document).expect("it is made");
    let id: Guid = made["ID"].as_str().expect("an id").parse().expect("a GUID");
    for (member, value) in [
        ("ID", json!(format!("{id:#}"))),
        ("VirtualNetwork", json!(format!("{:#}", net.network))),
        ("VirtualNetworkName", json!("net")),
        ("IPAddress", json!("10.0.0.30")),
        ("PrefixLength", json!(24)),
        ("GatewayAddress", json!("10.0.0.1")),
        ("IPv6Address", json!("fd00::30")),
        ("IPv6PrefixLength", json!(64)),
        ("GatewayAddressV6", json!("fd00::1")),
        ("MacAddress", json!("0E-2A-0a-00-00-1e")),
        ("DNSServerList", json!("10.96.0.10,10.96.0.11")),
        ("DisableICC", json!(true)),
        ("IsRemoteEndpoint", json!(false)),
        ("State", json!(1)),
        ("Version", json!(55_834_574_851_u64)),
    ] {
        assert_eq!(made[member], value, "V1 {member}");
    }
    let port = &made["Resources"]["Allocators"][0]["EndpointPortGuid"];
    assert!(port.as_str().is_some_and(|port| port.parse::<Guid>().is_ok()), "{port}");
    let seen = v2(&net.hns, Kind::Endpoint, id);
    for (member, value) in [
        ("ID", json!(id.to_string())),
        ("HostComputeNetwork", json!(net.network.to_string())),
        (
            "IpConfigurations",
            json!([{ "IpAddress": "10.0.0.30", "PrefixLength": 24 }, { "IpAddress": "fd00::30", "PrefixLength": 64 }]),
        ),
        ("Dns", json!({ "Search": ["svc.cluster.local"], "ServerList": ["10.96.0.10", "10.96.0.11"] })),
        ("Flags", json!(2)),
        ("SchemaVersion", json!({ "Major": 2, "Minor": 11 })),
    ] {
        assert_eq!(seen[member], value, "V2 {member}");
    }
    // What has no address and no MAC gets them.
    let bare = v1(&net.hns, "POST", "/endpoints/", &json!({ "Name": "bare", "VirtualNetworkName": "net" }))
        .expect("it is made");
    assert_eq!(bare["IPAddress"], "10.0.0.2");
    assert!(bare["MacAddress"].as_str().is_some_and(|mac| mac.starts_with("00-15-5D-") && mac.len() == 17), "{bare}");
}

#[test]
fn networks_by_either_door() {
    let hns = emulator("9.5", &[]);
    let of_v1 = json!({ "Type": "l2bridge", "Name": "cbr0", "NetworkAdapterName": "Ethernet", "Unknown": 1,
        "Subnets": [{ "AddressPrefix": "10.1.0.0/24", "GatewayAddress": "10.1.0.1", "Policies": [{ "Type": "VLAN", "VLAN": 7 }] }] });
    let of_v2 = json!({ "Type": "L2Bridge", "Name": "cbr0", "Policies": [{ "Type": "NetAdapterName", "Settings": { "NetworkAdapterName": "Ethernet" } }],
        "Ipams": [{ "Type": "Static", "Subnets": [{ "IpAddressPrefix": "10.1.0.0/24", "Routes": [{ "NextHop": "10.1.0.1", "DestinationPrefix": "0.0.0.0/0" }],
        "Policies": [{ "Type": "VLAN", "Settings": { "IsolationId": 7 } }] }] }], "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let by_v1 = v1(&hns, "POST", "/networks/", &of_v1).expect("it is made");
    let made: Vec<Guid> = vec![
        by_v1["ID"].as_str().expect("an id").parse().expect("a GUID"),
        // V1's form, by V2.
        hns.create(Kind::Network, None, Guid::ZERO, &of_v1.to_string()).expect("it is made"),
        hns.create(Kind::Network, None, Guid::ZERO, &of_v2.to_string()).expect("it is made"),
    ];
    let shown = |id: &Guid| {
        let mut document = v2(&hns, Kind::Network, *id);
        document["ID"] = Value::Null;
        document
    };
    assert_eq!(shown(&made[0]), shown(&made[1]));
    assert_eq!(shown(&made[0]), shown(&made[2]));
    for (member, value) in [
        ("Type", json!("L2Bridge")),
        ("NetworkAdapterName", json!("Ethernet")),
        ("ManagementIP", json!("192.168.0.4")),
        ("Version", json!(38_654_705_669_u64)),
        (
            "Subnets",
            json!([{ "AddressPrefix": "10.1.0.0/24", "GatewayAddress": "10.1.0.1", "Policies": [{ "VLAN": 7, "Type": "VLAN" }] }]),
        ),
    ] {
        assert_eq!(by_v1[member], value, "{member}");
    }
    // The sample of hcsshim's test: NAT, by V1's form, whose type V2 leaves out.
    let nat = json!({ "Type": "NAT", "Name": "nat", "MacPools": [{ "StartMacAddress": "00-15-5D-52-C0-00", "EndMacAddress": "00-15-5D-52-CF-FF" }],
        "Subnets": [{ "AddressPrefix": "192.168.100.0/24", "GatewayAddress": "192.168.100.1" }] });
    let id = hns.create(Kind::Network, None, Guid::ZERO, &nat.to_string()).expect("it is made");
    let document = v2(&hns, Kind::Network, id);
    assert_eq!((document.get("Type"), &document["MacPool"]["Ranges"]), (None, &nat["MacPools"]));
}

#[test]
fn an_overlay_gets_a_router_and_an_address() {
    let hns = emulator("9.5", &[]);
    let id = hns
        .add_network(NetworkKind::Overlay, "vxlan0", &["10.1.0.0/24".parse().expect("a prefix")])
        .expect("a network");
    let route = json!({ "Type": "RemoteSubnetRoute", "Settings": { "DestinationPrefix": "10.2.0.0/24", "IsolationId": 4096,
        "ProviderAddress": "192.168.0.5", "DistributedRouterMacAddress": "66-a5-cc-c1-86-97" } });
    hns.modify(Kind::Network, id, &request("Add", &[route.clone(), json!({ "Type": "HostRoute", "Settings": {} })]))
        .expect("policies are taken");
    let types = |hns: &Emulator| -> Vec<String> {
        let policies = v2(hns, Kind::Network, id)["Policies"].as_array().expect("a list").clone();
        policies.iter().map(|policy| policy["Type"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(types(&hns), ["DrMacAddress", "ProviderAddress", "RemoteSubnetRoute", "HostRoute"]);
    hns.modify(Kind::Network, id, &request("Remove", &[route])).expect("the route goes");
    assert_eq!(types(&hns), ["DrMacAddress", "ProviderAddress", "HostRoute"]);
}

#[test]
fn queries_and_filters() {
    let net = bridge("9.5", &[]);
    let query =
        |filter: &str| json!({ "SchemaVersion": { "Major": 2, "Minor": 0 }, "Flags": 0, "Filter": filter }).to_string();
    let ids = |kind, filter: &str| -> Vec<Guid> {
        serde_json::from_str(&net.hns.enumerate(kind, &query(filter)).expect("ids")).expect("an array of ids")
    };
    let sorted = |mut ids: Vec<Guid>| {
        ids.sort();
        ids
    };
    assert_eq!(ids(Kind::Endpoint, ""), sorted(vec![net.pod, net.other]));
    let table: &[(Kind, Value, &[Guid])] = &[
        (Kind::Endpoint, json!({ "Name": "pod" }), &[net.pod]),
        (Kind::Endpoint, json!({ "ID": net.pod.to_string() }), &[net.pod]),
        (Kind::Endpoint, json!({ "ID": format!("{:#}", net.pod) }), &[net.pod]),
        (Kind::Endpoint, json!({ "VirtualNetwork": net.network, "Name": "other" }), &[net.other]),
        (Kind::Endpoint, json!({ "State": 3 }), &[]),
        (Kind::Endpoint, json!({ "State": 2, "IPAddress": "10.0.0.10" }), &[net.pod]),
        (Kind::Endpoint, json!({ "NoSuchMember": 1 }), &[]),
        (Kind::Network, json!({ "Name": "net" }), &[net.network]),
        (Kind::Namespace, json!({ "IsDefault": true }), &[]),
    ];
    for (kind, filter, wanted) in table {
        assert_eq!(ids(*kind, &filter.to_string()), *wanted, "{kind} {filter}");
    }
    let v1_shape = json!({ "SchemaVersion": { "Major": 1, "Minor": 0 } }).to_string();
    let document: Value =
        serde_json::from_str(&net.hns.query(Kind::Endpoint, net.pod, &v1_shape).expect("it is there")).expect("JSON");
    assert_eq!(document["ID"], format!("{:#}", net.pod));
    assert_eq!(document["IPAddress"], "10.0.0.10");
    let detailed = json!({ "Flags": 1 }).to_string();
    let document: Value =
        serde_json::from_str(&net.hns.query(Kind::Endpoint, net.pod, &detailed).expect("it is there")).expect("JSON");
    assert!(document["Health"]["Extra"]["Resources"]["Allocators"][0]["EndpointPortGuid"].is_string());
    for bad in ["[", "{\"Nope\":1}", "{\"Filter\":{}}", "{\"Filter\":\"[]\"}"] {
        assert!(net.hns.enumerate(Kind::Endpoint, bad).is_err(), "{bad}");
    }
}

#[test]
fn versions() {
    for version in Version::KNOWN {
        let answer =
            v1(&emulator(&version.to_string(), &[]), "GET", "/globals/version", &Value::Null).expect("a version");
        assert_eq!(answer, json!({ "Major": version.major, "Minor": version.minor }));
    }
}

#[test]
fn lists_read_back_as_sent_or_rewritten() {
    for (knob, addresses, ports) in [
        ("readback=as-sent", "10.0.0.9/32,10.0.0.0/30", "443,80"),
        ("readback=rewritten", "10.0.0.0/30,10.0.0.9", "443,80"),
    ] {
        let net = bridge("9.5", &[knob]);
        net.acls(&["1000 In Allow 6 RemoteAddresses 10.0.0.9/32,10.0.0.0/30 LocalPorts 443,80"]);
        let settings = &v2(&net.hns, Kind::Endpoint, net.pod)["Policies"][0]["Settings"];
        assert_eq!(
            (&settings["RemoteAddresses"], &settings["LocalPorts"]),
            (&json!(addresses), &json!(ports)),
            "{knob}"
        );
    }
}

#[test]
fn namespaces_hold_endpoints_and_containers() {
    let net = bridge("9.5", &[]);
    let hns = &net.hns;
    let add = |hns: &Emulator, namespace, endpoint: Guid, kind: &str| {
        hns.modify(
            Kind::Namespace,
            namespace,
            &json!({ "ResourceType": "Endpoint", "RequestType": kind, "Settings": { "EndpointId": endpoint } })
                .to_string(),
        )
    };
    let create = || {
        hns.create(Kind::Namespace, None, Guid::ZERO, r#"{"SchemaVersion":{"Major":2,"Minor":0},"Type":"Guest"}"#)
            .expect("a namespace")
    };
    let (one, two) = (create(), create());
    let fresh =
        v1(hns, "POST", "/endpoints/", &json!({ "Name": "fresh", "VirtualNetworkName": "net" })).expect("it is made");
    let fresh: Guid = fresh["ID"].as_str().expect("an id").parse().expect("a GUID");
    add(hns, one, fresh, "Add").expect("it joins");
    assert_eq!(
        add(hns, two, fresh, "Add").expect_err("it is in one").code,
        margay_hcn::ErrorCode::ENDPOINT_NAMESPACE_ALREADY_EXISTS
    );
    let document = v2(hns, Kind::Namespace, one);
    assert_eq!(document["Resources"], json!([{ "Type": "Endpoint", "Data": { "Id": fresh } }]));
    assert_eq!(document["NamespaceId"], 2);
    let seen = v2(hns, Kind::Endpoint, fresh);
    assert_eq!((&seen["HostComputeNamespace"], &seen["State"]), (&json!(one), &json!(3)));
    let of_v1 = v1(hns, "GET", &format!("/endpoints/{fresh}"), &Value::Null).expect("an endpoint");
    assert_eq!(of_v1["Namespace"], json!({ "ID": format!("{one:#}"), "IsDefault": false, "CompartmentId": 2 }));
    add(hns, one, fresh, "Remove").expect("it leaves");
    assert_eq!(v2(hns, Kind::Endpoint, fresh)["State"], 4);
    add(hns, two, fresh, "Add").expect("it joins another");
    hns.delete(Kind::Namespace, two).expect("the namespace goes");
    assert_eq!(v2(hns, Kind::Endpoint, fresh).get("HostComputeNamespace"), None);
    assert!(hns.delete(Kind::Namespace, two).is_err());
}

#[test]
fn attaching() {
    let net = bridge("9.5", &[]);
    let made =
        v1(&net.hns, "POST", "/endpoints/", &json!({ "Name": "e", "VirtualNetworkName": "net" })).expect("it is made");
    let path = format!("/endpoints/{}", made["ID"].as_str().expect("an id"));
    let host = json!({ "SystemType": "Host", "CompartmentId": 1 });
    let container = |name: &str| json!({ "SystemType": "Container", "ContainerId": name });
    for (verb, body, state) in [
        ("detach", Value::Null, Err(margay_hcn::ErrorCode::REQUEST_UNSUPPORTED)),
        ("attach", host.clone(), Ok(2)),
        ("attach", host.clone(), Err(margay_hcn::ErrorCode::ENDPOINT_ALREADY_ATTACHED)),
        ("detach", Value::Null, Ok(4)),
        ("attach", container("pause"), Ok(2)),
        ("attach", container("web"), Ok(3)),
        ("attach", container("web"), Err(margay_hcn::ErrorCode::ENDPOINT_ALREADY_ATTACHED)),
        ("detach", container("web"), Ok(3)),
        ("detach", container("pause"), Ok(4)),
    ] {
        let answer = v1(&net.hns, "POST", &format!("{path}/{verb}"), &body);
        assert_eq!(answer.map(|document| document["State"].as_u64().unwrap_or_default()), state, "{verb} {body}");
    }
}

#[test]
fn load_balancers_by_either_door() {
    let net = bridge("15.4", &[]);
    let document = json!({ "HostComputeEndpoints": [net.pod], "SourceVIP": "10.0.0.99", "FrontendVIPs": ["10.96.0.1"],
        "PortMappings": [{ "Protocol": 6, "InternalPort": 8080, "ExternalPort": 80, "DistributionType": 2, "Flags": 1 }],
        "Flags": 1, "SchemaVersion": { "Major": 2, "Minor": 0 } });
    let id = net.hns.create(Kind::LoadBalancer, None, Guid::ZERO, &document.to_string()).expect("it is made");
    let list = v1(&net.hns, "GET", &format!("/policylists/{id}"), &Value::Null).expect("a policy list");
    let elb = json!({ "Type": "ELB", "SourceVIP": "10.0.0.99", "VIPs": ["10.96.0.1"], "ILB": true, "IsDSR": true, "Protocol": 6, "InternalPort": 8080, "ExternalPort": 80 });
    assert_eq!(list["Policies"], json!([elb]));
    assert_eq!(list["References"], json!([format!("/endpoints/{:#}", net.pod)]));
    let again = v1(&net.hns, "POST", "/policylists/", &json!({ "References": list["References"], "Policies": [elb] }))
        .expect("it is made");
    let again: Guid = again["ID"].as_str().expect("an id").parse().expect("a GUID");
    assert_eq!(v2(&net.hns, Kind::LoadBalancer, again)["FrontendVIPs"], json!(["10.96.0.1"]));
    // In place from 15.4 on.
    let mut changed = document.clone();
    changed["FrontendVIPs"] = json!(["10.96.0.2"]);
    net.hns.modify(Kind::LoadBalancer, id, &changed.to_string()).expect("it changes");
    assert_eq!(v2(&net.hns, Kind::LoadBalancer, id)["FrontendVIPs"], json!(["10.96.0.2"]));
    let before = bridge("13.3", &[]);
    changed["HostComputeEndpoints"] = json!([before.pod]);
    let id = before.hns.create(Kind::LoadBalancer, None, Guid::ZERO, &changed.to_string()).expect("it is made");
    assert!(before.hns.modify(Kind::LoadBalancer, id, &changed.to_string()).is_err());
    before.hns.delete(Kind::LoadBalancer, id).expect("it goes");
    // Routes go in by either name of their list.
    for member in ["Routes", "Setting"] {
        let mut route = json!({ "HostComputeEndpoints": [net.pod], "SchemaVersion": { "Major": 2, "Minor": 0 } });
        route[member] = json!([{ "DestinationPrefix": "10.96.0.0/12", "NeedEncap": true }]);
        let id = net.hns.create(Kind::SdnRoute, None, Guid::ZERO, &route.to_string()).expect("it is made");
        assert_eq!(v2(&net.hns, Kind::SdnRoute, id)["Routes"], route[member], "{member}");
    }
}

#[test]
fn deleting_a_network_takes_its_endpoints() {
    let net = bridge("9.5", &[]);
    v1(&net.hns, "DELETE", &format!("/networks/{:#}", net.network), &Value::Null).expect("it goes");
    assert_eq!(net.hns.enumerate(Kind::Endpoint, "").expect("ids"), "[]");
    assert_eq!(net.hns.rules(net.pod).map(|_| ()), None);
}
