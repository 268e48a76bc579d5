use crate::{SHOP, file, margay};
use expect_test::expect;

const BROKEN: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from:
    - ipBlock: {cidr: 10.0.0.0/33}
    ports:
    - {port: 70000}
---
kind: [
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
status: {podIP: 10.0.0.1}
";

#[test]
fn every_error_is_told() {
    expect![[r#"
        error: spec.ingress[0].from[0].ipBlock.cidr: is no CIDR block: "10.0.0.0/33" has too long a prefix length: the longest of its family is 32
         --> <stdin>:9:23 (NetworkPolicy shop/web)
          |
        9 |     - ipBlock: {cidr: 10.0.0.0/33}
          |                       ^^^^^^^^^^^

        error: spec.ingress[0].ports[0].port: is no port: those are whole numbers from 1 to 65535
          --> <stdin>:11:14 (NetworkPolicy shop/web)
           |
        11 |     - {port: 70000}
           |              ^^^^^

        error: this is no YAML: while parsing a node, did not find expected node content
          --> <stdin>:14:1
           |
        14 | ---
           | ^

        note: not there, and taken as plain ones with the label kubernetes.io/metadata.name alone: shop
          = help: add the objects if they have labels that policies select by

        2 objects (1 NetworkPolicy, 1 Pod): 3 errors, 0 warnings
        [exit code 1]"#]].assert_eq(&margay("margay validate -f -", BROKEN).to_string());
}

#[test]
fn programs_get_json() {
    expect![[r#"
        {
          "objects": 2,
          "kinds": {
            "NetworkPolicy": 1,
            "Pod": 1
          },
          "errors": 3,
          "warnings": 0,
          "problems": [
            {
              "severity": "error",
              "file": "<stdin>",
              "line": 9,
              "column": 23,
              "object": "NetworkPolicy shop/web",
              "path": "spec.ingress[0].from[0].ipBlock.cidr",
              "message": "is no CIDR block: \"10.0.0.0/33\" has too long a prefix length: the longest of its family is 32",
              "help": ""
            },
            {
              "severity": "error",
              "file": "<stdin>",
              "line": 11,
              "column": 14,
              "object": "NetworkPolicy shop/web",
              "path": "spec.ingress[0].ports[0].port",
              "message": "is no port: those are whole numbers from 1 to 65535",
              "help": ""
            },
            {
              "severity": "error",
              "file": "<stdin>",
              "line": 14,
              "column": 1,
              "object": "",
              "path": "",
              "message": "this is no YAML: while parsing a node, did not find expected node content",
              "help": ""
            },
            {
              "severity": "note",
              "file": "",
              "line": 0,
              "column": 0,
              "object": "Namespace",
              "path": "",
              "message": "not there, and taken as plain ones with the label kubernetes.io/metadata.name alone: shop",
              "help": "add the objects if they have labels that policies select by"
            }
          ]
        }
        [exit code 1]"#]].assert_eq(&margay("margay validate -f - -o json", BROKEN).to_string());
}

#[test]
fn one_line_each() {
    expect![[r#"
        <stdin>:9:23: error: NetworkPolicy shop/web: spec.ingress[0].from[0].ipBlock.cidr: is no CIDR block: "10.0.0.0/33" has too long a prefix length: the longest of its family is 32
        <stdin>:11:14: error: NetworkPolicy shop/web: spec.ingress[0].ports[0].port: is no port: those are whole numbers from 1 to 65535
        <stdin>:14:1: error: this is no YAML: while parsing a node, did not find expected node content
        : note: Namespace: not there, and taken as plain ones with the label kubernetes.io/metadata.name alone: shop; add the objects if they have labels that policies select by
        [exit code 1]"#]].assert_eq(&margay("margay validate -f - -o lines", BROKEN).to_string());
}

#[test]
fn nothing_is_wrong() {
    expect![[r#"
        17 objects (1 EndpointSlice, 1 GlobalNetworkPolicy, 2 Namespace, 2 NetworkPolicy, 2 Node, 6 Pod, 1 Service, 1 StagedKubernetesNetworkPolicy, 1 Tier): 0 errors, 0 warnings
        [exit code 0]"#]].assert_eq(&margay("margay validate -f -", SHOP).to_string());
}

#[test]
fn other_commands_go_on_and_say_so() {
    let flows = file(r#"{"from":"203.0.113.9","to":"shop/web","port":80}"#);
    let run = margay(&format!("margay eval -f - --flows {}", flows.path().display()), BROKEN);
    expect![[r#"
        {"from":"203.0.113.9","to":"shop/web","port":80,"verdict":"deny","egress":null,"ingress":"deny","by":[{"end":"ingress","kind":"NetworkPolicy","group":"networking.k8s.io","namespace":"shop","name":"web","tier":"default","default":"deny"}]}
        [standard error]
        3 errors in 1 file: run `margay validate -f -`
        [exit code 0]"#]].assert_eq(&run.to_string());
}
