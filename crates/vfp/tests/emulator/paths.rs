//! The whole way of a packet.

use crate::support::{Bridge, acl, bridge, ip, on, packet_of, request};
use margay_hcn::{Guid, Kind, Service};
use margay_vfp::{Encapsulation, Exit, NetworkKind, Packet};
use serde_json::{Value, json};

const TO_SERVICE: &str = "TCP 10.0.0.10:40000 10.96.0.1:80";

fn balance(net: &Bridge, endpoints: &[Guid], flags: u32, distribution: u64) {
    let document = json!({ "HostComputeEndpoints": endpoints, "FrontendVIPs": ["10.96.0.1"], "Flags": flags,
        "PortMappings": [{ "Protocol": 6, "InternalPort": 8080, "ExternalPort": 80, "DistributionType": distribution }],
        "SchemaVersion": { "Major": 2, "Minor": 0 } });
    net.hns.create(Kind::LoadBalancer, None, Guid::ZERO, &document.to_string()).expect("a load balancer");
}

fn policies(net: &Bridge, kind: Kind, id: Guid, policies: &[Value]) {
    net.hns.modify(kind, id, &request("Add", policies)).expect("policies are taken");
}

#[test]
fn from_pod_to_pod() {
    let net = bridge("13.3", &[]);
    let to_other = packet_of("TCP 10.0.0.10:40000 10.0.0.20:80");
    let arrives = |packet: &Packet| net.hns.deliver(net.pod, packet).arrived();
    assert!(arrives(&to_other));
    // The receiver's rules, then the sender's.
    policies(&net, Kind::Endpoint, net.other, &[acl("1000 In Allow 6 LocalPorts 80"), acl("65000 In Block 256")]);
    assert!(arrives(&to_other) && !arrives(&to_other.ports(40000, 81)));
    net.acls(&["1000 Out Block 6 RemotePorts 80", "65000 Out Allow 256", "65000 In Block 256"]);
    assert!(!arrives(&to_other.ports(40001, 80)));
}

#[test]
fn a_service_is_seen_as_its_backend_or_as_itself() {
    for (knob, rule, arrives) in [
        ("balance-first", "1000 Out Allow 6 RemoteAddresses 10.0.0.20 RemotePorts 8080", true),
        ("balance-first", "1000 Out Allow 6 RemoteAddresses 10.96.0.1 RemotePorts 80", false),
        ("acl-first", "1000 Out Allow 6 RemoteAddresses 10.0.0.20 RemotePorts 8080", false),
        ("acl-first", "1000 Out Allow 6 RemoteAddresses 10.96.0.1 RemotePorts 80", true),
    ] {
        let net = bridge("13.3", &[&format!("layer-order={knob}")]);
        balance(&net, &[net.other], 1, 0);
        net.acls(&[rule, "65000 Out Block 256", "65000 In Block 256"]);
        let there = packet_of(TO_SERVICE);
        let delivery = net.hns.deliver(net.pod, &there);
        assert_eq!(delivery.arrived(), arrives, "{knob}, {rule}");
        if !arrives {
            continue;
        }
        let (to, _, received) = delivery.received.expect("it was received");
        assert_eq!((to, received), (net.other, packet_of("TCP 10.0.0.10:40000 10.0.0.20:8080")));
        // The answer comes from the service, as the pod sees it, and belongs to the flow.
        let (decision, answer) = net.hns.receive(net.pod, &received.reply());
        assert!(decision.allowed(), "{knob}: {decision}");
        assert_eq!(answer, there.reply(), "{knob}");
    }
}

#[test]
fn connections_stay_with_their_backend() {
    let net = bridge("13.3", &[]);
    let third = net.hns.add_endpoint(net.network, "third", &[ip("10.0.0.30")]).expect("an endpoint");
    balance(&net, &[net.other, third], 1, 0);
    let backend = |port: u16| net.hns.send(net.pod, &packet_of(TO_SERVICE).ports(port, 80)).packet.destination;
    let chosen: Vec<_> = (1000..1064).map(backend).collect();
    assert!(chosen.contains(&ip("10.0.0.20")) && chosen.contains(&ip("10.0.0.30")));
    assert_eq!((1000..1064).map(backend).collect::<Vec<_>>(), chosen);
    // One goes away: its connections go to the other.
    net.hns.remove_endpoint(third).expect("it is there");
    assert!((1000..1064).all(|port| backend(port) == ip("10.0.0.20")));
}

#[test]
fn by_source_all_connections_go_to_one_backend() {
    let net = bridge("13.3", &[]);
    let third = net.hns.add_endpoint(net.network, "third", &[ip("10.0.0.30")]).expect("an endpoint");
    balance(&net, &[net.other, third], 1, 2);
    let backend = |port: u16| net.hns.send(net.pod, &packet_of(TO_SERVICE).ports(port, 80)).packet.destination;
    assert!((1000..1064).all(|port| backend(port) == backend(1000)));
}

#[test]
fn without_direct_return_the_source_is_the_host() {
    for (flags, source) in [(0, "192.168.0.4"), (1, "10.0.0.10")] {
        let net = bridge("13.3", &[]);
        balance(&net, &[net.other], flags, 0);
        assert_eq!(net.hns.send(net.pod, &packet_of(TO_SERVICE)).packet.source, ip(source), "flags {flags}");
    }
}

#[test]
fn where_packets_leave() {
    let net = on(NetworkKind::Overlay, "9.5", &[]);
    let route = |prefix: &str, provider: &str| {
        json!({ "Type": "RemoteSubnetRoute", "Settings": { "DestinationPrefix": prefix, "IsolationId": 4096,
            "ProviderAddress": provider, "DistributedRouterMacAddress": "66-a5-cc-c1-86-97" } })
    };
    policies(
        &net,
        Kind::Network,
        net.network,
        &[route("10.2.0.0/16", "192.168.0.5"), route("10.2.3.0/24", "192.168.0.6")],
    );
    policies(
        &net,
        Kind::Endpoint,
        net.pod,
        &[
            json!({ "Type": "OutBoundNAT", "Settings": { "Exceptions": ["10.0.0.0/8"] } }),
            json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.96.0.0/12", "NextHop": "192.168.0.4", "NeedEncap": true } }),
        ],
    );
    let remote = net.hns.add_remote_endpoint(net.network, "remote", &[ip("10.2.3.9")]).expect("an endpoint");
    policies(
        &net,
        Kind::Endpoint,
        remote,
        &[json!({ "Type": "ProviderAddress", "Settings": { "ProviderAddress": "192.168.0.7" } })],
    );
    let by_route = |provider: &str| {
        let (provider_address, mac) = (Some(ip(provider)), Some("66-a5-cc-c1-86-97".to_owned()));
        Exit::Encapsulated(Encapsulation { provider_address, isolation_id: Some(4096), mac })
    };
    let encapsulation = Encapsulation { provider_address: Some(ip("192.168.0.4")), ..Encapsulation::default() };
    for (destination, exit) in [
        ("10.0.0.20", Exit::Local(net.other)),
        ("10.2.0.9", by_route("192.168.0.5")),
        ("10.2.3.4", by_route("192.168.0.6")),
        ("10.2.3.9", by_route("192.168.0.7")),
        ("10.97.0.1", Exit::Encapsulated(encapsulation)),
        ("10.3.0.1", Exit::Wire { source_nat: false }),
        ("192.0.2.1", Exit::Wire { source_nat: true }),
    ] {
        let sent = net.hns.send(net.pod, &packet_of(&format!("TCP 10.0.0.10:1 {destination}:80")));
        assert_eq!(sent.exit, Some(exit), "to {destination}");
    }
    net.acls(&["65000 Out Block 256", "65000 In Block 256"]);
    assert_eq!(net.hns.send(net.pod, &packet_of("TCP 10.0.0.10:2 10.0.0.20:80")).exit, None);
}
