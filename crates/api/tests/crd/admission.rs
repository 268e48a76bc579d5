//! The rules of the admission policies, on objects as the API server has them.

use super::reader;
use cel::{Context, Program, objects::Value as Cel};
use margay_api::crd::admission_policies;
use serde_json::{Value, json};

/// The messages of the rules that don't hold.
fn refused(object: &Value, plural: &str) -> Vec<String> {
    let policies = admission_policies();
    let is_about = |policy: &&Value| policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"][0] == plural;
    let policy = policies.iter().find(is_about).expect("a policy");
    let mut messages = Vec::new();
    for validation in policy["spec"]["validations"].as_array().expect("a list") {
        let rule = Program::compile(validation["expression"].as_str().expect("a rule")).expect("it compiles");
        let mut context = Context::default();
        context.add_variable("object", object).expect("JSON is CEL");
        match rule.execute(&context) {
            Ok(Cel::Bool(true)) => {}
            Ok(Cel::Bool(false)) => messages.push(validation["message"].as_str().expect("words").to_owned()),
            other => panic!("{other:?} of {validation}"),
        }
    }
    messages
}

#[test]
fn addresses_with_leading_zeros() {
    let policy = |spec: Value| json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "a"}, "spec": spec});
    let block = |block: Value| {
        policy(json!({"podSelector": {}, "ingress": [{}, {"from": [{"podSelector": {}}, {"ipBlock": block}]}]}))
    };
    let to = |block: Value| policy(json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": block}]}]}));
    for (object, refusals) in [
        (policy(json!({"podSelector": {}})), 0),
        (block(json!({"cidr": "10.0.0.0/8", "except": ["10.100.0.0/16"]})), 0),
        (block(json!({"cidr": "0.0.0.0/0"})), 0),
        (block(json!({"cidr": "010.0.0.0/8"})), 1),
        (block(json!({"cidr": "10.0.0.0/8", "except": ["10.01.0.0/16"]})), 1),
        (to(json!({"cidr": "2001:db8::/32"})), 0),
        (to(json!({"cidr": "192.168.00.0/24"})), 1),
    ] {
        assert_eq!(refused(&object, "networkpolicies").len(), refusals, "{object}");
        assert_eq!(reader(&object).is_empty(), refusals == 0, "{object}");
    }
}

#[test]
fn what_no_data_plane_can_do_of_cluster_network_policies() {
    let policy = |rule: Value| {
        json!({"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "p"},
            "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "egress": [rule]}})
    };
    let named = json!([{"destinationNamedPort": "http"}]);
    let number = json!([{"tcp": {"destinationPort": {"number": 80}}}]);
    for (rule, refusals) in [
        (json!({"action": "Accept", "to": [{"networks": ["10.0.0.0/8"]}], "protocols": number}), 0),
        (json!({"action": "Accept", "to": [{"namespaces": {}}], "protocols": named}), 0),
        (json!({"action": "Accept", "to": [{"networks": ["10.0.0.0/8"]}], "protocols": named}), 1),
        (json!({"action": "Accept", "to": [{"namespaces": {}}, {"nodes": {}}], "protocols": named}), 1),
        (json!({"action": "Accept", "to": [{"domainNames": ["example.com"]}]}), 1),
    ] {
        let object = policy(rule);
        assert_eq!(refused(&object, "clusternetworkpolicies").len(), refusals, "{object}");
        assert_eq!(reader(&object).is_empty(), refusals == 0, "{object}");
    }
}
