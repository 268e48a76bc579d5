use crate::{SHOP, margay};
use expect_test::{Expect, expect};

fn check(arguments: &str, expected: Expect) {
    expected.assert_eq(&margay(&format!("margay explain {arguments} -f -"), SHOP).to_string());
}

#[test]
fn a_default_deny_names_who_isolated_and_the_nearest_fix() {
    check(
        "front/web shop/db-0:5432",
        expect![[r#"
            front/web → shop/db-0  TCP 5432
            10.0.1.10 (pod front/web) → 10.0.2.12 (pod shop/db-0)

            ✗ DENIED at the ingress of shop/db-0
            With the staged policies it is allowed.

            Egress of front/web: allowed, no policy decides; profile kns.front allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.2.12 (pod shop/db-0)
                  ▸ rule 1 pass: matches

            Ingress of shop/db-0: denied, isolated by NetworkPolicy shop/db: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                NetworkPolicy shop/db  <stdin>:69
                    rule 0 allow: no match, source address is 10.0.1.10 (pod front/web)
              Closest: ingress rule 0 of NetworkPolicy shop/db  <stdin>:75
                75 |   - from:
                76 |     - podSelector: {matchLabels: {app: api}}
                77 |     ports:
                78 |     - port: 5432
              would match if the source address were one of: pods with app == "api" in namespace shop
                it is 10.0.1.10 (pod front/web), which has app = "web" and is in namespace front
            [exit code 0]"#]],
    );
}

#[test]
fn two_parts_of_the_closest_rule_do_not_match() {
    check(
        "front/web shop/db-0:80",
        expect![[r#"
            front/web → shop/db-0  TCP 80
            10.0.1.10 (pod front/web) → 10.0.2.12 (pod shop/db-0)

            ✗ DENIED at the ingress of shop/db-0

            Egress of front/web: allowed, no policy decides; profile kns.front allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.2.12 (pod shop/db-0)
                  ▸ rule 1 pass: matches

            Ingress of shop/db-0: denied, isolated by NetworkPolicy shop/db: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                NetworkPolicy shop/db  <stdin>:69
                    rule 0 allow: no match, source address is 10.0.1.10 (pod front/web), destination port is 80
              Closest: ingress rule 0 of NetworkPolicy shop/db  <stdin>:75
                75 |   - from:
                76 |     - podSelector: {matchLabels: {app: api}}
                77 |     ports:
                78 |     - port: 5432
              would match if the source address were one of: pods with app == "api" in namespace shop
                it is 10.0.1.10 (pod front/web), which has app = "web" and is in namespace front
              and if the destination port were 5432
                it is 80
            [exit code 0]"#]],
    );
}

#[test]
fn a_named_port_is_the_destinations() {
    check(
        "front/web shop/api-7d9f8c6b5d-x2x4z:80",
        expect![[r#"
            front/web → shop/api-7d9f8c6b5d-x2x4z  TCP 80
            10.0.1.10 (pod front/web) → 10.0.1.11 (pod shop/api-7d9f8c6b5d-x2x4z)

            ✗ DENIED at the ingress of shop/api-7d9f8c6b5d-x2x4z

            Egress of front/web: allowed, no policy decides; profile kns.front allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.1.11 (pod shop/api-7d9f8c6b5d-x2x4z)
                  ▸ rule 1 pass: matches

            Ingress of shop/api-7d9f8c6b5d-x2x4z: denied, isolated by NetworkPolicy shop/api: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                NetworkPolicy shop/api  <stdin>:80
                    rule 0 allow: no match, destination port is 80
              Closest: ingress rule 0 of NetworkPolicy shop/api  <stdin>:86
                86 |   - from:
                87 |     - namespaceSelector: {matchLabels: {team: web}}
                88 |     ports:
                89 |     - port: http
              would match if the destination port were port http, here TCP 8080
                it is 80
            [exit code 0]"#]],
    );
}

#[test]
fn a_rule_denies() {
    check(
        "shop/db-0 169.254.169.254:80 -p tcp",
        expect![[r#"
            shop/db-0 → 169.254.169.254  TCP 80
            10.0.2.12 (pod shop/db-0) → 169.254.169.254 (outside the cluster)

            ✗ DENIED at the egress of shop/db-0

            Egress of shop/db-0: denied, egress rule 0 of GlobalNetworkPolicy no-metadata-service
              tier security: denies
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                  ▸ rule 0 deny: matches
              Decided by: egress rule 0 of GlobalNetworkPolicy no-metadata-service  <stdin>:104
               104 |   - action: Deny
               105 |     destination: {nets: [169.254.169.254/32]}
            [exit code 0]"#]],
    );
}

#[test]
fn a_rule_allows() {
    check(
        "api-7d9f8c6b5d-x2x4z db-0:5432 -n shop",
        expect![[r#"
            shop/api-7d9f8c6b5d-x2x4z → shop/db-0  TCP 5432
            10.0.1.11 (pod shop/api-7d9f8c6b5d-x2x4z) → 10.0.2.12 (pod shop/db-0)

            ✓ ALLOWED

            Egress of shop/api-7d9f8c6b5d-x2x4z: allowed, no policy decides; profile kns.shop allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.2.12 (pod shop/db-0)
                  ▸ rule 1 pass: matches

            Ingress of shop/db-0: allowed, ingress rule 0 of NetworkPolicy shop/db
              tier default: allows
                NetworkPolicy shop/db  <stdin>:69
                  ▸ rule 0 allow: matches
              Decided by: ingress rule 0 of NetworkPolicy shop/db  <stdin>:75
                75 |   - from:
                76 |     - podSelector: {matchLabels: {app: api}}
                77 |     ports:
                78 |     - port: 5432
            [exit code 0]"#]],
    );
}

#[test]
fn a_service() {
    check(
        "shop/db-0 svc/shop/api:80",
        expect![[r#"
            shop/db-0 → svc/shop/api  TCP 80
            10.0.2.12 (pod shop/db-0) → 10.96.0.1:80 → 10.0.1.11 (pod shop/api-7d9f8c6b5d-x2x4z)
              backend 10.0.1.11:8080: denied
              backend 10.0.2.11:8080: denied

            ✗ DENIED at the ingress of shop/api-7d9f8c6b5d-x2x4z

            Egress of shop/db-0: allowed, no policy decides; profile kns.shop allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.1.11 (pod shop/api-7d9f8c6b5d-x2x4z)
                  ▸ rule 1 pass: matches

            Ingress of shop/api-7d9f8c6b5d-x2x4z: denied, isolated by NetworkPolicy shop/api: no rule of tier default matches, and the tier denies by default
              tier default: no rule matches; denies by default
                NetworkPolicy shop/api  <stdin>:80
                    rule 0 allow: no match, source address is 10.0.2.12 (pod shop/db-0)
              Closest: ingress rule 0 of NetworkPolicy shop/api  <stdin>:86
                86 |   - from:
                87 |     - namespaceSelector: {matchLabels: {team: web}}
                88 |     ports:
                89 |     - port: http
              would match if the source address were one of: pods in namespaces with team == "web"
                it is 10.0.2.12 (pod shop/db-0); namespace shop has team = "store"
            [exit code 0]"#]],
    );
}

#[test]
fn the_own_node() {
    check(
        "node/node-2 shop/db-0",
        expect![[r#"
            node/node-2 → shop/db-0  ICMP type 8 code 0
            192.0.2.2 (node node-2) → 10.0.2.12 (pod shop/db-0)

            ✓ ALLOWED

            Ingress of shop/db-0: allowed, always allowed from its own node node-2
            [exit code 0]"#]],
    );
}

#[test]
fn the_staged_policies() {
    check(
        "front/web shop/db-0:5432 --staged --expect allow",
        expect![[r#"
            front/web → shop/db-0  TCP 5432
            10.0.1.10 (pod front/web) → 10.0.2.12 (pod shop/db-0)

            ✓ ALLOWED with the staged policies
            As enforced now it is denied.

            Egress of front/web: allowed, no policy decides; profile kns.front allows
              tier security: passes on to the next tier
                GlobalNetworkPolicy no-metadata-service  <stdin>:96
                    rule 0 deny: no match, destination address is 10.0.2.12 (pod shop/db-0)
                  ▸ rule 1 pass: matches

            Ingress of shop/db-0: allowed, ingress rule 0 of StagedKubernetesNetworkPolicy shop/db
              tier default: allows
                StagedKubernetesNetworkPolicy shop/db  <stdin>:108
                  ▸ rule 0 allow: matches
              Decided by: ingress rule 0 of StagedKubernetesNetworkPolicy shop/db  <stdin>:115
               115 |   - from:
               116 |     - podSelector: {matchLabels: {app: api}}
               117 |     - namespaceSelector: {matchLabels: {team: web}}
               118 |     ports:
               119 |     - port: 5432
            [exit code 0]"#]],
    );
}

#[test]
fn an_expectation_is_not_met() {
    let run = margay("margay explain front/web shop/db-0:5432 -f - --expect allow", SHOP);
    assert_eq!(run.code, 1);
}

#[test]
fn programs_get_json() {
    check(
        "front/web shop/db-0:5432 -o json",
        expect![[r#"
            {
              "from": {
                "name": "front/web",
                "address": "10.0.1.10",
                "node": "node-1"
              },
              "to": {
                "name": "shop/db-0",
                "address": "10.0.2.12",
                "node": "node-2"
              },
              "protocol": "TCP",
              "port": 5432,
              "sourcePort": 40000,
              "layer": "enforced",
              "verdict": "deny",
              "otherwise": "allow",
              "ends": [
                {
                  "end": "egress",
                  "endpoint": "front/web",
                  "verdict": "allow",
                  "because": "no policy decides; profile kns.front allows",
                  "tiers": [
                    {
                      "tier": "security",
                      "policies": [
                        {
                          "kind": "GlobalNetworkPolicy",
                          "group": "projectcalico.org",
                          "namespace": "",
                          "name": "no-metadata-service",
                          "place": "<stdin>:96",
                          "rules": [
                            {
                              "rule": 0,
                              "action": "deny",
                              "place": "<stdin>:104",
                              "matched": false,
                              "missed": [
                                {
                                  "part": "destination address",
                                  "flow": "10.0.2.12 (pod shop/db-0)",
                                  "rule": "169.254.169.254/32"
                                }
                              ]
                            },
                            {
                              "rule": 1,
                              "action": "pass",
                              "place": "<stdin>:106",
                              "matched": true,
                              "missed": []
                            }
                          ]
                        }
                      ],
                      "outcome": "pass"
                    }
                  ],
                  "isolatedBy": []
                },
                {
                  "end": "ingress",
                  "endpoint": "shop/db-0",
                  "verdict": "deny",
                  "because": "isolated by NetworkPolicy shop/db: no rule of tier default matches, and the tier denies by default",
                  "tiers": [
                    {
                      "tier": "default",
                      "policies": [
                        {
                          "kind": "NetworkPolicy",
                          "group": "networking.k8s.io",
                          "namespace": "shop",
                          "name": "db",
                          "place": "<stdin>:69",
                          "rules": [
                            {
                              "rule": 0,
                              "action": "allow",
                              "place": "<stdin>:75",
                              "matched": false,
                              "missed": [
                                {
                                  "part": "source address",
                                  "flow": "10.0.1.10 (pod front/web)",
                                  "rule": "pods with app == \"api\" in namespace shop",
                                  "since": "has app = \"web\" and is in namespace front"
                                }
                              ]
                            }
                          ]
                        }
                      ],
                      "outcome": "default deny"
                    }
                  ],
                  "isolatedBy": [
                    {
                      "kind": "NetworkPolicy",
                      "group": "networking.k8s.io",
                      "namespace": "shop",
                      "name": "db",
                      "place": "<stdin>:69"
                    }
                  ],
                  "closest": {
                    "kind": "NetworkPolicy",
                    "group": "networking.k8s.io",
                    "namespace": "shop",
                    "name": "db",
                    "place": "<stdin>:69",
                    "rule": 0,
                    "rulePlace": "<stdin>:75",
                    "yaml": "  - from:\n    - podSelector: {matchLabels: {app: api}}\n    ports:\n    - port: 5432",
                    "wouldMatchIf": [
                      {
                        "part": "source address",
                        "flow": "10.0.1.10 (pod front/web)",
                        "rule": "pods with app == \"api\" in namespace shop",
                        "since": "has app = \"web\" and is in namespace front"
                      }
                    ]
                  }
                }
              ],
              "by": [
                {
                  "end": "ingress",
                  "kind": "NetworkPolicy",
                  "group": "networking.k8s.io",
                  "namespace": "shop",
                  "name": "db",
                  "tier": "default",
                  "default": "deny"
                },
                {
                  "end": "egress",
                  "kind": "Profile",
                  "group": "projectcalico.org",
                  "namespace": "",
                  "name": "kns.front",
                  "tier": null,
                  "default": "allow"
                }
              ]
            }
            [exit code 0]"#]],
    );
}

#[test]
fn bad_ends_and_ports() {
    for (arguments, expected) in [
        ("front/web shop/db", "error: there is no pod shop/db; did you mean shop/db-0?"),
        ("front/web shop/db-0:x", "error: \"x\" is no port: write a number from 0 to 65535"),
        ("front/web shop/db-0 -p tcp", "error: \"port\" is missing: TCP needs one"),
        ("front/web fd00::1", "error: front/web has no IPv6 address"),
        ("web shop/db-0", "error: \"web\" names no end of a flow: write namespace/pod, node/NAME or an IP address"),
    ] {
        let run = margay(&format!("margay explain {arguments} -f -"), SHOP);
        assert_eq!((run.err.trim_end(), run.code), (expected, 2), "{arguments}");
    }
}
