//! Nodes, host endpoints and their profiles.

use super::*;
use expect_test::expect;

fn host(name: &str, spec: &str) -> String {
    policy("HostEndpoint", name, &format!("node: node-1, {spec}"))
}

const NODE: &str = "---\n{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDR: 10.1.0.0/24}, \
                    status: {addresses: [{type: InternalIP, address: 172.16.0.1}]}}\n";

#[test]
fn an_address_that_a_pod_has_is_never_its_nodes() {
    check(
        &[
            Put(NODE),
            Put(&pod("gateway", "10.1.0.1", "")),
            Gone(Kind::Pod, "red", "gateway"),
            Gone(Kind::Node, "", "node-1"),
        ],
        &expect![[r#"
            1.
               node node-1 [10.1.0.1, 172.16.0.1] 
            2.
               stack + <in: ; out: ; Deny>
               node node-1 [172.16.0.1] 
               endpoint + Pod red/gateway [10.1.0.1] <in: ; out: ; Deny>
            3.
               node node-1 [10.1.0.1, 172.16.0.1] 
               endpoint - Pod red/gateway
               stack -
            4.
               node - node-1
        "#]],
    );
}

#[test]
fn the_uplink_is_of_the_host_endpoint_that_names_it_best() {
    check(
        &[
            Put(NODE),
            Put(&host("every", "interfaceName: '*'")),
            Put(&host("by-address", "expectedIPs: [172.16.0.1]")),
            Put(&host("named", "interfaceName: eth0")),
            Put(&host("named", "interfaceName: eth1")),
            Gone(Kind::HostEndpoint, "", "by-address"),
        ],
        &expect![[r#"
            1.
               node node-1 [10.1.0.1, 172.16.0.1] 
            2.
               stack + <in: ; out: ; Next>
               stack + <in: ; out: ; Allow>
               stack + <in: ; out: ; Deny>
               node node-1 [10.1.0.1, 172.16.0.1] HostEndpoint every
               endpoint + HostEndpoint every [] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
            3.
               node node-1 [10.1.0.1, 172.16.0.1] HostEndpoint by-address
               endpoint + HostEndpoint by-address [172.16.0.1] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
            4.
               node node-1 [10.1.0.1, 172.16.0.1] HostEndpoint named
               endpoint + HostEndpoint named [] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
            5.
               node node-1 [10.1.0.1, 172.16.0.1] HostEndpoint by-address
               endpoint + HostEndpoint named [] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
            6.
               node node-1 [10.1.0.1, 172.16.0.1] HostEndpoint every
               endpoint - HostEndpoint by-address
        "#]],
    );
}

#[test]
fn each_stage_of_a_host_endpoint_has_its_stack() {
    let all = [
        host("h", "interfaceName: eth0, profiles: [mine, projectcalico-default-allow]"),
        policy("GlobalNetworkPolicy", "normal", "types: [Ingress]"),
        policy("GlobalNetworkPolicy", "forward", "applyOnForward: true, types: [Ingress]"),
        policy("GlobalNetworkPolicy", "before", "applyOnForward: true, preDNAT: true, types: [Ingress]"),
        policy("GlobalNetworkPolicy", "untracked", "applyOnForward: true, doNotTrack: true, types: [Ingress, Egress]"),
    ];
    check(
        &[
            Put(&all.concat()),
            Put(&policy("Profile", "mine", "ingress: [{action: Deny}]")),
            Put(&policy("Profile", "mine", "ingress: [{action: Deny}], egress: [{action: Pass}]")),
            Gone(Kind::Profile, "", "mine"),
        ],
        &expect![[r#"
            1.
               policy + GlobalNetworkPolicy before of 0 in, 0 out
               policy + GlobalNetworkPolicy forward of 0 in, 0 out
               policy + GlobalNetworkPolicy normal of 0 in, 0 out
               policy + GlobalNetworkPolicy untracked of 0 in, 0 out
               policy + Profile projectcalico-default-allow of 1 in, 1 out
               stack + <in: default(forward normal) Deny, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny>
               stack + <in: default(untracked) Pass; out: default(untracked) Pass; Next>
               stack + <in: default(forward) Deny; out: ; Allow>
               stack + <in: default(before) Pass; out: ; Next>
               endpoint + HostEndpoint h [] <in: default(untracked) Pass; out: default(untracked) Pass; Next> / <in: default(before) Pass; out: ; Next> / <in: default(forward normal) Deny, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny> / <in: default(forward) Deny; out: ; Allow>
            2.
               policy + Profile mine of 1 in, 0 out
               stack + <in: default(forward normal) Deny, (mine) Pass, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny>
               endpoint + HostEndpoint h [] <in: default(untracked) Pass; out: default(untracked) Pass; Next> / <in: default(before) Pass; out: ; Next> / <in: default(forward normal) Deny, (mine) Pass, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny> / <in: default(forward) Deny; out: ; Allow>
               stack -
            3.
               policy + Profile mine of 1 in, 1 out
               stack + <in: default(forward normal) Deny, (mine) Pass, (projectcalico-default-allow) Pass; out: (mine) Pass, (projectcalico-default-allow) Pass; Deny>
               endpoint + HostEndpoint h [] <in: default(untracked) Pass; out: default(untracked) Pass; Next> / <in: default(before) Pass; out: ; Next> / <in: default(forward normal) Deny, (mine) Pass, (projectcalico-default-allow) Pass; out: (mine) Pass, (projectcalico-default-allow) Pass; Deny> / <in: default(forward) Deny; out: ; Allow>
               stack -
            4.
               stack + <in: default(forward normal) Deny, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny>
               endpoint + HostEndpoint h [] <in: default(untracked) Pass; out: default(untracked) Pass; Next> / <in: default(before) Pass; out: ; Next> / <in: default(forward normal) Deny, (projectcalico-default-allow) Pass; out: (projectcalico-default-allow) Pass; Deny> / <in: default(forward) Deny; out: ; Allow>
               stack -
               policy - Profile mine
        "#]],
    );
}

#[test]
fn the_profile_of_a_namespace_goes_with_it_while_the_host_endpoint_gets_a_label() {
    let labelled = "---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: h, labels: {app: web}}, \
                    spec: {node: node-1, interfaceName: eth0, profiles: [kns.red]}}\n";
    check(
        &[
            Put(&(namespace("red", "") + &host("h", "interfaceName: eth0, profiles: [kns.red]"))),
            Together(vec![Put(labelled), Gone(Kind::Namespace, "", "red")]),
        ],
        &expect![[r#"
            1.
               policy + Profile kns.red of 1 in, 1 out
               stack + <in: ; out: ; Next>
               stack + <in: ; out: ; Allow>
               stack + <in: (kns.red) Pass; out: (kns.red) Pass; Deny>
               endpoint + HostEndpoint h [] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: (kns.red) Pass; out: (kns.red) Pass; Deny> / <in: ; out: ; Allow>
            2.
               stack + <in: ; out: ; Deny>
               endpoint + HostEndpoint h [] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
               stack -
               policy - Profile kns.red
        "#]],
    );
}

#[test]
fn labels_of_profiles_are_behind_its_own_and_the_first_wins() {
    let profile = |name: &str, zone: &str| policy("Profile", name, &format!("labelsToApply: {{zone: {zone}}}"));
    let from = policy(
        "GlobalNetworkPolicy",
        "p",
        "selector: has(zone), ingress: [{action: Allow, source: {selector: zone == 'a'}}]",
    );
    check(
        &[
            Put(&(host("h", "interfaceName: eth0, expectedIPs: [172.16.0.1], profiles: [first, second]") + &from)),
            Put(&profile("second", "a")),
            Put(&profile("first", "b")),
            Put(&profile("second", "c")),
            Put(&profile("first", "a")),
        ],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Next>
               stack + <in: ; out: ; Allow>
               stack + <in: ; out: ; Deny>
               endpoint + HostEndpoint h [172.16.0.1] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: ; out: ; Deny> / <in: ; out: ; Allow>
            2.
               set + [zone == "a"] {172.16.0.1}
               set + [zone == "a"] nets {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Deny>
               endpoint + HostEndpoint h [172.16.0.1] <in: ; out: ; Next> / <in: ; out: ; Next> / <in: default(p) Deny; out: ; Deny> / <in: ; out: ; Allow>
               stack -
            3.
               set [zone == "a"] - {172.16.0.1}
            4.
            5.
               set [zone == "a"] + {172.16.0.1}
        "#]],
    );
}
