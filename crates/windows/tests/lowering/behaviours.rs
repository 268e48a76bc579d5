//! Small clusters as ACLs: what is written for them, and the behaviours that other implementations get wrong.

use crate::check::show;
use expect_test::{Expect, expect};
use margay_api::Update;
use margay_engine::{Engine, Scope};
use margay_windows::lower::{Budget, Lowered, Lowering, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A pod `web` with port `http` 8080, one `db`, on a node 192.0.2.1.
const BASE: &str = r#"
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Node, metadata: {name: win}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}},
 spec: {nodeName: win, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}, status: {phase: Running, podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}},
 spec: {nodeName: other, containers: [{name: c, ports: [{name: http, containerPort: 9090}]}]}, status: {phase: Running, podIP: 10.0.0.2}}
---
"#;

/// What `web` is lowered to.
fn lowered(version: &str, policies: &str) -> Lowered {
    let mut engine = Engine::new(Scope::Everything);
    for decoded in margay_api::read(&format!("{BASE}{policies}"), "test") {
        let object = decoded.object.unwrap_or_else(|| panic!("{:?}", decoded.problems));
        let update = Update { key: object.key().clone(), value: Some(Arc::new(object)) };
        engine.update(&update.key, update.value.as_deref());
    }
    engine.in_sync();
    engine.flush();
    let plan = engine.plan();
    let target = Target::new(version.parse().expect("a version"));
    let lowering = Lowering::new(plan, &target);
    let web = lowering.pods().find(|(id, _)| plan.endpoints[*id].key.name == "web");
    web.expect("the pod").1
}

/// The ACLs of `web`.
fn check(version: &str, policies: &str, expected: &Expect) {
    let web = &lowered(version, policies);
    let mut text = show(web);
    for unsupported in &web.unsupported {
        let rule = &unsupported.rule;
        text += &format!(
            "{} {}[{}] {}: {}\n",
            rule.policy, rule.direction, rule.index, unsupported.field, unsupported.done
        );
    }
    expected.assert_eq(&text);
}

/// A GlobalNetworkPolicy of all pods in a tier.
fn global(name: &str, tier: &str, order: u32, ingress: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: {name}}}, spec: {{tier: {tier}, order: {order}, selector: all(), \
         types: [Ingress], ingress: [{ingress}]}}}}\n"
    )
}

fn tier(name: &str, order: u32) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {{name: {name}}}, spec: {{order: {order}}}}}\n"
    )
}

#[test]
fn a_pod_without_policies() {
    check(
        "7.0",
        "",
        &expect![[r#"
            In  Allow from 0.0.0.0/0  [profile]
            In  Block  []
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
    check(
        "15.4",
        "",
        &expect![[r#"
            In  Allow  [profile]
            Out Allow  [profile]
        "#]],
    );
}

#[test]
fn an_isolated_pod() {
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: {matchLabels: {app: web}}, \
                  ingress: [{from: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: http}, {port: 443, endPort: 445}]}]}}";
    check(
        "7.0",
        policy,
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Allow TCP from 10.0.0.2/32 local port 443  [NetworkPolicy shop/p ingress[0]]
            In  Allow TCP from 10.0.0.2/32 local port 444  [NetworkPolicy shop/p ingress[0]]
            In  Allow TCP from 10.0.0.2/32 local port 445  [NetworkPolicy shop/p ingress[0]]
            In  Allow TCP from 10.0.0.2/32 to 10.0.0.1/32 local port 8080  [NetworkPolicy shop/p ingress[0]]
            In  Block  [end of tier default (NetworkPolicy shop/p)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
    check(
        "9.5",
        policy,
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Allow TCP from 10.0.0.2/32 local port 443-445  [NetworkPolicy shop/p ingress[0]]
            In  Allow TCP from 10.0.0.2/32 to 10.0.0.1/32 local port 8080  [NetworkPolicy shop/p ingress[0]]
            In  Block  [end of tier default (NetworkPolicy shop/p)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
    check(
        "15.4",
        policy,
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Allow TCP from 10.0.0.2/32 local port 443-445  [NetworkPolicy shop/p ingress[0]]
            In  Allow TCP from 10.0.0.2/32 to 10.0.0.1/32 local port 8080  [NetworkPolicy shop/p ingress[0]]
            In  Block  [end of tier default (NetworkPolicy shop/p)]
            Out Allow  [profile]
        "#]],
    );
}

#[test]
fn disjoint_ports_across_tiers_allow_nothing() {
    let policies = tier("first", 1)
        + &global("first.pass", "first", 1, "{action: Pass, protocol: TCP, destination: {ports: [80]}}")
        + &global("allow", "default", 1, "{action: Allow, protocol: TCP, destination: {ports: [443]}}");
    check(
        "9.5",
        &policies,
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Block  [end of tier first (GlobalNetworkPolicy first.pass)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
}

#[test]
fn equal_ports_across_tiers() {
    let policies = tier("first", 1)
        + &global("first.pass", "first", 1, "{action: Pass, protocol: TCP, destination: {ports: [80]}}")
        + &global("allow", "default", 1, "{action: Allow, protocol: TCP, destination: {ports: [80]}}");
    check(
        "9.5",
        &policies,
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Allow TCP from 0.0.0.0/0 local port 80  [GlobalNetworkPolicy allow ingress[0]; GlobalNetworkPolicy first.pass ingress[0]]
            In  Block  [end of tier first (GlobalNetworkPolicy first.pass)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
}

#[test]
fn a_deny_with_a_negation_still_denies() {
    let allow = ", {action: Allow}";
    for (rule, expected) in [
        (
            "{action: Deny, protocol: TCP, source: {notNets: [10.0.0.0/8]}}",
            expect![[r#"
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Allow TCP from 10.0.0.0/8  [GlobalNetworkPolicy p ingress[1]]
                In  Block TCP  [GlobalNetworkPolicy p ingress[0]]
                In  Allow  [GlobalNetworkPolicy p ingress[1]]
                Out Allow  [profile]
            "#]],
        ),
        (
            "{action: Deny, protocol: TCP, destination: {notPorts: [80]}}",
            expect![[r#"
                In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Block TCP local port 0-79,81-65535  [GlobalNetworkPolicy p ingress[0]]
                In  Allow  [GlobalNetworkPolicy p ingress[1]]
                Out Allow  [profile]
            "#]],
        ),
        (
            "{action: Deny, protocol: TCP, source: {notSelector: app == 'db'}}",
            expect![[r#"
                In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Allow TCP from 10.0.0.2/32  [GlobalNetworkPolicy p ingress[1]]
                In  Block TCP  [GlobalNetworkPolicy p ingress[0]]
                In  Allow  [GlobalNetworkPolicy p ingress[1]]
                Out Allow  [profile]
            "#]],
        ),
        (
            "{action: Deny, notProtocol: TCP}",
            expect![[r#"
                In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Allow TCP  [GlobalNetworkPolicy p ingress[1]]
                In  Block  [GlobalNetworkPolicy p ingress[0]]
                Out Allow  [profile]
            "#]],
        ),
        (
            "{action: Deny, protocol: ICMP, icmp: {type: 8}}",
            expect![[r#"
                In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Block ICMP from 0.0.0.0/0  [GlobalNetworkPolicy p ingress[0]]
                In  Allow  [GlobalNetworkPolicy p ingress[1]]
                Out Allow  [profile]
                GlobalNetworkPolicy p ingress[0] icmp: ICMP of every type and code is blocked where it is of one
            "#]],
        ),
    ] {
        check("15.4", &global("p", "default", 1, &format!("{rule}{allow}")), &expected);
    }
}

#[test]
fn negations_where_an_acl_takes_one_address_and_one_port() {
    for (rule, expected) in [
        (
            "{action: Deny, protocol: TCP, source: {notNets: [10.0.0.0/8]}}, {action: Allow}",
            expect![[r#"
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Allow TCP from 10.0.0.0/8  [GlobalNetworkPolicy p ingress[1]]
                In  Block TCP  [GlobalNetworkPolicy p ingress[0]]
                In  Allow from 0.0.0.0/0  [GlobalNetworkPolicy p ingress[1]]
                In  Block  []
                Out Allow to 0.0.0.0/0  [profile]
                Out Block  []
            "#]],
        ),
        (
            "{action: Allow, protocol: TCP, destination: {notPorts: [80]}}",
            expect![[r#"
                In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
                In  Allow from 192.0.2.1/32  [from its own node]
                In  Block TCP from 0.0.0.0/0 local port 80  [end of tier default (GlobalNetworkPolicy p)]
                In  Allow TCP from 0.0.0.0/0  [GlobalNetworkPolicy p ingress[0]]
                In  Block  [end of tier default (GlobalNetworkPolicy p)]
                Out Allow to 0.0.0.0/0  [profile]
                Out Block  []
            "#]],
        ),
    ] {
        check("7.0", &global("p", "default", 1, rule), &expected);
    }
}

/// "0,2-65535" would name port 0 by itself.
#[test]
fn all_ports_but_the_first_are_not_written_as_two_ranges() {
    let rule = "{action: Allow, protocol: TCP, destination: {notPorts: [1]}}";
    check(
        "9.5",
        &global("p", "default", 1, rule),
        &expect![[r#"
        In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
        In  Allow from 192.0.2.1/32  [from its own node]
        In  Block TCP from 0.0.0.0/0 local port 1  [end of tier default (GlobalNetworkPolicy p)]
        In  Allow TCP from 0.0.0.0/0  [GlobalNetworkPolicy p ingress[0]]
        In  Block  [end of tier default (GlobalNetworkPolicy p)]
        Out Allow to 0.0.0.0/0  [profile]
        Out Block  []
    "#]],
    );
}

#[test]
fn two_source_sets_are_an_intersection() {
    let rule = "{action: Allow, source: {selector: app == 'db', nets: [10.0.0.0/30]}}";
    check(
        "9.5",
        &global("p", "default", 1, rule),
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 10.0.0.2/32,192.0.2.1/32  [from its own node; GlobalNetworkPolicy p ingress[0]]
            In  Block  [end of tier default (GlobalNetworkPolicy p)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
}

#[test]
fn a_pass_in_the_last_tier_falls_to_the_profiles() {
    let rule = "{action: Pass, source: {nets: [10.9.0.0/16]}}, {action: Deny}";
    check(
        "9.5",
        &global("p", "default", 1, rule),
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 10.9.0.0/16,192.0.2.1/32  [from its own node; profile; GlobalNetworkPolicy p ingress[0]]
            In  Block  [GlobalNetworkPolicy p ingress[1]]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
}

#[test]
fn what_hns_lacks_is_closed_and_said() {
    let rules = "{action: Log}, {action: Allow, protocol: ICMP, icmp: {type: 8}}, {action: Allow, protocol: SCTP, destination: {ports: [80]}}, \
                 {action: Allow, protocol: 252}";
    check(
        "9.5",
        &global("p", "default", 1, rules),
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Block  [end of tier default (GlobalNetworkPolicy p)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
            GlobalNetworkPolicy p ingress[0] log: nothing is logged; what is let through is the same
            GlobalNetworkPolicy p ingress[1] icmp: ICMP is let through only where all its types and codes are
            GlobalNetworkPolicy p ingress[2] ports: other protocols than TCP and UDP are let through only where all their ports are
            GlobalNetworkPolicy p ingress[3] protocol: it is let through only of ICMP, TCP, UDP, ICMPv6 and SCTP, and not at all where it is of that protocol
        "#]],
    );
}

#[test]
fn what_tiers_multiply_to_is_cut_off_and_said() {
    let rules = |action: &str, first: u16| {
        let rule = |i: u16| {
            let port = 8000 + i;
            format!(
                "{{action: {action}, protocol: TCP, source: {{nets: [10.0.0.0/8], notNets: [10.{i}.0.0/16]}}, destination: {{notPorts: [{port}]}}}}"
            )
        };
        (first..first + 60).map(rule).collect::<Vec<_>>().join(", ")
    };
    let policies = tier("first", 1)
        + &global("first.p", "first", 1, &rules("Pass", 0))
        + &global("q", "default", 1, &rules("Allow", 60));
    for version in ["7.0", "16.0"] {
        let started = Instant::now();
        let web = lowered(version, &policies);
        assert!(web.over_budget.is_some(), "HNS {version}: {} ACLs", web.rules.len());
        assert!(web.rules.len() <= Budget::default().acls, "HNS {version}: {} ACLs", web.rules.len());
        assert!(web.unsupported.iter().any(|unsupported| unsupported.field == "budget"), "HNS {version}");
        // Bounded, which is not seconds in a program made to be fast.
        assert!(started.elapsed() < Duration::from_secs(30), "HNS {version}: {:?}", started.elapsed());
    }
}

#[test]
fn what_would_have_to_name_a_protocol_without_a_name_is_closed_and_said() {
    let rules = "{action: Allow, notProtocol: UDP}, {action: Allow, protocol: UDP, destination: {ports: ['1:1023']}}";
    let web = lowered("7.0", &global("p", "default", 1, rules));
    let names: Vec<u8> = web.rules.iter().filter_map(|lowered| Some(lowered.rule.protocol?.0)).collect();
    assert!(names.contains(&6) && !names.iter().any(|name| [0, 17, 252].contains(name)), "{names:?}");
    let said: Vec<_> = web.unsupported.iter().map(|said| (said.rule.index, said.field)).collect();
    assert_eq!(said, [(0, "protocol"), (1, "budget")]);
}

#[test]
fn rules_are_not_joined_past_one_that_decides_otherwise() {
    let rules = "{action: Allow, protocol: TCP, source: {nets: [10.1.0.0/16]}, destination: {ports: [80]}}, \
                 {action: Deny, protocol: TCP, source: {nets: [10.1.2.0/24]}}, \
                 {action: Allow, protocol: TCP, source: {nets: [10.1.0.0/16]}, destination: {ports: [81]}}, \
                 {action: Allow, protocol: TCP, source: {nets: [10.3.0.0/16]}, destination: {ports: [81]}}";
    check(
        "9.5",
        &global("p", "default", 1, rules),
        &expect![[r#"
            In  Allow from 10.0.0.1/32 to 10.0.0.1/32  [to itself]
            In  Allow from 192.0.2.1/32  [from its own node]
            In  Allow TCP from 10.1.0.0/16 local port 80  [GlobalNetworkPolicy p ingress[0]]
            In  Block TCP from 10.1.2.0/24  [GlobalNetworkPolicy p ingress[1]]
            In  Allow TCP from 10.1.0.0/16,10.3.0.0/16 local port 81  [GlobalNetworkPolicy p ingress[2]; GlobalNetworkPolicy p ingress[3]]
            In  Block  [end of tier default (GlobalNetworkPolicy p)]
            Out Allow to 0.0.0.0/0  [profile]
            Out Block  []
        "#]],
    );
}
