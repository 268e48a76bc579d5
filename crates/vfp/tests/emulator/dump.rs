//! What the emulator shows of its ports.

use crate::support::bridge;
use expect_test::expect;
use margay_vfp::Direction::In;

const ACLS: [&str; 2] =
    ["1000 In Allow 6 LocalPorts 80,443-445 RemoteAddresses 10.0.0.0/24 Id web", "65000 In Block 256 Id rest"];

#[test]
fn rules_and_flows() {
    let net = bridge("9.5", &[]);
    net.acls(&ACLS);
    net.hns.process(net.pod, In, &crate::support::packet_of("TCP 10.0.0.20:40000 10.0.0.10:80"));
    let dump = net.hns.dump();
    let (before, of_pod) = dump.split_once("Friendly name : pod").expect("the pod has a port");
    assert!(before.contains("PORT : "));
    let of_pod = format!("pod{}", of_pod.split("PORT : ").next().expect("the rest of it"));
    // The MAC address is drawn.
    let lines = of_pod.lines().filter(|line| !line.contains("MAC address"));
    expect![[r#"
        pod
          IP address : 10.0.0.10
          Port state : connected
          Generation : 2
          LAYER : ACL_ENDPOINT_LAYER
            GROUP : ACL_ENDPOINT_GROUP_IPV4_IN
              Direction : IN
              Type : IPv4
              Match type : Priority-based match
              Default : block
              RULE : 0
                Friendly name : web
                Priority : 1000
                Flags : 3 terminating stateful
                Type : allow
                Conditions : Protocols : 6; Source IP : 10.0.0.0/24; Destination ports : 80,443-445
                Flow TTL : 240
                Hits : 1
              RULE : 1
                Friendly name : rest
                Priority : 65000
                Flags : 3 terminating stateful
                Type : block
                Conditions : <none>
                Flow TTL : 240
                Hits : 0
            GROUP : ACL_ENDPOINT_GROUP_IPV6_IN
              Direction : IN
              Type : IPv6
              Match type : Priority-based match
              Default : block
              RULE : 1
                Friendly name : rest
                Priority : 65000
                Flags : 3 terminating stateful
                Type : block
                Conditions : <none>
                Flow TTL : 240
                Hits : 0
            GROUP : ACL_ENDPOINT_GROUP_IPV4_OUT
              Direction : OUT
              Type : IPv4
              Match type : Priority-based match
              Default : block
            GROUP : ACL_ENDPOINT_GROUP_IPV6_OUT
              Direction : OUT
              Type : IPv6
              Match type : Priority-based match
              Default : block
          FLOW : IN TCP 10.0.0.20:40000 > 10.0.0.10:80
            Decision : allow: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)
            Generation : 2
            Packets : 1
            Answers : with it
            Expires in : 240 s"#]]
    .assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn commands() {
    let net = bridge("9.5", &[]);
    net.acls(&ACLS);
    let table: &[(&[&str], &str)] = &[
        (
            &["/port", "pod", "/match-tuple", "6 10.0.0.20 40000 10.0.0.10 80 in 0"],
            "TUPLE : IN TCP 10.0.0.20:40000 > 10.0.0.10:80\n  allow: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)\n  web : priority 1000, allow\n",
        ),
        (
            &["/port", "pod", "/match-tuple", "17 10.0.0.10 1 10.0.0.20 53 out 0"],
            "TUPLE : OUT UDP 10.0.0.10:1 > 10.0.0.20:53\n  drop: the default deny of a port with rules (ACL_ENDPOINT_GROUP_IPV4_OUT)\n",
        ),
        (&["/port", "pod", "/list-unified-flow"], ""),
        (
            &["/port", "pod", "/process-tuples", "6 10.0.0.20 9 10.0.0.10 80 in 0; 6 10.0.0.10 80 10.0.0.20 9 out 18"],
            "TUPLE : IN TCP 10.0.0.20:9 > 10.0.0.10:80\n  allow: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)\n  web : priority 1000, allow\n\
             TUPLE : OUT TCP 10.0.0.10:80 > 10.0.0.20:9\n  allow: its flow was allowed (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)\n  web : priority 1000, allow\n",
        ),
        (&["/port", "pod", "/get-port-counter"], "IN : packets 1, dropped 0\nOUT : packets 1, dropped 0\n"),
        (&["/port", "pod", "/clear-port-flow-state"], "Flows : 1 forgotten\n"),
        (&["/port", "nobody", "/list-rule"], "ERROR: there is no such port\n"),
        (&["/port", "pod", "/list-everything"], "ERROR: the command is unknown\n"),
        (&[], "ERROR: the command is unknown\n"),
        (
            &["/port", "pod", "/match-tuple", "6 10.0.0.20 1 in"],
            "ERROR: \"6 10.0.0.20 1 in\" is no tuple: PROTOCOL SOURCE PORT DESTINATION PORT in|out FLAG\n",
        ),
        (&["/port", "pod", "/match-tuple", "6 a 1 b 2 in 0"], "ERROR: \"a\" is no address\n"),
    ];
    for (arguments, answer) in table {
        assert_eq!(net.hns.vfpctrl(arguments), *answer, "{arguments:?}");
    }
    assert_eq!(net.hns.vfpctrl(&["/list-vmswitch-port"]).matches("PORT : ").count(), 2);
    let by_id = net.hns.vfpctrl(&["/port", &net.pod.to_string(), "/list-rule"]);
    assert!(by_id.contains("Friendly name : web"), "{by_id}");
}
