//! Kinds that Margay reads, where an object means something else than to Calico.

use super::{Difference, Effect, Subject};
use margay_api::{CalicoPolicy, CalicoRule, Decoded, Lines, Object, Readable, Severity};

const HTTP: &str = "rules of http let nothing through: policy of the application layer is not enforced, and without it they would let through too much";
const UNTRACKED: &str =
    "untracked policy decides before all others, but forwarded packets that leave a node are tracked nevertheless";

pub(super) fn differences(subject: &Subject<'_>, decoded: &Decoded) -> Vec<Difference> {
    let mut found = Vec::new();
    for problem in &decoded.problems {
        let (effect, text) = match problem.severity {
            Severity::Error => (Effect::Closes, format!("can't be read, so that it fails closed: {}", problem.message)),
            Severity::Warning => (Effect::Differs, problem.message.to_string()),
            Severity::Note => continue,
        };
        found.push(subject.difference(effect, problem.span.start.line, &*problem.path, text));
    }
    match &decoded.object {
        Some(Object::CalicoPolicy(policy)) => of_policy(subject, policy, decoded, &mut found),
        Some(Object::Profile(profile)) if ["kns.", "ksa."].iter().any(|of| profile.meta.key.name.starts_with(of)) => {
            let text = "profiles of namespaces and service accounts are worked out from those";
            found.push(subject.whole(Effect::Idle, text));
        }
        _ => {}
    }
    found
}

fn of_policy(subject: &Subject<'_>, policy: &CalicoPolicy, decoded: &Decoded, found: &mut Vec<Difference>) {
    let mut http = |field: &str, rules: &[Readable<CalicoRule>], lines: &[Lines]| {
        for (index, (rule, lines)) in rules.iter().zip(lines).enumerate() {
            if matches!(rule, Readable::Rule(rule) if rule.http) {
                let path = format!("spec.{field}[{index}].http");
                found.push(subject.difference(Effect::Closes, lines.first, path, HTTP));
            }
        }
    };
    http("ingress", &policy.ingress, &decoded.place.ingress);
    http("egress", &policy.egress, &decoded.place.egress);
    if policy.do_not_track {
        let line = subject.field(&["spec", "doNotTrack"]).map_or(decoded.place.line, |node| node.span.start.line);
        found.push(subject.difference(Effect::Differs, line, "spec.doNotTrack", UNTRACKED));
    }
}
