//! IP sets: who is in them, and when they are there.

use super::*;
use expect_test::expect;

#[test]
fn a_set_is_there_while_a_policy_in_the_plan_names_it() {
    let from = |selector: &str| {
        policy(
            "GlobalNetworkPolicy",
            "p",
            &format!("selector: app == 'web', ingress: [{{action: Allow, source: {{selector: \"{selector}\"}}}}]"),
        )
    };
    let far = pod_of("blue", "db", "node-2", "10.0.0.2", "app: db");
    check(
        &[
            Put(&(namespace("red", "") + &far + &from("app == 'db'"))),
            Put(&pod("web", "10.0.0.1", "app: web")),
            Put(&pod_of("blue", "db2", "node-2", "10.0.0.3", "app: db")),
            Put(&pod_of("blue", "db", "node-2", "10.0.0.4", "app: db")),
            Put(&from("app in {'db', 'x'}")),
            Gone(Kind::Pod, "red", "web"),
        ],
        &expect![[r#"
            1.
            2.
               set + [app == "db"] {10.0.0.2}
               set + [app == "db"] nets {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
            3.
               set [app == "db"] + {10.0.0.3}
            4.
               set [app == "db"] + {10.0.0.4}
               set [app == "db"] - {10.0.0.2}
            5.
               set + [app in {"db", "x"}] {10.0.0.3, 10.0.0.4}
               set + [app in {"db", "x"}] nets {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               set - [app == "db"]
               set - [app == "db"] nets
            6.
               endpoint - Pod red/web
               stack -
               policy - GlobalNetworkPolicy p
               set - [app in {"db", "x"}]
               set - [app in {"db", "x"}] nets
        "#]],
    );
}

#[test]
fn pods_host_endpoints_and_network_sets_are_things() {
    let all = [
        namespace("red", ""),
        pod("web", "10.0.0.1", "app: web"),
        policy(
            "GlobalNetworkPolicy",
            "p",
            "selector: app == 'web', ingress: [{action: Allow, source: {selector: zone == 'a'}}]",
        ),
        pod("a", "10.0.0.2", "zone: a"),
    ];
    let host = |ip: &str| {
        format!(
            "---\n{{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {{name: h, labels: {{zone: a}}}}, \
                 spec: {{node: node-2, interfaceName: '*', expectedIPs: [{ip}]}}}}\n"
        )
    };
    let set = |kind: &str, meta: &str, nets: &str| {
        format!(
            "---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{{meta}, labels: {{zone: a}}}}, spec: {{nets: [{nets}]}}}}\n"
        )
    };
    check(
        &[
            Put(&all.concat()),
            // An address that a pod and a host endpoint have stays until both are gone.
            Put(&host("10.0.0.2")),
            Gone(Kind::Pod, "red", "a"),
            Put(&host("172.16.0.1")),
            Put(&(set("NetworkSet", "namespace: red, name: s", "192.0.2.0/24, 198.51.100.7")
                + &set("GlobalNetworkSet", "name: s", "192.0.2.0/24"))),
            Gone(Kind::NetworkSet, "red", "s"),
        ],
        &expect![[r#"
            1.
               set + [zone == "a"] {10.0.0.2}
               set + [zone == "a"] nets {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               stack + <in: ; out: ; Allow>
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/a [10.0.0.2] <in: ; out: ; Allow>
               endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
            2.
            3.
               endpoint - Pod red/a
               stack -
            4.
               set [zone == "a"] + {172.16.0.1}
               set [zone == "a"] - {10.0.0.2}
            5.
               set [zone == "a"] nets + {192.0.2.0/24, 198.51.100.7/32}
            6.
               set [zone == "a"] nets - {198.51.100.7/32}
        "#]],
    );
}

#[test]
fn a_named_port_is_each_pods_own() {
    let with_port = |name: &str, node: &str, address: &str, ports: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: red, name: {name}}}, spec: {{nodeName: {node}, \
             containers: [{{name: c, ports: [{ports}]}}]}}, status: {{phase: Running, podIPs: [{{ip: {address}}}]}}}}\n"
        )
    };
    let kubernetes = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: red, name: p}, spec: {podSelector: {}, \
                      policyTypes: [Ingress, Egress], ingress: [{ports: [{port: http}]}], egress: [{to: [{podSelector: {}}], ports: [{port: http}]}]}}\n";
    check(
        &[
            Put(&(namespace("red", "") + kubernetes)),
            Put(&(with_port("a", "node-1", "10.0.0.1", "{name: http, containerPort: 80}")
                + &with_port(
                    "b",
                    "node-2",
                    "10.0.0.2",
                    "{name: http, containerPort: 8080}, {name: http, containerPort: 53, protocol: UDP}",
                ))),
            Put(&with_port("b", "node-2", "10.0.0.2", "{name: http, containerPort: 8081}")),
        ],
        &expect![[r#"
            1.
            2.
               set + [projectcalico.org/namespace == "red"] {10.0.0.1, 10.0.0.2}
               set + [http of projectcalico.org/namespace == "red"] ports {10.0.0.1 TCP 80, 10.0.0.2 TCP 8080}
               set + [http of projectcalico.org/namespace == "red"] ports here {10.0.0.1 TCP 80}
               policy + NetworkPolicy red/p of 1 in, 1 out
               stack + <in: default(p) Deny; out: default(p) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: default(p) Deny; Allow>
            3.
               set [http of projectcalico.org/namespace == "red"] ports + {10.0.0.2 TCP 8081}
               set [http of projectcalico.org/namespace == "red"] ports - {10.0.0.2 TCP 8080}
        "#]],
    );
}

#[test]
fn a_service_counts_while_it_exists() {
    let service =
        "---\n{apiVersion: v1, kind: Service, metadata: {namespace: red, name: s}, spec: {ports: [{port: 80}]}}\n";
    let slice = |name: &str, addresses: &str| {
        format!(
            "---\n{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{namespace: red, name: {name}, \
             labels: {{kubernetes.io/service-name: s}}}}, addressType: IPv4, endpoints: [{{addresses: [{addresses}]}}], ports: [{{port: 8080}}]}}\n"
        )
    };
    let to = policy("NetworkPolicy", "red/p", "egress: [{action: Allow, destination: {services: {name: s}}}]");
    check(
        &[
            Put(&(namespace("red", "") + &pod("a", "10.0.0.1", "") + &to + &slice("s-1", "10.0.0.7"))),
            Put(service),
            Put(&slice("s-2", "10.0.0.7, 10.0.0.8")),
            Gone(Kind::EndpointSlice, "red", "s-1"),
            Gone(Kind::Service, "red", "s"),
        ],
        &expect![[r#"
            1.
               set + [service red/s] ports {}
               policy + NetworkPolicy red/p of 0 in, 1 out
               stack + <in: ; out: default(p) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: default(p) Deny; Allow>
            2.
               set [service red/s] ports + {10.0.0.7 TCP 8080}
            3.
               set [service red/s] ports + {10.0.0.8 TCP 8080}
            4.
            5.
               set [service red/s] ports - {10.0.0.7 TCP 8080, 10.0.0.8 TCP 8080}
        "#]],
    );
}

#[test]
fn nodes_as_peers_are_their_status_addresses() {
    let node = |name: &str, label: &str, address: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {{{label}}}}}, spec: {{podCIDR: 10.9.0.0/24}}, \
             status: {{addresses: [{{type: InternalIP, address: {address}}}]}}}}\n"
        )
    };
    let to = "---\n{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, spec: {tier: Admin, priority: 1, \
              subject: {namespaces: {}}, egress: [{action: Accept, to: [{nodes: {matchLabels: {role: gate}}}]}]}}\n";
    check(
        &[
            Put(&(namespace("red", "") + &pod("a", "10.0.0.1", "") + to + &node("node-2", "role: gate", "172.16.0.2"))),
            Put(&(node("node-3", "role: gate", "172.16.0.3") + &node("node-2", "", "172.16.0.2"))),
        ],
        &expect![[r#"
            1.
               set + [nodes role == "gate"] {172.16.0.2}
               policy + ClusterNetworkPolicy p of 0 in, 1 out
               stack + <in: ; out: kube-admin(p) Pass; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: kube-admin(p) Pass; Allow>
            2.
               set [nodes role == "gate"] + {172.16.0.3}
               set [nodes role == "gate"] - {172.16.0.2}
        "#]],
    );
}
