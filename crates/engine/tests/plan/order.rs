//! Tiers, policies in them, and what is behind the last.

use super::*;
use expect_test::expect;

#[test]
fn a_tier_that_is_not_there_is_the_last_and_denies() {
    let tier = |order: &str| policy("Tier", "mine", order);
    check(
        &[
            Put(&(namespace("red", "") + &pod("a", "10.0.0.1", ""))),
            Put(&policy("GlobalNetworkPolicy", "mine.b", "tier: mine, order: 2, types: [Ingress]")),
            Put(&policy("GlobalNetworkPolicy", "default.c", "types: [Egress, Ingress]")),
            Put(&tier("order: 5, defaultAction: Pass")),
            Put(&policy("GlobalNetworkPolicy", "mine.a", "tier: mine, order: 2, types: [Ingress]")),
            Gone(Kind::Tier, "", "mine"),
        ],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>
            2.
               policy + GlobalNetworkPolicy mine.b of 0 in, 0 out
               stack + <in: mine(mine.b) Deny; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: mine(mine.b) Deny; out: ; Allow>
               stack -
            3.
               policy + GlobalNetworkPolicy default.c of 0 in, 0 out
               stack + <in: default(default.c) Deny, mine(mine.b) Deny; out: default(default.c) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(default.c) Deny, mine(mine.b) Deny; out: default(default.c) Deny; Allow>
               stack -
            4.
               stack + <in: mine(mine.b) Pass, default(default.c) Deny; out: default(default.c) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: mine(mine.b) Pass, default(default.c) Deny; out: default(default.c) Deny; Allow>
               stack -
            5.
               policy + GlobalNetworkPolicy mine.a of 0 in, 0 out
               stack + <in: mine(mine.a mine.b) Pass, default(default.c) Deny; out: default(default.c) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: mine(mine.a mine.b) Pass, default(default.c) Deny; out: default(default.c) Deny; Allow>
               stack -
            6.
               stack + <in: default(default.c) Deny, mine(mine.a mine.b) Deny; out: default(default.c) Deny; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(default.c) Deny, mine(mine.a mine.b) Deny; out: default(default.c) Deny; Allow>
               stack -
        "#]],
    );
}

#[test]
fn policies_stand_by_order_then_name_then_kind_then_namespace() {
    let kubernetes = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: red, name: p}, spec: {podSelector: {}}}\n";
    let all = [
        namespace("red", ""),
        pod("a", "10.0.0.1", ""),
        policy("GlobalNetworkPolicy", "z", "order: -1, types: [Ingress]"),
        policy("GlobalNetworkPolicy", "p", "order: 1000, types: [Ingress]"),
        policy("NetworkPolicy", "red/p", "order: 1000, types: [Ingress]"),
        policy("GlobalNetworkPolicy", "last", "types: [Ingress]"),
        policy("GlobalNetworkPolicy", "a", "order: 1000.5, types: [Ingress]"),
        kubernetes.to_owned(),
    ];
    let mut engine = engine();
    take(&mut engine, &Put(&all.concat()));
    engine.flush();
    let plan = engine.plan();
    let stack = plan.stacks.iter().next().expect("one stack").1;
    let policies = stack.ingress.iter().flat_map(|slice| &slice.policies).map(|id| &plan.policies[*id].key);
    let order: Vec<_> = policies.map(|key| format!("{:?} {}", key.kind, key.name)).collect();
    expect![[r#"
        GlobalNetworkPolicy z
        NetworkPolicy p
        CalicoNetworkPolicy p
        GlobalNetworkPolicy p
        GlobalNetworkPolicy a
        GlobalNetworkPolicy last"#]]
    .assert_eq(&order.join("\n"));
}

#[test]
fn endpoints_of_the_same_policies_share_a_stack() {
    let two = namespace("red", "") + &pod("a", "10.0.0.1", "app: x") + &pod("b", "10.0.0.2", "app: x, other: v");
    check(
        &[
            Put(&two),
            Put(&policy("GlobalNetworkPolicy", "p", "selector: app == 'x', types: [Ingress]")),
            Put(&pod("b", "10.0.0.2", "app: z")),
            Put(&policy("GlobalNetworkPolicy", "p", "selector: has(app), types: [Ingress]")),
        ],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>
               endpoint + Pod red/b [10.0.0.2] <in: ; out: ; Allow>
            2.
               policy + GlobalNetworkPolicy p of 0 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/b [10.0.0.2] <in: default(p) Deny; out: ; Allow>
               stack -
            3.
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/b [10.0.0.2] <in: ; out: ; Allow>
            4.
               endpoint + Pod red/b [10.0.0.2] <in: default(p) Deny; out: ; Allow>
               stack -
        "#]],
    );
}

#[test]
fn a_policy_that_takes_part_nowhere_is_not_in_the_plan() {
    let nothing = "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, \
                   spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}}";
    check(
        &[Put(&(namespace("red", "") + &pod("a", "10.0.0.1", ""))), Put(nothing)],
        &expect![[r#"
        1.
           stack + <in: ; out: ; Allow>
           endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>
        2.
    "#]],
    );
}
