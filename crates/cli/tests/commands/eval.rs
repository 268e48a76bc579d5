use crate::{SHOP, file, margay};
use expect_test::{Expect, expect};

/// One line of flows, in the shop.
fn check(line: &str, code: u8, expected: Expect) {
    let cluster = file(SHOP);
    let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), line);
    expected.assert_eq(run.out.strip_prefix(line.trim_end_matches('}')).unwrap_or(&run.out));
    assert_eq!((run.code, run.err.as_str()), (code, ""), "{line}");
}

#[test]
fn a_rule_allows() {
    check(
        r#"{"from":"shop/api-7d9f8c6b5d-x2x4z","to":"shop/db-0","port":5432}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.shop","tier":null,"default":"allow"},{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"db","tier":"default","rule":0}]}
    "#]],
    );
}

#[test]
fn a_tier_denies_by_default_since_a_policy_isolates() {
    check(
        r#"{"from":"front/web","to":"shop/db-0","port":5432}"#,
        0,
        expect![[r#"
        ,"verdict":"deny","egress":"allow","ingress":"deny","by":[{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"db","tier":"default","default":"deny"},{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.front","tier":null,"default":"allow"}]}
    "#]],
    );
}

#[test]
fn a_rule_denies() {
    check(
        r#"{"from":"front/web","to":"169.254.169.254","port":80}"#,
        0,
        expect![[r#"
        ,"verdict":"deny","egress":"deny","ingress":null,"by":[{"end":"egress","kind":"GlobalNetworkPolicy","group":"projectcalico.org","namespace":"","name":"no-metadata-service","tier":"security","rule":0}]}
    "#]],
    );
}

#[test]
fn the_own_node_is_always_let_in() {
    check(
        r#"{"from":"node/node-2","to":"shop/db-0","port":1}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":null,"ingress":"allow","by":[{"end":"ingress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"own node"}]}
    "#]],
    );
}

#[test]
fn a_host_network_pod_is_its_node() {
    check(
        r#"{"from":"shop/agent","to":"shop/api-7d9f8c6b5d-x2x4z","protocol":"icmp"}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":null,"ingress":"allow","by":[{"end":"ingress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"own node"}]}
    "#]],
    );
}

#[test]
fn neither_end_is_an_endpoint() {
    check(
        r#"{"from":"203.0.113.1","to":"node/node-1","protocol":"udp","port":9}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":null,"ingress":null,"by":[]}
    "#]],
    );
}

#[test]
fn a_service_is_answered_for_each_backend() {
    check(
        r#"{"from":"front/web","to":"10.96.0.1","port":80}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.front","tier":null,"default":"allow"},{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"api","tier":"default","rule":0}],"backends":[{"address":"10.0.1.11","port":8080,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.front","tier":null,"default":"allow"},{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"api","tier":"default","rule":0}]},{"address":"10.0.2.11","port":8080,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.front","tier":null,"default":"allow"},{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"api","tier":"default","rule":0}]}]}
    "#]],
    );
}

#[test]
fn a_service_without_the_port_denies() {
    check(
        r#"{"from":"front/web","to":"svc/shop/api","port":81}"#,
        0,
        expect![[r#"
        ,"verdict":"deny","egress":null,"ingress":null,"by":[{"end":"service","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"deny","reason":"the service has no backend for this port"}],"backends":[]}
    "#]],
    );
}

#[test]
fn other_members_are_repeated_as_they_are() {
    check(
        r#"{"to":"front/web", "expect" : "allow","port":1,"from":"front/web","n":1.50}"#,
        0,
        expect![[r#"
        ,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"},{"end":"ingress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"}]}
    "#]],
    );
}

#[test]
fn an_answer_can_be_asked_again() {
    check(
        r#"{"from":"front/web","verdict":"deny","by":[],"to":"front/web","port":1}"#,
        0,
        expect![[r#"
        {"from":"front/web","to":"front/web","port":1,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"},{"end":"ingress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"}]}
    "#]],
    );
}

#[test]
fn bad_lines_give_an_error_in_their_place() {
    let cluster = file(SHOP);
    let lines = [
        r#"{"from":"front/web","to":"front/web","port":80}"#,
        "",
        "web to db",
        r#"["front/web"]"#,
        r#"{"from":"front/web","port":80}"#,
        r#"{"from":"front/web","to":"front/web"}"#,
        r#"{"from":"front/web","to":"front/web","port":65536}"#,
        r#"{"from":"front/web","to":"front/web","port":80,"protocol":"http"}"#,
        r#"{"from":"front/web","to":"front/web","port":80,"protocol":300}"#,
        r#"{"from":"front/web","to":"front/web","port":80,"family":5}"#,
        r#"{"from":"front/web","to":"front/web","port":80,"family":6}"#,
        r#"{"from":"front/web","to":"fd00::1","port":80}"#,
        r#"{"from":"front/web","to":"front/web","protocol":"ICMPv6"}"#,
        r#"{"from":"web","to":"front/web","port":80}"#,
        r#"{"from":"shop/api","to":"front/web","port":80}"#,
        r#"{"from":"shop/web","to":"front/web","port":80}"#,
        r#"{"from":"shops/db-0","to":"front/web","port":80}"#,
        r#"{"from":"shop/done","to":"front/web","port":80}"#,
        r#"{"from":"node/node-3","to":"front/web","port":80}"#,
        r#"{"from":"svc/shop/web","to":"front/web","port":80}"#,
        r#"{"from":"front/web","from":"front/web","to":"front/web","port":80}"#,
    ];
    let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), &lines.join("\n"));
    expect![[r#"
        {"from":"front/web","to":"front/web","port":80,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"},{"end":"ingress","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"itself"}]}
        {"error":"the line is no JSON object: write {\"from\": …, \"to\": …, \"port\": …}","line":3}
        {"error":"the line is no JSON object: write {\"from\": …, \"to\": …, \"port\": …}","line":4}
        {"error":"missing field `to` at column 30","line":5}
        {"error":"\"port\" is missing: TCP needs one","line":6}
        {"error":"invalid value: integer `65536`, expected u16 at column 49","line":7}
        {"error":"\"http\" is not a protocol: write TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number from 1 to 255 at column 64","line":8}
        {"error":"\"300\" is not a protocol: write TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number from 1 to 255 at column 61","line":9}
        {"error":"\"5\" is no IP version: write 4, 6, IPv4 or IPv6 at column 57","line":10}
        {"error":"front/web has no IPv6 address","line":11}
        {"error":"front/web has IPv4 addresses alone, fd00::1 has IPv6 alone","line":12}
        {"error":"front/web has no IPv6 address","line":13}
        {"error":"\"web\" names no end of a flow: write namespace/pod, node/NAME or an IP address","line":14}
        {"error":"there is no pod shop/api; did you mean shop/api-7d9f8c6b5d-x2x4z or shop/api-7d9f8c6b5d-z5z9k?","line":15}
        {"error":"there is no pod shop/web; there is one in namespace front","line":16}
        {"error":"there is no pod shops/db-0, nor a namespace shops","line":17}
        {"error":"pod shop/done has ended (Succeeded or Failed): its addresses are no longer its own","line":18}
        {"error":"there is no node node-3","line":19}
        {"error":"there is no service shop/web","line":20}
        {"error":"duplicate field `from` at column 26","line":21}
        [exit code 2]"#]].assert_eq(&run.to_string());
}

#[test]
fn deep_and_long_lines_are_bad_lines() {
    let cluster = file(SHOP);
    let deep = format!("{{\"from\":\"front/web\",\"x\":{}", "[".repeat(100_000));
    let wide = format!("{{\"from\":\"{}\"}}", "x".repeat(2_000_000));
    let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), &format!("{deep}\n{wide}"));
    expect![[r#"
        {"error":"EOF while parsing a list at column 100024","line":1}
        {"error":"the line is longer than 1048576 bytes","line":2}
        [exit code 2]"#]]
    .assert_eq(&run.to_string());
}

#[test]
fn the_staged_policies_can_be_asked() {
    let cluster = file(SHOP);
    let line = r#"{"from":"front/web","to":"shop/db-0","port":5432}"#;
    let run = margay(&format!("margay eval --staged -f {} --flows -", cluster.path().display()), line);
    expect![[r#"
        {"from":"front/web","to":"shop/db-0","port":5432,"verdict":"allow","egress":"allow","ingress":"allow","by":[{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.front","tier":null,"default":"allow"},{"end":"ingress","kind":"StagedKubernetesNetworkPolicy","group":"projectcalico.org","namespace":"shop","name":"db","tier":"default","rule":0}]}
        [exit code 0]"#]].assert_eq(&run.to_string());
}
