//! Margay's own kinds.

use super::validator::Validator;
use margay_api::crd::{Group, definitions};
use serde_json::{Value, json};

fn check(kind: &str, mut object: Value, expected: &[&str]) {
    object["apiVersion"] = "margay.io/v1alpha1".into();
    object["kind"] = kind.into();
    object["metadata"] = json!({"name": "x"});
    assert_eq!(Validator::new(&definitions(Group::Margay)).errors(&object), expected, "{object}");
}

#[test]
fn reports_of_nodes() {
    let policy = json!({"group": "projectcalico.org", "kind": "NetworkPolicy", "namespace": "shop", "name": "web", "generation": 3, "state": "Realized", "message": "",
        "unsupported": [{"rule": "ingress[0]", "field": "notPorts", "done": "denies"}]});
    let report = json!({"os": "windows", "version": "0.1.0", "inSync": true, "fromSnapshot": false, "startedAt": "2026-01-01T00:00:00Z", "endpoints": 3, "waiting": 0,
        "failing": [{"object": "Pod shop/web", "error": "HNS is busy", "since": "2026-01-01T00:00:00Z"}], "moreFailing": 0, "policies": [policy], "morePolicies": 0});
    check("NodeReport", json!({"report": report}), &[]);
    check(
        "NodeReport",
        json!({"report": {"os": "plan9", "endpoints": -1}}),
        &[".report.os: unsupported value", ".report.endpoints: too small"],
    );
    let failing = vec![json!({"object": "a", "error": "b"}); 65];
    check("NodeReport", json!({"report": {"failing": failing}}), &[".report.failing: too many"]);
}

#[test]
fn status_of_policies() {
    let condition = json!({"type": "Realized", "status": "False", "observedGeneration": 3, "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "Pending", "message": "1 node waits"});
    let object = json!({"policy": {"group": "", "kind": "NetworkPolicy", "name": "web", "generation": 3}, "status": {"nodes": "linux 3/3, windows 1/2", "conditions": [condition]}});
    for kind in ["PolicyStatus", "ClusterPolicyStatus"] {
        check(kind, object.clone(), &[]);
        check(kind, json!({"policy": {"kind": "Tier"}}), &[".policy: needs \"name\""]);
        check(
            kind,
            json!({"status": {"conditions": [{"type": "Valid"}]}}),
            &[
                ".status.conditions[0]: needs \"status\"",
                ".status.conditions[0]: needs \"lastTransitionTime\"",
                ".status.conditions[0]: needs \"reason\"",
                ".status.conditions[0]: needs \"message\"",
            ],
        );
    }
}
