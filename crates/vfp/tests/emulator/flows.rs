//! What belongs to a flow that was let through.

use crate::support::{Bridge, bridge, packet_of};
use margay_vfp::Direction::{In, Out};
use margay_vfp::{Direction, Fragment, Packet, TcpFlags, Why};
use std::time::Duration;

const WEB: &str = "TCP 10.0.0.20:40000 10.0.0.10:80";
const ONLY_WEB: [&str; 3] = ["1000 In Allow 6 LocalPorts 80", "65000 In Block 256", "65000 Out Block 256"];

fn ask(net: &Bridge, direction: Direction, packet: &Packet) -> (String, Why) {
    let decision = net.hns.process(net.pod, direction, packet);
    (decision.verdict.to_string(), decision.why)
}

/// Gives the pod ACLs, then lets packets pass: direction, packet, what becomes of it, why.
fn check(knobs: &[&str], acls: &[&str], packets: &[(Direction, Packet, &str, Why)]) {
    let net = bridge("13.3", knobs);
    net.acls(acls);
    for (number, (direction, packet, verdict, why)) in packets.iter().enumerate() {
        assert_eq!(
            ask(&net, *direction, packet),
            ((*verdict).to_owned(), *why),
            "{knobs:?} packet {number}: {direction} {packet}"
        );
    }
}

#[test]
fn answers_pass() {
    let syn = packet_of(WEB);
    let ack = syn.flags(TcpFlags::ACK);
    check(
        &[],
        &ONLY_WEB,
        &[
            (Out, syn.reply(), "drop", Why::Rule),
            (In, syn, "allow", Why::Rule),
            (Out, syn.reply(), "allow", Why::Flow),
            (In, ack, "allow", Why::Flow),
            (Out, syn.reply().ports(81, 40000), "drop", Why::Rule),
            (Out, packet_of("TCP 10.0.0.10:40000 10.0.0.20:80"), "drop", Why::Rule),
        ],
    );
    let dns = packet_of("UDP 10.0.0.20:5353 10.0.0.10:53");
    check(
        &[],
        &["1000 In Allow 17", "65000 Out Block 256"],
        &[(In, dns, "allow", Why::Rule), (Out, dns.reply(), "allow", Why::Flow)],
    );
    // A request and its reply are a flow; another type of the same identifier is not.
    let mut echo = packet_of("ICMP 10.0.0.20 10.0.0.10");
    echo.icmp.id = 7;
    let mut own = echo.reply();
    own.icmp.kind = 8;
    let mut error = echo.reply();
    error.icmp.kind = 3;
    check(
        &[],
        &["1000 In Allow 1", "65000 Out Block 256"],
        &[
            (In, echo, "allow", Why::Rule),
            (Out, echo.reply(), "allow", Why::Flow),
            (Out, own, "drop", Why::Rule),
            (Out, error, "drop", Why::Rule),
        ],
    );
    let sctp = packet_of("132 10.0.0.20:9 10.0.0.10:9");
    check(
        &[],
        &["1000 In Allow 132", "65000 Out Block 256"],
        &[(In, sctp, "allow", Why::Rule), (Out, sctp.reply(), "allow", Why::Flow)],
    );
}

#[test]
fn answers_need_a_rule_under_the_other_reading() {
    let syn = packet_of(WEB);
    let knobs = ["state=reply-group-needs-rule"];
    check(&knobs, &["1000 In Allow 6"], &[(In, syn, "allow", Why::Rule), (Out, syn.reply(), "drop", Why::DefaultDeny)]);
    check(
        &knobs,
        &["1000 In Allow 6", "65000 Out Block 256"],
        &[(In, syn, "allow", Why::Rule), (Out, syn.reply(), "allow", Why::Flow)],
    );
    // A rule of the other family is not in the group of the answer.
    let v6_only = ["1000 In Allow 6", "65000 Out Block 256 RemoteAddresses fd00::/64"];
    check(&knobs, &v6_only, &[(In, syn, "allow", Why::Rule), (Out, syn.reply(), "drop", Why::DefaultDeny)]);
    check(&knobs, &[], &[(In, syn, "allow", Why::DefaultAllow), (Out, syn.reply(), "allow", Why::Flow)]);
}

#[test]
fn flows_end_240_seconds_after_their_last_packet() {
    let net = bridge("13.3", &[]);
    net.acls(&ONLY_WEB);
    let syn = packet_of(WEB);
    for (seconds, verdict) in [(0, "drop"), (239, "allow"), (239, "allow"), (240, "drop")] {
        if verdict == "allow" && net.hns.flows(net.pod) == 0 {
            ask(&net, In, &syn);
        }
        net.hns.clock().advance(Duration::from_secs(seconds));
        assert_eq!(ask(&net, Out, &syn.reply()).0, verdict, "after {seconds} s");
    }
    assert_eq!(net.hns.flows(net.pod), 0);
}

#[test]
fn a_write_evaluates_flows_anew() {
    let syn = packet_of(WEB);
    let ack = syn.flags(TcpFlags::ACK);
    let open = ["1000 In Allow 256", "1000 Out Allow 256"];
    let net = bridge("13.3", &["acl-change=reevaluate"]);
    // Established before there was any ACL.
    assert_eq!(ask(&net, In, &syn).1, Why::DefaultAllow);
    for (acls, verdict, flows) in [
        (&ONLY_WEB[..], "allow", 1),
        (&ONLY_WEB[..], "allow", 1),
        (&open[..], "allow", 1),
        (&ONLY_WEB[1..], "drop", 1),
        // Cut stays cut from both sides, even where the answer would open a connection.
        (&["1000 Out Allow 256", "65000 In Block 256"][..], "drop", 1),
    ] {
        net.acls(acls);
        assert_eq!(ask(&net, Out, &syn.reply()).0, verdict, "{acls:?}");
        assert_eq!(ask(&net, In, &ack).0, verdict, "{acls:?}");
        assert_eq!(net.hns.flows(net.pod), flows, "{acls:?}");
    }
    // Let through again, it goes on; so does a new connection.
    net.acls(&open);
    assert_eq!(ask(&net, In, &ack).0, "allow");
    assert_eq!(net.hns.counters().flows_reset, 0);
    // Without a connection's state there is nothing to cut: the packet is evaluated for itself.
    let dns = packet_of("UDP 10.0.0.10:1 10.0.0.20:53");
    ask(&net, Out, &dns);
    net.acls(&["1000 In Allow 17", "65000 Out Block 256"]);
    assert_eq!(ask(&net, In, &dns.reply()), ("allow".to_owned(), Why::Rule));
}

#[test]
fn a_write_resets_flows_under_the_other_reading() {
    let syn = packet_of(WEB);
    let ack = syn.flags(TcpFlags::ACK);
    let net = bridge("13.3", &["acl-change=reset"]);
    net.acls(&ONLY_WEB);
    ask(&net, In, &syn);
    assert_eq!(ask(&net, In, &ack), ("allow".to_owned(), Why::Flow));
    // The same ACLs again.
    net.acls(&ONLY_WEB);
    assert_eq!(net.hns.counters().flows_reset, 1);
    assert_eq!(ask(&net, In, &ack), ("drop".to_owned(), Why::MidStream));
    assert_eq!(ask(&net, Out, &syn.reply()), ("drop".to_owned(), Why::MidStream));
    assert_eq!(ask(&net, In, &syn), ("allow".to_owned(), Why::Rule));
    assert_eq!(ask(&net, In, &ack), ("allow".to_owned(), Why::Flow));
    // Reading does not, nor does a policy of another kind.
    let route = serde_json::json!({ "Type": "SDNRoute", "Settings": { "DestinationPrefix": "10.96.0.0/12" } });
    let add = crate::support::request("Add", &[route]);
    margay_hcn::Service::modify(&*net.hns, margay_hcn::Kind::Endpoint, net.pod, &add).expect("a route is taken");
    let _ = crate::support::v2(&net.hns, margay_hcn::Kind::Endpoint, net.pod);
    assert_eq!(ask(&net, In, &ack), ("allow".to_owned(), Why::Flow));
}

#[test]
fn fragments_follow_the_first() {
    let first = |port: u16, id| Packet {
        fragment: Fragment::First(id),
        ..packet_of(&format!("UDP 10.0.0.20:1 10.0.0.10:{port}"))
    };
    let later = |id| Packet { fragment: Fragment::Later(id), ..packet_of("UDP 10.0.0.20 10.0.0.10") };
    let acls = ["1000 In Allow 17 LocalPorts 53", "65000 In Block 256"];
    check(
        &[],
        &acls,
        &[
            (In, later(1), "drop", Why::LoneFragment),
            (In, first(53, 1), "allow", Why::Rule),
            (In, later(1), "allow", Why::Fragment),
            (In, later(2), "drop", Why::LoneFragment),
            (In, first(54, 2), "drop", Why::Rule),
            (In, later(2), "drop", Why::Fragment),
            (In, later(1), "allow", Why::Fragment),
            (Out, later(1), "drop", Why::LoneFragment),
        ],
    );
    let net = bridge("13.3", &[]);
    net.acls(&acls);
    ask(&net, In, &first(53, 1));
    net.hns.clock().advance(Duration::from_secs(30));
    assert_eq!(ask(&net, In, &later(1)).1, Why::LoneFragment);
}

#[test]
fn ports_and_rules_count() {
    let net = bridge("13.3", &[]);
    net.acls(&["1000 In Allow 6 LocalPorts 80 Id web", "65000 In Block 256 Id rest", "65000 Out Block 256 Id rest"]);
    let syn = packet_of(WEB);
    for (direction, packet) in
        [(In, syn), (Out, syn.reply()), (In, syn.ports(1, 81)), (Out, syn.ports(1, 2)), (In, syn.ports(2, 80))]
    {
        ask(&net, direction, &packet);
    }
    let counters = net.hns.port_counters(net.pod).expect("the pod has a port");
    assert_eq!((counters.packets, counters.dropped), ([2, 1], [1, 1]));
    // A packet of a flow counts for the rule that let the flow through.
    let hits: Vec<_> = net.hns.rule_hits(net.pod).into_iter().map(|(_, id, hits)| (id, hits)).collect();
    assert_eq!(hits, [("web".to_owned(), 3), ("rest".to_owned(), 1), ("rest".to_owned(), 1)]);
    let path = format!("/endpointstats/{}", net.pod);
    let stats = crate::support::v1(&net.hns, "GET", &path, &serde_json::Value::Null).expect("statistics");
    assert_eq!((&stats["PacketsReceived"], &stats["DroppedPacketsOutgoing"]), (&2.into(), &1.into()));
}

#[test]
fn a_port_is_there_once_its_endpoint_is_attached() {
    let net = bridge("13.3", &[]);
    let made = crate::support::v1(
        &net.hns,
        "POST",
        "/endpoints/",
        &serde_json::json!({ "Name": "e", "VirtualNetworkName": "net" }),
    );
    let id = made.expect("it is made")["ID"].as_str().expect("an id").parse().expect("a GUID");
    assert_eq!(net.hns.process(id, In, &packet_of(WEB)).why, Why::NoPort);
    let attach = serde_json::json!({ "SystemType": "Container", "ContainerId": "c" });
    crate::support::v1(&net.hns, "POST", &format!("/endpoints/{id}/attach"), &attach).expect("it attaches");
    assert_eq!(net.hns.process(id, In, &packet_of(WEB)).why, Why::DefaultAllow);
}
