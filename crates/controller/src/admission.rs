//! The review of what is written: an `AdmissionReview` of `admission.k8s.io/v1` in, its answer out.

use crate::conditions::said;
use margay_api::document::{Limits, Node, documents};
use margay_api::{Problem, Severity, decode};
use serde_json::{Value, json};
use std::sync::Arc;

/// Problems that are told of one object.
const MOST: usize = 16;
/// Characters of one: clients cut longer warnings.
const LONGEST: usize = 256;

/// Reviews an object that is to be written.
///
/// Errors of our reader refuse it, its warnings are passed on. Errors that the object has already are warnings, too: else nothing about it could be
/// changed, not even its labels. What is deleted, what is not read by Margay and what is written to a subresource is let through.
///
/// # Errors
/// In words, where the text is no `AdmissionReview`: then there is nothing to answer to.
pub fn review(text: &str) -> Result<Value, String> {
    let document = documents(text, &Limits::default()).next();
    let review = document.ok_or("it is empty")?.map_err(|error| error.to_string())?;
    let words = |node: &Node, name: &str| node.get(name).and_then(Node::as_text).unwrap_or_default().to_owned();
    if words(&review, "apiVersion") != "admission.k8s.io/v1" || words(&review, "kind") != "AdmissionReview" {
        return Err("it is no AdmissionReview of admission.k8s.io/v1".into());
    }
    let request = review.get("request").ok_or("it has no request")?;
    let uid = words(request, "uid");
    if uid.is_empty() || uid.len() > 128 {
        return Err("its request has no uid".into());
    }
    let writes = ["CREATE", "UPDATE"].contains(&words(request, "operation").as_str());
    let problems = |name: &str| match request.get(name) {
        Some(object) if writes && words(request, "subResource").is_empty() => {
            decode(object, &Arc::from("")).map(|decoded| decoded.problems).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let before: Vec<String> = errors(&problems("oldObject")).map(said).collect();
    let now = problems("object");
    let (refused, warned): (Vec<&Problem>, Vec<&Problem>) = now
        .iter()
        .filter(|problem| problem.severity != Severity::Note)
        .partition(|problem| problem.severity == Severity::Error && !before.contains(&said(problem)));
    let mut response = json!({"uid": uid, "allowed": refused.is_empty()});
    if !warned.is_empty() {
        response["warnings"] =
            warned.into_iter().take(MOST).map(|problem| Value::from(shortened(said(problem)))).collect();
    }
    if !refused.is_empty() {
        let object = refused[0].object.as_str();
        let texts: Vec<String> = refused.iter().take(MOST).map(|problem| shortened(said(problem))).collect();
        let more = refused.len().saturating_sub(MOST);
        let more = if more == 0 { String::new() } else { format!("\n{more} more") };
        let message = format!("{object}: {}{more}", texts.join("\n"));
        response["status"] = json!({"code": 422, "reason": "Invalid", "message": message});
    }
    Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

fn errors(problems: &[Problem]) -> impl Iterator<Item = &Problem> {
    problems.iter().filter(|problem| problem.severity == Severity::Error)
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
