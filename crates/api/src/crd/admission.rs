//! ValidatingAdmissionPolicies: what the reader refuses in the kinds whose schema is not ours.

use super::PART_OF;
use serde_json::{Value, json};

/// A policy and its binding, for each kind where the API server takes what Margay can't enforce as it is written (`admissionregistration.k8s.io/v1`).
pub fn admission_policies() -> Vec<Value> {
    [network_policies(), cluster_network_policies()].concat()
}

/// Kubernetes took addresses with leading zeros for long, which one program reads as octal and another as decimal; the reader takes neither.
fn network_policies() -> Vec<Value> {
    let plain = |block: &str| format!("!{block}.matches('(^|[.])0[0-9]')");
    let check = |rules: &str, peers: &str| {
        let blocks = format!(
            "{} && (!has(p.ipBlock.except) || p.ipBlock.except.all(e, {}))",
            plain("p.ipBlock.cidr"),
            plain("e")
        );
        let expression = format!(
            "!has(object.spec.{rules}) || object.spec.{rules}.all(r, !has(r.{peers}) || r.{peers}.all(p, !has(p.ipBlock) || {blocks}))"
        );
        json!({"expression": expression, "message": format!("spec.{rules}: an address has a number with a leading zero, which is read in more than one way: leave the zero out")})
    };
    policy(
        "networkpolicies",
        "networking.k8s.io",
        "*",
        "networkpolicies",
        &[check("ingress", "from"), check("egress", "to")],
    )
}

/// What the API has room for, and no data plane of Margay can do.
fn cluster_network_policies() -> Vec<Value> {
    let domains = json!({
        "expression": "!has(object.spec.egress) || object.spec.egress.all(r, r.to.all(p, !has(p.domainNames)))",
        "message": "spec.egress: domainNames can't be enforced yet: use networks",
    });
    let names = json!({
        "expression": "!has(object.spec.egress) || object.spec.egress.all(r, !has(r.protocols) || !r.protocols.exists(p, has(p.destinationNamedPort)) || r.to.all(p, !has(p.networks) && !has(p.nodes)))",
        "message": "spec.egress: networks and nodes have no named ports: make a rule of its own for them, with port numbers",
    });
    policy(
        "clusternetworkpolicies",
        "policy.networking.k8s.io",
        "v1alpha2",
        "clusternetworkpolicies",
        &[domains, names],
    )
}

fn policy(name: &str, group: &str, version: &str, resources: &str, validations: &[Value]) -> Vec<Value> {
    let name = format!("margay-{name}");
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": {PART_OF.0: PART_OF.1}},
            "spec": spec,
        })
    };
    let rule = json!({"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE", "UPDATE"], "resources": [resources]});
    vec![
        object(
            "ValidatingAdmissionPolicy",
            // A rule that fails to run stops nobody: what it would have told is told on the policy's status as well.
            json!({"failurePolicy": "Ignore", "matchConstraints": {"resourceRules": [rule]}, "validations": validations}),
        ),
        object("ValidatingAdmissionPolicyBinding", json!({"policyName": name, "validationActions": ["Deny"]})),
    ]
}
