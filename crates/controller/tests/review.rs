//! What is written to a cluster, reviewed.

use margay_controller::review;
use proptest::prelude::*;
use serde_json::{Value, json};

const FINE: &str = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}}"#;

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn wrong() -> Value {
    object(&FINE.replace("10.0.0.0/8", "10.0.0.0/33"))
}

fn asked(operation: &str, object: Value, old: Value) -> String {
    let request = json!({"uid": "u-1", "operation": operation, "object": object, "oldObject": old});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string()
}

fn answered(text: &str) -> Value {
    let answer = review(text).expect("an answer");
    assert_eq!((answer["kind"].as_str(), answer["response"]["uid"].as_str()), (Some("AdmissionReview"), Some("u-1")));
    answer["response"].clone()
}

#[test]
fn errors_refuse_and_warnings_are_said() {
    let doubtful = object(&FINE.replace("\"podSelector\"", "\"podSelectr\": 1, \"podSelector\""));
    let foreign = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": 7});
    let labelled = {
        let mut labelled = wrong();
        labelled["metadata"]["labels"] = json!({"a": "b"});
        labelled
    };
    for (what, text, allowed, warnings) in [
        ("fine", asked("CREATE", object(FINE), Value::Null), true, 0),
        ("wrong", asked("CREATE", wrong(), Value::Null), false, 0),
        ("wrong from now on", asked("UPDATE", wrong(), object(FINE)), false, 0),
        ("wrong as it was", asked("UPDATE", labelled, wrong()), true, 1),
        ("mended", asked("UPDATE", object(FINE), wrong()), true, 0),
        ("a field that is not known", asked("CREATE", doubtful, Value::Null), true, 1),
        ("gone", asked("DELETE", Value::Null, wrong()), true, 0),
        ("none of ours", asked("CREATE", foreign, Value::Null), true, 0),
    ] {
        let answer = answered(&text);
        assert_eq!(answer["allowed"], allowed, "{what}: {answer}");
        assert_eq!(answer["warnings"].as_array().map_or(0, Vec::len), warnings, "{what}: {answer}");
        assert_eq!(answer["status"].is_null(), allowed, "{what}: {answer}");
    }
}

#[test]
fn a_refusal_says_where_and_what_to_do() {
    let answer = answered(&asked("CREATE", wrong(), Value::Null));
    let message = answer["status"]["message"].as_str().expect("a message");
    assert!(message.starts_with("NetworkPolicy shop/web: spec.ingress[0].from[0].ipBlock.cidr: "), "{message}");
    assert_eq!(answer["status"]["code"], 422);
}

#[test]
fn a_subresource_is_not_reviewed() {
    let mut text: Value = serde_json::from_str(&asked("UPDATE", wrong(), object(FINE))).expect("JSON");
    text["request"]["subResource"] = json!("status");
    assert_eq!(answered(&text.to_string())["allowed"], true);
}

#[test]
fn an_answer_is_bounded() {
    let many: Vec<Value> =
        (0..1000).map(|n| json!({"ipBlock": {"cidr": format!("{n}{}", "x".repeat(1000))}})).collect();
    let mut wrong = wrong();
    wrong["spec"]["ingress"] = json!([{"from": many}]);
    let answer = answered(&asked("CREATE", wrong, Value::Null)).to_string();
    assert!(answer.len() < 10_000, "{} bytes", answer.len());
}

#[test]
fn what_is_no_review_has_no_answer() {
    for text in [
        "",
        "[]",
        "{",
        "\u{0}",
        r#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "u"}}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {}}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": 7}}"#,
    ] {
        assert!(review(text).is_err(), "{text}");
    }
}

proptest! {
    /// Whatever comes, there is an answer or a refusal of one.
    #[test]
    fn it_never_panics(at in 0_usize..600, with in ".{0,8}", nested in 0_usize..300) {
        let mut text = asked("UPDATE", wrong(), object(FINE));
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.insert_str(at, &with);
        let _ = review(&text);
        let _ = review(&asked("CREATE", json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": deep(nested)}), Value::Null));
    }
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| json!([inner]))
}
