use crate::{SHOP, margay};
use expect_test::{Expect, expect};

fn check(command: &str, expected: Expect) {
    expected.assert_eq(&margay(&format!("margay {command} -f -"), SHOP).to_string());
}

#[test]
fn what_applies_to_a_pod() {
    check(
        "policies shop/db-0",
        expect![[r#"
        DIRECTION  TIER      POLICY                                   RULES  DEFAULT  PLACE
        egress     security  GlobalNetworkPolicy no-metadata-service  2      deny     <stdin>:96
        ingress    default   NetworkPolicy shop/db                    1      deny     <stdin>:69
        [exit code 0]"#]],
    );
}

#[test]
fn what_applies_to_an_address() {
    check(
        "policies 10.0.1.10 -o json",
        expect![[r#"
        [
          {
            "direction": "egress",
            "tier": "security",
            "default": "deny",
            "kind": "GlobalNetworkPolicy",
            "group": "projectcalico.org",
            "namespace": "",
            "name": "no-metadata-service",
            "rules": 2,
            "place": "<stdin>:96"
          }
        ]
        [exit code 0]"#]],
    );
}

#[test]
fn nothing_applies_to_a_node() {
    check(
        "policies node/node-1",
        expect![[r#"
        [standard error]
        error: node/node-1 is no endpoint: policies apply to pods (but for host-network ones) and host endpoints
        [exit code 2]"#]],
    );
}

#[test]
fn what_a_policy_applies_to() {
    check(
        "selects shop/api",
        expect![[r#"
        NetworkPolicy shop/api  <stdin>:80
        applies to pods with app == "api" in namespace shop

        ENDPOINT                   NODE    ADDRESSES  DIRECTIONS
        shop/api-7d9f8c6b5d-x2x4z  node-1  10.0.1.11  ingress
        shop/api-7d9f8c6b5d-z5z9k  node-2  10.0.2.11  ingress

        DIRECTION  RULE  ACTION  PEERS                                  PODS NOW   PLACE
        ingress    0     allow   pods in namespaces with team == "web"  front/web  <stdin>:86
        [exit code 0]"#]],
    );
}

#[test]
fn what_a_global_policy_applies_to() {
    check(
        "selects gnp/no-metadata-service -o json",
        expect![[r#"
        {
          "kind": "GlobalNetworkPolicy",
          "group": "projectcalico.org",
          "namespace": "",
          "name": "no-metadata-service",
          "place": "<stdin>:96",
          "subject": "all pods and host endpoints",
          "endpoints": [
            {
              "kind": "Pod",
              "endpoint": "front/web",
              "node": "node-1",
              "addresses": [
                "10.0.1.10"
              ],
              "directions": [
                "egress"
              ]
            },
            {
              "kind": "Pod",
              "endpoint": "shop/api-7d9f8c6b5d-x2x4z",
              "node": "node-1",
              "addresses": [
                "10.0.1.11"
              ],
              "directions": [
                "egress"
              ]
            },
            {
              "kind": "Pod",
              "endpoint": "shop/api-7d9f8c6b5d-z5z9k",
              "node": "node-2",
              "addresses": [
                "10.0.2.11"
              ],
              "directions": [
                "egress"
              ]
            },
            {
              "kind": "Pod",
              "endpoint": "shop/db-0",
              "node": "node-2",
              "addresses": [
                "10.0.2.12"
              ],
              "directions": [
                "egress"
              ]
            }
          ],
          "rules": [
            {
              "direction": "egress",
              "rule": 0,
              "action": "deny",
              "place": "<stdin>:104",
              "peers": "169.254.169.254/32",
              "pods": []
            },
            {
              "direction": "egress",
              "rule": 1,
              "action": "pass",
              "place": "<stdin>:106",
              "peers": "anyone",
              "pods": [
                "front/web",
                "shop/api-7d9f8c6b5d-x2x4z",
                "shop/api-7d9f8c6b5d-z5z9k",
                "shop/db-0"
              ]
            }
          ]
        }
        [exit code 0]"#]],
    );
}

#[test]
fn a_name_that_several_policies_have() {
    check(
        "selects shop/db",
        expect![[r#"
        [standard error]
        error: shop/db names several policies: write networkpolicy.networking.k8s.io/shop/db or stagedkubernetesnetworkpolicy/shop/db
        [exit code 2]"#]],
    );
}

#[test]
fn a_policy_that_is_not_there() {
    check(
        "selects shop/meta",
        expect![[r#"
        [standard error]
        error: there is no policy shop/meta; there is globalnetworkpolicy/no-metadata-service
        [exit code 2]"#]],
    );
}

#[test]
fn a_policy_that_applies_to_nothing() {
    let idle = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: idle, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}}
";
    expect![[r#"
        NetworkPolicy shop/idle  <stdin>:2
        applies to nothing: there are none of pods with app == "cart" in namespace shop
        [exit code 1]"#]]
    .assert_eq(&margay("margay selects idle -f -", idle).to_string());
}
