//! Host endpoints on the way, and rules that can't be enforced as they are written.

use crate::{file, margay};
use expect_test::{Expect, expect};

const HOSTS: &str = "
{apiVersion: v1, kind: Node, metadata: {name: a}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: 2001:db8::1}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: b}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {nodeName: a}, status: {podIPs: [{ip: 10.0.0.1}, {ip: fd00::1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}, spec: {nodeName: b}, status: {podIPs: [{ip: fd00::2}, {ip: 10.0.0.2}]}}
---
{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: b-eth0, labels: {host: b}}, spec: {node: b, interfaceName: eth0}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-ssh}
spec:
  selector: host == 'b'
  applyOnForward: true
  ingress:
  - {action: Deny, protocol: TCP, destination: {ports: [2222]}}
  - {action: Allow, source: {nets: [10.0.0.0/8]}}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: app == 'db'
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: [80]}, http: {methods: [GET]}}
  - {action: Allow, protocol: TCP, destination: {ports: [70000]}}
  - {action: Allow, protocol: TCP, source: {notSelector: app == 'web'}, destination: {ports: [5432]}}
";

fn check(command: &str, expected: Expect) {
    let cluster = file(HOSTS);
    let run = margay(&format!("margay explain {command} -f {}", cluster.path().display()), "");
    expected.assert_eq(&run.to_string().replace(&cluster.path().display().to_string(), "hosts.yaml"));
}

#[test]
fn a_forwarded_packet_is_denied_on_its_way() {
    check(
        "shop/web shop/db:2222 --family 4",
        expect![[r#"
            shop/web → shop/db  TCP 2222
            10.0.0.1 (pod shop/web) → 10.0.0.2 (pod shop/db)

            ✗ DENIED at the ingress of host endpoint b-eth0 of node b

            Egress of shop/web: allowed, no policy decides; profile kns.shop allows

            Ingress of host endpoint b-eth0 of node b: denied, ingress rule 0 of GlobalNetworkPolicy no-ssh
              tier default: denies
                GlobalNetworkPolicy no-ssh  hosts.yaml:12
                  ▸ rule 0 deny: matches
              Decided by: ingress rule 0 of GlobalNetworkPolicy no-ssh  hosts.yaml:19
                19 |   - {action: Deny, protocol: TCP, destination: {ports: [2222]}}

            Ingress of shop/db: denied, isolated by Calico NetworkPolicy shop/db: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                Calico NetworkPolicy shop/db  hosts.yaml:22
                  rule 0 allow: can't be enforced as it is written, so it matches nothing (`margay validate` says more)
                  rule 1 allow: can't be enforced as it is written, so it matches nothing (`margay validate` says more)
                    rule 2 allow: no match, source address is 10.0.0.1 (pod shop/web), destination port is 2222
              Closest: ingress rule 2 of Calico NetworkPolicy shop/db  hosts.yaml:31
                31 |   - {action: Allow, protocol: TCP, source: {notSelector: app == 'web'}, destination: {ports: [5432]}}
              would match if the source address were any but endpoints and network sets with app == "web"
                it is 10.0.0.1 (pod shop/web)
              and if the destination port were 5432
                it is 2222
            [standard error]
            1 error in 1 file: run `margay validate -f hosts.yaml`
            [exit code 0]"#]],
    );
}

#[test]
fn the_first_family_of_the_destination_is_taken() {
    check(
        "shop/web shop/db",
        expect![[r#"
            shop/web → shop/db  ICMP type 8 code 0
            10.0.0.1 (pod shop/web) → 10.0.0.2 (pod shop/db)

            ✗ DENIED at the ingress of shop/db

            Egress of shop/web: allowed, no policy decides; profile kns.shop allows

            Ingress of host endpoint b-eth0 of node b: allowed, ingress rule 1 of GlobalNetworkPolicy no-ssh
              tier default: allows
                GlobalNetworkPolicy no-ssh  hosts.yaml:12
                    rule 0 deny: no match, protocol is ICMP, destination port is none
                  ▸ rule 1 allow: matches
              Decided by: ingress rule 1 of GlobalNetworkPolicy no-ssh  hosts.yaml:20
                20 |   - {action: Allow, source: {nets: [10.0.0.0/8]}}

            Ingress of shop/db: denied, isolated by Calico NetworkPolicy shop/db: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                Calico NetworkPolicy shop/db  hosts.yaml:22
                  rule 0 allow: can't be enforced as it is written, so it matches nothing (`margay validate` says more)
                  rule 1 allow: can't be enforced as it is written, so it matches nothing (`margay validate` says more)
                    rule 2 allow: no match, protocol is ICMP, source address is 10.0.0.1 (pod shop/web), destination port is none
              Closest: ingress rule 2 of Calico NetworkPolicy shop/db  hosts.yaml:31
                31 |   - {action: Allow, protocol: TCP, source: {notSelector: app == 'web'}, destination: {ports: [5432]}}
              would match if the protocol were TCP
                it is ICMP
              and if the source address were any but endpoints and network sets with app == "web"
                it is 10.0.0.1 (pod shop/web)
              and if the destination port were 5432
                it is none
            [standard error]
            1 error in 1 file: run `margay validate -f hosts.yaml`
            [exit code 0]"#]],
    );
}

#[test]
fn local_traffic_of_a_host_endpoint() {
    check(
        "203.0.113.1 node/b:80",
        expect![[r#"
            203.0.113.1 → node/b  TCP 80
            203.0.113.1 (outside the cluster) → 192.0.2.2 (node b)

            ✗ DENIED at the ingress of host endpoint b-eth0 of node b

            Ingress of host endpoint b-eth0 of node b: denied, isolated by GlobalNetworkPolicy no-ssh: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                GlobalNetworkPolicy no-ssh  hosts.yaml:12
                    rule 0 deny: no match, destination port is 80
                    rule 1 allow: no match, source address is 203.0.113.1 (outside the cluster)
              Closest: ingress rule 1 of GlobalNetworkPolicy no-ssh  hosts.yaml:20
                20 |   - {action: Allow, source: {nets: [10.0.0.0/8]}}
              would match if the source address were one of: 10.0.0.0/8
                it is 203.0.113.1 (outside the cluster)
            [standard error]
            1 error in 1 file: run `margay validate -f hosts.yaml`
            [exit code 0]"#]],
    );
    check(
        "203.0.113.1 node/b:22",
        expect![[r#"
        203.0.113.1 → node/b  TCP 22
        203.0.113.1 (outside the cluster) → 192.0.2.2 (node b)

        ✓ ALLOWED

        Ingress of host endpoint b-eth0 of node b: allowed, always allowed: failsafe port
        [standard error]
        1 error in 1 file: run `margay validate -f hosts.yaml`
        [exit code 0]"#]],
    );
    check(
        "192.0.2.1 192.0.2.2:80",
        expect![[r#"
            192.0.2.1 → 192.0.2.2  TCP 80
            192.0.2.1 (node a) → 192.0.2.2 (node b)

            ✗ DENIED at the ingress of host endpoint b-eth0 of node b

            Ingress of host endpoint b-eth0 of node b: denied, isolated by GlobalNetworkPolicy no-ssh: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                GlobalNetworkPolicy no-ssh  hosts.yaml:12
                    rule 0 deny: no match, destination port is 80
                    rule 1 allow: no match, source address is 192.0.2.1 (node a)
              Closest: ingress rule 1 of GlobalNetworkPolicy no-ssh  hosts.yaml:20
                20 |   - {action: Allow, source: {nets: [10.0.0.0/8]}}
              would match if the source address were one of: 10.0.0.0/8
                it is 192.0.2.1 (node a)
            [standard error]
            1 error in 1 file: run `margay validate -f hosts.yaml`
            [exit code 0]"#]],
    );
}

#[test]
fn lines_name_host_endpoints() {
    let cluster = file(HOSTS);
    let lines = r#"{"from":"shop/web","to":"10.0.0.2","port":2222}
{"from":"203.0.113.1","to":"node/b","port":22}
{"from":"203.0.113.1","to":"node/b","port":23}"#;
    let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), lines);
    expect![[r#"
        {"from":"shop/web","to":"10.0.0.2","port":2222,"verdict":"deny","egress":"allow","ingress":"deny","by":[{"end":"host-ingress","node":"b","kind":"GlobalNetworkPolicy","group":"projectcalico.org","namespace":"","name":"no-ssh","tier":"default","rule":0},{"end":"ingress","kind":"NetworkPolicy","group":"projectcalico.org","namespace":"shop","name":"db","tier":"default","default":"deny"},{"end":"egress","kind":"Profile","group":"projectcalico.org","namespace":"","name":"kns.shop","tier":null,"default":"allow"}]}
        {"from":"203.0.113.1","to":"node/b","port":22,"verdict":"allow","egress":null,"ingress":null,"by":[{"end":"host-ingress","node":"b","kind":null,"group":null,"namespace":null,"name":null,"tier":null,"default":"allow","reason":"failsafe port"}]}
        {"from":"203.0.113.1","to":"node/b","port":23,"verdict":"deny","egress":null,"ingress":null,"by":[{"end":"host-ingress","node":"b","kind":"GlobalNetworkPolicy","group":"projectcalico.org","namespace":"","name":"no-ssh","tier":"default","default":"deny"}]}
    "#]].assert_eq(&run.out);
}

#[test]
fn what_applies_to_a_host_endpoint() {
    expect![[r#"
        DIRECTION  STAGE           TIER     POLICY                      RULES  DEFAULT  PLACE
        ingress    normal          default  GlobalNetworkPolicy no-ssh  2      deny     <stdin>:12
        ingress    applyOnForward  default  GlobalNetworkPolicy no-ssh  2      deny     <stdin>:12
        [standard error]
        1 error in 1 file: run `margay validate -f -`
        [exit code 0]"#]]
    .assert_eq(&margay("margay policies hostendpoint/b-eth0 -f -", HOSTS).to_string());
}
