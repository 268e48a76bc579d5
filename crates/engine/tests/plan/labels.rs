//! What things inherit, and who has an address.

use super::*;
use expect_test::expect;

const FROM_TEAM: &str = "selector: app == 'web', ingress: [{action: Allow, source: {namespaceSelector: team == 'x'}}]";

#[test]
fn a_namespace_label_is_one_change() {
    let web =
        namespace("red", "") + &pod("web", "10.0.0.1", "app: web") + &policy("GlobalNetworkPolicy", "p", FROM_TEAM);
    let blue = pod_of("blue", "a", "node-2", "10.0.0.2", "") + &pod_of("blue", "b", "node-2", "10.0.0.3", "");
    check(
        &[
            Put(&(web + &blue)),
            Put(&namespace("blue", "team: x")),
            Put(&namespace("blue", "team: u")),
            Put(&namespace("blue", "team: x, other: v")),
            Gone(Kind::Namespace, "", "blue"),
        ],
        &expect![[r#"
            1.
               set + [has(projectcalico.org/namespace) && pcns.team == "x"] nets {}
               set + [has(projectcalico.org/namespace) && pcns.team == "x"] {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
            2.
               set [has(projectcalico.org/namespace) && pcns.team == "x"] + {10.0.0.2, 10.0.0.3}
            3.
               set [has(projectcalico.org/namespace) && pcns.team == "x"] - {10.0.0.2, 10.0.0.3}
            4.
               set [has(projectcalico.org/namespace) && pcns.team == "x"] + {10.0.0.2, 10.0.0.3}
            5.
               set [has(projectcalico.org/namespace) && pcns.team == "x"] - {10.0.0.2, 10.0.0.3}
        "#]],
    );
}

#[test]
fn nobody_may_pretend_to_be_of_another_namespace() {
    let web =
        namespace("red", "") + &pod("web", "10.0.0.1", "app: web") + &policy("GlobalNetworkPolicy", "p", FROM_TEAM);
    let liar = pod("liar", "10.0.0.2", "pcns.team: x, projectcalico.org/namespace: blue");
    check(
        &[Put(&(web + &liar + &namespace("blue", "team: x")))],
        &expect![[r#"
        1.
           set + [has(projectcalico.org/namespace) && pcns.team == "x"] nets {}
           set + [has(projectcalico.org/namespace) && pcns.team == "x"] {}
           policy + GlobalNetworkPolicy p of 1 in, 0 out
           stack + <in: ; out: ; Allow>
           stack + <in: default(p) Deny; out: ; Allow>
           endpoint + Pod red/liar [10.0.0.2] <in: ; out: ; Allow>
           endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
    "#]],
    );
}

#[test]
fn a_service_account_may_come_after_its_pods() {
    let from =
        "selector: app == 'web', ingress: [{action: Allow, source: {serviceAccounts: {selector: role == 'db'}}}]";
    let web = namespace("red", "") + &pod("web", "10.0.0.1", "app: web") + &policy("GlobalNetworkPolicy", "p", from);
    let account = |labels: &str| {
        format!(
            "{{apiVersion: v1, kind: ServiceAccount, metadata: {{namespace: red, name: default, labels: {{{labels}}}}}}}"
        )
    };
    check(
        &[
            Put(&(web + &pod_of("blue", "other", "node-2", "10.0.0.2", ""))),
            Put(&account("role: db")),
            Put(&account("role: none")),
            Put(&account("role: db")),
            Gone(Kind::ServiceAccount, "red", "default"),
        ],
        &expect![[r#"
            1.
               set + [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] {}
               set + [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] nets {}
               policy + GlobalNetworkPolicy p of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
            2.
               set [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] + {10.0.0.1}
            3.
               set [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] - {10.0.0.1}
            4.
               set [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] + {10.0.0.1}
            5.
               set [has(projectcalico.org/serviceaccount) && pcsa.role == "db"] - {10.0.0.1}
        "#]],
    );
}

#[test]
fn of_two_pods_with_one_address_the_one_created_later_has_it() {
    let aged = |namespace: &str, name: &str, node: &str, created: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: {namespace}, name: {name}, creationTimestamp: '{created}'}}, \
             spec: {{nodeName: {node}}}, status: {{phase: Running, podIPs: [{{ip: 10.0.0.9}}, {{ip: 10.0.0.{}}}]}}}}\n",
            if node == "node-1" { 1 } else { 2 }
        )
    };
    let from = policy("NetworkPolicy", "red/p", "ingress: [{action: Allow, source: {namespaceSelector: all()}}]");
    check(
        &[
            Put(&(from + &aged("red", "old", "node-1", "2026-01-01T00:00:00Z"))),
            Put(&aged("red", "new", "node-2", "2026-01-02T00:00:00Z")),
            Put(&aged("red", "old", "node-1", "2026-01-03T00:00:00Z")),
            Gone(Kind::Pod, "red", "old"),
        ],
        &expect![[r#"
            1.
               set + [has(projectcalico.org/namespace)] nets {}
               set + [has(projectcalico.org/namespace)] {10.0.0.1, 10.0.0.9}
               policy + NetworkPolicy red/p of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Deny>
               endpoint + Pod red/old [10.0.0.9, 10.0.0.1] <in: default(p) Deny; out: ; Deny>
            2.
               set [has(projectcalico.org/namespace)] + {10.0.0.2}
               endpoint + Pod red/old [10.0.0.1] <in: default(p) Deny; out: ; Deny>
            3.
               endpoint + Pod red/old [10.0.0.9, 10.0.0.1] <in: default(p) Deny; out: ; Deny>
            4.
               endpoint - Pod red/old
               stack -
               policy - NetworkPolicy red/p
               set - [has(projectcalico.org/namespace)] nets
               set - [has(projectcalico.org/namespace)]
        "#]],
    );
}

#[test]
fn a_pod_that_is_over_or_in_its_nodes_network_is_none() {
    let odd = |spec: &str, phase: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: red, name: a}}, spec: {{nodeName: node-1{spec}}}, \
             status: {{phase: {phase}, podIPs: [{{ip: 10.0.0.1}}]}}}}\n"
        )
    };
    check(
        &[
            Put(&odd("", "Running")),
            Put(&odd("", "Succeeded")),
            Put(&odd("", "Pending")),
            Put(&odd(", hostNetwork: true", "Running")),
        ],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Deny>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Deny>
            2.
               endpoint - Pod red/a
               stack -
            3.
               stack + <in: ; out: ; Deny>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Deny>
            4.
               endpoint - Pod red/a
               stack -
        "#]],
    );
}

#[test]
fn a_namespace_label_that_does_not_decide_alone_is_weighed_again() {
    let from = "selector: app == 'web', ingress: [{action: Allow, source: {selector: \
                (pcns.team == 'x' && zone == 'a') || (pcns.team == 'z' && zone == 'b')}}]";
    let web = namespace("red", "") + &pod("web", "10.0.0.1", "app: web") + &policy("GlobalNetworkPolicy", "p", from);
    let blue =
        pod_of("blue", "a", "node-2", "10.0.0.2", "zone: a") + &pod_of("blue", "b", "node-2", "10.0.0.3", "zone: b");
    check(
        &[Put(&(web + &blue + &namespace("blue", "team: x"))), Put(&namespace("blue", "team: z"))],
        &expect![[r#"
        1.
           set + [pcns.team == "x" && zone == "a" || pcns.team == "z" && zone == "b"] nets {}
           set + [pcns.team == "x" && zone == "a" || pcns.team == "z" && zone == "b"] {10.0.0.2}
           policy + GlobalNetworkPolicy p of 1 in, 0 out
           stack + <in: default(p) Deny; out: ; Allow>
           endpoint + Pod red/web [10.0.0.1] <in: default(p) Deny; out: ; Allow>
        2.
           set [pcns.team == "x" && zone == "a" || pcns.team == "z" && zone == "b"] + {10.0.0.3}
           set [pcns.team == "x" && zone == "a" || pcns.team == "z" && zone == "b"] - {10.0.0.2}
    "#]],
    );
}

#[test]
fn a_pod_is_let_through_while_its_namespace_exists() {
    check(
        &[Put(&pod("a", "10.0.0.1", "")), Put(&namespace("red", "")), Gone(Kind::Namespace, "", "red")],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Deny>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Deny>
            2.
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>
               stack -
            3.
               stack + <in: ; out: ; Deny>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Deny>
               stack -
        "#]],
    );
}
