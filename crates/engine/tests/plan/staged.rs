//! Staged policies: beside what is enforced, never in its place.

use super::*;
use expect_test::expect;

const FROM_DB: &str = "ingress: [{action: Allow, source: {selector: app == 'db'}}]";

fn two_pods() -> String {
    namespace("red", "") + &pod("a", "10.0.0.1", "") + &pod_of("red", "db", "node-2", "10.0.0.2", "app: db")
}

#[test]
fn a_staged_policy_takes_the_place_of_its_namesake() {
    let enforced = policy("GlobalNetworkPolicy", "p", "order: 1, types: [Ingress]");
    check(
        &[
            Put(&(two_pods() + &enforced)),
            Put(&policy("StagedGlobalNetworkPolicy", "p", &format!("order: 1, {FROM_DB}"))),
            Put(&policy("StagedGlobalNetworkPolicy", "p", "stagedAction: Delete")),
            Put(&policy("StagedGlobalNetworkPolicy", "p", "stagedAction: Ignore, types: [Ingress]")),
            Gone(Kind::StagedGlobalNetworkPolicy, "", "p"),
        ],
        &expect![[r#"
            1.
               policy + GlobalNetworkPolicy p of 0 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: ; Allow>
            2.
               set + [app == "db"] (staged) {10.0.0.2}
               set + [app == "db"] nets (staged) {}
               policy + StagedGlobalNetworkPolicy p (staged) of 1 in, 0 out
               stack + <in: default(p) Deny; out: ; Allow> (staged)
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: ; Allow>, staged <in: default(p) Deny; out: ; Allow>
            3.
               stack + <in: ; out: ; Allow> (staged)
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: ; Allow>, staged <in: ; out: ; Allow>
               stack -
               policy - StagedGlobalNetworkPolicy p
               set - [app == "db"]
               set - [app == "db"] nets
            4.
               endpoint + Pod red/a [10.0.0.1] <in: default(p) Deny; out: ; Allow>
               stack -
            5.
        "#]],
    );
}

#[test]
fn what_comes_to_be_enforced_is_told_as_new_and_back_as_staged() {
    let enforced = policy("GlobalNetworkPolicy", "e", FROM_DB);
    check(
        &[
            Put(&two_pods()),
            Put(&policy("StagedGlobalNetworkPolicy", "s", FROM_DB)),
            Put(&enforced),
            Gone(Kind::GlobalNetworkPolicy, "", "e"),
        ],
        &expect![[r#"
            1.
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>
            2.
               set + [app == "db"] (staged) {10.0.0.2}
               set + [app == "db"] nets (staged) {}
               policy + StagedGlobalNetworkPolicy s (staged) of 1 in, 0 out
               stack + <in: default(s) Deny; out: ; Allow> (staged)
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>, staged <in: default(s) Deny; out: ; Allow>
            3.
               set + [app == "db"] {10.0.0.2}
               set + [app == "db"] nets {}
               policy + GlobalNetworkPolicy e of 1 in, 0 out
               stack + <in: default(e s) Deny; out: ; Allow> (staged)
               stack + <in: default(e) Deny; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: default(e) Deny; out: ; Allow>, staged <in: default(e s) Deny; out: ; Allow>
               stack -
               stack -
            4.
               stack + <in: default(s) Deny; out: ; Allow> (staged)
               stack + <in: ; out: ; Allow>
               endpoint + Pod red/a [10.0.0.1] <in: ; out: ; Allow>, staged <in: default(s) Deny; out: ; Allow>
               stack -
               stack -
               policy - GlobalNetworkPolicy e
               set [app == "db"] staged
               set [app == "db"] nets staged
        "#]],
    );
}
